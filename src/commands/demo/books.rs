//! What a demonstration finds in the company file before it begins, and the figures it makes up: always the same ones.

use rust_decimal::Decimal;

/// Records of the company file that a person would choose from.
#[derive(Clone, Debug)]
pub(super) struct Books {
    pub(super) income_account: String,
    pub(super) expense_account: String,
    pub(super) customer: String,
    pub(super) vendor_type: Option<String>,
    pub(super) retainage_item: String,
    /// Items that were there before: they are nobody's cost codes.
    pub(super) items_before: Vec<String>,
}

/// Fewer records make no journey.
const LEAST: usize = 24;

/// How many of each record make up `records` in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) codes: usize,
    pub(super) vendors: usize,
    pub(super) commitments: usize,
    pub(super) change_orders: usize,
    pub(super) invoices: usize,
}

impl Sizes {
    /// A quarter vendors, a sixth each codes and commitments, of which every fourth is changed; two projects with their
    /// budgets; the rest are invoices.
    pub(super) fn of(records: u32) -> Self {
        let records = usize::try_from(records).unwrap_or(LEAST).max(LEAST);
        let (vendors, sixth) = (records / 4, records / 6);
        let change_orders = sixth.div_ceil(4);
        Self {
            codes: sixth,
            vendors,
            commitments: sixth,
            change_orders,
            invoices: records - vendors - 2 * sixth - change_orders - 4,
        }
    }
}

/// Cents that look like real ones: the same for the same `seed`.
pub(super) fn cents(seed: usize) -> Decimal {
    let mixed = (seed as u64)
        .wrapping_mul(6_364_136_223_846_793_005)
        .rotate_left(29)
        % 2_500_000;
    Decimal::new(i64::try_from(mixed).unwrap_or(0) + 10_001, 2)
}

/// Names that test what QuickBooks can hold: accents, ampersands, quotes.
pub(super) fn vendor_name(n: usize) -> String {
    const FIRST: [&str; 8] = [
        "Lew",
        "Pérez & Söhne",
        "A&W",
        "O'Neill",
        "Ådahl",
        "“Best” Drywall",
        "North–South",
        "García",
    ];
    const TRADE: [&str; 5] = ["Plumbing", "Electric", "Concrete", "Roofing", "Glass"];
    format!("{} {} {n}", FIRST[n % FIRST.len()], TRADE[n % TRADE.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_add_up() {
        for records in [24, 40, 120, 200, 999] {
            let sizes = Sizes::of(records);
            let projects = 2;
            let all = sizes.codes
                + sizes.vendors
                + sizes.commitments
                + sizes.change_orders
                + sizes.invoices
                + 2 * projects;
            assert_eq!(all, usize::try_from(records).unwrap());
        }
    }

    #[test]
    fn figures_have_two_decimals_and_repeat() {
        assert_eq!(cents(7), cents(7));
        assert_ne!(cents(7), cents(8));
        assert_eq!(cents(7).scale(), 2);
    }
}
