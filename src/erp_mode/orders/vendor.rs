//! A company to export.

use super::{Known, Plan, PlannedTask, detail_of, guid::external_guid, priorities, subject};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::VendorOrder,
    tasks::exports::vendor::VendorExport,
};

pub(super) fn plan(order: VendorOrder, known: &Known<'_>, plan: &mut Plan) {
    let item = ProcoreItem::new(ItemType::Vendor, order.id);
    plan.tasks.push(PlannedTask {
        subject: subject("vendor", order.id),
        label: format!("Vendor '{}'", order.name.trim()),
        detail: Some(detail_of(order.request_detail_id, item)),
        needs: Vec::new(),
        priority: priorities::VENDOR,
        task: VendorExport {
            procore_id: order.id,
            name: order.name,
            address: order.address,
            city: order.city,
            state: order.state_code,
            zip: order.zip,
            country: order.country_code,
            phone: order.business_phone,
            fax: order.fax_number,
            email: order.email_address,
            vendor_type_list_id: order.vendor_type_origin_id,
            external_guid: external_guid(known.company_id, item),
            ..VendorExport::default()
        }
        .into(),
    });
}
