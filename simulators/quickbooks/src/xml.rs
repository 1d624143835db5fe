//! A small strict XML reader: text to tree. It serves qbXML documents, SOAP answers and `.qwc` files.

use std::ops::Range;

use quick_xml::{Reader, events::Event};

/// How deep a document may nest: far more than any message needs.
const MAX_DEPTH: usize = 64;

/// An element.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// As written, prefix included.
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// All text directly inside.
    pub(crate) text: String,
    pub(crate) children: Vec<Node>,
    /// Where its content stands in the source.
    pub(crate) inner: Range<usize>,
}

/// A document.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Processing instructions before the root: target and content.
    pub(crate) instructions: Vec<(String, String)>,
    pub(crate) root: Node,
}

impl Node {
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|c| c.name == name)
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.as_str())
    }

    /// The name without prefix.
    pub(crate) fn local_name(&self) -> &str {
        self.name
            .split_once(':')
            .map_or(self.name.as_str(), |(_, local)| local)
    }
}

fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}'))
}

fn push_text(stack: &mut [Node], text: &str) -> Result<(), String> {
    if let Some(bad) = text.chars().find(|c| !is_xml_char(*c)) {
        return Err(format!(
            "the character U+{:04X} is not allowed in XML",
            u32::from(bad)
        ));
    }
    match stack.last_mut() {
        Some(node) => node.text.push_str(text),
        None if text.chars().all(char::is_whitespace) => {}
        None => return Err("text outside the root element".to_owned()),
    }
    Ok(())
}

/// Reads a whole document. DTDs are refused, as are unknown entities.
pub(crate) fn parse(source: &str) -> Result<Tree, String> {
    let text = source.strip_prefix('\u{FEFF}').unwrap_or(source);
    let skipped = source.len() - text.len();
    if text.starts_with(char::is_whitespace) && text.trim_start().starts_with("<?xml") {
        return Err("white space before the XML declaration".to_owned());
    }
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_comments = true;
    config.expand_empty_elements = true;
    let mut stack: Vec<Node> = Vec::new();
    let mut instructions = Vec::new();
    let mut root = None;
    let position = |reader: &Reader<&[u8]>| usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
    loop {
        let before = position(&reader);
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(start) => {
                if root.is_some() && stack.is_empty() {
                    return Err("more than one root element".to_owned());
                }
                if stack.len() >= MAX_DEPTH {
                    return Err("nested too deep".to_owned());
                }
                let mut node = Node {
                    name: start.name().as_ref().to_owned(),
                    ..Node::default()
                };
                for attribute in start.attributes() {
                    let attribute = attribute.map_err(|e| e.to_string())?;
                    let value = attribute
                        .normalized_value(quick_xml::XmlVersion::Explicit1_0)
                        .map_err(|e| e.to_string())?;
                    if value.chars().any(|c| !is_xml_char(c)) {
                        return Err("a character not allowed in XML".to_owned());
                    }
                    node.attributes
                        .push((attribute.key.as_ref().to_owned(), value.into_owned()));
                }
                let at = position(&reader) + skipped;
                node.inner = at..at;
                stack.push(node);
            }
            Event::End(_) => {
                let Some(mut node) = stack.pop() else {
                    return Err("an end tag without start".to_owned());
                };
                node.inner.end = (before + skipped).max(node.inner.start);
                match stack.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None => root = Some(node),
                }
            }
            Event::Text(content) => {
                let raw: &str = &content;
                if raw.contains('\r') {
                    push_text(&mut stack, &raw.replace("\r\n", "\n").replace('\r', "\n"))?;
                } else {
                    push_text(&mut stack, raw)?;
                }
            }
            Event::CData(content) => push_text(&mut stack, &content)?,
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().map_err(|e| e.to_string())? {
                    Some(c) => c,
                    None => match reference.as_ref() {
                        "lt" => '<',
                        "gt" => '>',
                        "amp" => '&',
                        "quot" => '"',
                        "apos" => '\'',
                        other => return Err(format!("unknown entity {other}")),
                    },
                };
                push_text(&mut stack, resolved.encode_utf8(&mut [0; 4]))?;
            }
            Event::PI(instruction) if root.is_none() && stack.is_empty() => {
                instructions.push((
                    instruction.target().to_owned(),
                    instruction.content().trim().to_owned(),
                ));
            }
            Event::DocType(_) => return Err("a document type is not allowed".to_owned()),
            Event::Eof => break,
            _ => {}
        }
    }
    if !stack.is_empty() {
        return Err("an element is not closed".to_owned());
    }
    Ok(Tree {
        instructions,
        root: root.ok_or("no root element")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_refuses() {
        let tree = parse("<?xml version=\"1.0\"?><?qbxml version=\"13.0\"?><A b=\"1&amp;2\"><C>x&#233;<![CDATA[<y>]]></C><D/></A>").unwrap();
        assert_eq!(tree.instructions[0].0, "qbxml");
        assert_eq!(tree.root.attribute("b"), Some("1&2"));
        assert_eq!(tree.root.child("C").unwrap().text, "xé<y>");
        for bad in [
            "",
            "<A>",
            "<A></B>",
            "<A/><B/>",
            "\n<?xml version=\"1.0\"?><A/>",
            "<A>&#0;</A>",
            "<A>&#1;</A>",
            "<A>&nbsp;</A>",
            "<!DOCTYPE A><A/>",
            "x<A/>",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn knows_where_the_content_stands() {
        let text = "<A><B x=\"1\"><C/> y</B></A>";
        let tree = parse(text).unwrap();
        assert_eq!(&text[tree.root.children[0].inner.clone()], "<C/> y");
    }
}
