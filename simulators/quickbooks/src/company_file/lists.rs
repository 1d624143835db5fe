//! List objects: names, parents, full names, and the indexes that find them.

use super::{
    CompanyFile, DataExtension, Deletion,
    fields::Fields,
    id,
    kinds::{ListKind, Space},
};
use crate::qbxml::{check, text::fold};

/// A vendor, customer, item, account …
#[derive(Clone, Debug)]
pub(crate) struct ListObject {
    pub(crate) serial: u64,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) edit_sequence: i64,
    pub(crate) kind: ListKind,
    pub(crate) name: String,
    pub(crate) parent: Option<u64>,
    pub(crate) is_active: bool,
    pub(crate) external_guid: Option<String>,
    pub(crate) fields: Fields,
    pub(crate) extensions: Vec<DataExtension>,
}

impl ListObject {
    pub(crate) fn id(&self) -> String {
        id(self.serial, self.created)
    }
}

impl CompanyFile {
    /// The object of that `ListID`, if it exists with exactly that ID.
    pub(crate) fn list_by_id(&self, text: &str) -> Option<&ListObject> {
        let (serial, created) = check::id(text)?;
        self.lists.get(&serial).filter(|o| o.created == created)
    }

    /// `Customer:Job`
    pub(crate) fn full_name(&self, object: &ListObject) -> String {
        match object.parent.and_then(|p| self.lists.get(&p)) {
            Some(parent) => format!("{}:{}", self.full_name(parent), object.name),
            None => object.name.clone(),
        }
    }

    pub(crate) fn full_name_of(&self, serial: u64) -> String {
        self.lists
            .get(&serial)
            .map(|o| self.full_name(o))
            .unwrap_or_default()
    }

    /// 0 for an object at the top.
    pub(crate) fn sublevel(&self, object: &ListObject) -> usize {
        object
            .parent
            .and_then(|p| self.lists.get(&p))
            .map_or(0, |parent| self.sublevel(parent) + 1)
    }

    /// Whoever has that name beside its siblings. Ignores case.
    pub(crate) fn name_holder(&self, space: Space, parent: Option<u64>, name: &str) -> Option<&ListObject> {
        self.names
            .get(&(space, parent, fold(name)))
            .and_then(|serial| self.lists.get(serial))
    }

    /// The object of that full name. Ignores case.
    pub(crate) fn list_by_full_name(&self, space: Space, full_name: &str) -> Option<&ListObject> {
        let mut found: Option<&ListObject> = None;
        for part in full_name.split(':') {
            found = Some(self.name_holder(space, found.map(|o| o.serial), part)?);
        }
        found
    }

    /// Stores a new or changed object.
    pub(crate) fn put_list(&mut self, object: ListObject) {
        if let Some(old) = self.lists.get(&object.serial) {
            let key = (old.kind.space(), old.parent, fold(&old.name));
            self.names.remove(&key);
        }
        self.remember_guid(object.external_guid.as_deref(), object.serial, true);
        self.names.insert(
            (object.kind.space(), object.parent, fold(&object.name)),
            object.serial,
        );
        self.lists_by_kind
            .entry(object.kind)
            .or_default()
            .insert(object.serial);
        self.lists.insert(object.serial, object);
    }

    /// Deletes an object and remembers that it was.
    pub(crate) fn delete_list(&mut self, serial: u64, now: i64) -> Option<Deletion> {
        let full_name = self.full_name_of(serial);
        let object = self.lists.remove(&serial)?;
        self.names
            .remove(&(object.kind.space(), object.parent, fold(&object.name)));
        self.remember_guid(object.external_guid.as_deref(), serial, false);
        if let Some(all) = self.lists_by_kind.get_mut(&object.kind) {
            all.remove(&serial);
        }
        let deletion = Deletion {
            kind: object.kind.name(),
            transaction: false,
            id: object.id(),
            created: object.created,
            deleted: now,
            label: Some(full_name),
        };
        self.deletions.push(deletion.clone());
        Some(deletion)
    }

    /// Whether anything refers to the object.
    pub(crate) fn list_in_use(&self, serial: u64) -> bool {
        let refers = |fields: &Fields| fields.references().iter().any(|(_, r)| *r == serial);
        self.lists
            .values()
            .any(|o| o.parent == Some(serial) || refers(&o.fields))
            || self.transactions.values().any(|t| {
                refers(&t.fields)
                    || t.lines.iter().any(|l| refers(&l.fields))
                    || t.applied.iter().any(|a| a.discount_account == Some(serial))
            })
    }

    /// Objects of one kind, in order of creation.
    pub(crate) fn lists_of(&self, kind: ListKind) -> impl Iterator<Item = &ListObject> {
        self.lists_by_kind
            .get(&kind)
            .into_iter()
            .flatten()
            .filter_map(|serial| self.lists.get(serial))
    }
}
