//! Pages and filters of lists.

use std::ops::Range;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use crate::{
    call::{Call, Params},
    errors::put_header,
    store::record::Record,
};

/// The generation of an endpoint: it decides page sizes and the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// A bare array; this many rows unless asked otherwise; 2000 at most.
    V1(usize),
    /// `{"data": […]}`, 10 rows unless asked otherwise, 100 at most.
    V2,
}

/// One page out of `total` rows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    number: usize,
    size: usize,
    total: usize,
}

impl Page {
    fn asked(params: &Params, generation: Generation, replaced: Option<usize>, total: usize) -> Self {
        let (usual, most) = match generation {
            Generation::V1(usual) => (usual, 2000),
            Generation::V2 => (10, 100),
        };
        let number = params
            .int("page")
            .and_then(|page| usize::try_from(page).ok())
            .unwrap_or(1)
            .max(1);
        let size = params
            .int("per_page")
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| *size > 0);
        Self {
            number,
            size: size.unwrap_or(replaced.unwrap_or(usual)).min(most),
            total,
        }
    }

    fn last(&self) -> usize {
        self.total.div_ceil(self.size).max(1)
    }

    /// The rows of this page; `shift` says by how many the list has moved since page one.
    fn rows(&self, shift: i64) -> Range<usize> {
        let mut start = (self.number - 1).saturating_mul(self.size);
        if self.number > 1 {
            let moved = usize::try_from(shift.unsigned_abs()).unwrap_or_default();
            start = if shift < 0 {
                start.saturating_sub(moved)
            } else {
                start + moved
            };
        }
        let start = start.min(self.total);
        start..(start + self.size).min(self.total)
    }

    /// `first`, `prev`, `next`, `last`; no `next` on the last page, no `first` and `prev` on the first.
    fn links(&self, here: &str, params: &Params) -> String {
        let link = |relation: &str, number: usize| {
            let query = params.with(&[("page", number.to_string()), ("per_page", self.size.to_string())]);
            format!("<{here}?{query}>; rel=\"{relation}\"")
        };
        let mut links = Vec::new();
        if self.number > 1 {
            links.push(link("first", 1));
            links.push(link("prev", self.number - 1));
        }
        if self.number < self.last() {
            links.push(link("next", self.number + 1));
        }
        links.push(link("last", self.last()));
        links.join(", ")
    }
}

/// Answers one page of `rows`, drawing only those on it.
pub(crate) fn answer<T>(
    call: &Call,
    generation: Generation,
    rows: &[T],
    draw: impl Fn(&T) -> Value,
) -> Response {
    let (replaced, shift) = {
        let world = call.sim.world();
        (world.settings.default_page_size, world.settings.page_shift)
    };
    let page = Page::asked(&call.params, generation, replaced, rows.len());
    let drawn: Vec<Value> = rows[page.rows(shift)].iter().map(draw).collect();
    let body = if generation == Generation::V2 {
        json!({"data": drawn})
    } else {
        json!(drawn)
    };
    let mut response = Json(body).into_response();
    put_header(&mut response, "total", &page.total.to_string());
    put_header(&mut response, "per-page", &page.size.to_string());
    put_header(&mut response, "link", &page.links(&call.here(), &call.params));
    response
}

/// The filters all lists of records understand. Others are ignored, as Procore ignores them.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    ids: Vec<i64>,
    origin_ids: Vec<String>,
    statuses: Vec<String>,
    search: Option<String>,
    created: Option<(DateTime<Utc>, DateTime<Utc>)>,
    updated: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Filters {
    pub(crate) fn of(params: &Params) -> Self {
        let texts = |key: &str| params.all(key).into_iter().map(str::to_owned).collect();
        Self {
            ids: params
                .all("filters[id]")
                .into_iter()
                .filter_map(|id| id.parse().ok())
                .collect(),
            origin_ids: texts("filters[origin_id]"),
            statuses: texts("filters[status]"),
            search: params.get("filters[search]").map(str::to_lowercase),
            created: params.get("filters[created_at]").and_then(range),
            updated: params.get("filters[updated_at]").and_then(range),
        }
    }

    pub(crate) fn let_through(&self, record: &Record) -> bool {
        let within = |range: Option<(DateTime<Utc>, DateTime<Utc>)>, at| {
            range.is_none_or(|(from, to)| from <= at && at <= to)
        };
        (self.ids.is_empty() || self.ids.contains(&record.id))
            && (self.origin_ids.is_empty()
                || record
                    .origin
                    .id
                    .as_ref()
                    .is_some_and(|id| self.origin_ids.contains(id)))
            && (self.statuses.is_empty()
                || self.statuses.iter().any(|status| status == record.text("status")))
            && self
                .search
                .as_ref()
                .is_none_or(|text| record.text("name").to_lowercase().contains(text))
            && within(self.created, record.created_at)
            && within(self.updated, record.updated_at)
    }
}

/// `A...B`, both ends included, with or without quotes around it; a lone day means all of it.
pub(crate) fn range(text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let text = text.trim().trim_matches('"');
    let (from, to) = text.split_once("...").unwrap_or((text, text));
    Some((moment(from, false)?, moment(to, true)?))
}

fn moment(text: &str, end: bool) -> Option<DateTime<Utc>> {
    let text = text.trim().trim_matches('"');
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.with_timezone(&Utc));
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let time = if end {
        day.and_hms_opt(23, 59, 59)?
    } else {
        day.and_hms_opt(0, 0, 0)?
    };
    Some(time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::of(&format!("http://x/y?{query}").parse().unwrap())
    }

    #[test]
    fn the_first_page_has_no_way_back_and_the_last_none_forward() {
        let first = Page::asked(&params("page=1&per_page=2"), Generation::V1(20), None, 5);
        assert_eq!(first.rows(0), 0..2);
        let links = first.links("http://x/y", &params("per_page=2"));
        assert!(links.contains("rel=\"next\"") && links.contains("rel=\"last\""));
        assert!(!links.contains("rel=\"first\"") && !links.contains("rel=\"prev\""));
        let last = Page::asked(&params("page=3&per_page=2"), Generation::V1(20), None, 5);
        assert_eq!(last.rows(0), 4..5);
        let links = last.links("http://x/y", &params("page=3&per_page=2"));
        assert!(!links.contains("rel=\"next\"") && links.contains("rel=\"prev\""));
    }

    #[test]
    fn v2_pages_are_small() {
        assert_eq!(Page::asked(&params(""), Generation::V2, None, 500).size, 10);
        assert_eq!(
            Page::asked(&params("per_page=900"), Generation::V2, None, 500).size,
            100
        );
    }

    #[test]
    fn ranges_take_quotes_and_bare_days() {
        let (from, to) = range("\"2026-01-01T00:00:00Z...2026-01-02T00:00:00Z\"").unwrap();
        assert_eq!((to - from).num_hours(), 24);
        let (from, to) = range("2026-01-01...2026-01-01").unwrap();
        assert_eq!((to - from).num_seconds(), 86_399);
        assert!(range("yesterday").is_none());
    }
}
