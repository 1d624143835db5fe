-- A payment that Procore refused is told again when payments are read the next time.
alter table payments add column told boolean not null default true;
