-- Ready tasks that were singled out go in batches of their own; without this index such a batch reads the whole backlog
-- behind them when it does not find enough.
create index tasks_singled_out on tasks (connection_id, access, batch_limit, priority, seq)
    where status = 'ready' and batch_limit is not null;
