//! Message sets: the documents that are handed to QuickBooks.
//!
//! What may not live here: what a request means. A request arrives written; here it gets its number and its envelope.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use quick_xml::escape::escape;
use serde::{Deserialize, Serialize};

use super::{Request, text};

/// The id under which QuickBooks stores what became of a message set (`newMessageSetID`): at most 23 characters, so a
/// written-out GUID is too long (qbxml.md §2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageSetId(String);

/// Why a text is not a message set id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message set id has 1 to 23 letters, digits, '-' or '_'")]
pub struct MessageSetIdError;

impl MessageSetId {
    /// The most characters QuickBooks takes.
    pub const MAX: usize = 23;

    /// All 128 bits of a UUID in 22 characters.
    pub fn from_uuid(uuid: uuid::Uuid) -> Self {
        Self(URL_SAFE_NO_PAD.encode(uuid.as_bytes()))
    }

    /// As it stands in the attribute and in the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MessageSetId {
    type Error = MessageSetIdError;

    fn try_from(text: String) -> Result<Self, MessageSetIdError> {
        let fits = (1..=Self::MAX).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if fits {
            Ok(Self(text))
        } else {
            Err(MessageSetIdError)
        }
    }
}

impl From<MessageSetId> for String {
    fn from(id: MessageSetId) -> Self {
        id.0
    }
}

impl fmt::Display for MessageSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version of the qbXML specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    /// The newest version we write; 14.0 to 17.0 add nothing we send (qbxml.md §1).
    pub const NEWEST: Self = Self { major: 13, minor: 0 };

    /// The version with this number.
    pub fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Reads `13.0`, and `CA3.0` as old Canadian editions write it.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text
            .trim()
            .trim_start_matches(|c: char| c.is_ascii_alphabetic())
            .trim_start();
        let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }

    /// The version to write: the highest that the company file, the request processor and we all know.
    /// `supported` is `HostRet`'s list, empty before it was seen; `request_processor` is what the Web Connector says.
    pub fn choose(supported: &[String], request_processor: Option<(u16, u16)>) -> Self {
        let most = request_processor
            .filter(|number| *number != (0, 0))
            .map_or(Self::NEWEST, |(major, minor)| {
                Self { major, minor }.min(Self::NEWEST)
            });
        supported
            .iter()
            .filter_map(|text| Self::parse(text))
            .filter(|version| *version <= most)
            .max()
            .unwrap_or(most)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The whole document for these requests, in ASCII, each numbered by its place from `0`.
///
/// `set` is the id to store the outcome under, and the id of an earlier set to forget. Reads pass `None`.
pub fn write_message_set(
    version: Version,
    requests: &[Request],
    set: Option<(&MessageSetId, Option<&MessageSetId>)>,
) -> String {
    write_tagged(version, requests, set, "")
}

/// The same with `tag` before each number, so that the answers to two message sets cannot be mistaken for one another.
/// A tag of at most 40 ASCII characters keeps the `requestID` within QuickBooks' 50.
pub fn write_tagged(
    version: Version,
    requests: &[Request],
    set: Option<(&MessageSetId, Option<&MessageSetId>)>,
    tag: &str,
) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><?qbxml version=\"{version}\"?>\
         <QBXML><QBXMLMsgsRq onError=\"continueOnError\""
    );
    if let Some((new, old)) = set {
        push_attribute(&mut out, "newMessageSetID", new.as_str());
        if let Some(old) = old {
            push_attribute(&mut out, "oldMessageSetID", old.as_str());
        }
    }
    out.push('>');
    for (index, request) in requests.iter().enumerate() {
        out.push('<');
        out.push_str(request.element);
        push_attribute(&mut out, "requestID", &format!("{tag}{index}"));
        for (name, value) in &request.attributes {
            push_attribute(&mut out, name, value);
        }
        out.push('>');
        out.push_str(&request.body);
        out.push_str("</");
        out.push_str(request.element);
        out.push('>');
    }
    out.push_str("</QBXMLMsgsRq></QBXML>");
    text::ascii(&out)
}

fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    out.push_str(&escape(value));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::qbxml::Access;

    fn request(body: &str) -> Request {
        Request {
            element: "VendorQueryRq",
            attributes: Vec::new(),
            body: body.to_owned(),
            access: Access::Read,
        }
    }

    #[test]
    fn a_message_set_is_one_ascii_document() {
        let id = MessageSetId::from_uuid(uuid::Uuid::from_u128(1));
        let old = MessageSetId::from_uuid(uuid::Uuid::from_u128(2));
        let document = write_message_set(
            Version::NEWEST,
            &[
                request("<FullName>Café 中</FullName>"),
                request("").iterator_continue("{a\"b}", 5),
            ],
            Some((&id, Some(&old))),
        );
        assert_eq!(
            document,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><?qbxml version=\"13.0\"?><QBXML>\
             <QBXMLMsgsRq onError=\"continueOnError\" newMessageSetID=\"AAAAAAAAAAAAAAAAAAAAAQ\" \
             oldMessageSetID=\"AAAAAAAAAAAAAAAAAAAAAg\">\
             <VendorQueryRq requestID=\"0\"><FullName>Caf&#233; &#20013;</FullName></VendorQueryRq>\
             <VendorQueryRq requestID=\"1\" iterator=\"Continue\" iteratorID=\"{a&quot;b}\">\
             <MaxReturned>5</MaxReturned></VendorQueryRq></QBXMLMsgsRq></QBXML>"
        );
    }

    #[test]
    fn versions() {
        let list = |versions: &[&str]| versions.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            Version::choose(&list(&["1.0", "12.0", "13.0", "16.0"]), None).to_string(),
            "13.0"
        );
        assert_eq!(
            Version::choose(&list(&["2.0", "10.0", "8.0"]), None).to_string(),
            "10.0"
        );
        assert_eq!(
            Version::choose(&list(&["CA2.0", "CA3.0"]), None).to_string(),
            "3.0"
        );
        assert_eq!(
            Version::choose(&list(&["12.0", "13.0"]), Some((12, 0))).to_string(),
            "12.0"
        );
        assert_eq!(Version::choose(&[], Some((16, 0))).to_string(), "13.0");
        assert_eq!(Version::choose(&[], None).to_string(), "13.0");
        assert_eq!(
            Version::choose(&list(&["rubbish"]), Some((0, 0))).to_string(),
            "13.0"
        );
    }

    proptest! {
        #[test]
        fn ids_fit_and_read_back(bits: u128) {
            let id = MessageSetId::from_uuid(uuid::Uuid::from_u128(bits));
            prop_assert!(id.as_str().len() <= MessageSetId::MAX);
            prop_assert_eq!(MessageSetId::try_from(id.to_string()), Ok(id));
        }
    }
}
