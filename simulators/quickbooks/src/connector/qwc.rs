//! The `.qwc` file and the rules it must keep.

use super::http::Url;
use crate::xml;

/// A refusal, with the connector's code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        code,
        message: message.into(),
    })
}

/// What a `.qwc` file says.
#[derive(Clone, Debug)]
pub(crate) struct Qwc {
    pub(crate) app_name: String,
    pub(crate) app_url: Url,
    pub(crate) support_url: Url,
    pub(crate) certificate_url: Url,
    pub(crate) user_name: String,
    pub(crate) owner_id: String,
    pub(crate) file_id: String,
    /// From the scheduler.
    pub(crate) every_seconds: Option<u64>,
}

fn guid(text: &str) -> bool {
    text.strip_prefix('{')
        .and_then(|t| t.strip_suffix('}'))
        .is_some_and(|t| t.len() == 36 && uuid::Uuid::parse_str(t).is_ok())
}

fn address(url: &Url) -> bool {
    url.host.parse::<std::net::IpAddr>().is_ok()
}

const KNOWN: [&str; 21] = [
    "AppName",
    "AppID",
    "AppURL",
    "AppDescription",
    "AppSupport",
    "UserName",
    "OwnerID",
    "FileID",
    "QBType",
    "Style",
    "Scheduler",
    "IsReadOnly",
    "Notify",
    "AppDisplayName",
    "AppUniqueName",
    "AuthFlags",
    "PersonalDataPref",
    "UnattendedModePref",
    "CertURL",
    "AppIconURL",
    "SupportIconURL",
];

/// Reads a `.qwc` file and checks every rule that needs no network.
pub(crate) fn read(text: &str) -> Result<Qwc, Refusal> {
    let tree = match xml::parse(text.trim_end()) {
        Ok(tree) if text.starts_with("<?xml") || text.starts_with("\u{FEFF}<?xml") => tree,
        Ok(_) => return refuse("QBWC1039", "The file has no XML declaration."),
        Err(e) => return refuse("QBWC1039", format!("The file is not XML: {e}")),
    };
    let root = &tree.root;
    if root.name != "QBWCXML" {
        return refuse("QBWC1039", "The root element must be QBWCXML.");
    }
    for child in &root.children {
        if !KNOWN.contains(&child.name.as_str()) {
            return refuse("QBWC1039", format!("The element {} is unknown.", child.name));
        }
        if root.children.iter().filter(|c| c.name == child.name).count() > 1 {
            return refuse("QBWC1039", format!("The element {} is given twice.", child.name));
        }
    }
    let get = |name: &str| root.child(name).map(|c| c.text.trim().to_owned());
    let required = |name: &'static str, may_be_empty: bool| match get(name) {
        Some(value) if may_be_empty || !value.is_empty() => Ok(value),
        _ => refuse("QBWC1039", format!("The required element {name} is missing.")),
    };
    let app_name = required("AppName", false)?;
    required("AppID", true)?;
    let app_url_text = required("AppURL", false)?;
    required("AppDescription", true)?;
    let support_text = required("AppSupport", false)?;
    let user_name = required("UserName", false)?;
    let owner_id = required("OwnerID", false)?;
    let file_id = required("FileID", false)?;
    let qb_type = required("QBType", false)?;
    let url = |name: &str, text: &str| {
        Url::parse(text).ok_or_else(|| Refusal {
            code: "QBWC1039",
            message: format!("{name} is not a URL."),
        })
    };
    let app_url = url("AppURL", &app_url_text)?;
    let support_url = url("AppSupport", &support_text)?;
    if address(&app_url) {
        return refuse("QBWC1001", "AppURL must not be an IP address.");
    }
    if address(&support_url) {
        return refuse("QBWC1002", "AppSupport must not be an IP address.");
    }
    if !app_url.host.eq_ignore_ascii_case(&support_url.host) {
        return refuse("QBWC1000", "AppURL and AppSupport are not in the same domain.");
    }
    if !app_url.secure && !app_url.is_local() {
        return refuse(
            "QBWC1051",
            "The application must use https; http is allowed for localhost only.",
        );
    }
    for (name, value) in [("OwnerID", &owner_id), ("FileID", &file_id)] {
        if !guid(value) {
            return refuse("QBWC1039", format!("{name} must be a GUID in braces."));
        }
    }
    if !matches!(qb_type.as_str(), "QBFS" | "QBPOS") {
        return refuse(
            "QBWC1065",
            format!("QBType must be QBFS or QBPOS, not {qb_type}."),
        );
    }
    one_of("Style", get("Style"), &["Document", "DocWrapped", "RPC"])?;
    one_of(
        "PersonalDataPref",
        get("PersonalDataPref"),
        &["pdpNotNeeded", "pdpOptional", "pdpRequired"],
    )?;
    one_of(
        "UnattendedModePref",
        get("UnattendedModePref"),
        &["umpRequired", "umpOptional"],
    )?;
    one_of("Notify", get("Notify"), &["true", "false"])?;
    one_of("IsReadOnly", get("IsReadOnly"), &["true", "false"])?;
    if get("IsReadOnly").as_deref() == Some("true") {
        return refuse(
            "QBWC1080",
            "A read-only application cannot write its FileID into the company file.",
        );
    }
    if let Some(flags) = get("AuthFlags") {
        let known = flags
            .strip_prefix("0x")
            .and_then(|h| u32::from_str_radix(h, 16).ok())
            .is_some_and(|f| f <= 0xF);
        if !known {
            return refuse("QBWC1039", format!("AuthFlags {flags} is not understood."));
        }
    }
    let certificate_url = match get("CertURL") {
        Some(text) => url("CertURL", &text)?,
        None => app_url.clone(),
    };
    let scheduler = root.child("Scheduler").and_then(|s| s.children.first());
    let every_seconds = match scheduler {
        Some(node) => {
            let number: Option<u64> = node.text.trim().parse().ok();
            match (node.name.as_str(), number) {
                ("RunEveryNMinutes", Some(n)) => Some(n * 60),
                ("RunEveryNSeconds", Some(n)) => Some(n),
                _ => {
                    return refuse(
                        "QBWC1039",
                        "Scheduler needs RunEveryNMinutes or RunEveryNSeconds.",
                    );
                }
            }
        }
        None => None,
    };
    Ok(Qwc {
        app_name,
        app_url,
        support_url,
        certificate_url,
        user_name,
        owner_id,
        file_id,
        every_seconds,
    })
}

fn one_of(name: &str, value: Option<String>, allowed: &[&str]) -> Result<(), Refusal> {
    match value {
        Some(value) if !allowed.contains(&value.as_str()) => {
            refuse("QBWC1039", format!("{name} cannot be {value:?}."))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<?xml version=\"1.0\"?>\n<QBWCXML><AppName>Plumb</AppName><AppID></AppID><AppURL>http://localhost:7000/qbwc/x</AppURL><AppDescription>d</AppDescription><AppSupport>http://localhost:7000/support?a=1&amp;b=2</AppSupport><UserName>u</UserName><OwnerID>{57F3B9B1-86F1-4FCC-B1EE-566DE1813D20}</OwnerID><FileID>{90A44FB5-33D9-4815-AC85-BC87A7E7D1EB}</FileID><QBType>QBFS</QBType><Scheduler><RunEveryNMinutes>5</RunEveryNMinutes></Scheduler><IsReadOnly>false</IsReadOnly></QBWCXML>\n";

    fn code(from: &str, to: &str) -> &'static str {
        assert!(GOOD.contains(from), "{from}");
        read(&GOOD.replace(from, to)).unwrap_err().code
    }

    #[test]
    fn every_rule() {
        let good = read(GOOD).unwrap();
        assert_eq!(
            (good.every_seconds, good.support_url.path.as_str()),
            (Some(300), "/support?a=1&b=2")
        );
        assert_eq!(
            code("localhost:7000/support", "elsewhere:7000/support"),
            "QBWC1000"
        );
        assert_eq!(code("localhost:7000/qbwc", "127.0.0.1:7000/qbwc"), "QBWC1001");
        assert_eq!(
            code("localhost:7000/support", "127.0.0.1:7000/support"),
            "QBWC1002"
        );
        assert_eq!(
            read(&GOOD.replace("localhost", "plumb.example.com"))
                .unwrap_err()
                .code,
            "QBWC1051"
        );
        assert!(read(&GOOD.replace("http://localhost:7000", "https://plumb.example.com")).is_ok());
        assert_eq!(code(">QBFS<", ">qbfs<"), "QBWC1065");
        assert_eq!(code("<IsReadOnly>false", "<IsReadOnly>true"), "QBWC1080");
        assert_eq!(code("<UserName>u</UserName>", ""), "QBWC1039");
        assert_eq!(code("{57F3B9B1", "57F3B9B1"), "QBWC1039");
        assert_eq!(code("<AppID></AppID>", ""), "QBWC1039");
        assert_eq!(code("&amp;", "&"), "QBWC1039");
        assert_eq!(code("<?xml version=\"1.0\"?>\n", ""), "QBWC1039");
    }
}
