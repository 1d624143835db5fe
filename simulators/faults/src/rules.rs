//! What must hold in any world at rest, whatever the undisturbed one looks like. Pure: from what the stand-ins show.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::remote::{array, text};

/// What a line says that the bookkeeper added: it is nothing of Procore's.
pub(crate) const BY_HAND: &str = "By hand";

/// Procore's rules for its clients.
pub(crate) fn of_procore(state: &Value) -> Vec<String> {
    ["violations", "violations_without_company"]
        .into_iter()
        .flat_map(|key| array(state, key))
        .map(|violation| format!("a rule of Procore's: {violation}"))
        .collect()
}

/// QuickBooks takes two orders or bills of one vendor with one number without a word (DESIGN, invariants 2 and 10).
pub(crate) fn no_transaction_twice(file: &Value) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for kind in ["purchase_orders", "bills", "vendor_credits"] {
        for record in array(&file["transactions"], kind) {
            let name = format!("{kind} {} {}", text(record, "vendor"), text(record, "ref_number"));
            *counts.entry(name).or_default() += 1;
        }
    }
    // A job has one estimate of Procore's.
    for record in array(&file["transactions"], "estimates") {
        *counts
            .entry(format!("an estimate of {}", text(record, "customer")))
            .or_default() += 1;
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(name, count)| format!("{name} stands {count} times"))
        .collect()
}

/// What both sides say of one record is the same to the cent (DESIGN, invariant 6).
pub(crate) fn to_the_cent(state: &Value, file: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut compare = |what: &str, record: &Value, kind: &str, procore: Decimal| {
        let origin = text(record, "origin_id");
        let transactions = array(&file["transactions"], kind);
        if origin.is_empty() {
            return;
        }
        let Some(found) = transactions.iter().find(|found| text(found, "id") == origin) else {
            wrong.push(format!(
                "{what} {}: QuickBooks has no {origin}",
                text(record, "id")
            ));
            return;
        };
        let quickbooks: Decimal = array(found, "lines")
            .iter()
            .filter(|line| text(line, "desc") != BY_HAND)
            .map(|line| money(line, "amount"))
            .sum();
        if quickbooks != procore {
            wrong.push(format!(
                "{what} {}: {quickbooks} in QuickBooks, {procore} in Procore",
                text(record, "id")
            ));
        }
    };
    for commitment in array(state, "commitments") {
        let changes: Decimal = array(state, "change_orders")
            .iter()
            .filter(|change| {
                change["commitment_id"] == commitment["id"] && !text(change, "origin_id").is_empty()
            })
            .map(|change| sum(array(change, "lines")))
            .sum();
        let all = sum(array(commitment, "lines")) + changes;
        compare("commitment", commitment, "purchase_orders", all);
    }
    for budget in array(state, "budgets") {
        // What an owner pays more stands on the same estimate.
        let paid_more: Decimal = array(state, "change_orders")
            .iter()
            .filter(|change| {
                let of_prime = array(state, "prime_contracts")
                    .iter()
                    .any(|contract| contract["id"] == change["commitment_id"]);
                of_prime
                    && change["project_id"] == budget["project_id"]
                    && !text(change, "origin_id").is_empty()
            })
            .map(|change| sum(array(change, "lines")))
            .sum();
        compare(
            "budget",
            budget,
            "estimates",
            sum(array(budget, "lines")) + paid_more,
        );
    }
    for application in array(state, "payment_applications") {
        let due: Decimal = array(application, "items")
            .iter()
            .map(|item| {
                money(item, "amount") + money(item, "materials")
                    - money(item, "retainage_held")
                    - money(item, "materials_retainage_held")
                    + money(item, "retainage_released")
                    + money(item, "materials_retainage_released")
            })
            .sum();
        compare("owner invoice", application, "invoices", due);
    }
    for requisition in array(state, "requisitions") {
        let due = money(&requisition["summary"], "current_payment_due");
        if due < Decimal::ZERO {
            compare("invoice", requisition, "vendor_credits", -due);
        } else {
            compare("invoice", requisition, "bills", due);
        }
    }
    wrong
}

/// Nobody is told that something failed without being told why (DESIGN, invariant 7).
pub(crate) fn failures_are_explained(state: &Value) -> Vec<String> {
    array(state, "request_details")
        .iter()
        .filter(|detail| text(detail, "status") == "failed")
        .filter(|detail| {
            !array(detail, "messages")
                .iter()
                .any(|message| message.as_str().is_some_and(|words| words.split(' ').count() > 3))
        })
        .map(|detail| {
            format!(
                "{} {} failed without a word",
                text(detail, "item_type"),
                text(detail, "item_id")
            )
        })
        .collect()
}

/// No secret stands in the log (DESIGN, invariant 9), and nothing has panicked.
pub(crate) fn of_the_log(log: &str, secrets: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    if secrets
        .iter()
        .any(|secret| log.contains(secret.trim_start_matches("Bearer ")))
    {
        wrong.push("a secret stands in the log".to_owned());
    }
    wrong.extend(
        log.lines()
            .filter(|line| line.contains("panicked"))
            .map(|line| format!("the service panicked: {line}")),
    );
    wrong
}

fn sum(lines: &[Value]) -> Decimal {
    lines.iter().map(|line| money(line, "amount")).sum()
}

fn money(value: &Value, key: &str) -> Decimal {
    text(value, key).parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cent_is_seen() {
        let state = json!({"commitments": [{"id": 1, "origin_id": "A", "lines": [{"amount": "4.35"}, {"amount": "1150000.29"}]}]});
        let file = |amount: &str| json!({"transactions": {"purchase_orders": [{"id": "A", "lines": [{"amount": amount}]}]}});
        assert!(to_the_cent(&state, &file("1150004.64")).is_empty());
        assert_eq!(to_the_cent(&state, &file("1150004.63")).len(), 1);
    }

    #[test]
    fn an_invoice_below_zero_is_a_credit_of_that_much() {
        let state = json!({"requisitions": [{"id": 1, "origin_id": "A", "summary": {"current_payment_due": "-4.35"}}]});
        let file = |kind: &str, amount: &str| json!({"transactions": {kind: [{"id": "A", "lines": [{"amount": amount}]}]}});
        assert!(to_the_cent(&state, &file("vendor_credits", "4.35")).is_empty());
        assert_eq!(to_the_cent(&state, &file("vendor_credits", "-4.35")).len(), 1);
        assert_eq!(to_the_cent(&state, &file("bills", "4.35")).len(), 1);
    }

    #[test]
    fn the_same_number_of_the_same_vendor_is_seen() {
        let bill = json!({"vendor": "A", "ref_number": "1"});
        let other = json!({"vendor": "B", "ref_number": "1"});
        let file = json!({"transactions": {"bills": [bill, other]}});
        assert!(no_transaction_twice(&file).is_empty());
        let file = json!({"transactions": {"bills": [bill, bill]}});
        assert_eq!(no_transaction_twice(&file).len(), 1);
    }

    #[test]
    fn secrets_panics_and_silence_are_seen() {
        assert_eq!(
            of_the_log("password=s3cret\nthread 'x' panicked at y", &["Bearer s3cret"]).len(),
            2
        );
        let state = json!({"request_details": [{"status": "failed", "messages": []}]});
        assert_eq!(failures_are_explained(&state).len(), 1);
        let state = json!({"request_details": [{"status": "failed", "messages": ["The name is too long."]}]});
        assert!(failures_are_explained(&state).is_empty());
    }
}
