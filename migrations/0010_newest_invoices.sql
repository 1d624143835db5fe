-- Invoices to owners are transactions like the others: the newest of them are looked for before the first write of an update
-- session. The older index stays for the version before.
create index links_newest_transactions_and_invoices on links (connection_id, linked_at desc, item_id desc)
    where gone_at is null
        and item_type in ('work_order_contract', 'purchase_order_contract', 'requisition', 'payment_application');
