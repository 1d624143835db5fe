-- Who changed which settings when, from what to what. Never changed, never deleted before its connection is.
create table setting_changes (
    connection_id uuid not null references connections on delete cascade,
    -- Counts from 1 for each connection.
    number integer not null,
    changed_at timestamptz not null,
    changed_by text not null,
    -- {"name": {"old": …, "new": …}}
    changes jsonb not null,
    -- The change that this one took back.
    undoes integer,
    primary key (connection_id, number)
);
