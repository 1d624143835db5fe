//! Facts and a small QuickBooks list for the tests of machines.

use uuid::Uuid;

use crate::{
    connections::{company_file::CompanyFile, settings::Settings},
    job_costs::KnownJobCosts,
    links::{ItemType, KnownLink, Link, ProcoreItem, Twin},
    mirror::{ListKind, MirrorRecord, NameHolder, name_key},
    payments::KnownPayment,
    qbxml::Response,
    tasks::Facts,
};

/// All that facts borrow from.
#[derive(Debug, Default)]
pub(in crate::tasks) struct World {
    pub(in crate::tasks) settings: Settings,
    pub(in crate::tasks) company: CompanyFile,
    pub(in crate::tasks) session: Uuid,
    pub(in crate::tasks) names: Vec<NameHolder>,
    pub(in crate::tasks) items: Vec<MirrorRecord>,
    pub(in crate::tasks) classes: Vec<MirrorRecord>,
    pub(in crate::tasks) links: Vec<Link>,
    pub(in crate::tasks) payments: Vec<KnownPayment>,
    pub(in crate::tasks) page: Vec<KnownLink>,
    pub(in crate::tasks) twins: Vec<Twin>,
    pub(in crate::tasks) job_costs: KnownJobCosts,
    pub(in crate::tasks) budget_codes_until: Option<String>,
}

impl World {
    pub(in crate::tasks) fn facts(&self) -> Facts<'_> {
        Facts {
            settings: &self.settings,
            company: &self.company,
            session: self.session,
            names: &self.names,
            items: &self.items,
            classes: &self.classes,
            links: &self.links,
            payments: &self.payments,
            page: &self.page,
            twins: &self.twins,
            job_costs: &self.job_costs,
            budget_codes_until: self.budget_codes_until.as_deref(),
        }
    }

    pub(in crate::tasks) fn holding(mut self, kind: ListKind, name: &str, guid: Option<&str>) -> Self {
        self.names.push(NameHolder {
            kind,
            list_id: format!("{name}-id"),
            full_name: name.to_owned(),
            name_key: name_key(name),
            is_active: true,
            external_guid: guid.map(str::to_owned),
        });
        self
    }

    pub(in crate::tasks) fn linking(mut self, item_type: ItemType, id: i64, quickbooks_id: &str) -> Self {
        self.links.push(Link {
            item: ProcoreItem::new(item_type, id),
            origin_id: quickbooks_id.to_owned(),
            origin_code: None,
            quickbooks_id: quickbooks_id.to_owned(),
            edit_sequence: Some("7".to_owned()),
            stands_as: None,
        });
        self
    }

    pub(in crate::tasks) fn with_item(mut self, list_id: &str, full_name: &str, kind: &str) -> Self {
        self.items.push(MirrorRecord {
            kind: ListKind::Item,
            list_id: list_id.to_owned(),
            name: full_name.rsplit(':').next().unwrap_or_default().to_owned(),
            full_name: full_name.to_owned(),
            parent_list_id: None,
            is_active: true,
            edit_sequence: None,
            detail: Some(kind.to_owned()),
            external_guid: None,
            data: serde_json::Value::Null,
        });
        self
    }
}

/// Vendor records `from..to`; every one named in `broken` cannot be read.
pub(in crate::tasks) fn vendor_rets(range: std::ops::Range<u32>, broken: &[u32]) -> String {
    range
        .map(|number| {
            let active = if broken.contains(&number) { "maybe" } else { "true" };
            format!(
                "<VendorRet><ListID>V{number}</ListID><TimeModified>2025-01-01T00:00:{:02}-05:00</TimeModified>\
                 <EditSequence>{number}</EditSequence><Name>Vendor {number}</Name><IsActive>{active}</IsActive>\
                 <VendorAddress><Addr1>Vendor {number}</Addr1><Addr2>{number} Main St</Addr2><City>Bend</City>\
                 </VendorAddress><Phone>555-{number}</Phone></VendorRet>",
                number % 60
            )
        })
        .collect::<Vec<_>>()
        .concat()
}

/// An answer to a query.
pub(in crate::tasks) fn query_answer(content: &str) -> [Response; 1] {
    [Response::ok("QueryRs", content)]
}
