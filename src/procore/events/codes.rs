//! The order to export standard cost codes.

use super::{BadItem, Order, each, edit_sequence, owned, text_of};
use crate::procore::reader::{ReadError, Reader};

/// One level of a cost code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePart {
    /// The level's own code, `100` of `01-100`.
    pub code: String,
    /// The level's name.
    pub name: String,
}

/// One standard cost code to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandardCostCodeOrder {
    /// Procore's id.
    pub id: i64,
    /// The list it is in.
    pub list_id: Option<i64>,
    /// Procore's id of its parent.
    pub parent_id: Option<i64>,
    /// The parent's third-party id, if it has been exported.
    pub parent_origin_id: Option<String>,
    /// Its own third-party id, if it has been exported.
    pub origin_id: Option<String>,
    /// The `edit_sequence` of its `origin_data`.
    pub edit_sequence: Option<String>,
    /// Its own code.
    pub code: String,
    /// With its parents' codes, `01-100`.
    pub full_code: String,
    /// Its name.
    pub name: String,
    /// All levels, the outermost first; the last is the code itself.
    pub path: Vec<CodePart>,
    /// `ListID` of the income account that was chosen.
    pub income_account_origin_id: Option<String>,
    /// `ListID` of the expense account that was chosen.
    pub expense_account_origin_id: Option<String>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

pub(super) fn read(order: &Order<'_>) -> Result<Vec<Result<StandardCostCodeOrder, BadItem>>, ReadError> {
    // The documented payload is the list itself; a named list is read as well.
    let named = order.data.field("standard_cost_codes");
    let list = if named.value().is_some() {
        named
    } else {
        order.data.clone()
    };
    Ok(list
        .list()?
        .iter()
        .map(|item| each(item, None, |item| read_one(order, item)))
        .collect())
}

fn read_one(order: &Order<'_>, item: &Reader<'_>) -> Result<StandardCostCodeOrder, ReadError> {
    let item = item.object()?;
    let missing = |name: &str| item.field(name).error("is missing");
    let code = text_of(&item, "code")?.ok_or_else(|| missing("code"))?;
    let name = text_of(&item, "name")?.ok_or_else(|| missing("name"))?;
    let fields = item.field("erp_custom_fields");
    let mut path = path_of(&item.field("long_name_helper"))?;
    match path.last() {
        Some(last) if last.code == code => {}
        Some(_) => {
            return Err(item
                .field("long_name_helper")
                .error(format!("does not end with the code {code}")));
        }
        None => path.push(CodePart {
            code: code.clone(),
            name: name.clone(),
        }),
    }
    Ok(StandardCostCodeOrder {
        id: item.field("id").id()?,
        list_id: item.field("standard_cost_code_list_id").optional_id()?,
        parent_id: item.field("parent_id").optional_id()?,
        parent_origin_id: owned(text_of(&item, "parent_origin_id")?),
        origin_id: owned(text_of(&item, "origin_id")?),
        edit_sequence: edit_sequence(&item.field("origin_data")),
        full_code: text_of(&item, "full_code")?.unwrap_or_else(|| code.clone()),
        code,
        name,
        path,
        income_account_origin_id: owned(text_of(&fields, "income_account_origin_id")?),
        expense_account_origin_id: owned(text_of(&fields, "expense_account_origin_id")?),
        request_detail_id: order.detail(&item)?,
    })
}

/// `[["01","100"],["Parent Code","Child Code"]]`.
fn path_of(helper: &Reader<'_>) -> Result<Vec<CodePart>, ReadError> {
    let lists = helper.optional_list()?;
    let [codes, names] = lists.as_slice() else {
        return Ok(Vec::new());
    };
    let (codes, names) = (codes.list()?, names.list()?);
    if codes.len() != names.len() {
        return Err(helper.error("has not as many names as codes"));
    }
    codes
        .iter()
        .zip(&names)
        .map(|(code, name)| {
            let code = code.optional_label()?.ok_or_else(|| code.error("is missing"))?;
            Ok(CodePart {
                name: name.optional_label()?.unwrap_or_else(|| code.clone()),
                code,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::procore::events::{CodePart, ErpEvent};

    #[test]
    fn codes_are_read_with_their_levels_and_one_bad_code_spoils_nothing() {
        let payload = json!({"request_name": "create_standard_cost_codes", "request_data": [
            {
                "id": 2, "standard_cost_code_list_id": 1, "origin_id": null, "parent_id": 1, "code": "100",
                "full_code": "01-100", "name": "Pavement", "parent_origin_id": "80-1",
                "long_name_helper": [["01", "100"], ["General", "Pavement"]],
                "erp_custom_fields": {"income_account_origin_id": "A-1", "expense_account_origin_id": ""},
                "request_detail_id": 11
            },
            {"id": 3, "code": "", "name": "x", "request_detail_id": 12},
            {"id": 4, "code": 9, "name": "Flat", "request_detail_id": 13}
        ]});
        let ErpEvent::CreateStandardCostCodes(codes) =
            ErpEvent::parse("create_standard_cost_codes", &payload).unwrap()
        else {
            panic!("not read as codes");
        };
        let code = codes[0].as_ref().unwrap();
        assert_eq!(code.path.len(), 2);
        assert_eq!(
            code.path[0],
            CodePart {
                code: "01".into(),
                name: "General".into()
            }
        );
        assert_eq!(code.income_account_origin_id.as_deref(), Some("A-1"));
        assert_eq!(code.expense_account_origin_id, None);
        let bad = codes[1].as_ref().unwrap_err();
        assert_eq!((bad.id, bad.request_detail_id), (Some(3), Some(12)));
        assert_eq!(bad.error.to_string(), "request_data[1].code is missing");
        assert_eq!(codes[2].as_ref().unwrap().path[0].code, "9");
    }
}
