//! Each event's mapping, with our own fixtures, and with the reference payloads where they are present.

use serde_json::{Value, json};

use super::*;

pub(super) fn planned(name: &str, payload: &Value, facts: &HashMap<i64, RequisitionFacts>) -> Plan {
    let known = Known {
        company_id: 7,
        requisition_details: facts,
        payments_watermark: None,
    };
    match ErpEvent::parse(name, payload) {
        Ok(event) => plan(event, &known),
        Err(error) => refuse(&error),
    }
}

fn plain(name: &str, payload: &Value) -> Plan {
    planned(name, payload, &HashMap::new())
}

fn subjects_of(plan: &Plan) -> Vec<&str> {
    plan.tasks.iter().map(|task| task.subject.as_str()).collect()
}

#[test]
fn qbd_07_a_company_becomes_a_vendor_task() {
    let payload = json!({"request_data": {"request_detail_id": 1, "vendor": {
        "id": 35, "name": "Acme", "city": "Goleta", "state_code": "CA", "business_phone": "555",
        "erp_custom_fields": {"vendor_type_origin_id": "T-1"}
    }}});
    let plan = plain("create_vendor", &payload);
    let [task] = plan.tasks.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (task.subject.as_str(), task.label.as_str()),
        ("vendor:35", "Vendor 'Acme'")
    );
    assert_eq!(task.detail, Some(DetailRef::Id(1)));
    let AnyTask::Vendor(vendor) = &task.task else {
        panic!("{task:?}")
    };
    assert_eq!(
        (vendor.phone.as_deref(), vendor.state.as_deref()),
        (Some("555"), Some("CA"))
    );
    assert_eq!(vendor.vendor_type_list_id.as_deref(), Some("T-1"));
    assert_eq!(vendor.external_guid.len(), 38);
    assert!(plan.rejections.is_empty());
}

#[test]
fn qbd_01_codes_come_parents_first_and_wait_for_them() {
    let code = |id: i64, parent: Option<i64>, code: &str| {
        json!({"id": id, "parent_id": parent, "code": code, "full_code": code, "name": code, "request_detail_id": id + 100,
            "erp_custom_fields": {"income_account_origin_id": "A-1"}})
    };
    let mut child = code(3, Some(2), "100");
    child["long_name_helper"] = json!([["01", "10", "100"], ["a", "b", "c"]]);
    let payload = json!({"request_data": [child, code(2, Some(1), "10"), code(9, Some(8), "9"), code(1, None, "01"), {"id": 5, "request_detail_id": 105}]});
    let plan = plain("create_standard_cost_codes", &payload);
    assert_eq!(
        subjects_of(&plan),
        [
            "standard_cost_code:9",
            "standard_cost_code:1",
            "standard_cost_code:2",
            "standard_cost_code:3"
        ]
    );
    assert_eq!(plan.tasks[3].needs, ["standard_cost_code:2"]);
    assert_eq!(
        plan.tasks[0].needs,
        ["standard_cost_code:8"],
        "a parent outside of the batch may be under way"
    );
    let AnyTask::StandardCostCode(code) = &plan.tasks[3].task else {
        panic!()
    };
    assert_eq!(code.path, ["01", "10", "100"]);
    assert_eq!(code.income_account_list_id.as_deref(), Some("A-1"));
    assert_eq!(plan.rejections.len(), 1);
    assert_eq!(plan.rejections[0].detail, Some(DetailRef::Id(105)));
    assert!(plan.rejections[0].messages[0].contains("request_data[4].code is missing"));
}

#[test]
fn codes_that_are_each_others_parents_end() {
    let payload = json!({"request_data": [
        {"id": 1, "parent_id": 2, "code": "1", "name": "a"}, {"id": 2, "parent_id": 1, "code": "2", "name": "b"}
    ]});
    assert_eq!(plain("create_standard_cost_codes", &payload).tasks.len(), 2);
}

#[test]
fn qbd_09_a_project_becomes_a_job_task_with_its_codes() {
    let payload = json!({
        "request_data": {
            "job": {"id": 86, "name": "Tower", "origin_id": null, "erp_custom_fields": {"customer_origin_id": "C-1"}},
            "all_cost_codes": [
                {"id": 1, "full_code": "01", "name": "G", "standard_cost_code_origin_id": "I-1", "line_item_types": []},
                {"id": 2, "full_code": "01-100", "name": "P", "standard_cost_code_id": 371, "line_item_types": [{"id": 9}]},
                {"id": 3, "full_code": "02", "name": "gone", "deleted_at": "2026-01-01T00:00:00Z"}
            ]
        },
        "request_detail_id": 2
    });
    let plan = plain("create_or_update_job", &payload);
    assert_eq!(subjects_of(&plan), ["project:86"]);
    assert_eq!(plan.tasks[0].needs, ["standard_cost_code:371"]);
    assert_eq!(plan.tasks[0].detail, Some(DetailRef::Id(2)));
    let AnyTask::Job(job) = &plan.tasks[0].task else {
        panic!()
    };
    assert_eq!(job.customer_list_id.as_deref(), Some("C-1"));
    assert_eq!(job.codes.len(), 2);
    assert_eq!(job.codes[1].line_item_type_ids, [9]);
}

fn commitment() -> Value {
    json!({"request_data": {
        "job_id": "J-1", "request_detail_id": 137,
        "commitment": {
            "id": 41, "type": "WorkOrderContract", "number": "SC-001", "code": "10543", "title": "Steel",
            "accounting_method": "unit", "grand_total": "250.0", "contract_date": "2026-03-01",
            "project": {"id": 86, "origin_id": "J-1"}, "vendor": {"id": 47, "company": "Courier", "origin_id": "V-1"}
        },
        "commitment_items": [{
            "id": 177, "position": 1, "amount": "250.0", "quantity": "2.5", "unit_cost": "100.0", "description": "A",
            "cost_code": {"id": 1472, "full_code": "01-000", "origin_id": null, "standard_cost_code_id": 371}
        }]
    }})
}

#[test]
fn qbd_43_and_cod_09_a_commitment_waits_for_what_it_refers_to() {
    let plan = plain("create_commitment", &commitment());
    assert_eq!(subjects_of(&plan), ["commitment:41"]);
    let task = &plan.tasks[0];
    assert_eq!(task.needs, ["vendor:47", "project:86", "standard_cost_code:371"]);
    assert_eq!(task.label, "Commitment SC-001 'Steel'");
    let AnyTask::Commitment(export) = &task.task else {
        panic!("{task:?}")
    };
    assert_eq!(export.item_type, ItemType::WorkOrderContract);
    assert_eq!(
        (export.quickbooks_id.as_deref(), export.procore_number.as_deref()),
        (Some("10543"), Some("SC-001"))
    );
    assert_eq!(
        (export.vendor_origin_id.as_deref(), export.job_list_id.as_deref()),
        (Some("V-1"), Some("J-1"))
    );
    assert_eq!(export.grand_total.unwrap().to_string(), "250.00");
    assert!(export.lines[0].is_unit_based);
    assert_eq!(export.lines[0].quantity.to_string(), "2.5");
}

#[test]
fn amounts_that_cannot_be_are_rejected_by_name() {
    for (pointer, value, words) in [
        (
            "/request_data/commitment_items/0/amount",
            json!("250.005"),
            "request_data.commitment_items[0].amount: \"250.005\" has more than 2 decimals",
        ),
        (
            "/request_data/commitment_items/0/amount",
            json!("1e30"),
            "commitment_items[0].amount is",
        ),
        (
            "/request_data/commitment_items/0/amount",
            json!("99999999999999.00"),
            "more than 13 digits",
        ),
        (
            "/request_data/commitment/grand_total",
            json!("x"),
            "request_data.commitment.grand_total is no number",
        ),
        (
            "/request_data/commitment/contract_date",
            json!("2026-13-01"),
            "contract_date is no date",
        ),
    ] {
        let mut payload = commitment();
        *payload.pointer_mut(pointer).unwrap() = value;
        let plan = plain("create_commitment", &payload);
        assert!(plan.tasks.is_empty());
        assert_eq!(plan.rejections[0].detail, Some(DetailRef::Id(137)));
        assert!(
            plan.rejections[0].messages[0].contains(words),
            "{:?}",
            plan.rejections[0].messages
        );
    }
}

fn invoice(id: i64) -> Value {
    json!({
        "procore_requisition_id": id, "billing_date": "2026-03-31", "invoice_number": "9348", "contract_id": 41,
        "contract_origin_id": "PO-1", "formatted_payment_due": "$1,490.00", "job_origin_id": "J-1",
        "line_items": [{
            "procore_requisition_item_id": 5, "accounting_method": "amount", "amount": "1500.0", "qty": "0.0",
            "unit_cost": "1000.0", "cost_code_id": 6, "cost_code_origin_id": "J-1|I-1", "line_item_description": "Forms",
            "requisition_item_type": "Billings::ContractItem", "retainage_this_period": "10.0",
            "retainage_work_completed_this_period": "10.0", "released_work_completed_this_period": "0.0"
        }]
    })
}

#[test]
fn qbd_45_invoices_are_planned_one_by_one_and_found_by_their_item() {
    let mut bad = invoice(2);
    bad["line_items"][0]["amount"] = json!("1.001");
    let mut unreadable = invoice(3);
    unreadable["contract_id"] = Value::Null;
    let payload = json!({"request_data": {"requisitions": [invoice(1), bad, unreadable]}});
    let facts = HashMap::from([(
        1,
        RequisitionFacts {
            id: 1,
            current_payment_due: Some("1489.99".parse().unwrap()),
            payment_date: Some("2026-04-30".parse().unwrap()),
            billing_date: None,
            vendor_id: Some(47),
            commitment_id: Some(41),
            status: Some("approved".into()),
            segments: HashMap::new(),
        },
    )]);
    let plan = planned("create_requisitions", &payload, &facts);
    assert_eq!(subjects_of(&plan), ["requisition:1"]);
    let by_item = |id| Some(DetailRef::Item(ProcoreItem::new(ItemType::Requisition, id)));
    let task = &plan.tasks[0];
    assert_eq!(task.detail, by_item(1));
    assert_eq!(task.needs, ["commitment:41", "vendor:47"]);
    let AnyTask::Invoice(export) = &task.task else {
        panic!("{task:?}")
    };
    // MAP-21, MAP-24, MAP-25: what the ordinary API says goes before what is printed for people.
    assert_eq!(export.current_payment_due.unwrap().to_string(), "1489.99");
    assert_eq!(export.payment_date, Some("2026-04-30".parse().unwrap()));
    assert_eq!(export.billing_date, Some("2026-03-31".parse().unwrap()));
    assert_eq!(export.lines[0].retainage_held.to_string(), "10.00");
    assert_eq!(
        plan.rejections.iter().map(|r| r.detail).collect::<Vec<_>>(),
        [by_item(2), by_item(3)]
    );
    assert!(
        plan.rejections[0].messages[0].contains("requisitions[1].line_items[0].amount"),
        "{plan:?}"
    );
    assert!(plan.rejections[1].messages[0].contains("requisitions[2].contract_id is missing"));
}

#[test]
fn without_the_ordinary_api_the_printed_amount_counts() {
    let payload = json!({"request_data": {"requisitions": [invoice(1)]}});
    let plan = plain("create_requisitions", &payload);
    let AnyTask::Invoice(export) = &plan.tasks[0].task else {
        panic!()
    };
    assert_eq!(export.current_payment_due.unwrap().to_string(), "1490.00");
    assert_eq!((export.payment_date, export.vendor_id), (None, None));
}

#[test]
fn readings_are_planned_with_their_detail() {
    for (name, subject, kind) in [
        ("sync_vendors", "vendors", "vendors_import"),
        ("sync_jobs", "jobs", "jobs_import"),
        (
            "sync_standard_cost_codes",
            "standard_cost_codes",
            "standard_cost_codes_import",
        ),
        ("sync_contract_payments", "payments", "payments_import"),
    ] {
        let plan = plain(name, &json!({"request_data": {"request_detail_id": 100}}));
        assert_eq!(subjects_of(&plan), [subject]);
        assert_eq!(plan.tasks[0].task.kind(), kind);
        assert_eq!(plan.tasks[0].detail, Some(DetailRef::Id(100)));
    }
}

#[test]
fn qbd_22_links_are_stored_and_procore_is_not_told_again() {
    let payload = json!({"request_data": {"vendor": {"id": 32, "origin_id": "80-1"}}});
    for name in ["link_vendor", "create_vendor_in_procore"] {
        let plan = plain(name, &payload);
        let [link] = plan.links.as_slice() else {
            panic!("{plan:?}")
        };
        assert_eq!(link.item, ProcoreItem::new(ItemType::Vendor, 32));
        assert_eq!((link.quickbooks_id.as_str(), link.tell_procore), ("80-1", false));
        assert!(plan.tasks.is_empty() && plan.rejections.is_empty());
    }
    let all = json!({"request_data": {"vendors": [{"id": 1, "origin_id": "A"}, {"id": 2, "origin_id": "B"}, {"id": "x"}]}});
    let all = plain("link_all_vendors", &all);
    assert_eq!((all.links.len(), all.rejections.len()), (2, 1));
    let job = plain(
        "create_job_in_procore",
        &json!({"request_data": {"project": {"id": 8, "origin_id": "80-9"}}}),
    );
    assert_eq!(job.links[0].item, ProcoreItem::new(ItemType::Project, 8));
}

#[test]
fn qbd_33_unlinking_and_merging_forget_links() {
    let unlink = plain(
        "unlink_vendor",
        &json!({"request_data": {"vendor": {"id": 32, "origin_id": "80-1"}}}),
    );
    assert_eq!(unlink.unlinks, [ProcoreItem::new(ItemType::Vendor, 32)]);
    let merged = plain(
        "merge_vendors",
        &json!({"request_data": {"master_vendor": {"id": 1, "origin_id": "ABC"}, "source_vendors": [{"id": 2, "origin_id": "DEF"}]}}),
    );
    assert_eq!(merged.unlinks, [ProcoreItem::new(ItemType::Vendor, 2)]);
    assert_eq!(merged.links[0].quickbooks_id, "ABC");
    let codes = plain(
        "unlink_standard_cost_codes",
        &json!({"request_data": {"standard_cost_codes": [{"id": 1}, {"id": 2}]}}),
    );
    assert_eq!(codes.unlinks.len(), 2);
    let reset = plain(
        "reset_requisition",
        &json!({"request_data": {"requisition_id": 9}}),
    );
    assert_eq!(reset.unlinks, [ProcoreItem::new(ItemType::Requisition, 9)]);
}

#[test]
fn what_is_not_handled_is_said_to_everybody_who_waits() {
    let payload = json!({"request_data": {"cost_codes": [{"id": 3, "request_detail_id": 4}, {"id": 5, "request_detail_id": 6}]}});
    let plan = plain("repaint_cost_codes", &payload);
    assert_eq!(
        plan.rejections.iter().map(|r| r.detail).collect::<Vec<_>>(),
        [Some(DetailRef::Id(4)), Some(DetailRef::Id(6))]
    );
    assert_eq!(
        plan.rejections[0].messages,
        [
            "Procore sent the order \"repaint_cost_codes\". This version of Plumbline does not handle it. Nothing was changed in QuickBooks."
        ]
    );
    let nobody = plain("repaint_job", &json!({"request_data": {"project": {"id": 2}}}));
    assert_eq!(nobody.rejections[0].detail, None);
}

// QBD-02, QBD-08, QBD-30, QBD-31
#[test]
fn qbd_02_and_08_what_is_not_switched_on_is_refused_unread_and_each_has_its_own_setting() {
    let refused = |name: &str, settings: &Settings| {
        // Nothing of it could be read.
        let payload = json!({"request_data": {"request_detail_id": 4}});
        match read(name, &payload, settings) {
            Ok(event @ ErpEvent::Refused { .. }) => {
                let plan = plan(
                    event,
                    &Known {
                        company_id: 7,
                        requisition_details: &HashMap::new(),
                        payments_watermark: None,
                    },
                );
                assert_eq!(plan.rejections[0].detail, Some(DetailRef::Id(4)));
                let said = plan.rejections[0].messages.concat();
                assert!(said.contains("not enabled"), "{said}");
                true
            }
            // There is nothing in a call to read that could be missing.
            Ok(ErpEvent::SyncSubJobs { .. }) | Err(_) => false,
            Ok(other) => panic!("{other:?}"),
        }
    };
    let invoices = Settings {
        owner_invoices: true,
        ..Settings::default()
    };
    let changes = Settings {
        prime_contract_change_orders: true,
        ..Settings::default()
    };
    let sub_jobs = Settings {
        sub_jobs: true,
        ..Settings::default()
    };
    for (names, on, other) in [
        (&["create_sub_job", "sync_sub_jobs"][..], &sub_jobs, &changes),
        (
            &["create_payment_application", "unlink_payment_application"][..],
            &invoices,
            &changes,
        ),
        (
            &[
                "create_prime_contract_change_order",
                "unlink_prime_contract_change_order",
                "reset_prime_contract_change_order",
            ],
            &changes,
            &invoices,
        ),
    ] {
        for name in names {
            assert!(refused(name, &Settings::default()), "{name}");
            assert!(refused(name, other), "{name}");
            assert!(!refused(name, on), "{name}");
        }
    }
}

// QBD-10
#[test]
fn qbd_10_a_sub_job_waits_for_its_project_and_brings_its_own_codes_alone() {
    let code = |id: i64, biller: &str, deleted: bool| {
        json!({"id": id, "name": "Concrete", "full_code": "01-100", "biller_type": biller, "line_item_types": [{"id": 8}],
            "deleted_at": deleted.then_some("2026-01-01T00:00:00Z"), "standard_cost_code_origin_id": "80-5"})
    };
    let order = json!({"request_data": {"request_detail_id": 4,
        "sub_job": {"id": 1, "code": "E-1", "name": "East wing", "origin_id": null,
            "project": {"id": 7, "name": "Tower", "origin_id": "80-7"}},
        "all_cost_codes": [code(33, "SubJob", false), code(34, "Project", false), code(35, "SubJob", true)]}});
    let plan = plain("create_sub_job", &order);
    assert_eq!(subjects_of(&plan), ["sub_job:1"]);
    assert_eq!(plan.tasks[0].needs, ["project:7"]);
    assert_eq!(plan.tasks[0].detail, Some(DetailRef::Id(4)));
    let AnyTask::Job(export) = &plan.tasks[0].task else {
        panic!("{plan:?}")
    };
    let codes: Vec<i64> = export.codes.iter().map(|code| code.procore_id).collect();
    assert_eq!(codes, [33]);
    assert_eq!(export.number.as_deref(), Some("E-1"));
    let reset = plain("reset_sub_job", &json!({"request_data": {"sub_job": {"id": 1}}}));
    assert_eq!(reset.unlinks, [ProcoreItem::new(ItemType::SubJob, 1)]);
}

#[test]
fn a_markup_that_does_not_make_the_amount_is_refused() {
    let line = |amount: &str| {
        json!({"id": 5, "amount": amount, "extended_amount": "299.0", "markup_line_items": [{"amount": "44.85"}],
            "cost_code": {"id": 6, "full_code": "01-100", "origin_id": "J|I"}})
    };
    let order = |amount: &str| {
        json!({"request_data": {"request_detail_id": 4, "project": {"id": 8, "origin_id": "J"},
            "prime_contract": {"id": 1, "number": "PC-1"}, "prime_contract_change_order": {"id": 2, "number": "001"},
            "prime_contract_change_order_items": [line(amount)]}})
    };
    let fine = plain("create_prime_contract_change_order", &order("343.85"));
    assert_eq!(subjects_of(&fine), ["prime_contract:1"]);
    assert_eq!(fine.tasks[0].label, "Change order 001 of prime contract PC-1");
    let without = plain("create_prime_contract_change_order", &order("299.0"));
    assert!(
        without.rejections[0].messages[0].contains("with the markup 44.85"),
        "{without:?}"
    );
}

#[test]
fn an_order_that_cannot_be_read_is_answered_with_the_field() {
    let plan = plain(
        "create_vendor",
        &json!({"request_data": {"vendor": {"id": 35}, "request_detail_id": 5}}),
    );
    assert_eq!(plan.rejections[0].detail, Some(DetailRef::Id(5)));
    assert!(
        plan.rejections[0].messages[0].contains("request_data.vendor.name is missing"),
        "{plan:?}"
    );
    assert!(plan.tasks.is_empty());
}

#[test]
fn metadata_is_asked_for() {
    assert!(plain("sync_metadata", &json!({"request_data": {"company_id": 7}})).send_metadata);
}

#[test]
fn reference_payloads_are_planned_where_present() {
    let Some(path) = crate::procore::events::reference("erp-events.json") else {
        return;
    };
    let reference: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut tasks: HashMap<&str, usize> = HashMap::new();
    for (name, event) in reference["events"].as_object().unwrap() {
        let plan = plain(name, event.get("payload").unwrap_or(&Value::Null));
        if !plan.tasks.is_empty() {
            tasks.insert(name, plan.tasks.len());
        }
        if name.starts_with("create_") && !plan.tasks.is_empty() {
            assert!(plan.rejections.is_empty(), "{name}: {:?}", plan.rejections);
        }
    }
    for name in [
        "create_standard_cost_codes",
        "create_vendor",
        "create_or_update_job",
        "create_sub_job",
        "sync_sub_jobs",
        "create_commitment",
        "create_commitment_change_order",
        "create_budget",
        "create_requisitions",
        "create_payment",
        "create_payment_application",
        "create_prime_contract_change_order",
        "unlink_payment_application",
        "unlink_prime_contract_change_order",
        "reset_prime_contract_change_order",
        "unlink_commitment",
        "unlink_commitment_change_order",
        // It is offered again.
        "unlink_vendor",
        "sync_standard_cost_codes",
        "sync_vendors",
        "sync_jobs",
        "sync_prime_contracts",
        "sync_contract_payments",
        "sync_single_job",
    ] {
        assert_eq!(tasks.remove(name), Some(1), "{name}");
    }
    assert!(tasks.is_empty(), "{tasks:?}");
}

proptest::proptest! {
    /// Whatever a number or a date is replaced by: a task or a named rejection, never a panic.
    #[test]
    fn no_order_panics(text in "[-0-9eE.]{0,40}|\\PC{0,20}", pick in 0_usize..9) {
        let field = ["amount", "retainage_this_period", "retainage_work_completed_this_period", "qty", "unit_cost",
            "retainage_materials_presently_stored", "retainage_materials_previously_stored",
            "released_work_completed_this_period", "released_materials_this_period"][pick];
        let mut payload = json!({"request_data": {"requisitions": [invoice(1)]}});
        payload["request_data"]["requisitions"][0]["line_items"][0][field] = json!(text);
        payload["request_data"]["requisitions"][0]["formatted_payment_due"] = json!(text);
        let plan = plain("create_requisitions", &payload);
        proptest::prop_assert_eq!(plan.tasks.len() + plan.rejections.len(), 1);
    }
}
