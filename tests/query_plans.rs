//! What the hot queries read, with 100,000 tasks in the queue. The statements are those the program was compiled with,
//! taken from `.sqlx`; each is explained as PostgreSQL plans it for given values, and as it plans it once for all values.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use plumbline::writebacks::store::{due_connection, hold};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row, query::Query};
use support::world::World;
use uuid::Uuid;

const NOWHERE: &str = "http://127.0.0.1:9";
/// No step of a plan may touch more rows than this.
const MOST_ROWS: f64 = 60.0;

/// A statement of the program, by words that only it has.
fn statement(words: &[&str]) -> String {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
    let mut found: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .filter_map(|text| {
            let description: Value = serde_json::from_str(&text).ok()?;
            Some(description["query"].as_str()?.to_owned())
        })
        .filter(|query| words.iter().all(|word| query.contains(word)))
        .collect();
    assert_eq!(found.len(), 1, "one statement with {words:?}: {found:#?}");
    found.remove(0)
}

type Bind = for<'q> fn(
    Query<'q, Postgres, sqlx::postgres::PgArguments>,
    Uuid,
) -> Query<'q, Postgres, sqlx::postgres::PgArguments>;

/// Runs a statement with `explain analyze`, planned for these values and for all values. Each step reads few rows, and
/// tables are never read through.
async fn explained(db: &mut PgConnection, what: &str, sql: &str, connection: Uuid, bind: Bind) {
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let set = format!("set plan_cache_mode = {mode}");
        sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut *db).await.unwrap();
        let explain = format!("explain (analyze, timing off, format json) {sql}");
        let row = bind(sqlx::query(AssertSqlSafe(explain)), connection)
            .fetch_one(&mut *db)
            .await
            .unwrap();
        let plan: Value = row.get(0);
        let (mut scans, mut most) = (Vec::new(), (0.0, String::new()));
        walk(&plan[0]["Plan"], &mut scans, &mut most);
        assert!(
            !scans
                .iter()
                .any(|(kind, table)| kind == "Seq Scan" && (table == "tasks" || table == "exchanges")),
            "{what}, {mode}: reads a table through\n{plan:#}"
        );
        assert!(
            most.0 <= MOST_ROWS,
            "{what}, {mode}: {} reads {} rows\n{plan:#}",
            most.1,
            most.0
        );
        let millis = plan[0]["Execution Time"].as_f64().unwrap();
        println!(
            "{what}, {mode}: at most {} rows in a step, {millis:.2} ms, {scans:?}",
            most.0
        );
    }
}

/// Scans by index or table, and the most rows any step took in.
fn walk(node: &Value, scans: &mut Vec<(String, String)>, most: &mut (f64, String)) {
    let kind = node["Node Type"].as_str().unwrap_or_default();
    if kind.contains("Scan") {
        let over = node["Index Name"].as_str().or(node["Relation Name"].as_str());
        scans.push((kind.to_owned(), over.unwrap_or_default().to_owned()));
    }
    let number = |key: &str| node[key].as_f64().unwrap_or(0.0);
    let loops = number("Actual Loops").max(1.0);
    let rows =
        (number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Index Recheck"))
            * loops;
    if rows > most.0 {
        *most = (rows, kind.to_owned());
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, scans, most);
    }
}

/// Tasks of one connection, in one statement.
async fn fill(world: &World, connection: Uuid, count: i64, status: &str, access: &str) {
    sqlx::query(
        "insert into tasks (id, connection_id, kind, subject, label, state, status, access, priority, created_at, updated_at)
         select gen_random_uuid(), $1, 'vendor_export', 'vendor:' || n, 'Vendor ' || n, '{}', $3, $4, 100, now(), now()
         from generate_series(1, $2) n",
    )
    .bind(connection)
    .bind(count)
    .bind(status)
    .bind(access)
    .execute(world.db())
    .await
    .unwrap();
}

#[tokio::test]
async fn claim_and_idle_poll_read_a_handful_of_rows_with_100_000_tasks_queued() {
    let world = World::new().await;
    let busy = world.connect(NOWHERE, 7).await;
    let idle = world.connect(NOWHERE, 8).await;
    fill(&world, busy.id, 90_000, "ready", "write").await;
    fill(&world, busy.id, 10_000, "ready", "read").await;
    fill(&world, idle.id, 10_000, "done", "write").await;
    sqlx::raw_sql("analyze tasks; analyze connections")
        .execute(world.db())
        .await
        .unwrap();
    let mut db = world.db().acquire().await.unwrap();

    let usual = statement(&["batch_limit, priority, seq from tasks", "candidates"]);
    let singled_out = statement(&[
        "select id, state, doubtful, carried_out from tasks",
        "batch_limit = $3",
        "skip locked",
    ]);
    let answered = statement(&["update exchanges set state = 'answered'", "returned = case"]);
    let poll = statement(&["has_work!"]);
    let of_subject = statement(&["select id, state from tasks", "subject = $2", "skip locked"]);
    for account in [&busy, &idle] {
        explained(&mut db, "the usual batch", &usual, account.id, |query, id| {
            query.bind(id).bind(true).bind(20_i64)
        })
        .await;
        explained(
            &mut db,
            "those singled out",
            &singled_out,
            account.id,
            |query, id| query.bind(id).bind("write").bind(5_i16).bind(5_i64),
        )
        .await;
        explained(&mut db, "an answer", &answered, account.id, |query, id| {
            query
                .bind(Uuid::nil())
                .bind(chrono::Utc::now())
                .bind("<QBXML/>")
                .bind(0_i32)
                .bind("13.0")
                .bind("right")
                .bind(0_i32)
                .bind(None::<String>)
                .bind(Uuid::nil())
                .bind(id)
                .bind(true)
                .bind(100_i32)
        })
        .await;
        explained(&mut db, "one subject", &of_subject, account.id, |query, id| {
            query.bind(id).bind("reconcile")
        })
        .await;
        let user = account.user.clone();
        let poll = poll.replace(
            "c.qbwc_username = $1",
            &format!("c.qbwc_username = '{user}' and $1::uuid is not null"),
        );
        explained(&mut db, "the idle poll", &poll, account.id, |query, id| {
            query.bind(id)
        })
        .await;
    }
    let claimed = plumbline::tasks::queue::claim(&mut db, busy.id, 20, true)
        .await
        .unwrap();
    assert_eq!(claimed.len(), 20);
    drop(db);
    world.end().await;
}

#[tokio::test]
async fn a_backlog_that_waits_for_procore_costs_a_handful_of_rows_a_look() {
    let world = World::new().await;
    let waiting = world.connect(NOWHERE, 7).await.id;
    let owing = world.connect(NOWHERE, 8).await.id;
    let fill = format!(
        "insert into erp_requests (connection_id, erp_request_id, status, found_by, not_before, created_at)
         select '{waiting}', n, 'new', 'poll', now() + case when n = 1 then interval '1 hour' else interval '0' end, now()
         from generate_series(1, 50000) n;
         insert into erp_requests (connection_id, erp_request_id, status, found_by, not_before, created_at)
         select '{owing}', n, 'new', 'poll', now() - interval '1 minute', now() from generate_series(1, 50000) n;
         insert into writebacks (connection_id, lane, call, status, not_before, created_at)
         select '{waiting}', 'vendor:' || n, '{{}}', 'pending', now() + interval '1 hour', now() from generate_series(1, 50000) n;
         insert into writebacks (connection_id, lane, call, status, not_before, created_at)
         select '{owing}', 'vendor:' || n, '{{}}', 'pending', now() - interval '1 minute', now()
         from generate_series(1, 50000) n;
         analyze erp_requests; analyze writebacks"
    );
    sqlx::raw_sql(AssertSqlSafe(fill))
        .execute(world.db())
        .await
        .unwrap();
    let mut db = world.db().acquire().await.unwrap();
    let next_order = statement(&["with recursive waiting", "update erp_requests"]);
    explained(&mut db, "the next order", &next_order, owing, |query, _| {
        let now = chrono::Utc::now();
        query.bind(now).bind(now)
    })
    .await;
    let next_owing = statement(&["with recursive owing"]);
    explained(&mut db, "who owes something", &next_owing, owing, |query, _| {
        query.bind(chrono::Utc::now()).bind(Vec::<Uuid>::new())
    })
    .await;
    let now = chrono::Utc::now();
    let due = async || due_connection(world.db(), now, &[]).await.unwrap();
    assert_eq!(due().await, Some(owing));
    let minute = chrono::TimeDelta::minutes(1);
    hold(world.db(), owing, Some(now + minute)).await.unwrap();
    assert_eq!(due().await, None, "Procore is away for it");
    hold(world.db(), owing, None).await.unwrap();
    assert_eq!(due().await, Some(owing));
    drop(db);
    world.end().await;
}

#[tokio::test]
async fn plans_made_while_a_table_is_empty_still_find_their_rows_when_it_is_full() {
    let world = World::new().await;
    let account = world.connect(NOWHERE, 9).await;
    let mut db = world.db().acquire().await.unwrap();
    let id = account.id;
    let nobody = Uuid::nil();
    let queries = [
        (
            "facts",
            "uuid, text[], text[], text[], text[], bigint[], text[], text[]",
            statement(&["holder", "by_name.*", "by_record.*"]),
            format!(
                "'{id}', '{{v 4711}}', '{{v 4711}}', '{{L-4712}}', '{{vendor}}', '{{4711}}', '{{L-4712}}', '{{v 4711}}'"
            ),
        ),
        (
            "newest",
            "uuid, bigint",
            statement(&["newest.linked_at", "full_name"]),
            format!("'{id}', 5"),
        ),
        (
            "page",
            "uuid, text, bigint, bigint",
            statement(&["l.item_id > $3", "read_as"]),
            format!("'{id}', 'vendor', 2500, 10"),
        ),
        (
            "refusals",
            "uuid[]",
            statement(&["status = 'refused' order by id"]),
            format!("'{{{nobody}}}'"),
        ),
    ];
    for (name, types, sql, values) in &queries {
        let prepare = format!("prepare {name}({types}) as {sql}");
        sqlx::raw_sql(AssertSqlSafe(prepare))
            .execute(&mut *db)
            .await
            .unwrap();
        let first = format!("execute {name}({values})");
        sqlx::raw_sql(AssertSqlSafe(first))
            .execute(&mut *db)
            .await
            .unwrap();
    }
    // In one statement, so that nobody takes statistics meanwhile.
    let fill = format!(
        "with vendors as (
             insert into mirror_records (connection_id, kind, list_id, name, full_name, name_key, is_active, data, seen_at)
             select '{id}', kind, 'L-' || n, 'V ' || n, 'V ' || n, 'v ' || n, true, '{{}}', now()
             from generate_series(1, 5000) n, unnest('{{vendor, item, class}}'::text[]) kind
         ), linked as (
             insert into links (connection_id, item_type, item_id, origin_id, quickbooks_id, linked_at)
             select '{id}', 'vendor', n, 'L-' || n, 'L-' || n, now() from generate_series(1, 5000) n
         )
         insert into writebacks (connection_id, task_id, lane, call, status, not_before, created_at, finished_at)
         select '{id}', gen_random_uuid(), 'vendor:' || n, '{{}}', 'done', now(), now(), now() from generate_series(1, 5000) n"
    );
    sqlx::raw_sql(AssertSqlSafe(fill))
        .execute(&mut *db)
        .await
        .unwrap();
    for (name, _, _, values) in &queries {
        let explain = format!("explain (analyze, timing off, format json) execute {name}({values})");
        let row = sqlx::query(AssertSqlSafe(explain))
            .fetch_one(&mut *db)
            .await
            .unwrap();
        let plan: Value = row.get(0);
        let (mut scans, mut most) = (Vec::new(), (0.0, String::new()));
        walk(&plan[0]["Plan"], &mut scans, &mut most);
        assert!(
            most.0 <= MOST_ROWS,
            "{name}: {} reads {} rows\n{plan:#}",
            most.1,
            most.0
        );
    }
    drop(db);
    world.end().await;
}
