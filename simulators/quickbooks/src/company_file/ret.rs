//! Objects as they stand in an answer: fields in the table's order, only those that hold something.

use rust_decimal::Decimal;

use super::{
    CompanyFile,
    fields::{Fields, Value, money, plain},
    kinds::{ListKind, TxnKind},
    lists::ListObject,
    transactions::{Line, LineKind, Transaction},
};
use crate::{
    clock,
    qbxml::{
        answer::Out,
        schema::{self, Element},
    },
    settings::{OpenAmount, Settings},
};

/// What a query wants to see.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) lines: bool,
    pub(crate) linked: bool,
    /// `IncludeRetElement`; empty means everything.
    pub(crate) only: Vec<String>,
    pub(crate) owners: Vec<String>,
}

impl View {
    /// The answer to an Add or Mod: everything but links.
    pub(crate) fn whole() -> Self {
        Self {
            lines: true,
            ..Self::default()
        }
    }
}

/// Prints objects of one file under its settings.
pub(crate) struct Printer<'a> {
    pub(crate) file: &'a CompanyFile,
    pub(crate) settings: &'a Settings,
}

impl Printer<'_> {
    fn reference(&self, name: &'static str, serial: u64) -> Option<Out> {
        let object = self.file.lists.get(&serial)?;
        Some(Out::group(
            name,
            vec![
                Out::leaf("ListID", object.id()),
                Out::leaf("FullName", self.file.full_name(object)),
            ],
        ))
    }

    fn value(&self, element: &'static Element, value: &Value) -> Option<Out> {
        match value {
            Value::Text(text) => (!text.is_empty()).then(|| Out::leaf(element.name, text.clone())),
            Value::Reference(serial) => self.reference(element.name, *serial),
            Value::Group(fields) => {
                let inner = self.fields(element, fields);
                (!inner.is_empty()).then(|| Out::group(element.name, inner))
            }
        }
    }

    fn fields(&self, element: &'static Element, fields: &Fields) -> Vec<Out> {
        schema::inside(element)
            .into_iter()
            .flat_map(|child| self.named(child, fields))
            .collect()
    }

    fn named(&self, element: &'static Element, fields: &Fields) -> Vec<Out> {
        fields
            .0
            .iter()
            .filter(|(n, _)| *n == element.name)
            .filter_map(|(_, v)| self.value(element, v))
            .collect()
    }

    fn time(&self, unix: i64) -> String {
        clock::print(unix, self.settings)
    }

    /// `VendorRet` and the like.
    pub(crate) fn list(&self, object: &ListObject, view: &View) -> Option<Out> {
        let message = ret(object.kind.name())?;
        let mut out = Vec::new();
        for element in schema::inside(&message.root) {
            if !view.only.is_empty() && !view.only.iter().any(|n| n == element.name) {
                continue;
            }
            let leaf = |text: String| vec![Out::leaf(element.name, text)];
            out.extend(match element.name {
                "ListID" => leaf(object.id()),
                "TimeCreated" => leaf(self.time(object.created)),
                "TimeModified" => leaf(self.time(object.modified)),
                "EditSequence" => leaf(object.edit_sequence.to_string()),
                "Name" => leaf(object.name.clone()),
                "FullName" => leaf(self.file.full_name(object)),
                "IsActive" => leaf(object.is_active.to_string()),
                "ParentRef" => object
                    .parent
                    .and_then(|p| self.reference("ParentRef", p))
                    .into_iter()
                    .collect(),
                "Sublevel" => leaf(self.file.sublevel(object).to_string()),
                "ExternalGUID" => object.external_guid.clone().map(leaf).unwrap_or_default(),
                "Balance" | "TotalBalance" => match object.kind {
                    ListKind::Vendor => leaf(money(self.file.vendor_balance(object.serial))),
                    ListKind::Customer => leaf("0.00".to_owned()),
                    _ => self.named(element, &object.fields),
                },
                "VendorTaxIdent" if !self.settings.features.personal_data => Vec::new(),
                "DataExtRet" => object
                    .extensions
                    .iter()
                    .filter(|e| view.owners.iter().any(|o| o.eq_ignore_ascii_case(&e.owner)))
                    .map(data_extension)
                    .collect(),
                _ => self.named(element, &object.fields),
            });
        }
        Some(Out::group(message.root.name, out))
    }

    /// `BillRet` and the like.
    pub(crate) fn transaction(&self, transaction: &Transaction, view: &View) -> Option<Out> {
        let message = ret(transaction.kind.name())?;
        let file = self.file;
        let mut out = Vec::new();
        for element in schema::inside(&message.root) {
            if !view.only.is_empty() && !view.only.iter().any(|n| n == element.name) {
                continue;
            }
            let leaf = |text: String| vec![Out::leaf(element.name, text)];
            out.extend(match element.name {
                "TxnID" => leaf(transaction.id()),
                "TimeCreated" => leaf(self.time(transaction.created)),
                "TimeModified" => leaf(self.time(transaction.modified)),
                "EditSequence" => leaf(transaction.edit_sequence.to_string()),
                "TxnNumber" => leaf(transaction.number.to_string()),
                "ExternalGUID" => transaction.external_guid.clone().map(leaf).unwrap_or_default(),
                "AmountDue" | "TotalAmount" | "CreditAmount" | "Amount" | "Subtotal" => {
                    leaf(money(transaction.total()))
                }
                "IsPaid" => leaf((file.open_amount(transaction) <= Decimal::ZERO).to_string()),
                "BalanceRemaining" => leaf(money(file.open_amount(transaction))),
                "OpenAmount" => match self.settings.open_amount {
                    OpenAmount::Missing => Vec::new(),
                    OpenAmount::VendorBalance if transaction.kind == TxnKind::Bill => leaf(money(
                        transaction
                            .entity()
                            .map(|v| file.vendor_balance(v))
                            .unwrap_or_default(),
                    )),
                    _ => leaf(money(file.open_amount(transaction))),
                },
                "IsFullyReceived" => leaf(file.fully_received(transaction).to_string()),
                "IsManuallyClosed" => leaf(transaction.fields.flag("IsManuallyClosed").to_string()),
                "LinkedTxn" if view.linked => file
                    .links(transaction)
                    .iter()
                    .filter_map(|link| {
                        self.linked(
                            link.to,
                            &[("LinkType", link.kind.to_owned()), ("Amount", money(link.amount))],
                        )
                    })
                    .map(|children| Out::group("LinkedTxn", children))
                    .collect(),
                "AppliedToTxnRet" if view.lines => transaction
                    .applied
                    .iter()
                    .filter_map(|a| self.applied(transaction, a))
                    .collect(),
                "LinkedTxn" | "AppliedToTxnRet" | "DataExtRet" => Vec::new(),
                name => match line_kind(name) {
                    Some(kind) if view.lines => transaction
                        .lines
                        .iter()
                        .filter(|l| l.kind == kind)
                        .map(|line| self.line(element, transaction, line))
                        .collect(),
                    Some(_) => Vec::new(),
                    None => self.named(element, &transaction.fields),
                },
            });
        }
        Some(Out::group(message.root.name, out))
    }

    fn linked(&self, serial: u64, rest: &[(&'static str, String)]) -> Option<Vec<Out>> {
        let other = self.file.transactions.get(&serial)?;
        let mut out = vec![
            Out::leaf("TxnID", other.id()),
            Out::leaf("TxnType", other.kind.name()),
            Out::leaf("TxnDate", other.date()),
        ];
        out.extend(other.reference_number().map(|r| Out::leaf("RefNumber", r)));
        out.extend(rest.iter().map(|(name, text)| Out::leaf(name, text.clone())));
        Some(out)
    }

    fn applied(&self, payment: &Transaction, applied: &super::transactions::Applied) -> Option<Out> {
        let bill = self.file.transactions.get(&applied.bill)?;
        let mut rest = vec![
            ("BalanceRemaining", money(self.file.open_amount(bill))),
            ("Amount", money(applied.amount)),
        ];
        if !applied.discount.is_zero() {
            rest.push(("DiscountAmount", money(applied.discount)));
        }
        let mut children = self.linked(bill.serial, &rest)?;
        children.extend(
            applied
                .discount_account
                .and_then(|a| self.reference("DiscountAccountRef", a)),
        );
        for link in self.file.links(bill) {
            if link.kind == "AMTTYPE" && link.to != payment.serial {
                let rest = [("LinkType", link.kind.to_owned()), ("Amount", money(link.amount))];
                children.extend(self.linked(link.to, &rest).map(|c| Out::group("LinkedTxn", c)));
            }
        }
        Some(Out::group("AppliedToTxnRet", children))
    }

    fn line(&self, element: &'static Element, transaction: &Transaction, line: &Line) -> Out {
        let received = self.file.received(transaction.serial, line.serial);
        let order = transaction.kind == TxnKind::PurchaseOrder;
        let mut out = Vec::new();
        for child in schema::inside(element) {
            let leaf = |text: String| vec![Out::leaf(child.name, text)];
            out.extend(match child.name {
                "TxnLineID" => leaf(line.id()),
                "ReceivedQuantity" => leaf(plain(received)),
                "UnbilledQuantity" => leaf("0".to_owned()),
                "IsBilled" if order => {
                    let ordered = line.fields.decimal("Quantity").unwrap_or(Decimal::ONE);
                    leaf((received >= ordered && !received.is_zero()).to_string())
                }
                "IsManuallyClosed" => leaf(line.fields.flag("IsManuallyClosed").to_string()),
                _ => self.named(child, &line.fields),
            });
        }
        Out::group(element.name, out)
    }
}

fn ret(kind: &str) -> Option<&'static schema::Message> {
    schema::message(&format!("{kind}Ret"))
}

fn line_kind(name: &str) -> Option<LineKind> {
    match name {
        "ExpenseLineRet" => Some(LineKind::Expense),
        "ItemLineRet" => Some(LineKind::Item),
        "PurchaseOrderLineRet" => Some(LineKind::PurchaseOrder),
        "EstimateLineRet" => Some(LineKind::Estimate),
        "SalesOrderLineRet" => Some(LineKind::SalesOrder),
        "InvoiceLineRet" => Some(LineKind::Invoice),
        "JournalDebitLine" => Some(LineKind::JournalDebit),
        "JournalCreditLine" => Some(LineKind::JournalCredit),
        _ => None,
    }
}

/// `DataExtRet`
pub(crate) fn data_extension(extension: &super::DataExtension) -> Out {
    Out::group(
        "DataExtRet",
        vec![
            Out::leaf("OwnerID", extension.owner.clone()),
            Out::leaf("DataExtName", extension.name.clone()),
            Out::leaf("DataExtType", "STR255TYPE"),
            Out::leaf("DataExtValue", extension.value.clone()),
        ],
    )
}
