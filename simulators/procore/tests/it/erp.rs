//! The ERP kit: payload shapes, external data, request details, staged records, payments.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::Procore;

/// Everything a subcontractor invoice hangs on, synced as a service would.
struct Site {
    procore: Procore,
    standard: i64,
    vendor: i64,
    project: i64,
    code: i64,
    commitment: i64,
    line: i64,
    requisition: i64,
}

async fn site() -> Site {
    let procore = Procore::start().await;
    let codes = json!([{"code": "01", "name": "General"}, {"code": "100", "name": "Paving", "parent": "01"}]);
    let codes = procore.control_company("standard-cost-codes", codes).await;
    let standard = codes["ids"][1].as_i64().unwrap();
    let vendor = procore
        .make("vendors", json!([{"name": "Ace Paving", "city": "Springfield"}]))
        .await;
    let projects =
        json!([{"name": "Town Hall", "number": "2026-1", "city": "Springfield", "cost_codes": [standard]}]);
    let projects = procore.control_company("projects", projects).await;
    let (project, code) = (
        projects["ids"][0].as_i64().unwrap(),
        projects["cost_code_ids"][0][0].as_i64().unwrap(),
    );
    let commitment = json!([{
        "project_id": project, "vendor_id": vendor, "type": "WorkOrderContract", "number": "SC-001", "title": "Paving",
        "lines": [{"cost_code_id": code, "description": "Asphalt", "amount": "1000.00"}],
    }]);
    let made = procore.control_company("commitments", commitment).await;
    let (commitment, line) = (
        made["ids"][0].as_i64().unwrap(),
        made["line_ids"][0][0].as_i64().unwrap(),
    );
    let requisition = json!([{
        "commitment_id": commitment, "invoice_number": "INV-7", "billing_date": "2026-03-31",
        "lines": [{"commitment_line_id": line, "amount": "500.00", "retainage_held": "50.00", "retainage_released": "5.55"}],
    }]);
    let requisition = procore.make("requisitions", requisition).await;
    Site {
        procore,
        standard,
        vendor,
        project,
        code,
        commitment,
        line,
        requisition,
    }
}

impl Site {
    async fn export(&self, what: &str, ids: &[i64]) -> (Value, Vec<i64>) {
        let made = self
            .procore
            .control_company("export", json!({"what": what, "ids": ids}))
            .await;
        let id = made["erp_request_ids"][0].as_i64().unwrap();
        let details = made["request_detail_ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_i64().unwrap())
            .collect();
        let request = self
            .procore
            .get(&self.procore.below(&format!("erp_requests/{id}")))
            .await;
        assert_eq!(
            (request.status, &request.body["company_id"]),
            (StatusCode::OK, &json!(self.procore.company))
        );
        (request.body, details)
    }

    async fn close(&self, detail: i64, status: &str) {
        let body = json!({"request_detail": {"status": status, "messages": []}});
        let path = self.procore.below(&format!("erp_request_details/{detail}"));
        assert_eq!(self.procore.patch(&path, body).await.status, StatusCode::OK);
    }

    /// Links vendor, project, cost code, commitment and line.
    async fn sync_all(&self) {
        self.procore.sync_origin("vendor", self.vendor, "V-1").await;
        self.procore.sync_origin("project", self.project, "J-1").await;
        self.procore.sync_origin("cost_code", self.code, "J-1|I-1").await;
    }
}

/// The sorted keys of an object, to compare shapes.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn standard_cost_codes_are_exported_as_an_array_of_elements() {
    let site = site().await;
    let (request, details) = site.export("standard_cost_codes", &[site.standard]).await;
    assert_eq!(request["request_name"], "create_standard_cost_codes");
    let element = &request["request_data"][0];
    assert_eq!(
        keys(element),
        [
            "code",
            "erp_custom_fields",
            "full_code",
            "id",
            "long_name_helper",
            "name",
            "origin_data",
            "origin_id",
            "parent_id",
            "parent_origin_id",
            "request_detail_id",
            "standard_cost_code_list_id"
        ]
    );
    assert_eq!(element["full_code"], "01-100");
    assert_eq!(
        element["long_name_helper"],
        json!([["01", "100"], ["General", "Paving"]])
    );
    assert_eq!(element["request_detail_id"], details[0]);
}

#[tokio::test]
async fn a_vendor_is_exported_with_its_detail_inside_the_data() {
    let site = site().await;
    let (request, details) = site.export("vendor", &[site.vendor]).await;
    assert_eq!(request["request_name"], "create_vendor");
    assert_eq!(
        keys(&request["request_data"]),
        ["company_id", "request_detail_id", "vendor"]
    );
    let vendor = &request["request_data"]["vendor"];
    for key in [
        "business_register",
        "company",
        "erp_custom_fields",
        "origin_code",
        "synced_to_erp",
        "zip",
        "attachments",
    ] {
        assert!(vendor.get(key).is_some(), "{key}");
    }
    assert_eq!(
        (&vendor["company"], &request["request_data"]["request_detail_id"]),
        (&json!("Ace Paving"), &json!(details[0]))
    );
    let twice = json!({"what": "vendor", "ids": [site.vendor]});
    let url = format!(
        "{}/control/companies/{}/export",
        site.procore.running.url(),
        site.procore.company
    );
    let refused = site.procore.http.post(url).json(&twice).send().await.unwrap();
    assert_eq!(
        refused.status(),
        StatusCode::UNPROCESSABLE_ENTITY,
        "it is on its way already"
    );
}

#[tokio::test]
async fn a_job_is_exported_with_its_detail_beside_the_data() {
    let site = site().await;
    site.procore
        .sync_origin("standard_cost_code", site.standard, "I-1")
        .await;
    let (request, details) = site.export("project", &[site.project]).await;
    assert_eq!(request["request_name"], "create_or_update_job");
    assert_eq!(keys(&request["request_data"]), ["all_cost_codes", "job"]);
    assert_eq!(request["request_detail_id"], details[0]);
    let codes = request["request_data"]["all_cost_codes"].as_array().unwrap();
    assert_eq!(codes.len(), 2, "the parent came along");
    let code = codes.iter().find(|code| code["full_code"] == "01-100").unwrap();
    assert_eq!(code["standard_cost_code_origin_id"], "I-1");
    assert_eq!(code["line_item_types"][0]["code"], "O");
    assert_eq!(
        keys(code),
        [
            "biller",
            "biller_id",
            "biller_type",
            "budgeted",
            "code",
            "created_at",
            "deleted_at",
            "full_code",
            "id",
            "line_item_types",
            "long_name_helper",
            "name",
            "origin_data",
            "origin_id",
            "parent",
            "position",
            "sortable_code",
            "standard_cost_code_origin_id",
            "updated_at"
        ]
    );
}

#[tokio::test]
async fn a_commitment_must_be_ready_and_carries_the_ids_of_its_world() {
    let site = site().await;
    let url = format!(
        "{}/control/companies/{}/export",
        site.procore.running.url(),
        site.procore.company
    );
    let early = site
        .procore
        .http
        .post(url)
        .json(&json!({"what": "commitment", "ids": [site.commitment]}));
    assert_eq!(
        early.send().await.unwrap().status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    site.sync_all().await;
    let (request, details) = site.export("commitment", &[site.commitment]).await;
    let data = &request["request_data"];
    assert_eq!(request["request_name"], "create_commitment");
    assert_eq!(
        keys(data),
        [
            "additional_data",
            "commitment",
            "commitment_items",
            "company_id",
            "job_id",
            "request_detail_id"
        ]
    );
    assert_eq!(
        (&data["job_id"], &data["request_detail_id"]),
        (&json!("J-1"), &json!(details[0]))
    );
    let commitment = &data["commitment"];
    assert_eq!(
        (&commitment["vendor"]["origin_id"], &commitment["grand_total"]),
        (&json!("V-1"), &json!("1000.0"))
    );
    assert_eq!(
        (&commitment["code"], &commitment["type"]),
        (&json!("SC-001"), &json!("WorkOrderContract"))
    );
    let item = &data["commitment_items"][0];
    assert_eq!(
        (&item["cost_code"]["origin_id"], &item["id"]),
        (&json!("J-1|I-1"), &json!(site.line))
    );
    assert_eq!(
        (&item["amount"], &item["extended_type"], &item["quantity"]),
        (&json!("1000.0"), &json!("manual"), &json!("0.0"))
    );
}

#[tokio::test]
async fn requisitions_name_no_details_but_details_can_be_found_by_item() {
    let site = site().await;
    site.sync_all().await;
    site.procore
        .sync_origin("work_order_contract", site.commitment, "PO-1")
        .await;
    site.procore.sync_origin("line_item", site.line, "PO-1|L-1").await;
    let (request, details) = site.export("requisitions", &[site.requisition]).await;
    assert_eq!(request["request_name"], "create_requisitions");
    let row = &request["request_data"]["requisitions"][0];
    assert!(row.get("request_detail_id").is_none());
    assert_eq!(
        (
            &row["contract_origin_id"],
            &row["job_origin_id"],
            &row["formatted_payment_due"]
        ),
        (&json!("PO-1"), &json!("J-1"), &json!("$455.55"))
    );
    let item = &row["line_items"][0];
    assert_eq!(
        (&item["commitment_item_origin_id"], &item["retainage_this_period"]),
        (&json!("PO-1|L-1"), &json!("50.0"))
    );
    assert_eq!(
        (&item["amount"], &item["released_work_completed_this_period"]),
        (&json!("500.0"), &json!("5.55"))
    );
    let found = site
        .procore
        .get(&site.procore.below(&format!(
            "erp_request_details?filters[item_id]={}",
            site.requisition
        )))
        .await;
    assert_eq!(found.body[0]["id"], details[0]);
    let show = format!(
        "/rest/v1.1/requisitions/{}?project_id={}",
        site.requisition, site.project
    );
    let show = site.procore.get(&show).await.body;
    assert_eq!(
        (&show["summary"]["current_payment_due"], &show["vendor_id"]),
        (&json!("455.55"), &json!(site.vendor))
    );
    assert_eq!(
        show["items"][0]["work_completed_retainage_retained_this_period"],
        "50.0"
    );
}

#[tokio::test]
async fn external_data_is_unique_per_type_and_checked() {
    let site = site().await;
    let path = site.procore.below("external_data/sync");
    let other = site.procore.make("vendors", json!({"name": "Other"})).await;
    let updates = json!({"updates": [
        {"item_type": "vendor", "item_id": site.vendor, "origin_id": "X", "origin_data": "{\"edit_sequence\":\"1\"}"},
        {"item_type": "vendor", "item_id": other, "origin_id": "X"},
        {"item_type": "project", "item_id": site.project, "origin_id": "X"},
        {"item_type": "vendor", "item_id": 12, "origin_id": "Y"},
        {"item_type": "spaceship", "item_id": 12, "origin_id": "Y"},
        {"item_type": "vendor", "item_id": other, "origin_id": 12},
    ]});
    let answer = site.procore.patch(&path, updates).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        keys(&answer.body["entities"][0]),
        ["id", "item_id", "item_type", "origin_id"]
    );
    assert_eq!(answer.body["entities"].as_array().unwrap().len(), 2);
    let errors = answer.body["errors"].as_array().unwrap();
    assert_eq!(errors[0]["errors"]["origin_id"][0], "has already been taken");
    assert_eq!(errors[1]["errors"]["item_id"][0], "Entity with this ID not found");
    assert_eq!(errors[2]["errors"]["item_type"][0], "is not included in the list");
    assert_eq!(errors[3]["errors"]["origin_id"][0], "must be a string");
    assert_eq!(site.procore.violations().await, ["unknown_item_type"]);
    let query = site
        .procore
        .below(&format!("external_data?item_type=vendor&item_id={}", site.vendor));
    assert_eq!(
        site.procore.get(&query).await.body[0]["origin_data"],
        "{\"edit_sequence\":\"1\"}"
    );
    let state = site.procore.state().await;
    assert_eq!(
        (&state["vendors"][0]["erp_status"], &state["external_data_writes"]),
        (&json!("synced"), &json!(2))
    );
    let unlink = json!({"item_type": "vendor", "item_ids": [site.vendor]});
    let gone = site
        .procore
        .call(
            Method::DELETE,
            &site.procore.below("external_data/bulk_destroy"),
            Some(unlink),
        )
        .await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(site.procore.get(&query).await.body, json!([]));
}

#[tokio::test]
async fn request_details_close_once_and_do_not_flip() {
    let site = site().await;
    let (_, details) = site.export("vendor", &[site.vendor]).await;
    let waiting = format!("companies/{}/request-details?timeout_ms=50", site.procore.company);
    assert_eq!(site.procore.control_get(&waiting).await["open"], 1);
    site.procore.sync_origin("vendor", site.vendor, "V-1").await;
    site.close(details[0], "success").await;
    site.close(details[0], "success").await;
    assert!(site.procore.violations().await.is_empty());
    assert_eq!(site.procore.control_get(&waiting).await["closed"], 1);
    site.close(details[0], "failed").await;
    assert_eq!(site.procore.violations().await, ["status_flip"]);
    assert_eq!(
        site.procore.state().await["request_details"][0]["status"],
        "success"
    );
    // Success for a record nobody gave an origin is not one.
    let (_, details) = site.export("project", &[site.project]).await;
    site.close(details[0], "success").await;
    assert!(
        site.procore
            .violations()
            .await
            .contains(&"success_without_origin".to_owned())
    );
    let refused = site
        .procore
        .patch(
            &site.procore.below(&format!("erp_request_details/{}", details[0])),
            json!({"request_detail": {"status": "done"}}),
        )
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn request_details_close_in_bulk_in_both_spellings() {
    let site = site().await;
    let codes = site.procore.state().await["standard_cost_codes"].clone();
    let ids: Vec<i64> = codes
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code["id"].as_i64().unwrap())
        .collect();
    let (_, details) = site.export("standard_cost_codes", &ids).await;
    let path = site.procore.below("erp_request_details/sync");
    let bare = json!([{"id": details[0], "status": "failed", "messages": ["Item code is taken"]}]);
    assert_eq!(
        site.procore.patch(&path, bare).await.body["entities"][0]["messages"][0],
        "Item code is taken"
    );
    let wrapped = json!({"updates": [{"id": details[1], "status": "rejected", "messages": []}, {"id": 3, "status": "failed"}]});
    let answer = site.procore.patch(&path, wrapped).await.body;
    assert_eq!(
        answer["errors"][0]["errors"]["id"][0],
        "Entity with this ID not found"
    );
    let state = site.procore.state().await;
    let statuses: Vec<_> = state["standard_cost_codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| &code["erp_status"])
        .collect();
    assert_eq!(statuses, ["failed_to_export", "rejected"]);
}

#[tokio::test]
async fn payments_are_one_per_origin_and_keep_what_users_typed() {
    let site = site().await;
    let path = site.procore.below("invoice_payments/sync");
    let send = async |update: Value| {
        site.procore
            .patch(
                &path,
                json!({"company_id": site.procore.company, "updates": [update]}),
            )
            .await
            .body
    };
    let payment = |amount: &str| {
        json!({
            "invoice_type": "Billings::Requisition", "invoice_id": site.requisition, "origin_id": "P-1|B-1",
            "origin_code": "1001", "amount": amount, "date": "2026-04-15", "payment_method": "check", "check_number": "1001",
        })
    };
    let made = send(payment("455.55")).await;
    let id = made["entities"][0]["id"].as_i64().unwrap();
    let edit = format!(
        "{}/control/companies/{}/payments/{id}",
        site.procore.running.url(),
        site.procore.company
    );
    assert!(
        site.procore
            .http
            .patch(edit)
            .json(&json!({"payment_number": "7"}))
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    let again = send(payment("400.00")).await;
    assert_eq!(
        (
            again["entities"][0]["id"].as_i64(),
            &again["entities"][0]["payment_number"]
        ),
        (Some(id), &json!("7"))
    );
    let waited = site
        .procore
        .control_get(&format!(
            "companies/{}/payments?at_least=1&timeout_ms=1000",
            site.procore.company
        ))
        .await;
    assert_eq!(
        (&waited["count"], &waited["payments"][0]["amount"]),
        (&json!(1), &json!("400.0"))
    );
    let mut wrong = payment("1");
    wrong["invoice_id"] = json!(4);
    wrong["origin_id"] = json!("P-2");
    assert_eq!(
        send(wrong).await["errors"][0]["errors"]["invoice_id"][0],
        "Entity with this ID not found"
    );
}

#[tokio::test]
async fn staged_vendors_are_added_linked_and_unlinked() {
    let site = site().await;
    let path = site.procore.below("staged_records/sync");
    let vendor = |name: &str, origin: &str| json!({"item_type": "vendor", "origin_id": origin, "origin_code": name, "origin_data": "{}", "status": "staged", "data": {"name": name}});
    let updates = json!({"updates": [vendor("New Vendor", "N-1"), vendor("ACE PAVING", "A-1"), {"item_type": "vendor", "origin_id": "Z", "data": {}}]});
    let staged = site.procore.patch(&path, updates).await.body;
    assert_eq!(
        (
            staged["entities"].as_array().unwrap().len(),
            &staged["errors"][0]["errors"]["name"][0]
        ),
        (2, &json!("can't be blank"))
    );
    let added = site.procore.control_company("staged/N-1/add", json!({})).await;
    let state = site.procore.state().await;
    let made = state["vendors"]
        .as_array()
        .unwrap()
        .iter()
        .find(|vendor| vendor["id"] == added["id"])
        .unwrap();
    assert_eq!(
        (&made["origin_id"], &made["erp_status"]),
        (&json!("N-1"), &json!("synced"))
    );
    let linked = site.procore.control_company("vendors/link-all", json!({})).await;
    assert_eq!(linked["linked"], json!([{"id": site.vendor, "origin_id": "A-1"}]));
    site.procore
        .control_company(&format!("vendors/{}/unlink", site.vendor), json!({}))
        .await;
    site.procore
        .control_company(
            &format!("vendors/{}/link", site.vendor),
            json!({"origin_id": "A-1"}),
        )
        .await;
    let state = site.procore.state().await;
    let names: Vec<_> = state["erp_requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["request_name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "create_vendor_in_procore",
            "link_all_vendors",
            "unlink_vendor",
            "link_vendor"
        ]
    );
    assert!(
        state["staged_records"]
            .as_array()
            .unwrap()
            .iter()
            .all(|staged| staged["status"] == "imported")
    );
}

#[tokio::test]
async fn refreshes_ask_and_the_connection_keeps_its_metadata() {
    let procore = Procore::start().await;
    let connection = json!({"connection": {"service_url": "https://erp.example.com", "metadata": {"settings": {"entities": {}}}}});
    let made = procore.post(&procore.below("erp_connections"), connection).await;
    assert_eq!(
        (made.status, &made.body["id"]),
        (StatusCode::CREATED, &json!(procore.company))
    );
    let list = made.body["standard_cost_code_list_id"].as_i64().unwrap();
    let path = procore.below(&format!("erp_connections/{}", procore.company));
    let changed =
        json!({"connection": {"metadata": {"settings": {"labels": {"name": "QuickBooks Desktop"}}}}});
    assert_eq!(procore.patch(&path, changed).await.status, StatusCode::OK);
    assert_eq!(
        procore.get(&path).await.body["metadata"]["settings"]["labels"]["name"],
        "QuickBooks Desktop"
    );
    let asked = procore
        .control_company("refresh", json!({"what": "standard_cost_codes"}))
        .await;
    let request = procore
        .get(&procore.below(&format!("erp_requests/{}", asked["erp_request_ids"][0])))
        .await
        .body;
    assert_eq!(
        request["request_data"],
        json!({"standard_cost_code_list_id": list, "request_detail_id": asked["request_detail_ids"][0]})
    );
    let codes = json!({"company_id": procore.company, "standard_cost_code_list_id": list, "updates": [
        {"code": "01", "name": "General", "origin_id": "I-1"}, {"code": "01", "name": "Again", "origin_id": "I-2"},
    ]});
    let synced = procore
        .patch("/rest/v1.0/standard_cost_codes/sync", codes)
        .await
        .body;
    assert_eq!(
        (
            &synced["entities"][0]["full_code"],
            &synced["errors"][0]["errors"]["code"][0]
        ),
        (&json!("01"), &json!("has already been taken"))
    );
    let listed = procore.get(&procore.below("erp_requests?per_page=1")).await;
    assert_eq!(
        (listed.header("total"), &listed.body[0]["request_name"]),
        ("2", &json!("sync_standard_cost_codes"))
    );
    procore
        .control_company("permissions", json!({"erp_enabled": false}))
        .await;
    assert_eq!(
        procore.get(&procore.below("erp_requests")).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn an_unlink_is_asked_and_a_refusal_leaves_the_commitment_synced() {
    let site = site().await;
    site.sync_all().await;
    site.procore
        .sync_origin("work_order_contract", site.commitment, "PO-1")
        .await;
    let path = format!("commitments/{}/unlink", site.commitment);
    let asked = site.procore.control_company(&path, json!({})).await;
    let request = site
        .procore
        .below(&format!("erp_requests/{}", asked["erp_request_ids"][0]));
    let data = site.procore.get(&request).await.body["request_data"].clone();
    assert_eq!(
        (&data["commitment_origin_id"], &data["job_origin_id"]),
        (&json!("PO-1"), &json!("J-1"))
    );
    site.close(asked["request_detail_ids"][0].as_i64().unwrap(), "failed")
        .await;
    assert_eq!(
        site.procore.state().await["commitments"][0]["erp_status"],
        "synced"
    );
    let asked = site.procore.control_company(&path, json!({})).await;
    let update = json!({"item_type": "work_order_contract", "item_id": site.commitment, "origin_id": null, "origin_code": null, "origin_data": null});
    site.procore
        .patch(
            &site.procore.below("external_data/sync"),
            json!({"updates": [update]}),
        )
        .await;
    site.close(asked["request_detail_ids"][0].as_i64().unwrap(), "success")
        .await;
    assert_eq!(
        site.procore.state().await["commitments"][0]["erp_status"],
        "not_in_erp"
    );
    assert!(site.procore.violations().await.is_empty());
}

#[tokio::test]
async fn stored_materials_and_earlier_invoices_are_added_up() {
    let site = site().await;
    let second = json!([{
        "commitment_id": site.commitment, "invoice_number": "INV-8", "billing_date": "2026-04-30", "payment_date": "2026-05-30",
        "lines": [{"commitment_line_id": site.line, "amount": "300.00", "materials": "100.00", "retainage_held": "20.00", "materials_retainage_held": "10.00"}],
    }]);
    let second = site.procore.make("requisitions", second).await;
    let show = site
        .procore
        .get(&format!(
            "/rest/v1.1/requisitions/{second}?project_id={}",
            site.project
        ))
        .await
        .body;
    assert_eq!(
        (&show["number"], &show["previous_requisition_id"]),
        (&json!(2), &json!(site.requisition))
    );
    assert_eq!(
        (&show["summary"]["current_payment_due"], &show["payment_date"]),
        (&json!("270.0"), &json!("2026-05-30"))
    );
    let item = &show["items"][0];
    assert_eq!(item["work_completed_from_previous_application"], "500.00");
    assert_eq!(
        (
            &item["work_completed_this_period"],
            &item["materials_presently_stored"]
        ),
        (&json!("200.00"), &json!("100.00"))
    );
    assert_eq!(item["total_completed_and_stored_to_date"], "800.00");
    let contract = format!(
        "/rest/v1.0/work_order_contracts/{}?project_id={}",
        site.commitment, site.project
    );
    let contract = site.procore.get(&contract).await.body;
    assert_eq!(
        (
            &contract["total_requisitions_amount"],
            &contract["line_items"][0]["id"]
        ),
        (&json!("725.55"), &json!(site.line))
    );
}

#[tokio::test]
async fn contract_payments_have_no_memory_of_a_repeated_post() {
    let site = site().await;
    let base = "/rest/v1.0/contract_payments";
    let query = format!(
        "{base}?project_id={}&contract_id={}",
        site.project, site.commitment
    );
    let body = json!({"project_id": site.project, "contract_id": site.commitment, "contract_payment": {"amount": "10.00", "date": "2026-05-01", "payment_method": "check"}});
    let first = site.procore.post(base, body.clone()).await;
    assert_eq!(
        (first.status, &first.body["amount"]),
        (StatusCode::CREATED, &json!("10.0"))
    );
    site.procore.post(base, body).await;
    assert_eq!(site.procore.get(&query).await.header("total"), "2");
    let marked = json!({"project_id": site.project, "contract_id": site.commitment, "contract_payment": {"amount": "1", "origin_id": "P"}});
    assert_eq!(
        site.procore.post(base, marked.clone()).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        site.procore.post(base, marked).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let one = format!(
        "{base}/{}?project_id={}&contract_id={}",
        first.body["id"], site.project, site.commitment
    );
    assert_eq!(
        site.procore.call(Method::DELETE, &one, None).await.status,
        StatusCode::OK
    );
    assert_eq!(site.procore.get(&one).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.procore.get(base).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn cost_type_assignments_are_recorded_per_cost_code() {
    let site = site().await;
    let types = site
        .procore
        .get(&format!(
            "/rest/v1.0/line_item_types?company_id={}",
            site.procore.company
        ))
        .await
        .body;
    let update = json!({"updates": [
        {"cost_code_id": site.code, "line_item_type_id": types[0]["id"], "synced": true},
        {"cost_code_id": 1, "line_item_type_id": types[0]["id"], "synced": true},
    ]});
    let path = format!(
        "/rest/v1.0/cost_code_line_item_types/sync?project_id={}",
        site.project
    );
    let answer = site.procore.patch(&path, update).await.body;
    assert_eq!(
        answer["errors"][0]["errors"]["cost_code_id"][0],
        "Entity with this ID not found"
    );
    assert_eq!(
        site.procore.state().await["cost_code_line_item_types"][0]["synced"],
        true
    );
}
