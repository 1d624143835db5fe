//! Whether records are there, and as what: asked by their ids, by their numbers, or among what was deleted, with just
//! enough in the answer to know them again.
//!
//! What may not live here: what it means that one is not there.

use serde::{Deserialize, Serialize};

use super::{
    Request, Response, RetryClass, Status, UnreadableRecord, list_deleted, list_query::ListQuery,
    transaction::TransactionQuery, txn_deleted,
};

/// Kinds of QuickBooks record that links point to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A vendor.
    Vendor,
    /// A customer or job.
    Customer,
    /// An item of any kind.
    Item,
    /// A purchase order.
    PurchaseOrder,
    /// A bill.
    Bill,
    /// A vendor credit.
    VendorCredit,
    /// An invoice.
    Invoice,
}

/// A record as it stands in QuickBooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `ListID` or `TxnID`.
    pub id: String,
    /// Changes with every change.
    pub edit_sequence: Option<String>,
    /// The full name of a list record; the number of a transaction.
    pub name: Option<String>,
    /// Inactive list records cannot be referred to.
    pub is_active: bool,
    /// Our own id, where we made it.
    pub external_guid: Option<String>,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// These are there; of what was asked for and is not among them nothing is said.
    Found(Vec<Identity>),
    /// The same again after a while.
    Later(String),
    /// QuickBooks does not answer such a question, and why.
    Refused(String),
}

/// Elements of list records that are asked for.
const OF_LISTS: [&str; 6] = [
    "ListID",
    "EditSequence",
    "Name",
    "FullName",
    "IsActive",
    "ExternalGUID",
];
/// Elements of transactions that are asked for.
const OF_TRANSACTIONS: [&str; 4] = ["TxnID", "EditSequence", "RefNumber", "ExternalGUID"];

impl RecordKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Vendor,
        Self::Customer,
        Self::Item,
        Self::PurchaseOrder,
        Self::Bill,
        Self::VendorCredit,
        Self::Invoice,
    ];

    /// Its name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Customer => "customer",
            Self::Item => "item",
            Self::PurchaseOrder => "purchase_order",
            Self::Bill => "bill",
            Self::VendorCredit => "vendor_credit",
            Self::Invoice => "invoice",
        }
    }

    /// Reads the name in the database.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What a person calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Customer => "customer or job",
            Self::Item => "item",
            Self::PurchaseOrder => "purchase order",
            Self::Bill => "bill",
            Self::VendorCredit => "vendor credit",
            Self::Invoice => "invoice",
        }
    }

    /// Transactions have numbers, list records have names.
    pub fn is_transaction(self) -> bool {
        matches!(
            self,
            Self::PurchaseOrder | Self::Bill | Self::VendorCredit | Self::Invoice
        )
    }

    /// The element of one such record in an answer.
    pub(super) fn ret_element(self) -> &'static str {
        match self {
            Self::Vendor => "VendorRet",
            Self::Customer => "CustomerRet",
            Self::Item => "ItemRet",
            Self::PurchaseOrder => "PurchaseOrderRet",
            Self::Bill => "BillRet",
            Self::VendorCredit => "VendorCreditRet",
            Self::Invoice => "InvoiceRet",
        }
    }

    pub(super) fn query_element(self) -> &'static str {
        match self {
            Self::Vendor => "VendorQueryRq",
            Self::Customer => "CustomerQueryRq",
            Self::Item => "ItemQueryRq",
            Self::PurchaseOrder => "PurchaseOrderQueryRq",
            Self::Bill => "BillQueryRq",
            Self::VendorCredit => "VendorCreditQueryRq",
            Self::Invoice => "InvoiceQueryRq",
        }
    }

    /// Asks for the records with these ids. One that is not there can spoil the answer for the others of its list
    /// (3120), so what is not found must be asked for alone before it counts as gone.
    pub fn by_ids(self, ids: &[String]) -> Request {
        if self.is_transaction() {
            TransactionQuery::by_ids(ids).request(self.query_element(), &OF_TRANSACTIONS)
        } else {
            ListQuery::by_ids(ids.iter().cloned())
                .only(&OF_LISTS)
                .request(self.query_element())
        }
    }

    /// Asks for the transactions with these numbers; `None` for list records.
    pub fn by_ref_numbers(self, numbers: &[String]) -> Option<Request> {
        self.is_transaction().then(|| {
            TransactionQuery::by_ref_numbers(numbers).request(self.query_element(), &OF_TRANSACTIONS)
        })
    }

    /// Reads the answer to [`Self::by_ids`] or [`Self::by_ref_numbers`].
    pub fn found(self, response: &Response) -> Asked {
        if let Some(trouble) = trouble(&response.status) {
            return trouble;
        }
        let found = response
            .pieces()
            .filter(|piece| piece.name.ends_with("Ret"))
            .map(|piece| {
                let id = if self.is_transaction() { "TxnID" } else { "ListID" };
                let name = if self.is_transaction() {
                    piece.text("RefNumber")
                } else {
                    piece.text("FullName").or_else(|| piece.text("Name"))
                };
                let Some(id) = piece.text(id) else {
                    return Err(UnreadableRecord {
                        what: piece.label(),
                        why: "it has no id".to_owned(),
                    });
                };
                Ok(Identity {
                    id,
                    edit_sequence: piece.text("EditSequence"),
                    name,
                    is_active: piece.text("IsActive").is_none_or(|text| text != "false"),
                    external_guid: piece.text("ExternalGUID").filter(|guid| guid != "0"),
                })
            })
            .collect::<Result<Vec<_>, _>>();
        match found {
            Ok(found) => Asked::Found(found),
            Err(error) => Asked::Refused(error.to_string()),
        }
    }
}

/// Asks which transactions, and which list records, of these kinds were deleted in the last 90 days.
pub fn deleted(kinds: &[RecordKind]) -> Vec<Request> {
    let (mut transactions, mut lists) = (Vec::new(), Vec::new());
    for kind in kinds {
        match kind {
            RecordKind::PurchaseOrder => transactions.push("PurchaseOrder"),
            RecordKind::Bill => transactions.push("Bill"),
            RecordKind::VendorCredit => transactions.push("VendorCredit"),
            RecordKind::Invoice => transactions.push("Invoice"),
            RecordKind::Vendor => lists.push("Vendor"),
            RecordKind::Customer => lists.push("Customer"),
            RecordKind::Item => lists.extend(["ItemService", "ItemNonInventory", "ItemOtherCharge"]),
        }
    }
    let transactions = (!transactions.is_empty()).then(|| txn_deleted::query_all(&transactions));
    let lists = (!lists.is_empty()).then(|| list_deleted::query_all(&lists));
    transactions.into_iter().chain(lists).collect()
}

/// The ids that the answers to [`deleted`] name.
pub fn deleted_ids(responses: &[Response]) -> Result<Vec<String>, Asked> {
    let mut ids = Vec::new();
    for response in responses {
        if let Some(trouble) = trouble(&response.status) {
            return Err(trouble);
        }
        ids.extend(
            response
                .pieces()
                .filter_map(|piece| piece.text("TxnID").or_else(|| piece.text("ListID"))),
        );
    }
    Ok(ids)
}

/// What keeps a question from being answered. That a record is not there does not.
fn trouble(status: &Status) -> Option<Asked> {
    match status.retry_class() {
        RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => None,
        RetryClass::Again => Some(Asked::Later(status.told())),
        _ if matches!(status.code, 3000 | 3120) => None,
        _ => Some(Asked::Refused(status.told())),
    }
}

/// One of each query, for the test against Intuit's schema.
#[cfg(test)]
pub(super) fn every_query() -> Vec<Request> {
    let two = ["5A01-1767650001".to_owned(), "5A02-1767650001".to_owned()];
    let mut queries: Vec<Request> = RecordKind::ALL.map(|kind| kind.by_ids(&two)).into();
    queries.extend(
        RecordKind::ALL
            .iter()
            .filter_map(|kind| kind.by_ref_numbers(&two)),
    );
    queries.extend(deleted(&RecordKind::ALL));
    queries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_known_again_whatever_their_list() {
        let items = Response::ok(
            "ItemQueryRs",
            "<ItemServiceRet><ListID>80-1</ListID><EditSequence>7</EditSequence><Name>100</Name><FullName>03:100</FullName>\
             <IsActive>false</IsActive><ParentRef><ListID>80-9</ListID></ParentRef><ExternalGUID>{A}</ExternalGUID></ItemServiceRet>\
             <ItemInventoryRet><ListID>80-2</ListID><Name>Nail</Name><ExternalGUID>0</ExternalGUID></ItemInventoryRet>",
        );
        let Asked::Found(found) = RecordKind::Item.found(&items) else {
            panic!("it can be read")
        };
        assert_eq!(
            found,
            [
                Identity {
                    id: "80-1".into(),
                    edit_sequence: Some("7".into()),
                    name: Some("03:100".into()),
                    is_active: false,
                    external_guid: Some("{A}".into()),
                },
                Identity {
                    id: "80-2".into(),
                    name: Some("Nail".into()),
                    is_active: true,
                    ..Identity::default()
                },
            ]
        );
        let bill = Response::ok(
            "BillQueryRs",
            "<BillRet><TxnID>5C</TxnID><RefNumber>9348</RefNumber></BillRet>",
        );
        let Asked::Found(found) = RecordKind::Bill.found(&bill) else {
            panic!("it can be read")
        };
        assert_eq!(found[0].name.as_deref(), Some("9348"));
    }

    #[test]
    fn not_there_is_an_answer_and_a_missing_right_is_none() {
        let answer = |code| RecordKind::Vendor.found(&Response::failed("VendorQueryRs", code, "words"));
        for code in [1, 500, 3000, 3120] {
            assert_eq!(answer(code), Asked::Found(Vec::new()), "{code}");
        }
        assert!(matches!(answer(1010), Asked::Later(_)));
        assert!(matches!(answer(3260), Asked::Refused(_)));
        let nothing = Response::ok("VendorQueryRs", "<VendorRet><Name>A</Name></VendorRet>");
        assert!(matches!(RecordKind::Vendor.found(&nothing), Asked::Refused(_)));
    }

    #[test]
    fn what_was_deleted_is_asked_for_and_read() {
        let requests = deleted(&RecordKind::ALL);
        assert_eq!(
            requests[0].body,
            "<TxnDelType>PurchaseOrder</TxnDelType><TxnDelType>Bill</TxnDelType><TxnDelType>VendorCredit</TxnDelType>\
             <TxnDelType>Invoice</TxnDelType>"
        );
        assert!(
            requests[1]
                .body
                .starts_with("<ListDelType>Vendor</ListDelType><ListDelType>Customer<")
        );
        assert_eq!(deleted(&[RecordKind::Bill]).len(), 1);
        let answers = [
            Response::ok(
                "TxnDeletedQueryRs",
                "<TxnDeletedRet><TxnDelType>Bill</TxnDelType><TxnID>5C</TxnID></TxnDeletedRet>",
            ),
            Response::failed("ListDeletedQueryRs", 1, "none"),
        ];
        assert_eq!(deleted_ids(&answers), Ok(vec!["5C".to_owned()]));
        let denied = [Response::failed("TxnDeletedQueryRs", 3260, "no right")];
        assert!(matches!(deleted_ids(&denied), Err(Asked::Refused(_))));
    }
}
