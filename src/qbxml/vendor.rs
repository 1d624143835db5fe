//! Vendors: what Procore calls companies.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, ListRef, Request, address::Address, list_query::ListQuery};

/// The longest name.
pub const NAME_MAX: usize = 41;
/// The longest phone or fax number.
pub const PHONE_MAX: usize = 21;
/// The longest e-mail address.
pub const EMAIL_MAX: usize = 1023;

/// A new vendor, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct VendorAdd {
    /// Unique among vendors, customers, employees and other names.
    #[yaserde(rename = "Name")]
    pub name: String,
    /// The company's name, as printed.
    #[yaserde(rename = "CompanyName")]
    pub company_name: Option<String>,
    /// Where it is.
    #[yaserde(rename = "VendorAddress")]
    pub address: Option<Address>,
    /// Phone.
    #[yaserde(rename = "Phone")]
    pub phone: Option<String>,
    /// Fax.
    #[yaserde(rename = "Fax")]
    pub fax: Option<String>,
    /// E-mail.
    #[yaserde(rename = "Email")]
    pub email: Option<String>,
    /// Whom checks are made out to.
    #[yaserde(rename = "NameOnCheck")]
    pub name_on_check: Option<String>,
    /// Its type.
    #[yaserde(rename = "VendorTypeRef")]
    pub vendor_type: Option<ListRef>,
    /// Our own id for it, in braces.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
}

#[derive(YaSerialize)]
struct VendorAddRq {
    #[yaserde(rename = "VendorAdd")]
    add: VendorAdd,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// A vendor. Its tax number is never asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct VendorRet {
    /// Its id.
    #[yaserde(rename = "ListID")]
    pub list_id: String,
    /// When it was last changed, in the machine's local time.
    #[yaserde(rename = "TimeModified")]
    pub time_modified: Option<String>,
    /// Changes with every change.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// Its name.
    #[yaserde(rename = "Name")]
    pub name: String,
    /// Whether it can be used.
    #[yaserde(rename = "IsActive")]
    pub is_active: Option<bool>,
    /// The company's name.
    #[yaserde(rename = "CompanyName")]
    pub company_name: Option<String>,
    /// Where it is.
    #[yaserde(rename = "VendorAddress")]
    pub address: Option<Address>,
    /// Phone.
    #[yaserde(rename = "Phone")]
    pub phone: Option<String>,
    /// Fax.
    #[yaserde(rename = "Fax")]
    pub fax: Option<String>,
    /// E-mail.
    #[yaserde(rename = "Email")]
    pub email: Option<String>,
    /// Its type.
    #[yaserde(rename = "VendorTypeRef")]
    pub vendor_type: Option<ListRef>,
    /// Our own id for it, where we made it.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
}

/// Adds it; the answer is kept small.
pub fn add(vendor: VendorAdd) -> Request {
    let include = super::WRITTEN.map(str::to_owned).to_vec();
    Request::new(
        "VendorAddRq",
        Access::Write,
        &VendorAddRq { add: vendor, include },
    )
}

/// Asks for vendors.
pub fn query(query: ListQuery) -> Request {
    query
        .only(&[
            "ListID",
            "TimeModified",
            "EditSequence",
            "Name",
            "IsActive",
            "CompanyName",
            "VendorAddress",
            "Phone",
            "Fax",
            "Email",
            "VendorTypeRef",
            "ExternalGUID",
        ])
        .request("VendorQueryRq")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_is_written_in_schema_order_with_nothing_empty() {
        let request = add(VendorAdd {
            name: "A & B <Co>".into(),
            address: Address {
                city: Some("Bend".into()),
                ..Address::with_lines(vec!["1 Way".into()])
            }
            .non_empty(),
            vendor_type: Some(ListRef::by_id("80-1")),
            ..VendorAdd::default()
        });
        assert_eq!(
            request.body,
            "<VendorAdd><Name>A &amp; B &lt;Co&gt;</Name><VendorAddress><Addr1>1 Way</Addr1><City>Bend</City>\
             </VendorAddress><VendorTypeRef><ListID>80-1</ListID></VendorTypeRef></VendorAdd>\
             <IncludeRetElement>ListID</IncludeRetElement><IncludeRetElement>TimeModified</IncludeRetElement>\
             <IncludeRetElement>EditSequence</IncludeRetElement><IncludeRetElement>Name</IncludeRetElement>\
             <IncludeRetElement>FullName</IncludeRetElement><IncludeRetElement>ExternalGUID</IncludeRetElement>"
        );
        assert_eq!(request.access, Access::Write);
    }
}
