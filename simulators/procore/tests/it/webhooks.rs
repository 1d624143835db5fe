//! Hooks, triggers, delivery, retries and disorder.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Procore, Receiver};

fn hooks(procore: &Procore) -> String {
    format!("/rest/v2.0/companies/{}/webhooks/hooks", procore.company)
}

/// A hook that listens for ERP requests and vendors.
async fn subscribe(procore: &Procore, url: &str, version: &str) -> String {
    let body = json!({
        "payload_version": version, "namespace": "plumbline", "destination_url": url,
        "destination_headers": {"Authorization": "Bearer a-long-secret"},
    });
    let made = procore.post(&hooks(procore), body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(
        made.body["data"]["destination_headers"]["Authorization"],
        "*****ecret"
    );
    let id = made.body["data"]["id"].as_str().unwrap().to_owned();
    for (resource, event) in [("ERP Requests", "create"), ("Company Vendors", "create")] {
        let trigger = json!({"resource_name": resource, "event_type": event});
        let made = procore
            .post(&format!("{}/{id}/triggers", hooks(procore)), trigger)
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    }
    id
}

async fn refresh(procore: &Procore) -> i64 {
    procore
        .control_company("refresh", json!({"what": "vendors"}))
        .await["erp_request_ids"][0]
        .as_i64()
        .unwrap()
}

async fn statuses(procore: &Procore) -> Vec<String> {
    let rows = procore.state().await["deliveries"].clone();
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| row["status"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_erp_request_is_announced_with_the_hooks_authorization() {
    let procore = Procore::start().await;
    let (receiver, url) = Receiver::start().await;
    let hook = subscribe(&procore, &url, "v2.0").await;
    let request = refresh(&procore).await;
    let events = receiver.wait(1).await;
    assert_eq!(
        (&events[0]["resource_name"], &events[0]["resource_id"]),
        (&json!("ERP Requests"), &json!(request))
    );
    assert_eq!(
        (&events[0]["event_type"], &events[0]["company_id"]),
        (&json!("create"), &json!(procore.company))
    );
    assert_eq!(receiver.got.lock().unwrap()[0].0, "Bearer a-long-secret");
    // What the app does itself is marked with its client id.
    let vendor = json!({"company_id": procore.company, "vendor": {"name": "Mine"}});
    procore.post("/rest/v1.0/vendors", vendor).await;
    let events = receiver.wait(2).await;
    assert_eq!(events[1]["metadata"]["source_application_id"], "client");
    while statuses(&procore).await != ["delivered", "delivered"] {
        tokio::task::yield_now().await;
    }
    let path = format!("{}/{hook}/deliveries?filter[status]=succeeded", hooks(&procore));
    assert_eq!(procore.get(&path).await.header("total"), "2");
}

#[tokio::test]
async fn the_fourth_format_is_all_strings() {
    let procore = Procore::start().await;
    let (receiver, url) = Receiver::start().await;
    subscribe(&procore, &url, "v4.0").await;
    let request = refresh(&procore).await;
    let event = &receiver.wait(1).await[0];
    assert_eq!(
        (&event["resource_id"], &event["reason"]),
        (&json!(request.to_string()), &json!("create"))
    );
}

#[tokio::test]
async fn a_failing_receiver_holds_up_the_queue_and_gets_everything_in_the_end() {
    let procore = Procore::start().await;
    let (receiver, url) = Receiver::start().await;
    procore.control("clock", json!({"freeze": true})).await;
    subscribe(&procore, &url, "v2.0").await;
    receiver.answer(500);
    let first = refresh(&procore).await;
    receiver.wait(1).await;
    let second = refresh(&procore).await;
    while statuses(&procore).await != ["retrying", "enqueued"] {
        tokio::task::yield_now().await;
    }
    procore.control("clock", json!({"advance_seconds": 1})).await;
    receiver.wait(2).await;
    while procore.state().await["deliveries"][0]["delivery_attempts"]
        .as_array()
        .map(Vec::len)
        != Some(2)
    {
        tokio::task::yield_now().await;
    }
    receiver.answer(200);
    procore.control("clock", json!({"advance_seconds": 2})).await;
    let got = receiver.wait(4).await;
    let ids: Vec<_> = got
        .iter()
        .map(|event| event["resource_id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [first, first, first, second]);
    assert_eq!(got[0]["ulid"], got[2]["ulid"]);
    while statuses(&procore).await != ["delivered", "delivered"] {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn after_twelve_hours_all_is_discarded() {
    let procore = Procore::start().await;
    procore.control("clock", json!({"freeze": true})).await;
    let (receiver, url) = Receiver::start().await;
    subscribe(&procore, &url, "v2.0").await;
    receiver.answer(500);
    refresh(&procore).await;
    refresh(&procore).await;
    receiver.wait(1).await;
    while !statuses(&procore).await.contains(&"retrying".to_owned()) {
        tokio::task::yield_now().await;
    }
    procore
        .control("clock", json!({"advance_seconds": 12 * 3600}))
        .await;
    while statuses(&procore).await != ["discarded", "discarded"] {
        tokio::task::yield_now().await;
    }
    receiver.answer(204);
    let fresh = refresh(&procore).await;
    assert_eq!(receiver.wait(3).await[2]["resource_id"], json!(fresh));
}

#[tokio::test]
async fn disorder_comes_on_order() {
    let procore = Procore::start().await;
    let (receiver, url) = Receiver::start().await;
    subscribe(&procore, &url, "v2.0").await;
    let ids = |events: &[Value]| -> Vec<i64> {
        events
            .iter()
            .map(|event| event["resource_id"].as_i64().unwrap())
            .collect()
    };
    procore.control("webhooks", json!({"duplicate": 1})).await;
    let twice = refresh(&procore).await;
    let got = receiver.wait(2).await;
    assert_eq!(
        (ids(&got), &got[0]["ulid"]),
        (vec![twice, twice], &got[1]["ulid"])
    );
    procore.control("webhooks", json!({"twin": 1})).await;
    refresh(&procore).await;
    let got = receiver.wait(4).await;
    assert_eq!(
        (&got[2]["timestamp"], &got[2]["resource_id"]),
        (&got[3]["timestamp"], &got[3]["resource_id"])
    );
    assert_ne!(got[2]["ulid"], got[3]["ulid"]);
    procore.control("webhooks", json!({"swap": true})).await;
    let (one, two) = (refresh(&procore).await, refresh(&procore).await);
    assert_eq!(ids(&receiver.wait(6).await)[4..], [two, one]);
    procore.control("webhooks", json!({"lose": 1})).await;
    refresh(&procore).await;
    let kept = refresh(&procore).await;
    assert_eq!(ids(&receiver.wait(7).await)[6..], [kept]);
    procore.control("webhooks", json!({"burst": 20})).await;
    refresh(&procore).await;
    receiver.wait(27).await;
    procore.control("webhooks", json!({"unreadable_reads": 1})).await;
    let early = procore.below(&format!("erp_requests/{}", refresh(&procore).await));
    assert_eq!(procore.get(&early).await.status, StatusCode::NOT_FOUND);
    assert_eq!(procore.get(&early).await.status, StatusCode::OK);
}

#[tokio::test]
async fn hooks_keep_to_their_scope_and_namespace() {
    let procore = Procore::start().await;
    let id = subscribe(&procore, "http://127.0.0.1:9/hook", "v2.0").await;
    let triggers = format!("{}/{id}/triggers", hooks(&procore));
    let project_tool = json!({"resource_name": "Contract Payments", "event_type": "create"});
    assert_eq!(
        procore.post(&triggers, project_tool.clone()).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let bulk = json!([{"resource_name": "Projects", "event_type": "update"}, {"resource_name": "Projects", "event_type": "delete"}]);
    let mixed = procore.post(&format!("{triggers}/bulk"), bulk).await;
    assert_eq!(mixed.status, StatusCode::MULTI_STATUS);
    assert_eq!(
        procore.get(&hooks(&procore)).await.status,
        StatusCode::BAD_REQUEST,
        "a list needs its namespace"
    );
    let mine = procore
        .get(&format!("{}?namespace=plumbline", hooks(&procore)))
        .await
        .body;
    assert_eq!(
        (&mine["data"][0]["id"], &mine["data"][0]["trigger_count"]),
        (&json!(id), &json!(3))
    );
    assert_eq!(
        procore
            .get(&format!("{}?namespace=other", hooks(&procore)))
            .await
            .body["data"],
        json!([])
    );
    let project = procore.make("projects", json!({"name": "P"})).await;
    let base = format!(
        "/rest/v2.0/companies/{}/projects/{project}/webhooks",
        procore.company
    );
    let body = json!({"payload_version": "v2.0", "namespace": "plumbline", "destination_url": "https://example.com/hook"});
    let made = procore.post(&format!("{base}/hooks"), body).await.body;
    let of_project = format!("{base}/hooks/{}/triggers", made["data"]["id"].as_str().unwrap());
    assert_eq!(
        procore.post(&of_project, project_tool).await.status,
        StatusCode::CREATED
    );
    let catalogue = procore
        .get(&format!("{base}/resources?payload_version=v2.0&per_page=100"))
        .await
        .body;
    assert!(
        !catalogue["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["name"] == "Requisitions")
    );
    let plain = json!({"payload_version": "v2.0", "namespace": "plumbline", "destination_url": "http://example.com/hook"});
    assert_eq!(
        procore.post(&hooks(&procore), plain).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let off = procore
        .patch(
            &format!("{}/{id}", hooks(&procore)),
            json!({"status": "disabled"}),
        )
        .await
        .body;
    assert_eq!(off["data"]["status"], "disabled");
    let gone = procore
        .call(Method::DELETE, &format!("{}/{id}", hooks(&procore)), None)
        .await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_large_export_makes_one_webhook_each() {
    let procore = Procore::start().await;
    let (receiver, url) = Receiver::start().await;
    subscribe(&procore, &url, "v2.0").await;
    let made = procore
        .control("bulk", json!({"company_id": procore.company, "vendors": 100}))
        .await;
    assert_eq!(made["erp_request_ids"].as_array().unwrap().len(), 100);
    let got = receiver.wait(200).await;
    assert_eq!(
        got.iter()
            .filter(|event| event["resource_name"] == "ERP Requests")
            .count(),
        100
    );
}
