//! The company file: lists, transactions, links, deletions and the message sets kept in it.

pub(crate) mod derived;
pub(crate) mod dump;
pub(crate) mod fields;
pub(crate) mod invariants;
pub(crate) mod kinds;
pub(crate) mod lists;
pub(crate) mod ret;
pub(crate) mod seed;
pub(crate) mod transactions;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kinds::{ListKind, Space, TxnKind};
use lists::ListObject;
use transactions::Transaction;

use crate::{CompanyOptions, message_sets::MessageSets};

/// `5C1A-1770000001`
pub(crate) fn id(serial: u64, created: i64) -> String {
    format!("{serial:X}-{created}")
}

/// A custom or private field of the company or of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataExtension {
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// What was deleted.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    /// `Bill`, `Vendor`: the value of `TxnDelType` or `ListDelType`.
    pub(crate) kind: &'static str,
    pub(crate) transaction: bool,
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) deleted: i64,
    /// `RefNumber` or `FullName`.
    pub(crate) label: Option<String>,
}

/// The whole file. Cloning it is taking a backup.
#[derive(Clone, Debug)]
pub(crate) struct CompanyFile {
    pub(crate) company: CompanyOptions,
    pub(crate) extensions: Vec<DataExtension>,
    pub(crate) lists: HashMap<u64, ListObject>,
    pub(crate) lists_by_kind: HashMap<ListKind, BTreeSet<u64>>,
    names: HashMap<(Space, Option<u64>, String), u64>,
    pub(crate) transactions: HashMap<u64, Transaction>,
    pub(crate) transactions_by_kind: HashMap<TxnKind, BTreeSet<u64>>,
    pub(crate) transactions_by_entity: HashMap<u64, BTreeSet<u64>>,
    pub(crate) transactions_by_reference: HashMap<String, BTreeSet<u64>>,
    /// Bill or credit → the payments that apply to it.
    pub(crate) applications: HashMap<u64, BTreeSet<u64>>,
    /// Purchase order → the bills linked to it.
    pub(crate) billings: HashMap<u64, BTreeSet<u64>>,
    external_guids: HashMap<String, BTreeSet<u64>>,
    pub(crate) deletions: Vec<Deletion>,
    pub(crate) message_sets: MessageSets,
    pub(crate) locks: BTreeMap<String, u32>,
    list_serial: u64,
    transaction_serial: u64,
    pub(crate) transaction_number: u32,
}

impl CompanyFile {
    pub(crate) fn empty(company: CompanyOptions) -> Self {
        Self {
            company,
            extensions: Vec::new(),
            lists: HashMap::new(),
            lists_by_kind: HashMap::new(),
            names: HashMap::new(),
            transactions: HashMap::new(),
            transactions_by_kind: HashMap::new(),
            transactions_by_entity: HashMap::new(),
            transactions_by_reference: HashMap::new(),
            applications: HashMap::new(),
            billings: HashMap::new(),
            external_guids: HashMap::new(),
            deletions: Vec::new(),
            message_sets: MessageSets::default(),
            locks: BTreeMap::new(),
            list_serial: 0x8000_0000,
            transaction_serial: 0x1000,
            transaction_number: 0,
        }
    }

    pub(crate) fn next_list_serial(&mut self) -> u64 {
        self.list_serial += 1;
        self.list_serial
    }

    pub(crate) fn next_transaction_serial(&mut self) -> u64 {
        self.transaction_serial += 1;
        self.transaction_serial
    }

    /// The value of a company data extension.
    pub(crate) fn extension(&self, owner: &str, name: &str) -> Option<&str> {
        self.extensions
            .iter()
            .find(|e| e.owner.eq_ignore_ascii_case(owner) && e.name == name)
            .map(|e| e.value.as_str())
    }

    pub(crate) fn set_extension(&mut self, owner: &str, name: &str, value: Option<&str>) {
        self.extensions
            .retain(|e| !(e.owner.eq_ignore_ascii_case(owner) && e.name == name));
        if let Some(value) = value {
            self.extensions.push(DataExtension {
                owner: owner.to_owned(),
                name: name.to_owned(),
                value: value.to_owned(),
            });
            self.extensions
                .sort_by(|a, b| (&a.owner, &a.name).cmp(&(&b.owner, &b.name)));
        }
    }

    pub(crate) fn external_guid_taken(&self, guid: &str) -> bool {
        self.external_guids
            .get(&guid.to_lowercase())
            .is_some_and(|s| !s.is_empty())
    }

    fn remember_guid(&mut self, guid: Option<&str>, serial: u64, there: bool) {
        if let Some(guid) = guid.filter(|g| *g != "0") {
            let known = self.external_guids.entry(guid.to_lowercase()).or_default();
            if there {
                known.insert(serial);
            } else {
                known.remove(&serial);
            }
        }
    }

    /// Takes one request off a lock; true while the object is locked.
    pub(crate) fn locked(&mut self, id: &str) -> bool {
        match self.locks.get_mut(id) {
            Some(0) => {
                self.locks.remove(id);
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
            None => false,
        }
    }
}
