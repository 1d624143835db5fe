//! Exports, from the accountant's click to the company file and back: over real HTTP and SOAP, both sides read afterwards.
//! Each test names the rows of the feature table it proves.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use plumbline::{
    clock::Clock,
    commands::unlink::{self, What},
    config::Serving,
    connections::store,
    mirror,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use support::{
    site::{Site, accounts, codes},
    stage::{Setting, Stage, array, find, ids, text},
    world::{eventually, serving},
};

fn money(value: &Value, key: &str) -> Decimal {
    text(value, key)
        .parse()
        .unwrap_or_else(|_| panic!("{key} of {value} is no amount"))
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not told: {message}");
    }
}

// ---- cost codes

// COD-01, COD-06, MAP-01, QBD-48
#[tokio::test]
async fn cod_01_cod_06_map_01_qbd_48_twenty_codes_become_service_items_and_come_back_equal() {
    let stage = Stage::new().await;
    let parents = codes(&stage, &[("01", "General", None), ("02", "Sitework", None)]).await;
    let leaves: Vec<(String, String, Option<i64>)> = (0..18)
        .map(|n| {
            let name = format!("Work {n}: façade & “trim”");
            (format!("{:03}", 100 + n), name, Some(parents[n % 2]))
        })
        .collect();
    let wanted: Vec<(&str, &str, Option<i64>)> = leaves
        .iter()
        .map(|(code, name, parent)| (code.as_str(), name.as_str(), *parent))
        .collect();
    let leaf_ids = codes(&stage, &wanted).await;
    let all: Vec<i64> = parents.iter().chain(&leaf_ids).copied().collect();
    let before = stage.list("items").await.len();
    stage.export("standard_cost_codes", &all, accounts(&stage)).await;

    let (state, file) = (stage.state().await, stage.file().await);
    assert_eq!(array(&file["lists"], "items").len(), before + 20);
    for id in &all {
        stage.succeeded(*id).await;
        let code = find(&state, "standard_cost_codes", "id", &json!(id));
        assert_eq!(code["erp_status"], "synced");
        let item = find(&file["lists"], "items", "id", &code["origin_id"]);
        assert_eq!(item["kind"], "item_service");
        assert_eq!(item["name"], code["code"], "the name is the code");
        assert_eq!(item["is_active"], true);
        assert_eq!(
            item["full_name"],
            json!(text(&code, "full_code").replace('-', ":"))
        );
        let both = &item["sales_and_purchase"];
        let description = text(&code, "name").replace(['“', '”'], "\"");
        assert_eq!(both["sales_desc"], json!(description));
        assert_eq!(both["purchase_desc"], json!(description));
        assert_eq!(both["income_account_id"], json!(stage.books.income_account));
        assert_eq!(both["expense_account_id"], json!(stage.books.expense_account));
    }
    // The round trip: QuickBooks' list is read back, and nothing in Procore changes or stands twice.
    let names = |state: &Value| -> Vec<(String, String, String)> {
        let mut names: Vec<_> = array(state, "standard_cost_codes")
            .iter()
            .filter(|code| code["origin_id"].is_string())
            .map(|code| {
                (
                    text(code, "full_code"),
                    text(code, "name"),
                    text(code, "origin_id"),
                )
            })
            .collect();
        names.sort();
        names
    };
    stage.refresh("standard_cost_codes").await;
    let again = stage.state().await;
    let kept: Vec<_> = names(&again)
        .into_iter()
        .filter(|(_, _, origin)| names(&state).iter().any(|(_, _, known)| known == origin))
        .collect();
    assert_eq!(kept, names(&state));
    stage.end().await;
}

#[tokio::test]
async fn cod_06_a_code_without_income_account_is_refused_and_goes_once_one_is_chosen() {
    let stage = Stage::new().await;
    let code = codes(&stage, &[("03-100", "Formwork", None)]).await[0];
    let before = stage.list("items").await;
    stage.export("standard_cost_codes", &[code], json!({})).await;
    has(&stage.failed(code).await, &["03-100", "income account"]);
    assert_eq!(stage.list("items").await, before, "nothing was written");
    assert_eq!(
        stage.record("standard_cost_codes", code).await["origin_id"],
        Value::Null
    );
    // The expense account is optional: none is guessed.
    let fields = json!({"income_account_origin_id": stage.books.income_account});
    stage.export("standard_cost_codes", &[code], fields).await;
    stage.succeeded(code).await;
    let item = find(&stage.file().await["lists"], "items", "name", &json!("03-100"));
    assert_eq!(
        item["sales_and_purchase"]["income_account_id"],
        json!(stage.books.income_account)
    );
    assert_eq!(item["sales_and_purchase"]["expense_account_id"], Value::Null);
    assert_eq!(
        stage.record("standard_cost_codes", code).await["origin_id"],
        item["id"]
    );
    stage.end().await;
}

#[tokio::test]
async fn cod_10_over_31_in_a_level_or_96_in_all_is_refused_and_31_is_not() {
    let stage = Stage::new().await;
    let fits = "A".repeat(31);
    let over = "B".repeat(32);
    let mut wanted = codes(&stage, &[(&fits, "Fits", None), (&over, "Over", None)]).await;
    // Four levels of 25 characters are 103 in all; three are 77.
    let mut parent = None;
    for n in 0..4 {
        let level = format!("{n}{}", "C".repeat(24));
        let id = codes(&stage, &[(&level, "Deep", parent)]).await[0];
        parent = Some(id);
        wanted.push(id);
    }
    let before = stage.list("items").await.len();
    stage
        .export("standard_cost_codes", &wanted, accounts(&stage))
        .await;
    for id in [wanted[0], wanted[2], wanted[3], wanted[4]] {
        stage.succeeded(id).await;
    }
    has(&stage.failed(wanted[1]).await, &[&over, "32 characters", "31"]);
    has(&stage.failed(wanted[5]).await, &["103 characters", "96"]);
    assert_eq!(stage.list("items").await.len(), before + 4);
    find(&stage.file().await["lists"], "items", "name", &json!(fits));
    stage.end().await;
}

#[tokio::test]
async fn cod_10_a_code_equal_to_an_item_of_another_type_is_refused_naming_it() {
    let stage = Stage::new().await;
    let own = json!({"sales_or_purchase": {"account": stage.books.income_account, "price": "1.00"}});
    let named = |name: &str| {
        let mut fields = own.clone();
        fields["name"] = json!(name);
        fields
    };
    // One the service has read, one it has not.
    stage.person_adds("item_other_charge", &named("9100")).await;
    stage.refresh("standard_cost_codes").await;
    stage.person_adds("item_non_inventory", &named("9200")).await;
    let items = stage.list("items").await;
    let wanted = codes(
        &stage,
        &[
            ("9100", "Freight", None),
            ("9200", "Bolts", None),
            ("9300", "Nails", None),
        ],
    )
    .await;
    stage
        .export("standard_cost_codes", &wanted, accounts(&stage))
        .await;
    has(&stage.failed(wanted[0]).await, &["9100", "Other Charge"]);
    has(&stage.failed(wanted[1]).await, &["9200", "Non Inventory"]);
    stage.succeeded(wanted[2]).await;
    let after = stage.list("items").await;
    assert_eq!(after.len(), items.len() + 1);
    for item in &items {
        assert!(after.contains(item), "changed: {item}");
    }
    stage.end().await;
}

#[tokio::test]
async fn cod_09_a_commitment_waits_for_its_cost_code_and_goes_by_itself() {
    let site = Site::new().await;
    let stage = &site.stage;
    let code = codes(stage, &[("77-700", "Late code", None)]).await[0];
    let answer = stage
        .make(
            "/projects",
            &json!({"name": "Second Tower", "active": true, "cost_codes": [code]}),
        )
        .await;
    let (commitment, lines) = site.subcontract("SC-001", &["10.00", "20.00"]).await;
    stage
        .edit(
            "line_item",
            lines[1],
            &json!({"cost_code_id": answer["cost_code_ids"][0][0]}),
        )
        .await;
    // The code fails, for its income account is missing; the commitment is sent before anybody notices.
    let before = stage.orders().await;
    stage.click("standard_cost_codes", &[code], json!({})).await;
    stage.force("commitment", commitment).await;
    stage.planned(before + 2).await;
    let waiting = async || {
        let tasks = stage.tasks().await;
        let task = tasks
            .iter()
            .find(|(label, _, _)| label.starts_with("Commitment SC-001"));
        let (_, status, said) = task.unwrap().clone();
        (status, said)
    };
    let (status, said) = waiting().await;
    assert_eq!(status, "waiting");
    has(&said, &["waiting for Cost code '77-700 Late code'"]);
    stage.run().await;
    let told = eventually("the code's failure is told", async || {
        let (status, messages) = stage.detail(code).await;
        (status == "failed").then_some(messages)
    })
    .await;
    has(&told, &["77-700", "income account"]);
    stage.run().await;
    let (status, said) = waiting().await;
    assert_eq!(status, "waiting", "{said}");
    has(
        &said,
        &["Cost code '77-700 Late code', which failed: send it again"],
    );
    assert_eq!(stage.transactions("purchase_orders").await, Vec::<Value>::new());
    assert_ne!(stage.detail(commitment).await.0, "failed");
    // Only the code is sent again; the commitment follows without another click.
    stage
        .export("standard_cost_codes", &[code], accounts(stage))
        .await;
    stage.succeeded(code).await;
    stage.succeeded(commitment).await;
    let orders = stage.transactions("purchase_orders").await;
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0]["lines"][0]["item_id"], json!(site.items[0]));
    let origin = stage.record("standard_cost_codes", code).await["origin_id"].clone();
    assert_eq!(orders[0]["lines"][1]["item_id"], origin);
    assert_eq!(
        stage.record("commitments", commitment).await["origin_id"],
        orders[0]["id"]
    );
    site.stage.end().await;
}

#[tokio::test]
async fn cod_09_a_project_waits_for_its_cost_codes_and_goes_by_itself() {
    let stage = Stage::new().await;
    let code = codes(&stage, &[("01-100", "Concrete", None)]).await[0];
    let project = stage
        .made(
            "/projects",
            &json!({"name": "Harbor Tower", "active": true, "cost_codes": [code]}),
        )
        .await[0];
    // Both before the Web Connector runs: the order of the project cannot name the code's item yet.
    stage
        .click("standard_cost_codes", &[code], accounts(&stage))
        .await;
    let customer = json!({"customer_origin_id": stage.books.customer});
    stage.export("project", &[project], customer).await;
    stage.succeeded(code).await;
    stage.succeeded(project).await;
    let state = stage.state().await;
    let item = text(
        &find(&state, "standard_cost_codes", "id", &json!(code)),
        "origin_id",
    );
    let job = text(&find(&state, "projects", "id", &json!(project)), "origin_id");
    assert_eq!(
        array(&state, "cost_codes")[0]["origin_id"],
        json!(format!("{job}|{item}"))
    );
    stage.end().await;
}

#[tokio::test]
async fn cod_08_a_code_that_was_never_sent_is_named() {
    let site = Site::new().await;
    let stage = &site.stage;
    let code = codes(stage, &[("77-700", "Not sent", None)]).await[0];
    let answer = stage
        .make(
            "/projects",
            &json!({"name": "Second Tower", "active": true, "cost_codes": [code]}),
        )
        .await;
    let second = answer["ids"][0].as_i64().unwrap();
    let customer = json!({"customer_origin_id": stage.books.customer});
    stage.export("project", &[second], customer).await;
    has(
        &stage.failed(second).await,
        &["Second Tower", "77-700", "Send the code first"],
    );
    assert!(
        !stage
            .list("customers")
            .await
            .iter()
            .any(|job| job["name"] == "Second Tower")
    );
    // A commitment whose line lost its code; Procore itself would not let it through.
    let (commitment, lines) = site.subcontract("SC-009", &["10.00", "20.00"]).await;
    stage
        .edit(
            "line_item",
            lines[1],
            &json!({"cost_code_id": answer["cost_code_ids"][0][0]}),
        )
        .await;
    stage.force("commitment", commitment).await;
    stage.settle().await;
    has(&stage.failed(commitment).await, &["SC-009", "77-700", "line 2"]);
    assert_eq!(stage.transactions("purchase_orders").await, Vec::<Value>::new());
    assert_eq!(
        stage.record("commitments", commitment).await["origin_id"],
        Value::Null
    );
    site.stage.end().await;
}

// ---- projects

// MAP-06, MAP-07, QBD-39
#[tokio::test]
async fn map_06_map_07_qbd_39_a_project_becomes_a_job_and_no_customer_changes() {
    let stage = Stage::new().await;
    let code = codes(&stage, &[("01-100", "Concrete", None)]).await[0];
    stage
        .export("standard_cost_codes", &[code], accounts(&stage))
        .await;
    let name = format!("Tower {}", "x".repeat(35));
    assert_eq!(name.len(), 41);
    let project = |name: &str, number: &str| {
        json!({"name": name, "number": number, "address": "1 Harbor Way, Dock 5", "city": "Carpinteria", "state_code": "CA",
            "zip": "93013", "active": true, "cost_codes": [code]})
    };
    let answer = stage
        .make(
            "/projects",
            &json!([
                project(&name, "2026-014"),
                project(&format!("{name}y"), "1"),
                project("Second", "2026-015")
            ]),
        )
        .await;
    let projects = ids(&answer["ids"]);
    let customers = stage.list("customers").await;
    let customer = json!({"customer_origin_id": stage.books.customer});
    stage.export("project", &projects[..2], customer.clone()).await;
    stage
        .set(&["project_number_field=account_number".to_owned()])
        .await;
    stage.export("project", &projects[2..], customer).await;

    stage.succeeded(projects[0]).await;
    has(
        &stage.failed(projects[1]).await,
        &["This Job cannot be sent to ERP because name must be less than 42 characters."],
    );
    stage.succeeded(projects[2]).await;
    let (state, file) = (stage.state().await, stage.file().await);
    let after = array(&file["lists"], "customers");
    assert_eq!(after.len(), customers.len() + 2);
    for known in &customers {
        assert!(after.contains(known), "a customer was changed: {known}");
    }
    let job = find(&file["lists"], "customers", "name", &json!(name));
    assert_eq!(job["full_name"], json!(format!("Acme Development:{name}")));
    assert_eq!(job["job_desc"], "2026-014");
    assert_eq!(job["account_number"], Value::Null);
    for address in ["bill_address", "ship_address"] {
        assert_eq!(job[address]["addr1"], "1 Harbor Way, Dock 5");
        assert_eq!(job[address]["city"], "Carpinteria");
        assert_eq!(job[address]["state"], "CA");
        assert_eq!(job[address]["postal_code"], "93013");
    }
    let second = find(&file["lists"], "customers", "name", &json!("Second"));
    assert_eq!(
        (&second["account_number"], &second["job_desc"]),
        (&json!("2026-015"), &Value::Null)
    );
    let linked = find(&state, "projects", "id", &json!(projects[0]));
    assert_eq!(linked["origin_id"], job["id"]);
    // Its cost code is the item under this job.
    let item = text(
        &find(&state, "standard_cost_codes", "id", &json!(code)),
        "origin_id",
    );
    let copy = find(&state, "cost_codes", "id", &answer["cost_code_ids"][0][0]);
    assert_eq!(copy["origin_id"], json!(format!("{}|{item}", text(&job, "id"))));
    assert!(!array(&state, "cost_code_line_item_types").is_empty());
    stage.end().await;
}

// ---- vendors

// MAP-08, MAP-09, MAP-10, MAP-11, MAP-12, MAP-13, QBD-40
#[tokio::test]
async fn map_08_to_map_13_qbd_40_a_company_becomes_a_vendor_field_by_field() {
    let stage = Stage::new().await;
    let kind = text(&stage.list("vendor_types").await[0], "id");
    let company = |name: &str| {
        json!({"name": name, "address": "100 Main Street\nSuite 200", "city": "Carpinteria", "state_code": "CA", "zip": "93013",
            "country_code": "US", "business_phone": "(805) 555-0100", "fax_number": "(805) 555-0101",
            "email_address": "office@example.com", "is_active": true})
    };
    let mut long = company("Long Street Builders");
    long["address"] = json!(
        "Building Seven of the Old Harbor Industrial Park beside the Railway Station at the Far End of Pier Road"
    );
    let mut phone = company("Two Phones");
    phone["business_phone"] = json!("(805) 555-0100 ext. 12");
    phone["fax_number"] = json!("(805) 555-0101 ext. 1234");
    let mut overflow = company("Endless Street");
    overflow["address"] = json!("Street ".repeat(60));
    let made = stage
        .made(
            "/vendors",
            &json!([company("Lew Plumbing"), long, phone, overflow]),
        )
        .await;
    stage
        .export("vendor", &made, json!({"vendor_type_origin_id": kind}))
        .await;

    let (state, file) = (stage.state().await, stage.file().await);
    assert_eq!(
        array(&file["lists"], "vendors").len(),
        2,
        "exactly the two that fit"
    );
    stage.succeeded(made[0]).await;
    let vendor = find(&file["lists"], "vendors", "name", &json!("Lew Plumbing"));
    assert_eq!(
        find(&state, "vendors", "id", &json!(made[0]))["origin_id"],
        vendor["id"]
    );
    assert_eq!(vendor["is_active"], true);
    assert_eq!(vendor["company_name"], "Lew Plumbing");
    assert_eq!(vendor["vendor_type_id"], json!(kind));
    assert_eq!(vendor["phone"], "(805) 555-0100");
    assert_eq!(vendor["fax"], "(805) 555-0101");
    assert_eq!(vendor["email"], "office@example.com");
    let address = &vendor["vendor_address"];
    assert_eq!(
        [&address["addr1"], &address["addr2"], &address["addr3"]],
        ["Lew Plumbing", "100 Main Street", "Suite 200"]
    );
    assert_eq!(
        [
            &address["city"],
            &address["state"],
            &address["postal_code"],
            &address["country"]
        ],
        ["Carpinteria", "CA", "93013", "US"]
    );
    // Wrapped on words, not cut.
    stage.succeeded(made[1]).await;
    let wrapped = find(&file["lists"], "vendors", "name", &json!("Long Street Builders"));
    let lines: Vec<String> = (2..=5)
        .map(|n| text(&wrapped["vendor_address"], &format!("addr{n}")))
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(
        lines.join(" "),
        "Building Seven of the Old Harbor Industrial Park beside the Railway Station at the Far End of Pier Road"
    );
    assert!(lines.iter().all(|line| line.chars().count() <= 41), "{lines:?}");
    has(
        &stage.failed(made[2]).await,
        &[
            "business phone",
            "22 characters",
            "fax number",
            "24 characters",
            "at most 21",
        ],
    );
    has(
        &stage.failed(made[3]).await,
        &["address", "Endless Street", "at most 5 lines of 41"],
    );
    stage.end().await;
}

// MAP-09, COMP-11
#[tokio::test]
async fn map_09_comp_11_names_of_41_42_and_500_characters_and_what_quickbooks_cannot_hold() {
    let stage = Stage::new().await;
    let names: Vec<(String, Option<&str>)> = vec![
        ("x".repeat(41), None),
        ("é".repeat(41), None),
        (
            "y".repeat(42),
            Some("This Vendor cannot be sent to ERP because name must be less than 42 characters."),
        ),
        ("z ".repeat(250), Some("name must be less than 42 characters")),
        ("Two:Parts".to_owned(), Some("colon")),
        ("Pérez & Söhne <A/S>".to_owned(), None),
        ("“Best” Drywall – O’Neill…".to_owned(), None),
        ("建設 Works".to_owned(), None),
        ("Rocket 🚀 Roofing".to_owned(), None),
        ("Bell\u{7}and\u{1b}Tab\tBuilders\u{200b}".to_owned(), None),
        ("\u{65}\u{301}cole \u{fb01}re".to_owned(), None),
    ];
    let wanted = ["x", "é"].map(|letter| letter.repeat(41));
    let held: Vec<&str> = vec![
        &wanted[0],
        &wanted[1],
        "Pérez & Söhne <A/S>",
        "\"Best\" Drywall - O'Neill...",
        "?? Works",
        "Rocket ? Roofing",
        "BellandTab Builders",
        "école fire",
    ];
    let body: Vec<Value> = names.iter().map(|(name, _)| json!({"name": name})).collect();
    let made = stage.made("/vendors", &json!(body)).await;
    stage.export("vendor", &made, json!({})).await;
    let vendors = stage.list("vendors").await;
    let state = stage.state().await;
    let mut stand = held.into_iter();
    for (id, (name, refused)) in made.iter().zip(&names) {
        if let Some(message) = refused {
            has(&stage.failed(*id).await, &[message]);
            assert_eq!(
                find(&state, "vendors", "id", &json!(id))["origin_id"],
                Value::Null
            );
            continue;
        }
        stage.succeeded(*id).await;
        let record = find(&state, "vendors", "id", &json!(id));
        assert_eq!(record["name"], json!(name), "Procore's own name stays");
        let vendor = vendors
            .iter()
            .find(|vendor| vendor["id"] == record["origin_id"])
            .unwrap();
        assert_eq!(vendor["name"], json!(stand.next().unwrap()));
    }
    assert_eq!(vendors.len(), 8);
    stage.end().await;
}

#[tokio::test]
async fn comp_09_a_company_named_as_another_record_is_refused_saying_which() {
    let stage = Stage::new().await;
    // These the service has read …
    stage
        .person_adds("other_name", &json!({"name": "Petty Cash Box"}))
        .await;
    stage
        .person_adds("vendor", &json!({"name": "Old Vendor", "is_active": false}))
        .await;
    stage.refresh("vendors").await;
    stage.refresh("jobs").await;
    // … and these it has not.
    stage
        .person_adds("customer", &json!({"name": "New Customer"}))
        .await;
    stage
        .person_adds("employee", &json!({"first_name": "Ann", "last_name": "Smith"}))
        .await;
    let names = [
        "acme development",
        "Petty Cash Box",
        "Old Vendor",
        "New Customer",
        "Ann Smith",
    ];
    let before = stage.list("vendors").await;
    let body: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    let made = stage.made("/vendors", &json!(body)).await;
    stage.export("vendor", &made, json!({})).await;
    for (id, parts) in made.iter().zip([
        vec![
            "already used in QuickBooks by the customer \"Acme Development\"",
            "Link",
            "new name",
            "acme development (Vendor)",
        ],
        vec!["the other name \"Petty Cash Box\"", "Link", "new name"],
        vec![
            "the inactive vendor \"Old Vendor\"",
            "Link the company to that vendor",
            "new name",
        ],
        vec!["the customer \"New Customer\"", "Link", "new name"],
        vec!["the employee \"Ann Smith\"", "Link", "new name"],
    ]) {
        has(&stage.failed(*id).await, &parts);
        assert_eq!(stage.record("vendors", *id).await["origin_id"], Value::Null);
    }
    assert_eq!(stage.list("vendors").await, before, "nothing was written");
    stage.end().await;
}

#[tokio::test]
async fn map_08_export_pressed_twice_makes_one_vendor() {
    let stage = Stage::new().await;
    let vendor = stage.made("/vendors", &json!({"name": "Lew Plumbing"})).await[0];
    // Twice before the Web Connector runs, and once more afterwards.
    stage.force("vendor", vendor).await;
    stage.force("vendor", vendor).await;
    stage.planned(2).await;
    stage.settle().await;
    stage.force("vendor", vendor).await;
    stage.settle().await;
    let details = array(&stage.state().await, "request_details");
    assert_eq!(details.len(), 3);
    for detail in &details {
        assert_eq!(detail["status"], "success", "{detail}");
    }
    let vendors = stage.list("vendors").await;
    assert_eq!(vendors.len(), 1);
    assert_eq!(
        stage.record("vendors", vendor).await["origin_id"],
        vendors[0]["id"]
    );
    stage.end().await;
}

#[tokio::test]
async fn one_bad_vendor_of_forty_stops_no_other() {
    let stage = Stage::new().await;
    let body: Vec<Value> = (0..40)
        .map(|n| match n {
            13 => json!({"name": "N".repeat(42)}),
            23 => json!({"name": "Poison Vendor"}),
            _ => json!({"name": format!("Vendor {n:02}")}),
        })
        .collect();
    let made = stage.made("/vendors", &json!(body)).await;
    // QuickBooks takes no document with this one in it: all nineteen beside it would go down with it.
    let fault = json!({"point": "before_execution", "hresult": "0x80040400", "text": "QuickBooks found an error when parsing",
        "only": "Poison Vendor", "times": 100});
    stage.quickbooks.post("/control/faults", &fault).await;
    stage.export("vendor", &made, json!({})).await;
    for (n, id) in made.iter().enumerate() {
        match n {
            13 => has(&stage.failed(*id).await, &["less than 42 characters"]),
            23 => has(
                &stage.failed(*id).await,
                &["could not read this record", "0x80040400", "Nothing was written"],
            ),
            _ => stage.succeeded(*id).await,
        }
    }
    assert_eq!(stage.list("vendors").await.len(), 38);
    stage.end().await;
}

#[tokio::test]
async fn comp_11_a_refresh_does_not_bring_quickbooks_replacements_back_into_procore() {
    let stage = Stage::new().await;
    let code = codes(&stage, &[("01-100", "Béton 建設 “as built” 🏗", None)]).await[0];
    stage
        .export("standard_cost_codes", &[code], accounts(&stage))
        .await;
    stage.succeeded(code).await;
    let item = find(&stage.file().await["lists"], "items", "name", &json!("01-100"));
    assert_eq!(
        item["sales_and_purchase"]["purchase_desc"],
        "Béton ?? \"as built\" ?"
    );
    stage.refresh("standard_cost_codes").await;
    assert_eq!(
        stage.record("standard_cost_codes", code).await["name"],
        "Béton 建設 “as built” 🏗"
    );
    // What somebody writes in QuickBooks does come over.
    let mut description = json!({"sales_and_purchase": {"purchase_desc": "Poured by hand"}});
    description["sales_and_purchase"]["sales_desc"] = json!("Poured by hand");
    stage
        .quickbooks
        .patch(&format!("/control/records/{}", text(&item, "id")), &description)
        .await;
    stage.refresh("standard_cost_codes").await;
    assert_eq!(
        stage.record("standard_cost_codes", code).await["name"],
        "Poured by hand"
    );
    stage.end().await;
}

// COMP-11, ADV-16
#[tokio::test]
async fn comp_11_adv_16_a_refresh_does_not_rename_companies_to_what_quickbooks_could_hold() {
    let stage = Stage::new().await;
    stage.set(&["update_vendors_on_refresh=true".to_owned()]).await;
    let name = "建設 “Best” Works";
    let vendor = stage
        .made(
            "/vendors",
            &json!({"name": name, "address": "1 Harbor Way\nDock 5", "city": "Łódź"}),
        )
        .await[0];
    stage.export("vendor", &[vendor], json!({})).await;
    stage.succeeded(vendor).await;
    assert_eq!(stage.list("vendors").await[0]["name"], "?? \"Best\" Works");
    stage.refresh("vendors").await;
    let record = stage.record("vendors", vendor).await;
    assert_eq!(record["name"], json!(name));
    assert_eq!(record["city"], "Łódź");
    assert_eq!(record["address"], "1 Harbor Way\nDock 5");
    stage.end().await;
}

// ---- webhooks

#[tokio::test]
async fn the_same_webhook_twice_and_two_webhooks_for_one_click_make_one_vendor() {
    let stage = Stage::new().await;
    let made = stage
        .made("/vendors", &json!([{"name": "Duplicate"}, {"name": "Twin"}]))
        .await;
    stage
        .procore
        .post("/control/webhooks", &json!({"duplicate": 1}))
        .await;
    stage.export("vendor", &made[..1], json!({})).await;
    stage.procore.post("/control/webhooks", &json!({"twin": 1})).await;
    stage.export("vendor", &made[1..], json!({})).await;
    // The second copy may come after all is done.
    let arrived = async || {
        let deliveries = array(&stage.state().await, "deliveries");
        let open = deliveries
            .iter()
            .any(|delivery| delivery["status"] != "delivered");
        (!open && deliveries.len() >= 3).then_some(deliveries.len())
    };
    eventually("all webhooks are delivered", arrived).await;
    stage.planned(2).await;
    stage.run().await;
    for (id, name) in made.iter().zip(["Duplicate", "Twin"]) {
        stage.succeeded(*id).await;
        let vendor = find(&stage.file().await["lists"], "vendors", "name", &json!(name));
        assert_eq!(stage.record("vendors", *id).await["origin_id"], vendor["id"]);
    }
    assert_eq!(stage.list("vendors").await.len(), 2);
    assert_eq!(stage.orders().await, 2);
    stage.end().await;
}

#[tokio::test]
async fn a_lost_webhook_is_found_by_polling() {
    let stage = Stage::with(Setting {
        serving: Serving {
            poll_every: 1,
            ..serving()
        },
        clock: Clock::System,
        ..Setting::default()
    })
    .await;
    let vendor = stage.made("/vendors", &json!({"name": "Lost and Found"})).await;
    stage.procore.post("/control/webhooks", &json!({"lose": 1})).await;
    stage.click("vendor", &vendor, json!({})).await;
    stage.planned(1).await;
    let by: String = sqlx::query_scalar("select found_by from erp_requests")
        .fetch_one(stage.world.db())
        .await
        .unwrap();
    assert_eq!(by, "poll");
    stage.settle().await;
    stage.succeeded(vendor[0]).await;
    let vendors = stage.list("vendors").await;
    assert_eq!(vendors.len(), 1);
    assert_eq!(
        stage.record("vendors", vendor[0]).await["origin_id"],
        vendors[0]["id"]
    );
    stage.end().await;
}

#[tokio::test]
async fn an_unknown_order_is_answered_and_holds_up_nothing() {
    let stage = Stage::new().await;
    let vendor = stage.made("/vendors", &json!({"name": "Lew Plumbing"})).await[0];
    let before = stage.file().await["lists"].clone();
    let event = json!({"request_name": "create_prime_contract", "request_data": {"prime_contract": {"id": 1}},
        "request_detail": {"item_type": "vendor", "item_id": vendor}});
    stage.make("/event", &event).await;
    stage.settle_at_least(1).await;
    has(
        &stage.failed(vendor).await,
        &[
            "create_prime_contract",
            "does not handle it",
            "Nothing was changed in QuickBooks",
        ],
    );
    assert_eq!(stage.file().await["lists"], before);
    stage.export("vendor", &[vendor], json!({})).await;
    stage.succeeded(vendor).await;
    assert_eq!(stage.list("vendors").await.len(), 1);
    stage.end().await;
}

// ---- commitments

// QBD-43, MAP-22, MAP-26
#[tokio::test]
async fn qbd_43_map_22_map_26_both_kinds_of_commitment_become_purchase_orders_line_by_line() {
    let site = Site::new().await;
    let stage = &site.stage;
    let body = |kind: &str, number: &str| {
        json!({"project_id": site.project, "vendor_id": site.vendor, "type": kind, "number": number, "title": "Concrete – “tower”",
        "description": "As per drawings", "accounting_method": "amount", "lines": [
            {"cost_code_id": site.codes[1], "description": "Second code first", "amount": "2500.00"},
            {"cost_code_id": site.codes[0], "description": "Zero", "amount": "0.00"},
            {"cost_code_id": site.codes[0], "description": "Deduction", "amount": "-100.10"},
            {"cost_code_id": site.codes[1], "description": "Second code again", "amount": "0.01"},
        ]})
    };
    let answer = stage
        .make(
            "/commitments",
            &json!([
                body("WorkOrderContract", "SC-001"),
                body("PurchaseOrderContract", "PO-001")
            ]),
        )
        .await;
    let commitments = ids(&answer["ids"]);
    stage.export("commitment", &commitments, json!({})).await;
    let (state, file) = (stage.state().await, stage.file().await);
    assert_eq!(array(&file["transactions"], "purchase_orders").len(), 2);
    for ((id, number), lines) in commitments
        .iter()
        .zip(["SC-001", "PO-001"])
        .zip(array(&answer, "line_ids"))
    {
        stage.succeeded(*id).await;
        let commitment = find(&state, "commitments", "id", &json!(id));
        let order = find(
            &file["transactions"],
            "purchase_orders",
            "ref_number",
            &json!(number),
        );
        assert_eq!(commitment["origin_id"], order["id"]);
        assert_eq!(commitment["origin_code"], json!(number));
        assert_eq!(commitment["erp_status"], "synced");
        assert_eq!(order["vendor_id"], json!(site.vendor_id));
        assert_eq!(order["memo"], "Concrete - \"tower\"");
        assert_eq!(order["vendor_msg"], "As per drawings");
        assert_eq!(money(&order, "total_amount"), decimal("2399.91"));
        let there = array(&order, "lines");
        let wanted = [
            (&site.items[1], "Second code first", "2500.00"),
            (&site.items[0], "Zero", "0.00"),
            (&site.items[0], "Deduction", "-100.10"),
            (&site.items[1], "Second code again", "0.01"),
        ];
        assert_eq!(there.len(), wanted.len());
        for ((line, (item, desc, amount)), procore) in there.iter().zip(wanted).zip(ids(&lines)) {
            assert_eq!(line["item_id"], json!(item));
            assert_eq!(line["desc"], desc);
            assert_eq!(money(line, "amount"), decimal(amount));
            assert_eq!(line["customer_id"], json!(site.job));
            assert_eq!(
                line["quantity"],
                Value::Null,
                "an amount-based line has no quantity"
            );
            let known = array(&commitment, "lines");
            let known = known.iter().find(|known| known["id"] == json!(procore)).unwrap();
            assert_eq!(known["origin_id"], line["txn_line_id"], "each line is linked");
        }
    }
    site.stage.end().await;
}

// ADV-07, ADV-08, ADV-09
#[tokio::test]
async fn adv_07_adv_08_adv_09_the_purchase_order_number() {
    let site = Site::new().await;
    let stage = &site.stage;
    let eleven = "SC-2026-001";
    let twelve = "SC-2026-001A";
    assert_eq!((eleven.len(), twelve.len()), (11, 12));
    let mut made = Vec::new();
    for number in [eleven, twelve, "SC-003", "SC-004", "SC-005"] {
        made.push(site.subcontract(number, &["10.00"]).await.0);
    }
    let typed = async |id: i64, code: &str| {
        stage
            .make(
                "/export",
                &json!({"what": "commitment", "ids": [id], "code": code}),
            )
            .await;
        stage.settle().await;
    };
    stage.export("commitment", &made[..2], json!({})).await;
    typed(made[2], "PO-77").await;
    typed(made[3], "").await;
    stage.set(&["use_procore_contract_number=false".to_owned()]).await;
    typed(made[4], "").await;

    stage.succeeded(made[0]).await;
    has(
        &stage.failed(made[1]).await,
        &[twelve, "12 characters", "at most 11", eleven, "shorter"],
    );
    stage.succeeded(made[2]).await;
    stage.succeeded(made[3]).await;
    has(
        &stage.failed(made[4]).await,
        &["QuickBooks Desktop ID can't be blank."],
    );
    let state = stage.state().await;
    let mut numbers: Vec<String> = stage
        .transactions("purchase_orders")
        .await
        .iter()
        .map(|order| text(order, "ref_number"))
        .collect();
    numbers.sort();
    assert_eq!(numbers, ["PO-77", "SC-004", eleven]);
    for (id, number, code) in [
        (made[0], eleven, json!(eleven)),
        (made[2], "SC-003", json!("PO-77")),
        (made[1], twelve, Value::Null),
    ] {
        let commitment = find(&state, "commitments", "id", &json!(id));
        assert_eq!(commitment["number"], json!(number), "Procore's number stays");
        assert_eq!(commitment["origin_code"], code);
    }
    // Once a number is typed, it goes.
    typed(made[1], "SC-26-001A").await;
    typed(made[4], "SC-005").await;
    stage.succeeded(made[1]).await;
    stage.succeeded(made[4]).await;
    site.stage.end().await;
}

#[tokio::test]
async fn comp_12_a_locked_record_is_tried_again_without_a_click() {
    let site = Site::new().await;
    let stage = &site.stage;
    let (commitment, _) = site.subcontract("SC-001", &["10.00"]).await;
    let before = stage.orders().await;
    // Open in a window of QuickBooks for two runs.
    let fault = json!({"point": "request_status", "status": 3176, "only": "PurchaseOrderAddRq", "times": 2,
        "text": "There was an error adding, modifying or deleting because it is already in use."});
    stage.quickbooks.post("/control/faults", &fault).await;
    stage.click("commitment", &[commitment], json!({})).await;
    stage.planned(before + 1).await;
    for _ in 0..2 {
        stage.run().await;
        let tasks = stage.tasks().await;
        let (_, status, said) = tasks.last().unwrap();
        assert_eq!(status, "later", "{said}");
        has(said, &["SC-001", "waits"]);
        assert_eq!(stage.transactions("purchase_orders").await, Vec::<Value>::new());
        let (status, _) = stage.detail(commitment).await;
        assert!(
            !["success", "failed"].contains(&status.as_str()),
            "it is still on its way: {status}"
        );
    }
    stage.run().await;
    stage.settle().await;
    stage.succeeded(commitment).await;
    let orders = stage.transactions("purchase_orders").await;
    assert_eq!(orders.len(), 1);
    assert_eq!(
        stage.record("commitments", commitment).await["origin_id"],
        orders[0]["id"]
    );
    site.stage.end().await;
}

// ---- subcontractor invoices

// MAP-20, MAP-21, MAP-22, MAP-23, MAP-24, MAP-25, MAP-26, MAP-29, MAP-30, MAP-31, MAP-32, ADV-18, ADV-19
#[tokio::test]
async fn map_20_to_map_32_adv_18_adv_19_an_invoice_becomes_a_bill_field_by_field() {
    let site = Site::new().await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-001", &["10000.00", "5000.00"]).await;
    let orders = stage.transactions("purchase_orders").await;
    // ADV-18: the choice survives a rename.
    let renamed = json!({"name": "Retention"});
    stage
        .quickbooks
        .patch(
            &format!("/control/records/{}", stage.books.retainage_item),
            &renamed,
        )
        .await;
    let due = json!({"commitment_id": commitment, "invoice_number": "INV-00000000000000-1", "billing_date": "2026-03-31",
    "payment_date": "2026-04-30", "lines": [
        {"commitment_line_id": lines[0], "amount": "1000.00", "retainage_held": "100.00"},
        {"commitment_line_id": lines[1], "amount": "500.55", "retainage_released": "40.00"},
    ]});
    let plain = json!({"commitment_id": commitment, "invoice_number": "INV-2", "billing_date": "2026-04-30", "lines": [
        {"commitment_line_id": lines[0], "amount": "0.00"},
        {"commitment_line_id": lines[1], "amount": "250.45"},
    ]});
    let released = json!({"commitment_id": commitment, "invoice_number": "INV-3", "billing_date": "2026-05-31", "lines": [
        {"commitment_line_id": lines[0], "amount": "0.00", "retainage_released": "60.00"},
    ]});
    let answer = stage.make("/requisitions", &json!([due, plain, released])).await;
    let invoices = ids(&answer["ids"]);
    assert_eq!(text(&due, "invoice_number").len(), 20);
    stage.export("requisitions", &invoices, json!({})).await;

    let (state, file) = (stage.state().await, stage.file().await);
    assert_eq!(
        array(&file["transactions"], "bills").len(),
        3,
        "one bill per invoice"
    );
    let bill_of = |n: usize| {
        let invoice = find(&state, "requisitions", "id", &json!(invoices[n]));
        assert_eq!(invoice["erp_status"], "synced");
        let bill = find(
            &file["transactions"],
            "bills",
            "ref_number",
            &invoice["invoice_number"],
        );
        assert_eq!(invoice["origin_id"], bill["id"]);
        assert_eq!(bill["txn_date"], invoice["billing_date"]);
        assert_eq!(bill["vendor_id"], json!(site.vendor_id));
        assert_eq!(
            money(&bill, "amount_due"),
            money(&invoice["summary"], "current_payment_due")
        );
        for line in array(&bill, "lines") {
            assert_eq!(line["kind"], "item");
            assert_eq!(line["customer_id"], json!(site.job));
            assert_eq!(line["billable_status"], "NotBillable");
            assert_eq!(line["quantity"], Value::Null, "amount-based");
            assert_eq!(line["link"], Value::Null, "the purchase order stays open");
        }
        (invoice, bill)
    };
    let of_line = |line: &Value| (text(line, "item_id"), text(line, "desc"), money(line, "amount"));
    let retainage = &stage.books.retainage_item;
    for id in &invoices {
        stage.succeeded(*id).await;
    }
    let (invoice, bill) = bill_of(0);
    assert_eq!(bill["due_date"], "2026-04-30");
    assert_eq!(money(&bill, "amount_due"), decimal("1440.55"));
    let there = array(&bill, "lines");
    assert_eq!(
        there.iter().map(of_line).collect::<Vec<_>>(),
        [
            (site.items[0].clone(), "Line 1".to_owned(), decimal("1000.00")),
            (site.items[1].clone(), "Line 2".to_owned(), decimal("500.55")),
            (retainage.clone(), "Retainage held".to_owned(), decimal("-100.00")),
            (
                retainage.clone(),
                "Retainage released".to_owned(),
                decimal("40.00")
            ),
        ]
    );
    for (item, line) in array(&invoice, "items").iter().zip(&there) {
        assert_eq!(item["origin_id"], line["txn_line_id"]);
    }
    let (_, bill) = bill_of(1);
    assert_eq!(
        array(&bill, "lines").iter().map(of_line).collect::<Vec<_>>(),
        [(site.items[1].clone(), "Line 2".to_owned(), decimal("250.45"))],
        "no retainage, no retainage line; nothing billed, no line"
    );
    let (_, bill) = bill_of(2);
    assert_eq!(
        array(&bill, "lines").iter().map(of_line).collect::<Vec<_>>(),
        [(
            retainage.clone(),
            "Retainage released".to_owned(),
            decimal("60.00")
        )]
    );
    // MAP-32: the item of the settings is nobody's cost code. The purchase order is as it was.
    for code in array(&state, "standard_cost_codes") {
        assert_ne!(code["origin_id"], json!(retainage));
    }
    assert_eq!(array(&file["transactions"], "purchase_orders"), orders);
    site.stage.end().await;
}

// MAP-27, MAP-28, MAP-29
#[tokio::test]
async fn map_27_map_28_map_29_unit_lines_keep_their_amount_whatever_quantity_times_price_rounds_to() {
    let site = Site::new().await;
    let stage = &site.stage;
    let unit = |quantity: &str, cost: &str| json!({"cost_code_id": site.codes[0], "quantity": quantity, "unit_cost": cost, "uom": "ea"});
    let mut off = unit("3", "33.333");
    off["amount"] = json!("99.99");
    let answer = stage
        .make("/commitments", &json!({"project_id": site.project, "vendor_id": site.vendor, "type": "WorkOrderContract",
            "number": "SC-U", "accounting_method": "unit", "lines": [unit("10", "125.50"), off, unit("0.333", "1.005")]}))
        .await;
    let commitment = answer["ids"][0].as_i64().unwrap();
    stage.export("commitment", &[commitment], json!({})).await;
    stage.succeeded(commitment).await;
    let order = stage.transactions("purchase_orders").await[0].clone();
    let sums: Vec<Decimal> = array(&order, "lines")
        .iter()
        .map(|line| money(line, "amount"))
        .collect();
    assert_eq!(sums, ["1255.00", "99.99", "0.33"].map(decimal));
    let quantities: Vec<Decimal> = array(&order, "lines")
        .iter()
        .map(|line| money(line, "quantity"))
        .collect();
    assert_eq!(quantities, ["10", "3", "0.333"].map(decimal));
    assert_eq!(money(&order["lines"][0], "rate"), decimal("125.50"));

    let lines = ids(&answer["line_ids"][0]);
    let invoice = site
        .invoice(
            commitment,
            "INV-U",
            json!([
                {"commitment_line_id": lines[0], "quantity": "4", "unit_cost": "125.50", "amount": "502.00"},
                {"commitment_line_id": lines[1], "quantity": "1", "unit_cost": "33.333", "amount": "33.33"},
                {"commitment_line_id": lines[1], "quantity": "1.5", "unit_cost": "33.333", "amount": "49.99"},
            ]),
        )
        .await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    let bill = stage.transactions("bills").await[0].clone();
    assert_eq!(money(&bill, "amount_due"), decimal("585.32"));
    let there = array(&bill, "lines");
    let of = |key: &str| -> Vec<Decimal> { there.iter().map(|line| money(line, key)).collect() };
    assert_eq!(of("amount"), ["502.00", "33.33", "49.99"].map(decimal));
    assert_eq!(of("quantity"), ["4", "1", "1.5"].map(decimal));
    // Where quantity times price is the amount, the price is Procore's.
    assert_eq!(of("cost")[..2], ["125.50", "33.333"].map(decimal));
    site.stage.end().await;
}

// ADV-20, QBD-45
#[tokio::test]
async fn adv_20_qbd_45_without_retainage_item_or_commitment_an_invoice_is_refused() {
    let site = Site::on(
        Stage::with(Setting {
            retainage_item: false,
            ..Setting::default()
        })
        .await,
    )
    .await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-001", &["100.00"]).await;
    let invoice = site
        .invoice(
            commitment,
            "INV-1",
            json!([{"commitment_line_id": lines[0], "amount": "10.00"}]),
        )
        .await;
    stage.export("requisitions", &[invoice], json!({})).await;
    has(
        &stage.failed(invoice).await,
        &[
            "INV-1",
            "Invoice Retainage Item",
            "even where no retainage is held",
        ],
    );
    assert_eq!(stage.transactions("bills").await, Vec::<Value>::new());
    assert_eq!(
        stage.record("requisitions", invoice).await["origin_id"],
        Value::Null
    );
    // The setting is made, and the same invoice goes.
    stage
        .set(&[format!("retainage_item_list_id={}", stage.books.retainage_item)])
        .await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    // On a commitment that is not in QuickBooks, Procore shows no Export; should it come all the same, it is named.
    let (unsynced, lines) = site.subcontract("SC-002", &["100.00"]).await;
    let invoice = site
        .invoice(
            unsynced,
            "INV-2",
            json!([{"commitment_line_id": lines[0], "amount": "10.00"}]),
        )
        .await;
    let click = json!({"what": "requisitions", "ids": [invoice]});
    let (status, refused) = stage
        .procore
        .call("POST", &stage.of_company("/export"), Some(&click))
        .await;
    assert_eq!(status, 422, "{refused}");
    stage.force("requisitions", invoice).await;
    stage.settle().await;
    has(
        &stage.failed(invoice).await,
        &[
            "INV-2",
            "commitment",
            &unsynced.to_string(),
            "Export the commitment first",
        ],
    );
    assert_eq!(stage.transactions("bills").await.len(), 1);
    site.stage.end().await;
}

// ADV-21, ADV-22
#[tokio::test]
async fn adv_21_adv_22_the_choice_of_a_retainage_item() {
    let site = Site::new().await;
    let stage = &site.stage;
    let choices = async || {
        let choices = mirror::store::retainage_items(stage.world.db(), stage.connection)
            .await
            .unwrap();
        choices
            .into_iter()
            .map(|choice| choice.list_id)
            .collect::<Vec<_>>()
    };
    let item = json!({"name": "New Retainage",
        "sales_and_purchase": {"income_account": stage.books.income_account, "expense_account": stage.books.expense_account}});
    let new = stage.person_adds("item_service", &item).await;
    let other = json!({"name": "Freight", "sales_or_purchase": {"account": stage.books.income_account, "price": "1.00"}});
    let other = stage.person_adds("item_other_charge", &other).await;
    assert!(!choices().await.contains(&new));
    stage.refresh("jobs").await;
    let offered = choices().await;
    assert!(offered.contains(&new), "one refresh of the job list shows it");
    for wrong in [&other, &site.items[0]] {
        assert!(
            !offered.contains(wrong),
            "only service items that are no cost codes"
        );
        let change = [format!("retainage_item_list_id={wrong}")];
        let refused = plumbline::connections::settings::change::set(
            stage.world.db(),
            stage.connection,
            &change,
            "Ann",
            &stage.world.clock,
        )
        .await;
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("linked to a cost code") || refused.contains("not a Service item"),
            "{refused}"
        );
    }
    // The other way round: a code that is the chosen item.
    let code = codes(stage, &[("Retainage Payable", "Retainage", None)]).await[0];
    stage
        .export("standard_cost_codes", &[code], accounts(stage))
        .await;
    has(
        &stage.failed(code).await,
        &["Retainage Payable", "must not be linked to a cost code"],
    );
    assert_eq!(
        stage.record("standard_cost_codes", code).await["origin_id"],
        Value::Null
    );
    site.stage.end().await;
}

// MAP-25, MAP-33
#[tokio::test]
async fn map_25_map_33_totals_that_differ_and_negative_invoices_are_refused_with_the_figures() {
    let site = Site::new().await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-001", &["1000.00", "1000.00"]).await;
    let answer = stage
        .make(
            "/requisitions",
            &json!({"commitment_id": commitment, "invoice_number": "INV-1", "billing_date": "2026-03-31",
            "lines": [{"commitment_line_id": lines[0], "amount": "100.00"}]}),
        )
        .await;
    let changed = answer["ids"][0].as_i64().unwrap();
    let negative = site
        .invoice(
            commitment,
            "INV-2",
            json!([{"commitment_line_id": lines[1], "amount": "-50.00"}]),
        )
        .await;
    let over = site
        .invoice(
            commitment,
            "INV-3",
            json!([{"commitment_line_id": lines[1], "amount": "10.00", "retainage_held": "12.50"}]),
        )
        .await;
    let fine = site
        .invoice(
            commitment,
            "INV-4",
            json!([{"commitment_line_id": lines[1], "amount": "10.00"}]),
        )
        .await;
    // The invoice is changed while the order is on its way: what is due is no longer what was sent.
    stage
        .procore
        .post("/control/webhooks", &json!({"hold": true}))
        .await;
    stage
        .click("requisitions", &[changed, negative, over, fine], json!({}))
        .await;
    stage
        .edit(
            "requisition_contract_item",
            answer["item_ids"][0][0].as_i64().unwrap(),
            &json!({"amount": "99.99"}),
        )
        .await;
    stage.procore.post("/control/webhooks", &json!({})).await;
    stage.settle().await;

    has(
        &stage.failed(changed).await,
        &["INV-1", "100.00", "99.99", "difference 0.01"],
    );
    has(&stage.failed(negative).await, &["INV-2", "-50.00", "below zero"]);
    has(&stage.failed(over).await, &["INV-3", "-2.50", "below zero"]);
    stage.succeeded(fine).await;
    let bills = stage.transactions("bills").await;
    assert_eq!(bills.len(), 1, "the fourth is none the worse");
    assert_eq!(bills[0]["ref_number"], "INV-4");
    for id in [changed, negative, over] {
        assert_eq!(stage.record("requisitions", id).await["origin_id"], Value::Null);
    }
    // Sent again as it stands now, it goes.
    stage.export("requisitions", &[changed], json!({})).await;
    stage.succeeded(changed).await;
    assert_eq!(stage.transactions("bills").await.len(), 2);
    site.stage.end().await;
}

// ---- choosing a customer

#[tokio::test]
async fn comp_28_five_thousand_customers_are_searched_by_prefix_over_an_index() {
    let stage = Stage::new().await;
    let many = json!({"kind": "customer", "count": 5000, "name_prefix": "Client "});
    stage.quickbooks.post("/control/records/bulk", &many).await;
    stage
        .person_adds("customer", &json!({"name": "Zeta Homes", "is_active": false}))
        .await;
    stage
        .person_adds(
            "job",
            &json!({"name": "Client 000001 job", "parent": "Client 000001"}),
        )
        .await;
    stage.set(&["page_size=2000".to_owned()]).await;
    stage.refresh("jobs").await;
    let db = stage.world.db();
    let ask = async |prefix: &str, limit: i64| {
        let found = mirror::store::customers(db, stage.connection, prefix, limit)
            .await
            .unwrap();
        found
            .into_iter()
            .map(|choice| choice.full_name)
            .collect::<Vec<_>>()
    };
    assert_eq!(ask("", 10_000).await.len(), 5001, "active customers, and no jobs");
    assert_eq!(ask("client 00432", 50).await.len(), 10, "whatever the case");
    assert_eq!(ask("Client 004321", 50).await, ["Client 004321"]);
    assert_eq!(ask("zeta", 50).await, Vec::<String>::new(), "inactive");
    assert_eq!(ask("Client%", 50).await, Vec::<String>::new(), "a sign is a sign");
    assert_eq!(ask("Acme", 50).await, ["Acme Development"]);
    // What it costs, prepared once and asked often, as a search box does.
    let began = std::time::Instant::now();
    for n in 0..100 {
        assert_eq!(ask(&format!("Client 00{:02}", n % 50), 50).await.len(), 50);
    }
    let each = began.elapsed() / 100;
    assert!(each < std::time::Duration::from_millis(50), "{each:?}");
    sqlx::query("analyze mirror_records").execute(db).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(
        "explain select list_id, full_name from mirror_records
         where connection_id = $1 and kind = 'customer' and is_active and parent_list_id is null and name_key like $2
         order by name_key limit $3",
    )
    .bind(stage.connection)
    .bind("client 0043%")
    .bind(50_i64)
    .fetch_all(db)
    .await
    .unwrap();
    let plan = plan.join("\n");
    has(&plan, &["mirror_records_name", "Index Cond"]);
    assert!(!plan.contains("Seq Scan"), "{plan}");
    stage.end().await;
}

// ---- unlinking

// QBD-29, QBD-33
#[tokio::test]
async fn qbd_29_a_commitment_is_unlinked_once_its_purchase_order_is_gone_and_exported_anew() {
    let site = Site::new().await;
    let stage = &site.stage;
    let (id, _) = site.synced_subcontract("SC-001", &["500.00"]).await;
    let unlink = format!("/commitments/{id}/unlink");
    stage.make(&unlink, &json!({})).await;
    stage.settle().await;
    let words = stage.failed(id).await;
    has(
        &words,
        &[
            "The commitment is still in QuickBooks Desktop. Please delete it before retrying.",
            "It is purchase order SC-001.",
        ],
    );
    let linked = text(&stage.record("commitments", id).await, "origin_id");
    // A person deletes it there.
    stage
        .quickbooks
        .delete(&format!("/control/records/{linked}"))
        .await;
    stage.make(&unlink, &json!({})).await;
    stage.settle().await;
    stage.succeeded(id).await;
    let (_, words) = stage.detail(id).await;
    assert_eq!(words, "Successfully Unlinked");
    let commitment = stage.record("commitments", id).await;
    assert_eq!(
        (&commitment["origin_id"], &commitment["erp_status"]),
        (&Value::Null, &json!("not_in_erp"))
    );
    // It is exported again, and stands once.
    stage.export("commitment", &[id], json!({})).await;
    stage.succeeded(id).await;
    let orders = stage.transactions("purchase_orders").await;
    assert_eq!(orders.len(), 1);
    assert_ne!(text(&orders[0], "id"), linked);
    site.stage.end().await;
}

#[tokio::test]
async fn qbd_32_an_invoice_is_unlinked_by_command_once_its_bill_is_gone_and_the_payment_in_the_way_is_named()
{
    let site = Site::new().await;
    let stage = &site.stage;
    let (contract, lines) = site.synced_subcontract("SC-001", &["500.00"]).await;
    let invoice = site
        .invoice(
            contract,
            "INV-1",
            json!([{"commitment_line_id": lines[0], "amount": "500.00"}]),
        )
        .await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    let bill = text(&stage.record("requisitions", invoice).await, "origin_id");
    let check =
        json!({"bills": [{"txn_id": bill, "amount": "500.00"}], "method": "check", "ref_number": "1042"});
    let check = text(
        &stage.quickbooks.post("/control/payments", &check).await,
        "txn_id",
    );
    let connection = store::find(stage.world.db(), stage.connection)
        .await
        .unwrap()
        .unwrap();
    let unlink = async || {
        let task = unlink::begin(
            stage.world.db(),
            &connection,
            &stage.world.clock,
            What::Invoice,
            invoice,
        )
        .await
        .unwrap();
        stage.run().await;
        stage.world.task(task).await
    };
    let (status, _, words) = unlink().await;
    assert_eq!(status, "failed");
    has(
        &words,
        &[
            "The invoice is still in QuickBooks Desktop.",
            "It is bill INV-1.",
            "check 1042",
        ],
    );
    stage
        .quickbooks
        .delete(&format!("/control/records/{check}"))
        .await;
    stage.quickbooks.delete(&format!("/control/records/{bill}")).await;
    let (status, _, words) = unlink().await;
    assert_eq!(status, "done", "{words}");
    eventually("Procore is told", async || {
        let origin = stage.record("requisitions", invoice).await["origin_id"].clone();
        origin.is_null().then_some(())
    })
    .await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    assert_eq!(stage.transactions("bills").await.len(), 1);
    site.stage.end().await;
}

#[tokio::test]
async fn qbd_33_an_unlinked_company_is_offered_for_import_again_and_quickbooks_keeps_its_vendor() {
    let site = Site::new().await;
    let stage = &site.stage;
    let before = stage.list("vendors").await;
    stage
        .make(&format!("/vendors/{}/unlink", site.vendor), &json!({}))
        .await;
    eventually("the vendor is staged", async || {
        stage.run().await;
        let state = stage.state().await;
        array(&state, "staged_records")
            .iter()
            .any(|staged| staged["origin_id"] == json!(site.vendor_id) && staged["status"] == "staged")
            .then_some(())
    })
    .await;
    assert_eq!(stage.list("vendors").await, before);
    site.stage.end().await;
}

#[tokio::test]
async fn events_that_are_not_carried_out_say_why_and_deleted_cost_codes_are_answered() {
    let site = Site::new().await;
    let stage = &site.stage;
    let event = async |name: &str, data: Value| {
        let body = json!({"request_name": name, "request_data": data, "request_detail": {}});
        let answer = stage.make("/event", &body).await;
        let id = answer["request_detail_ids"][0].clone();
        stage.settle().await;
        find(&stage.state().await, "request_details", "id", &id)
    };
    let refused = event("sync_commitments", json!({})).await;
    assert_eq!(refused["status"], "failed");
    has(
        &refused["messages"].to_string(),
        &[
            "from Procore to QuickBooks only",
            "Nothing was changed in QuickBooks.",
        ],
    );
    let codes = json!([{"id": site.codes[0], "origin_id": "J|I", "sortable_code": "01-100"}]);
    let deleted = event("delete_cost_codes", json!({"cost_codes": codes})).await;
    assert_eq!(deleted["status"], "success");
    site.stage.end().await;
}
