//! Queries of lists. They all begin alike: by ids, by names, or by filters; so one model serves them all.
//!
//! What may not live here: which elements a record has; each list's own file names those it wants.

use yaserde::YaSerialize;

use super::{Access, Request};

/// A query of a list, in schema order. Ids, names and filters exclude each other; the constructors see to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct ListQuery {
    #[yaserde(rename = "ListID")]
    list_ids: Vec<String>,
    #[yaserde(rename = "FullName")]
    full_names: Vec<String>,
    #[yaserde(rename = "ActiveStatus")]
    active_status: Option<String>,
    #[yaserde(rename = "FromModifiedDate")]
    from_modified_date: Option<String>,
    #[yaserde(rename = "IncludeRetElement")]
    include_ret_elements: Vec<String>,
}

impl ListQuery {
    /// All records, inactive ones too: they hold their names.
    pub fn all() -> Self {
        Self {
            active_status: Some("All".to_owned()),
            ..Self::default()
        }
    }

    /// The records with these names, active or not. Names that are not there are told by status 500.
    pub fn by_names<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self {
            full_names: names.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// The records with these ids, active or not.
    pub fn by_ids<I: Into<String>>(ids: impl IntoIterator<Item = I>) -> Self {
        Self {
            list_ids: ids.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Only what was changed at or after this local time of the company file's machine (no offset, qbxml.md §8).
    #[must_use]
    pub fn modified_since(mut self, local_time: Option<&str>) -> Self {
        self.from_modified_date = local_time.map(str::to_owned);
        self
    }

    /// Only these top-level elements of each record.
    #[must_use]
    pub fn only(mut self, elements: &[&str]) -> Self {
        self.include_ret_elements = elements.iter().map(ToString::to_string).collect();
        self
    }

    /// The request with this element, `VendorQueryRq` say.
    pub fn request(&self, element: &'static str) -> Request {
        Request::new(element, Access::Read, self)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        path::Path,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::qbxml::{
        ListRef, MessageSetId, Version, account, address::Address, class, company_file, customer, employee,
        item, other_name, terms, vendor, vendor_type, write_message_set,
    };

    fn queries() -> Vec<Request> {
        let queries = [
            ListQuery::all().modified_since(Some("2025-06-01T12:00:00")),
            ListQuery::by_names(["Café \"A\"", "B"]),
            ListQuery::by_ids(["80-1"]),
        ];
        let mut requests = Vec::new();
        for query in queries {
            requests.push(account::query(query.clone()));
            requests.push(vendor_type::query(&query));
            requests.push(class::query(&query));
            requests.push(terms::query(&query));
            requests.push(employee::query(query.clone()));
            requests.push(other_name::query(query.clone()));
            requests.push(vendor::query(query.clone()));
            requests.push(customer::query(query.clone()));
            requests.push(item::query(query));
        }
        requests.push(vendor::query(ListQuery::all()).iterator_start(500));
        requests.push(customer::query(ListQuery::all()).iterator_start(500));
        requests.push(
            item::query(ListQuery::all()).iterator_continue("{10c05cbd-b25b-4a85-8aa0-8bce89e6e900}", 500),
        );
        requests.extend(company_file::queries("{6D4F1C52-8B0E-4D5A-9C37-2F105E8A71D3}"));
        requests
    }

    fn adds() -> Vec<Request> {
        let guid = Some("{1F6E4C52-7C1B-4D6B-9C5E-0A1B2C3D4E01}".to_owned());
        let text = |text: &str| Some(text.to_owned());
        let address = Some(Address {
            city: text("Bend"),
            state: text("OR"),
            postal_code: text("97701"),
            country: text("US"),
            ..Address::with_lines(vec!["1".into(), "2".into(), "3".into(), "4".into(), "5".into()])
        });
        vec![
            vendor::add(vendor::VendorAdd {
                name: "Müller & Söhne".into(),
                company_name: text("Müller & Söhne"),
                address: address.clone(),
                phone: text("1"),
                fax: text("2"),
                email: text("a@b.test"),
                name_on_check: text("Müller"),
                vendor_type: Some(ListRef::by_id("80-1")),
                external_guid: guid.clone(),
            }),
            vendor::add(vendor::VendorAdd {
                name: "Bare".into(),
                ..Default::default()
            }),
            customer::add(customer::CustomerAdd {
                name: "Tower".into(),
                parent: Some(ListRef::by_name("Acme")),
                company_name: text("Acme"),
                bill_address: address.clone(),
                ship_address: address,
                account_number: text("7"),
                job_desc: text("P-1"),
                external_guid: guid.clone(),
            }),
            item::add_service(item::ItemServiceAdd {
                name: "100".into(),
                parent: Some(ListRef::by_id("80-2")),
                sales_and_purchase: item::SalesAndPurchase {
                    sales_desc: text("d"),
                    income_account: Some(ListRef::by_id("80-3")),
                    purchase_desc: text("d"),
                    expense_account: Some(ListRef::by_id("80-4")),
                },
                external_guid: guid,
            }),
        ]
    }

    /// Runs Intuit's schema over a document; `None` where the schema or the checker is not there.
    fn faults(document: &str) -> Option<String> {
        let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tools/validate_qbxml.py");
        let python = std::env::var("PLUMBLINE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let usable = checker.is_file()
            && Command::new(&python)
                .args(["-c", "import lxml"])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|s| s.success());
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
        if output.status.success() {
            return Some(String::new());
        }
        Some(format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    }

    #[test]
    fn every_list_request_is_valid_by_intuits_schema() {
        let id = MessageSetId::from_uuid(uuid::Uuid::from_u128(7));
        let reads = write_message_set(Version::NEWEST, &queries(), None);
        let writes = write_message_set(Version::NEWEST, &adds(), Some((&id, None)));
        for document in [reads, writes] {
            match faults(&document) {
                Some(faults) => assert_eq!(faults, "", "{document}"),
                None => eprintln!(
                    "SKIPPED: Intuit's schema or python3 with lxml is not there (PLUMBLINE_TEST_PYTHON)"
                ),
            }
        }
    }
}
