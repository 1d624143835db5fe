-- What a link's record is in QuickBooks, where the Procore record does not say: a subcontractor invoice is a bill or a vendor
-- credit.
alter table links add column stands_as text;

-- What the QuickBooks user of the Web Connector may not read, and when that was last asked.
alter table connections add column rights jsonb;
alter table connections add column rights_run_at timestamptz;
