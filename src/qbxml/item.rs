//! Items. Service items are what Procore calls cost codes; the other kinds are read, never written.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, ListRef, Request, list_query::ListQuery};

/// The longest name of one level.
pub const NAME_MAX: usize = 31;
/// The longest description.
pub const DESC_MAX: usize = 4095;

/// A new service item, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct ItemServiceAdd {
    /// Unique among its siblings.
    #[yaserde(rename = "Name")]
    pub name: String,
    /// The item it is below.
    #[yaserde(rename = "ParentRef")]
    pub parent: Option<ListRef>,
    /// Both sides, sale and purchase: what job costing needs, and cannot be chosen later (qbxml.md §11).
    #[yaserde(rename = "SalesAndPurchase")]
    pub sales_and_purchase: SalesAndPurchase,
    /// Our own id for it, in braces.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
}

/// The two sides of an item that is both bought and sold.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct SalesAndPurchase {
    /// The text on sales.
    #[yaserde(rename = "SalesDesc")]
    pub sales_desc: Option<String>,
    /// The account sales go to.
    #[yaserde(rename = "IncomeAccountRef")]
    pub income_account: Option<ListRef>,
    /// The text on purchases.
    #[yaserde(rename = "PurchaseDesc")]
    pub purchase_desc: Option<String>,
    /// The account purchases go to.
    #[yaserde(rename = "ExpenseAccountRef")]
    pub expense_account: Option<ListRef>,
}

/// The one side of an item that is either bought or sold.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct SalesOrPurchase {
    /// Its text.
    #[yaserde(rename = "Desc")]
    pub desc: Option<String>,
}

#[derive(YaSerialize)]
struct ItemServiceAddRq {
    #[yaserde(rename = "ItemServiceAdd")]
    add: ItemServiceAdd,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// An item of any kind: what the kinds have in common, and what some have.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct ItemRet {
    /// Its id.
    #[yaserde(rename = "ListID")]
    pub list_id: String,
    /// When it was made, in the machine's local time.
    #[yaserde(rename = "TimeCreated")]
    pub time_created: Option<String>,
    /// When it was last changed, in the machine's local time.
    #[yaserde(rename = "TimeModified")]
    pub time_modified: Option<String>,
    /// Changes with every change.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// The last part of its name.
    #[yaserde(rename = "Name")]
    pub name: String,
    /// Its name with its parents'; kinds without levels have none.
    #[yaserde(rename = "FullName")]
    pub full_name: Option<String>,
    /// Whether it can be used.
    #[yaserde(rename = "IsActive")]
    pub is_active: Option<bool>,
    /// The item it is below.
    #[yaserde(rename = "ParentRef")]
    pub parent: Option<ListRef>,
    /// Of items bought or sold.
    #[yaserde(rename = "SalesOrPurchase")]
    pub sales_or_purchase: Option<SalesOrPurchase>,
    /// Of items bought and sold.
    #[yaserde(rename = "SalesAndPurchase")]
    pub sales_and_purchase: Option<SalesAndPurchase>,
    /// Our own id for it, where we made it.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
}

impl ItemRet {
    /// The text on purchases, or its only text.
    pub fn purchase_desc(&self) -> Option<&str> {
        let both = self
            .sales_and_purchase
            .as_ref()
            .and_then(|sides| sides.purchase_desc.as_deref());
        let one = self
            .sales_or_purchase
            .as_ref()
            .and_then(|side| side.desc.as_deref());
        both.or(one).filter(|text| !text.trim().is_empty())
    }
}

/// The kind of an item by its element: `Service` of `ItemServiceRet`. `None` for what is not an item. Kinds that no
/// schema lists are items all the same.
pub fn kind(element: &str) -> Option<&str> {
    element
        .strip_prefix("Item")?
        .strip_suffix("Ret")
        .filter(|kind| !kind.is_empty())
}

/// The kind that cost codes are.
pub const SERVICE: &str = "Service";

/// Adds a service item; the answer is kept small.
pub fn add_service(item: ItemServiceAdd) -> Request {
    let include = super::WRITTEN.map(str::to_owned).to_vec();
    Request::new(
        "ItemServiceAddRq",
        Access::Write,
        &ItemServiceAddRq { add: item, include },
    )
}

/// Asks for items of all kinds, mixed. Prices, stock and custom fields are left out.
pub fn query(query: ListQuery) -> Request {
    query
        .only(&[
            "ListID",
            "TimeCreated",
            "TimeModified",
            "EditSequence",
            "Name",
            "FullName",
            "IsActive",
            "ParentRef",
            "SalesOrPurchase",
            "SalesAndPurchase",
            "ExternalGUID",
        ])
        .request("ItemQueryRq")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::Response;

    #[test]
    fn kinds_are_read_from_the_element() {
        assert_eq!(kind("ItemServiceRet"), Some("Service"));
        assert_eq!(kind("ItemSalesTaxGroupRet"), Some("SalesTaxGroup"));
        assert_eq!(kind("ItemRet"), None);
        assert_eq!(kind("VendorRet"), None);
    }

    #[test]
    fn mixed_kinds_are_read_with_tolerance() {
        let response = Response::ok(
            "ItemQueryRs",
            "<ItemServiceRet><ListID>1</ListID><Name>100</Name><FullName>01:100</FullName><IsActive>true</IsActive>\
             <ParentRef><ListID>0</ListID><FullName>01</FullName></ParentRef><SalesAndPurchase><SalesDesc>s</SalesDesc>\
             <SalesPrice>0.00</SalesPrice><PurchaseDesc>Paving</PurchaseDesc></SalesAndPurchase></ItemServiceRet>\
             <ItemOtherChargeRet><ListID>2</ListID><Name>Retainage</Name><FullName>Retainage</FullName><SalesOrPurchase>\
             <Desc>Held</Desc><PricePercent>-10.0%</PricePercent></SalesOrPurchase></ItemOtherChargeRet>\
             <ItemSubtotalRet><ListID>3</ListID><Name>Subtotal</Name><ItemDesc>x</ItemDesc></ItemSubtotalRet>\
             <ItemFutureRet><ListID>4</ListID><Name>New</Name><Odd>1</Odd></ItemFutureRet>",
        );
        let items: Vec<ItemRet> = response
            .pieces()
            .filter(|piece| kind(piece.name).is_some())
            .map(|piece| piece.read().unwrap())
            .collect();
        assert_eq!(items.len(), 4);
        assert_eq!(items[0].purchase_desc(), Some("Paving"));
        assert_eq!(items[0].parent.as_ref().unwrap().list_id.as_deref(), Some("0"));
        assert_eq!(items[1].purchase_desc(), Some("Held"));
        assert_eq!(items[2].full_name, None);
    }

    #[test]
    fn a_service_item_is_written_in_schema_order() {
        let request = add_service(ItemServiceAdd {
            name: "100".into(),
            parent: Some(ListRef::by_id("P")),
            sales_and_purchase: SalesAndPurchase {
                sales_desc: Some("d".into()),
                income_account: Some(ListRef::by_id("I")),
                purchase_desc: Some("d".into()),
                expense_account: None,
            },
            external_guid: Some("{g}".into()),
        });
        assert!(request.body.starts_with(
            "<ItemServiceAdd><Name>100</Name><ParentRef><ListID>P</ListID></ParentRef><SalesAndPurchase>\
             <SalesDesc>d</SalesDesc><IncomeAccountRef><ListID>I</ListID></IncomeAccountRef>\
             <PurchaseDesc>d</PurchaseDesc></SalesAndPurchase><ExternalGUID>{g}</ExternalGUID></ItemServiceAdd>"
        ));
    }
}
