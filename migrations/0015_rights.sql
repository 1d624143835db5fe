-- What the QuickBooks user of the Web Connector may not read, and when QuickBooks last answered that.
alter table connections add column rights jsonb;
alter table connections add column rights_run_at timestamptz;
alter table connections add constraint connections_rights_answered check ((rights is null) = (rights_run_at is null));
