//! Answers of QuickBooks: guarded in one pass, then cut into records, each read by itself.
//!
//! A 10 MB answer is kept once, as text; a response is a range of it, and one record at a time becomes a value.
//! What may not live here: what a record means.

use std::{fmt, ops::Range, sync::Arc};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use yaserde::YaDeserialize;

use super::status::{Severity, Status};

/// The deepest nesting that is read. Real answers have fewer than ten levels; yaserde's cost grows with the square.
const MAX_DEPTH: usize = 64;

/// Why an answer cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not XML.
    #[error("QuickBooks' answer is not well-formed XML near byte {at}: {why}")]
    NotXml {
        /// Where.
        at: u64,
        /// What the reader says.
        why: String,
    },
    /// It ends too early.
    #[error("QuickBooks' answer is cut off")]
    Truncated,
    /// Nested deeper than any real answer.
    #[error("QuickBooks' answer is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A document type declaration, which no real answer has.
    #[error("QuickBooks' answer has a document type declaration")]
    DocType,
    /// No `QBXML` with `QBXMLMsgsRs`.
    #[error("this is not an answer of QuickBooks: {0}")]
    NotAnAnswer(String),
    /// A response without a status.
    #[error("{element} has no readable statusCode")]
    NoStatus {
        /// The response's element.
        element: String,
    },
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct MessageSetAnswer {
    /// `newMessageSetID`, echoed.
    pub message_set_id: Option<String>,
    /// `messageSetStatusCode`: 600, 9001, 9002 … mean that the fate of a write is unknown (qbxml.md §2).
    pub status_code: Option<i32>,
    /// One response per request, in order.
    pub responses: Vec<Response>,
}

/// Where a paged query stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IteratorState {
    /// `iteratorID`, valid in this update session only.
    pub id: String,
    /// `iteratorRemainingCount`; at 0 it is over.
    pub remaining: u64,
}

/// One response. Cheap to clone: the text is shared.
#[derive(Clone)]
pub struct Response {
    /// The element, `VendorAddRs` say.
    pub element: String,
    /// `requestID`, echoed.
    pub request_id: Option<String>,
    /// How it went.
    pub status: Status,
    /// Where a paged query stands.
    pub iterator: Option<IteratorState>,
    document: Arc<str>,
    content: Range<usize>,
}

impl fmt::Debug for Response {
    /// Without the content: it holds names and amounts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("element", &self.element)
            .field("request_id", &self.request_id)
            .field("status", &self.status)
            .field("iterator", &self.iterator)
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}

/// A record that could not be read; the others could (COMP-16).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} could not be read: {why}")]
pub struct UnreadableRecord {
    /// Which record: its element and the name and ids found in it.
    pub what: String,
    /// What is wrong with it.
    pub why: String,
}

/// What a status check tells of a write that was done before (qbxml.md §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorRecovery {
    /// The `ListID` or `TxnID`.
    pub id: String,
    /// `TxnNumber`.
    pub txn_number: Option<String>,
    /// `EditSequence`.
    pub edit_sequence: Option<String>,
    /// `ExternalGUID`.
    pub external_guid: Option<String>,
}

#[derive(YaDeserialize)]
struct ErrorRecoveryElement {
    #[yaserde(rename = "ListID")]
    list_id: Option<String>,
    #[yaserde(rename = "TxnID")]
    txn_id: Option<String>,
    #[yaserde(rename = "TxnNumber")]
    txn_number: Option<String>,
    #[yaserde(rename = "EditSequence")]
    edit_sequence: Option<String>,
    #[yaserde(rename = "ExternalGUID")]
    external_guid: Option<String>,
}

/// Reads an answer: guards it (complete, no document type, bounded depth) and finds each response.
pub fn read_message_set(document: impl Into<Arc<str>>) -> Result<MessageSetAnswer, AnswerError> {
    let document: Arc<str> = document.into();
    // QuickBooks' texts may begin with a byte order mark or line ends.
    let start = document.len()
        - document
            .trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n'])
            .len();
    let found = scan(&document[start..])?;
    let responses = found
        .responses
        .into_iter()
        .map(|head| Response {
            element: head.element,
            request_id: head.request_id,
            status: head.status,
            iterator: head.iterator,
            document: Arc::clone(&document),
            content: head.content.start + start..head.content.end + start,
        })
        .collect();
    Ok(MessageSetAnswer {
        message_set_id: found.message_set_id,
        status_code: found.status_code,
        responses,
    })
}

#[derive(Default)]
struct Found {
    message_set_id: Option<String>,
    status_code: Option<i32>,
    responses: Vec<Head>,
}

struct Head {
    element: String,
    request_id: Option<String>,
    status: Status,
    iterator: Option<IteratorState>,
    content: Range<usize>,
}

fn scan(document: &str) -> Result<Found, AnswerError> {
    let mut reader = Reader::from_str(document);
    let mut found = Found::default();
    let mut depth = 0_usize;
    let mut envelopes = 0_usize;
    loop {
        let before = position(&reader);
        let event = reader.read_event().map_err(|error| AnswerError::NotXml {
            at: reader.error_position(),
            why: error.to_string(),
        })?;
        match event {
            Event::Start(start) => {
                if depth == MAX_DEPTH {
                    return Err(AnswerError::TooDeep);
                }
                match depth {
                    0 | 1 => enter(&start, depth, &mut envelopes, &mut found)?,
                    2 => found
                        .responses
                        .push(head(&start, position(&reader)..position(&reader))?),
                    _ => {}
                }
                depth += 1;
            }
            Event::Empty(start) => match depth {
                0 | 1 => enter(&start, depth, &mut envelopes, &mut found)?,
                2 => found.responses.push(head(&start, before..before)?),
                _ => {}
            },
            Event::End(_) => {
                // quick-xml refuses an end without its start, so this never goes below zero.
                depth = depth.saturating_sub(1);
                if depth == 2
                    && let Some(head) = found.responses.last_mut()
                {
                    head.content.end = before;
                }
            }
            Event::DocType(_) => return Err(AnswerError::DocType),
            Event::Eof if depth > 0 => return Err(AnswerError::Truncated),
            Event::Eof if envelopes == 0 => return Err(AnswerError::NotAnAnswer("it is empty".to_owned())),
            Event::Eof if envelopes == 1 => {
                return Err(AnswerError::NotAnAnswer("QBXMLMsgsRs is missing".to_owned()));
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// The two elements around the responses, each exactly once.
fn enter(
    start: &BytesStart<'_>,
    depth: usize,
    envelopes: &mut usize,
    found: &mut Found,
) -> Result<(), AnswerError> {
    let expected = ["QBXML", "QBXMLMsgsRs"][depth];
    let name = start.name();
    if name.as_ref() != expected || *envelopes != depth {
        return Err(AnswerError::NotAnAnswer(format!(
            "{} stands where one {expected} belongs",
            name.as_ref()
        )));
    }
    *envelopes += 1;
    if depth == 1 {
        found.message_set_id = attribute(start, "newMessageSetID").filter(|id| !id.is_empty());
        found.status_code =
            attribute(start, "messageSetStatusCode").and_then(|code| code.trim().parse().ok());
    }
    Ok(())
}

fn head(start: &BytesStart<'_>, content: Range<usize>) -> Result<Head, AnswerError> {
    let element = start.name().as_ref().to_owned();
    let Some(code) = attribute(start, "statusCode").and_then(|code| code.trim().parse().ok()) else {
        return Err(AnswerError::NoStatus { element });
    };
    let severity = Severity::read(attribute(start, "statusSeverity").as_deref(), code);
    let message = attribute(start, "statusMessage").unwrap_or_default();
    let remaining = attribute(start, "iteratorRemainingCount").and_then(|count| count.trim().parse().ok());
    let iterator = attribute(start, "iteratorID")
        .filter(|id| !id.is_empty())
        .map(|id| IteratorState {
            id,
            remaining: remaining.unwrap_or(0),
        });
    Ok(Head {
        element,
        request_id: attribute(start, "requestID").filter(|id| !id.is_empty()),
        status: Status {
            code,
            severity,
            message,
        },
        iterator,
        content,
    })
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = start.try_get_attribute(name).ok().flatten()?;
    // A reference we do not know is shown as it stands rather than lost.
    Some(
        attribute
            .normalized_value(quick_xml::XmlVersion::Explicit1_0)
            .map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned),
    )
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// One top-level element of a response, uncut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The element's name, `VendorRet` say.
    pub name: &'a str,
    /// The element with its content.
    pub xml: &'a str,
}

impl Piece<'_> {
    /// Reads it.
    pub fn read<T: YaDeserialize>(&self) -> Result<T, UnreadableRecord> {
        yaserde::de::from_str(self.xml).map_err(|error| UnreadableRecord {
            what: self.label(),
            why: error.to_string(),
        })
    }

    /// The text of one of its children, if it has that child and it holds only text.
    pub fn text(&self, child: &str) -> Option<String> {
        let inner = pieces_of(inside(self.xml)).find(|piece| piece.name == child)?;
        let text = inside(inner.xml);
        if text.contains('<') {
            return None;
        }
        Some(
            quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), |text| text.trim().to_owned()),
        )
    }

    /// The element with the name and the ids found in it.
    pub fn label(&self) -> String {
        let mut label = self.name.to_owned();
        if let Some(name) = self
            .text("FullName")
            .or_else(|| self.text("Name"))
            .or_else(|| self.text("RefNumber"))
        {
            label = format!("{label} \"{name}\"");
        }
        if let Some(id) = self.text("ListID").or_else(|| self.text("TxnID")) {
            label = format!("{label} ({id})");
        }
        label
    }
}

impl Response {
    /// A response with these records, for tests and stand-ins.
    pub fn ok(element: &str, content: &str) -> Self {
        Self::of(element, Status::ok(), content)
    }

    /// A response without records, for tests and stand-ins.
    pub fn failed(element: &str, code: i32, message: &str) -> Self {
        Self::of(element, Status::new(code, message), "")
    }

    /// A response with this status and content, for tests and stand-ins.
    pub fn of(element: &str, status: Status, content: &str) -> Self {
        let document: Arc<str> = Arc::from(content);
        let content = 0..document.len();
        Self {
            element: element.to_owned(),
            request_id: None,
            status,
            iterator: None,
            document,
            content,
        }
    }

    /// The same response as a page of an iterator, for tests and stand-ins.
    #[must_use]
    pub fn with_iterator(mut self, id: &str, remaining: u64) -> Self {
        self.iterator = Some(IteratorState {
            id: id.to_owned(),
            remaining,
        });
        self
    }

    /// What stands inside the response's element.
    pub fn content(&self) -> &str {
        self.document.get(self.content.clone()).unwrap_or_default()
    }

    /// Its top-level elements, one after the other.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        pieces_of(self.content())
    }

    /// Its records of one kind, read one after the other. One that cannot be read does not spoil the others.
    pub fn records<'a, T: YaDeserialize + 'a>(
        &'a self,
        name: &str,
    ) -> impl Iterator<Item = Result<T, UnreadableRecord>> + 'a {
        let name = name.to_owned();
        self.pieces()
            .filter(move |piece| piece.name == name)
            .map(|piece| piece.read())
    }

    /// The first record of one kind, if there is one: what an Add or Mod answers with.
    pub fn record<T: YaDeserialize>(&self, name: &str) -> Option<Result<T, UnreadableRecord>> {
        self.pieces()
            .find(|piece| piece.name == name)
            .map(|piece| piece.read())
    }

    /// What an Add or Mod wrote: by its record, even one we cannot read whole, or by what a status check remembers.
    pub fn written(&self, ret: &str) -> Option<ErrorRecovery> {
        let by_record = self.pieces().find(|piece| piece.name == ret).and_then(|piece| {
            Some(ErrorRecovery {
                id: piece.text("ListID").or_else(|| piece.text("TxnID"))?,
                txn_number: piece.text("TxnNumber"),
                edit_sequence: piece.text("EditSequence"),
                external_guid: piece.text("ExternalGUID"),
            })
        });
        by_record.or_else(|| self.recovery())
    }

    /// What a status check tells of a write that was done before, instead of its record.
    pub fn recovery(&self) -> Option<ErrorRecovery> {
        let found: ErrorRecoveryElement = self.record("ErrorRecovery")?.ok()?;
        Some(ErrorRecovery {
            id: found.list_id.or(found.txn_id)?,
            txn_number: found.txn_number,
            edit_sequence: found.edit_sequence,
            external_guid: found.external_guid,
        })
    }
}

/// What stands between an element's tags.
fn inside(xml: &str) -> &str {
    let start = xml.find('>').map_or(xml.len(), |at| at + 1);
    let end = xml.rfind("</").unwrap_or(xml.len());
    xml.get(start..end).unwrap_or_default()
}

fn pieces_of(content: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut reader = Reader::from_str(content);
    std::iter::from_fn(move || {
        loop {
            let before = position(&reader);
            let name = match reader.read_event().ok()? {
                Event::Start(start) => {
                    reader.read_to_end(start.name()).ok()?;
                    start.name().as_ref().len()
                }
                Event::Empty(start) => start.name().as_ref().len(),
                Event::Eof => return None,
                _ => continue,
            };
            return Some(Piece {
                name: content.get(before + 1..before + 1 + name)?,
                xml: content.get(before..position(&reader))?,
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(document: &str) -> Result<MessageSetAnswer, AnswerError> {
        read_message_set(Arc::from(document))
    }

    #[derive(Debug, PartialEq, YaDeserialize)]
    struct Thing {
        #[yaserde(rename = "ListID")]
        list_id: String,
        #[yaserde(rename = "Name")]
        name: String,
        #[yaserde(rename = "Amount")]
        amount: Option<crate::qbxml::Money>,
    }

    const ANSWER: &str = "\u{feff}\n<?xml version=\"1.0\" ?>\n<QBXML>\n<QBXMLMsgsRs newMessageSetID=\"x1\" messageSetStatusCode=\"0\">\n\
        <ThingQueryRs requestID=\"0\" statusCode=\"0\" statusSeverity=\"Info\" statusMessage=\"Status &quot;OK&quot;\" \
        iteratorRemainingCount=\"7\" iteratorID=\"{abc}\">\n\
        <ThingRet><ListID>1</ListID><Name>Caf&#233; &amp; Co</Name><Amount>12.5</Amount></ThingRet>\n\
        <OtherRet><ThingRet><ListID>nested</ListID></ThingRet></OtherRet>\
        <ThingRet><ListID>2</ListID><Name>Bad</Name><Amount>twelve</Amount></ThingRet>\
        <ThingRet><Name>No id</Name></ThingRet>\
        <ThingRet><ListID>3</ListID><Name>Undefined &nbsp;</Name></ThingRet>\
        <ThingRet><ListID>4</ListID><Name>Good</Name></ThingRet>\n\
        </ThingQueryRs>\
        <ThingAddRs statusCode=\"3100\" statusSeverity=\"Error\" statusMessage=\"taken\" />\
        <ThingModRs requestID=\"\" statusCode=\"0\" statusSeverity=\"Info\" statusMessage=\"\"><ErrorRecovery><ListID>9</ListID>\
        <EditSequence>77</EditSequence></ErrorRecovery></ThingModRs>\
        </QBXMLMsgsRs></QBXML>\n";

    #[test]
    fn responses_are_found_with_their_attributes() {
        let answer = read(ANSWER).unwrap();
        assert_eq!(answer.message_set_id.as_deref(), Some("x1"));
        assert_eq!(answer.status_code, Some(0));
        let [query, add, modify] = answer.responses.as_slice() else {
            panic!("{answer:?}")
        };
        assert_eq!(query.element, "ThingQueryRs");
        assert_eq!(query.request_id.as_deref(), Some("0"));
        assert_eq!(query.status.message, "Status \"OK\"");
        assert_eq!(
            query.iterator,
            Some(IteratorState {
                id: "{abc}".into(),
                remaining: 7
            })
        );
        assert_eq!((add.status.code, add.status.severity), (3100, Severity::Error));
        assert_eq!(add.pieces().count(), 0);
        assert_eq!(modify.request_id, None);
        let recovery = modify.recovery().unwrap();
        assert_eq!(
            (recovery.id.as_str(), recovery.edit_sequence.as_deref()),
            ("9", Some("77"))
        );
        assert!(add.recovery().is_none());
    }

    #[test]
    fn comp_16_one_unreadable_record_does_not_spoil_the_others() {
        let answer = read(ANSWER).unwrap();
        let records: Vec<_> = answer.responses[0].records::<Thing>("ThingRet").collect();
        assert_eq!(records.len(), 5);
        assert_eq!(records[0].as_ref().unwrap().name, "Café & Co");
        assert_eq!(records[0].as_ref().unwrap().amount.unwrap().to_string(), "12.50");
        assert_eq!(records[1].as_ref().unwrap_err().what, "ThingRet \"Bad\" (2)");
        assert!(
            records[1].as_ref().unwrap_err().why.contains("twelve"),
            "{:?}",
            records[1]
        );
        assert_eq!(records[2].as_ref().unwrap_err().what, "ThingRet \"No id\"");
        assert!(records[3].is_err());
        assert_eq!(records[4].as_ref().unwrap().list_id, "4");
    }

    #[test]
    fn the_guard_refuses_what_no_answer_is() {
        assert_eq!(
            read("").unwrap_err(),
            AnswerError::NotAnAnswer("it is empty".into())
        );
        assert!(matches!(
            read("<QBXML/>").unwrap_err(),
            AnswerError::NotAnAnswer(_)
        ));
        assert!(matches!(
            read("<html/>").unwrap_err(),
            AnswerError::NotAnAnswer(_)
        ));
        assert_eq!(read("<QBXML><QBXMLMsgsRs>").unwrap_err(), AnswerError::Truncated);
        assert!(matches!(
            read("<QBXML></QBXMLMsgsRs>").unwrap_err(),
            AnswerError::NotXml { .. }
        ));
        assert_eq!(
            read("<!DOCTYPE QBXML><QBXML><QBXMLMsgsRs/></QBXML>").unwrap_err(),
            AnswerError::DocType
        );
        assert!(matches!(
            read("<QBXML><QBXMLMsgsRs/><QBXMLMsgsRs/></QBXML>").unwrap_err(),
            AnswerError::NotAnAnswer(_)
        ));
        assert!(matches!(
            read("<QBXML><QBXMLMsgsRs><ARs statusCode=\"x\"/></QBXMLMsgsRs></QBXML>").unwrap_err(),
            AnswerError::NoStatus { .. }
        ));
        let deep = format!(
            "<QBXML><QBXMLMsgsRs><ARs statusCode=\"0\">{}{}</ARs></QBXMLMsgsRs></QBXML>",
            "<a>".repeat(100_000),
            "</a>".repeat(100_000)
        );
        assert_eq!(read(&deep).unwrap_err(), AnswerError::TooDeep);
        assert!(
            read("<QBXML><QBXMLMsgsRs messageSetStatusCode=\"600\" /></QBXML>")
                .unwrap()
                .responses
                .is_empty()
        );
    }

    #[test]
    fn the_published_samples_are_read() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/qbxml-samples");
        if !folder.is_dir() {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return;
        }
        let mut read_files = 0;
        for part in ["real", "synthetic"] {
            for entry in std::fs::read_dir(folder.join(part)).unwrap() {
                let path = entry.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                let answer = read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                for response in &answer.responses {
                    for piece in response.pieces() {
                        assert!(
                            piece.xml.starts_with('<') && piece.xml.ends_with('>'),
                            "{}",
                            path.display()
                        );
                    }
                }
                read_files += 1;
            }
        }
        assert!(read_files > 50, "{read_files}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(<|>|/|&|;|\"|=| |QBXML|QBXMLMsgsRs|ARs|statusCode|0|é|<QBXML>|<QBXMLMsgsRs>|<ARs statusCode=\"0\">|<BRet>|</BRet>|</ARs>|<!--|-->|\\PC){0,60}") {
            if let Ok(answer) = read(&text) {
                for response in &answer.responses {
                    for piece in response.pieces() {
                        let _ = piece.label();
                        let _ = piece.read::<Thing>();
                    }
                }
            }
        }

        #[test]
        fn names_survive_the_way_out_and_back(name in "[ -~\u{a1}-\u{ac}\u{ae}-\u{ff}]{1,40}") {
            let name = name.trim();
            let body = format!("<ListID>1</ListID><Name>{}</Name>", quick_xml::escape::escape(name));
            let document = crate::qbxml::text::ascii(&format!(
                "<QBXML><QBXMLMsgsRs><ARs statusCode=\"0\"><ThingRet>{body}</ThingRet></ARs></QBXMLMsgsRs></QBXML>"
            ));
            let answer = read(&document).unwrap();
            let thing: Thing = answer.responses[0].record("ThingRet").unwrap().unwrap();
            // yaserde trims; so do we before we send.
            prop_assert_eq!(thing.name, name);
        }
    }
}
