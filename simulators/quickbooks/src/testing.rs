//! Helpers of the unit tests.

use serde_json::Value as Json;

use crate::{
    CompanyOptions,
    company_file::{invariants, seed},
    quickbooks::{Hresult, QuickBooks},
    settings::Settings,
};

/// A company file with one open session.
pub(crate) struct Books {
    pub(crate) qb: QuickBooks,
    session: u64,
}

impl Books {
    pub(crate) fn new() -> Self {
        let now = crate::clock::Clock::default().now();
        let mut qb = QuickBooks::new(
            seed::new_file(CompanyOptions::default(), now),
            Settings::default(),
        );
        let session = qb.begin_session("Test", "").unwrap();
        Self { qb, session }
    }

    pub(crate) fn new_session(&mut self) {
        self.qb.end_session(self.session);
        self.session = self.qb.begin_session("Test", "").unwrap();
    }

    pub(crate) fn document(&mut self, text: &str) -> Result<String, Hresult> {
        self.qb.process(self.session, text)
    }

    /// Runs requests in a set with these attributes.
    pub(crate) fn set(&mut self, attributes: &str, requests: &str) -> Result<String, Hresult> {
        self.document(&format!(
            "<?xml version=\"1.0\"?><?qbxml version=\"13.0\"?><QBXML><QBXMLMsgsRq onError=\"stopOnError\" {attributes}>{requests}</QBXMLMsgsRq></QBXML>"
        ))
    }

    pub(crate) fn run(&mut self, request: &str) -> String {
        self.set("", request).unwrap()
    }

    pub(crate) fn ok(&mut self, request: &str) -> String {
        self.fails(0, request)
    }

    pub(crate) fn fails(&mut self, code: u32, request: &str) -> String {
        let answer = self.run(request);
        assert_eq!(
            attribute(&answer, "statusCode"),
            code.to_string(),
            "{request}\n{answer}"
        );
        answer
    }

    pub(crate) fn settings(&mut self, patch: &Json) {
        self.qb.settings.merge(patch).unwrap();
    }

    pub(crate) fn advance(&mut self, seconds: i64) {
        self.qb.clock.advance(seconds);
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.qb.violations.clone()
    }

    /// Asserts the invariants.
    pub(crate) fn sound(&self) {
        assert_eq!(invariants::broken(&self.qb.file), Vec::<String>::new());
    }
}

pub(crate) fn attribute(answer: &str, name: &str) -> String {
    let start = format!(" {name}=\"");
    answer
        .split_once(&start)
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(v, _)| v.to_owned())
        .unwrap_or_default()
}

pub(crate) fn texts(answer: &str, name: &str) -> Vec<String> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    answer
        .split(&start)
        .skip(1)
        .filter_map(|rest| rest.split_once(&end))
        .map(|(v, _)| v.to_owned())
        .collect()
}

pub(crate) fn text(answer: &str, name: &str) -> String {
    texts(answer, name).into_iter().next().unwrap_or_default()
}
