//! The order to export a company.

use super::{Order, edit_sequence, owned, text_of};
use crate::procore::reader::ReadError;

/// A company to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorOrder {
    /// Procore's id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Street lines.
    pub address: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State.
    pub state_code: Option<String>,
    /// Postal code.
    pub zip: Option<String>,
    /// Country, two letters.
    pub country_code: Option<String>,
    /// Phone.
    pub business_phone: Option<String>,
    /// Fax.
    pub fax_number: Option<String>,
    /// E-mail.
    pub email_address: Option<String>,
    /// Whether it is active.
    pub is_active: bool,
    /// Its third-party id, if it has been exported.
    pub origin_id: Option<String>,
    /// The external id users see.
    pub origin_code: Option<String>,
    /// The `edit_sequence` of its `origin_data`.
    pub edit_sequence: Option<String>,
    /// `ListID` of the vendor type that was chosen.
    pub vendor_type_origin_id: Option<String>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

pub(super) fn read(order: &Order<'_>) -> Result<VendorOrder, ReadError> {
    let vendor = order.data.field("vendor").object()?;
    let name = match text_of(&vendor, "name")? {
        Some(name) => name,
        None => text_of(&vendor, "company")?.ok_or_else(|| vendor.field("name").error("is missing"))?,
    };
    Ok(VendorOrder {
        id: vendor.field("id").id()?,
        name,
        address: text_of(&vendor, "address")?,
        city: text_of(&vendor, "city")?,
        state_code: text_of(&vendor, "state_code")?,
        zip: text_of(&vendor, "zip")?,
        country_code: text_of(&vendor, "country_code")?,
        business_phone: text_of(&vendor, "business_phone")?,
        fax_number: text_of(&vendor, "fax_number")?,
        email_address: text_of(&vendor, "email_address")?,
        is_active: vendor.field("is_active").optional_flag()?.unwrap_or(true),
        origin_id: owned(text_of(&vendor, "origin_id")?),
        origin_code: owned(text_of(&vendor, "origin_code")?),
        edit_sequence: edit_sequence(&vendor.field("origin_data")),
        vendor_type_origin_id: owned(text_of(
            &vendor.field("erp_custom_fields"),
            "vendor_type_origin_id",
        )?),
        request_detail_id: order.detail(&vendor)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::procore::events::ErpEvent;

    #[test]
    fn a_company_is_read_and_empty_texts_are_none() {
        let payload = json!({"request_data": {
            "vendor": {"id": 35, "name": " Acme ", "address": "", "fax_number": 555, "is_active": true, "origin_id": "null",
                "erp_custom_fields": {"vendor_type_origin_id": "T-1"}},
            "request_detail_id": 1, "company_id": 7
        }});
        let ErpEvent::CreateVendor(vendor) = ErpEvent::parse("create_vendor", &payload).unwrap() else {
            panic!("not read as a vendor");
        };
        assert_eq!(vendor.name, " Acme ", "cleaning a name is the export's business");
        assert_eq!(
            (vendor.address.as_deref(), vendor.fax_number.as_deref()),
            (None, Some("555"))
        );
        assert_eq!(vendor.origin_id, None);
        assert_eq!(vendor.vendor_type_origin_id.as_deref(), Some("T-1"));
    }
}
