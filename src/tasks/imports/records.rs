//! Records of lists as the mirror keeps them: one reading for every list, and the shape of what is kept besides.
//!
//! What may not live here: paging, and what an import makes of the records.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    mirror::{ListKind, MirrorRecord},
    qbxml::{
        ListRef, UnreadableRecord,
        account::AccountRet,
        address::Address,
        class::ClassRet,
        customer::CustomerRet,
        employee::EmployeeRet,
        item::{self, ItemRet},
        other_name::OtherNameRet,
        response::Piece,
        terms::{self, TermsRet},
        vendor::VendorRet,
        vendor_type::VendorTypeRet,
    },
    writebacks::{JobData, SubJobData, VendorData},
};

/// What is kept of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AddressDetails {
    /// Street lines, joined by line ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<String>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// What is kept of a vendor besides its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VendorDetails {
    /// Where it is.
    #[serde(flatten)]
    pub address: AddressDetails,
    /// Phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Fax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fax: Option<String>,
    /// E-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The vendor type's `ListID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_type_list_id: Option<String>,
}

/// What is kept of a customer or job besides its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomerDetails {
    /// How deep it is: 0 for a customer.
    pub sublevel: u8,
    /// Where bills go.
    #[serde(flatten)]
    pub address: AddressDetails,
    /// What the job is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Account number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_number: Option<String>,
}

/// What is kept of an item besides its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemDetails {
    /// The text on purchases, or its only text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purchase_desc: Option<String>,
    /// When it was made, as local time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
}

/// What is kept of an account besides its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountDetails {
    /// Its number, where numbers are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// A record as read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadRecord {
    /// What the mirror keeps.
    pub record: MirrorRecord,
    /// `TimeModified` as local time, without the offset that QuickBooks gets wrong in summer (qbxml.md §8).
    pub modified: Option<String>,
}

/// Reads one record of a list. `None`: the element is not a record of this list.
pub fn read(kind: ListKind, piece: &Piece<'_>) -> Option<Result<ReadRecord, UnreadableRecord>> {
    let is = |name: &str| piece.name == name;
    Some(match kind {
        ListKind::Account if is("AccountRet") => piece.read().map(account),
        ListKind::Vendor if is("VendorRet") => piece.read().map(vendor),
        ListKind::Customer if is("CustomerRet") => piece.read().map(customer),
        ListKind::Employee if is("EmployeeRet") => piece.read().map(employee),
        ListKind::OtherName if is("OtherNameRet") => piece.read().map(other_name),
        ListKind::VendorType if is("VendorTypeRet") => piece.read().map(vendor_type),
        ListKind::Class if is("ClassRet") => piece.read().map(class),
        ListKind::Terms if terms::RETS.contains(&piece.name) => piece.read().map(terms_record),
        ListKind::Item => {
            let kind = item::kind(piece.name)?;
            piece.read().map(|ret| item_record(ret, kind))
        }
        _ => return None,
    })
}

/// What can be kept of a record that could not be read: its name, so that the name counts as taken.
pub fn name_only(kind: ListKind, piece: &Piece<'_>) -> Option<MirrorRecord> {
    let list_id = piece.text("ListID").filter(|id| !id.is_empty())?;
    let name = piece.text("Name").filter(|name| !name.is_empty())?;
    let full_name = piece
        .text("FullName")
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| name.clone());
    Some(MirrorRecord {
        kind,
        list_id,
        name,
        full_name,
        parent_list_id: None,
        is_active: piece.text("IsActive").is_none_or(|text| text != "false"),
        edit_sequence: piece.text("EditSequence"),
        detail: (kind == ListKind::Item)
            .then(|| item::kind(piece.name).map(str::to_owned))
            .flatten(),
        external_guid: piece.text("ExternalGUID"),
        data: Value::Null,
    })
}

/// What was kept of a record besides its name; nothing, where it could not be read.
pub fn details<T: DeserializeOwned + Default>(record: &MirrorRecord) -> T {
    serde_json::from_value(record.data.clone()).unwrap_or_default()
}

/// What to keep, as the mirror stores it.
pub fn kept<T: Serialize>(details: &T) -> Value {
    // Plain structs of texts and numbers always have a JSON form.
    serde_json::to_value(details).unwrap_or_default()
}

/// A mirrored vendor as Procore's directory holds it.
pub fn vendor_data(record: &MirrorRecord, procore_id: Option<i64>) -> VendorData {
    let details: VendorDetails = details(record);
    VendorData {
        procore_id,
        origin_id: record.list_id.clone(),
        edit_sequence: record.edit_sequence.clone(),
        name: record.name.clone(),
        address: details.address.address,
        city: details.address.city,
        state_code: details.address.state,
        zip: details.address.zip,
        country_code: details.address.country,
        business_phone: details.phone,
        fax_number: details.fax,
        email_address: details.email,
        is_active: record.is_active,
        vendor_type_origin_id: details.vendor_type_list_id,
    }
}

/// A mirrored job as Procore's project list holds it.
pub fn job_data(record: &MirrorRecord) -> JobData {
    let details: CustomerDetails = details(record);
    JobData {
        origin_id: record.list_id.clone(),
        edit_sequence: record.edit_sequence.clone(),
        name: record.name.clone(),
        full_name: record.full_name.clone(),
        customer_origin_id: record.parent_list_id.clone(),
        address: details.address.address,
        city: details.address.city,
        state_code: details.address.state,
        zip: details.address.zip,
        description: details.description,
        is_active: record.is_active,
    }
}

/// A customer or job as a sub job of the project that `parent` is linked to. Its code stands where the export puts it, if that
/// is the job's description; a job without one is known by its name.
pub fn sub_job_data(record: &MirrorRecord, parent: &str, code_in_desc: bool) -> SubJobData {
    let details: CustomerDetails = details(record);
    let described = details.description.filter(|_| code_in_desc);
    SubJobData {
        origin_id: record.list_id.clone(),
        edit_sequence: record.edit_sequence.clone(),
        name: record.name.clone(),
        full_name: record.full_name.clone(),
        code: some(described).unwrap_or_else(|| record.name.clone()),
        project_origin_id: parent.to_owned(),
    }
}

fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn local_time(time: Option<String>) -> Option<String> {
    // "2023-12-15T23:46:40-05:00": the first 19 characters are the local time.
    time.and_then(|time| time.get(..19).map(str::to_owned).or(Some(time)))
        .filter(|time| !time.is_empty())
}

/// An address without the lines that only repeat the name: they are for printing, and we put them there ourselves.
fn address(address: Option<Address>, names: &[Option<&str>]) -> AddressDetails {
    let Some(address) = address else {
        return AddressDetails::default();
    };
    let repeats = |line: &str| {
        names
            .iter()
            .flatten()
            .any(|name| crate::mirror::name_key(name) == crate::mirror::name_key(line))
    };
    let mut lines: Vec<&str> = address.lines().collect();
    if lines.first().is_some_and(|line| repeats(line)) {
        lines.remove(0);
    }
    AddressDetails {
        address: some(Some(lines.join("\n"))),
        city: some(address.city),
        state: some(address.state),
        zip: some(address.postal_code),
        country: some(address.country),
    }
}

fn parent_id(parent: Option<ListRef>) -> Option<String> {
    parent.and_then(|parent| parent.list_id)
}

fn account(ret: AccountRet) -> ReadRecord {
    ReadRecord {
        modified: local_time(ret.time_modified),
        record: MirrorRecord {
            kind: ListKind::Account,
            list_id: ret.list_id,
            name: ret.name,
            full_name: ret.full_name,
            parent_list_id: parent_id(ret.parent),
            is_active: ret.is_active.unwrap_or(true),
            edit_sequence: ret.edit_sequence,
            detail: ret.account_type,
            external_guid: None,
            data: kept(&AccountDetails {
                number: some(ret.account_number),
            }),
        },
    }
}

fn vendor(ret: VendorRet) -> ReadRecord {
    let details = VendorDetails {
        address: address(ret.address, &[Some(&ret.name), ret.company_name.as_deref()]),
        phone: some(ret.phone),
        fax: some(ret.fax),
        email: some(ret.email),
        vendor_type_list_id: ret.vendor_type.and_then(|reference| reference.list_id),
    };
    ReadRecord {
        modified: local_time(ret.time_modified),
        record: MirrorRecord {
            kind: ListKind::Vendor,
            list_id: ret.list_id,
            full_name: ret.name.clone(),
            name: ret.name,
            parent_list_id: None,
            is_active: ret.is_active.unwrap_or(true),
            edit_sequence: ret.edit_sequence,
            detail: None,
            external_guid: ret.external_guid,
            data: kept(&details),
        },
    }
}

fn customer(ret: CustomerRet) -> ReadRecord {
    // An answer without Sublevel still tells the depth by the path.
    let by_path = u8::try_from(ret.full_name.matches(':').count()).unwrap_or(u8::MAX);
    let details = CustomerDetails {
        sublevel: ret.sublevel.unwrap_or(by_path),
        address: address(ret.bill_address, &[Some(&ret.name)]),
        description: some(ret.job_desc),
        account_number: some(ret.account_number),
    };
    ReadRecord {
        modified: local_time(ret.time_modified),
        record: MirrorRecord {
            kind: ListKind::Customer,
            list_id: ret.list_id,
            name: ret.name,
            full_name: ret.full_name,
            parent_list_id: parent_id(ret.parent),
            is_active: ret.is_active.unwrap_or(true),
            edit_sequence: ret.edit_sequence,
            detail: None,
            external_guid: ret.external_guid,
            data: kept(&details),
        },
    }
}

fn item_record(ret: ItemRet, kind: &str) -> ReadRecord {
    let details = ItemDetails {
        purchase_desc: ret.purchase_desc().map(str::to_owned),
        created: local_time(ret.time_created),
    };
    ReadRecord {
        modified: local_time(ret.time_modified),
        record: MirrorRecord {
            kind: ListKind::Item,
            list_id: ret.list_id,
            full_name: some(ret.full_name).unwrap_or_else(|| ret.name.clone()),
            name: ret.name,
            parent_list_id: parent_id(ret.parent),
            is_active: ret.is_active.unwrap_or(true),
            edit_sequence: ret.edit_sequence,
            detail: Some(kind.to_owned()),
            external_guid: ret.external_guid,
            data: kept(&details),
        },
    }
}

/// A record of which only the name matters.
struct Plain {
    list_id: String,
    name: String,
    full_name: Option<String>,
    parent: Option<ListRef>,
    is_active: Option<bool>,
    edit_sequence: Option<String>,
    external_guid: Option<String>,
    time_modified: Option<String>,
}

fn plain(kind: ListKind, plain: Plain) -> ReadRecord {
    ReadRecord {
        modified: local_time(plain.time_modified),
        record: MirrorRecord {
            kind,
            list_id: plain.list_id,
            full_name: some(plain.full_name).unwrap_or_else(|| plain.name.clone()),
            name: plain.name,
            parent_list_id: parent_id(plain.parent),
            is_active: plain.is_active.unwrap_or(true),
            edit_sequence: plain.edit_sequence,
            detail: None,
            external_guid: plain.external_guid,
            data: Value::Null,
        },
    }
}

fn employee(ret: EmployeeRet) -> ReadRecord {
    plain(
        ListKind::Employee,
        Plain {
            list_id: ret.list_id,
            name: ret.name,
            full_name: None,
            parent: None,
            is_active: ret.is_active,
            edit_sequence: ret.edit_sequence,
            external_guid: ret.external_guid,
            time_modified: ret.time_modified,
        },
    )
}

fn other_name(ret: OtherNameRet) -> ReadRecord {
    plain(
        ListKind::OtherName,
        Plain {
            list_id: ret.list_id,
            name: ret.name,
            full_name: None,
            parent: None,
            is_active: ret.is_active,
            edit_sequence: ret.edit_sequence,
            external_guid: ret.external_guid,
            time_modified: ret.time_modified,
        },
    )
}

fn vendor_type(ret: VendorTypeRet) -> ReadRecord {
    plain(
        ListKind::VendorType,
        Plain {
            list_id: ret.list_id,
            name: ret.name,
            full_name: ret.full_name,
            parent: ret.parent,
            is_active: ret.is_active,
            edit_sequence: ret.edit_sequence,
            external_guid: None,
            time_modified: ret.time_modified,
        },
    )
}

fn class(ret: ClassRet) -> ReadRecord {
    plain(
        ListKind::Class,
        Plain {
            list_id: ret.list_id,
            name: ret.name,
            full_name: ret.full_name,
            parent: ret.parent,
            is_active: ret.is_active,
            edit_sequence: ret.edit_sequence,
            external_guid: None,
            time_modified: ret.time_modified,
        },
    )
}

fn terms_record(ret: TermsRet) -> ReadRecord {
    plain(
        ListKind::Terms,
        Plain {
            list_id: ret.list_id,
            name: ret.name,
            full_name: None,
            parent: None,
            is_active: ret.is_active,
            edit_sequence: ret.edit_sequence,
            external_guid: None,
            time_modified: ret.time_modified,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::read_message_set;

    #[test]
    fn what_quickbooks_really_sent_is_read() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/qbxml-samples");
        if !folder.is_dir() {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return;
        }
        for (file, kind, count) in [
            ("real/customer-query-rock-castle.xml", ListKind::Customer, 146),
            ("real/account-query-rock-castle.xml", ListKind::Account, 116),
            ("real/vendor-ret-consolibyte.xml", ListKind::Vendor, 1),
            ("real/item-query-rs.xml", ListKind::Item, 4),
            ("synthetic/item-query-cost-codes.xml", ListKind::Item, 3),
            ("synthetic/terms-query.xml", ListKind::Terms, 2),
        ] {
            let answer = read_message_set(std::fs::read_to_string(folder.join(file)).unwrap()).unwrap();
            let records: Vec<ReadRecord> = answer
                .responses
                .iter()
                .flat_map(crate::qbxml::Response::pieces)
                .filter_map(|piece| read(kind, &piece))
                .map(|record| record.unwrap_or_else(|error| panic!("{file}: {error}")))
                .collect();
            assert_eq!(records.len(), count, "{file}");
            for record in records {
                assert!(
                    record.record.full_name.ends_with(&record.record.name),
                    "{file}: {record:?}"
                );
                assert!(record.modified.is_some_and(|time| time.len() == 19), "{file}");
            }
        }
    }

    #[test]
    fn an_address_that_begins_with_the_name_comes_back_without_it() {
        let printed = Address::with_lines(vec!["ACME".into(), "1 High St".into(), "Suite 2".into()]);
        assert_eq!(
            address(Some(printed), &[Some("Acme")]).address.as_deref(),
            Some("1 High St\nSuite 2")
        );
        let plain = Address::with_lines(vec!["1 High St".into()]);
        assert_eq!(
            address(Some(plain), &[Some("Acme"), None]).address.as_deref(),
            Some("1 High St")
        );
        assert_eq!(address(None, &[]), AddressDetails::default());
    }
}
