-- When something was last read by schedule. Payments have a column of their own.
create table schedule_runs (
    connection_id uuid not null references connections on delete cascade,
    what text not null,
    run_at timestamptz not null,
    primary key (connection_id, what)
);
