//! Tokens, the company header, rate limits and faults.

use procore_simulator::Options;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Procore, answer};

fn text(body: &Value) -> String {
    body.to_string()
}

#[tokio::test]
async fn a_token_lives_ninety_minutes_of_the_stand_ins_time() {
    let procore = Procore::start().await;
    let path = format!("/rest/v1.0/vendors?company_id={}", procore.company);
    assert_eq!(procore.get(&path).await.status, StatusCode::OK);
    let info = answer(procore.request(Method::GET, "/oauth/token/info"))
        .await
        .body;
    assert!(info["expires_in_seconds"].as_i64().unwrap() > 5390, "{info}");
    procore.control("clock", json!({"advance_seconds": 5401})).await;
    let expired = procore.get(&path).await;
    assert_eq!(expired.status, StatusCode::UNAUTHORIZED);
    assert!(text(&expired.body).contains("The access token is invalid"));
    assert!(
        procore.violations().await.is_empty(),
        "an expired token is no offence"
    );
}

#[tokio::test]
async fn tokens_come_for_json_too_and_only_with_the_right_secret() {
    let procore = Procore::start().await;
    let url = format!("{}/oauth/token", procore.running.url());
    let ask = |secret: &str| {
        let body =
            json!({"grant_type": "client_credentials", "client_id": "client", "client_secret": secret});
        answer(procore.http.post(&url).json(&body))
    };
    let given = ask("secret").await;
    assert_eq!(
        (given.status, &given.body["expires_in"]),
        (StatusCode::OK, &json!(5400))
    );
    assert!(given.body.get("refresh_token").is_none());
    let refused = ask("wrong").await;
    assert_eq!(
        (refused.status, &refused.body["error"]),
        (StatusCode::UNAUTHORIZED, &json!("invalid_client"))
    );
    let token = given.body["access_token"].as_str().unwrap();
    let revoke = |token: &str| {
        answer(
            procore
                .http
                .post(format!("{}/oauth/revoke", procore.running.url()))
                .form(&[("token", token)]),
        )
    };
    assert_eq!(revoke(token).await.status, StatusCode::OK);
    assert_eq!(revoke("never seen").await.status, StatusCode::OK);
    let me = procore
        .http
        .get(format!("{}/rest/v1.0/me", procore.running.url()))
        .bearer_auth(token);
    assert_eq!(answer(me).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_company_header_is_demanded_and_must_agree() {
    let procore = Procore::start().await;
    let other = procore.add_company("Others").await;
    assert!(other > 1 << 53, "every second company has ids beyond 2^53");
    for path in [
        "/rest/v1.0/me".to_owned(),
        "/rest/v1.0/companies".into(),
        procore.below("erp_requests"),
    ] {
        let bare = procore
            .http
            .get(format!("{}{path}", procore.running.url()))
            .bearer_auth(&procore.token);
        let answer = answer(bare).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(text(&answer.body).contains("Missing Procore-Company-Id header!"));
    }
    let mismatched = procore
        .get(&format!("/rest/v1.0/vendors?company_id={other}"))
        .await;
    assert_eq!(mismatched.status, StatusCode::FORBIDDEN);
    let in_body = procore
        .patch(
            "/rest/v1.0/vendors/sync",
            json!({"company_id": other, "updates": []}),
        )
        .await;
    assert_eq!(in_body.status, StatusCode::FORBIDDEN);
    let kinds = procore.violations().await;
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| *kind == "company_header_missing")
            .count(),
        3
    );
    assert_eq!(kinds.iter().filter(|kind| *kind == "company_mismatch").count(), 2);
    procore
        .control_company("uninstall", json!({"client_id": "client"}))
        .await;
    let gone = procore.get("/rest/v1.0/me").await;
    assert_eq!(
        (gone.status, gone.body),
        (
            StatusCode::FORBIDDEN,
            json!({"errors": ["App is not connected to this company."]})
        )
    );
}

#[tokio::test]
async fn too_many_calls_are_refused_until_the_window_closes() {
    let procore = Procore::start_with(Options {
        spike_limit: 3,
        ..Options::default()
    })
    .await;
    procore.control("clock", json!({"freeze": true})).await;
    for left in ["2", "1", "0"] {
        assert_eq!(
            procore
                .get("/rest/v1.0/me")
                .await
                .header("x-rate-limit-remaining"),
            left
        );
    }
    let refused = procore.get("/rest/v1.0/me").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        (
            refused.header("x-rate-limit-limit"),
            refused.header("retry-after")
        ),
        ("3", "10")
    );
    procore
        .control("settings", json!({"retry_after_on_429": false}))
        .await;
    assert_eq!(procore.get("/rest/v1.0/me").await.header("retry-after"), "");
    procore.control("clock", json!({"advance_seconds": 10})).await;
    assert_eq!(procore.get("/rest/v1.0/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn faults_come_on_order_and_once() {
    let procore = Procore::start().await;
    let sync = |name: &str| {
        procore.patch(
            "/rest/v1.0/vendors/sync",
            json!({"company_id": procore.company, "updates": [{"name": name, "origin_id": name}]}),
        )
    };
    procore
        .control("faults", json!([{"method": "PATCH", "path": "/rest/v1.0/vendors", "kind": "status", "status": 503, "retry_after": 7}]))
        .await;
    let refused = sync("A").await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (StatusCode::SERVICE_UNAVAILABLE, "7")
    );
    assert_eq!(sync("A").await.status, StatusCode::OK);
    // Done, but the client is told otherwise; done, but the answer breaks off; not done at all.
    procore
        .control("faults", json!([{"kind": "status_after", "status": 502}]))
        .await;
    assert_eq!(sync("B").await.status, StatusCode::BAD_GATEWAY);
    procore.control("faults", json!({"kind": "reset"})).await;
    let body = json!({"company_id": procore.company, "updates": [{"name": "C", "origin_id": "C"}]});
    let broken = procore
        .request(Method::PATCH, "/rest/v1.0/vendors/sync")
        .json(&body)
        .send()
        .await;
    match broken {
        Ok(answer) => assert!(answer.bytes().await.is_err()),
        Err(error) => assert!(!error.is_builder()),
    }
    procore.control("faults", json!({"kind": "reset_before"})).await;
    let body = json!({"company_id": procore.company, "updates": [{"name": "D", "origin_id": "D"}]});
    let broken = procore
        .request(Method::PATCH, "/rest/v1.0/vendors/sync")
        .json(&body)
        .send()
        .await;
    assert!(match broken {
        Ok(answer) => answer.bytes().await.is_err(),
        Err(_) => true,
    });
    let state = procore.state().await;
    let names: Vec<_> = state["vendors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|vendor| vendor["name"].clone())
        .collect();
    assert_eq!(names, ["A", "B", "C"]);
}

#[tokio::test]
async fn errors_come_in_many_shapes_and_v2_in_one() {
    let procore = Procore::start().await;
    let body = json!({"company_id": procore.company, "vendor": {"name": ""}});
    let mut shapes = Vec::new();
    for _ in 0..5 {
        let refused = procore.post("/rest/v1.0/vendors", body.clone()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text(&refused.body).contains("can't be blank"));
        shapes.push(text(&refused.body));
    }
    shapes.sort();
    shapes.dedup();
    assert_eq!(shapes.len(), 5);
    let hooks = format!("/rest/v2.0/companies/{}/webhooks/hooks", procore.company);
    let refused = procore.post(&hooks, json!({"namespace": "Not Allowed"})).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.body["error"]["details"]
            .as_array()
            .unwrap()
            .iter()
            .any(|detail| detail["source"] == "namespace")
    );
}

#[tokio::test]
async fn the_trace_holds_every_exchange_without_secrets() {
    let directory = std::env::temp_dir().join(format!("procore-trace-{}", std::process::id()));
    let options = Options {
        trace_dir: Some(directory.clone()),
        ..Options::default()
    };
    let procore = Procore::start_with(options).await;
    procore.get("/rest/v1.0/me").await;
    let token = procore.token.clone();
    let files: Vec<_> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let all: String = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(files.len(), 3);
    assert!(all.contains("/rest/v1.0/me") && !all.contains(&token) && !all.contains("=secret"));
}
