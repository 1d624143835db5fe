//! Iterators: a frozen list of IDs, a place in it, and the filters it was started with. They die with the session.

use std::collections::HashMap;

use crate::qbxml::{document::Request, status::Status};

#[derive(Clone, Debug)]
struct Frozen {
    request: String,
    filters: String,
    serials: Vec<u64>,
    at: usize,
}

/// The iterators of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Iterators {
    open: HashMap<String, Frozen>,
}

/// One page of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    pub(crate) serials: Vec<u64>,
    pub(crate) remaining: Option<(usize, String)>,
}

/// Filters other than at `Start`: QuickBooks' answer is unknown, so the test must fail.
pub(crate) const FILTERS_CHANGED: &str = "an iterator was continued with other filters";

fn filters(request: &Request) -> String {
    fn walk(node: &crate::qbxml::validate::Checked, out: &mut String) {
        out.push_str(node.name());
        out.push('=');
        out.push_str(&node.text);
        node.children.iter().for_each(|c| walk(c, out));
        out.push(';');
    }
    let mut out = String::new();
    request.body.children.iter().for_each(|c| walk(c, &mut out));
    out
}

impl Iterators {
    /// Cuts the answer into pages. `found` is asked only at the start.
    pub(crate) fn page(
        &mut self,
        request: &Request,
        found: impl FnOnce() -> Result<Vec<u64>, Status>,
        violations: &mut Vec<String>,
    ) -> Result<Page, Status> {
        let max = request
            .body
            .text_of("MaxReturned")
            .and_then(|m| m.parse::<usize>().ok());
        let Some(step) = request.iterator.as_deref() else {
            let mut serials = found()?;
            if let Some(max) = max {
                serials.truncate(max);
            }
            return Ok(Page {
                serials,
                remaining: None,
            });
        };
        let id = match step {
            "Start" => {
                if max.is_none() {
                    return Err(Status::missing("MaxReturned"));
                }
                let serials = found()?;
                if serials.is_empty() {
                    return Ok(Page::default());
                }
                let id = format!("{{{}}}", uuid::Uuid::new_v4());
                let frozen = Frozen {
                    request: request.name.clone(),
                    filters: filters(request),
                    serials,
                    at: 0,
                };
                self.open.insert(id.clone(), frozen);
                id
            }
            _ => request.iterator_id.clone().unwrap_or_default(),
        };
        let Some(frozen) = self.open.get_mut(&id).filter(|f| f.request == request.name) else {
            return Err(Status::dead_iterator(&id));
        };
        if step == "Stop" {
            self.open.remove(&id);
            return Ok(Page {
                serials: Vec::new(),
                remaining: Some((0, id)),
            });
        }
        if frozen.filters != filters(request) {
            violations.push(format!("{}: {FILTERS_CHANGED}", request.name));
            return Err(Status::internal());
        }
        let Some(max) = max else {
            return Err(Status::missing("MaxReturned"));
        };
        let end = (frozen.at + max).min(frozen.serials.len());
        let serials = frozen.serials[frozen.at..end].to_vec();
        frozen.at = end;
        let left = frozen.serials.len() - end;
        if left == 0 {
            self.open.remove(&id);
        }
        Ok(Page {
            serials,
            remaining: Some((left, id)),
        })
    }
}
