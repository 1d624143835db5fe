//! `CompanyQuery`: the company's name and the data extensions that were put on its file.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, Request};

/// The company. Tax numbers are not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct CompanyRet {
    /// The company's name.
    #[yaserde(rename = "CompanyName")]
    pub company_name: Option<String>,
    /// Its legal name.
    #[yaserde(rename = "LegalCompanyName")]
    pub legal_company_name: Option<String>,
    /// Data extensions of the owners that were asked for.
    #[yaserde(rename = "DataExtRet")]
    pub data_extensions: Vec<DataExtRet>,
}

/// One data extension.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct DataExtRet {
    /// Whose it is: a GUID in braces, or `0` for custom fields.
    #[yaserde(rename = "OwnerID")]
    pub owner_id: Option<String>,
    /// Its name.
    #[yaserde(rename = "DataExtName")]
    pub name: String,
    /// Its value.
    #[yaserde(rename = "DataExtValue")]
    pub value: Option<String>,
}

impl CompanyRet {
    /// The value of one data extension.
    pub fn data_extension(&self, owner_id: &str, name: &str) -> Option<&str> {
        self.data_extensions
            .iter()
            .find(|extension| {
                extension.name == name
                    && extension
                        .owner_id
                        .as_deref()
                        .is_some_and(|owner| super::same_guid(owner, owner_id))
            })
            .and_then(|extension| extension.value.as_deref())
    }
}

#[derive(YaSerialize)]
struct CompanyQuery {
    #[yaserde(rename = "OwnerID")]
    owner_id: String,
}

/// Asks for it, with the data extensions of this owner.
pub fn query(owner_id: &str) -> Request {
    Request::new(
        "CompanyQueryRq",
        Access::Read,
        &CompanyQuery {
            owner_id: owner_id.to_owned(),
        },
    )
}
