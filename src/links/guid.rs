//! Our own ids for QuickBooks records: the same Procore record always gets the same one, so that an Add whose fate is
//! unknown can be looked for.

use uuid::Uuid;

use super::ProcoreItem;
use crate::connections::{OWNER_ID, braced};

/// The `ExternalGUID` of the QuickBooks record for a Procore record, in braces. `company_id` is the Procore company's.
pub fn external_guid(company_id: i64, item: ProcoreItem) -> String {
    braced(Uuid::new_v5(&OWNER_ID, format!("{company_id}/{item}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::ItemType;

    #[test]
    fn the_same_record_has_the_same_id_and_no_other() {
        let vendor = ProcoreItem::new(ItemType::Vendor, 35);
        assert_eq!(external_guid(7, vendor), external_guid(7, vendor));
        assert_ne!(external_guid(7, vendor), external_guid(8, vendor));
        assert_ne!(
            external_guid(7, vendor),
            external_guid(7, ProcoreItem::new(ItemType::Project, 35))
        );
        assert!(external_guid(7, vendor).starts_with('{'));
    }
}
