//! A request document: processing instruction, version, attributes, the requests in order.

use super::{
    schema,
    text::Charset,
    validate::{Checked, validate},
};
use crate::xml;

/// What to do after a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    Stop,
    Continue,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `VendorAddRq`.
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) meta_data: Option<String>,
    pub(crate) iterator: Option<String>,
    pub(crate) iterator_id: Option<String>,
    pub(crate) body: Checked,
}

/// A message set.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) new_set: Option<String>,
    pub(crate) old_set: Option<String>,
    pub(crate) on_error: OnError,
    pub(crate) include_none: bool,
    /// The bytes between the start and the end tag of the set.
    pub(crate) content: String,
    pub(crate) requests: Vec<Request>,
}

/// How the reader is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Highest version × 10.
    pub(crate) highest_version: u32,
    pub(crate) charset: Charset,
    /// Refuse every raw character above 127, not only those outside the character set.
    pub(crate) ascii_only: bool,
}

/// Reads a document. `None` is HRESULT 0x80040400: QuickBooks names no place, but the reason is traced.
pub(crate) fn read(text: &str, rules: Rules) -> Result<Document, String> {
    if let Some(bad) = text
        .chars()
        .find(|c| *c != '\u{FEFF}' && !c.is_ascii() && (rules.ascii_only || !rules.charset.holds(*c)))
    {
        return Err(format!("the raw character {bad:?}"));
    }
    let tree = xml::parse(text)?;
    let version = tree
        .instructions
        .iter()
        .find(|(target, _)| target == "qbxml")
        .and_then(|(_, content)| {
            content
                .strip_prefix("version=")?
                .trim()
                .get(1..)?
                .strip_suffix(['"', '\''])
        })
        .ok_or("no qbxml processing instruction before the root")?;
    let number =
        schema::version(version.trim_start_matches("CA ")).ok_or_else(|| format!("version {version}"))?;
    if !SUPPORTED.contains(&number) || number > rules.highest_version {
        return Err(format!("version {version} is not supported"));
    }
    if tree.root.name != "QBXML" || !tree.root.attributes.is_empty() || !tree.root.text.trim().is_empty() {
        return Err("the root must be a bare QBXML".to_owned());
    }
    let [set] = tree.root.children.as_slice() else {
        return Err("one QBXMLMsgsRq, no more".to_owned());
    };
    if set.name != "QBXMLMsgsRq" || !set.text.trim().is_empty() {
        return Err("QBXMLMsgsRq expected".to_owned());
    }
    for (name, _) in &set.attributes {
        if !matches!(
            name.as_str(),
            "onError" | "newMessageSetID" | "oldMessageSetID" | "responseData"
        ) {
            return Err(format!("attribute {name}"));
        }
    }
    let on_error = match set.attribute("onError") {
        Some("stopOnError") => OnError::Stop,
        Some("continueOnError") => OnError::Continue,
        other => return Err(format!("onError {other:?}")),
    };
    let include_none = match set.attribute("responseData") {
        None | Some("includeAll") => false,
        Some("includeNone") => true,
        Some(other) => return Err(format!("responseData {other}")),
    };
    let mut requests = Vec::new();
    for node in &set.children {
        let known = schema::message(&node.name).filter(|_| node.name.ends_with("Rq"));
        let message = known.ok_or_else(|| format!("unknown request {}", node.name))?;
        if message.root.since > number {
            return Err(format!("{} is unknown to {version}", node.name));
        }
        let mut request = Request {
            name: node.name.clone(),
            id: None,
            meta_data: None,
            iterator: None,
            iterator_id: None,
            body: Checked {
                element: &message.root,
                text: String::new(),
                children: Vec::new(),
            },
        };
        for (name, value) in &node.attributes {
            let value = Some(value.clone());
            match name.as_str() {
                "requestID" => request.id = value,
                "metaData" if message.meta_data => {
                    if !matches!(
                        value.as_deref(),
                        Some("NoMetaData" | "MetaDataOnly" | "MetaDataAndResponseData")
                    ) {
                        return Err("metaData".to_owned());
                    }
                    request.meta_data = value;
                }
                "iterator" if message.iterator && number >= 50 => {
                    if !matches!(value.as_deref(), Some("Start" | "Continue" | "Stop")) {
                        return Err("iterator".to_owned());
                    }
                    request.iterator = value;
                }
                "iteratorID" if message.iterator && number >= 50 => request.iterator_id = value,
                other => return Err(format!("attribute {other} of {}", node.name)),
            }
        }
        let mut bare = node.clone();
        bare.attributes.clear();
        request.body = validate(&bare, &message.root, number)
            .ok_or_else(|| format!("{} does not follow the schema", node.name))?;
        requests.push(request);
    }
    Ok(Document {
        new_set: set.attribute("newMessageSetID").map(str::to_owned),
        old_set: set.attribute("oldMessageSetID").map(str::to_owned),
        on_error,
        include_none,
        content: text[set.inner.clone()].to_owned(),
        requests,
    })
}

/// Versions × 10 that exist.
pub(crate) const SUPPORTED: [u32; 20] = [
    10, 11, 20, 21, 30, 40, 41, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170,
];

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        highest_version: 130,
        charset: Charset::Latin1,
        ascii_only: false,
    };

    fn document(set: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<?qbxml version=\"13.0\"?>\n<QBXML>{set}</QBXML>"
        )
    }

    #[test]
    fn the_instruction_and_the_version_are_needed() {
        let good =
            document("<QBXMLMsgsRq onError=\"stopOnError\"><HostQueryRq requestID=\"1\"/></QBXMLMsgsRq>");
        let read_good = read(&good, RULES).unwrap();
        assert_eq!(read_good.requests[0].id.as_deref(), Some("1"));
        assert_eq!(read_good.content, "<HostQueryRq requestID=\"1\"/>");
        assert!(read(&good.replace("<?qbxml version=\"13.0\"?>", ""), RULES).is_err());
        assert!(read(&good.replace("13.0", "14.0"), RULES).is_err());
        assert!(read(&good.replace("13.0", "13.5"), RULES).is_err());
        assert!(read(&good.replace("stopOnError", "rollbackOnError"), RULES).is_err());
        assert!(read(&good.replace(" onError=\"stopOnError\"", ""), RULES).is_err());
        assert!(read(&good.replace("HostQueryRq", "GhostQueryRq"), RULES).is_err());
        assert!(read(&good.replace("requestID", "requestId"), RULES).is_err());
    }

    #[test]
    fn raw_characters_must_fit() {
        let with = |name: &str| {
            document(&format!(
                "<QBXMLMsgsRq onError=\"stopOnError\"><VendorQueryRq><FullName>{name}</FullName></VendorQueryRq></QBXMLMsgsRq>"
            ))
        };
        assert!(read(&with("é"), RULES).is_ok());
        assert!(
            read(
                &with("é"),
                Rules {
                    ascii_only: true,
                    ..RULES
                }
            )
            .is_err()
        );
        assert!(read(&with("漢"), RULES).is_err());
        assert!(read(&with("&#28450;"), RULES).is_ok());
        assert!(read(&with("&#0;"), RULES).is_err());
    }

    #[test]
    fn iterators_only_where_they_exist() {
        let set = |request: &str| {
            document(&format!(
                "<QBXMLMsgsRq onError=\"stopOnError\">{request}</QBXMLMsgsRq>"
            ))
        };
        assert!(read(&set("<VendorQueryRq iterator=\"Start\"/>"), RULES).is_ok());
        assert!(read(&set("<AccountQueryRq iterator=\"Start\"/>"), RULES).is_err());
        assert!(read(&set("<VendorQueryRq iterator=\"Begin\"/>"), RULES).is_err());
    }
}
