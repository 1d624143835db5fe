-- Before a write in doubt is sent again, QuickBooks is asked whether it holds what the write would make a second time.

alter table exchanges drop constraint exchanges_purpose;
alter table exchanges add constraint exchanges_purpose
    check (purpose in ('work', 'identity', 'idle', 'probe', 'compare', 'look'));

-- Set when QuickBooks was looked into since the exchange came in doubt, and holds none of it.
alter table exchanges add column looked boolean not null default false;
