//! The state of the stand-in: companies with their records, apps, tokens and hooks, all in memory.
//!
//! Every change of a record goes through [`World`], which keeps the origin-id index, the timestamps, the lag of
//! lists and the webhooks about it right.

pub(crate) mod company;
pub(crate) mod record;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};

use self::{
    company::{Company, ErpRequest, RequestDetail, Violation},
    record::{Kind, Origin, Record},
};
use crate::{
    clock::{Clock, stamp},
    errors::{ApiError, FieldErrors},
    faults::Fault,
    rate_limit::RateLimits,
    settings::Settings,
    webhooks::{Webhooks, event::Happening},
};

/// Procore hands out ids beyond 2^53; so does every second company here.
const BEYOND_FLOAT: i64 = 9_107_199_254_740_993;
/// Ids of the US02 region have 15 digits.
const US02: i64 = 598_134_325_000_000;

/// A registered application: one client id for all companies that installed it.
#[derive(Debug, Default)]
pub(crate) struct App {
    pub(crate) secret: String,
    pub(crate) user_id: i64,
    pub(crate) companies: Vec<i64>,
    pub(crate) limits: RateLimits,
}

/// An access token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) client_id: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// Everything the stand-in knows.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) apps: HashMap<String, App>,
    pub(crate) tokens: HashMap<String, Token>,
    pub(crate) companies: BTreeMap<i64, Company>,
    pub(crate) webhooks: Webhooks,
    pub(crate) faults: Vec<Fault>,
    /// Violations by callers that named no company of theirs.
    pub(crate) violations: Vec<Violation>,
    pub(crate) error_turn: usize,
    counter: i64,
}

impl World {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A fresh id of the magnitude the company's region has.
    pub(crate) fn new_id(&mut self, company: i64) -> i64 {
        self.counter += 1;
        let base = if company > 1 << 53 {
            BEYOND_FLOAT
        } else if company > US02 {
            US02
        } else {
            1000
        };
        base + self.counter
    }

    /// An id for the next company: every second one beyond 2^53, the third one with 15 digits.
    pub(crate) fn new_company_id(&mut self) -> i64 {
        let nth = i64::try_from(self.companies.len()).unwrap_or_default();
        self.counter += 1;
        match nth {
            2 => US02 + 649_528,
            nth if nth % 2 == 1 => BEYOND_FLOAT + 7 * self.counter,
            nth => 5_358_000 + nth,
        }
    }

    pub(crate) fn company(&self, id: i64) -> Result<&Company, ApiError> {
        self.companies.get(&id).ok_or_else(ApiError::not_found)
    }

    pub(crate) fn company_mut(&mut self, id: i64) -> Result<&mut Company, ApiError> {
        self.companies.get_mut(&id).ok_or_else(ApiError::not_found)
    }

    pub(crate) fn record(&self, company: i64, kind: Kind, id: i64) -> Option<&Record> {
        self.companies.get(&company)?.records.get(&kind)?.get(&id)
    }

    pub(crate) fn record_mut(&mut self, company: i64, kind: Kind, id: i64) -> Option<&mut Record> {
        self.companies
            .get_mut(&company)?
            .records
            .get_mut(&kind)?
            .get_mut(&id)
    }

    /// All records of a kind, in the order of their ids.
    pub(crate) fn records(&self, company: i64, kind: Kind) -> impl Iterator<Item = &Record> {
        self.companies
            .get(&company)
            .and_then(|company| company.records.get(&kind))
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// The parts of a record: lines of a contract, items of a requisition.
    pub(crate) fn parts(&self, company: i64, kind: Kind, holder: i64) -> impl Iterator<Item = &Record> {
        self.records(company, kind)
            .filter(move |record| record.holder_id == Some(holder))
    }

    pub(crate) fn by_origin(&self, company: i64, kind: Kind, origin_id: &str) -> Option<i64> {
        self.companies
            .get(&company)?
            .origins
            .get(&(kind, origin_id.to_owned()))
            .copied()
    }

    /// Makes a record and tells the hooks. `app` is the client id of the app that did it, if one did.
    pub(crate) fn insert(
        &mut self,
        company: i64,
        kind: Kind,
        project_id: Option<i64>,
        holder_id: Option<i64>,
        fields: Map<String, Value>,
        app: Option<&str>,
    ) -> i64 {
        let id = self.new_id(company);
        let now = self.now();
        let lag = self.lag_until(now).map(|until| (until, None));
        let record = Record {
            id,
            kind,
            project_id,
            holder_id,
            origin: Origin::default(),
            erp_status: "not_in_erp".into(),
            created_at: now,
            updated_at: now,
            fields,
            lag,
        };
        if let Some(company) = self.companies.get_mut(&company) {
            company.records.entry(kind).or_default().insert(id, record);
        }
        self.tell(company, kind, project_id, id, "create", app);
        id
    }

    /// Changes a record and tells the hooks.
    pub(crate) fn update(
        &mut self,
        company: i64,
        kind: Kind,
        id: i64,
        app: Option<&str>,
        change: impl FnOnce(&mut Record),
    ) -> bool {
        let now = self.now();
        let until = self.lag_until(now);
        let Some(record) = self.record_mut(company, kind, id) else {
            return false;
        };
        if let Some(until) = until {
            let old = record.listed(now).map(|shown| {
                Box::new(Record {
                    lag: None,
                    ..shown.clone()
                })
            });
            record.lag = Some((until, old));
        }
        change(record);
        record.updated_at = now;
        let project = record.project_id;
        self.tell(company, kind, project, id, "update", app);
        true
    }

    pub(crate) fn remove(&mut self, company: i64, kind: Kind, id: i64, app: Option<&str>) -> Option<Record> {
        let owner = self.companies.get_mut(&company)?;
        let record = owner.records.get_mut(&kind)?.remove(&id)?;
        if let Some(origin_id) = &record.origin.id {
            owner.origins.remove(&(kind, origin_id.clone()));
        }
        self.tell(company, kind, record.project_id, id, "delete", app);
        Some(record)
    }

    /// Gives a record its third-party identity; refuses an origin id another record of the kind has.
    /// Does not count as a change users made: no timestamps, no webhook.
    pub(crate) fn set_origin(
        &mut self,
        company: i64,
        kind: Kind,
        id: i64,
        origin: Origin,
    ) -> Result<(), FieldErrors> {
        let not_found = || FieldErrors::one("id", "Entity with this ID not found");
        let owner = self.companies.get_mut(&company).ok_or_else(not_found)?;
        let record = owner
            .records
            .get_mut(&kind)
            .and_then(|table| table.get_mut(&id))
            .ok_or_else(not_found)?;
        if let Some(wanted) = &origin.id {
            match owner.origins.get(&(kind, wanted.clone())) {
                Some(holder) if *holder != id => {
                    return Err(FieldErrors::one("origin_id", "has already been taken"));
                }
                _ => {}
            }
        }
        if let Some(old) = record.origin.id.take() {
            owner.origins.remove(&(kind, old));
        }
        if let Some(wanted) = &origin.id {
            owner.origins.insert((kind, wanted.clone()), id);
            "synced".clone_into(&mut record.erp_status);
        } else if record.erp_status == "synced" {
            "not_in_erp".clone_into(&mut record.erp_status);
        }
        record.origin = origin;
        Ok(())
    }

    /// Writes down what a client should not have done.
    pub(crate) fn violation(&mut self, company: Option<i64>, kind: &'static str, detail: impl Into<String>) {
        let violation = Violation {
            at: stamp(self.now()),
            kind,
            detail: detail.into(),
        };
        tracing::warn!(kind, company, detail = violation.detail, "a client broke a rule");
        match company.and_then(|id| self.companies.get_mut(&id)) {
            Some(company) => company.violations.push(violation),
            None => self.violations.push(violation),
        }
    }

    /// A request detail in progress.
    pub(crate) fn open_detail(&mut self, company: i64, request_id: i64, item: Option<(Kind, i64)>) -> i64 {
        let id = self.new_id(company);
        let now = self.now();
        let detail = RequestDetail {
            id,
            request_id,
            item_type: item.map(|(kind, _)| kind.item_type().to_owned()),
            item_id: item.map(|(_, id)| id),
            status: RequestDetail::OPEN.into(),
            messages: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        if let Some(company) = self.companies.get_mut(&company) {
            company.details.insert(id, detail);
        }
        id
    }

    /// Stores an ERP request under an id taken earlier and announces it.
    pub(crate) fn place_request(&mut self, company: i64, id: i64, name: &str, payload: Map<String, Value>) {
        let request = ErpRequest {
            id,
            request_name: name.to_owned(),
            payload,
            created_at: self.now(),
            unreadable: self.webhooks.modes.unreadable_reads,
        };
        if let Some(company) = self.companies.get_mut(&company) {
            company.requests.insert(id, request);
        }
        let now = self.now();
        self.webhooks.happen(
            now,
            &Happening::company(company, "ERP Requests", id, "create", None),
        );
    }

    /// The line item types a new line takes: the first one known to the accounting system, else the first.
    pub(crate) fn usual_cost_type(&self, company: i64) -> Option<i64> {
        self.records(company, Kind::LineItemType)
            .find(|record| record.is_synced())
            .or_else(|| self.records(company, Kind::LineItemType).next())
            .map(|record| record.id)
    }

    /// Makes a company with its cost code list and its one cost type.
    pub(crate) fn add_company(&mut self, id: i64, name: &str, erp_enabled: bool) {
        let cost_code_list_id = self.new_id(id);
        let company = Company {
            id,
            name: name.to_owned(),
            erp_enabled,
            cost_code_list_id,
            ..Company::default()
        };
        self.companies.insert(id, company);
        let fields = json!({"name": "Other", "code": "O", "base_type": null});
        self.insert(id, Kind::LineItemType, None, None, into_map(fields), None);
    }

    fn lag_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (self.settings.list_lag_seconds > 0).then(|| now + Duration::seconds(self.settings.list_lag_seconds))
    }

    fn tell(
        &mut self,
        company: i64,
        kind: Kind,
        project: Option<i64>,
        id: i64,
        event: &'static str,
        app: Option<&str>,
    ) {
        let Some(resource) = kind.webhook_resource() else {
            return;
        };
        // Vendors and projects vanish without a word.
        if event == "delete" && matches!(kind, Kind::Vendor | Kind::Project) {
            return;
        }
        let mut happening = Happening::company(company, resource, id, event, app);
        if kind.is_project_tool() {
            happening.project = project;
        }
        happening.user = app
            .and_then(|app| self.apps.get(app))
            .map_or(happening.user, |app| app.user_id);
        let now = self.now();
        self.webhooks.happen(now, &happening);
    }
}

/// The map of a JSON object; anything else becomes an empty map.
pub(crate) fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
