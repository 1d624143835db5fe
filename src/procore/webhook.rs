//! Webhook payloads: what happened to which resource. They carry no content; whoever works one looks the record up.
//!
//! Reads v2.0, v3.0 and v4.0. The sender is not proven by the payload: the `Authorization` header is, elsewhere.

use serde_json::Value;

use super::reader::{ReadError, Reader};

/// One delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The same for repeated deliveries of one event: the ULID, or the id where there is none.
    pub dedupe_key: String,
    /// `ERP Requests`, say.
    pub resource_name: String,
    /// The record.
    pub resource_id: i64,
    /// `create`, `update`, `delete`; v4.0 knows more.
    pub event_type: String,
    /// The company, where told.
    pub company_id: Option<i64>,
    /// The project, where told.
    pub project_id: Option<i64>,
    /// `v2.0`, `v3.0` or `v4.0`.
    pub version: &'static str,
}

/// Why a delivery cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Not JSON at all.
    #[error("the webhook's body is no JSON")]
    NotJson,
    /// JSON, but no single event.
    #[error("the webhook's body is no JSON object")]
    NotAnObject,
    /// A field is missing or wrong.
    #[error("webhook payload: {0}")]
    Field(#[from] ReadError),
}

impl WebhookEvent {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, WebhookError> {
        let value: Value = serde_json::from_slice(body).map_err(|_| WebhookError::NotJson)?;
        Self::from_value(&value)
    }

    /// Reads a body that is JSON already.
    pub fn from_value(value: &Value) -> Result<Self, WebhookError> {
        if !value.is_object() {
            return Err(WebhookError::NotAnObject);
        }
        let root = Reader::root(value);
        // v4.0 has `resource_type` and `reason` where the others have `resource_name` and `event_type`.
        let is_v4 = value.get("resource_type").is_some() || value.get("reason").is_some();
        let version = if is_v4 {
            "v4.0"
        } else {
            match root.field("api_version").optional_text()?.unwrap_or("v2") {
                text if text.starts_with("v3") => "v3.0",
                text if text.starts_with("v2") => "v2.0",
                text => {
                    return Err(root
                        .field("api_version")
                        .error(format!("is not known: {text}"))
                        .into());
                }
            }
        };
        let (name, kind) = if is_v4 {
            ("resource_type", "reason")
        } else {
            ("resource_name", "event_type")
        };
        let dedupe_key = match root.field("ulid").optional_text()? {
            Some(ulid) => ulid.to_owned(),
            None => root
                .field("id")
                .optional_label()?
                .ok_or_else(|| root.field("ulid").error("is missing, and so is id"))?,
        };
        if dedupe_key.len() > 100 {
            return Err(root.field("id").error("is too long").into());
        }
        Ok(Self {
            dedupe_key,
            resource_name: root.field(name).text()?.trim().to_owned(),
            resource_id: root.field("resource_id").id()?,
            event_type: root.field(kind).text()?.trim().to_ascii_lowercase(),
            company_id: root
                .field("company_id")
                .optional_id()?
                .or(root.field("metadata").field("source_company_id").optional_id()?),
            project_id: root.field("project_id").optional_id()?,
            version,
        })
    }

    /// Whether this tells of a new ERP request.
    pub fn is_erp_request(&self) -> bool {
        self.resource_name
            .eq_ignore_ascii_case(super::hooks::RESOURCE_NAME)
            && self.event_type.starts_with(super::hooks::EVENT_TYPE)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn v2() -> Value {
        json!({
            "id": 5_982_324_300_946_918_154_i64, "ulid": "01J00000000000000000000006",
            "timestamp": "2026-03-02T10:00:06.000000Z", "user_id": 1, "company_id": null, "project_id": null,
            "api_version": "v2", "event_type": "create", "resource_name": "ERP Requests", "resource_id": 17,
            "metadata": {"source_company_id": 8}
        })
    }

    #[test]
    fn v2_is_read() {
        let event = WebhookEvent::from_value(&v2()).unwrap();
        assert!(event.is_erp_request());
        assert_eq!(
            event,
            WebhookEvent {
                dedupe_key: "01J00000000000000000000006".into(),
                resource_name: "ERP Requests".into(),
                resource_id: 17,
                event_type: "create".into(),
                company_id: Some(8),
                project_id: None,
                version: "v2.0",
            }
        );
    }

    #[test]
    fn v3_and_v4_are_read() {
        let mut v3 = v2();
        v3["api_version"] = json!("v3.0");
        v3["ulid"] = Value::Null;
        let event = WebhookEvent::from_value(&v3).unwrap();
        assert_eq!(
            (event.version, event.dedupe_key.as_str()),
            ("v3.0", "5982324300946918154")
        );

        let v4 = json!({
            "id": "01JMYXMZRBVKK0PC6XS8SA4QRE", "timestamp": "2025-02-25T16:04:43.619085Z", "reason": "create",
            "company_id": "8", "project_id": "6778", "user_id": "5447", "resource_type": "ERP Requests",
            "resource_id": "598134325649528", "data": {}
        });
        let event = WebhookEvent::from_value(&v4).unwrap();
        assert!(event.is_erp_request());
        assert_eq!(
            (event.version, event.resource_id, event.project_id),
            ("v4.0", 598_134_325_649_528, Some(6778))
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        for (field, words) in [
            ("resource_id", "webhook payload: resource_id is missing"),
            ("resource_name", "webhook payload: resource_name is missing"),
            ("event_type", "webhook payload: event_type is missing"),
        ] {
            let mut value = v2();
            value[field] = Value::Null;
            assert_eq!(WebhookEvent::from_value(&value).unwrap_err().to_string(), words);
        }
        let mut value = v2();
        value["id"] = Value::Null;
        value["ulid"] = json!("");
        assert_eq!(
            WebhookEvent::from_value(&value).unwrap_err().to_string(),
            "webhook payload: ulid is missing, and so is id"
        );
        value["api_version"] = json!("v9");
        assert!(WebhookEvent::from_value(&value).is_err());
        assert_eq!(WebhookEvent::parse(b"<xml/>").unwrap_err(), WebhookError::NotJson);
        assert_eq!(WebhookEvent::parse(b"[]").unwrap_err(), WebhookError::NotAnObject);
    }

    #[test]
    fn reference_samples_are_read_where_present() {
        let Some(folder) = crate::procore::events::reference("webhook-samples") else {
            return;
        };
        let mut read = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let samples = match value.get("events") {
                Some(events) => events.as_array().unwrap().clone(),
                None if name.contains("-doc-") => vec![value],
                None => continue,
            };
            for sample in samples {
                WebhookEvent::from_value(&sample).unwrap_or_else(|error| panic!("{name}: {error}"));
                read += 1;
            }
        }
        assert!(read > 15, "{read}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = WebhookEvent::parse(&body);
        }
    }
}
