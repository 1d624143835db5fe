-- What the hot path of the queue was missing.
--
-- Plans are made once for each connection to the database, often while a table is new and has no statistics. So no
-- statement may have a choice between an index that finds its rows and one that reads a whole connection's.

-- Ready tasks that were singled out go in batches of their own; without this such a batch reads the backlog behind them.
create index tasks_singled_out on tasks (connection_id, access, batch_limit, priority, seq)
    where status = 'ready' and batch_limit is not null;

-- The key begins with the record, so that names are looked up by the index of names.
alter table mirror_records drop constraint mirror_records_pkey;
drop index mirror_records_name;
create index mirror_records_name on mirror_records (connection_id, kind, name_key text_pattern_ops);
alter table mirror_records add constraint mirror_records_pkey primary key (list_id, connection_id, kind);

-- What Procore refused of a task, without reading all writebacks in order.
create index writebacks_refused on writebacks (task_id, id) where status = 'refused';

-- Whether other tasks wait for this one: most end without anybody to free.
alter table tasks add column needed boolean not null default false;
update tasks set needed = true where id in (select needs_task_id from task_dependencies);
