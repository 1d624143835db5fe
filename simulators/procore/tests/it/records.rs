//! Lists, paging, filters and the sync matching table.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::Procore;

async fn sync(procore: &Procore, updates: Value) -> Value {
    let body = json!({"company_id": procore.company, "updates": updates});
    let answer = procore.patch("/rest/v1.0/vendors/sync", body).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.body
}

#[tokio::test]
async fn lists_come_in_pages_with_links_and_totals() {
    let procore = Procore::start().await;
    procore
        .control(
            "bulk",
            json!({"company_id": procore.company, "vendors": 45, "export": false}),
        )
        .await;
    let mut path = format!("/rest/v1.0/vendors?company_id={}&per_page=20", procore.company);
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = procore.get(&path).await;
        pages += 1;
        assert_eq!((page.header("total"), page.header("per-page")), ("45", "20"));
        seen.extend(
            page.body
                .as_array()
                .unwrap()
                .iter()
                .map(|vendor| vendor["id"].as_i64().unwrap()),
        );
        let next = page
            .header("link")
            .split(", ")
            .find(|link| link.contains("rel=\"next\""))
            .map(str::to_owned);
        let Some(next) = next else { break };
        let url = next.trim_start_matches('<').split('>').next().unwrap().to_owned();
        path = url.strip_prefix(&procore.running.url()).unwrap().to_owned();
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((pages, seen.len()), (3, 45));
    let plain = procore
        .get(&format!("/rest/v1.0/vendors?company_id={}", procore.company))
        .await;
    assert_eq!(plain.header("per-page"), "30");
}

#[tokio::test]
async fn filters_pick_by_origin_id_and_time() {
    let procore = Procore::start().await;
    sync(&procore, json!([{"name": "A", "origin_id": "a"}, {"name": "B"}])).await;
    let count = async |filter: &str| {
        let path = format!("/rest/v1.0/vendors?company_id={}&{filter}", procore.company);
        procore.get(&path).await.body.as_array().unwrap().len()
    };
    assert_eq!(count("filters[origin_id]=a").await, 1);
    assert_eq!(
        count("filters[updated_at]=2000-01-01T00:00:00Z...2001-01-01T00:00:00Z").await,
        0
    );
    assert_eq!(
        count("filters[updated_at]=\"2000-01-01T00:00:00Z...2100-01-01T00:00:00Z\"").await,
        2
    );
    assert_eq!(count("filters[no_such_filter]=x").await, 2);
}

#[tokio::test]
async fn a_sync_follows_the_matching_table() {
    let procore = Procore::start().await;
    let made = sync(
        &procore,
        json!([{"name": "No ids"}, {"name": "By origin", "origin_id": "o1"}]),
    )
    .await;
    assert_eq!(
        (made["entities"].as_array().unwrap().len(), &made["errors"]),
        (2, &json!([]))
    );
    let id = made["entities"][1]["id"].as_i64().unwrap();
    // Found by origin id: the same record.
    let again = sync(&procore, json!([{"name": "Renamed", "origin_id": "o1"}])).await;
    assert_eq!(
        (again["entities"][0]["id"].as_i64(), &again["entities"][0]["name"]),
        (Some(id), &json!("Renamed"))
    );
    // Found by id: the origin id changes.
    let moved = sync(&procore, json!([{"id": id, "origin_id": "o2"}])).await;
    assert_eq!(moved["entities"][0]["origin_id"], "o2");
    assert_eq!(moved["entities"][0]["synced_to_erp"], true);
    // An unknown id, a taken origin id, a missing name: item errors with the attributes.
    let other = made["entities"][0]["id"].as_i64().unwrap();
    let wrong = sync(
        &procore,
        json!([{"id": 5, "name": "Nobody"}, {"id": other, "origin_id": "o2"}, {"origin_id": "o3"}, {"name": "Fine"}]),
    )
    .await;
    assert_eq!(wrong["entities"].as_array().unwrap().len(), 1);
    assert_eq!(
        wrong["errors"][0]["errors"]["id"][0],
        "Entity with this ID not found"
    );
    assert_eq!(wrong["errors"][0]["name"], "Nobody");
    assert_eq!(
        wrong["errors"][1]["errors"]["origin_id"][0],
        "has already been taken"
    );
    assert_eq!(wrong["errors"][2]["errors"]["name"][0], "can't be blank");
}

#[tokio::test]
async fn a_sync_takes_a_thousand_and_no_more() {
    let procore = Procore::start().await;
    let updates: Vec<_> = (0..1001).map(|nth| json!({"name": format!("V{nth}")})).collect();
    let body = json!({"company_id": procore.company, "updates": updates});
    assert_eq!(
        procore.patch("/rest/v1.0/vendors/sync", body).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(procore.violations().await, ["oversized_sync"]);
}

#[tokio::test]
async fn a_wrong_wrapper_is_refused_and_a_bad_date_becomes_null() {
    let procore = Procore::start().await;
    let unwrapped = json!({"company_id": procore.company, "name": "A"});
    assert_eq!(
        procore.post("/rest/v1.0/vendors", unwrapped).await.status,
        StatusCode::BAD_REQUEST
    );
    let project = json!({"company_id": procore.company, "updates": [{"name": "P", "start_date": "3rd of May", "completion_date": "2026-05-03"}]});
    let made = procore.patch("/rest/v1.0/projects/sync", project).await.body;
    let made = &made["entities"][0];
    assert_eq!(
        (&made["start_date"], &made["completion_date"]),
        (&Value::Null, &json!("2026-05-03"))
    );
}

#[tokio::test]
async fn lists_may_lag_behind_and_shift_between_pages() {
    let procore = Procore::start().await;
    procore.control("settings", json!({"list_lag_seconds": 30})).await;
    let id = sync(&procore, json!([{"name": "Late"}])).await["entities"][0]["id"]
        .as_i64()
        .unwrap();
    let list = format!("/rest/v1.0/vendors?company_id={}", procore.company);
    assert_eq!(procore.get(&list).await.body, json!([]));
    let show = format!("/rest/v1.0/vendors/{id}?company_id={}", procore.company);
    assert_eq!(procore.get(&show).await.body["name"], "Late");
    procore.control("clock", json!({"advance_seconds": 31})).await;
    sync(&procore, json!([{"id": id, "name": "Changed"}])).await;
    assert_eq!(procore.get(&list).await.body[0]["name"], "Late");
    procore.control("clock", json!({"advance_seconds": 31})).await;
    assert_eq!(procore.get(&list).await.body[0]["name"], "Changed");
    procore
        .control("settings", json!({"list_lag_seconds": 0, "page_shift": 1}))
        .await;
    sync(&procore, json!([{"name": "Second"}, {"name": "Third"}])).await;
    let second = procore.get(&format!("{list}&per_page=1&page=2")).await;
    assert_eq!(second.body[0]["name"], "Third");
}

#[tokio::test]
async fn projects_outside_the_permission_are_403_and_unknown_ones_404() {
    let procore = Procore::start().await;
    let project = procore
        .make("projects", json!({"name": "P", "number": "1"}))
        .await;
    let path = format!("/rest/v1.0/cost_codes?project_id={project}");
    assert_eq!(procore.get(&path).await.status, StatusCode::OK);
    procore
        .control_company("permissions", json!({"forbidden_projects": [project]}))
        .await;
    assert_eq!(procore.get(&path).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        procore.get("/rest/v1.0/cost_codes?project_id=1").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        procore.get("/rest/v1.0/cost_codes").await.status,
        StatusCode::BAD_REQUEST
    );
}
