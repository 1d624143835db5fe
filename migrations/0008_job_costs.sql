-- Job costs as they stand in QuickBooks: lines of transactions that are for a job or an item. Nothing of it is ever written
-- to QuickBooks.
create table job_cost_lines (
    connection_id uuid not null references connections on delete cascade,
    txn_id text not null,
    line integer not null,
    txn_type text not null,
    txn_date date not null,
    vendor text,
    ref_number text,
    memo text,
    job_list_id text,
    job_name text,
    item_list_id text,
    item_name text,
    account_list_id text,
    account_name text,
    -- Credits are negative.
    amount numeric(15, 2) not null,
    -- A reading of everything has begun and has not come to it yet.
    stale boolean not null default false,
    primary key (connection_id, txn_id, line)
);
create index job_cost_lines_job on job_cost_lines (connection_id, job_list_id);
create index job_cost_lines_item on job_cost_lines (connection_id, item_list_id);

-- The last time the costs of a job were compared with QuickBooks' own report.
create table job_cost_checks (
    connection_id uuid not null references connections on delete cascade,
    job_list_id text not null,
    checked_at timestamptz not null,
    -- What differs, in words.
    difference text,
    primary key (connection_id, job_list_id)
);
-- What Procore was told of a job and item then.
create table job_cost_totals (
    connection_id uuid not null references connections on delete cascade,
    job_list_id text not null,
    item_list_id text not null,
    item_name text not null,
    cost numeric(15, 2) not null,
    invoiced numeric(15, 2) not null,
    synced boolean not null,
    primary key (connection_id, job_list_id, item_list_id)
);

-- The latest change seen in cost transactions: local time without offset.
alter table connections add column job_costs_watermark text;
