//! The table of messages (`messages.table`), read once.
//!
//! It says which elements a request may hold, in which order, how often, of which type and length, since which
//! version, and in which order the objects of an answer print their fields.

use std::{collections::HashMap, sync::LazyLock};

/// What an element may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Text(Option<usize>),
    Int,
    Bool,
    Amount,
    Price,
    Quantity,
    Percent,
    Date,
    DateTime,
    Id,
    Guid,
    Float,
    Interval,
    /// The values, as written in the table: `A|B|C`.
    Enum(&'static str),
    /// `ListID?, FullName?`
    Reference,
    /// Any other element with children.
    Group,
}

/// One element, with what may stand inside it.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) many: bool,
    pub(crate) kind: Type,
    /// Version × 10: 130 is 13.0.
    pub(crate) since: u32,
    /// Editions that take the field but ignore it.
    pub(crate) ignored_in: &'static str,
    pub(crate) content: Vec<Particle>,
}

/// A place in a sequence.
#[derive(Debug)]
pub(crate) enum Particle {
    One(Element),
    Choice {
        required: bool,
        many: bool,
        alternatives: Vec<Vec<Particle>>,
    },
}

/// A request, or an object of an answer.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) iterator: bool,
    pub(crate) meta_data: bool,
    pub(crate) root: Element,
}

static SCHEMA: LazyLock<HashMap<&'static str, Message>> =
    LazyLock::new(|| read(include_str!("messages.table")));

/// The message or object of that name.
pub(crate) fn message(name: &str) -> Option<&'static Message> {
    SCHEMA.get(name)
}

/// The elements directly inside, in order, whatever choice they stand in.
pub(crate) fn inside(element: &'static Element) -> Vec<&'static Element> {
    fn walk(particles: &'static [Particle], out: &mut Vec<&'static Element>) {
        for particle in particles {
            match particle {
                Particle::One(element) => out.push(element),
                Particle::Choice { alternatives, .. } => {
                    for alternative in alternatives {
                        walk(alternative, out);
                    }
                }
            }
        }
    }
    let mut out = Vec::new();
    walk(&element.content, &mut out);
    out
}

/// The element of that name directly inside.
pub(crate) fn child(element: &'static Element, name: &str) -> Option<&'static Element> {
    inside(element).into_iter().find(|e| e.name == name)
}

struct Lines {
    all: Vec<(usize, &'static str)>,
    at: usize,
    enums: HashMap<&'static str, &'static str>,
}

fn read(table: &'static str) -> HashMap<&'static str, Message> {
    let mut enums = HashMap::new();
    let mut lines = Vec::new();
    for line in table.lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if let Some(definition) = line.strip_prefix('%') {
            if let Some((name, values)) = definition.split_once(' ') {
                enums.insert(name, values);
            }
            continue;
        }
        let text = line.trim_start();
        lines.push((line.len() - text.len(), text));
    }
    let mut lines = Lines {
        all: lines,
        at: 0,
        enums,
    };
    let mut messages = HashMap::new();
    while let Some(&(_, text)) = lines.all.get(lines.at) {
        let mut root = element(&mut lines, 0);
        root.kind = Type::Group;
        let attributes = text
            .split_whitespace()
            .find_map(|w| w.strip_prefix('@'))
            .unwrap_or_default();
        messages.insert(
            root.name,
            Message {
                iterator: attributes.split(',').any(|a| a == "iterator"),
                meta_data: attributes.split(',').any(|a| a == "metaData"),
                root,
            },
        );
    }
    messages
}

fn particles(lines: &mut Lines, depth: usize) -> Vec<Particle> {
    let mut out = Vec::new();
    while let Some(&(indent, text)) = lines.all.get(lines.at) {
        if indent != depth || text == "|" || text == ")" {
            break;
        }
        if let Some(mark) = text.strip_prefix('(') {
            lines.at += 1;
            let mut alternatives = vec![particles(lines, depth)];
            while let Some(&(_, separator)) = lines.all.get(lines.at) {
                lines.at += 1;
                if separator == ")" {
                    break;
                }
                alternatives.push(particles(lines, depth));
            }
            out.push(Particle::Choice {
                required: mark.is_empty() || mark == "+",
                many: mark == "*" || mark == "+",
                alternatives,
            });
        } else {
            out.push(Particle::One(element(lines, depth)));
        }
    }
    out
}

fn element(lines: &mut Lines, depth: usize) -> Element {
    let (_, text) = lines.all[lines.at];
    lines.at += 1;
    let mut words = text.split_whitespace();
    let named = words.next().unwrap_or_default();
    let name = named.trim_end_matches(['?', '*', '+']);
    let mark = &named[name.len()..];
    let mut out = Element {
        name,
        required: mark.is_empty() || mark == "+",
        many: mark == "*" || mark == "+",
        kind: Type::Group,
        since: 10,
        ignored_in: "",
        content: Vec::new(),
    };
    for word in words {
        if let Some(version) = word.strip_prefix('v').and_then(version) {
            out.since = version;
        } else if let Some(editions) = word.strip_prefix("not=") {
            out.ignored_in = editions;
        } else if !word.starts_with('@') {
            let (kind, rest) = word.split_once(':').unwrap_or((word, ""));
            let max = rest.parse().ok();
            out.kind = match kind {
                "int" => Type::Int,
                "bool" => Type::Bool,
                "amt" => Type::Amount,
                "price" => Type::Price,
                "quan" => Type::Quantity,
                "pct" => Type::Percent,
                "date" => Type::Date,
                "datetime" => Type::DateTime,
                "id" => Type::Id,
                "guid" => Type::Guid,
                "float" => Type::Float,
                "time" => Type::Interval,
                "enum" => Type::Enum(
                    rest.strip_prefix('%')
                        .map_or(rest, |named| lines.enums.get(named).copied().unwrap_or_default()),
                ),
                "ref" => {
                    out.content = vec![leaf("ListID", Type::Id), leaf("FullName", Type::Text(max))];
                    Type::Reference
                }
                "addr" | "addrblock" => {
                    out.content = address(kind == "addr");
                    Type::Group
                }
                _ => Type::Text(max),
            };
        }
    }
    if out.kind == Type::Group && out.content.is_empty() {
        out.content = particles(lines, depth + 1);
    }
    out
}

fn leaf(name: &'static str, kind: Type) -> Particle {
    Particle::One(Element {
        name,
        required: false,
        many: false,
        kind,
        since: 10,
        ignored_in: "",
        content: Vec::new(),
    })
}

fn address(whole: bool) -> Vec<Particle> {
    let mut out: Vec<Particle> = ["Addr1", "Addr2", "Addr3", "Addr4", "Addr5"]
        .into_iter()
        .map(|line| leaf(line, Type::Text(Some(41))))
        .collect();
    if whole {
        for (name, max) in [
            ("City", 31),
            ("State", 21),
            ("PostalCode", 13),
            ("Country", 31),
            ("Note", 41),
        ] {
            out.push(leaf(name, Type::Text(Some(max))));
        }
    }
    out
}

/// `13.0` as 130.
pub(crate) fn version(text: &str) -> Option<u32> {
    let (major, minor) = text.split_once('.')?;
    if minor.len() != 1 {
        return None;
    }
    Some(major.parse::<u32>().ok()? * 10 + minor.parse::<u32>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let bill = message("BillAddRq").unwrap();
        let body = child(&bill.root, "BillAdd").unwrap();
        let names: Vec<_> = inside(body).iter().map(|e| e.name).collect();
        assert_eq!(&names[..3], ["VendorRef", "VendorAddress", "APAccountRef"]);
        assert!(names.contains(&"ItemGroupLineAdd"));
        assert_eq!(child(body, "RefNumber").unwrap().kind, Type::Text(Some(20)));
        assert!(message("VendorQueryRq").unwrap().iterator);
        assert!(!message("AccountQueryRq").unwrap().iterator);
        assert!(message("BillPaymentCheckRet").is_some());
    }
}
