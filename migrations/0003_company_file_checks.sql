-- The company file itself: moved, renamed, copied, restored from an older backup, upgraded.

-- Why writing is paused, where a comparison paused it and not a person.
alter table connections add column paused_reason text;

-- The QuickBooks record is known to be gone: deleted there by a person, or a person went on without it.
alter table links add column gone_at timestamptz;
-- The newest links are looked for in QuickBooks before the first write of an update session.
create index links_newest_transactions on links (connection_id, linked_at desc, item_id desc)
    where gone_at is null and item_type in ('work_order_contract', 'purchase_order_contract', 'requisition');
create index links_newest_list_records on links (connection_id, linked_at desc, item_id desc)
    where gone_at is null and item_type in ('vendor', 'project', 'standard_cost_code');

-- right: its name, path, year and FileID are the connection's. trusted: our newest records are in it too, so writes may go
-- out. suspect: our FileID, but it is not as it was; only a comparison is handed out.
alter table update_sessions drop constraint update_sessions_company_file;
alter table update_sessions add constraint update_sessions_company_file
    check (company_file in ('unknown', 'right', 'trusted', 'suspect', 'wrong'));
-- The records that were looked for, and how far that is.
alter table update_sessions add column probe jsonb;

-- probe: are our newest records there? compare: the reads of a comparison, while nothing else is handed out.
alter table exchanges drop constraint exchanges_purpose;
alter table exchanges add constraint exchanges_purpose check (purpose in ('work', 'identity', 'idle', 'probe', 'compare'));

-- The last comparison of each connection's links with QuickBooks.
create table comparisons (
    connection_id uuid primary key references connections on delete cascade,
    task_id uuid not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    compared integer not null
);
create table comparison_findings (
    connection_id uuid not null references connections on delete cascade,
    item_type text not null,
    item_id bigint not null,
    what text not null constraint comparison_findings_what
        check (what in ('missing', 'deleted', 'changed', 'doubled', 'not_compared')),
    quickbooks_id text not null,
    record text not null,
    words text not null,
    forgotten_at timestamptz,
    primary key (connection_id, item_type, item_id, what)
);
