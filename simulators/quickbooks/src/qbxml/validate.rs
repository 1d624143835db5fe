//! Form: does a request follow the table? One fault spoils the whole document.

use super::schema::{Element, Particle, Type};
use crate::xml::Node;

/// A node together with its row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) element: &'static Element,
    pub(crate) text: String,
    pub(crate) children: Vec<Checked>,
}

impl Checked {
    pub(crate) fn name(&self) -> &'static str {
        self.element.name
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|c| c.element.name == name)
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |c| c.element.name == name)
    }

    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|c| c.text.as_str())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.text_of(name), Some("true" | "1"))
    }

    /// The texts of all children of that name.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        self.children
            .iter()
            .filter(|c| c.element.name == name)
            .map(|c| c.text.as_str())
            .collect()
    }
}

/// Matches a node against its element. `None` is a fault in form, which QuickBooks does not explain.
pub(crate) fn validate(node: &Node, element: &'static Element, version: u32) -> Option<Checked> {
    let group = !element.content.is_empty();
    // A macro may be defined on a transaction; using one is not modelled.
    let macro_allowed = element.name.ends_with("Add") && group;
    if node
        .attributes
        .iter()
        .any(|(name, _)| !(macro_allowed && name == "defMacro"))
    {
        return None;
    }
    if !group {
        return node.children.is_empty().then(|| Checked {
            element,
            text: if element.kind == Type::Text(None) || matches!(element.kind, Type::Text(_)) {
                node.text.clone()
            } else {
                node.text.trim().to_owned()
            },
            children: Vec::new(),
        });
    }
    if !node.text.chars().all(char::is_whitespace) {
        return None;
    }
    let mut matcher = Matcher {
        nodes: &node.children,
        at: 0,
        version,
        out: Vec::new(),
    };
    matcher.sequence(&element.content)?;
    (matcher.at == node.children.len()).then_some(Checked {
        element,
        text: String::new(),
        children: matcher.out,
    })
}

struct Matcher<'a> {
    nodes: &'a [Node],
    at: usize,
    version: u32,
    out: Vec<Checked>,
}

impl Matcher<'_> {
    fn sequence(&mut self, particles: &'static [Particle]) -> Option<()> {
        particles.iter().try_for_each(|particle| self.particle(particle))
    }

    fn particle(&mut self, particle: &'static Particle) -> Option<()> {
        match particle {
            Particle::One(element) => {
                let mut count = 0;
                while element.since <= self.version
                    && (count == 0 || element.many)
                    && self.nodes.get(self.at).is_some_and(|n| n.name == element.name)
                {
                    let checked = validate(&self.nodes[self.at], element, self.version)?;
                    self.out.push(checked);
                    self.at += 1;
                    count += 1;
                }
                (count > 0 || !element.required).then_some(())
            }
            Particle::Choice {
                required,
                many,
                alternatives,
            } => {
                let mut count = 0;
                while count == 0 || *many {
                    let Some(next) = self.nodes.get(self.at) else {
                        break;
                    };
                    let Some(chosen) = alternatives.iter().find(|a| starts(a, &next.name)) else {
                        break;
                    };
                    self.sequence(chosen)?;
                    count += 1;
                }
                let may_be_empty = !required || alternatives.iter().any(|a| a.iter().all(nullable));
                (count > 0 || may_be_empty).then_some(())
            }
        }
    }
}

/// Whether the sequence can begin with that name.
fn starts(particles: &[Particle], name: &str) -> bool {
    for particle in particles {
        let hit = match particle {
            Particle::One(element) => element.name == name,
            Particle::Choice { alternatives, .. } => alternatives.iter().any(|a| starts(a, name)),
        };
        if hit {
            return true;
        }
        if !nullable(particle) {
            return false;
        }
    }
    false
}

fn nullable(particle: &Particle) -> bool {
    match particle {
        Particle::One(element) => !element.required,
        Particle::Choice {
            required,
            alternatives,
            ..
        } => !required || alternatives.iter().any(|a| a.iter().all(nullable)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{qbxml::schema, xml};

    fn valid(request: &str) -> bool {
        valid_in(request, 130)
    }

    fn valid_in(request: &str, version: u32) -> bool {
        let tree = xml::parse(request).unwrap();
        let message = schema::message(&tree.root.name).unwrap();
        validate(&tree.root, &message.root, version).is_some()
    }

    #[test]
    fn order_and_cardinality_count() {
        assert!(valid(
            "<VendorAddRq><VendorAdd><Name>A</Name><Phone>1</Phone></VendorAdd></VendorAddRq>"
        ));
        assert!(!valid(
            "<VendorAddRq><VendorAdd><Phone>1</Phone><Name>A</Name></VendorAdd></VendorAddRq>"
        ));
        assert!(!valid(
            "<VendorAddRq><VendorAdd><Name>A</Name><Name>B</Name></VendorAdd></VendorAddRq>"
        ));
        assert!(!valid(
            "<VendorAddRq><VendorAdd><Phone>1</Phone></VendorAdd></VendorAddRq>"
        ));
        assert!(!valid(
            "<VendorAddRq><VendorAdd><Name>A</Name><Nickname>B</Nickname></VendorAdd></VendorAddRq>"
        ));
        assert!(!valid("<VendorAddRq/>"));
    }

    #[test]
    fn versions_count() {
        let titled = "<VendorAddRq><VendorAdd><Name>A</Name><JobTitle>B</JobTitle></VendorAdd></VendorAddRq>";
        assert!(valid_in(titled, 120));
        assert!(!valid_in(titled, 110));
    }

    #[test]
    fn choices_exclude_each_other() {
        assert!(valid("<VendorQueryRq/>"));
        assert!(valid(
            "<VendorQueryRq><FullName>A</FullName><FullName>B</FullName></VendorQueryRq>"
        ));
        assert!(!valid(
            "<VendorQueryRq><FullName>A</FullName><MaxReturned>1</MaxReturned></VendorQueryRq>"
        ));
        assert!(valid(
            "<VendorQueryRq><MaxReturned>1</MaxReturned><ActiveStatus>All</ActiveStatus><NameRangeFilter><FromName>A</FromName></NameRangeFilter><IncludeRetElement>Name</IncludeRetElement></VendorQueryRq>"
        ));
        assert!(!valid(
            "<ItemServiceAddRq><ItemServiceAdd><Name>A</Name></ItemServiceAdd></ItemServiceAddRq>"
        ));
        assert!(valid(
            "<BillQueryRq><TxnDateRangeFilter><FromTxnDate>2026-01-01</FromTxnDate></TxnDateRangeFilter><IncludeLineItems>true</IncludeLineItems></BillQueryRq>"
        ));
        assert!(valid(
            "<BillAddRq><BillAdd><VendorRef><FullName>A</FullName></VendorRef><ItemLineAdd><Desc>A</Desc></ItemLineAdd><ItemLineAdd><Desc>B</Desc></ItemLineAdd></BillAdd></BillAddRq>"
        ));
        assert!(!valid(
            "<BillAddRq><BillAdd><VendorRef><FullName>A</FullName></VendorRef><ItemLineAdd/><ExpenseLineAdd/></BillAdd></BillAddRq>"
        ));
    }
}
