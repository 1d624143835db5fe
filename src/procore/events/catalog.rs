//! Procore's ERP events, all of them: which are carried out, which need nothing, and which are refused and why.
//! `docs/EVENTS.md` is printed from this table.
//!
//! Source of the names: Procore's ERP events dictionary. What may not live here: how an event is read or carried out.

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It is carried out.
    Handled,
    /// Procore asks for nothing, and there is nothing to be done.
    NothingRequired,
    /// It is carried out where a setting asks for it; else it is refused, and whoever waits for it reads these words.
    Switched(Switch, &'static str),
    /// It is refused, and whoever waits for it reads why.
    Refused,
}

/// What a connection can have switched on, which Procore's own connector for QuickBooks Desktop lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Owner invoices.
    OwnerInvoices,
    /// Prime contract change orders.
    PrimeContractChangeOrders,
    /// Prime contracts from QuickBooks.
    PrimeContractImport,
    /// Payments made with Procore Pay.
    PaymentsFromProcore,
    /// Sub jobs.
    SubJobs,
}

impl Switch {
    /// The setting's name.
    pub fn setting(self) -> &'static str {
        match self {
            Self::OwnerInvoices => "owner_invoices",
            Self::PrimeContractChangeOrders => "prime_contract_change_orders",
            Self::PrimeContractImport => "prime_contract_import",
            Self::PaymentsFromProcore => "payments_from_procore",
            Self::SubJobs => "sub_jobs",
        }
    }
}

impl Handling {
    /// The words in `docs/EVENTS.md`.
    pub fn words(self) -> String {
        match self {
            Self::Handled => "handled".to_owned(),
            Self::NothingRequired => "nothing required".to_owned(),
            Self::Switched(switch, _) => format!("with `{}`", switch.setting()),
            Self::Refused => "refused".to_owned(),
        }
    }
}

/// An event of Procore's dictionary.
#[derive(Clone, Copy, Debug)]
pub struct EventKind {
    /// Its `request_name`.
    pub name: &'static str,
    /// What becomes of it.
    pub handling: Handling,
    /// What is done, or why nothing is. Of a refusal it is what the user reads.
    pub what: &'static str,
}

const fn handled(name: &'static str, what: &'static str) -> EventKind {
    EventKind {
        name,
        handling: Handling::Handled,
        what,
    }
}

const fn nothing(name: &'static str, what: &'static str) -> EventKind {
    EventKind {
        name,
        handling: Handling::NothingRequired,
        what,
    }
}

const fn switched(name: &'static str, switch: Switch, what: &'static str, off: &'static str) -> EventKind {
    EventKind {
        name,
        handling: Handling::Switched(switch, off),
        what,
    }
}

const fn refused(name: &'static str, what: &'static str) -> EventKind {
    EventKind {
        name,
        handling: Handling::Refused,
        what,
    }
}

/// Every event, in the dictionary's order.
pub const EVENTS: [EventKind; 51] = [
    handled("create_standard_cost_codes", "Each code becomes a service item."),
    handled(
        "delete_standard_cost_codes",
        "Their links are forgotten; the service items stay.",
    ),
    handled(
        "sync_standard_cost_codes",
        "The service items are read into the code list.",
    ),
    handled("unlink_standard_cost_codes", "Their links are forgotten."),
    handled("delete_standard_categories", "Their links are forgotten."),
    handled("sync_standard_categories", "The one cost type, Other, is sent."),
    handled("create_vendor", "The company becomes a vendor."),
    handled("create_vendor_in_procore", "The link is kept."),
    handled("link_all_vendors", "The links are kept."),
    handled("link_vendor", "The link is kept."),
    handled(
        "merge_vendors",
        "The links of the companies that are gone are forgotten; that of the remaining one is kept.",
    ),
    handled(
        "sync_vendors",
        "Vendors are read, staged, and brought up to date.",
    ),
    handled(
        "unlink_vendor",
        "The link is forgotten, and the vendor is staged again.",
    ),
    handled("create_job_in_procore", "The link is kept."),
    handled(
        "create_or_update_job",
        "The project becomes a job, with its codes; a job that is there is brought up to date.",
    ),
    handled(
        "reset_job",
        "The link of the project is forgotten. What was exported for it is recognised when it is exported again.",
    ),
    handled("sync_jobs", "Jobs are read and staged."),
    handled(
        "sync_single_job",
        "The costs of the project's job are read, compared with QuickBooks' own report, and sent to the budget.",
    ),
    switched(
        "create_sub_job",
        Switch::SubJobs,
        "The sub job becomes a job nested under its project's, with its codes.",
        "Sub jobs are not exported to QuickBooks: this is not enabled. Code the budget line to the project itself.",
    ),
    handled("create_sub_job_in_procore", "The link is kept."),
    handled(
        "reset_sub_job",
        "The link of the sub job is forgotten. What was exported for it is recognised when it is exported again.",
    ),
    nothing(
        "sync_sub_job",
        "What QuickBooks holds of a sub job comes with the reading of jobs.",
    ),
    switched(
        "sync_sub_jobs",
        Switch::SubJobs,
        "Jobs are read, and those nested under a project's job staged as its sub jobs.",
        "Sub jobs are not imported from QuickBooks: this is not enabled. Jobs that are nested under a job stay in QuickBooks.",
    ),
    handled(
        "delete_cost_code",
        "The links of the codes are forgotten; the service items stay.",
    ),
    handled(
        "delete_cost_codes",
        "The links of the codes are forgotten, and the request details closed; the service items stay.",
    ),
    refused(
        "delete_cost_type_assignments",
        "In QuickBooks Desktop every cost code has the one cost type Other, which cannot be taken from it. Delete the cost code instead.",
    ),
    handled(
        "create_budget",
        "The budget becomes the estimate of its job; what that holds comes back.",
    ),
    handled(
        "update_budget",
        "What is new is appended to the same estimate; what that holds comes back.",
    ),
    nothing(
        "create_budget_in_procore",
        "The budget was imported from an estimate. It stays Procore's.",
    ),
    handled(
        "create_requisitions",
        "Each invoice becomes a bill; one below zero a vendor credit, with the setting `negative_invoices_as_vendor_credits`.",
    ),
    handled("reset_requisition", "The link is forgotten."),
    switched(
        "create_payment",
        Switch::PaymentsFromProcore,
        "The payment becomes a check that pays the invoice's bill.",
        "Payments are not exported to QuickBooks. Pay the bill in QuickBooks; the payment then comes to Procore by itself.",
    ),
    refused(
        "reset_payment",
        "Payments belong to QuickBooks. Void or delete the payment there; Procore is then told by itself.",
    ),
    handled(
        "sync_contract_payments",
        "Bill payments are read into Payments Issued.",
    ),
    handled("create_commitment", "The commitment becomes a purchase order."),
    nothing("create_commitment_in_procore", "Commitments are not imported."),
    refused(
        "sync_commitments",
        "Commitments go from Procore to QuickBooks only. Purchase orders that were made in QuickBooks are not imported.",
    ),
    handled(
        "unlink_commitment",
        "QuickBooks is asked whether the purchase order is gone; only then is the link forgotten.",
    ),
    handled(
        "create_commitment_change_order",
        "Its lines are added to the commitment's purchase order.",
    ),
    refused(
        "sync_commitment_change_orders",
        "Change orders go from Procore to QuickBooks only. Changes that were made in QuickBooks are not imported.",
    ),
    handled(
        "unlink_commitment_change_order",
        "QuickBooks is asked whether its lines are gone from the purchase order; only then is the link forgotten.",
    ),
    switched(
        "create_payment_application",
        Switch::OwnerInvoices,
        "The owner invoice becomes an invoice on the project's job.",
        "Owner invoices are not exported to QuickBooks: this is not enabled. Enter the invoice in QuickBooks.",
    ),
    switched(
        "unlink_payment_application",
        Switch::OwnerInvoices,
        "QuickBooks is asked whether the invoice is gone; only then is the link forgotten.",
        "Owner invoices are not exported to QuickBooks, so there is nothing to unlink: this is not enabled.",
    ),
    switched(
        "sync_prime_contracts",
        Switch::PrimeContractImport,
        "Estimates and sales orders of linked jobs are read and staged, each with its lines.",
        "Prime contracts are not imported from QuickBooks: this is not enabled.",
    ),
    switched(
        "create_prime_contract_change_order",
        Switch::PrimeContractChangeOrders,
        "Its lines are added to the job's estimate, which the budget has made.",
        "Prime contract change orders are not exported to QuickBooks: this is not enabled.",
    ),
    switched(
        "reset_prime_contract_change_order",
        Switch::PrimeContractChangeOrders,
        "QuickBooks is asked whether its lines are gone from the estimate; only then is the link forgotten.",
        "Prime contract change orders are not exported to QuickBooks, so there is nothing to reset: this is not enabled.",
    ),
    switched(
        "unlink_prime_contract_change_order",
        Switch::PrimeContractChangeOrders,
        "QuickBooks is asked whether its lines are gone from the estimate; only then is the link forgotten.",
        "Prime contract change orders are not exported to QuickBooks, so there is nothing to unlink: this is not enabled.",
    ),
    refused(
        "create_company_level_direct_cost",
        "Costs come from QuickBooks to Procore, never the other way. Enter the cost in QuickBooks.",
    ),
    nothing(
        "reset_company_level_direct_cost",
        "Direct costs are not exported.",
    ),
    refused(
        "unlink_company_level_direct_cost",
        "Costs are never exported to QuickBooks, so there is nothing to unlink.",
    ),
    handled("sync_metadata", "The metadata document is sent again."),
];

/// The event of this name. Procore's dictionary shows `create_payment` with the name `create_contract_payment` inside.
pub fn find(request_name: &str) -> Option<&'static EventKind> {
    let name = match request_name {
        "create_contract_payment" => "create_payment",
        name => name,
    };
    EVENTS.iter().find(|event| event.name == name)
}

/// `docs/EVENTS.md`.
pub fn document() -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "# Procore's ERP events\n\n\
         Every event of Procore's dictionary, and what Plumbline does about it. This page is printed by a test from the table in\n\
         `src/procore/events/catalog.rs`; `PLUMBLINE_WRITE_DOCS=1 cargo test --lib events_md` writes it anew.\n\n\
         | event | | what is done |\n|---|---|---|\n",
    );
    for event in &EVENTS {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            event.name,
            event.handling.words(),
            event.what
        );
    }
    let count = |handling| EVENTS.iter().filter(|event| event.handling == handling).count();
    let switched = EVENTS
        .iter()
        .filter(|event| matches!(event.handling, Handling::Switched(..)))
        .count();
    let _ = write!(
        text,
        "\n{} handled, {switched} where a setting asks for it (else they are refused with the reason), {} with nothing required, \
         {} refused with the reason; {} in all.\n",
        count(Handling::Handled),
        count(Handling::NothingRequired),
        count(Handling::Refused),
        EVENTS.len()
    );
    text
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use serde_json::{Value, json};

    use super::*;
    use crate::procore::events::ErpEvent;

    #[test]
    fn events_md_is_printed_from_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/EVENTS.md");
        if std::env::var_os("PLUMBLINE_WRITE_DOCS").is_some() {
            std::fs::write(&path, document()).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == document(),
            "docs/EVENTS.md is not what the table says; PLUMBLINE_WRITE_DOCS=1 cargo test --lib events_md writes it"
        );
    }

    #[test]
    fn every_event_of_the_dictionary_is_in_the_table_and_read_as_it_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/procore/erp-events.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: {} is not there", path.display());
            return;
        };
        let dictionary: Value = serde_json::from_str(&text).unwrap();
        let events = dictionary["events"].as_object().unwrap();
        let ours: BTreeSet<&str> = EVENTS.iter().map(|event| event.name).collect();
        let theirs: BTreeSet<&str> = events.keys().map(String::as_str).collect();
        assert_eq!(ours, theirs);
        for event in &EVENTS {
            // One event is described by another's payload.
            let payload = match &events[event.name]["payload"] {
                Value::Null => &events["create_budget"]["payload"],
                payload => payload,
            };
            let read = ErpEvent::parse(event.name, payload);
            match (event.handling, read) {
                (Handling::Refused, Ok(ErpEvent::Refused { .. }))
                | (Handling::NothingRequired, Ok(ErpEvent::NothingToDo { .. })) => {}
                (
                    Handling::Handled | Handling::Switched(..),
                    Ok(ErpEvent::Refused { .. } | ErpEvent::NothingToDo { .. } | ErpEvent::Unknown { .. }),
                )
                | (Handling::Refused | Handling::NothingRequired, _) => {
                    panic!("{} is not read as the table says", event.name)
                }
                (Handling::Handled | Handling::Switched(..), Ok(_)) => {}
                // The dictionary's own examples are shortened here and there.
                (Handling::Handled | Handling::Switched(..), Err(error)) => {
                    panic!("{}: {error}", event.name);
                }
            }
        }
    }

    #[test]
    fn a_refusal_reaches_whoever_waits() {
        let payload = json!({"request_data": {"request_detail_id": 3}});
        let read = ErpEvent::parse("sync_commitments", &payload).unwrap();
        let ErpEvent::Refused {
            request_detail_ids,
            reason,
            ..
        } = read
        else {
            panic!("{read:?}")
        };
        assert_eq!(request_detail_ids, [3]);
        assert!(reason.contains("from Procore to QuickBooks only"));
    }
}
