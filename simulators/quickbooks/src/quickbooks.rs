//! QuickBooks itself: an open company file, sessions, and `ProcessRequest`: document in, document or HRESULT out.

use std::collections::{BTreeMap, HashMap};

use crate::{
    clock::Clock,
    company_file::CompanyFile,
    execute::{self, Outcome},
    faults::{Faults, Point},
    iterators::Iterators,
    message_sets::{Decision, StoredResponse},
    qbxml::{
        answer::{self, Response, SetStatus},
        document::{self, OnError, Rules},
        schema,
        status::Status,
    },
    settings::Settings,
};

/// An exception of the request processor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct Hresult {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Hresult {
    pub(crate) fn new(code: &str, message: Option<String>) -> Self {
        let message = message.unwrap_or_else(|| meaning(code).to_owned());
        Self {
            code: code.to_owned(),
            message,
        }
    }

    pub(crate) fn parse() -> Self {
        Self::new("0x80040400", None)
    }
}

fn meaning(code: &str) -> &'static str {
    match code.to_ascii_lowercase().as_str() {
        "0x80040400" => "QuickBooks found an error when parsing the provided XML text stream.",
        "0x80040401" => "Could not access QuickBooks.",
        "0x80040402" => "Unexpected error. Check the qbsdklog.txt file for possible, additional information.",
        "0x80040403" => "Could not open the specified QuickBooks company data file.",
        "0x80040408" => "Could not start QuickBooks.",
        "0x80040409" => "This version of QuickBooks cannot work with that company data file.",
        "0x8004040a" => {
            "QuickBooks company data file is already open and it is different from the one requested or there are multiple company files open."
        }
        "0x8004040d" => "The ticket parameter is invalid.",
        "0x80040410" => {
            "The QuickBooks company data file is currently open in a mode other than the one specified by your application."
        }
        "0x80040414" => {
            "A modal dialog box is showing in the QuickBooks user interface. Your application cannot access QuickBooks until the user dismisses the dialog box."
        }
        "0x80040416" => {
            "If QuickBooks is not running, a call to the \"BeginSession\" method must include the name of the QuickBooks company data file."
        }
        "0x80040418" => {
            "This application has not accessed this QuickBooks company data file before. The QuickBooks administrator must grant an application permission to access a QuickBooks company data file for the first time."
        }
        "0x8004041a" => {
            "This application does not have permission to access this QuickBooks company data file."
        }
        "0x8004041d" => "There is no automatic login permission granted to this application.",
        "0x80040420" => "The QuickBooks user has denied access.",
        "0x80040422" => {
            "This application requires Single User file access mode and there is already another application sharing data with this QuickBooks company data file."
        }
        _ => "QuickBooks reported an error.",
    }
}

/// An open session of one application.
#[derive(Debug)]
struct Session {
    application: String,
    iterators: Iterators,
}

/// QuickBooks with the file that is open in it.
#[derive(Debug)]
pub(crate) struct QuickBooks {
    pub(crate) file: CompanyFile,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    /// Things no test may do; each makes the test wrong.
    pub(crate) violations: Vec<String>,
    pub(crate) backups: BTreeMap<String, CompanyFile>,
    pub(crate) requests: u64,
    sessions: HashMap<u64, Session>,
    next_session: u64,
}

impl QuickBooks {
    pub(crate) fn new(file: CompanyFile, settings: Settings) -> Self {
        Self {
            file,
            settings,
            clock: Clock::default(),
            faults: Faults::default(),
            violations: Vec::new(),
            backups: BTreeMap::new(),
            requests: 0,
            sessions: HashMap::new(),
            next_session: 0,
        }
    }

    /// Opens a session. `path` must be empty or name the file that is open.
    pub(crate) fn begin_session(&mut self, application: &str, path: &str) -> Result<u64, Hresult> {
        if let Some(fault) = self.faults.strike(Point::BeginSession, application) {
            return Err(Hresult::new(
                fault.hresult.as_deref().unwrap_or("0x80040408"),
                fault.text,
            ));
        }
        if !path.is_empty() && !path.eq_ignore_ascii_case(&self.file.company.path) {
            return Err(Hresult::new("0x8004040A", None));
        }
        self.next_session += 1;
        let session = Session {
            application: application.to_owned(),
            iterators: Iterators::default(),
        };
        self.sessions.insert(self.next_session, session);
        Ok(self.next_session)
    }

    /// Closes a session: its iterators are gone.
    pub(crate) fn end_session(&mut self, session: u64) {
        self.sessions.remove(&session);
    }

    /// The file was closed under them.
    pub(crate) fn end_all_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Whether a document has the right form, and why not.
    pub(crate) fn read(&self, text: &str) -> Result<document::Document, String> {
        document::read(
            text,
            Rules {
                highest_version: schema::version(&self.file.company.highest_qbxml_version).unwrap_or(130),
                charset: self.settings.charset,
                ascii_only: self.settings.ascii_only,
            },
        )
    }

    /// Executes a document.
    pub(crate) fn process(&mut self, session: u64, text: &str) -> Result<String, Hresult> {
        let Some(application) = self.sessions.get(&session).map(|s| s.application.clone()) else {
            return Err(Hresult::new("0x8004040D", None));
        };
        if let Some(fault) = self.faults.strike(Point::BeforeExecution, text) {
            return Err(Hresult::new(
                fault.hresult.as_deref().unwrap_or("0x80040402"),
                fault.text,
            ));
        }
        self.requests += 1;
        let document = match self.read(text) {
            Ok(document) => document,
            Err(reason) => {
                tracing::info!(reason, "QuickBooks found an error when parsing");
                return Err(Hresult::parse());
            }
        };
        let rule = self.settings.unknown_old_set_executes;
        let decision = self.file.message_sets.decide(&application, &document, rule);
        let mut set = SetStatus {
            new_set: document.new_set.clone(),
            code: None,
        };
        let responses = match decision {
            Decision::Refuse(code) => {
                set.code = Some(code);
                Vec::new()
            }
            Decision::Stored(stored) => {
                set.code = Some(0);
                stored.into_iter().map(status_check).collect()
            }
            Decision::Execute { code } => {
                set.code = code;
                let outcomes = self.execute(session, &document, text);
                if let Some(id) = &document.new_set {
                    if self.faults.strike(Point::SetNotStored, text).is_some() {
                        set.code = Some(9005);
                    } else {
                        let lost = self.faults.strike(Point::SetResponseLost, text).is_some();
                        let stored =
                            (!lost).then(|| outcomes.iter().map(|(stored, _)| stored.clone()).collect());
                        self.file
                            .message_sets
                            .store(&application, id, &document.content, stored);
                    }
                }
                outcomes.into_iter().map(|(_, response)| response).collect()
            }
        };
        let text_out = answer::write(&set, &responses);
        if let Some(fault) = self.faults.strike(Point::AfterCommit, text) {
            return Err(Hresult::new(
                fault.hresult.as_deref().unwrap_or("0x80040402"),
                fault.text,
            ));
        }
        Ok(text_out)
    }

    fn execute(
        &mut self,
        session: u64,
        document: &document::Document,
        text: &str,
    ) -> Vec<(StoredResponse, Response)> {
        let mut stopped = false;
        let mut unreadable = self.faults.strike(Point::UnreadableRecord, text);
        let mut out = Vec::new();
        for request in &document.requests {
            let outcome = if stopped {
                Err(Status::not_processed())
            } else if let Some(fault) = self.faults.strike(Point::RequestStatus, &request.name) {
                Err(Status::new(
                    fault.status,
                    fault.text.unwrap_or_else(|| Status::internal().message),
                ))
            } else {
                let mut iterators = self
                    .sessions
                    .get_mut(&session)
                    .map(|s| std::mem::take(&mut s.iterators))
                    .unwrap_or_default();
                let outcome = execute::run(self, &mut iterators, request);
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.iterators = iterators;
                }
                outcome
            };
            let mut outcome = outcome.unwrap_or_else(|status| Outcome {
                status,
                ..Outcome::default()
            });
            if outcome.status.is_error() && document.on_error == OnError::Stop {
                stopped = true;
            }
            let damaged = unreadable.as_ref().is_some_and(|fault| {
                execute::damage(&mut outcome.body, fault.text.as_deref().unwrap_or("enum"))
            });
            if damaged {
                unreadable = None;
            }
            let name = format!("{}s", request.name.trim_end_matches('q'));
            let request_id = match &request.id {
                None if self.settings.empty_request_id => Some(String::new()),
                given => given.clone(),
            };
            let stored = StoredResponse {
                name: name.clone(),
                request_id: request_id.clone(),
                status: outcome.status.clone(),
                recovery: outcome.recovery,
            };
            let body = if document.include_none {
                Vec::new()
            } else {
                outcome.body
            };
            let response = Response {
                name,
                request_id,
                status: outcome.status,
                attributes: outcome.attributes,
                body,
            };
            out.push((stored, response));
        }
        out
    }
}

fn status_check(stored: StoredResponse) -> Response {
    Response {
        name: stored.name,
        request_id: stored.request_id,
        status: stored.status,
        attributes: Vec::new(),
        body: stored.recovery.map(|r| r.out()).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        faults::Fault,
        testing::{Books, attribute, texts},
    };

    const TWO: &str = "<VendorAddRq requestID=\"1\"><VendorAdd><Name>A</Name></VendorAdd></VendorAddRq><VendorAddRq requestID=\"2\"><VendorAdd><Name>a</Name></VendorAdd></VendorAddRq><VendorAddRq requestID=\"3\"><VendorAdd><Name>B</Name></VendorAdd></VendorAddRq>";

    fn codes(answer: &str) -> Vec<String> {
        answer
            .split("<VendorAddRs ")
            .skip(1)
            .map(|r| attribute(&format!(" {r}"), "statusCode"))
            .collect()
    }

    #[test]
    fn the_store_answers_the_second_time() {
        let mut books = Books::new();
        let first = books.set("newMessageSetID=\"x\"", TWO).unwrap();
        assert_eq!(codes(&first), ["0", "3100", "3231"]);
        let again = books.set("newMessageSetID=\"x\"", TWO).unwrap();
        assert_eq!(codes(&again), ["0", "3100", "3231"]);
        assert!(again.contains("<ErrorRecovery>") && !again.contains("<VendorRet>"));
        assert_eq!(texts(&first, "ListID"), texts(&again, "ListID"));
        let asked = books
            .set("newMessageSetID=\"x\" oldMessageSetID=\"x\"", "")
            .unwrap();
        assert_eq!(codes(&asked), ["0", "3100", "3231"]);
        let other = books.set("newMessageSetID=\"x\"", "<HostQueryRq/>").unwrap();
        assert_eq!(attribute(&other, "messageSetStatusCode"), "9001");
        // The trap: the old ID alone deletes the record and executes.
        let trapped = books.set("oldMessageSetID=\"x\"", TWO).unwrap();
        assert_eq!(
            (
                attribute(&trapped, "messageSetStatusCode"),
                codes(&trapped)[0].clone()
            ),
            ("0".to_owned(), "3100".to_owned())
        );
        books.sound();
    }

    #[test]
    fn the_store_survives_sessions_and_goes_with_a_restore() {
        let mut books = Books::new();
        let before = books.qb.file.clone();
        books.set("newMessageSetID=\"x\"", TWO).unwrap();
        books.new_session();
        assert!(
            books
                .set("newMessageSetID=\"x\"", TWO)
                .unwrap()
                .contains("<ErrorRecovery>")
        );
        books.qb.file = before;
        assert!(
            books
                .set("newMessageSetID=\"x\"", TWO)
                .unwrap()
                .contains("<VendorRet>")
        );
    }

    #[test]
    fn one_fault_in_form_executes_nothing() {
        let mut books = Books::new();
        let bad =
            format!("{TWO}<VendorAddRq><VendorAdd><Phone>1</Phone><Name>Z</Name></VendorAdd></VendorAddRq>");
        assert_eq!(books.set("", &bad).unwrap_err().code, "0x80040400");
        books.fails(1, "<VendorQueryRq/>");
    }

    #[test]
    fn include_none_and_request_ids() {
        let mut books = Books::new();
        let answer = books.set("responseData=\"includeNone\"", TWO).unwrap();
        assert!(!answer.contains("<VendorRet>"));
        let long = "x".repeat(51);
        books.fails(1060, &format!("<HostQueryRq requestID=\"{long}\"/>"));
        assert!(!books.ok("<HostQueryRq/>").contains("requestID"));
    }

    #[test]
    fn locks_pass_and_records_are_damaged() {
        let mut books = Books::new();
        let added = books.ok("<VendorAddRq><VendorAdd><Name>A</Name></VendorAdd></VendorAddRq>");
        let (id, sequence) = (
            texts(&added, "ListID")[0].clone(),
            texts(&added, "EditSequence")[0].clone(),
        );
        books.qb.file.locks.insert(id.clone(), 1);
        let modify = format!(
            "<VendorModRq><VendorMod><ListID>{id}</ListID><EditSequence>{sequence}</EditSequence><Fax>1</Fax></VendorMod></VendorModRq>"
        );
        books.fails(3170, &modify);
        books.ok(&modify);
        let fault: Fault = serde_json::from_value(serde_json::json!({"point": "unreadable_record"})).unwrap();
        books.qb.faults.waiting.push(fault);
        assert!(books.ok("<VendorQueryRq/>").contains("SomethingNew"));
        assert!(!books.ok("<VendorQueryRq/>").contains("SomethingNew"));
    }

    #[test]
    fn large_files_are_no_trouble() {
        let mut books = Books::new();
        let started = std::time::Instant::now();
        let requests: Vec<String> = (0..2000)
            .map(|n| format!("<VendorAddRq><VendorAdd><Name>V {n}</Name></VendorAdd></VendorAddRq>"))
            .collect();
        books.set("", &requests.concat()).unwrap();
        let first =
            books.ok("<VendorQueryRq iterator=\"Start\"><MaxReturned>100</MaxReturned></VendorQueryRq>");
        assert_eq!(attribute(&first, "iteratorRemainingCount"), "1900");
        assert!(started.elapsed().as_secs() < 10);
    }
}
