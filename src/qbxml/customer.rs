//! Customers and jobs: one list, a job is a customer's child.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, ListRef, Request, address::Address, list_query::ListQuery};

/// The longest name of a customer or job.
pub const NAME_MAX: usize = 41;
/// The longest job description, and the longest account number.
pub const NOTE_MAX: usize = 99;

/// A new customer, or with a parent a new job, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct CustomerAdd {
    /// Unique among its siblings; a customer's also among vendors, employees and other names.
    #[yaserde(rename = "Name")]
    pub name: String,
    /// The customer a job is for.
    #[yaserde(rename = "ParentRef")]
    pub parent: Option<ListRef>,
    /// The company's name.
    #[yaserde(rename = "CompanyName")]
    pub company_name: Option<String>,
    /// Where bills go.
    #[yaserde(rename = "BillAddress")]
    pub bill_address: Option<Address>,
    /// Where the work is.
    #[yaserde(rename = "ShipAddress")]
    pub ship_address: Option<Address>,
    /// Account number.
    #[yaserde(rename = "AccountNumber")]
    pub account_number: Option<String>,
    /// What the job is.
    #[yaserde(rename = "JobDesc")]
    pub job_desc: Option<String>,
    /// Our own id for it, in braces.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
}

#[derive(YaSerialize)]
struct CustomerAddRq {
    #[yaserde(rename = "CustomerAdd")]
    add: CustomerAdd,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// A customer or job.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct CustomerRet {
    /// Its id.
    #[yaserde(rename = "ListID")]
    pub list_id: String,
    /// When it was last changed, in the machine's local time.
    #[yaserde(rename = "TimeModified")]
    pub time_modified: Option<String>,
    /// Changes with every change.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// The last part of its name.
    #[yaserde(rename = "Name")]
    pub name: String,
    /// Its name with its parents'.
    #[yaserde(rename = "FullName")]
    pub full_name: String,
    /// Whether it can be used.
    #[yaserde(rename = "IsActive")]
    pub is_active: Option<bool>,
    /// The customer or job it is below.
    #[yaserde(rename = "ParentRef")]
    pub parent: Option<ListRef>,
    /// How deep it is: 0 for a customer.
    #[yaserde(rename = "Sublevel")]
    pub sublevel: Option<u8>,
    /// Where bills go.
    #[yaserde(rename = "BillAddress")]
    pub bill_address: Option<Address>,
    /// Account number.
    #[yaserde(rename = "AccountNumber")]
    pub account_number: Option<String>,
    /// What the job is.
    #[yaserde(rename = "JobDesc")]
    pub job_desc: Option<String>,
    /// Our own id for it, where we made it.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
}

/// Adds it; the answer is kept small.
pub fn add(customer: CustomerAdd) -> Request {
    let include = super::WRITTEN.map(str::to_owned).to_vec();
    Request::new(
        "CustomerAddRq",
        Access::Write,
        &CustomerAddRq {
            add: customer,
            include,
        },
    )
}

/// Asks for customers and jobs. Without the ship address: it makes the query slow (qbxml.md §11).
pub fn query(query: ListQuery) -> Request {
    query
        .only(&[
            "ListID",
            "TimeModified",
            "EditSequence",
            "Name",
            "FullName",
            "IsActive",
            "ParentRef",
            "Sublevel",
            "BillAddress",
            "AccountNumber",
            "JobDesc",
            "ExternalGUID",
        ])
        .request("CustomerQueryRq")
}
