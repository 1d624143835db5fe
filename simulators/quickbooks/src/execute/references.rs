//! References: a `ListID` or a full name, to an object of the right kind.

use crate::{
    company_file::{
        CompanyFile,
        kinds::{ListKind, Space},
    },
    qbxml::{status::Status, validate::Checked},
    settings::Settings,
};

struct Target {
    space: Space,
    /// Kinds allowed; empty means all of the space.
    kinds: &'static [ListKind],
    /// QuickBooks' word for it.
    word: &'static str,
}

fn target(field: &str) -> Option<Target> {
    let (space, kinds, word): (Space, &'static [ListKind], &'static str) = match field {
        "VendorRef" | "PrefVendorRef" | "TaxVendorRef" => (Space::Name, &[ListKind::Vendor], "Vendor"),
        "CustomerRef" => (Space::Name, &[ListKind::Customer], "Customer"),
        "PayeeEntityRef" | "ShipToEntityRef" | "EntityRef" => (Space::Name, &[], "Entity"),
        "ItemRef" | "ItemSalesTaxRef" => (Space::Item, &[], "Item"),
        "AccountRef"
        | "APAccountRef"
        | "IncomeAccountRef"
        | "ExpenseAccountRef"
        | "OverrideItemAccountRef"
        | "BankAccountRef"
        | "CreditCardAccountRef"
        | "PrefillAccountRef"
        | "DiscountAccountRef"
        | "TaxOnPurchasesAccountRef"
        | "TaxOnSalesAccountRef" => (Space::Account, &[], "Account"),
        "ClassRef" | "DiscountClassRef" => (Space::Class, &[], "Class"),
        "TermsRef" => (Space::Terms, &[], "Terms"),
        "VendorTypeRef" => (Space::VendorType, &[], "VendorType"),
        "CustomerTypeRef" => (Space::CustomerType, &[], "CustomerType"),
        "JobTypeRef" => (Space::JobType, &[], "JobType"),
        "SalesTaxCodeRef" | "PurchaseTaxCodeRef" | "CustomerSalesTaxCodeRef" => {
            (Space::SalesTaxCode, &[], "SalesTaxCode")
        }
        _ => return None,
    };
    Some(Target { space, kinds, word })
}

/// The object a reference names, or `None` for an empty reference. `object` is what the reference stands in.
pub(crate) fn resolve(
    file: &CompanyFile,
    settings: &Settings,
    reference: &Checked,
    object: &str,
) -> Result<Option<u64>, Status> {
    let field = reference.name();
    let on = match field {
        "ClassRef" | "DiscountClassRef" => settings.features.classes,
        "CurrencyRef" => settings.features.multicurrency,
        _ => true,
    };
    if !on {
        return Err(Status::feature_off());
    }
    let id = reference.text_of("ListID").filter(|t| !t.is_empty());
    let name = reference.text_of("FullName").filter(|t| !t.is_empty());
    let Some(given) = id.or(name) else { return Ok(None) };
    let Some(target) = target(field) else {
        let word = field.strip_suffix("Ref").unwrap_or(field);
        return Err(Status::bad_reference(word, given, object));
    };
    let fits = |kind: ListKind| {
        kind.space() == target.space && (target.kinds.is_empty() || target.kinds.contains(&kind))
    };
    let found = match id {
        Some(id) => Some(
            file.list_by_id(id)
                .filter(|o| fits(o.kind))
                .ok_or_else(|| Status::bad_id(id, field))?,
        ),
        None => file
            .list_by_full_name(target.space, given)
            .filter(|o| fits(o.kind)),
    };
    let Some(found) = found.filter(|o| o.is_active) else {
        return Err(Status::bad_reference(target.word, given, object));
    };
    let needed = match field {
        "APAccountRef" => Some("AccountsPayable"),
        "BankAccountRef" => Some("Bank"),
        "CreditCardAccountRef" => Some("CreditCard"),
        _ => None,
    };
    if needed.is_some_and(|t| found.fields.text("AccountType") != Some(t)) {
        return Err(Status::bad_reference_because(
            target.word,
            given,
            object,
            "The account is of the wrong type.",
        ));
    }
    Ok(Some(found.serial))
}
