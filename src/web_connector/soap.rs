//! SOAP 1.1 as the Web Connector speaks it: read by hand, written from one template per operation.
//!
//! Reading is lenient about what cannot hurt (prefixes, RPC style, unknown parameters, missing parameters) and strict
//! about what can (DTDs, depth, size, elements of foreign shape). Results carry no whitespace: the client would keep it.

use std::{borrow::Cow, sync::Arc};

use quick_xml::{
    NsReader,
    escape::{escape, resolve_xml_entity},
    events::Event,
    name::{Namespace, ResolveResult},
};
use secrecy::SecretString;

/// The namespace of all operations (with the slash).
pub const NAMESPACE: &str = "http://developer.intuit.com/";
const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Envelope, body, operation, parameter: nothing in a call lies deeper.
const MAX_DEPTH: usize = 8;

/// Why a request body is not a call of ours. These alone are answered with a fault.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SoapError {
    /// The body is not UTF-8.
    #[error("the request is not UTF-8 text")]
    NotUtf8,
    /// Not well-formed, or cut off.
    #[error("the request is not well-formed XML: {0}")]
    Malformed(String),
    /// A document type declaration; it could hold an entity bomb.
    #[error("the request contains a document type declaration, which is refused")]
    DocumentType,
    /// Nested deeper than any call.
    #[error("the request is nested more than {MAX_DEPTH} elements deep")]
    TooDeep,
    /// No SOAP 1.1 envelope and body.
    #[error("the request is not a SOAP 1.1 envelope with a body")]
    NotSoap,
    /// The body is empty.
    #[error("the SOAP body holds no operation")]
    NoOperation,
    /// An operation this service does not have.
    #[error("this service has no operation {0:?}; its operations are described at ?wsdl")]
    UnknownOperation(String),
    /// A parameter that must be a number is none.
    #[error("parameter {name} must be a whole number")]
    NotANumber {
        /// Which.
        name: &'static str,
    },
}

/// A call of the Web Connector (qbwc-protocol.md §2). Absent and empty parameters are the same: empty.
#[derive(Debug)]
pub enum Call {
    /// First call of a session.
    ServerVersion,
    /// Second call.
    ClientVersion {
        /// The Web Connector's version, `2.3.0.215` say.
        version: String,
    },
    /// Third call.
    Authenticate {
        /// User.
        user: String,
        /// Password.
        password: SecretString,
    },
    /// "What shall I ask QuickBooks?"
    SendRequestXml {
        /// Session.
        ticket: String,
        /// Host, company and preferences, on the first call of a session.
        hcp_response: String,
        /// The open company file's path.
        company_file: String,
        /// Country.
        country: String,
        /// The request processor's highest qbXML version.
        version: Option<(u16, u16)>,
    },
    /// "This is what QuickBooks answered."
    ReceiveResponseXml {
        /// Session.
        ticket: String,
        /// qbXML.
        response: Arc<str>,
        /// Set if QuickBooks threw.
        hresult: String,
        /// Its text.
        message: String,
    },
    /// QuickBooks or the company file could not be opened.
    ConnectionError {
        /// Session.
        ticket: String,
        /// Which error.
        hresult: String,
        /// Its text.
        message: String,
    },
    /// "What went wrong?"
    GetLastError {
        /// Session.
        ticket: String,
    },
    /// End of the session.
    CloseConnection {
        /// Session.
        ticket: String,
    },
    /// Interactive mode; never asked for by us.
    GetInteractiveUrl,
    /// Interactive mode.
    InteractiveDone {
        /// The name it was called by: the Guide and Intuit's samples differ.
        operation: &'static str,
    },
    /// Interactive mode.
    InteractiveRejected,
    /// Named in the Guide only; answered like `serverVersion`.
    GetServerVersion,
}

impl Call {
    /// The operation's name, for logs and metrics.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::ServerVersion => "serverVersion",
            Self::ClientVersion { .. } => "clientVersion",
            Self::Authenticate { .. } => "authenticate",
            Self::SendRequestXml { .. } => "sendRequestXML",
            Self::ReceiveResponseXml { .. } => "receiveResponseXML",
            Self::ConnectionError { .. } => "connectionError",
            Self::GetLastError { .. } => "getLastError",
            Self::CloseConnection { .. } => "closeConnection",
            Self::GetInteractiveUrl => "getInteractiveURL",
            Self::InteractiveDone { operation } => operation,
            Self::InteractiveRejected => "interactiveRejected",
            Self::GetServerVersion => "getServerVersion",
        }
    }
}

/// The parameters of a call, by local name.
#[derive(Default)]
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn take(&mut self, name: &str) -> String {
        let value = self
            .0
            .iter_mut()
            .find(|(given, _)| given == name)
            .map(|(_, value)| std::mem::take(value))
            .unwrap_or_default();
        // No XML has it and no database takes it; refusing the call would lose QuickBooks' answer.
        if value.contains('\0') {
            value.replace('\0', "\u{fffd}")
        } else {
            value
        }
    }

    fn number(&mut self, name: &'static str) -> Result<Option<u16>, SoapError> {
        let text = self.take(name);
        match text.trim() {
            "" => Ok(None),
            number => number
                .parse()
                .map(Some)
                .map_err(|_| SoapError::NotANumber { name }),
        }
    }
}

/// Reads a call from a request body.
pub fn read_call(body: &[u8]) -> Result<Call, SoapError> {
    let text = std::str::from_utf8(body).map_err(|_| SoapError::NotUtf8)?;
    let (operation, mut given) = read_operation(text.trim_start_matches('\u{feff}').trim_start())?;
    Ok(match operation.as_str() {
        "serverVersion" => Call::ServerVersion,
        "clientVersion" => Call::ClientVersion {
            version: given.take("strVersion"),
        },
        "authenticate" => Call::Authenticate {
            user: given.take("strUserName"),
            password: SecretString::from(given.take("strPassword")),
        },
        "sendRequestXML" => {
            let major = given.number("qbXMLMajorVers")?;
            let minor = given.number("qbXMLMinorVers")?;
            Call::SendRequestXml {
                ticket: given.take("ticket"),
                hcp_response: given.take("strHCPResponse"),
                company_file: given.take("strCompanyFileName"),
                country: given.take("qbXMLCountry"),
                version: major.map(|major| (major, minor.unwrap_or(0))),
            }
        }
        "receiveResponseXML" => Call::ReceiveResponseXml {
            ticket: given.take("ticket"),
            response: given.take("response").into(),
            hresult: given.take("hresult").trim().to_owned(),
            message: given.take("message"),
        },
        "connectionError" => Call::ConnectionError {
            ticket: given.take("ticket"),
            hresult: given.take("hresult").trim().to_owned(),
            message: given.take("message"),
        },
        "getLastError" => Call::GetLastError {
            ticket: given.take("ticket"),
        },
        "closeConnection" => Call::CloseConnection {
            ticket: given.take("ticket"),
        },
        "getInteractiveURL" => Call::GetInteractiveUrl,
        "interactiveDone" => Call::InteractiveDone {
            operation: "interactiveDone",
        },
        "isInteractiveDone" => Call::InteractiveDone {
            operation: "isInteractiveDone",
        },
        "interactiveRejected" => Call::InteractiveRejected,
        "getServerVersion" => Call::GetServerVersion,
        _ => return Err(SoapError::UnknownOperation(operation.chars().take(100).collect())),
    })
}

/// Where the reader stands.
fn read_operation(text: &str) -> Result<(String, Parameters), SoapError> {
    let malformed = |error: quick_xml::Error| SoapError::Malformed(error.to_string());
    let mut reader = NsReader::from_str(text);
    let mut depth = 0_usize;
    let mut in_body = false;
    let mut operation: Option<String> = None;
    let mut parameters = Parameters::default();
    let mut value: Option<(String, String)> = None;
    let mut finished = false;
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(malformed)?;
        let soap = matches!(namespace, ResolveResult::Bound(Namespace(ENVELOPE)));
        match event {
            Event::DocType(_) => return Err(SoapError::DocumentType),
            Event::Start(_) if depth >= MAX_DEPTH => return Err(SoapError::TooDeep),
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                open(depth, soap, &name, &mut in_body, &mut operation, &mut value)?;
                depth += 1;
            }
            Event::Empty(start) => {
                let name = start.local_name().as_ref().to_owned();
                open(depth, soap, &name, &mut in_body, &mut operation, &mut value)?;
                if depth == 3
                    && let Some(value) = value.take()
                {
                    parameters.0.push(value);
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == 3
                    && let Some(value) = value.take()
                {
                    parameters.0.push(value);
                }
                finished |= depth == 0;
            }
            Event::Text(text) => {
                if let Some((_, value)) = &mut value {
                    value.push_str(&text.xml10_content());
                }
            }
            Event::CData(data) => {
                if let Some((_, value)) = &mut value {
                    value.push_str(&data.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                if let Some((_, value)) = &mut value {
                    value.push_str(&dereference(&reference)?);
                }
            }
            Event::Eof if depth > 0 => return Err(SoapError::Malformed("it is cut off".to_owned())),
            Event::Eof if !finished => return Err(SoapError::NotSoap),
            Event::Eof => {
                return operation
                    .map(|name| (name, parameters))
                    .ok_or(SoapError::NoOperation);
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn open(
    depth: usize,
    soap: bool,
    name: &str,
    in_body: &mut bool,
    operation: &mut Option<String>,
    value: &mut Option<(String, String)>,
) -> Result<(), SoapError> {
    match depth {
        0 if !(soap && name == "Envelope") => return Err(SoapError::NotSoap),
        1 => *in_body = soap && name == "Body",
        2 if *in_body && operation.is_none() => *operation = Some(name.to_owned()),
        3 if *in_body => *value = Some((name.to_owned(), String::new())),
        _ => {}
    }
    Ok(())
}

fn dereference(reference: &quick_xml::events::BytesRef<'_>) -> Result<Cow<'static, str>, SoapError> {
    let malformed = |what: String| SoapError::Malformed(what);
    if let Some(character) = reference
        .resolve_char_ref()
        .map_err(|error| malformed(error.to_string()))?
    {
        return Ok(Cow::Owned(character.to_string()));
    }
    let name: &str = reference;
    resolve_xml_entity(name)
        .map(Cow::Borrowed)
        .ok_or_else(|| malformed(format!("entity &{};", name.chars().take(40).collect::<String>())))
}

/// What a call returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A string.
    Text(String),
    /// A whole number.
    Number(i32),
    /// Strings; `authenticate` alone.
    Texts(Vec<String>),
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

const HEAD: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>"#
);
const TAIL: &str = "</soap:Body></soap:Envelope>";

/// Writes the answer to a call of `operation`.
pub fn write_reply(operation: &str, reply: &Reply) -> String {
    let content = match reply {
        Reply::Text(text) => text_content(text),
        Reply::Number(number) => number.to_string(),
        Reply::Texts(texts) => texts.iter().fold(String::new(), |out, text| {
            out + "<string>" + &text_content(text) + "</string>"
        }),
    };
    format!(
        r#"{HEAD}<{operation}Response xmlns="{NAMESPACE}"><{operation}Result>{content}</{operation}Result></{operation}Response>{TAIL}"#
    )
}

/// Writes a fault. `client` says whose fault it is.
pub fn write_fault(client: bool, words: &str) -> String {
    let code = if client { "soap:Client" } else { "soap:Server" };
    format!(
        "{HEAD}<soap:Fault><faultcode>{code}</faultcode><faultstring>{}</faultstring></soap:Fault>{TAIL}",
        text_content(words)
    )
}

/// Escaped, without characters XML cannot hold; a carriage return survives as a reference.
fn text_content(text: &str) -> String {
    let clean: Cow<'_, str> = if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        Cow::Owned(
            text.chars()
                .filter(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r'))
                .collect(),
        )
    } else {
        Cow::Borrowed(text)
    };
    escape(clean.as_ref()).replace('\r', "&#13;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    fn envelope(body: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{ENVELOPE}"><soap:Body>{body}</soap:Body></soap:Envelope>"#
        )
    }

    #[test]
    fn reads_authenticate_as_the_dotnet_client_sends_it() {
        let body = envelope(
            r#"<authenticate xmlns="http://developer.intuit.com/"><strUserName>jöe</strUserName><strPassword>p&lt;&amp;&gt;"w</strPassword></authenticate>"#,
        );
        let Ok(Call::Authenticate { user, password }) = read_call(body.as_bytes()) else {
            panic!("not authenticate")
        };
        assert_eq!(user, "jöe");
        assert_eq!(password.expose_secret(), "p<&>\"w");
    }

    #[test]
    fn reads_rpc_style_and_other_prefixes() {
        let body = format!(
            r#"<s:Envelope xmlns:s="{ENVELOPE}" xmlns:t="http://developer.intuit.com/"><s:Header/><s:Body><t:closeConnection><ticket>abc</ticket></t:closeConnection></s:Body></s:Envelope>"#
        );
        assert!(
            matches!(read_call(body.as_bytes()), Ok(Call::CloseConnection { ticket }) if ticket == "abc")
        );
    }

    #[test]
    fn missing_and_empty_parameters_are_empty() {
        let body = envelope(
            r#"<receiveResponseXML xmlns="http://developer.intuit.com/"><ticket>t</ticket><hresult /></receiveResponseXML>"#,
        );
        let Ok(Call::ReceiveResponseXml {
            response, hresult, ..
        }) = read_call(body.as_bytes())
        else {
            panic!("not receiveResponseXML")
        };
        assert_eq!((&*response, hresult.as_str()), ("", ""));
    }

    #[test]
    fn what_is_no_call_is_refused_with_its_reason() {
        assert_eq!(read_call(b"\xff").unwrap_err(), SoapError::NotUtf8);
        assert_eq!(read_call(b"").unwrap_err(), SoapError::NotSoap);
        assert_eq!(read_call(b"<x/>").unwrap_err(), SoapError::NotSoap);
        assert_eq!(
            read_call(envelope("").as_bytes()).unwrap_err(),
            SoapError::NoOperation
        );
        assert!(matches!(
            read_call(envelope("<formatDisk/>").as_bytes()),
            Err(SoapError::UnknownOperation(name)) if name == "formatDisk"
        ));
        let cut = envelope("<serverVersion/>");
        assert!(matches!(
            read_call(&cut.as_bytes()[..cut.len() - 20]),
            Err(SoapError::Malformed(_))
        ));
        let bomb = format!(
            r#"<!DOCTYPE x [<!ENTITY a "aaaa">]>{}"#,
            envelope("<serverVersion/>").split_once("?>").unwrap().1
        );
        assert_eq!(read_call(bomb.as_bytes()).unwrap_err(), SoapError::DocumentType);
        let entity = envelope("<closeConnection><ticket>&bomb;</ticket></closeConnection>");
        assert!(matches!(
            read_call(entity.as_bytes()),
            Err(SoapError::Malformed(_))
        ));
        let deep = envelope(&"<a>".repeat(50_000));
        assert_eq!(read_call(deep.as_bytes()).unwrap_err(), SoapError::TooDeep);
        let number = envelope("<sendRequestXML><qbXMLMajorVers>x</qbXMLMajorVers></sendRequestXML>");
        assert!(matches!(
            read_call(number.as_bytes()),
            Err(SoapError::NotANumber { .. })
        ));
    }

    #[test]
    fn replies_carry_no_whitespace_between_tags() {
        let texts = Reply::Texts(vec!["{t}".to_owned(), String::new()]);
        insta::assert_snapshot!(write_reply("authenticate", &texts), @r#"<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><authenticateResponse xmlns="http://developer.intuit.com/"><authenticateResult><string>{t}</string><string></string></authenticateResult></authenticateResponse></soap:Body></soap:Envelope>"#);
        insta::assert_snapshot!(write_reply("receiveResponseXML", &Reply::Number(-1)), @r#"<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><receiveResponseXMLResponse xmlns="http://developer.intuit.com/"><receiveResponseXMLResult>-1</receiveResponseXMLResult></receiveResponseXMLResponse></soap:Body></soap:Envelope>"#);
    }

    proptest! {
        #[test]
        fn any_text_survives_the_way_out_and_in(text in "\\PC*|[a-z<>&\"'\r\n\té漢😀]{0,60}") {
            let reply = write_reply("clientVersion", &Reply::Text(text.clone()));
            let call = reply
                .replace("clientVersionResponse", "closeConnection")
                .replace("clientVersionResult", "ticket");
            let read = read_call(call.as_bytes());
            prop_assert!(matches!(&read, Ok(Call::CloseConnection { ticket }) if *ticket == text), "{text:?} {read:?}");
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_call(&bytes);
        }
    }
}
