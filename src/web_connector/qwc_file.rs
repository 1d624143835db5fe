//! The `.qwc` file that registers a connection in the Web Connector. What the Web Connector would refuse is refused
//! here, with the reason (qbwc-protocol.md §10).

use quick_xml::escape::escape;
use url::{Host, Url};
use uuid::Uuid;

use crate::connections::braced;

/// Why no `.qwc` file can be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QwcError {
    /// QBWC1001, QBWC1002.
    #[error(
        "the public URL {0} names an IP address, which the Web Connector refuses (QBWC1001); use a host name, or `localhost` for a test on one machine"
    )]
    IpAddress(String),
    /// QBWC1010, QBWC1051.
    #[error(
        "the public URL {0} is not https, which the Web Connector refuses (QBWC1010, QBWC1051) except for `localhost` or a machine name in the local network; set PLUMBLINE_PUBLIC_URL to an https address"
    )]
    NotHttps(String),
    /// Credentials, query or fragment in the URL.
    #[error("the public URL {0} must be a plain address without user, query or fragment")]
    NotPlain(String),
    /// The connection's name does not fit.
    #[error(
        "the connection's name has {0} characters; the Web Connector shows at most 64. Choose a shorter name"
    )]
    NameTooLong(usize),
}

/// What goes into the file.
#[derive(Debug)]
pub struct QwcFile<'a> {
    /// The service's public address.
    pub public_url: &'a Url,
    /// The connection's name.
    pub connection_name: &'a str,
    /// The Web Connector's user.
    pub username: &'a str,
    /// Our `OwnerID`.
    pub owner_id: Uuid,
    /// The connection's `FileID`.
    pub file_id: Uuid,
    /// The connection's id; makes the application's name in QuickBooks unique and stable.
    pub connection_id: Uuid,
    /// How often the Web Connector polls, in minutes.
    pub every_minutes: u16,
}

/// Checks that the Web Connector would accept an address.
pub fn check_public_url(url: &Url) -> Result<(), QwcError> {
    let text = url.to_string();
    let host = match url.host() {
        Some(Host::Domain(host)) if !host.is_empty() => host,
        _ => return Err(QwcError::IpAddress(text)),
    };
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(QwcError::NotPlain(text));
    }
    // http is for `localhost` and for machine names in the local network, which have no dot.
    match url.scheme() {
        "https" => Ok(()),
        "http" if !host.contains('.') => Ok(()),
        _ => Err(QwcError::NotHttps(text)),
    }
}

impl QwcFile<'_> {
    /// The file's text.
    pub fn render(&self) -> Result<String, QwcError> {
        check_public_url(self.public_url)?;
        let length = self.connection_name.chars().count();
        if length > 64 {
            return Err(QwcError::NameTooLong(length));
        }
        let base = self.public_url.as_str().trim_end_matches('/');
        let id = self.connection_id.simple().to_string();
        // The end of the id: its beginning is the time, and two connections may be added in one minute.
        let tag = &id[20..];
        Ok(format!(
            r#"<?xml version="1.0" encoding="utf-8"?>
<QBWCXML>
    <AppName>Plumbline {tag}</AppName>
    <AppID></AppID>
    <AppURL>{app_url}</AppURL>
    <AppDescription>Keeps Procore and this QuickBooks company file true to each other</AppDescription>
    <AppSupport>{support}</AppSupport>
    <UserName>{user}</UserName>
    <OwnerID>{owner}</OwnerID>
    <FileID>{file}</FileID>
    <QBType>QBFS</QBType>
    <Style>Document</Style>
    <Scheduler>
        <RunEveryNMinutes>{minutes}</RunEveryNMinutes>
    </Scheduler>
    <IsReadOnly>false</IsReadOnly>
    <AppDisplayName>Plumbline: {name}</AppDisplayName>
    <AppUniqueName>Plumbline {id}</AppUniqueName>
    <AuthFlags>0xF</AuthFlags>
    <PersonalDataPref>pdpNotNeeded</PersonalDataPref>
    <UnattendedModePref>umpRequired</UnattendedModePref>
</QBWCXML>
"#,
            app_url = escape(format!("{base}/qbwc")),
            support = escape(format!("{base}/qbwc/support")),
            user = escape(self.username),
            owner = braced(self.owner_id),
            file = braced(self.file_id),
            minutes = self.every_minutes.max(1),
            name = escape(self.connection_name),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> Result<(), QwcError> {
        check_public_url(&url.parse().unwrap())
    }

    #[test]
    fn addresses_the_web_connector_takes() {
        check("https://plumbline.example.com").unwrap();
        check("https://plumbline.example.com:8443/base").unwrap();
        check("http://localhost:8080").unwrap();
        check("http://accounting-pc:8080").unwrap();
    }

    #[test]
    fn addresses_the_web_connector_refuses_are_refused_with_its_code() {
        assert!(
            check("http://plumbline.example.com")
                .unwrap_err()
                .to_string()
                .contains("QBWC1010")
        );
        assert!(
            check("https://10.0.0.7")
                .unwrap_err()
                .to_string()
                .contains("QBWC1001")
        );
        assert!(
            check("http://127.0.0.1:8080")
                .unwrap_err()
                .to_string()
                .contains("QBWC1001")
        );
        assert!(matches!(check("https://[::1]/"), Err(QwcError::IpAddress(_))));
        assert!(matches!(
            check("https://u:p@example.com"),
            Err(QwcError::NotPlain(_))
        ));
    }

    fn file(name: &str) -> Result<String, QwcError> {
        QwcFile {
            public_url: &"https://plumbline.example.com/a&b".parse().unwrap(),
            connection_name: name,
            username: "plumbline-1",
            owner_id: Uuid::from_u128(1),
            file_id: Uuid::from_u128(2),
            connection_id: Uuid::from_u128(3),
            every_minutes: 5,
        }
        .render()
    }

    #[test]
    fn text_is_escaped_and_both_urls_share_the_host() {
        let text = file("Smith & <Sons>").unwrap();
        assert!(text.contains("Smith &amp; &lt;Sons&gt;"));
        assert!(text.contains("<AppURL>https://plumbline.example.com/a&amp;b/qbwc</AppURL>"));
        assert!(text.contains("<AppSupport>https://plumbline.example.com/a&amp;b/qbwc/support</AppSupport>"));
        assert!(text.contains("<OwnerID>{00000000-0000-0000-0000-000000000001}</OwnerID>"));
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused_not_cut() {
        assert_eq!(file(&"x".repeat(65)).unwrap_err(), QwcError::NameTooLong(65));
    }
}
