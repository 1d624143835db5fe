//! Which lines of a bill receive which lines of the purchase order (the setting `link_bills_to_purchase_orders`).
//!
//! QuickBooks receives by quantity, not by money: a line of quantity 1 is closed by the first bill that is linked to it,
//! whatever its amount (qbxml.md §12), and a link cannot be undone. Decision: a line is linked where quantities count on both
//! sides and the order has as much left; a line of an amount alone never is, nor is one of a closed line.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::qbxml::purchase_order::PurchaseOrderRet;

/// A purchase order as far as bills receive it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// Its `TxnID`.
    pub txn_id: String,
    /// Its lines that can be received: `TxnLineID` and the quantity that is left.
    pub lines: Vec<(String, Decimal)>,
}

impl OpenOrder {
    /// What is left of an order.
    pub(super) fn of(order: &PurchaseOrderRet) -> Self {
        let lines = order.lines.iter().filter_map(|line| {
            let closed = order.is_manually_closed == Some(true) || line.is_manually_closed == Some(true);
            let ordered = line.quantity.as_ref()?.decimal();
            let received = line
                .received
                .as_ref()
                .map_or(Decimal::ZERO, |received| received.decimal());
            let left = ordered - received;
            (!closed && left > Decimal::ZERO).then(|| (line.txn_line_id.clone(), left))
        });
        Self {
            txn_id: order.txn_id.clone(),
            lines: lines.collect(),
        }
    }

    /// The line that this quantity receives, if it is there with as much left; it has less left then.
    pub(super) fn receive(&mut self, txn_line_id: &str, quantity: Decimal) -> Option<String> {
        let (id, left) = self.lines.iter_mut().find(|(id, _)| id == txn_line_id)?;
        if quantity <= Decimal::ZERO || quantity > *left {
            return None;
        }
        *left -= quantity;
        Some(id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::{Quantity, purchase_order::PurchaseOrderLineRet};

    fn line(id: &str, quantity: Option<&str>, received: Option<&str>, closed: bool) -> PurchaseOrderLineRet {
        let parse = |text: Option<&str>| text.map(|text| Quantity::parse(text).unwrap());
        PurchaseOrderLineRet {
            txn_line_id: id.to_owned(),
            quantity: parse(quantity),
            received: parse(received),
            is_manually_closed: Some(closed),
            ..PurchaseOrderLineRet::default()
        }
    }

    #[test]
    fn a_line_is_received_as_long_as_there_is_as_much_left_of_it() {
        let mut order = PurchaseOrderRet {
            txn_id: "T".to_owned(),
            lines: vec![
                line("1", Some("10"), Some("4"), false),
                line("2", None, None, false),
                line("3", Some("5"), None, true),
                line("4", Some("5"), Some("5"), false),
            ],
            ..PurchaseOrderRet::default()
        };
        let mut open = OpenOrder::of(&order);
        assert_eq!(open.lines, [("1".to_owned(), Decimal::from(6))]);
        let quantity = Decimal::from(4);
        assert_eq!(open.receive("1", quantity).as_deref(), Some("1"));
        assert_eq!(open.receive("1", quantity), None, "only 2 are left");
        assert_eq!(open.receive("1", Decimal::from(2)).as_deref(), Some("1"));
        for (id, quantity) in [("2", 1), ("3", 1), ("4", 1), ("9", 1), ("1", 0), ("1", -1)] {
            assert_eq!(open.receive(id, Decimal::from(quantity)), None, "{id}");
        }
        order.is_manually_closed = Some(true);
        assert!(OpenOrder::of(&order).lines.is_empty());
    }
}
