//! Adding and changing list objects.

use super::{
    Outcome,
    build::{Changes, apply, changes, new_fields, next_sequence},
};
use crate::{
    company_file::{
        fields::Value,
        kinds::{ListKind, Space},
        lists::ListObject,
        ret::{Printer, View},
    },
    message_sets::Recovery,
    qbxml::{document::Request, status::Status, validate::Checked},
    quickbooks::QuickBooks,
};

const IDENTITY: [&str; 12] = [
    "ListID",
    "EditSequence",
    "Name",
    "IsActive",
    "ParentRef",
    "ExternalGUID",
    "OpenBalance",
    "OpenBalanceDate",
    "BarCode",
    "ApplyAccountRefToExistingTxns",
    "ApplyIncomeAccountRefToExistingTxns",
    "ApplyExpenseAccountRefToExistingTxns",
];

fn only(request: &Request) -> Vec<String> {
    request
        .body
        .texts("IncludeRetElement")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

fn outcome(qb: &QuickBooks, object: &ListObject, request: &Request, warning: Option<Status>) -> Outcome {
    let view = View {
        only: only(request),
        ..View::whole()
    };
    let printer = Printer {
        file: &qb.file,
        settings: &qb.settings,
    };
    Outcome {
        status: warning.unwrap_or_else(Status::ok),
        attributes: Vec::new(),
        body: printer.list(object, &view).into_iter().collect(),
        recovery: Some(Recovery {
            element: "ListID",
            id: object.id(),
            txn_number: None,
            edit_sequence: Some(object.edit_sequence),
            external_guid: object.external_guid.clone(),
        }),
    }
}

/// The parent a request names.
fn parent(qb: &QuickBooks, kind: ListKind, body: &Checked) -> Result<Option<u64>, Status> {
    let Some(reference) = body.child("ParentRef") else {
        return Ok(None);
    };
    let id = reference.text_of("ListID").filter(|t| !t.is_empty());
    let name = reference.text_of("FullName").filter(|t| !t.is_empty());
    let Some(given) = id.or(name) else { return Ok(None) };
    let found = match id {
        Some(id) => qb.file.list_by_id(id),
        None => qb.file.list_by_full_name(kind.space(), given),
    };
    // Items of one kind only nest under their own kind.
    match found.filter(|o| o.kind == kind) {
        Some(parent) if qb.file.sublevel(parent) >= 4 => Err(Status::not_saved(
            &format!("{} list", kind.name()),
            "You cannot nest more than five levels deep.",
        )),
        Some(parent) => Ok(Some(parent.serial)),
        None => Err(Status::parent(given, kind.name())),
    }
}

fn check_name(
    qb: &QuickBooks,
    kind: ListKind,
    name: &str,
    parent: Option<u64>,
    own: Option<u64>,
) -> Result<(), Status> {
    // Jobs live under their customer; everything at the top of the shared name space must differ.
    match qb.file.name_holder(kind.space(), parent, name) {
        Some(holder) if Some(holder.serial) != own => Err(Status::name_in_use(name)),
        _ => Ok(()),
    }
}

fn check_account_number(qb: &QuickBooks, number: Option<&str>, own: Option<u64>) -> Result<(), Status> {
    let Some(number) = number.filter(|n| !n.is_empty()) else {
        return Ok(());
    };
    let taken = qb
        .file
        .lists_of(ListKind::Account)
        .any(|a| Some(a.serial) != own && a.fields.text("AccountNumber") == Some(number));
    if taken {
        return Err(Status::not_saved(
            "Account list",
            "The account number is already in use.",
        ));
    }
    Ok(())
}

fn check_1099(qb: &QuickBooks, body: &Checked) -> Result<(), Status> {
    if qb.settings.require_1099_details
        && qb.file.company.country == "US"
        && body.flag("IsVendorEligibleFor1099")
    {
        for needed in ["VendorTaxIdent", "VendorAddress"] {
            if body.child(needed).is_none() {
                return Err(Status::missing(needed));
            }
        }
    }
    Ok(())
}

/// `VendorAdd` and its like.
pub(crate) fn add(qb: &mut QuickBooks, kind: ListKind, request: &Request) -> Result<Outcome, Status> {
    let Some(body) = request.body.children.first() else {
        return Err(Status::internal());
    };
    let mut warning = None;
    let name = match body.text_of("Name") {
        Some(name) => qb.settings.charset.store(name),
        None => ["FirstName", "MiddleName", "LastName"]
            .iter()
            .filter_map(|n| body.text_of(n))
            .collect::<Vec<_>>()
            .join(" "),
    };
    if name.trim().is_empty() {
        return Err(Status::missing("Name"));
    }
    check_1099(qb, body)?;
    if name.contains(':') {
        return Err(Status::colon(&name));
    }
    let parent = parent(qb, kind, body)?;
    let fields = new_fields(changes(qb, body, kind.name(), &IDENTITY, &mut warning)?);
    check_name(qb, kind, &name, parent, None)?;
    if kind == ListKind::Account {
        check_account_number(qb, fields.text("AccountNumber"), None)?;
    }
    let external_guid = body
        .text_of("ExternalGUID")
        .filter(|g| !g.is_empty())
        .map(str::to_owned);
    if let Some(guid) = &external_guid
        && qb.settings.refuse_duplicate_external_guid
        && qb.file.external_guid_taken(guid)
    {
        return Err(Status::invalid(
            "ExternalGUID",
            guid,
            "The value is already in use.",
        ));
    }
    let now = qb.clock.now();
    let serial = qb.file.next_list_serial();
    let mut object = ListObject {
        serial,
        created: now,
        modified: now,
        edit_sequence: now,
        kind,
        name,
        parent,
        is_active: body
            .child("IsActive")
            .is_none_or(|a| a.text != "false" && a.text != "0"),
        external_guid,
        fields,
        extensions: Vec::new(),
    };
    if kind == ListKind::Vendor {
        object.fields.set_default("IsVendorEligibleFor1099", "false");
    }
    if kind == ListKind::Customer && object.parent.is_some() {
        object.fields.set_default("JobStatus", "None");
    }
    qb.file.put_list(object.clone());
    Ok(outcome(qb, &object, request, warning))
}

/// `VendorMod` and its like.
pub(crate) fn modify(qb: &mut QuickBooks, kind: ListKind, request: &Request) -> Result<Outcome, Status> {
    let Some(body) = request.body.children.first() else {
        return Err(Status::internal());
    };
    let mut warning = None;
    let id = body.text_of("ListID").unwrap_or_default();
    let name = body.text_of("Name").map(|n| qb.settings.charset.store(n));
    if name.as_deref().is_some_and(|n| n.contains(':')) {
        return Err(Status::colon(name.as_deref().unwrap_or_default()));
    }
    let new_parent = body
        .child("ParentRef")
        .map(|_| parent(qb, kind, body))
        .transpose()?;
    let changed = changes(qb, body, kind.name(), &IDENTITY, &mut warning)?;
    let object = qb.file.list_by_id(id).filter(|o| o.kind == kind).cloned();
    let Some(mut object) = object else {
        return Err(Status::not_found(id));
    };
    let parent = new_parent.unwrap_or(object.parent);
    if name.as_deref().is_some_and(|n| n.trim().is_empty()) {
        return Err(Status::cannot_clear("Name"));
    }
    let new_name = name.unwrap_or_else(|| object.name.clone());
    check_name(qb, kind, &new_name, parent, Some(object.serial))?;
    let mut above = parent;
    while let Some(serial) = above {
        if serial == object.serial {
            return Err(Status::parent(&object.name, kind.name()));
        }
        above = qb.file.lists.get(&serial).and_then(|o| o.parent);
    }
    let sequence = body.text_of("EditSequence").unwrap_or_default();
    if sequence != object.edit_sequence.to_string() {
        return Err(Status::stale(sequence));
    }
    if qb.file.locked(id) {
        return Err(Status::list_locked());
    }
    let changed = item_changes(&object, changed)?;
    if kind == ListKind::Account
        && let Some((_, Some(Value::Text(number)))) = changed.iter().find(|(n, _)| *n == "AccountNumber")
    {
        check_account_number(qb, Some(number), Some(object.serial))?;
    }
    apply(&mut object.fields, &changed);
    object.name = new_name;
    object.parent = parent;
    if let Some(active) = body.text_of("IsActive") {
        object.is_active = !matches!(active, "false" | "0");
    }
    object.modified = qb.clock.now();
    object.edit_sequence = next_sequence(qb, object.edit_sequence);
    qb.file.put_list(object.clone());
    Ok(outcome(qb, &object, request, warning))
}

/// `SalesAndPurchaseMod` becomes `SalesAndPurchase`; the choice made at the Add stays; accounts cannot be cleared.
fn item_changes(object: &ListObject, changed: Changes) -> Result<Changes, Status> {
    if object.kind.space() != Space::Item {
        return Ok(changed);
    }
    changed
        .into_iter()
        .map(|(name, value)| {
            let (name, other) = match name {
                "SalesOrPurchaseMod" => ("SalesOrPurchase", "SalesAndPurchase"),
                "SalesAndPurchaseMod" => ("SalesAndPurchase", "SalesOrPurchase"),
                _ => return Ok((name, value)),
            };
            if object.fields.group(other).is_some() {
                return Err(Status::not_saved(
                    "Item list",
                    "You cannot change how this item is used (sales or purchase, sales and purchase).",
                ));
            }
            Ok((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Books, attribute, text};

    #[test]
    fn names_are_shared_between_lists() {
        let mut books = Books::new();
        books.ok("<OtherNameAddRq><OtherNameAdd><Name>Acme</Name></OtherNameAdd></OtherNameAddRq>");
        let answer = books.run("<VendorAddRq><VendorAdd><Name>ACME</Name></VendorAdd></VendorAddRq>");
        assert_eq!(attribute(&answer, "statusCode"), "3100");
        assert!(answer.contains("The name &quot;ACME&quot; of the list element is already in use."));
        // A job under a customer does not collide, a customer does.
        books.ok("<CustomerAddRq><CustomerAdd><Name>Owner</Name></CustomerAdd></CustomerAddRq>");
        books.ok("<CustomerAddRq><CustomerAdd><Name>Acme</Name><ParentRef><FullName>owner</FullName></ParentRef></CustomerAdd></CustomerAddRq>");
        books.fails(
            3100,
            "<CustomerAddRq><CustomerAdd><Name>acme</Name></CustomerAdd></CustomerAddRq>",
        );
        books.sound();
    }

    #[test]
    fn a_stale_edit_sequence_is_refused() {
        let mut books = Books::new();
        let added =
            books.ok("<VendorAddRq><VendorAdd><Name>Acme</Name><Phone>1</Phone></VendorAdd></VendorAddRq>");
        let (id, sequence) = (text(&added, "ListID"), text(&added, "EditSequence"));
        let modify = |sequence: &str| {
            format!(
                "<VendorModRq><VendorMod><ListID>{id}</ListID><EditSequence>{sequence}</EditSequence><Phone></Phone><Fax>2</Fax></VendorMod></VendorModRq>"
            )
        };
        let changed = books.ok(&modify(&sequence));
        assert!(!changed.contains("<Phone>") && changed.contains("<Fax>2</Fax>"));
        books.fails(3200, &modify(&sequence));
        books.ok(&modify(&text(&changed, "EditSequence")));
    }

    #[test]
    fn checks_of_a_vendor() {
        let mut books = Books::new();
        let long = "x".repeat(42);
        books.fails(
            3070,
            &format!("<VendorAddRq><VendorAdd><Name>{long}</Name></VendorAdd></VendorAddRq>"),
        );
        books.fails(
            3090,
            "<VendorAddRq><VendorAdd><Name>a:b</Name></VendorAdd></VendorAddRq>",
        );
        books.fails(3140, "<VendorAddRq><VendorAdd><Name>a</Name><TermsRef><FullName>Net 99</FullName></TermsRef></VendorAdd></VendorAddRq>");
        books.fails(3000, "<VendorAddRq><VendorAdd><Name>a</Name><TermsRef><ListID>FF-1</ListID></TermsRef></VendorAdd></VendorAddRq>");
        books.fails(3250, "<VendorAddRq><VendorAdd><Name>a</Name><ClassRef><FullName>x</FullName></ClassRef></VendorAdd></VendorAddRq>");
        books.fails(3150, "<VendorAddRq><VendorAdd><Name>a</Name><IsVendorEligibleFor1099>true</IsVendorEligibleFor1099></VendorAdd></VendorAddRq>");
        books.fails(3130, "<CustomerAddRq><CustomerAdd><Name>a</Name><ParentRef><FullName>none</FullName></ParentRef></CustomerAdd></CustomerAddRq>");
        let answer = books.ok(
            "<VendorAddRq requestID=\"q\"><VendorAdd><Name>Łódź &#233;</Name></VendorAdd></VendorAddRq>"
                .replace("Łódź", "&#321;&#243;d&#378;")
                .as_str(),
        );
        assert!(answer.contains("<Name>?&#243;d? &#233;</Name>"), "{answer}");
        books.sound();
    }

    #[test]
    fn an_item_keeps_its_choice() {
        let mut books = Books::new();
        let added = books.ok("<ItemServiceAddRq><ItemServiceAdd><Name>03</Name><SalesOrPurchase><AccountRef><FullName>Job Expenses</FullName></AccountRef></SalesOrPurchase></ItemServiceAdd></ItemServiceAddRq>");
        let (id, sequence) = (text(&added, "ListID"), text(&added, "EditSequence"));
        books.fails(3180, &format!("<ItemServiceModRq><ItemServiceMod><ListID>{id}</ListID><EditSequence>{sequence}</EditSequence><SalesAndPurchaseMod><PurchaseDesc>x</PurchaseDesc></SalesAndPurchaseMod></ItemServiceMod></ItemServiceModRq>"));
        let child = books.ok("<ItemServiceAddRq><ItemServiceAdd><Name>300</Name><ParentRef><FullName>03</FullName></ParentRef><SalesAndPurchase><ExpenseAccountRef><FullName>Job Expenses:Subcontractors</FullName></ExpenseAccountRef></SalesAndPurchase></ItemServiceAdd></ItemServiceAddRq>");
        assert_eq!(text(&child, "FullName"), "03:300");
        books.sound();
    }
}
