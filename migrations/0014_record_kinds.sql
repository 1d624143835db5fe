-- What a link's record is in QuickBooks, where the Procore record does not say: a subcontractor invoice is a bill or a vendor
-- credit. The names are those of `RecordKind`.
alter table links add column stands_as text constraint links_stands_as
    check (stands_as in ('vendor', 'customer', 'item', 'purchase_order', 'bill', 'vendor_credit', 'invoice'));
-- Sub jobs are list records like the others: the newest of them are looked for before the first write of an update session.
-- The older index stays for the version before.
create index links_newest_list_records_and_sub_jobs on links (connection_id, linked_at desc, item_id desc)
    where gone_at is null and item_type in ('vendor', 'project', 'sub_job', 'standard_cost_code');
