-- What linked transactions come to in QuickBooks, as last read for the tie-out.
create table tie_out_figures (
    connection_id uuid not null references connections on delete cascade,
    item_type text not null,
    item_id bigint not null,
    ref_number text,
    job_list_id text,
    -- None: QuickBooks does not have it.
    total numeric(15, 2),
    retainage numeric(15, 2) not null,
    paid numeric(15, 2) not null,
    read_at timestamptz not null,
    primary key (connection_id, item_type, item_id)
);
-- When the last reading for it ended.
alter table connections add column tied_out_at timestamptz;
