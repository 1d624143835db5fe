//! One company: its records, its ERP side, and the mistakes its clients have made.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use super::record::{Kind, Record};

/// A company and everything in it.
#[derive(Debug, Default)]
pub(crate) struct Company {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) erp_enabled: bool,
    pub(crate) cost_code_list_id: i64,
    pub(crate) records: BTreeMap<Kind, BTreeMap<i64, Record>>,
    /// Which record carries which origin id, per kind.
    pub(crate) origins: HashMap<(Kind, String), i64>,
    pub(crate) connection: Option<Connection>,
    pub(crate) requests: BTreeMap<i64, ErpRequest>,
    pub(crate) details: BTreeMap<i64, RequestDetail>,
    pub(crate) staged: BTreeMap<i64, Staged>,
    pub(crate) staged_index: HashMap<(String, String), i64>,
    /// Ids of the external data rows themselves.
    pub(crate) external_ids: HashMap<(Kind, i64), i64>,
    pub(crate) external_writes: u64,
    /// Cost code and cost type assignments reported as synced.
    pub(crate) assignments: BTreeMap<(i64, i64), bool>,
    /// ERP job costs by project, cost code and cost type.
    pub(crate) job_costs: BTreeMap<(i64, i64, i64), serde_json::Map<String, serde_json::Value>>,
    pub(crate) violations: Vec<Violation>,
    /// Projects the service account may not see.
    pub(crate) forbidden_projects: Vec<i64>,
    /// Projects whose Direct Costs tool is active.
    pub(crate) direct_costs_projects: Vec<i64>,
}

/// The ERP connection: who the microservice is and what its metadata says.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) service_url: String,
    pub(crate) metadata: Value,
    pub(crate) updated_at: DateTime<Utc>,
}

/// An order to the microservice. `payload` holds `request_data` and whatever stands beside it.
#[derive(Debug, Clone)]
pub(crate) struct ErpRequest {
    pub(crate) id: i64,
    pub(crate) request_name: String,
    pub(crate) payload: Map<String, Value>,
    pub(crate) created_at: DateTime<Utc>,
    /// Reads that still answer 404, as when a webhook overtakes its record.
    pub(crate) unreadable: u32,
}

/// What the user sees of one item of an order.
#[derive(Debug, Clone)]
pub(crate) struct RequestDetail {
    pub(crate) id: i64,
    pub(crate) request_id: i64,
    pub(crate) item_type: Option<String>,
    pub(crate) item_id: Option<i64>,
    pub(crate) status: String,
    pub(crate) messages: Vec<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl RequestDetail {
    pub(crate) const OPEN: &'static str = "in progress";

    pub(crate) fn is_open(&self) -> bool {
        self.status == Self::OPEN
    }
}

/// A record of the accounting system waiting to be added.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    pub(crate) id: i64,
    pub(crate) item_type: String,
    pub(crate) origin_id: String,
    pub(crate) origin_code: Value,
    pub(crate) origin_data: Value,
    pub(crate) parent_id: Option<i64>,
    pub(crate) status: String,
    pub(crate) data: Map<String, Value>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Something a client did that Procore forbids or punishes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Violation {
    pub(crate) at: String,
    pub(crate) kind: &'static str,
    pub(crate) detail: String,
}
