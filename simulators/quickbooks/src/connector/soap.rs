//! SOAP as the .NET client writes and reads it: what it accepts, what it silently takes for null, what it throws at.

use std::fmt::Write;

use super::http::Answer;
use crate::xml::{self, Node};

/// The namespace of every operation.
pub(crate) const NAMESPACE: &str = "http://developer.intuit.com/";
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// A request envelope.
pub(crate) fn request(operation: &str, parameters: &[(&str, &str)]) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"{SOAP}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soap:Body><{operation} xmlns=\"{NAMESPACE}\""
    );
    if parameters.is_empty() {
        out.push_str(" />");
    } else {
        out.push('>');
        for (name, value) in parameters {
            if value.is_empty() {
                let _ = write!(out, "<{name} />");
            } else {
                let _ = write!(out, "<{name}>");
                escape(value, &mut out);
                let _ = write!(out, "</{name}>");
            }
        }
        let _ = write!(out, "</{operation}>");
    }
    out.push_str("</soap:Body></soap:Envelope>");
    out
}

/// Raw UTF-8, never character references, but for carriage returns.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            c => out.push(c),
        }
    }
}

/// A result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Text(String),
    Int(i64),
    Array(Vec<Option<String>>),
}

/// What a method returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returns {
    Text,
    Int,
    Array,
}

/// Reads an answer as the client does, or throws its exception.
pub(crate) fn read(operation: &str, returns: Returns, answer: &Answer) -> Result<Value, String> {
    let content_type = answer.header("content-type").unwrap_or_default();
    let media = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match answer.status {
        200 | 202 | 500 => {}
        300..400 => return Err("The request failed with an empty response.".to_owned()),
        status => {
            return Err(format!(
                "The request failed with HTTP status {status}: {}.",
                answer.reason
            ));
        }
    }
    if media != "text/xml" && media != "application/soap+xml" {
        return Err(format!(
            "Client found response content type of '{content_type}', but expected 'text/xml'. The request failed with the error message: -- {}",
            String::from_utf8_lossy(&answer.body)
                .chars()
                .take(300)
                .collect::<String>()
        ));
    }
    if answer
        .header("content-encoding")
        .is_some_and(|e| !e.eq_ignore_ascii_case("identity"))
    {
        return Err("Response is not well-formed XML.".to_owned());
    }
    let text = decode(&answer.body, content_type).ok_or("Response is not well-formed XML.")?;
    if text
        .trim_start_matches('\u{FEFF}')
        .starts_with(char::is_whitespace)
    {
        return Err("Response is not well-formed XML.".to_owned());
    }
    let tree = xml::parse(&text).map_err(|e| format!("There is an error in XML document: {e}"))?;
    let root = Scoped::root(&tree.root);
    if root.local() != "Envelope" || root.namespace() != SOAP {
        return Err("Possible SOAP version mismatch: not a SOAP 1.1 envelope.".to_owned());
    }
    let body = root
        .child(SOAP, "Body")
        .ok_or("There is an error in XML document: no Body.")?;
    if let Some(fault) = body.child(SOAP, "Fault") {
        let text = fault
            .node
            .children
            .iter()
            .find(|c| c.local_name() == "faultstring");
        return Err(format!(
            "SoapException: {}",
            text.map(|t| t.text.as_str()).unwrap_or_default()
        ));
    }
    if answer.status == 500 {
        return Err("The request failed with HTTP status 500: Internal Server Error.".to_owned());
    }
    let missing = match returns {
        Returns::Int => Value::Int(0),
        Returns::Text | Returns::Array => Value::Null,
    };
    let Some(response) = body.child(NAMESPACE, &format!("{operation}Response")) else {
        return if body.children().next().is_none() {
            Ok(missing)
        } else {
            Err(format!(
                "There is an error in XML document: {operation}Response was not expected."
            ))
        };
    };
    let Some(result) = response.child(NAMESPACE, &format!("{operation}Result")) else {
        return Ok(missing);
    };
    match returns {
        Returns::Text => {
            if result.is_nil() {
                return Ok(Value::Text(String::new()));
            }
            Ok(Value::Text(result.node.text.clone()))
        }
        Returns::Int => result
            .node
            .text
            .trim()
            .parse::<i32>()
            .map(|n| Value::Int(n.into()))
            .map_err(|_| {
                format!(
                    "There is an error in XML document: {:?} is not an integer.",
                    result.node.text
                )
            }),
        Returns::Array => Ok(Value::Array(
            result
                .children()
                .filter(|c| c.local() == "string" && c.namespace() == NAMESPACE)
                .map(|c| (!c.is_nil()).then(|| c.node.text.clone()))
                .collect(),
        )),
    }
}

fn decode(bytes: &[u8], content_type: &str) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).to_ascii_lowercase();
    let declared = content_type
        .to_ascii_lowercase()
        .split_once("charset=")
        .map(|(_, c)| c.trim_matches(['"', ' ']).to_owned());
    let latin = match declared.as_deref() {
        Some(charset) => charset.contains("8859-1"),
        None => head.contains("encoding=\"iso-8859-1\""),
    };
    if latin {
        return Some(bytes.iter().map(|b| char::from(*b)).collect());
    }
    String::from_utf8(bytes.to_vec()).ok()
}

/// A node with the namespaces in scope.
#[derive(Clone)]
struct Scoped<'a> {
    node: &'a Node,
    scope: Vec<(&'a str, &'a str)>,
}

impl<'a> Scoped<'a> {
    fn root(node: &'a Node) -> Self {
        Self::inside(node, &[])
    }

    fn inside(node: &'a Node, outer: &[(&'a str, &'a str)]) -> Self {
        let mut scope = outer.to_vec();
        for (name, value) in &node.attributes {
            if name == "xmlns" {
                scope.push(("", value));
            } else if let Some(prefix) = name.strip_prefix("xmlns:") {
                scope.push((prefix, value));
            }
        }
        Self { node, scope }
    }

    fn local(&self) -> &'a str {
        self.node.local_name()
    }

    fn namespace(&self) -> &'a str {
        let prefix = self.node.name.split_once(':').map_or("", |(p, _)| p);
        self.scope
            .iter()
            .rev()
            .find(|(p, _)| *p == prefix)
            .map_or("", |(_, n)| n)
    }

    fn children(&self) -> impl Iterator<Item = Scoped<'a>> {
        let scope = self.scope.clone();
        self.node.children.iter().map(move |c| Scoped::inside(c, &scope))
    }

    fn child(&self, namespace: &str, local: &str) -> Option<Scoped<'a>> {
        self.children()
            .find(|c| c.local() == local && c.namespace() == namespace)
    }

    fn is_nil(&self) -> bool {
        self.node
            .attributes
            .iter()
            .any(|(n, v)| n.ends_with(":nil") && matches!(v.as_str(), "true" | "1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer {
            status: 200,
            reason: "OK".to_owned(),
            headers: vec![("content-type".to_owned(), "text/xml; charset=utf-8".to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    fn envelope(inner: &str) -> String {
        format!("<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"{SOAP}\"><s:Body>{inner}</s:Body></s:Envelope>")
    }

    fn text_result(inner: &str) -> Result<Value, String> {
        let body = format!("<sendRequestXMLResponse xmlns=\"{NAMESPACE}\">{inner}</sendRequestXMLResponse>");
        read("sendRequestXML", Returns::Text, &answer(&envelope(&body)))
    }

    fn int_result(inner: &str) -> Result<Value, String> {
        let body =
            format!("<receiveResponseXMLResponse xmlns=\"{NAMESPACE}\">{inner}</receiveResponseXMLResponse>");
        read("receiveResponseXML", Returns::Int, &answer(&envelope(&body)))
    }

    #[test]
    fn what_the_client_accepts() {
        let some = Ok(Value::Text("<a/>".to_owned()));
        assert_eq!(
            text_result("<sendRequestXMLResult>&lt;a/&gt;</sendRequestXMLResult>"),
            some
        );
        assert_eq!(
            text_result("<sendRequestXMLResult><![CDATA[<a/>]]></sendRequestXMLResult>"),
            some
        );
        assert_eq!(
            text_result("\n <x/><sendRequestXMLResult>&lt;a/&gt;</sendRequestXMLResult>\n"),
            some
        );
        assert_eq!(
            text_result("<sendRequestXMLResult/>"),
            Ok(Value::Text(String::new()))
        );
        assert_eq!(text_result(""), Ok(Value::Null));
        assert_eq!(
            text_result("<sendRequestXMLResult xmlns=\"\">x</sendRequestXMLResult>"),
            Ok(Value::Null)
        );
        let without_slash =
            "<sendRequestXMLResult xmlns=\"http://developer.intuit.com\">x</sendRequestXMLResult>";
        assert_eq!(text_result(without_slash), Ok(Value::Null));
        let prefixed = format!(
            "<t:sendRequestXMLResponse xmlns:t=\"{NAMESPACE}\"><t:sendRequestXMLResult>x</t:sendRequestXMLResult></t:sendRequestXMLResponse>"
        );
        assert_eq!(
            read("sendRequestXML", Returns::Text, &answer(&envelope(&prefixed))),
            Ok(Value::Text("x".to_owned()))
        );
    }

    #[test]
    fn integers() {
        let result = |text: &str| {
            int_result(&format!(
                "<receiveResponseXMLResult>{text}</receiveResponseXMLResult>"
            ))
        };
        assert_eq!(result(" 50 "), Ok(Value::Int(50)));
        assert_eq!(result("-1"), Ok(Value::Int(-1)));
        assert!(result("50.5").is_err());
        assert!(result("").is_err());
        assert_eq!(int_result(""), Ok(Value::Int(0)));
    }

    #[test]
    fn arrays() {
        let body = format!(
            "<authenticateResponse xmlns=\"{NAMESPACE}\"><authenticateResult><string>t</string><string>\n </string></authenticateResult></authenticateResponse>"
        );
        assert_eq!(
            read("authenticate", Returns::Array, &answer(&envelope(&body))),
            Ok(Value::Array(vec![Some("t".to_owned()), Some("\n ".to_owned())]))
        );
    }

    #[test]
    fn what_the_client_throws_at() {
        let good = envelope("");
        let mut plain = answer(&good);
        plain.headers[0].1 = "text/plain".to_owned();
        assert!(
            read("x", Returns::Text, &plain)
                .unwrap_err()
                .starts_with("Client found response content type")
        );
        assert!(read("x", Returns::Text, &answer(&format!("\n{good}"))).is_err());
        for status in [301, 307] {
            let moved = Answer {
                status,
                ..answer(&good)
            };
            assert_eq!(
                read("x", Returns::Text, &moved),
                Err("The request failed with an empty response.".to_owned())
            );
        }
        for status in [401, 404, 429, 503] {
            assert!(
                read(
                    "x",
                    Returns::Text,
                    &Answer {
                        status,
                        ..answer(&good)
                    }
                )
                .is_err()
            );
        }
        let mut zipped = answer(&good);
        zipped
            .headers
            .push(("content-encoding".to_owned(), "gzip".to_owned()));
        assert!(read("x", Returns::Text, &zipped).is_err());
        let fault = envelope(
            "<s:Fault><faultcode>s:Server</faultcode><faultstring>database unreachable</faultstring></s:Fault>",
        );
        for status in [200, 500] {
            let faulty = Answer {
                status,
                ..answer(&fault)
            };
            assert_eq!(
                read("x", Returns::Text, &faulty),
                Err("SoapException: database unreachable".to_owned())
            );
        }
        assert!(
            read(
                "x",
                Returns::Text,
                &Answer {
                    status: 202,
                    ..answer(&good)
                }
            )
            .is_ok()
        );
    }

    #[test]
    fn requests_look_like_those_of_the_net_client() {
        let text = request(
            "authenticate",
            &[("strUserName", "jöe"), ("strPassword", "p<&>\"w")],
        );
        assert!(text.ends_with("<authenticate xmlns=\"http://developer.intuit.com/\"><strUserName>jöe</strUserName><strPassword>p&lt;&amp;&gt;\"w</strPassword></authenticate></soap:Body></soap:Envelope>"));
        assert!(
            request("serverVersion", &[])
                .contains("<serverVersion xmlns=\"http://developer.intuit.com/\" />")
        );
    }
}
