//! The tie-out of a site's project, read anew.

use plumbline::{
    clock::Clock,
    commands::reconcile::{self, TieOutReport},
    connections::store,
    procore::client::http_client,
    tie_out::{Measure, Tied},
    workers::clients::Clients,
};

use super::{
    site::Site,
    world::{eventually, vault},
};

/// QuickBooks is read, then both sides are compared.
pub async fn tie_out(site: &Site) -> TieOutReport {
    let stage = &site.stage;
    let db = stage.world.db();
    let task = reconcile::begin(db, stage.connection, &stage.world.clock)
        .await
        .unwrap();
    assert_eq!(
        reconcile::begin(db, stage.connection, &stage.world.clock)
            .await
            .unwrap(),
        task,
        "one that waits is enough"
    );
    eventually("QuickBooks is read", async || {
        stage.run().await;
        let status: String = sqlx::query_scalar("select status from tasks where id = $1")
            .bind(task)
            .fetch_one(db)
            .await
            .unwrap();
        (status == "done").then_some(())
    })
    .await;
    let connection = store::find(db, stage.connection).await.unwrap().unwrap();
    let client = Clients::new(http_client().unwrap(), vault(), Clock::System)
        .of(&connection)
        .unwrap();
    let mut db = db.acquire().await.unwrap();
    TieOutReport::read(&mut db, &client, stage.connection, None)
        .await
        .unwrap()
}

/// One measure of the only project.
pub fn of(report: &TieOutReport, measure: Measure) -> &Tied {
    let [project] = report.projects.as_slice() else {
        panic!("one project: {report:?}")
    };
    project.tied.iter().find(|tied| tied.measure == measure).unwrap()
}
