-- After a restore of an older state, what was done since stands in QuickBooks and Procore, and not here.

-- When this connection was last brought back from a backup.
alter table connections add column restored_at timestamptz;

-- It may have been carried out since the backup was taken: before it writes, QuickBooks is asked for it.
alter table tasks add column doubtful boolean not null default false;

-- Procore was answered that it was carried out, after the backup was taken: it is looked for, and never written.
alter table tasks add column carried_out boolean not null default false;
