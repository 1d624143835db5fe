//! Lines: their fields, the two of three numbers that give the third, and links to purchase orders.

use rust_decimal::Decimal;

use super::build::{apply, changes};
use crate::{
    company_file::{
        fields::{Fields, Value, money, plain},
        transactions::{Line, LineKind, OrderLink, Transaction},
    },
    qbxml::{status::Status, validate::Checked},
    quickbooks::QuickBooks,
};

const SKIPPED: [&str; 4] = ["TxnLineID", "LinkToTxn", "SerialNumber", "LotNumber"];

/// A price: two decimals, or as many as it has.
fn price(value: Decimal) -> String {
    let value = value.round_dp(5).normalize();
    if value.scale() <= 2 {
        format!("{value:.2}")
    } else {
        value.to_string()
    }
}

/// What the item costs, or sells for in an estimate.
fn item_price(qb: &QuickBooks, kind: LineKind, fields: &Fields) -> Option<Decimal> {
    let item = qb.file.lists.get(&fields.reference("ItemRef")?)?;
    let both = item.fields.group("SalesAndPurchase");
    let one = item
        .fields
        .group("SalesOrPurchase")
        .and_then(|g| g.decimal("Price"));
    let field = if matches!(
        kind,
        LineKind::Estimate | LineKind::SalesOrder | LineKind::Invoice
    ) {
        "SalesPrice"
    } else {
        "PurchaseCost"
    };
    both.and_then(|g| g.decimal(field)).or(one)
}

/// Brings quantity, price and amount together. `old` is what the line held before.
fn settle(
    qb: &QuickBooks,
    kind: LineKind,
    body: &Checked,
    fields: &mut Fields,
    linked: bool,
    warning: &mut Option<Status>,
) {
    let name = kind.price();
    let given = |field: &str| {
        body.text_of(field)
            .filter(|t| !t.is_empty())
            .and_then(|t| t.parse::<Decimal>().ok())
    };
    let (quantity, each, amount) = (given("Quantity"), given(name), given("Amount"));
    if amount.is_some() && each.is_some() {
        warning.get_or_insert_with(|| Status::field_ignored(name));
    }
    let held = fields.decimal("Quantity");
    if let Some(amount) = amount {
        match held.filter(|q| !q.is_zero()) {
            Some(quantity) => fields.set_text(name, price(amount / quantity)),
            None => fields.remove(name),
        }
        fields.set_text("Amount", money(amount));
    } else if quantity.is_some() || each.is_some() {
        let each = each
            .or_else(|| fields.decimal(name))
            .or_else(|| item_price(qb, kind, fields))
            .unwrap_or_default();
        let quantity = held.unwrap_or(Decimal::ONE);
        fields.set_text("Quantity", plain(quantity));
        fields.set_text(name, price(each));
        fields.set_text("Amount", money(quantity * each));
    } else if !linked && fields.get("Amount").is_none() && fields.reference("ItemRef").is_some() {
        let each = item_price(qb, kind, fields).unwrap_or_default();
        fields.set_text("Quantity", "1");
        fields.set_text(name, price(each));
        fields.set_text("Amount", money(each));
    }
    if let Some(quantity) = fields.decimal("Quantity") {
        fields.set_text("Quantity", plain(quantity));
    }
    if kind == LineKind::Estimate
        && let Some(percent) = fields.decimal("MarkupRatePercent")
        && amount.is_none()
    {
        let base = fields.decimal("Amount").unwrap_or_default();
        fields.set_text("Amount", money(base + base * percent / Decimal::ONE_HUNDRED));
    }
}

/// The fields of a line, over those it had.
pub(crate) fn line_fields(
    qb: &QuickBooks,
    kind: LineKind,
    body: &Checked,
    base: Option<&Fields>,
    object: &str,
    warning: &mut Option<Status>,
) -> Result<Fields, Status> {
    let mut skip: Vec<&str> = SKIPPED.to_vec();
    // On a line for accounts payable the customer field holds a vendor.
    let payable = |reference: &Checked| {
        let name = reference.text_of("FullName").unwrap_or_default();
        let id = reference.text_of("ListID").unwrap_or_default();
        let account = qb.file.list_by_id(id).or_else(|| {
            qb.file
                .list_by_full_name(crate::company_file::kinds::Space::Account, name)
        });
        account.and_then(|a| a.fields.text("AccountType").map(str::to_owned))
    };
    let account_type = body.child("AccountRef").and_then(payable);
    let mut vendor = None;
    if account_type.as_deref() == Some("AccountsPayable") {
        skip.push("CustomerRef");
        if let Some(reference) = body.child("CustomerRef") {
            let id = reference.text_of("ListID").unwrap_or_default();
            let name = reference.text_of("FullName").unwrap_or_default();
            vendor = qb
                .file
                .list_by_id(id)
                .or_else(|| {
                    qb.file
                        .list_by_full_name(crate::company_file::kinds::Space::Name, name)
                })
                .filter(|o| o.kind == crate::company_file::kinds::ListKind::Vendor)
                .map(|o| o.serial);
        }
        if vendor.is_none() {
            return Err(Status::bad_reference_because(
                "Vendor",
                "",
                object,
                "This line item requires a vendor.",
            ));
        }
    }
    let changed = changes(qb, body, object, &skip, warning)?;
    if base.is_some() {
        for (name, value) in &changed {
            let fixed = [
                "Amount",
                "Quantity",
                "Cost",
                "Rate",
                "ItemRef",
                "BillableStatus",
                "OverrideItemAccountRef",
            ];
            if value.is_none() && fixed.contains(name) {
                return Err(Status::cannot_clear(name));
            }
        }
    }
    let mut fields = base.cloned().unwrap_or_default();
    apply(&mut fields, &changed);
    if let Some(vendor) = vendor {
        fields.set("CustomerRef", Value::Reference(vendor));
    }
    if account_type.as_deref() == Some("AccountsReceivable") && fields.reference("CustomerRef").is_none() {
        return Err(Status::bad_reference_because(
            "Customer",
            "",
            object,
            "This line item requires a customer or job.",
        ));
    }
    if qb.settings.refuse_billable_without_customer
        && fields.text("BillableStatus") == Some("Billable")
        && fields.reference("CustomerRef").is_none()
    {
        return Err(Status::bad_reference_because(
            "Customer",
            "",
            object,
            "This line item requires a customer or job.",
        ));
    }
    if kind == LineKind::Expense {
        if fields.reference("AccountRef").is_none() && qb.settings.features.requiring_accounts {
            return Err(Status::missing("AccountRef"));
        }
        if let Some(amount) = fields.decimal("Amount") {
            fields.set_text("Amount", money(amount));
        }
    } else {
        settle(qb, kind, body, &mut fields, base.is_some(), warning);
    }
    Ok(fields)
}

/// What a bill brings in from a purchase order line.
pub(crate) fn from_order(qb: &QuickBooks, order: &Transaction, line: &Line) -> Fields {
    let mut fields = Fields::default();
    for name in ["ItemRef", "Desc", "CustomerRef", "ClassRef"] {
        if let Some((name, value)) = line.fields.0.iter().find(|(n, _)| *n == name) {
            fields.set(name, value.clone());
        }
    }
    match line.fields.decimal("Quantity") {
        Some(ordered) => {
            let left = ordered - qb.file.received(order.serial, line.serial);
            let each = line
                .fields
                .decimal("Rate")
                .or_else(|| Some(line.amount() / ordered).filter(|_| !ordered.is_zero()))
                .unwrap_or_default();
            fields.set_text("Quantity", plain(left));
            fields.set_text("Cost", price(each));
            fields.set_text("Amount", money(left * each));
        }
        None => fields.set_text("Amount", money(line.amount())),
    }
    fields
}

/// The links a bill asks for.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Whole orders already linked.
    whole: Vec<u64>,
    lines: Vec<OrderLink>,
    vendor: Option<u64>,
}

impl Links {
    pub(crate) fn new(vendor: Option<u64>) -> Self {
        Self {
            vendor,
            ..Self::default()
        }
    }

    fn order<'a>(&self, qb: &'a QuickBooks, id: &str) -> Result<&'a Transaction, Status> {
        let order = qb
            .file
            .transaction_by_id(id)
            .filter(|t| t.kind == crate::company_file::kinds::TxnKind::PurchaseOrder)
            .ok_or_else(|| Status::not_found(id))?;
        if qb.settings.refuse_purchase_order_of_another_vendor && order.entity() != self.vendor {
            return Err(Status::bad_reference_because(
                "PurchaseOrder",
                id,
                "Bill",
                "The purchase order is for another vendor.",
            ));
        }
        Ok(order)
    }

    /// All open lines of an order. A closed order links nothing and warns.
    pub(crate) fn whole(
        &mut self,
        qb: &QuickBooks,
        id: &str,
        warning: &mut Option<Status>,
    ) -> Result<Vec<(Fields, OrderLink)>, Status> {
        let order = self.order(qb, id)?;
        if self.whole.contains(&order.serial) {
            return Err(Status::linked_twice(id));
        }
        self.whole.push(order.serial);
        if qb.file.order_closed(order) {
            warning.get_or_insert_with(|| Status::link_closed(id));
            return Ok(Vec::new());
        }
        Ok(order
            .lines
            .iter()
            .filter(|l| l.fields.reference("ItemRef").is_some() && !qb.file.line_closed(order, l))
            .map(|l| {
                (
                    from_order(qb, order, l),
                    OrderLink {
                        order: order.serial,
                        line: l.serial,
                    },
                )
            })
            .collect())
    }

    /// One line of an order; without link when it is closed, with a warning.
    pub(crate) fn line(
        &mut self,
        qb: &QuickBooks,
        body: &Checked,
        warning: &mut Option<Status>,
    ) -> Result<(Fields, Option<OrderLink>), Status> {
        let Some(link) = body.child("LinkToTxn") else {
            return Err(Status::internal());
        };
        let id = link.text_of("TxnID").unwrap_or_default();
        let line_id = link.text_of("TxnLineID").unwrap_or_default();
        if body.child("ItemRef").is_some() {
            return Err(Status::bad_id(id, "LinkToTxn"));
        }
        let order = self.order(qb, id)?;
        if self.whole.contains(&order.serial) {
            return Err(Status::bad_id(id, "LinkToTxn"));
        }
        let found = order
            .lines
            .iter()
            .find(|l| l.id() == line_id)
            .ok_or_else(|| Status::not_found(line_id))?;
        let key = OrderLink {
            order: order.serial,
            line: found.serial,
        };
        if self.lines.contains(&key) {
            return Err(Status::linked_twice(id));
        }
        self.lines.push(key);
        if qb.file.line_closed(order, found) {
            warning.get_or_insert_with(|| Status::link_closed(id));
            return Ok((from_order(qb, order, found), None));
        }
        Ok((from_order(qb, order, found), Some(key)))
    }
}
