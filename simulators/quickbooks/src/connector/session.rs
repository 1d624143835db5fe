//! One update session: from `serverVersion` to `closeConnection`.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{
    http::{Connection, Waits},
    soap::{self, NAMESPACE, Returns, Value},
};
use crate::{
    execute::host_company_preferences,
    faults::Point,
    qbxml::schema,
    simulator::{Application, Simulator},
};

/// One step of a session, for whoever reads the result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) operation: String,
    pub(crate) detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<i64>,
}

/// What an update came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct UpdateResult {
    pub(crate) app_name: String,
    /// `ok`, `no_work`, `invalid_user`, `busy`, `postponed`, `connection_error`, `error`, `killed`.
    pub(crate) result: &'static str,
    /// What the status column shows.
    pub(crate) status_text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_code: Option<&'static str>,
    pub(crate) steps: Vec<Step>,
    /// Documents given to QuickBooks.
    pub(crate) requests: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wait_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_run_seconds: Option<u64>,
}

/// Why a session ends early.
enum End {
    /// With a code and a text; `closeConnection` may follow.
    Error {
        code: &'static str,
        text: String,
        close: bool,
    },
    /// The connector died: no further call.
    Killed,
}

struct Session<'a> {
    simulator: &'a Simulator,
    application: &'a Application,
    connection: Connection,
    ticket: String,
    quickbooks: Option<u64>,
    result: UpdateResult,
}

/// "Update Selected". Without a name, the first application.
pub(crate) async fn update(simulator: &Simulator, name: Option<&str>) -> UpdateResult {
    let Some(application) = simulator.application(name) else {
        return UpdateResult {
            result: "error",
            status_text: "no such application is registered".to_owned(),
            ..UpdateResult::default()
        };
    };
    let _one_at_a_time = simulator.update_lock.lock().await;
    let app_name = application.qwc.app_name.clone();
    let mut session = Session {
        simulator,
        application: &application,
        connection: Connection::new(application.qwc.app_url.clone()),
        ticket: String::new(),
        quickbooks: None,
        result: UpdateResult {
            app_name: app_name.clone(),
            ..UpdateResult::default()
        },
    };
    if application.password.is_none() {
        session.result.result = "error";
        session.result.error_code = Some("QBWC1030");
        "The password is not set.".clone_into(&mut session.result.status_text);
    } else {
        match session.run().await {
            Ok(()) => {}
            Err(End::Killed) => {
                session.result.result = "killed";
                "The Web Connector died.".clone_into(&mut session.result.status_text);
            }
            Err(End::Error { code, text, close }) => {
                if session.result.result.is_empty() {
                    session.result.result = "error";
                }
                session.result.error_code = Some(code);
                session.result.status_text = text;
                if close {
                    session.close().await;
                }
            }
        }
    }
    let killed = session.result.result == "killed";
    let result = session.result;
    if let Some(id) = session.quickbooks {
        let mut quickbooks = simulator.quickbooks();
        quickbooks.end_session(id);
        if !killed {
            quickbooks
                .file
                .set_extension(&application.qwc.owner_id, "AppLock", None);
        }
    }
    simulator.change(&app_name, |a| {
        if let (Some(min), Some(every)) = (result.min_run_seconds, a.every_seconds) {
            a.every_seconds = Some(every.max(min));
        }
        let pause = result.wait_seconds.or(a.every_seconds).unwrap_or(0);
        a.next_run = Instant::now().checked_add(Duration::from_secs(pause));
    });
    result
}

impl Session<'_> {
    fn step(&mut self, operation: &str, detail: impl Into<String>, progress: Option<i64>) {
        let detail: String = detail.into();
        let detail = if detail.chars().count() > 400 {
            format!("{}…", detail.chars().take(400).collect::<String>())
        } else {
            detail
        };
        self.result.steps.push(Step {
            operation: operation.to_owned(),
            detail,
            progress,
        });
    }

    fn waits(&self) -> Waits {
        let settings = &self.simulator.quickbooks().settings;
        Waits {
            expect: Duration::from_millis(settings.expect_continue_wait_ms),
            call: Duration::from_millis(settings.call_timeout_ms),
        }
    }

    /// One SOAP call; an exception is given as its text.
    async fn call(
        &mut self,
        operation: &str,
        parameters: &[(&str, &str)],
        returns: Returns,
    ) -> Result<Result<Value, String>, End> {
        let body = soap::request(operation, parameters);
        let number = self.simulator.trace.number();
        self.simulator
            .trace
            .soap(number, operation, "request", body.as_bytes());
        let unread = self
            .simulator
            .quickbooks()
            .faults
            .strike(Point::AnswerUnread, operation)
            .is_some();
        let waits = self.waits();
        let answer = self
            .connection
            .post(&format!("{NAMESPACE}{operation}"), &body, waits, unread)
            .await;
        if unread {
            self.step(
                operation,
                "delivered; the connector died before it read the answer",
                None,
            );
            return Err(End::Killed);
        }
        let outcome = match answer {
            Ok(answer) => {
                self.simulator
                    .trace
                    .soap(number, operation, "response", &answer.body);
                soap::read(operation, returns, &answer)
            }
            Err(error) => Err(error.to_string()),
        };
        match &outcome {
            Ok(Value::Int(n)) => self.step(operation, n.to_string(), Some(*n)),
            Ok(Value::Text(text)) => self.step(operation, text.clone(), None),
            Ok(Value::Null) => self.step(operation, "null", None),
            Ok(Value::Array(all)) => {
                // The ticket is the session's only credential.
                let shown: Vec<&str> = all
                    .iter()
                    .skip(1)
                    .map(|v| v.as_deref().unwrap_or("null"))
                    .collect();
                self.step(operation, format!("{shown:?}"), None);
            }
            Err(error) => self.step(operation, format!("exception: {error}"), None),
        }
        Ok(outcome)
    }

    fn exception(&self, code: &'static str, text: String) -> End {
        let close = self.simulator.quickbooks().settings.close_after_exception;
        End::Error { code, text, close }
    }

    async fn close(&mut self) {
        if self
            .simulator
            .quickbooks()
            .faults
            .strike(Point::CloseLost, "closeConnection")
            .is_some()
        {
            self.step("closeConnection", "lost", None);
            return;
        }
        let ticket = self.ticket.clone();
        let called = self
            .call("closeConnection", &[("ticket", &ticket)], Returns::Text)
            .await;
        match called {
            Ok(Ok(Value::Text(text))) => {
                if self.result.status_text.is_empty() {
                    self.result.status_text = text;
                }
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                self.result.error_code.get_or_insert("QBWC1044");
                if self.result.status_text.is_empty() {
                    self.result.status_text = error;
                }
            }
            Err(_) => self.result.result = "killed",
        }
    }

    async fn run(&mut self) -> Result<(), End> {
        // A failure of serverVersion is logged, and QBWC goes on.
        let _ = self.call("serverVersion", &[], Returns::Text).await?;
        self.client_version().await?;
        if !self.authenticate().await? {
            self.close().await;
            return Ok(());
        }
        self.exchange().await?;
        self.result.result = "ok";
        self.close().await;
        Ok(())
    }

    async fn client_version(&mut self) -> Result<(), End> {
        let version = self.simulator.quickbooks().settings.connector_version.clone();
        match self
            .call("clientVersion", &[("strVersion", &version)], Returns::Text)
            .await?
        {
            Err(error) => Err(self.exception("QBWC1036", error)),
            Ok(Value::Text(text)) if text.is_empty() => Ok(()),
            Ok(Value::Text(text)) => match text.get(..2) {
                // The simulated user presses "continue".
                Some("W:") => Ok(()),
                Some("E:" | "O:") => Err(End::Error {
                    code: "QBWC1037",
                    text,
                    close: true,
                }),
                _ => Err(End::Error {
                    code: "QBWC1046",
                    text: format!("incorrect syntax return value: {text:?}"),
                    close: true,
                }),
            },
            Ok(_) => Ok(()),
        }
    }

    /// True when there is work.
    async fn authenticate(&mut self) -> Result<bool, End> {
        let user = self.application.qwc.user_name.clone();
        let password = self.application.password.clone().unwrap_or_default();
        let parameters = [("strUserName", user.as_str()), ("strPassword", password.as_str())];
        let values = match self.call("authenticate", &parameters, Returns::Array).await? {
            Err(error) => return Err(self.exception("QBWC1012", error)),
            Ok(Value::Array(values)) if values.len() >= 2 => values,
            Ok(_) => {
                return Err(self.exception(
                    "QBWC2012",
                    "Object reference not set to an instance of an object.".to_owned(),
                ));
            }
        };
        let at = |index: usize| values.get(index).cloned().flatten().unwrap_or_default();
        self.ticket = at(0);
        let verb = at(1);
        let seconds = |text: String| text.trim().parse::<u64>().ok();
        self.result.wait_seconds = seconds(at(2));
        self.result.min_run_seconds = seconds(at(3));
        let (result, text) = match verb.to_ascii_lowercase().as_str() {
            "none" => ("no_work", "No data exchange required"),
            "nvu" => ("invalid_user", "Invalid password for username"),
            "busy" => ("busy", "Application Busy"),
            _ if self.result.wait_seconds.is_some()
                && self.simulator.quickbooks().settings.wait_postpones =>
            {
                ("postponed", "Update postponed by application")
            }
            _ => return self.open_quickbooks(verb).await.map(|()| true),
        };
        self.result.result = result;
        text.clone_into(&mut self.result.status_text);
        if result == "invalid_user" {
            self.result.error_code = Some("QBWC1040");
        }
        Ok(false)
    }

    async fn open_quickbooks(&mut self, mut path: String) -> Result<(), End> {
        let name = self.application.qwc.app_name.clone();
        for _ in 0..5 {
            let began = self.simulator.quickbooks().begin_session(&name, &path);
            let error = match began {
                Ok(id) => {
                    self.quickbooks = Some(id);
                    let mut quickbooks = self.simulator.quickbooks();
                    let ticks = quickbooks.clock.now() * 10_000_000 + 621_355_968_000_000_000;
                    let lock = format!("LOCKED:SIMULATOR:{ticks}");
                    quickbooks
                        .file
                        .set_extension(&self.application.qwc.owner_id, "AppLock", Some(&lock));
                    return Ok(());
                }
                Err(error) => error,
            };
            let ticket = self.ticket.clone();
            let parameters = [
                ("ticket", ticket.as_str()),
                ("hresult", error.code.as_str()),
                ("message", error.message.as_str()),
            ];
            self.result.result = "connection_error";
            match self.call("connectionError", &parameters, Returns::Text).await? {
                Err(text) => return Err(self.exception("QBWC1045", text)),
                Ok(Value::Text(answer)) if !answer.eq_ignore_ascii_case("done") => path = answer,
                Ok(_) => {
                    let close = self.simulator.quickbooks().settings.close_after_connection_error;
                    return Err(End::Error {
                        code: "QBWC1013",
                        text: error.to_string(),
                        close,
                    });
                }
            }
        }
        Err(End::Error {
            code: "QBWC1013",
            text: "No company file could be opened.".to_owned(),
            close: true,
        })
    }

    async fn last_error(&mut self) -> Result<String, End> {
        let ticket = self.ticket.clone();
        match self
            .call("getLastError", &[("ticket", &ticket)], Returns::Text)
            .await?
        {
            Ok(Value::Text(text)) => Ok(text),
            Ok(_) => Ok(String::new()),
            Err(error) => Err(self.exception("QBWC1043", error)),
        }
    }

    async fn exchange(&mut self) -> Result<(), End> {
        self.result.result = "";
        let mut first = true;
        let mut no_ops = 0;
        loop {
            let Some(document) = self.send_request(first).await? else {
                first = false;
                let text = self.last_error().await?;
                if text == "NoOp" {
                    no_ops += 1;
                    let (wait, most) = {
                        let settings = &self.simulator.quickbooks().settings;
                        (settings.no_op_wait_ms, settings.max_no_ops)
                    };
                    if no_ops > most {
                        self.step("user", "closed the Web Connector after too many NoOps", None);
                        return Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                    continue;
                }
                if text.eq_ignore_ascii_case("Interactive mode") {
                    if self.interactive().await? {
                        continue;
                    }
                    return Ok(());
                }
                return Err(End::Error {
                    code: "QBWC1031",
                    text,
                    close: true,
                });
            };
            first = false;
            let number = self.execute(&document).await?;
            if number < 0 {
                let text = self.last_error().await?;
                return Err(End::Error {
                    code: "QBWC1031",
                    text,
                    close: true,
                });
            }
            if number >= 100 {
                return Ok(());
            }
        }
    }

    /// The document to give to QuickBooks, or `None` for the empty string.
    async fn send_request(&mut self, first: bool) -> Result<Option<String>, End> {
        let (hcp, path, country, version, twice) = {
            let mut quickbooks = self.simulator.quickbooks();
            let mut hcp = String::new();
            if first {
                hcp = host_company_preferences(&quickbooks, &self.application.qwc.owner_id);
                if quickbooks
                    .faults
                    .strike(Point::MalformedHcp, "sendRequestXML")
                    .is_some()
                {
                    hcp = hcp.replacen("</CompanyName>", "<yzer/CompanyName>", 1);
                }
            }
            let company = &quickbooks.file.company;
            let version = schema::version(&company.highest_qbxml_version).unwrap_or(130);
            let (path, country) = (company.path.clone(), company.country.clone());
            let twice = quickbooks
                .faults
                .strike(Point::SendRequestTwice, "sendRequestXML")
                .is_some();
            (hcp, path, country, version, twice)
        };
        let ticket = self.ticket.clone();
        let (major, minor) = ((version / 10).to_string(), (version % 10).to_string());
        let parameters = [
            ("ticket", ticket.as_str()),
            ("strHCPResponse", hcp.as_str()),
            ("strCompanyFileName", path.as_str()),
            ("qbXMLCountry", country.as_str()),
            ("qbXMLMajorVers", major.as_str()),
            ("qbXMLMinorVers", minor.as_str()),
        ];
        let mut answer = self.call("sendRequestXML", &parameters, Returns::Text).await?;
        if twice {
            answer = self.call("sendRequestXML", &parameters, Returns::Text).await?;
        }
        match answer {
            Err(error) => Err(self.exception("QBWC1041", error)),
            Ok(Value::Text(text)) if text.is_empty() => Ok(None),
            Ok(Value::Text(text)) => Ok(Some(text)),
            Ok(_) => Err(self.exception(
                "QBWC2012",
                "Object reference not set to an instance of an object.".to_owned(),
            )),
        }
    }

    /// Gives a document to QuickBooks and its answer to the service; returns the progress.
    async fn execute(&mut self, document: &str) -> Result<i64, End> {
        self.result.requests += 1;
        let number = self.simulator.trace.number();
        self.simulator.trace.qbxml(number, "request", document);
        let session = self.quickbooks.unwrap_or_default();
        let (answer, wait, dies) = {
            let mut quickbooks = self.simulator.quickbooks();
            if quickbooks
                .faults
                .strike(Point::KilledBeforeExecution, document)
                .is_some()
            {
                return Err(End::Killed);
            }
            let wait = quickbooks
                .faults
                .strike(Point::Slow, document)
                .map_or(0, |f| f.ms);
            let twice = quickbooks.faults.strike(Point::ExecutedTwice, document).is_some();
            let mut answer = quickbooks.process(session, document);
            if twice {
                answer = quickbooks.process(session, document);
            }
            let dies = quickbooks
                .faults
                .strike(Point::KilledAfterExecution, document)
                .is_some()
                || quickbooks
                    .faults
                    .strike(Point::ResponseUndelivered, document)
                    .is_some();
            (answer, wait, dies)
        };
        if wait > 0 {
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        let (response, hresult, message) = match answer {
            Ok(text) => (text, String::new(), String::new()),
            Err(error) => (String::new(), error.code, error.message),
        };
        self.simulator.trace.qbxml(
            number,
            "response",
            if hresult.is_empty() { &response } else { &hresult },
        );
        let shown = if hresult.is_empty() {
            "answered".to_owned()
        } else {
            format!("{hresult}: {message}")
        };
        self.step("ProcessRequest", shown, None);
        if dies {
            return Err(End::Killed);
        }
        let ticket = self.ticket.clone();
        let parameters = [
            ("ticket", ticket.as_str()),
            ("response", response.as_str()),
            ("hresult", hresult.as_str()),
            ("message", message.as_str()),
        ];
        let twice = self
            .simulator
            .quickbooks()
            .faults
            .strike(Point::ReceiveResponseTwice, "receiveResponseXML")
            .is_some();
        let mut answer = self.call("receiveResponseXML", &parameters, Returns::Int).await?;
        if twice {
            answer = self.call("receiveResponseXML", &parameters, Returns::Int).await?;
        }
        match answer {
            Ok(Value::Int(number)) => Ok(number),
            Ok(_) => Ok(0),
            Err(error) => Err(self.exception("QBWC1042", error)),
        }
    }

    /// True when the session goes on.
    async fn interactive(&mut self) -> Result<bool, End> {
        let ticket = self.ticket.clone();
        let url = [("wcTicket", ticket.as_str()), ("sessionID", "1")];
        let _ = self.call("getInteractiveURL", &url, Returns::Text).await?;
        match self
            .call("interactiveDone", &[("wcTicket", &ticket)], Returns::Text)
            .await?
        {
            Ok(Value::Text(text)) if text.eq_ignore_ascii_case("continue") => Ok(true),
            Ok(Value::Text(text)) if text.eq_ignore_ascii_case("done") => Ok(false),
            Ok(_) => Err(End::Error {
                code: "QBWC1031",
                text: "the interactive session did not end".to_owned(),
                close: true,
            }),
            Err(error) => Err(self.exception("QBWC1031", error)),
        }
    }
}
