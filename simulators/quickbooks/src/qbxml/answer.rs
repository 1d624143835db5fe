//! Writing the answer: responses in order, ASCII, one element a line.

use std::fmt::Write;

use super::{status::Status, text::escape};

/// An element of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Out {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) children: Vec<Out>,
    /// Reports alone have attributes.
    pub(crate) attributes: Vec<(&'static str, String)>,
}

impl Out {
    pub(crate) fn leaf(name: &'static str, text: impl Into<String>) -> Self {
        Self {
            name,
            text: text.into(),
            ..Self::default()
        }
    }

    pub(crate) fn group(name: &'static str, children: Vec<Self>) -> Self {
        Self {
            name,
            children,
            ..Self::default()
        }
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.name);
        for (name, value) in &self.attributes {
            let _ = write!(out, " {name}=\"");
            escape(value, out);
            out.push('"');
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str(" />\n");
            return;
        }
        out.push('>');
        if self.children.is_empty() {
            escape(&self.text, out);
        } else {
            out.push('\n');
            for child in &self.children {
                child.write(out);
            }
        }
        out.push_str("</");
        out.push_str(self.name);
        out.push_str(">\n");
    }
}

/// One `*Rs`.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// `VendorAddRs`.
    pub(crate) name: String,
    pub(crate) request_id: Option<String>,
    pub(crate) status: Status,
    pub(crate) attributes: Vec<(&'static str, String)>,
    pub(crate) body: Vec<Out>,
}

/// The attributes of the response's message set.
#[derive(Clone, Debug, Default)]
pub(crate) struct SetStatus {
    pub(crate) new_set: Option<String>,
    pub(crate) code: Option<u32>,
}

/// The whole document.
pub(crate) fn write(set: &SetStatus, responses: &[Response]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" ?>\n<QBXML>\n<QBXMLMsgsRs");
    let attribute = |out: &mut String, name: &str, value: &str| {
        let _ = write!(out, " {name}=\"");
        escape(value, out);
        out.push('"');
    };
    if let Some(id) = &set.new_set {
        attribute(&mut out, "newMessageSetID", id);
    }
    if let Some(code) = set.code {
        attribute(&mut out, "messageSetStatusCode", &code.to_string());
    }
    if responses.is_empty() {
        out.push_str(" />\n</QBXML>\n");
        return out;
    }
    out.push_str(">\n");
    for response in responses {
        let _ = write!(out, "<{}", response.name);
        if let Some(id) = &response.request_id {
            attribute(&mut out, "requestID", id);
        }
        attribute(&mut out, "statusCode", &response.status.code.to_string());
        attribute(&mut out, "statusSeverity", response.status.severity());
        attribute(&mut out, "statusMessage", &response.status.message);
        for (name, value) in &response.attributes {
            attribute(&mut out, name, value);
        }
        if response.body.is_empty() {
            out.push_str(" />\n");
        } else {
            out.push_str(">\n");
            for element in &response.body {
                element.write(&mut out);
            }
            let _ = writeln!(out, "</{}>", response.name);
        }
    }
    out.push_str("</QBXMLMsgsRs>\n</QBXML>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_quickbooks_does() {
        let response = Response {
            name: "VendorQueryRs".to_owned(),
            request_id: Some("1".to_owned()),
            status: Status::ok(),
            attributes: vec![("iteratorRemainingCount", "2".to_owned())],
            body: vec![Out::group("VendorRet", vec![Out::leaf("Name", "Café")])],
        };
        let text = write(
            &SetStatus {
                new_set: Some("x".to_owned()),
                code: Some(0),
            },
            &[response],
        );
        assert_eq!(
            text,
            "<?xml version=\"1.0\" ?>\n<QBXML>\n<QBXMLMsgsRs newMessageSetID=\"x\" messageSetStatusCode=\"0\">\n<VendorQueryRs requestID=\"1\" statusCode=\"0\" statusSeverity=\"Info\" statusMessage=\"Status OK\" iteratorRemainingCount=\"2\">\n<VendorRet>\n<Name>Caf&#233;</Name>\n</VendorRet>\n</VendorQueryRs>\n</QBXMLMsgsRs>\n</QBXML>\n"
        );
    }
}
