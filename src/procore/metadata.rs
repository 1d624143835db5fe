//! Our ERP metadata document: what Procore's ERP tab shows, asks for and refuses on our behalf.
//!
//! Limits are QuickBooks', told here so that Procore's own forms refuse what would fail later. Entities are switched on
//! for what this build does and off for everything else, so that no button leads nowhere.
//!
//! **Guess:** how a choice (vendor type, account, customer) is offered. The published example knows `date` and
//! `string` fields only; `choice_field` is the one place that would change.

use serde_json::{Value, json};

/// The longest vendor name.
pub const VENDOR_NAME: usize = 41;
/// The longest job name.
pub const PROJECT_NAME: usize = 41;
/// The longest purchase order number, our "QuickBooks Desktop ID".
pub const COMMITMENT_CODE: usize = 11;
/// The longest bill number.
pub const INVOICE_NUMBER: usize = 20;
/// The longest number of an invoice to an owner.
pub const OWNER_INVOICE_NUMBER: usize = 11;
/// The longest cost code with all its levels.
pub const COST_CODE: usize = 96;
/// The longest commitment title.
pub const COMMITMENT_TITLE: usize = 255;
/// The longest line of an address.
pub const ADDRESS_LINE: usize = 41;
/// The longest city.
pub const CITY: usize = 31;
/// The longest state.
pub const STATE: usize = 21;
/// The longest postal code.
pub const ZIP: usize = 13;
/// The longest phone or fax number.
pub const PHONE: usize = 21;
/// What users read above the ids of QuickBooks records.
pub const ID_COLUMN: &str = "QuickBooks Desktop ID";

/// One choice for the approver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The record's `ListID`.
    pub origin_id: String,
    /// Its name.
    pub label: String,
}

/// What the document depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Contents {
    /// ADV-07: the contract number fills the QuickBooks Desktop ID.
    pub use_procore_contract_number: bool,
    /// LOVE-17: numbers that are too long get a short one.
    pub shorten_purchase_order_numbers: bool,
    /// A customer must be chosen for each project.
    pub choose_customer: bool,
    /// Payments can be synced (US editions).
    pub sync_payments: bool,
    /// Payments that were made with Procore Pay can be exported.
    pub payments_from_procore: bool,
    /// QBD-02: owner invoices can be exported.
    pub owner_invoices: bool,
    /// QBD-08: prime contract change orders can be exported.
    pub prime_contract_change_orders: bool,
    /// QBD-20: prime contracts can be imported.
    pub prime_contract_import: bool,
    /// QBD-19: budgets can be imported.
    pub budget_import: bool,
    /// QBD-10, QBD-21: sub jobs go both ways.
    pub sub_jobs: bool,
    /// Vendor types.
    pub vendor_types: Vec<Choice>,
    /// Income accounts.
    pub income_accounts: Vec<Choice>,
    /// Expense accounts.
    pub expense_accounts: Vec<Choice>,
    /// Customers a job can go under.
    pub customers: Vec<Choice>,
}

/// The document, ready for [`super::erp_connection`].
pub fn document(contents: &Contents) -> Value {
    json!({"settings": {
        "labels": {
            "name": "QuickBooks Desktop",
            "id_name": "quickbooks_desktop_id",
            "short_name": "QuickBooks",
        },
        "configurations": {"settings": {"cost_codes_segment_delimiter": "-"}},
        "entities": {
            "standard_cost_codes": standard_cost_codes(contents),
            "vendors": vendors(contents),
            "jobs": jobs(contents),
            "commitments": commitments(contents),
            "commitment_items": commitment_items(),
            "requisitions": requisitions(contents),
            "contract_payments": {
                "enabled": contents.sync_payments || contents.payments_from_procore,
                "tab": {"enabled": contents.sync_payments || contents.payments_from_procore},
                "configs": {
                    "export": {"enabled": contents.payments_from_procore},
                    "import": {"enabled": contents.sync_payments, "minimum_sync_version": "0"},
                },
            },
            "standard_categories": disabled(),
            "sub_jobs": sub_jobs(contents),
            "budgets": budgets(contents),
            "job_costs": job_costs(),
            "job_cost_transactions": disabled(),
            "commitment_change_orders": change_orders(),
            "commitment_change_order_items": commitment_items(),
            "prime_contracts": prime_contracts(contents),
            "prime_contract_change_orders": prime_change_orders(contents),
            "payment_applications": payment_applications(contents),
            "company_level_direct_costs": disabled(),
        },
    }})
}

fn standard_cost_codes(contents: &Contents) -> Value {
    json!({
        "enabled": true,
        "configs": {
            "export": {"enabled": true, "custom_fields": [
                choice_field("income_account_origin_id", "Income account", &contents.income_accounts, true),
                choice_field("expense_account_origin_id", "Expense account", &contents.expense_accounts, false),
            ]},
            "import": on(),
        },
        "tab": id_column(),
        "rules": {"export": {"fields": {"full_code": {"enabled": true, "validation": {
            "max_length": max(COST_CODE, Some(
                "Code is too long for QuickBooks Desktop. Maximum %{length} characters in all, 31 for each part of the code."
            )),
        }}}}},
    })
}

fn vendors(contents: &Contents) -> Value {
    json!({
        "enabled": true,
        "configs": {
            "export": {"enabled": true, "custom_fields": [
                choice_field("vendor_type_origin_id", "Vendor type", &contents.vendor_types, false),
            ]},
            "import": {"enabled": true, "create": on(), "update": on()},
            "staged_records": on(),
        },
        "tab": id_column(),
        "rules": {"export": {"fields": {"code": off()}}, "save": {"fields": {
            // No message of ours: Procore has its own for a name that is too long (MAP-09).
            "name": {"validation": {"max_length": max(VENDOR_NAME, None)}},
            "address": address_rule(),
            "city": length_rule(CITY),
            "state_code": length_rule(STATE),
            "zip": length_rule(ZIP),
            "business_phone": length_rule(PHONE),
            "fax_number": length_rule(PHONE),
        }}},
    })
}

fn jobs(contents: &Contents) -> Value {
    let customer: Vec<Value> = contents
        .choose_customer
        .then(|| {
            choice_field(
                "customer_origin_id",
                "QuickBooks customer",
                &contents.customers,
                true,
            )
        })
        .into_iter()
        .collect();
    json!({
        "enabled": true,
        "configs": {
            "export": {"enabled": true, "custom_fields": customer},
            "import": on(),
            "update": on(),
            "job_id_format": off(),
            "category_assignments": on(),
            "cost_type_assignment_deletions": off(),
            "cost_code_deletions": off(),
            "staged_records": on(),
        },
        "tab": id_column(),
        "rules": {
            "export": {"warning_message": {"enabled": false, "message": ""}, "fields": {"code": off()}},
            "save": {"fields": {
                "name": {"validation": {"max_length": max(PROJECT_NAME, Some(
                    "Project name is too long for QuickBooks Desktop. Maximum %{length} characters."
                ))}},
                "address": address_rule(),
                "city": length_rule(CITY),
                "state_code": length_rule(STATE),
                "zip": length_rule(ZIP),
            }},
        },
    })
}

fn commitments(contents: &Contents) -> Value {
    let mut length = max(
        COMMITMENT_CODE,
        Some("QuickBooks Desktop ID cannot be more than %{length} characters."),
    );
    let mut shortened = String::new();
    if contents.shorten_purchase_order_numbers {
        length["enabled"] = json!(false);
        shortened = format!(
            "A QuickBooks Desktop ID of more than {COMMITMENT_CODE} characters gets a short number of its own in QuickBooks. It is \
             shown once the commitment was exported."
        );
    }
    json!({
        "enabled": true,
        "configs": {
            "export": on(),
            "import": off(),
            "unlink": on(),
            "procore_contract_number": {"enabled": contents.use_procore_contract_number},
            "export_purchase_orders": on(),
            "export_subcontracts": on(),
        },
        "tab": id_column(),
        "rules": {
            "save": {"fields": {"title": {"validation": {"max_length": max(COMMITMENT_TITLE, None)}}}},
            "export": {
                "warning_message": {"enabled": contents.shorten_purchase_order_numbers, "message": shortened},
                "fields": {"code": {"enabled": true, "validation": {
                    "present": {"enabled": true, "message": "QuickBooks Desktop ID can't be blank."},
                    "max_length": length,
                }}},
            },
        },
    })
}

fn commitment_items() -> Value {
    json!({
        "enabled": true,
        "configs": {"export": on(), "import": off()},
        "tab": on(),
        "rules": {"export": {}, "save": {"fields": {
            "quantity": number_rule(10, 5),
            "unit_cost": number_rule(10, 5),
            "total_amount": number_rule(10, 2),
            "cost_code": {"validation": {
                "present": {"enabled": true, "message": "Choose a cost code for each line."},
                "disallow_division": off(),
            }},
        }}},
    })
}

/// What a sub job is called in QuickBooks is a job's name. Its code is a job's note, which is longer than Procore's own limit.
fn sub_jobs(contents: &Contents) -> Value {
    if !contents.sub_jobs {
        return disabled();
    }
    json!({
        "enabled": true,
        "configs": {
            "export": on(),
            "import": on(),
            "update": off(),
            "category_assignments": on(),
            "cost_type_assignment_deletions": off(),
            "cost_code_deletions": off(),
            "staged_records": on(),
        },
        "tab": id_column(),
        "rules": {
            "export": {"warning_message": {"enabled": false, "message": ""}, "fields": {"code": off()}},
            "save": {"fields": {"name": length_rule(PROJECT_NAME)}},
        },
    })
}

fn budgets(contents: &Contents) -> Value {
    json!({
        "enabled": true,
        "configs": {
            "export": {"enabled": true, "create": on(), "forecast_amounts": off()},
            "import": {"enabled": contents.budget_import},
            "sub_job_export": off(),
            "revised_estimates_export": on(),
        },
        "tab": id_column(),
        "rules": {"export": {
            "warning_message": {"enabled": true, "message":
                "Caution: once this budget has been exported it cannot be imported any more. Do not delete its estimate in \
                 QuickBooks."},
            "fields": {"code": off()},
        }},
    })
}

/// The columns are the amounts we tell ([`super::erp_job_costs`]).
fn job_costs() -> Value {
    json!({
        "enabled": true,
        "configs": {"export": off(), "import": on()},
        "tab": {"enabled": true, "columns": {
            "original_estimate": on(),
            "approved_estimate_changes": on(),
            "estimate": on(),
            "commitment_invoiced": on(),
            "job_to_date_cost": on(),
        }},
    })
}

/// They have no number of their own in QuickBooks: they are lines of the purchase order.
fn change_orders() -> Value {
    json!({
        "enabled": true,
        "configs": {
            "export": on(),
            "import": off(),
            "unlink": on(),
            "procore_change_order_number": on(),
        },
        "tab": id_column(),
        "rules": {"export": {
            "warning_message": {"enabled": false, "message": ""},
            "fields": {"code": off()},
        }},
    })
}

fn prime_contracts(contents: &Contents) -> Value {
    if !contents.prime_contract_import {
        return disabled();
    }
    json!({
        "enabled": true,
        "configs": {"export": off(), "import": on(), "staged_records": on()},
        "tab": id_column(),
    })
}

/// As with change orders of commitments, their number stays in Procore.
fn prime_change_orders(contents: &Contents) -> Value {
    if !contents.prime_contract_change_orders {
        return disabled();
    }
    json!({
        "enabled": true,
        "configs": {"export": on(), "import": off(), "unlink": on(), "export_estimate_markup": on()},
        "tab": id_column(),
        "rules": {"export": {
            "warning_message": {"enabled": false, "message": ""},
            "fields": {"origin_code": off()},
        }},
    })
}

fn payment_applications(contents: &Contents) -> Value {
    if !contents.owner_invoices {
        return disabled();
    }
    json!({
        "enabled": true,
        "configs": {"export": on(), "import": off(), "unlink": on()},
        "tab": id_column(),
        "rules": {
            "export": {
                "warning_message": {"enabled": false, "message": ""},
                "fields": {
                    "invoice_number": {"enabled": true, "validation": {
                        "present": {"enabled": true, "message": "Invoice number can't be blank."},
                        "max_length": max(OWNER_INVOICE_NUMBER, Some(
                            "Invoice number cannot be more than %{length} characters in QuickBooks Desktop."
                        )),
                    }},
                    "billing_date": {"enabled": true, "validation": {
                        "present": {"enabled": true, "message": "Billing date can't be blank."},
                    }},
                },
            },
            "save": {"fields": {}},
        },
    })
}

fn requisitions(contents: &Contents) -> Value {
    json!({
        "enabled": true,
        "configs": {
            "export": on(),
            "unlink": off(),
            "sync_payments": {"enabled": contents.sync_payments},
            "accounting_date": off(),
        },
        "tab": id_column(),
        "rules": {
            "export": {
                "warning_message": {"enabled": false, "message": ""},
                "fields": {
                    "invoice_number": {"enabled": true, "validation": {
                        "present": {"enabled": true, "message": "Invoice number can't be blank."},
                        "max_length": max(INVOICE_NUMBER, Some(
                            "Invoice number cannot be more than %{length} characters in QuickBooks Desktop."
                        )),
                    }},
                    "billing_date": {"enabled": true, "validation": {
                        "present": {"enabled": true, "message": "Billing date can't be blank."},
                    }},
                    "origin_code": off(),
                },
            },
            "save": {"fields": {"invoice_number": {"validation": {"max_length": max(INVOICE_NUMBER, None)}}}},
        },
    })
}

/// A field with choices (guess; see the module's head). As long as there is nothing to choose it is not demanded: a
/// button must not be blocked by an empty list; the export says what is missing.
fn choice_field(key: &str, label: &str, choices: &[Choice], required: bool) -> Value {
    let options: Vec<Value> = choices
        .iter()
        .map(|choice| json!({"value": choice.origin_id, "label": choice.label}))
        .collect();
    let mut field = json!({"key": key, "label": label, "type": "select", "options": options});
    if required && !choices.is_empty() {
        let message = format!("Please choose: {label}.");
        field["rules"] = json!({"validation": {"present": {"enabled": true, "message": message}}});
    }
    field
}

fn on() -> Value {
    json!({"enabled": true})
}

fn off() -> Value {
    json!({"enabled": false})
}

fn disabled() -> Value {
    json!({"enabled": false, "configs": {"export": off(), "import": off()}, "tab": off()})
}

fn id_column() -> Value {
    json!({"enabled": true, "columns": {"code": {"enabled": true, "text": ID_COLUMN}}})
}

fn max(length: usize, message: Option<&str>) -> Value {
    match message {
        Some(message) => json!({"enabled": true, "length": length, "message": message}),
        None => json!({"enabled": true, "length": length}),
    }
}

fn length_rule(length: usize) -> Value {
    json!({"validation": {"max_length": max(length, None)}})
}

fn address_rule() -> Value {
    json!({"validation": {"max_line_length": max(
        ADDRESS_LINE,
        Some("A line of the address is too long for QuickBooks Desktop. Maximum %{length} characters."),
    )}})
}

fn number_rule(units: usize, decimals: usize) -> Value {
    json!({"validation": {
        "max_length_units": {"enabled": true, "length": units},
        "max_length_decimal": {"enabled": true, "length": decimals},
        "numeric": on(),
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> Contents {
        Contents {
            use_procore_contract_number: true,
            choose_customer: true,
            sync_payments: true,
            income_accounts: vec![Choice {
                origin_id: "80-1".into(),
                label: "Construction Income".into(),
            }],
            ..Contents::default()
        }
    }

    #[test]
    fn limits_are_quickbooks_limits() {
        let document = document(&contents());
        let entities = &document["settings"]["entities"];
        for (pointer, expected) in [
            ("/vendors/rules/save/fields/name/validation/max_length/length", 41),
            ("/jobs/rules/save/fields/name/validation/max_length/length", 41),
            (
                "/commitments/rules/export/fields/code/validation/max_length/length",
                11,
            ),
            (
                "/requisitions/rules/export/fields/invoice_number/validation/max_length/length",
                20,
            ),
            (
                "/standard_cost_codes/rules/export/fields/full_code/validation/max_length/length",
                96,
            ),
            (
                "/vendors/rules/save/fields/fax_number/validation/max_length/length",
                21,
            ),
        ] {
            assert_eq!(entities.pointer(pointer), Some(&json!(expected)), "{pointer}");
        }
        for entity in ["vendors", "jobs", "commitments", "requisitions"] {
            assert_eq!(
                entities[entity]["tab"]["columns"]["code"]["text"],
                "QuickBooks Desktop ID"
            );
        }
    }

    #[test]
    fn adv_07_and_09_the_contract_number_fills_the_id_which_cannot_be_blank() {
        let mut contents = contents();
        let with = document(&contents);
        contents.use_procore_contract_number = false;
        let without = document(&contents);
        let pointer = "/settings/entities/commitments/configs/procore_contract_number/enabled";
        assert_eq!(
            (with.pointer(pointer), without.pointer(pointer)),
            (Some(&json!(true)), Some(&json!(false)))
        );
        assert_eq!(
            without
                .pointer("/settings/entities/commitments/rules/export/fields/code/validation/present/message")
                .unwrap(),
            "QuickBooks Desktop ID can't be blank."
        );
    }

    #[test]
    fn only_what_this_build_does_is_switched_on() {
        let document = document(&contents());
        let entities = document["settings"]["entities"].as_object().unwrap();
        let mut on: Vec<&str> = entities
            .iter()
            .filter(|(_, entity)| entity["enabled"] == json!(true))
            .map(|(name, _)| name.as_str())
            .collect();
        on.sort_unstable();
        assert_eq!(
            on,
            [
                "budgets",
                "commitment_change_order_items",
                "commitment_change_orders",
                "commitment_items",
                "commitments",
                "contract_payments",
                "job_costs",
                "jobs",
                "requisitions",
                "standard_cost_codes",
                "vendors"
            ]
        );
    }

    // QBD-02, QBD-08, QBD-30, QBD-31
    #[test]
    fn qbd_02_and_08_the_owners_side_is_there_by_setting_and_else_absent() {
        let mut contents = contents();
        let enabled = |contents: &Contents, entity: &str| {
            let document = document(contents);
            let entity = &document["settings"]["entities"][entity];
            [
                &entity["enabled"],
                &entity["tab"]["enabled"],
                &entity["configs"]["export"]["enabled"],
            ]
            .map(|flag| flag == &json!(true))
        };
        for entity in ["payment_applications", "prime_contract_change_orders"] {
            assert_eq!(enabled(&contents, entity), [false; 3], "{entity}");
        }
        contents.owner_invoices = true;
        assert_eq!(enabled(&contents, "payment_applications"), [true; 3]);
        assert_eq!(enabled(&contents, "prime_contract_change_orders"), [false; 3]);
        contents.prime_contract_change_orders = true;
        assert_eq!(enabled(&contents, "prime_contract_change_orders"), [true; 3]);
        let document = document(&contents);
        for entity in ["payment_applications", "prime_contract_change_orders"] {
            let unlink = &document["settings"]["entities"][entity]["configs"]["unlink"];
            assert_eq!(unlink, &on(), "{entity}");
        }
        let length = "/settings/entities/payment_applications/rules/export/fields/invoice_number/validation/max_length/length";
        assert_eq!(document.pointer(length), Some(&json!(11)));
    }

    // LOVE-17
    #[test]
    fn love_17_a_long_number_is_warned_of_where_it_is_shortened_and_refused_where_it_is_not() {
        let mut contents = contents();
        let rules = |contents: &Contents| {
            let rules = document(contents)["settings"]["entities"]["commitments"]["rules"]["export"].clone();
            [
                rules["warning_message"]["enabled"].clone(),
                rules["fields"]["code"]["validation"]["max_length"]["enabled"].clone(),
            ]
        };
        assert_eq!(rules(&contents), [json!(false), json!(true)]);
        contents.shorten_purchase_order_numbers = true;
        assert_eq!(rules(&contents), [json!(true), json!(false)]);
    }

    // QBD-19, QBD-20
    #[test]
    fn qbd_20_what_nobody_switched_on_cannot_be_imported() {
        let at = |contents: &Contents, path: &str| {
            document(contents)
                .pointer(&format!("/settings/entities/{path}/enabled"))
                .cloned()
        };
        let paths = ["prime_contracts", "prime_contracts/tab", "budgets/configs/import"];
        let mut contents = contents();
        for path in paths {
            assert_eq!(at(&contents, path), Some(json!(false)), "{path}");
        }
        contents.prime_contract_import = true;
        contents.budget_import = true;
        for path in paths {
            assert_eq!(at(&contents, path), Some(json!(true)), "{path}");
        }
        assert_eq!(at(&contents, "prime_contracts/configs/import"), Some(json!(true)));
    }

    // QBD-10, QBD-21
    #[test]
    fn qbd_10_and_21_sub_jobs_are_there_by_setting_and_budgets_never_take_them() {
        let mut contents = contents();
        let flags = |contents: &Contents| {
            let document = document(contents);
            let entities = &document["settings"]["entities"];
            [
                &entities["sub_jobs"]["enabled"],
                &entities["sub_jobs"]["tab"]["enabled"],
                &entities["sub_jobs"]["configs"]["export"]["enabled"],
                &entities["sub_jobs"]["configs"]["import"]["enabled"],
                &entities["budgets"]["configs"]["sub_job_export"]["enabled"],
            ]
            .map(|flag| flag == &json!(true))
        };
        assert_eq!(flags(&contents), [false; 5]);
        contents.sub_jobs = true;
        assert_eq!(flags(&contents), [true, true, true, true, false]);
        let length = "/settings/entities/sub_jobs/rules/save/fields/name/validation/max_length/length";
        assert_eq!(document(&contents).pointer(length), Some(&json!(41)));
    }

    #[test]
    fn fields_asked_for_at_export() {
        let document = document(&contents());
        let keys = |entity: &str| -> Vec<String> {
            document["settings"]["entities"][entity]["configs"]["export"]["custom_fields"]
                .as_array()
                .unwrap()
                .iter()
                .map(|field| field["key"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(keys("vendors"), ["vendor_type_origin_id"]);
        assert_eq!(
            keys("standard_cost_codes"),
            ["income_account_origin_id", "expense_account_origin_id"]
        );
        assert_eq!(keys("jobs"), ["customer_origin_id"]);
        let present = |entity: &str| {
            let pointer = format!(
                "/settings/entities/{entity}/configs/export/custom_fields/0/rules/validation/present/enabled"
            );
            document.pointer(&pointer).cloned()
        };
        assert_eq!(
            present("standard_cost_codes"),
            Some(json!(true)),
            "there are income accounts to choose from"
        );
        assert_eq!(present("jobs"), None, "no customer is known yet");
    }

    /// Every path of ours that the published example has too must hold the same kind of value there.
    #[test]
    fn the_shape_follows_the_published_example_where_present() {
        let Some(path) = crate::procore::events::reference("erp-metadata-example.json") else {
            return;
        };
        let example: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut compared = 0;
        let everything = Contents {
            owner_invoices: true,
            prime_contract_change_orders: true,
            prime_contract_import: true,
            budget_import: true,
            sub_jobs: true,
            ..contents()
        };
        compare(&document(&everything), &example["metadata"], &mut compared, "");
        assert!(compared > 100, "{compared}");
    }

    fn compare(ours: &Value, theirs: &Value, compared: &mut usize, path: &str) {
        *compared += 1;
        assert_eq!(
            std::mem::discriminant(ours),
            std::mem::discriminant(theirs),
            "{path}: {ours} against {theirs}"
        );
        if let (Some(ours), Some(theirs)) = (ours.as_object(), theirs.as_object()) {
            for (key, value) in ours {
                if let Some(other) = theirs.get(key) {
                    compare(value, other, compared, &format!("{path}/{key}"));
                }
            }
        }
    }
}
