-- A switch that makes every write fail as it does on a full disk.
create table fault_disk_full (full_ boolean);
create function fault_disk_is_full() returns trigger language plpgsql as $$
begin
    if exists (select from fault_disk_full) then
        raise exception 'could not extend file "base/16384/16385": No space left on device' using errcode = '53100';
    end if;
    return null;
end $$;
do $$
declare name text;
begin
    for name in select table_name from information_schema.tables
        where table_schema = 'public' and table_type = 'BASE TABLE' and table_name not in ('fault_disk_full', '_sqlx_migrations')
    loop
        execute format('create trigger fault_disk_is_full before insert or update on %I for each statement execute function fault_disk_is_full()', name);
    end loop;
end $$;
