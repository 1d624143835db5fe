//! A database per test: a clone of a migrated template. Without `DATABASE_URL`, on a throwaway cluster under `target`.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    sync::OnceLock,
};

use plumbline::database::{
    MIGRATOR, connect,
    embedded::{Cluster, Durability},
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, postgres::PgConnectOptions};

/// A database for one test; dropped with the next run's sweep.
pub struct TestDatabase {
    pub pool: PgPool,
    pub name: String,
    pub options: PgConnectOptions,
}

fn server() -> &'static PgConnectOptions {
    static SERVER: OnceLock<(Option<Cluster>, PgConnectOptions)> = OnceLock::new();
    let (_, options) = SERVER.get_or_init(|| {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            (None, url.parse().expect("DATABASE_URL is a PostgreSQL URL"))
        } else {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("target")
                .join("test-postgres");
            let cluster =
                Cluster::start(&root, Durability::Throwaway).unwrap_or_else(|error| panic!("{error}"));
            let options = cluster.options("postgres");
            (Some(cluster), options)
        }
    });
    options
}

/// The template's name changes with the migrations.
fn template_name() -> String {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATOR.iter() {
        migration.checksum.hash(&mut hasher);
    }
    format!("plumbline_template_{:016x}", hasher.finish())
}

impl TestDatabase {
    pub async fn new() -> Self {
        // Every test has a runtime of its own, so every test has a connection of its own.
        let options = server().clone();
        let mut admin = options.connect().await.expect("the test server answers");
        let template = template_name();
        prepare_template(&mut admin, &options, &template).await;
        let name = format!("plumbline_test_{}", uuid::Uuid::new_v4().simple());
        // Copying files is faster than logging every block.
        let create = format!(r#"create database "{name}" template "{template}" strategy file_copy"#);
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(&mut admin)
            .await
            .expect("a database of its own");
        admin.close().await.ok();
        let options = options.database(&name);
        let pool = connect(options.clone(), 12).await.expect("a pool");
        Self { pool, name, options }
    }

    /// The name of a database without anything in it, and how to reach it.
    pub async fn blank() -> (String, PgConnectOptions) {
        let options = server().clone();
        let name = format!("plumbline_test_{}", uuid::Uuid::new_v4().simple());
        let mut admin = options.connect().await.expect("the test server answers");
        let create = format!(r#"create database "{name}" template template0"#);
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(&mut admin)
            .await
            .expect("an empty database");
        admin.close().await.ok();
        let options = options.database(&name);
        (name, options)
    }

    /// A database that is there.
    pub async fn open((name, options): (String, PgConnectOptions)) -> Self {
        let pool = connect(options.clone(), 12).await.expect("a pool");
        Self { pool, name, options }
    }

    /// Lets go of it.
    pub async fn close(self) {
        self.pool.close().await;
        if let Ok(mut admin) = server().connect().await {
            let drop = format!(r#"drop database if exists "{}" with (force)"#, self.name);
            let _ = sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut admin).await;
        }
    }
}

async fn prepare_template(admin: &mut PgConnection, options: &PgConnectOptions, template: &str) {
    sqlx::query("select pg_advisory_lock(4711)")
        .execute(&mut *admin)
        .await
        .expect("a lock");
    let ready: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1 and datistemplate)")
            .bind(template)
            .fetch_one(&mut *admin)
            .await
            .expect("an answer");
    if !ready {
        sweep(admin).await;
        let create = format!(r#"drop database if exists "{template}""#);
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(&mut *admin)
            .await
            .expect("no half-made template");
        let create = format!(r#"create database "{template}""#);
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(&mut *admin)
            .await
            .expect("a template");
        let pool = connect(options.clone().database(template), 1)
            .await
            .expect("the template");
        MIGRATOR
            .run(&pool)
            .await
            .expect("migrations run on an empty database");
        pool.close().await;
        let seal = format!(r#"alter database "{template}" is_template true"#);
        sqlx::raw_sql(AssertSqlSafe(seal))
            .execute(&mut *admin)
            .await
            .expect("a sealed template");
    }
    sqlx::query("select pg_advisory_unlock(4711)")
        .execute(&mut *admin)
        .await
        .expect("the lock given back");
}

/// Databases of runs that died, when the schema changes.
async fn sweep(admin: &mut PgConnection) {
    let stale: Vec<String> = sqlx::query_scalar(
        "select datname from pg_database d where (datname like 'plumbline_test_%' or datname like 'plumbline_template_%')
         and not exists (select from pg_stat_activity a where a.datname = d.datname)",
    )
    .fetch_all(&mut *admin)
    .await
    .unwrap_or_default();
    for name in stale {
        let unseal = format!(r#"alter database "{name}" is_template false"#);
        let _ = sqlx::raw_sql(AssertSqlSafe(unseal)).execute(&mut *admin).await;
        let drop = format!(r#"drop database if exists "{name}""#);
        let _ = sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *admin).await;
    }
}
