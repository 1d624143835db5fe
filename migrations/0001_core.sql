-- The core: connections, update sessions, the task queue, exchanges, links, mirror, payments, inbox and outbox.
-- Rules are checked here as well as in Rust. Named constraints are part of the contract.

create table connections (
    id uuid primary key,
    name text not null constraint connections_name_length check (char_length(name) between 1 and 120),
    created_at timestamptz not null,
    paused_at timestamptz,
    -- QuickBooks' side
    qbwc_username text not null constraint connections_qbwc_username_key unique,
    qbwc_password_hash text not null,
    owner_id uuid not null,
    file_id uuid not null constraint connections_file_id_key unique,
    expected_company_name text,
    expected_company_file text,
    expected_country text,
    company_file jsonb not null default '{}',
    guard_problem text,
    mirror_ready boolean not null default false,
    payments_watermark text,
    payments_run_at timestamptz,
    -- Procore's side
    procore_login_url text not null,
    procore_api_url text not null,
    procore_company_id bigint not null,
    procore_client_id text not null,
    procore_client_secret bytea not null,
    standard_cost_code_list_id bigint,
    webhook_token_sha256 bytea not null constraint connections_webhook_token_length check (octet_length(webhook_token_sha256) = 32),
    -- When lost webhooks were last looked for, and up to when the look was complete.
    erp_requests_polled_at timestamptz,
    erp_requests_seen_until timestamptz,
    -- The lists or settings that the metadata document offers have changed since it was sent.
    metadata_stale_at timestamptz,
    settings jsonb not null,
    -- Contact
    last_contact_at timestamptz,
    last_contact_state text,
    constraint connections_procore_company_key unique (procore_api_url, procore_company_id)
);

create table update_sessions (
    id uuid primary key,
    connection_id uuid not null references connections on delete cascade,
    ticket_sha256 bytea not null constraint update_sessions_ticket_key unique,
    started_at timestamptz not null,
    last_call_at timestamptz not null,
    ended_at timestamptz,
    end_reason text,
    client_version text,
    qbxml_version text not null default '13.0',
    -- unknown until the company file has shown its FileID; nothing but that question is handed out before.
    company_file text not null default 'unknown' constraint update_sessions_company_file check (company_file in ('unknown', 'right', 'wrong')),
    work_expected integer not null default 0,
    work_done integer not null default 0,
    last_error text
);
-- One live session per connection (DESIGN, invariant 4).
create unique index update_sessions_live_key on update_sessions (connection_id) where ended_at is null;
create index update_sessions_ended on update_sessions (ended_at);
create index update_sessions_recent on update_sessions (connection_id, started_at desc);

create table tasks (
    id uuid primary key,
    seq bigint generated always as identity,
    connection_id uuid not null references connections on delete cascade,
    kind text not null,
    subject text not null,
    label text not null,
    state jsonb not null,
    status text not null constraint tasks_status check (status in ('waiting', 'ready', 'later', 'asked', 'done', 'failed', 'cancelled')),
    access text not null constraint tasks_access check (access in ('read', 'write')),
    priority smallint not null default 100,
    blockers integer not null default 0 constraint tasks_blockers check (blockers >= 0),
    -- Set when a message set with this task was malformed (0x80040400): halved until the guilty one is alone.
    batch_limit integer constraint tasks_batch_limit check (batch_limit >= 1),
    attempts integer not null default 0,
    reason text,
    failure_code text,
    status_code integer,
    messages jsonb not null default '[]',
    detail jsonb,
    erp_request_id bigint,
    exchange_id uuid,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    finished_at timestamptz
);
-- The claim: the oldest ready tasks of one connection and one access.
create index tasks_claim on tasks (connection_id, access, priority, seq) where status = 'ready';
create index tasks_later on tasks (connection_id) where status = 'later';
create index tasks_unfinished_subject on tasks (connection_id, subject, seq) where status in ('waiting', 'ready', 'later', 'asked');
create index tasks_subject on tasks (connection_id, subject);
create index tasks_recent on tasks (connection_id, seq desc);
create index tasks_failed_subject on tasks (connection_id, subject) where status = 'failed';
create index tasks_failed on tasks (failure_code) where status = 'failed';
create unique index tasks_erp_request_subject_key on tasks (connection_id, erp_request_id, subject) where erp_request_id is not null;

create table task_dependencies (
    task_id uuid not null references tasks on delete cascade,
    needs_task_id uuid not null references tasks on delete cascade,
    -- order: released however the other ends; success: released only when it succeeds.
    kind text not null constraint task_dependencies_kind check (kind in ('order', 'success')),
    primary key (task_id, needs_task_id)
);
create index task_dependencies_needs on task_dependencies (needs_task_id);

create table exchanges (
    id uuid primary key,
    connection_id uuid not null references connections on delete cascade,
    session_id uuid not null references update_sessions on delete cascade,
    purpose text not null constraint exchanges_purpose check (purpose in ('work', 'identity', 'idle')),
    access text not null constraint exchanges_access check (access in ('read', 'write')),
    message_set_id text constraint exchanges_message_set_id_key unique
        constraint exchanges_message_set_id_length check (char_length(message_set_id) between 1 and 23),
    request_xml text not null,
    task_ids uuid[] not null,
    request_counts integer[] not null,
    state text not null constraint exchanges_state check (state in ('handed_out', 'in_doubt', 'answered', 'abandoned')),
    handed_out_at timestamptz not null,
    times_handed_out integer not null default 1,
    response_xml text,
    hresult text,
    hresult_message text,
    answered_at timestamptz,
    returned integer,
    constraint exchanges_write_has_message_set_id check (access = 'read' or message_set_id is not null)
);
-- At most one open exchange with work per connection.
create unique index exchanges_open_key on exchanges (connection_id) where purpose = 'work' and state in ('handed_out', 'in_doubt');
create index exchanges_open on exchanges (connection_id) where state in ('handed_out', 'in_doubt');
create index exchanges_session on exchanges (session_id, handed_out_at desc);
create index exchanges_answered_at on exchanges (answered_at) where state <> 'handed_out';
create index exchanges_last_write on exchanges (connection_id, answered_at desc) where access = 'write' and state = 'answered';

create table links (
    connection_id uuid not null references connections on delete cascade,
    item_type text not null,
    item_id bigint not null,
    origin_id text not null,
    origin_code text,
    quickbooks_id text not null,
    edit_sequence text,
    linked_at timestamptz not null,
    primary key (connection_id, item_type, item_id)
);
create index links_quickbooks_id on links (connection_id, quickbooks_id);

-- Whether a task's subject ('vendor:35') has a link; both kinds of commitment share one word.
create function is_linked(of_connection uuid, of_subject text) returns boolean language sql stable as $$
    select of_subject ~ '^[a-z_]+:[0-9]{1,18}$' and exists (
        select from links l
        where l.connection_id = of_connection
            and l.item_id = case when of_subject ~ '^[a-z_]+:[0-9]{1,18}$' then split_part(of_subject, ':', 2)::bigint end
            and (l.item_type = split_part(of_subject, ':', 1)
                or (split_part(of_subject, ':', 1) = 'commitment'
                    and l.item_type in ('work_order_contract', 'purchase_order_contract'))))
$$;

create table mirror_records (
    connection_id uuid not null references connections on delete cascade,
    kind text not null,
    list_id text not null,
    name text not null,
    full_name text not null,
    name_key text not null,
    parent_list_id text,
    is_active boolean not null,
    edit_sequence text,
    detail text,
    external_guid text,
    data jsonb not null,
    seen_at timestamptz not null,
    primary key (connection_id, kind, list_id)
);
-- By name, and by how a name begins.
create index mirror_records_name on mirror_records (connection_id, kind, name_key text_pattern_ops);

create table mirror_lists (
    connection_id uuid not null references connections on delete cascade,
    kind text not null,
    read_at timestamptz not null,
    watermark text,
    primary key (connection_id, kind)
);

create table payments (
    connection_id uuid not null references connections on delete cascade,
    payment_txn_id text not null,
    bill_txn_id text not null,
    requisition_id bigint not null,
    method text not null,
    paid_on date not null,
    amount numeric(15, 2) not null,
    ref_number text,
    memo text,
    state text not null constraint payments_state check (state in ('paid', 'void', 'deleted')),
    updated_at timestamptz not null,
    primary key (connection_id, payment_txn_id, bill_txn_id)
);

create table webhook_inbox (
    id uuid primary key,
    connection_id uuid not null references connections on delete cascade,
    dedupe_key text not null,
    received_at timestamptz not null,
    resource_name text not null,
    resource_id bigint not null,
    payload jsonb not null,
    constraint webhook_inbox_dedupe_key unique (connection_id, dedupe_key)
);

create index webhook_inbox_received on webhook_inbox (received_at);

create table erp_requests (
    connection_id uuid not null references connections on delete cascade,
    erp_request_id bigint not null,
    seq bigint generated always as identity,
    status text not null constraint erp_requests_status check (status in ('new', 'planned', 'failed')),
    found_by text not null constraint erp_requests_found_by check (found_by in ('webhook', 'poll')),
    request_name text,
    request_data jsonb,
    problem text,
    attempts integer not null default 0,
    not_before timestamptz not null,
    leased_until timestamptz,
    created_at timestamptz not null,
    planned_at timestamptz,
    primary key (connection_id, erp_request_id)
);
create index erp_requests_due on erp_requests (not_before) where status = 'new';

create table writebacks (
    id bigint generated always as identity primary key,
    connection_id uuid not null references connections on delete cascade,
    task_id uuid,
    -- Writebacks of one lane are carried out in order.
    lane text not null,
    call jsonb not null,
    status text not null constraint writebacks_status check (status in ('pending', 'done', 'refused')),
    attempts integer not null default 0,
    not_before timestamptz not null,
    leased_until timestamptz,
    problem text,
    created_at timestamptz not null,
    finished_at timestamptz
);
create index writebacks_due on writebacks (connection_id, id) where status = 'pending';
create index writebacks_not_before on writebacks (not_before) where status = 'pending';
create index writebacks_lane on writebacks (connection_id, lane, id) where status = 'pending';
create index writebacks_finished on writebacks (finished_at) where status = 'done';
create index writebacks_task on writebacks (task_id);
create index writebacks_open on writebacks (status) where status <> 'done';
create index tasks_unfinished on tasks (status) where status in ('waiting', 'ready', 'later', 'asked');
create index erp_requests_order on erp_requests (connection_id, erp_request_id) where status = 'new';
create index exchanges_in_doubt on exchanges (connection_id) where state = 'in_doubt';
