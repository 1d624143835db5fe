//! Queries of single transactions: they all begin alike, by id or by number.
//!
//! What may not live here: which elements a transaction has; each transaction's own file names those it wants.

use yaserde::YaSerialize;

use super::{Access, Request};

/// A query of transactions, in schema order. Ids and numbers exclude each other; the constructors see to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub(super) struct TransactionQuery {
    #[yaserde(rename = "TxnID")]
    txn_ids: Vec<String>,
    #[yaserde(rename = "RefNumber")]
    ref_numbers: Vec<String>,
    #[yaserde(rename = "EntityFilter")]
    entities: Option<EntityFilter>,
    /// Without it there are no lines, and no error either (qbxml.md §12).
    #[yaserde(rename = "IncludeLineItems")]
    include_line_items: bool,
    #[yaserde(rename = "IncludeLinkedTxns")]
    include_linked: Option<bool>,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// Customers, jobs or vendors that transactions are for.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
struct EntityFilter {
    #[yaserde(rename = "ListID")]
    list_ids: Vec<String>,
}

impl TransactionQuery {
    /// The transaction with this id. If it is not there, QuickBooks answers 500 or 3120.
    pub(super) fn by_id(txn_id: &str) -> Self {
        Self {
            txn_ids: vec![txn_id.to_owned()],
            include_line_items: true,
            ..Self::default()
        }
    }

    /// The transaction with this id, without its lines but with what is linked to it.
    pub(super) fn by_id_with_links(txn_id: &str) -> Self {
        Self {
            txn_ids: vec![txn_id.to_owned()],
            include_linked: Some(true),
            ..Self::default()
        }
    }

    /// The transactions with this number. Case does not count, and numbers may repeat.
    pub(super) fn by_ref_number(ref_number: &str) -> Self {
        Self {
            ref_numbers: vec![ref_number.to_owned()],
            include_line_items: true,
            ..Self::default()
        }
    }

    /// The transactions with these ids, without their lines. Of those that are not there, status 500 tells one.
    pub(super) fn by_ids(txn_ids: &[String]) -> Self {
        Self {
            txn_ids: txn_ids.to_vec(),
            ..Self::default()
        }
    }

    /// The transactions with these ids, with their lines, and with what is linked to them where that is wanted.
    pub(super) fn by_ids_with_lines(txn_ids: &[String], with_links: bool) -> Self {
        Self {
            txn_ids: txn_ids.to_vec(),
            include_line_items: true,
            include_linked: with_links.then_some(true),
            ..Self::default()
        }
    }

    /// The transactions of these customers or jobs, with their lines.
    pub(super) fn of_entities(list_ids: &[String]) -> Self {
        Self {
            entities: Some(EntityFilter {
                list_ids: list_ids.to_vec(),
            }),
            include_line_items: true,
            ..Self::default()
        }
    }

    /// The transactions with any of these numbers, without their lines.
    pub(super) fn by_ref_numbers(ref_numbers: &[String]) -> Self {
        Self {
            ref_numbers: ref_numbers.to_vec(),
            ..Self::default()
        }
    }

    /// The request with this element, `BillQueryRq` say, for these top-level elements of each transaction.
    pub(super) fn request(mut self, element: &'static str, only: &[&str]) -> Request {
        self.include = only.iter().map(ToString::to_string).collect();
        Request::new(element, Access::Read, &self)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        path::{Path, PathBuf},
        process::{Command, Stdio},
    };

    use super::*;
    use crate::qbxml::{
        ListRef, MessageSetId, Money, Price, Quantity, Version,
        bill::{self, BillAdd, BillRet, ItemLineAdd, LinkToTxn},
        bill_payment::{self, AppliedToTxnAdd, BillPaymentCheckAdd},
        estimate::{self, EstimateAdd, EstimateLineAdd, EstimateLineMod, EstimateMod},
        identity::RecordKind,
        invoice::{self, InvoiceAdd, InvoiceLineAdd},
        purchase_order::{
            self, PurchaseOrderAdd, PurchaseOrderLineAdd, PurchaseOrderLineMod, PurchaseOrderMod,
            PurchaseOrderRet,
        },
        read_message_set, standing, vendor_credit, write_message_set,
    };

    fn shared(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path)
    }

    /// Purchase orders and bills with every element we can send, and every way of giving an amount.
    fn adds() -> Vec<Request> {
        let text = |text: &str| Some(text.to_owned());
        let guid = text("{1F6E4C52-7C1B-4D6B-9C5E-0A1B2C3D4E02}");
        let ways = [
            (Quantity::parse("2.5").ok(), Price::parse("10.00001").ok(), None),
            (Quantity::parse("3").ok(), None, Some(Money::from_cents(10_000))),
            (None, None, Some(Money::from_cents(-4_000))),
        ];
        let order = PurchaseOrderAdd {
            vendor: ListRef::by_id("80-1"),
            txn_date: text("2026-03-01"),
            ref_number: "x".repeat(purchase_order::REF_NUMBER_MAX),
            memo: text(&"x".repeat(purchase_order::MEMO_MAX)),
            vendor_msg: text(&"x".repeat(purchase_order::VENDOR_MSG_MAX)),
            external_guid: guid.clone(),
            lines: ways
                .iter()
                .map(|&(quantity, rate, amount)| PurchaseOrderLineAdd {
                    item: ListRef::by_id("80-2"),
                    desc: text(&"x".repeat(purchase_order::DESC_MAX)),
                    quantity,
                    rate,
                    class: Some(ListRef::by_id("80-4")),
                    amount,
                    customer: ListRef::by_id("80-3"),
                })
                .collect(),
        };
        let bill = BillAdd {
            vendor: ListRef::by_id("80-1"),
            txn_date: "2026-03-31".to_owned(),
            due_date: text("2026-04-30"),
            ref_number: "x".repeat(bill::REF_NUMBER_MAX),
            memo: text(&"x".repeat(bill::MEMO_MAX)),
            external_guid: guid,
            lines: ways
                .iter()
                .map(|&(quantity, cost, amount)| ItemLineAdd {
                    item: Some(ListRef::by_id("80-2")),
                    desc: text(&"x".repeat(bill::DESC_MAX)),
                    quantity,
                    cost,
                    amount,
                    customer: ListRef::by_id("80-3"),
                    class: Some(ListRef::by_id("80-4")),
                    billable_status: bill::NOT_BILLABLE.to_owned(),
                    link: None,
                })
                .chain([ItemLineAdd {
                    quantity: Quantity::parse("2.5").ok(),
                    customer: ListRef::by_id("80-3"),
                    billable_status: bill::NOT_BILLABLE.to_owned(),
                    link: Some(LinkToTxn {
                        txn_id: "5A01-1767650001".to_owned(),
                        txn_line_id: "5A03-1767650001".to_owned(),
                    }),
                    ..ItemLineAdd::default()
                }])
                .collect(),
        };
        let budget_line = EstimateLineAdd {
            item: ListRef::by_id("80-2"),
            desc: text("Original budget"),
            rate: Price::parse("-200.25").ok(),
            amount: None,
        };
        let revenue_line = EstimateLineAdd {
            rate: None,
            amount: Some(Money::from_cents(34_385)),
            ..budget_line.clone()
        };
        let kept = PurchaseOrderLineMod::kept("5A03-1767650001");
        let new = order.lines.iter().cloned().map(PurchaseOrderLineMod::new);
        let change = PurchaseOrderMod {
            txn_id: "5A01-1767650001".to_owned(),
            edit_sequence: "1767650001".to_owned(),
            lines: std::iter::once(kept).chain(new).collect(),
        };
        let check = |number: Option<String>| BillPaymentCheckAdd {
            payee: ListRef::by_id("80-1"),
            ap_account: Some(ListRef::by_id("80-4")),
            txn_date: text("2026-04-02"),
            bank_account: ListRef::by_id("80-5"),
            is_to_be_printed: number.is_none().then_some(false),
            ref_number: number,
            memo: text("Paid"),
            external_guid: text("{1F6E4C52-7C1B-4D6B-9C5E-0A1B2C3D4E03}"),
            applied: vec![AppliedToTxnAdd {
                txn_id: "5A01-1767650001".to_owned(),
                payment_amount: Money::from_cents(40_000),
            }],
        };
        vec![
            bill_payment::add_check(check(text(&"1".repeat(bill_payment::REF_NUMBER_MAX)))),
            bill_payment::add_check(check(None)),
            bill_payment::checks_by_id(&["5A01-1767650001".to_owned()]),
            bill_payment::open_bill("5A01-1767650001"),
            purchase_order::add(order),
            purchase_order::modify(change),
            bill::add(bill.clone()),
            vendor_credit::add(bill.into()),
            invoice::add(InvoiceAdd {
                customer: ListRef::by_id("80-3"),
                txn_date: "2026-03-31".to_owned(),
                ref_number: "x".repeat(invoice::REF_NUMBER_MAX),
                memo: text(&"x".repeat(invoice::MEMO_MAX)),
                external_guid: text("{1F6E4C52-7C1B-4D6B-9C5E-0A1B2C3D4E04}"),
                lines: vec![InvoiceLineAdd {
                    item: ListRef::by_id("80-2"),
                    desc: text(&"x".repeat(invoice::DESC_MAX)),
                    amount: Money::from_cents(-10_000),
                }],
            }),
            estimate::add(EstimateAdd {
                customer: ListRef::by_id("80-3"),
                memo: text("Budget"),
                external_guid: text("{1F6E4C52-7C1B-4D6B-9C5E-0A1B2C3D4E03}"),
                lines: vec![budget_line.clone()],
            }),
            estimate::modify(EstimateMod {
                txn_id: "5B01-1767650001".to_owned(),
                edit_sequence: "1767650001".to_owned(),
                lines: vec![
                    EstimateLineMod::kept("5B02-1767650001"),
                    EstimateLineMod::new(budget_line),
                    EstimateLineMod::new(revenue_line),
                ],
            }),
        ]
    }

    /// What Intuit's schema has against a document; `None` where the schema or the checker is not there.
    fn faults(document: &str) -> Option<String> {
        let checker = shared("tools/validate_qbxml.py");
        let python = std::env::var("PLUMBLINE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let usable = checker.is_file()
            && Command::new(&python)
                .args(["-c", "import lxml"])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
        if !usable {
            return None;
        }
        let mut child = Command::new(&python)
            .arg(&checker)
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(document.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        Some(if output.status.success() {
            String::new()
        } else {
            String::from_utf8_lossy(&said).into_owned()
        })
    }

    #[test]
    fn every_purchase_order_and_bill_request_is_valid_by_intuits_schema() {
        let queries = [
            purchase_order::by_id("5A01-1767650001"),
            purchase_order::by_ref_number("SC-001"),
            bill::by_id("5C1A-1770000001"),
            estimate::by_id("5B01-1767650001"),
            estimate::of_job("80-3"),
            standing::query(RecordKind::Bill, "5C1A-1770000001"),
            standing::query(RecordKind::PurchaseOrder, "5A01-1767650001"),
            bill::by_ref_number("9348"),
            vendor_credit::by_id("5C1A-1770000001"),
            vendor_credit::by_ref_number("9348"),
            standing::query(RecordKind::VendorCredit, "5C1A-1770000001"),
            invoice::by_id("5D1A-1770000001"),
            invoice::by_ref_number("12"),
            standing::query(RecordKind::Invoice, "5D1A-1770000001"),
        ];
        let queries: Vec<Request> = queries
            .into_iter()
            .chain(crate::qbxml::identity::every_query())
            .chain(crate::qbxml::cost_transaction::every_query())
            .chain([crate::qbxml::job_report::query("80000001-1770000000")])
            .chain(crate::qbxml::totals::every_query())
            .chain(crate::qbxml::readable::every_query())
            .collect();
        let id = MessageSetId::from_uuid(uuid::Uuid::from_u128(7));
        let reads = write_message_set(Version::NEWEST, &queries, None);
        let writes = write_message_set(Version::NEWEST, &adds(), Some((&id, None)));
        for document in [&reads, &writes] {
            match faults(document) {
                Some(faults) => assert_eq!(faults, "", "{document}"),
                None => eprintln!(
                    "SKIPPED: Intuit's schema or python3 with lxml is not there (PLUMBLINE_TEST_PYTHON)"
                ),
            }
        }
        // The check sees an element out of place.
        let wrong = writes.replace("<BillableStatus>NotBillable</BillableStatus>", "<Rate>1</Rate>");
        assert!(faults(&wrong).is_none_or(|faults| !faults.is_empty()));
    }

    #[test]
    fn the_samples_are_read() {
        let read = |file: &str| {
            let path = shared("reference/qbxml-samples/synthetic").join(file);
            let Ok(text) = std::fs::read_to_string(&path) else {
                eprintln!("SKIPPED: {} is not there", path.display());
                return None;
            };
            Some(read_message_set(text).unwrap().responses)
        };
        if let Some(answers) = read("purchase-order-query-partly-received-and-closed.xml") {
            let orders: Vec<PurchaseOrderRet> = answers[0]
                .records("PurchaseOrderRet")
                .map(Result::unwrap)
                .collect();
            assert_eq!(orders.len(), 2);
            assert_eq!(orders[0].total_amount, Some(Money::from_cents(2_800_000)));
            assert_eq!(
                orders[0].vendor.as_ref().unwrap().list_id.as_deref(),
                Some("70000-933272656")
            );
            // The linked bill has a TxnID and a RefNumber of its own, one level deeper.
            assert_eq!(
                (orders[0].txn_id.as_str(), orders[0].ref_number.as_deref()),
                ("5A01-1767650001", Some("SC-0042"))
            );
            let lines: Vec<_> = orders[0]
                .lines
                .iter()
                .map(|line| line.txn_line_id.as_str())
                .collect();
            assert_eq!(lines, ["5A03-1767650001", "5A04-1767650001"]);
            assert_eq!(orders[1].external_guid, None);
        }
        if let Some(answers) = read("bill-add-ok-includeret.xml") {
            let bill: BillRet = answers[0].record("BillRet").unwrap().unwrap();
            assert_eq!(bill.txn_id, "5C1A-1770000001");
            assert_eq!((bill.lines.len(), bill.amount_due), (0, None));
        }
        if let Some(answers) = read("status-check-stored-response.xml") {
            assert!(answers[0].record::<BillRet>("BillRet").is_none());
            assert_eq!(answers[0].written("BillRet").unwrap().id, "5C1A-1770000001");
        }
    }
}
