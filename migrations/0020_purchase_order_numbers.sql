-- Short numbers of purchase orders whose Procore numbers QuickBooks cannot hold. Each stands once in a connection.
create table purchase_order_numbers (
    connection_id uuid not null references connections on delete cascade,
    -- The number in small letters: QuickBooks takes numbers that differ in case alone for the same.
    number_key text not null,
    number text not null constraint purchase_order_numbers_length check (char_length(number) between 1 and 11),
    -- Procore's number, which was too long.
    of_number text not null,
    item_type text not null,
    item_id bigint not null,
    primary key (connection_id, number_key),
    constraint purchase_order_numbers_item_key unique (connection_id, item_type, item_id)
);
create index links_commitment_number on links (connection_id, lower(origin_code))
    where item_type in ('work_order_contract', 'purchase_order_contract');
