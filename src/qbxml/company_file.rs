//! The company file as it presents itself: the three answers that open each update session (qbxml.md §13).
//!
//! The Web Connector sends them by itself in the first `sendRequestXML`; the same three can be asked for.

use super::{
    MessageSetAnswer, Request, UnreadableRecord,
    company::{self, CompanyRet},
    host::{self, HostRet},
    preferences::{self, PreferencesRet},
};
use crate::connections::company_file::CompanyFile;

/// The data extension that tells company files apart.
pub const FILE_ID: &str = "FileID";

/// Asks for host, company and preferences, with the data extensions of this owner (a GUID in braces).
pub fn queries(owner_id: &str) -> Vec<Request> {
    vec![host::query(), company::query(owner_id), preferences::query()]
}

/// What the three answers tell. What they do not tell (the path; a part the user may not see) stays as in `known`.
pub fn read(
    answer: &MessageSetAnswer,
    owner_id: &str,
    known: CompanyFile,
) -> Result<CompanyFile, UnreadableRecord> {
    let mut file = known;
    for response in &answer.responses {
        if let Some(host) = response.record::<HostRet>("HostRet") {
            let host = host?;
            file.country = host.country.unwrap_or_default();
            file.product = host.product_name;
            file.major_version = host.major_version.unwrap_or_default();
            file.supported_versions = host.supported_versions;
        }
        if let Some(company) = response.record::<CompanyRet>("CompanyRet") {
            let company = company?;
            file.file_id = company.data_extension(owner_id, FILE_ID).map(str::to_owned);
            file.company_name = company
                .company_name
                .or(company.legal_company_name)
                .unwrap_or_default();
        }
        if let Some(preferences) = response.record::<PreferencesRet>("PreferencesRet") {
            let preferences = preferences?;
            let accounting = preferences.accounting.unwrap_or_default();
            file.uses_classes = accounting.is_using_class_tracking;
            file.closing_date = accounting.closing_date;
            file.uses_inventory = preferences
                .purchases
                .and_then(|purchases| purchases.is_using_inventory);
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::qbxml::read_message_set;

    const OWNER: &str = "{512349B1-1111-2222-3333-000DE1813D20}";

    #[test]
    fn host_company_and_preferences() {
        let document = "<QBXML><QBXMLMsgsRs>\
            <HostQueryRs requestID=\"0\" statusCode=\"0\" statusSeverity=\"Info\" statusMessage=\"\"><HostRet>\
            <ProductName>QuickBooks Premier 2024</ProductName><MajorVersion>34</MajorVersion><Country>CA</Country>\
            <SupportedQBXMLVersion>12.0</SupportedQBXMLVersion><SupportedQBXMLVersion>13.0</SupportedQBXMLVersion>\
            </HostRet></HostQueryRs>\
            <CompanyQueryRs requestID=\"1\" statusCode=\"0\" statusSeverity=\"Info\" statusMessage=\"\"><CompanyRet>\
            <CompanyName>Hill &amp; Dale</CompanyName><EIN>12-3456789</EIN>\
            <DataExtRet><OwnerID>{00000000-0000-0000-0000-000000000001}</OwnerID><DataExtName>FileID</DataExtName>\
            <DataExtType>STR255TYPE</DataExtType><DataExtValue>{other}</DataExtValue></DataExtRet>\
            <DataExtRet><OwnerID>{512349b1-1111-2222-3333-000de1813d20}</OwnerID><DataExtName>FileID</DataExtName>\
            <DataExtType>STR255TYPE</DataExtType><DataExtValue>{ours}</DataExtValue></DataExtRet>\
            </CompanyRet></CompanyQueryRs>\
            <PreferencesQueryRs requestID=\"2\" statusCode=\"0\" statusSeverity=\"Info\" statusMessage=\"\"><PreferencesRet>\
            <AccountingPreferences><IsUsingAccountNumbers>true</IsUsingAccountNumbers>\
            <IsUsingClassTracking>true</IsUsingClassTracking><ClosingDate>2025-12-31</ClosingDate>\
            </AccountingPreferences><PurchasesAndVendorsPreferences><IsUsingInventory>true</IsUsingInventory>\
            </PurchasesAndVendorsPreferences></PreferencesRet></PreferencesQueryRs></QBXMLMsgsRs></QBXML>";
        let known = CompanyFile {
            path: "C:\\books.qbw".into(),
            ..CompanyFile::default()
        };
        let file = read(
            &read_message_set(Arc::<str>::from(document)).unwrap(),
            OWNER,
            known,
        )
        .unwrap();
        assert_eq!(
            file,
            CompanyFile {
                country: "CA".into(),
                product: "QuickBooks Premier 2024".into(),
                major_version: "34".into(),
                company_name: "Hill & Dale".into(),
                path: "C:\\books.qbw".into(),
                file_id: Some("{ours}".into()),
                supported_versions: vec!["12.0".into(), "13.0".into()],
                uses_inventory: Some(true),
                uses_classes: Some(true),
                closing_date: Some("2025-12-31".into()),
            }
        );
    }

    #[test]
    fn the_real_answer_of_a_web_connector() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/reference/qbxml-samples/real/host-company-preferences.xml");
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: {} is not there", path.display());
            return;
        };
        let file = read(&read_message_set(text).unwrap(), OWNER, CompanyFile::default()).unwrap();
        assert!(file.is_us());
        assert_eq!(file.company_name, "myCompany");
        assert_eq!(
            file.file_id.as_deref(),
            Some("{00000ee-1111-ffff-cccc-5ff123456047}")
        );
        assert_eq!(file.uses_inventory, Some(false));
        assert!(file.supported_versions.iter().any(|version| version == "13.0"));
    }

    #[test]
    fn the_queries() {
        let document = crate::qbxml::write_message_set(crate::qbxml::Version::NEWEST, &queries(OWNER), None);
        assert!(document.contains(&format!(
            "<HostQueryRq requestID=\"0\"></HostQueryRq><CompanyQueryRq requestID=\"1\"><OwnerID>{OWNER}</OwnerID>\
             </CompanyQueryRq><PreferencesQueryRq requestID=\"2\"></PreferencesQueryRq>"
        )));
    }
}
