//! The Web Connector against a small service: whole sessions over real HTTP, with faults.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use quickbooks_simulator::{Options, Running, start};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A service that plays back: documents to hand out, and what it heard.
#[derive(Default)]
struct Script {
    /// What `authenticate` answers after the ticket.
    verb: Vec<&'static str>,
    documents: VecDeque<String>,
    responses: Vec<(String, String)>,
    calls: Vec<String>,
    hcp: Vec<String>,
    last_error: &'static str,
    progress: VecDeque<i32>,
}

type Shared = Arc<Mutex<Script>>;

fn field(body: &str, name: &str) -> String {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    body.split_once(&start)
        .and_then(|(_, rest)| rest.split_once(&end))
        .map(|(v, _)| v.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        .unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

async fn soap(State(script): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let action = headers["soapaction"].to_str().unwrap().to_owned();
    let operation = action
        .trim_matches('"')
        .trim_start_matches("http://developer.intuit.com/")
        .to_owned();
    assert_eq!(headers["content-type"], "text/xml; charset=utf-8");
    assert_eq!(headers["expect"], "100-continue");
    assert!(action.starts_with('"'));
    let mut script = script.lock().unwrap();
    script.calls.push(operation.clone());
    let result = match operation.as_str() {
        "authenticate" => {
            let rest = script.verb.join("</string><string>");
            format!("<string>ticket</string><string>{rest}</string>")
        }
        "sendRequestXML" => {
            script.hcp.push(field(&body, "strHCPResponse"));
            escape(&script.documents.pop_front().unwrap_or_default())
        }
        "receiveResponseXML" => {
            script
                .responses
                .push((field(&body, "response"), field(&body, "hresult")));
            let done = if script.documents.is_empty() { 100 } else { 50 };
            script.progress.pop_front().unwrap_or(done).to_string()
        }
        "getLastError" => script.last_error.to_owned(),
        "connectionError" => "done".to_owned(),
        "closeConnection" => "OK".to_owned(),
        _ => String::new(),
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><{operation}Response xmlns=\"http://developer.intuit.com/\"><{operation}Result>{result}</{operation}Result></{operation}Response></soap:Body></soap:Envelope>"
    );
    (
        StatusCode::OK,
        [(header::CONTENT_TYPE, "text/xml; charset=utf-8")],
        body,
    )
        .into_response()
}

struct World {
    script: Shared,
    running: Running,
    port: u16,
}

impl World {
    async fn new() -> Self {
        let script: Shared = Arc::new(Mutex::new(Script {
            verb: vec![""],
            ..Script::default()
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new()
            .route("/qbwc", get(|| async { "ok" }).post(soap))
            .with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let running = start(Options::default()).await.unwrap();
        let world = Self {
            script,
            running,
            port,
        };
        world
            .running
            .register(&world.qwc(), Some("pw".to_owned()))
            .await
            .unwrap();
        world
    }

    fn qwc(&self) -> String {
        let url = format!("http://localhost:{}/qbwc", self.port);
        format!(
            "<?xml version=\"1.0\"?><QBWCXML><AppName>Test</AppName><AppID></AppID><AppURL>{url}</AppURL><AppDescription>t</AppDescription><AppSupport>{url}</AppSupport><UserName>u</UserName><OwnerID>{{57F3B9B1-86F1-4FCC-B1EE-566DE1813D20}}</OwnerID><FileID>{{90A44FB5-33D9-4815-AC85-BC87A7E7D1EB}}</FileID><QBType>QBFS</QBType></QBWCXML>"
        )
    }

    fn hand_out(&self, documents: &[String]) {
        self.script.lock().unwrap().documents = documents.iter().cloned().collect();
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.script.lock().unwrap().calls)
    }

    fn responses(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.script.lock().unwrap().responses)
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let address = self.running.url().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.control("POST", path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn update(&self) -> Value {
        self.post("/control/connector/update", json!({})).await
    }

    async fn vendors(&self) -> Vec<String> {
        let (_, dump) = self.control("GET", "/control/company-file", Value::Null).await;
        dump["lists"]["vendors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v["full_name"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn vendor_add(name: &str, set: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><?qbxml version=\"13.0\"?><QBXML><QBXMLMsgsRq onError=\"continueOnError\" newMessageSetID=\"{set}\"><VendorAddRq requestID=\"1\"><VendorAdd><Name>{name}</Name></VendorAdd></VendorAddRq></QBXMLMsgsRq></QBXML>"
    )
}

#[tokio::test]
async fn a_whole_session() {
    let world = World::new().await;
    world.hand_out(&[vendor_add("A", "s1"), vendor_add("B", "s2")]);
    let result = world.update().await;
    assert_eq!(
        (result["result"].as_str(), result["requests"].as_u64()),
        (Some("ok"), Some(2)),
        "{result}"
    );
    assert_eq!(result["status_text"], "OK");
    assert_eq!(
        world.calls(),
        [
            "serverVersion",
            "clientVersion",
            "authenticate",
            "sendRequestXML",
            "receiveResponseXML",
            "sendRequestXML",
            "receiveResponseXML",
            "closeConnection"
        ]
    );
    assert_eq!(world.vendors().await, ["A", "B"]);
    let hcp = world.script.lock().unwrap().hcp.clone();
    assert!(hcp[0].contains("<FileID") || hcp[0].contains("<DataExtName>FileID</DataExtName>"));
    assert!(hcp[0].contains("LOCKED:") && hcp[0].contains("<PreferencesRet>"));
    assert_eq!(hcp[1], "");
    let (_, dump) = world.control("GET", "/control/company-file", Value::Null).await;
    let extensions = dump["company"]["data_extensions"].as_array().unwrap();
    assert_eq!(extensions.len(), 1, "the lock is released: {extensions:?}");
    world.running.stop().await;
}

#[tokio::test]
async fn no_work_busy_and_wrong_password() {
    let world = World::new().await;
    for (verb, result, text) in [
        (vec!["none", "60"], "no_work", "No data exchange required"),
        (vec!["busy"], "busy", "Application Busy"),
        (vec!["nvu"], "invalid_user", "Invalid password for username"),
        (vec!["", "30"], "postponed", "Update postponed by application"),
    ] {
        world.script.lock().unwrap().verb = verb;
        let answer = world.update().await;
        assert_eq!(
            (answer["result"].as_str(), answer["status_text"].as_str()),
            (Some(result), Some(text))
        );
        assert_eq!(
            world.calls(),
            [
                "serverVersion",
                "clientVersion",
                "authenticate",
                "closeConnection"
            ]
        );
    }
    world.script.lock().unwrap().verb = vec![r"C:\Other.qbw"];
    let answer = world.update().await;
    assert_eq!(
        (answer["result"].as_str(), answer["error_code"].as_str()),
        (Some("connection_error"), Some("QBWC1013"))
    );
    assert_eq!(world.calls()[3..], ["connectionError", "closeConnection"]);
    world.running.stop().await;
}

#[tokio::test]
async fn an_empty_document_asks_for_the_error() {
    let world = World::new().await;
    world.script.lock().unwrap().last_error = "something went wrong";
    let answer = world.update().await;
    assert_eq!(answer["error_code"], "QBWC1031");
    assert_eq!(answer["status_text"], "something went wrong");
    assert_eq!(
        world.calls()[3..],
        ["sendRequestXML", "getLastError", "closeConnection"]
    );
    world.script.lock().unwrap().last_error = "NoOp";
    world
        .post("/control/settings", json!({"no_op_wait_ms": 1, "max_no_ops": 2}))
        .await;
    assert_eq!(world.update().await["result"], "ok");
    world.script.lock().unwrap().last_error = "gone";
    world.script.lock().unwrap().progress = VecDeque::from([-1]);
    world.hand_out(&[vendor_add("A", "s1")]);
    let answer = world.update().await;
    assert_eq!(
        (answer["result"].as_str(), answer["status_text"].as_str()),
        (Some("error"), Some("gone"))
    );
    world.running.stop().await;
}

/// The most valuable property: whatever is lost, sending the same bytes again makes one object.
#[tokio::test]
async fn one_object_in_the_end() {
    for fault in [
        json!({"point": "before_execution", "hresult": "0x80040402"}),
        json!({"point": "after_commit", "hresult": "0x8004040D"}),
        json!({"point": "killed_before_execution"}),
        json!({"point": "killed_after_execution"}),
        json!({"point": "response_undelivered"}),
        json!({"point": "answer_unread", "operation": "sendRequestXML"}),
        json!({"point": "answer_unread", "operation": "receiveResponseXML"}),
        json!({"point": "executed_twice"}),
        json!({"point": "receive_response_twice"}),
    ] {
        let world = World::new().await;
        world.post("/control/faults", fault.clone()).await;
        let document = vendor_add("Acme", "same");
        world.hand_out(std::slice::from_ref(&document));
        world.update().await;
        world.responses();
        world.hand_out(std::slice::from_ref(&document));
        assert_eq!(world.update().await["result"], "ok", "{fault}");
        let last = world.responses().pop().unwrap().0;
        assert!(
            last.contains("messageSetStatusCode=\"0\"") && last.contains("statusCode=\"0\""),
            "{fault}: {last}"
        );
        assert!(last.contains("<ErrorRecovery>") || last.contains("<VendorRet>"));
        assert_eq!(world.vendors().await, ["Acme"], "{fault}");
        let (_, invariants) = world.control("GET", "/control/invariants", Value::Null).await;
        assert_eq!(invariants["ok"], true, "{invariants}");
        world.running.stop().await;
    }
}

#[tokio::test]
async fn hresults_are_delivered() {
    let world = World::new().await;
    world.hand_out(&["<?xml version=\"1.0\"?><QBXML/>".to_owned()]);
    world.update().await;
    assert_eq!(world.responses(), [(String::new(), "0x80040400".to_owned())]);
    world
        .post(
            "/control/faults",
            json!({"point": "begin_session", "hresult": "0x80040414"}),
        )
        .await;
    let answer = world.update().await;
    assert_eq!(answer["result"], "connection_error");
    world
        .post("/control/faults", json!({"point": "set_not_stored"}))
        .await;
    world.hand_out(&[vendor_add("A", "s1")]);
    world.update().await;
    assert!(world.responses()[0].0.contains("messageSetStatusCode=\"9005\""));
    world
        .post("/control/faults", json!({"point": "set_response_lost"}))
        .await;
    world.hand_out(&[
        vendor_add("B", "s2"),
        vendor_add("B", "s2"),
        vendor_add("C", "s2"),
    ]);
    world.update().await;
    let answers = world.responses();
    assert!(answers[1].0.contains("messageSetStatusCode=\"9002\""));
    world.running.stop().await;
}

#[tokio::test]
async fn a_person_at_quickbooks() {
    let world = World::new().await;
    let vendor = world
        .post("/control/records", json!({"kind": "vendor", "name": "Lew Plumbing", "phone": "555", "vendor_address": {"addr1": "Lew", "city": "Bayshore"}, "terms": "Net 30"}))
        .await["id"]
        .clone();
    world
        .post("/control/records", json!({"kind": "customer", "name": "Owner"}))
        .await;
    world
        .post(
            "/control/records",
            json!({"kind": "job", "name": "Tower", "parent": "Owner"}),
        )
        .await;
    world.post("/control/records", json!({"kind": "item_service", "name": "03-300", "sales_and_purchase": {"expense_account": "Job Expenses:Subcontractors", "purchase_cost": "5.00"}})).await;
    for (kind, extra) in [
        ("employee", json!({"first_name": "Ann", "last_name": "Lee"})),
        ("other_name", json!({"name": "Petty"})),
        (
            "item_other_charge",
            json!({"name": "Retainage", "sales_or_purchase": {"account": "Retainage Payable"}}),
        ),
        (
            "item_non_inventory",
            json!({"name": "Lumber", "sales_or_purchase": {"account": "Job Expenses"}}),
        ),
        ("account", json!({"name": "Permits", "account_type": "Expense"})),
        ("vendor_type", json!({"name": "Consultant"})),
        ("terms", json!({"name": "Net 45", "std_due_days": 45})),
        ("class", json!({"name": "North"})),
    ] {
        let mut fields = extra;
        fields["kind"] = json!(kind);
        world.post("/control/records", fields).await;
    }
    let order = world
        .post("/control/records", json!({"kind": "purchase_order", "vendor": "Lew Plumbing", "ref_number": "PO-1", "lines": [{"item": "03-300", "quantity": "10", "rate": "5.00", "customer": "Owner:Tower"}]}))
        .await["id"]
        .clone();
    let bill = world
        .post("/control/records", json!({"kind": "bill", "vendor": "Lew Plumbing", "ref_number": "B-1", "link_to_txn_id": order, "lines": [{"account": "Job Expenses", "amount": "20.00"}]}))
        .await["id"]
        .clone();
    let payment =
        world.post("/control/payments", json!({"bills": [{"txn_id": bill, "amount": "30.00"}], "method": "check", "ref_number": "1077", "date": "2026-03-04"})).await["txn_id"].clone();
    let card = world
        .post(
            "/control/payments",
            json!({"bills": [{"txn_id": bill}], "method": "credit_card"}),
        )
        .await;
    let (_, seen) = world
        .control(
            "GET",
            &format!("/control/records/{}", bill.as_str().unwrap()),
            Value::Null,
        )
        .await;
    assert_eq!(
        (seen["amount_due"].as_str(), seen["open_amount"].as_str()),
        (Some("70.00"), Some("0.00"))
    );
    world.post("/control/void", json!({"txn_id": payment})).await;
    world
        .post("/control/delete", json!({"txn_id": card["txn_id"]}))
        .await;
    let (_, seen) = world
        .control(
            "GET",
            &format!("/control/records/{}", bill.as_str().unwrap()),
            Value::Null,
        )
        .await;
    assert_eq!(seen["open_amount"], "70.00");
    let path = format!("/control/records/{}", vendor.as_str().unwrap());
    let (status, _) = world
        .control("PATCH", &path, json!({"name": "Lew & Sons", "is_active": false}))
        .await;
    assert_eq!(status, 200);
    let (status, refused) = world.control("DELETE", &path, Value::Null).await;
    assert_eq!((status, refused["status_code"].as_u64()), (422, Some(3160)));
    let (status, refused) = world
        .control("POST", "/control/records", json!({"kind": "vendor", "nome": "x"}))
        .await;
    assert_eq!(status, 400, "{refused}");
    world.post("/control/backup", json!({})).await;
    let lost = json!({"kind": "vendor", "name": "Entered after the backup"});
    let (_, lost) = world.control("POST", "/control/records", lost).await;
    world
        .post(
            "/control/records/bulk",
            json!({"kind": "vendor", "count": 500, "name_prefix": "Bulk "}),
        )
        .await;
    assert_eq!(world.vendors().await.len(), 502);
    world.post("/control/restore", json!({})).await;
    assert_eq!(world.vendors().await, ["Lew & Sons"]);
    let next = json!({"kind": "vendor", "name": "Entered after the restore"});
    let (_, next) = world.control("POST", "/control/records", next).await;
    assert_ne!(lost["id"], next["id"], "an id never comes again");
    world
        .post(
            "/control/open-file",
            json!({"path": "C:\\Other.qbw", "company_name": "Other"}),
        )
        .await;
    assert!(world.vendors().await.is_empty());
    let (_, invariants) = world.control("GET", "/control/invariants", Value::Null).await;
    assert_eq!(invariants["ok"], true, "{invariants}");
    world.running.stop().await;
}

#[tokio::test]
async fn a_file_is_moved_copied_and_upgraded_with_all_that_is_in_it() {
    let world = World::new().await;
    world
        .post("/control/records", json!({"kind": "vendor", "name": "Lew"}))
        .await;
    let (_, before) = world.control("GET", "/control/company-file", Value::Null).await;
    let moved = json!({"path": "D:\\New.qbw", "company_name": "New"});
    assert_eq!(
        world.control("POST", "/control/move-file", moved.clone()).await.1,
        moved
    );
    let copy = json!({"path": "E:\\Copy.qbw", "copy": true});
    world.post("/control/move-file", copy).await;
    assert_eq!(world.vendors().await, ["Lew"]);
    world
        .post("/control/records", json!({"kind": "vendor", "name": "Sue"}))
        .await;
    let upgraded = world
        .control("POST", "/control/upgrade", json!({"product_year": 2025}))
        .await;
    assert_eq!(upgraded.0, 200, "{upgraded:?}");
    assert!(upgraded.1["touched"].as_u64() > Some(2));
    let back = json!({"product_year": 2024});
    assert_eq!(world.control("POST", "/control/upgrade", back).await.0, 400);
    let (_, after) = world.control("GET", "/control/company-file", Value::Null).await;
    assert_eq!(after["company"]["product_year"], 2025);
    assert_eq!(
        after["company"]["data_extensions"],
        before["company"]["data_extensions"]
    );
    assert_ne!(
        after["lists"]["vendors"][0]["edit_sequence"],
        before["lists"]["vendors"][0]["edit_sequence"]
    );
    // The original is as it was left.
    world.post("/control/open-file", moved).await;
    assert_eq!(world.vendors().await, ["Lew"]);
    world.running.stop().await;
}

#[tokio::test]
async fn registration_is_refused_with_the_connectors_codes() {
    let world = World::new().await;
    let qwc = world.qwc();
    let dead = qwc.replace("/qbwc</AppURL>", "/nothing</AppURL>");
    let error = world.running.register(&dead, None).await.unwrap_err();
    assert_eq!(error.code, "QBWC1048");
    let unsupported = qwc.replace("/qbwc</AppSupport>", "/nothing</AppSupport>");
    assert_eq!(
        world.running.register(&unsupported, None).await.unwrap_err().code,
        "QBWC1004"
    );
    let clone = qwc.replace(">Test<", ">Clone<");
    assert_eq!(
        world.running.register(&clone, None).await.unwrap_err().code,
        "QBWC1039"
    );
    let other_file = qwc.replace("90A44FB5", "A0A44FB5");
    assert_eq!(
        world.running.register(&other_file, None).await.unwrap_err().code,
        "QBWC1026"
    );
    world.running.stop().await;
}
