//! Queries of lists and transactions.

use std::{collections::BTreeSet, str::FromStr};

use rust_decimal::Decimal;

use super::{
    Outcome,
    filters::{between, date_range, matches, modified, named},
    transactions::feature,
};
use crate::{
    company_file::{
        kinds::{ListKind, Space, TxnKind},
        lists::ListObject,
        ret::{Printer, View},
        transactions::Transaction,
    },
    iterators::{Iterators, Page},
    qbxml::{answer::Out, document::Request, status::Status, text::fold, validate::Checked},
    quickbooks::QuickBooks,
};

fn view(body: &Checked) -> View {
    let owned = |name: &str| body.texts(name).into_iter().map(str::to_owned).collect();
    View {
        lines: body.flag("IncludeLineItems"),
        linked: body.flag("IncludeLinkedTxns"),
        only: owned("IncludeRetElement"),
        owners: owned("OwnerID"),
    }
}

fn finish(request: &Request, page: Page, missing: Option<String>, body: Vec<Out>) -> Outcome {
    let count = body.len();
    let mut out = Outcome {
        body,
        ..Outcome::default()
    };
    if let Some((remaining, id)) = page.remaining {
        out.attributes
            .push(("iteratorRemainingCount", remaining.to_string()));
        out.attributes.push(("iteratorID", id));
    }
    if let Some(meta) = request.meta_data.as_deref().filter(|m| *m != "NoMetaData") {
        out.attributes.push(("retCount", count.to_string()));
        if meta == "MetaDataOnly" {
            out.body.clear();
        }
    }
    if let Some(missing) = missing {
        out.status = Status::some_missing(&missing);
    } else if count == 0 && request.iterator.as_deref() != Some("Stop") {
        out.status = Status::nothing_found();
    }
    out
}

/// `VendorQuery` and its like; several kinds for `ItemQuery`.
pub(crate) fn lists(
    qb: &mut QuickBooks,
    iterators: &mut Iterators,
    request: &Request,
    kinds: &[ListKind],
) -> Result<Outcome, Status> {
    let body = &request.body;
    let mut missing = None;
    let mut violations = std::mem::take(&mut qb.violations);
    let page = iterators.page(
        request,
        || {
            let (found, absent) = find_lists(qb, body, kinds)?;
            missing = absent;
            Ok(found)
        },
        &mut violations,
    );
    qb.violations = violations;
    let page = page?;
    let printer = Printer {
        file: &qb.file,
        settings: &qb.settings,
    };
    let view = view(body);
    let ledger = kinds.contains(&ListKind::Account).then(|| qb.file.ledger());
    let body = page
        .serials
        .iter()
        .filter_map(|s| qb.file.lists.get(s))
        .filter_map(|object| match &ledger {
            Some(ledger) => printer.list(
                &with_balance(object, ledger.get(&Some(object.serial)).copied()),
                &view,
            ),
            None => printer.list(object, &view),
        })
        .collect();
    Ok(finish(request, page, missing, body))
}

/// Balance sheet accounts show a balance: assets as debit, the others as credit.
fn with_balance(account: &ListObject, debit: Option<Decimal>) -> ListObject {
    let mut account = account.clone();
    let kind = account.fields.text("AccountType").unwrap_or_default();
    let asset = matches!(
        kind,
        "Bank" | "AccountsReceivable" | "FixedAsset" | "OtherAsset" | "OtherCurrentAsset"
    );
    let liability = matches!(
        kind,
        "AccountsPayable" | "CreditCard" | "Equity" | "LongTermLiability" | "OtherCurrentLiability"
    );
    if asset || liability {
        let debit = debit.unwrap_or_default();
        let balance = crate::company_file::fields::money(if asset { debit } else { -debit });
        account.fields.set_text("Balance", balance.clone());
        account.fields.set_text("TotalBalance", balance);
    }
    account
}

type Found = (Vec<u64>, Option<String>);

fn find_lists(qb: &QuickBooks, body: &Checked, kinds: &[ListKind]) -> Result<Found, Status> {
    let space = kinds.first().map_or(Space::Name, |k| k.space());
    let ids = body.texts("ListID");
    if !ids.is_empty() {
        let mut found = Vec::new();
        for id in ids {
            let object = qb
                .file
                .list_by_id(id)
                .filter(|o| kinds.contains(&o.kind))
                .ok_or_else(|| Status::not_found(id))?;
            found.push(object.serial);
        }
        return Ok((found, None));
    }
    let names = body.texts("FullName");
    if !names.is_empty() {
        let mut found = Vec::new();
        let mut missing = None;
        for name in names {
            match qb
                .file
                .list_by_full_name(space, name)
                .filter(|o| kinds.contains(&o.kind))
            {
                Some(object) => found.push(object.serial),
                None => missing = missing.or_else(|| Some(name.to_owned())),
            }
        }
        return Ok((found, missing));
    }
    let moments = modified(body, &qb.settings);
    let active = body.text_of("ActiveStatus").unwrap_or("ActiveOnly");
    let types = body.texts("AccountType");
    if body.child("ClassFilter").is_some() && !qb.settings.features.classes {
        return Err(Status::feature_off());
    }
    let mut serials: Vec<u64> = kinds
        .iter()
        .flat_map(|k| qb.file.lists_by_kind.get(k).into_iter().flatten().copied())
        .collect();
    serials.sort_unstable();
    serials.retain(|serial| {
        let Some(object) = qb.file.lists.get(serial) else {
            return false;
        };
        let wanted = match active {
            "All" => true,
            "InactiveOnly" => !object.is_active,
            _ => object.is_active,
        };
        wanted
            && moments.holds(object.modified)
            && (types.is_empty()
                || object
                    .fields
                    .text("AccountType")
                    .is_some_and(|t| types.contains(&t)))
            && body
                .child("NameFilter")
                .is_none_or(|f| matches(f, "Name", &qb.file.full_name(object)))
            && body
                .child("NameRangeFilter")
                .is_none_or(|f| between(f, "FromName", "ToName", &qb.file.full_name(object)))
            && body
                .child("TotalBalanceFilter")
                .is_none_or(|f| balance_matches(qb, f, object))
    });
    Ok((serials, None))
}

fn balance_matches(qb: &QuickBooks, filter: &Checked, object: &ListObject) -> bool {
    let balance = if object.kind == ListKind::Vendor {
        qb.file.vendor_balance(object.serial)
    } else {
        Decimal::ZERO
    };
    let amount = filter
        .text_of("Amount")
        .and_then(|a| Decimal::from_str(a).ok())
        .unwrap_or_default();
    match filter.text_of("Operator") {
        Some("LessThan") => balance < amount,
        Some("LessThanEqual") => balance <= amount,
        Some("GreaterThan") => balance > amount,
        Some("GreaterThanEqual") => balance >= amount,
        _ => balance == amount,
    }
}

/// `BillQuery` and its like.
pub(crate) fn transactions(
    qb: &mut QuickBooks,
    iterators: &mut Iterators,
    request: &Request,
    kind: TxnKind,
) -> Result<Outcome, Status> {
    feature(qb, kind)?;
    let body = &request.body;
    let mut missing = None;
    let mut violations = std::mem::take(&mut qb.violations);
    let page = iterators.page(
        request,
        || {
            let (found, absent) = find_transactions(qb, body, kind)?;
            missing = absent;
            Ok(found)
        },
        &mut violations,
    );
    qb.violations = violations;
    let page = page?;
    let printer = Printer {
        file: &qb.file,
        settings: &qb.settings,
    };
    let view = view(body);
    let body = page
        .serials
        .iter()
        .filter_map(|s| qb.file.transactions.get(s))
        .filter_map(|t| printer.transaction(t, &view))
        .collect();
    Ok(finish(request, page, missing, body))
}

fn find_transactions(qb: &QuickBooks, body: &Checked, kind: TxnKind) -> Result<Found, Status> {
    let ids = body.texts("TxnID");
    if !ids.is_empty() {
        let mut found = Vec::new();
        let mut missing = None;
        for id in ids {
            match qb.file.transaction_by_id(id).filter(|t| t.kind == kind) {
                Some(transaction) => found.push(transaction.serial),
                None => missing = missing.or_else(|| Some(id.to_owned())),
            }
        }
        return Ok((found, missing));
    }
    for (field, case_sensitive) in [("RefNumber", false), ("RefNumberCaseSensitive", true)] {
        let numbers = body.texts(field);
        if numbers.is_empty() {
            continue;
        }
        let mut found = BTreeSet::new();
        for number in numbers {
            for serial in qb
                .file
                .transactions_by_reference
                .get(&fold(number))
                .into_iter()
                .flatten()
            {
                let fits = qb.file.transactions.get(serial).is_some_and(|t| {
                    t.kind == kind && (!case_sensitive || t.reference_number() == Some(number)) && !hidden(t)
                });
                if fits {
                    found.insert(*serial);
                }
            }
        }
        return Ok((found.into_iter().collect(), None));
    }
    let entities = body
        .child("EntityFilter")
        .map(|f| named(&qb.file, Space::Name, f))
        .transpose()?;
    let accounts = body
        .child("AccountFilter")
        .map(|f| named(&qb.file, Space::Account, f))
        .transpose()?;
    let moments = body
        .child("ModifiedDateRangeFilter")
        .map(|f| modified(f, &qb.settings));
    let dates = body
        .child("TxnDateRangeFilter")
        .map(|f| date_range(qb, f))
        .transpose()?;
    let candidates: Vec<u64> = match &entities {
        Some(entities) => {
            let mut all: Vec<u64> = entities
                .iter()
                .flat_map(|e| {
                    qb.file
                        .transactions_by_entity
                        .get(e)
                        .into_iter()
                        .flatten()
                        .copied()
                })
                .collect();
            all.sort_unstable();
            all
        }
        None => qb
            .file
            .transactions_by_kind
            .get(&kind)
            .into_iter()
            .flatten()
            .copied()
            .collect(),
    };
    let found = candidates
        .into_iter()
        .filter(|serial| {
            let Some(t) = qb.file.transactions.get(serial).filter(|t| t.kind == kind) else {
                return false;
            };
            !hidden(t)
                && moments.is_none_or(|m| m.holds(t.modified))
                && dates
                    .as_ref()
                    .is_none_or(|(from, to)| (from.as_str()..=to.as_str()).contains(&t.date()))
                && accounts.as_ref().is_none_or(|a| posts_to(qb, t, a))
                && body
                    .child("RefNumberFilter")
                    .is_none_or(|f| matches(f, "RefNumber", t.reference_number().unwrap_or_default()))
                && body.child("RefNumberRangeFilter").is_none_or(|f| {
                    between(
                        f,
                        "FromRefNumber",
                        "ToRefNumber",
                        t.reference_number().unwrap_or_default(),
                    )
                })
                && match body.text_of("PaidStatus") {
                    Some("PaidOnly") => qb.file.open_amount(t) <= Decimal::ZERO,
                    Some("NotPaidOnly") => qb.file.open_amount(t) > Decimal::ZERO,
                    _ => true,
                }
        })
        .collect();
    Ok((found, None))
}

/// A payment by credits alone makes no transaction that anyone sees.
fn hidden(transaction: &Transaction) -> bool {
    transaction.kind.is_payment()
        && transaction.amount.is_zero()
        && !transaction.voided
        && transaction.applied.iter().any(|a| !a.credits.is_empty())
}

fn posts_to(qb: &QuickBooks, transaction: &Transaction, accounts: &BTreeSet<u64>) -> bool {
    transaction
        .fields
        .references()
        .iter()
        .any(|(n, s)| n.ends_with("AccountRef") && accounts.contains(s))
        || transaction
            .lines
            .iter()
            .any(|l| qb.file.line_account(l).is_some_and(|a| accounts.contains(&a)))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Books, attribute, text, texts};

    fn books() -> Books {
        let mut books = Books::new();
        for name in ["Alpha", "Beta", "Gamma", "Delta", "Epsilon"] {
            books.ok(&format!(
                "<VendorAddRq><VendorAdd><Name>{name}</Name></VendorAdd></VendorAddRq>"
            ));
        }
        books
    }

    #[test]
    fn an_iterator_dies_with_its_session() {
        let mut books = books();
        let first =
            books.ok("<VendorQueryRq iterator=\"Start\"><MaxReturned>2</MaxReturned></VendorQueryRq>");
        assert_eq!(attribute(&first, "iteratorRemainingCount"), "3");
        assert_eq!(texts(&first, "Name"), ["Alpha", "Beta"]);
        let id = attribute(&first, "iteratorID");
        let next = format!(
            "<VendorQueryRq iterator=\"Continue\" iteratorID=\"{id}\"><MaxReturned>2</MaxReturned></VendorQueryRq>"
        );
        assert_eq!(texts(&books.ok(&next), "Name"), ["Gamma", "Delta"]);
        books.new_session();
        let dead = books.fails(3391, &next);
        assert!(dead.contains(&format!("The iteratorID &quot;{id}&quot; is not valid.")));
        books.fails(3150, "<VendorQueryRq iterator=\"Start\"/>");
    }

    #[test]
    fn an_iterator_is_frozen_and_ends() {
        let mut books = books();
        let first =
            books.ok("<VendorQueryRq iterator=\"Start\"><MaxReturned>4</MaxReturned></VendorQueryRq>");
        books.ok("<VendorAddRq><VendorAdd><Name>Zeta</Name></VendorAdd></VendorAddRq>");
        let id = attribute(&first, "iteratorID");
        let next = format!(
            "<VendorQueryRq iterator=\"Continue\" iteratorID=\"{id}\"><MaxReturned>4</MaxReturned></VendorQueryRq>"
        );
        let last = books.ok(&next);
        assert_eq!(
            (texts(&last, "Name"), attribute(&last, "iteratorRemainingCount")),
            (vec!["Epsilon".to_owned()], "0".to_owned())
        );
        books.fails(3391, &next);
        assert!(books.violations().is_empty());
        let again =
            books.ok("<VendorQueryRq iterator=\"Start\"><MaxReturned>1</MaxReturned></VendorQueryRq>");
        let id = attribute(&again, "iteratorID");
        books.fails(1000, &format!("<VendorQueryRq iterator=\"Continue\" iteratorID=\"{id}\"><MaxReturned>2</MaxReturned></VendorQueryRq>"));
        assert_eq!(books.violations().len(), 1);
    }

    #[test]
    fn filters() {
        let mut books = books();
        let some = books.fails(
            500,
            "<VendorQueryRq><FullName>beta</FullName><FullName>Omega</FullName></VendorQueryRq>",
        );
        assert_eq!(text(&some, "Name"), "Beta");
        assert!(some.contains("(&quot;Omega&quot;)"));
        books.fails(3120, "<VendorQueryRq><ListID>FF-1</ListID></VendorQueryRq>");
        books.fails(
            1,
            "<VendorQueryRq><FromModifiedDate>2037-01-01</FromModifiedDate></VendorQueryRq>",
        );
        let range = books.ok("<VendorQueryRq><NameRangeFilter><FromName>b</FromName><ToName>d</ToName></NameRangeFilter><IncludeRetElement>Name</IncludeRetElement></VendorQueryRq>");
        assert_eq!(texts(&range, "Name"), ["Beta", "Delta"]);
        assert!(!range.contains("<ListID>"));
        let ends = books.ok("<VendorQueryRq><NameFilter><MatchCriterion>EndsWith</MatchCriterion><Name>MA</Name></NameFilter></VendorQueryRq>");
        assert_eq!(texts(&ends, "Name"), ["Gamma"]);
        assert_eq!(
            texts(
                &books.ok("<VendorQueryRq><MaxReturned>2</MaxReturned></VendorQueryRq>"),
                "Name"
            )
            .len(),
            2
        );
        let counted = books.ok("<VendorQueryRq metaData=\"MetaDataOnly\"/>");
        assert_eq!(attribute(&counted, "retCount"), "5");
        books.fails(1, "<InvoiceQueryRq><RefNumber>1</RefNumber></InvoiceQueryRq>");
        books.fails(500, "<BillQueryRq><TxnID>FF-1</TxnID></BillQueryRq>");
    }
}
