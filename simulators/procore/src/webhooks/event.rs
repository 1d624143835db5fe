//! What happened, and how it is written in each of the three payload formats.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::clock::stamp;

/// A user who changes things by hand.
const SOME_USER: i64 = 5447;

/// A change worth telling hooks about.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) company: i64,
    /// Set for project tools only: company hooks hear nothing of those.
    pub(crate) project: Option<i64>,
    pub(crate) resource: &'static str,
    pub(crate) resource_id: i64,
    pub(crate) event_type: &'static str,
    pub(crate) user: i64,
    /// The client id of the app that made the change.
    pub(crate) app: Option<String>,
}

impl Happening {
    pub(crate) fn company(
        company: i64,
        resource: &'static str,
        resource_id: i64,
        event_type: &'static str,
        app: Option<&str>,
    ) -> Self {
        let app = app.map(str::to_owned);
        Self {
            company,
            project: None,
            resource,
            resource_id,
            event_type,
            user: SOME_USER,
            app,
        }
    }
}

/// One event: a happening with an identity of its own.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: i64,
    pub(crate) ulid: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) what: Happening,
}

impl Event {
    pub(crate) fn new(serial: i64, at: DateTime<Utc>, what: Happening) -> Self {
        Self {
            id: 5_982_324_300_946_918_154 + serial,
            ulid: ulid(at),
            at,
            what,
        }
    }

    /// The body that is posted.
    pub(crate) fn payload(&self, version: &str) -> Value {
        let what = &self.what;
        if version == "v4.0" {
            return json!({
                "id": self.ulid,
                "timestamp": self.at.to_rfc3339_opts(SecondsFormat::Micros, true),
                "reason": what.event_type,
                "company_id": what.company.to_string(),
                "project_id": what.project.map(|id| id.to_string()),
                "user_id": what.user.to_string(),
                "resource_type": what.resource,
                "resource_id": what.resource_id.to_string(),
            });
        }
        let mut body = json!({
            "id": self.id,
            "ulid": self.ulid,
            "timestamp": self.at.to_rfc3339_opts(SecondsFormat::Micros, true),
            "metadata": {
                // Procore leaves the sources out at times although it knows them.
                "source_user_id": (self.id % 2 == 0).then_some(what.user),
                "source_project_id": what.project,
                "source_operation_id": null,
                "source_company_id": (self.id % 3 != 0).then_some(what.company),
                "source_application_id": what.app,
            },
            "user_id": what.user,
            "company_id": what.company,
            "project_id": what.project,
            "api_version": version,
            "event_type": what.event_type,
            "resource_name": what.resource,
            "resource_id": what.resource_id,
        });
        if version == "v3.0" {
            body["related_resources"] = json!([]);
        }
        body
    }

    /// The event as v1 delivery records quote it.
    pub(crate) fn recorded(&self) -> Value {
        let mut body = self.payload("v2.0");
        body["api_version"] = json!("v2");
        body["timestamp"] = json!(stamp(self.at));
        body
    }
}

/// A ULID: 48 bits of time, 80 of chance, in Crockford's base 32.
fn ulid(at: DateTime<Utc>) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or_default() & 0xffff_ffff_ffff;
    let mut bits = (millis << 80) | (rand::random::<u128>() >> 48);
    let mut letters = [b'0'; 26];
    for letter in letters.iter_mut().rev() {
        *letter = ALPHABET[usize::try_from(bits & 31).unwrap_or_default()];
        bits >>= 5;
    }
    letters.iter().map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_shape() {
        let now = Utc::now();
        let event = Event::new(
            1,
            now,
            Happening::company(7, "ERP Requests", 9, "create", Some("client")),
        );
        let v2 = event.payload("v2.0");
        assert_eq!(event.ulid.len(), 26);
        assert!(v2["id"].as_i64().unwrap() > 1 << 53);
        assert_eq!(v2["metadata"]["source_application_id"], "client");
        assert!(v2.get("related_resources").is_none());
        assert!(event.payload("v3.0").get("related_resources").is_some());
        let v4 = event.payload("v4.0");
        assert_eq!(
            (v4["id"].as_str().unwrap(), &v4["resource_id"]),
            (event.ulid.as_str(), &json!("9"))
        );
        assert!(v4.get("metadata").is_none());
    }
}
