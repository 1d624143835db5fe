//! The mirror: what we last read of the company file's lists (vendors, items, jobs, accounts, terms …).

use serde::{Deserialize, Serialize};

pub mod store;

/// The lists that are mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    /// The chart of accounts.
    Account,
    /// Vendors.
    Vendor,
    /// Customers and jobs.
    Customer,
    /// Employees.
    Employee,
    /// Other names.
    OtherName,
    /// Items of every kind; the kind stands in [`MirrorRecord::detail`].
    Item,
    /// Vendor types.
    VendorType,
    /// Payment terms.
    Terms,
    /// Classes, where they stand for cost types.
    Class,
}

impl ListKind {
    /// Those that must be known before anything is written, in the order they are read: what others refer to comes first.
    pub const ALL: [Self; 8] = [
        Self::Account,
        Self::VendorType,
        Self::Terms,
        Self::Item,
        Self::Vendor,
        Self::Customer,
        Self::Employee,
        Self::OtherName,
    ];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Vendor => "vendor",
            Self::Customer => "customer",
            Self::Employee => "employee",
            Self::OtherName => "other_name",
            Self::Item => "item",
            Self::VendorType => "vendor_type",
            Self::Terms => "terms",
            Self::Class => "class",
        }
    }

    /// Reads the name in the database.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .chain([Self::Class])
            .find(|kind| kind.as_str() == text)
    }

    /// What a person calls one record of it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Vendor => "vendor",
            Self::Customer => "customer or job",
            Self::Employee => "employee",
            Self::OtherName => "other name",
            Self::Item => "item",
            Self::VendorType => "vendor type",
            Self::Terms => "terms",
            Self::Class => "class",
        }
    }
}

/// A list that has been read to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRead {
    /// Which.
    pub kind: ListKind,
    /// The latest change seen so far: local time of QuickBooks' machine, without offset.
    pub watermark: Option<String>,
    /// All of it, and not what had changed alone: what did not come is gone.
    pub whole: bool,
}

/// One record of a list, as last read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MirrorRecord {
    /// Which list.
    pub kind: ListKind,
    /// QuickBooks' id in that list.
    pub list_id: String,
    /// The last part of the name.
    pub name: String,
    /// The path with `:`.
    pub full_name: String,
    /// The parent's `ListID`, for jobs and sub-items.
    pub parent_list_id: Option<String>,
    /// Inactive records keep their name and cannot be referenced.
    pub is_active: bool,
    /// The `EditSequence` when read.
    pub edit_sequence: Option<String>,
    /// The finer kind, where the list mixes several: `Service`, `OtherCharge` … for items, the account type for accounts.
    pub detail: Option<String>,
    /// Our own GUID, where we made the record.
    pub external_guid: Option<String>,
    /// What else we keep of it (address, phone, descriptions); shape by kind.
    pub data: serde_json::Value,
}

impl MirrorRecord {
    /// The key names are compared by.
    pub fn full_name_key(&self) -> String {
        name_key(&self.full_name)
    }
}

/// Somebody who holds a name in the name space that vendors, customers, employees and other names share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameHolder {
    /// The list it is in.
    pub kind: ListKind,
    /// Its id.
    pub list_id: String,
    /// Its name, as written there.
    pub full_name: String,
    /// The key names are compared by.
    pub name_key: String,
    /// Inactive holders hold their name too.
    pub is_active: bool,
    /// Our own GUID, where we made the record.
    pub external_guid: Option<String>,
}

/// The key by which QuickBooks compares names: without case, without outer spaces (qbxml.md §7).
pub fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}
