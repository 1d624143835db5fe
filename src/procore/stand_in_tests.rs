//! This module against the strict Procore stand-in (`simulators/procore`): what it refuses, Procore would.

use chrono::TimeDelta;
use procore_simulator::{Options, Running};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    client::{ProcoreAccount, ProcoreClient, http_client},
    deliver::{Delivery, deliver},
    erp_connection, erp_requests,
    events::ErpEvent,
    hooks,
    metadata::{Contents, document},
    request_details,
};
use crate::{
    clock::Clock,
    links::{ItemType, ProcoreItem},
    writebacks::{CostCodeData, DetailRef, ExternalDatum, VendorData, Writeback},
};

/// Beyond 32 bits, as in US02.
const COMPANY: i64 = 598_134_325_649_528;

struct StandIn {
    running: Running,
    http: reqwest::Client,
    client: ProcoreClient,
}

impl StandIn {
    async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let running = procore_simulator::start(Options::default()).await.unwrap();
        let http = http_client().unwrap();
        let url: url::Url = running.url().parse().unwrap();
        let account = ProcoreAccount::new(
            url.clone(),
            url,
            COMPANY,
            "app".into(),
            SecretString::from("s3cr3t"),
        )
        .unwrap();
        let client = ProcoreClient::new(account, http.clone(), Clock::System);
        let stand_in = Self {
            running,
            http,
            client,
        };
        stand_in
            .control(
                "/control/companies",
                json!({"id": COMPANY, "name": "Acme Builders", "client_id": "app", "client_secret": "s3cr3t"}),
            )
            .await;
        stand_in
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self
            .http
            .post(format!("{}{path}", self.running.url()))
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    async fn company(&self, path: &str, body: Value) -> Value {
        self.control(&format!("/control/companies/{COMPANY}/{path}"), body)
            .await
    }

    async fn state(&self) -> Value {
        let url = format!("{}/control/companies/{COMPANY}/state", self.running.url());
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }
}

fn close(id: i64, succeeded: bool) -> Writeback {
    Writeback::CloseDetail {
        detail: DetailRef::Id(id),
        succeeded,
        messages: vec!["Said.".into()],
    }
}

fn link(item_type: ItemType, id: i64, origin: &str) -> Writeback {
    Writeback::ExternalData {
        entries: vec![ExternalDatum {
            item: ProcoreItem::new(item_type, id),
            origin_id: Some(origin.to_owned()),
            origin_code: None,
            edit_sequence: Some("1".into()),
        }],
    }
}

#[tokio::test]
async fn connection_and_hook_are_set_up_once() {
    let procore = StandIn::start().await;
    let url = "https://plumbline.example/".parse().unwrap();
    let metadata = document(&Contents::default());
    for _ in 0..2 {
        let made = erp_connection::put(&procore.client, &url, &metadata)
            .await
            .unwrap();
        assert!(made.standard_cost_code_list_id.is_some());
    }
    let destination = "https://plumbline.example/webhooks/procore/1".parse().unwrap();
    let secret = SecretString::from("Bearer abcdefgh12345");
    let first = hooks::ensure(&procore.client, &destination, &secret)
        .await
        .unwrap();
    let second = hooks::ensure(&procore.client, &destination, &secret)
        .await
        .unwrap();
    assert!(first.created && first.trigger_created);
    assert_eq!(
        (second.created, second.mended, second.trigger_created),
        (false, false, false)
    );
    assert_eq!(first.id, second.id);
    let rotated = SecretString::from("Bearer zyxwvuts98765");
    assert!(
        hooks::ensure(&procore.client, &destination, &rotated)
            .await
            .unwrap()
            .mended
    );
}

#[tokio::test]
async fn an_order_is_read_and_answered() {
    let procore = StandIn::start().await;
    let since = Clock::System.now() - TimeDelta::hours(1);
    let made = procore
        .company("vendors", json!([{"name": "Courier"}, {"name": "Zed"}]))
        .await;
    let ids: Vec<i64> = made["ids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_i64().unwrap())
        .collect();
    let clicked = procore
        .company("export", json!({"what": "vendors", "ids": ids}))
        .await;
    let requests: Vec<i64> = clicked["erp_request_ids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_i64().unwrap())
        .collect();

    let listed = erp_requests::ids_since(&procore.client, since).await.unwrap();
    assert_eq!(listed, requests);
    let mut writebacks = Vec::new();
    for id in requests {
        let request = erp_requests::get(&procore.client, id).await.unwrap();
        let ErpEvent::CreateVendor(vendor) =
            ErpEvent::parse(&request.request_name, &request.payload).unwrap()
        else {
            panic!("{request:?}");
        };
        let found =
            request_details::find_by_item(&procore.client, ProcoreItem::new(ItemType::Vendor, vendor.id))
                .await
                .unwrap();
        assert_eq!(
            found.iter().map(|detail| Some(detail.id)).collect::<Vec<_>>(),
            [vendor.request_detail_id]
        );
        writebacks.push(link(ItemType::Vendor, vendor.id, &format!("80-{}", vendor.id)));
        writebacks.push(close(vendor.request_detail_id.unwrap(), true));
    }
    // One that Procore does not know.
    writebacks.push(link(ItemType::Vendor, 4, "80-4"));
    let Delivery { outcomes, .. } = deliver(&procore.client, &writebacks).await;
    assert!(outcomes[..4].iter().all(Result::is_ok), "{outcomes:?}");
    assert!(
        outcomes[4]
            .as_ref()
            .unwrap_err()
            .to_string()
            .contains("Entity with this ID not found"),
        "{outcomes:?}"
    );

    let state = procore.state().await;
    assert!(state.to_string().contains(&format!("80-{}", ids[0])), "{state}");
    let details = format!(
        "{}/control/companies/{COMPANY}/request-details?wait_open=false",
        procore.running.url()
    );
    let details: Value = procore
        .http
        .get(details)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (
            details["open"].clone(),
            details["closed"].clone(),
            details["failed"].clone()
        ),
        (json!(0), json!(2), json!(0))
    );
    // Delivered again, nothing changes and nothing is refused.
    assert!(
        deliver(&procore.client, &writebacks[..4])
            .await
            .outcomes
            .iter()
            .all(Result::is_ok)
    );
}

#[tokio::test]
async fn qbd_14_an_archived_vendor_stays_archived_through_a_refresh() {
    let procore = StandIn::start().await;
    let vendor = |origin: &str, name: &str| VendorData {
        origin_id: origin.into(),
        name: name.into(),
        is_active: true,
        ..VendorData::default()
    };
    let page = Writeback::StageVendors {
        vendors: vec![vendor("80-1", "Acme"), vendor("80-2", ""), vendor("80-3", "Zed")],
    };
    let Delivery { outcomes, .. } = deliver(&procore.client, std::slice::from_ref(&page)).await;
    let refused = outcomes[0].as_ref().unwrap_err().to_string();
    assert!(
        refused.contains("name") && !refused.contains("Acme"),
        "only the nameless one is refused: {refused}"
    );
    procore.company("staged/80-1/archive", json!({})).await;
    deliver(&procore.client, std::slice::from_ref(&page)).await;
    let state = procore.state().await;
    let statuses: Vec<String> = find(&state, "80-1");
    assert!(statuses.contains(&"archived".to_owned()), "{statuses:?}");
    assert!(find(&state, "80-3").contains(&"staged".to_owned()));
}

/// The statuses of staged records with this third-party id, wherever the dump keeps them.
fn find(value: &Value, origin: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                if map.get("origin_id").and_then(Value::as_str) == Some(origin)
                    && let Some(status) = map.get("status").and_then(Value::as_str)
                {
                    found.push(status.to_owned());
                }
                open.extend(map.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

#[tokio::test]
async fn standard_cost_codes_arrive_with_their_parents_and_only_once() {
    let procore = StandIn::start().await;
    procore
        .company("standard-cost-codes", json!([{"code": "01", "name": "General"}]))
        .await;
    let code = |origin: &str, parent: Option<&str>, code: &str| CostCodeData {
        origin_id: origin.into(),
        parent_origin_id: parent.map(Into::into),
        code: code.into(),
        name: format!("Name of {code}"),
        edit_sequence: Some("1".into()),
    };
    let url = "https://plumbline.example/".parse().unwrap();
    let list = erp_connection::put(&procore.client, &url, &document(&Contents::default()))
        .await
        .unwrap();
    let writeback = Writeback::StandardCostCodes {
        standard_cost_code_list_id: list.standard_cost_code_list_id,
        codes: vec![
            code("80-1", None, "01"),
            code("80-2", Some("80-1"), "100"),
            code("80-3", Some("80-2"), "A"),
        ],
    };
    for _ in 0..2 {
        let Delivery { outcomes, .. } = deliver(&procore.client, std::slice::from_ref(&writeback)).await;
        assert!(outcomes[0].is_ok(), "{outcomes:?}");
    }
    let found = super::standard_cost_codes::find_list(&procore.client).await;
    assert_eq!(found.ok(), list.standard_cost_code_list_id);
    let codes = procore
        .client
        .list(
            "list",
            super::paths::STANDARD_COST_CODES,
            &[
                ("company_id", COMPANY.to_string()),
                (
                    "standard_cost_code_list_id",
                    list.standard_cost_code_list_id.unwrap().to_string(),
                ),
            ],
        )
        .await
        .unwrap();
    let mut full: Vec<&str> = codes
        .iter()
        .map(|code| code["full_code"].as_str().unwrap())
        .collect();
    full.sort_unstable();
    assert_eq!(
        full,
        ["01", "01-100", "01-100-A"],
        "the typed code was linked, not doubled"
    );
}
