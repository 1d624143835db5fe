-- Tries of an order that failed for a reason of its own. Those of an outage say nothing about the order.
alter table erp_requests add column own_failures integer not null default 0;

-- While nothing of a connection gets through to Procore, its writebacks wait together.
create table writeback_holds (
    connection_id uuid primary key references connections on delete cascade,
    held_until timestamptz not null
);
-- Whether a connection owes something now, however much it owes later.
create index writebacks_waiting on writebacks (connection_id, not_before) where status = 'pending';
