//! How a request is made from a typed model.

use yaserde::YaSerialize;

use super::{Access, Request};

impl Request {
    /// A request whose content is the content of `model`: its fields in their order, which must be the schema's.
    /// Fields that are `None` are left out; texts are escaped here and must be folded already.
    pub fn new(element: &'static str, access: Access, model: &impl YaSerialize) -> Self {
        let body =
            yaserde::ser::to_string_content(model).expect("a model is written to memory, which cannot fail");
        Self {
            element,
            attributes: Vec::new(),
            body,
            access,
        }
    }

    /// A query without content.
    pub fn bare(element: &'static str) -> Self {
        Self {
            element,
            attributes: Vec::new(),
            body: String::new(),
            access: Access::Read,
        }
    }

    /// The first page of a query: at most `max` records. Only for queries with filters (qbxml.md §3); `MaxReturned`
    /// stands before every filter and is put there.
    #[must_use]
    pub fn iterator_start(self, max: u16) -> Self {
        self.page(max, vec![("iterator", "Start".to_owned())])
    }

    /// The next page: the same filters and the same `max` as at the start, and the id from the last answer.
    #[must_use]
    pub fn iterator_continue(self, id: &str, max: u16) -> Self {
        self.page(
            max,
            vec![("iterator", "Continue".to_owned()), ("iteratorID", id.to_owned())],
        )
    }

    fn page(mut self, max: u16, attributes: Vec<(&'static str, String)>) -> Self {
        self.attributes.extend(attributes);
        self.body
            .insert_str(0, &format!("<MaxReturned>{max}</MaxReturned>"));
        self
    }
}
