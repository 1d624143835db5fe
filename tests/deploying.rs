//! Replacing a running version by a newer one: migrations, several processes starting at once, and a schema that is newer
//! than the program.

#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{borrow::Cow, path::Path};

use plumbline::database::{self, MIGRATOR};
use sqlx::{PgPool, migrate::Migrator};
use support::{database::TestDatabase, world::eventually};

/// A database without anything in it.
async fn empty() -> TestDatabase {
    let database = TestDatabase::new().await;
    sqlx::raw_sql("drop schema public cascade; create schema public")
        .execute(&database.pool)
        .await
        .unwrap();
    database
}

/// The schema as a version with the first `many` migrations left it.
async fn migrated_to(pool: &PgPool, many: usize) {
    let earlier = Migrator {
        migrations: Cow::Owned(MIGRATOR.iter().take(many).cloned().collect()),
        ..Migrator::DEFAULT
    };
    earlier.run(pool).await.unwrap();
}

async fn applied(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from _sqlx_migrations where success")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn of_several_that_start_at_once_one_migrates() {
    let database = empty().await;
    let (one, two, three) = tokio::join!(
        database::migrate(&database.pool),
        database::migrate(&database.pool),
        database::migrate(&database.pool),
    );
    one.unwrap();
    two.unwrap();
    three.unwrap();
    assert_eq!(
        applied(&database.pool).await,
        i64::try_from(MIGRATOR.iter().count()).unwrap()
    );
    database.close().await;
}

#[tokio::test]
async fn a_program_older_than_the_schema_starts() {
    let database = TestDatabase::new().await;
    sqlx::raw_sql(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (99990101, 'of a later version', true, '\\x00', 1)",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    database::migrate(&database.pool).await.unwrap();
    database.close().await;
}

#[tokio::test]
async fn a_migration_gives_way_to_who_waits_behind_it_and_comes_again() {
    let database = empty().await;
    migrated_to(&database.pool, 2).await;
    // Somebody reads every table the migrations change, and takes his time.
    let mut reader = database.pool.begin().await.unwrap();
    sqlx::raw_sql("lock table connections, exchanges, tasks, payments in access share mode")
        .execute(&mut *reader)
        .await
        .unwrap();
    let migrating = tokio::spawn({
        let pool = database.pool.clone();
        async move { database::migrate(&pool).await }
    });
    let waiting = async |wanted: bool| {
        eventually("the migration waits, and gives way", async || {
            let waits: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
            )
            .fetch_one(&database.pool)
            .await
            .unwrap();
            ((waits > 0) == wanted).then_some(())
        })
        .await;
    };
    waiting(true).await;
    waiting(false).await;
    assert_eq!(applied(&database.pool).await, 2, "nothing half done");
    reader.rollback().await.unwrap();
    migrating.await.unwrap().unwrap();
    assert_eq!(
        applied(&database.pool).await,
        i64::try_from(MIGRATOR.iter().count()).unwrap()
    );
    // Nobody who starts later waits for a lock that was left behind.
    let locks: i64 = sqlx::query_scalar(
        "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!(locks, 0);
    database.close().await;
}

/// While replicas are replaced one by one, the version before works on the new schema: a migration may add, and no more.
/// What takes something away waits until no version that needs it is left, and says so in a comment beside it.
#[test]
fn migrations_take_nothing_away_from_the_version_before() {
    let breaking = [
        "drop column",
        "drop table",
        "rename",
        "alter column",
        "set not null",
        "truncate",
    ];
    // Before these there was no released version.
    let first_release = 2;
    for migration in MIGRATOR
        .iter()
        .filter(|migration| migration.version > first_release)
    {
        let sql = migration.sql.as_str().to_lowercase();
        for statement in sql.split(';') {
            let explained = statement.contains("-- safe:");
            let words = statement
                .lines()
                .map(|line| line.split("--").next().unwrap_or_default())
                .collect::<Vec<_>>()
                .join(" ");
            for word in breaking {
                assert!(
                    explained || !words.contains(word),
                    "migration {}: {word:?} breaks the version before; do it later, or say `-- safe: …` and why",
                    migration.version
                );
            }
            let adds_required = words.contains("add column") && words.contains("not null");
            assert!(
                explained || !adds_required || words.contains("default"),
                "migration {}: the version before cannot fill a new column that must not be null",
                migration.version
            );
        }
    }
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").is_dir());
}
