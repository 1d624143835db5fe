//! A new company file: the chart of accounts, vendor types and terms it starts with.

use super::{
    CompanyFile,
    fields::{Fields, Value},
    kinds::ListKind,
    lists::ListObject,
};
use crate::CompanyOptions;

const ACCOUNTS: [(&str, Option<&str>, &str, &str); 15] = [
    ("Checking", None, "Bank", "1010"),
    ("Savings", None, "Bank", "1020"),
    ("Company Credit Card", None, "CreditCard", "2050"),
    ("Accounts Receivable", None, "AccountsReceivable", "1100"),
    ("Accounts Payable", None, "AccountsPayable", "2000"),
    ("Retainage Payable", None, "OtherCurrentLiability", "2010"),
    ("Opening Balance Equity", None, "Equity", "3000"),
    ("Construction Income", None, "Income", "4100"),
    ("Cost of Goods Sold", None, "CostOfGoodsSold", "5000"),
    ("Job Expenses", None, "Expense", "5100"),
    ("Job Materials", Some("Job Expenses"), "Expense", "5110"),
    ("Subcontractors", Some("Job Expenses"), "Expense", "5120"),
    ("Less Discounts Taken", Some("Job Expenses"), "Expense", "5190"),
    ("Office Supplies", None, "Expense", "6100"),
    ("Purchase Orders", None, "NonPosting", "4"),
];

/// A file with the lists every company has.
pub(crate) fn new_file(company: CompanyOptions, now: i64) -> CompanyFile {
    let mut file = CompanyFile::empty(company);
    for (name, parent, kind, number) in ACCOUNTS {
        let mut fields = Fields::default();
        fields.set_text("AccountType", kind);
        fields.set_text("AccountNumber", number);
        if matches!(kind, "AccountsPayable" | "AccountsReceivable") {
            fields.set_text("SpecialAccountType", kind);
        }
        let parent = parent
            .and_then(|p| file.list_by_full_name(ListKind::Account.space(), p))
            .map(|p| p.serial);
        add(&mut file, ListKind::Account, name, parent, fields, now);
    }
    for name in ["Subcontractor", "Supplier"] {
        add(
            &mut file,
            ListKind::VendorType,
            name,
            None,
            Fields::default(),
            now,
        );
    }
    for (name, days) in [("Net 30", "30"), ("Net 15", "15"), ("Due on receipt", "0")] {
        let mut fields = Fields::default();
        fields.set_text("StdDueDays", days);
        fields.set_text("StdDiscountDays", "0");
        fields.set_text("DiscountPct", "0.00");
        add(&mut file, ListKind::StandardTerms, name, None, fields, now);
    }
    for (name, taxable) in [("Tax", "true"), ("Non", "false")] {
        let mut fields = Fields::default();
        fields.set_text("IsTaxable", taxable);
        add(&mut file, ListKind::SalesTaxCode, name, None, fields, now);
    }
    let mut subtotal = Fields::default();
    subtotal.set("ItemDesc", Value::Text("Subtotal".to_owned()));
    add(&mut file, ListKind::ItemSubtotal, "Subtotal", None, subtotal, now);
    // What every real item list holds somewhere: a percentage with its sign, and a value the schema lacks.
    let income = file
        .list_by_full_name(ListKind::Account.space(), "Construction Income")
        .map(|a| a.serial);
    let mut markup = Fields::default();
    let mut sales = Fields::default();
    sales.set_text("PricePercent", "18.0%");
    if let Some(income) = income {
        sales.set("AccountRef", Value::Reference(income));
    }
    markup.set("SalesOrPurchase", Value::Group(sales));
    markup.set_text("SpecialItemType", "LegacyMarkup");
    add(&mut file, ListKind::ItemOtherCharge, "Markup", None, markup, now);
    file
}

fn add(file: &mut CompanyFile, kind: ListKind, name: &str, parent: Option<u64>, fields: Fields, now: i64) {
    let serial = file.next_list_serial();
    file.put_list(ListObject {
        serial,
        created: now,
        modified: now,
        edit_sequence: now,
        kind,
        name: name.to_owned(),
        parent,
        is_active: true,
        external_guid: None,
        fields,
        extensions: Vec::new(),
    });
}
