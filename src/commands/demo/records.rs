//! What the builder and the bookkeeper of the demonstration enter: always the same.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::books::cents;

/// Every third is a subcontract by unit, the others by amount.
pub(super) fn commitment(n: usize, project: i64, vendors: &[i64], codes: &[i64]) -> Value {
    let by_unit = n % 3 == 2;
    let lines: Vec<Value> = (0..3)
        .map(|line| {
            let code = codes[(n * 3 + line) % codes.len()];
            let description = format!("Line {} of contract {n}: “as agreed”", line + 1);
            if by_unit {
                let quantity = 10 + n % 7 + line;
                json!({"cost_code_id": code, "description": description, "quantity": quantity.to_string(), "unit_cost": "125.50", "uom": "ea"})
            } else {
                json!({"cost_code_id": code, "description": description, "amount": cents(n * 3 + line).to_string()})
            }
        })
        .collect();
    json!({
        "project_id": project,
        "vendor_id": vendors[n % vendors.len()],
        "type": if n.is_multiple_of(2) { "WorkOrderContract" } else { "PurchaseOrderContract" },
        "number": format!("SC-{:04}", n + 1),
        "title": format!("Contract {} – Harbor Tower", n + 1),
        "description": "As per drawings",
        "status": "Approved",
        "accounting_method": if by_unit { "unit" } else { "amount" },
        "lines": lines,
    })
}

/// Progress invoices: a part of each line, with retainage held on some and released on others.
pub(super) fn invoice(n: usize, commitments: &[i64], lines: &[Vec<i64>]) -> Value {
    let which = n % commitments.len();
    let items: Vec<Value> = lines[which]
        .iter()
        .enumerate()
        .map(|(line, id)| {
            let amount = (cents(n * 5 + line) / Decimal::from(7)).round_dp(2);
            let held = if n.is_multiple_of(3) {
                (amount / Decimal::TEN).round_dp(2)
            } else {
                Decimal::ZERO
            };
            let released = if n % 3 == 1 && line == 0 {
                Decimal::new(1050, 2)
            } else {
                Decimal::ZERO
            };
            json!({
                "commitment_line_id": id, "amount": amount.to_string(), "accounting_method": "amount",
                "retainage_held": held.to_string(), "retainage_released": released.to_string(),
            })
        })
        .collect();
    json!({
        "commitment_id": commitments[which],
        "invoice_number": format!("INV-{:05}", n + 1),
        "billing_date": format!("2026-{:02}-28", n % 9 + 1),
        "payment_date": if n.is_multiple_of(2) { json!(format!("2026-{:02}-15", n % 9 + 2)) } else { Value::Null },
        "status": "approved",
        "lines": items,
    })
}

pub(super) fn payment(bills: &[(&String, Decimal)], method: &str, number: usize) -> Value {
    json!({
        "bills": bills.iter().map(|(id, amount)| json!({"txn_id": id, "amount": amount.to_string()})).collect::<Vec<_>>(),
        "method": method,
        "ref_number": number.to_string(),
        "memo": format!("Paid with no. {number}"),
    })
}

/// A change of a commitment's first line, and of its last one the other way.
pub(super) fn change_order(n: usize, commitment: i64, lines: &[i64]) -> Value {
    let changes = [
        (lines.first(), cents(n)),
        (lines.last(), -(cents(n + 1) / Decimal::TEN).round_dp(2)),
    ];
    let lines: Vec<Value> = changes
        .into_iter()
        .filter_map(|(line, amount)| {
            Some(json!({"commitment_line_id": line?, "amount": amount.to_string(), "description": format!("Change {}", n + 1)}))
        })
        .collect();
    json!({"commitment_id": commitment, "title": format!("Change order {}", n + 1), "status": "Approved", "lines": lines})
}

/// A budget with a line for each code.
pub(super) fn budget(n: usize, project: i64, codes: &[i64]) -> Value {
    let lines: Vec<Value> = codes
        .iter()
        .enumerate()
        .map(|(line, code)| json!({"cost_code_id": code, "amount": (cents(n * 100 + line) * Decimal::TEN).to_string()}))
        .collect();
    json!({"project_id": project, "lines": lines})
}

/// How the numbers of what the bookkeeper enters by hand begin.
pub(super) const BY_HAND: &str = "HAND-";

/// Costs of a job from every source that QuickBooks has: kind and record.
pub(super) fn costs(
    n: usize,
    vendor: &str,
    bank: &str,
    card: &str,
    job: &str,
    items: &[String],
) -> Vec<(&'static str, Value)> {
    [
        ("bill", None),
        ("item_receipt", None),
        ("check", Some(bank)),
        ("credit_card_charge", Some(card)),
        ("credit_card_credit", Some(card)),
        ("vendor_credit", None),
    ]
    .into_iter()
    .enumerate()
    .map(|(at, (kind, account))| {
        let credit = kind.ends_with("credit");
        let amount = if credit { (cents(n + at) / Decimal::TEN).round_dp(2) } else { cents(n + at) };
        let mut body = json!({
            "ref_number": format!("{BY_HAND}{}{at}", n + 1), "memo": "Entered by the bookkeeper", "txn_date": "2026-03-15",
            "lines": [{"item": items[at % items.len()], "amount": amount.to_string(), "customer": job}],
        });
        match account {
            None => body["vendor"] = json!(vendor),
            Some(account) => {
                body["account"] = json!(account);
                if kind == "check" {
                    body["payee_entity"] = json!(vendor);
                }
            }
        }
        (kind, body)
    })
    .collect()
}
