//! The Web Connector's window: add an application, set its password, update.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Refused};
use crate::{
    connector::{
        http::{Connection, HttpError, Url, Waits},
        qwc::{self, Qwc, Refusal},
        session,
    },
    simulator::{Application, Simulator},
};

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(
            StatusCode::UNPROCESSABLE_ENTITY,
            json!({"error": refusal.message, "error_code": refusal.code}),
        )
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    qwc: String,
    #[serde(default)]
    password: Option<String>,
}

/// A GET as the connector makes it when an application is added: only 200 or 202 is good.
async fn probe(url: &Url, unreachable: &'static str, refused: &'static str) -> Result<(), Refusal> {
    let waits = Waits {
        expect: Duration::from_millis(350),
        call: Duration::from_secs(30),
    };
    match Connection::new(url.clone()).get(waits).await {
        Ok(answer) if matches!(answer.status, 200 | 202) => Ok(()),
        Ok(answer) => Err(Refusal {
            code: refused,
            message: format!(
                "GET {} was answered {} {}",
                url.path, answer.status, answer.reason
            ),
        }),
        Err(error @ HttpError::Url(_)) => Err(Refusal {
            code: "QBWC1048",
            message: error.to_string(),
        }),
        Err(error) => Err(Refusal {
            code: unreachable,
            message: format!("GET {}: {error}", url.path),
        }),
    }
}

/// Adds an application, as the user does with a `.qwc` file.
pub(crate) async fn add(simulator: &Simulator, text: &str, password: Option<String>) -> Result<Qwc, Refusal> {
    let qwc = qwc::read(text)?;
    probe(&qwc.support_url, "QBWC1003", "QBWC1004").await?;
    probe(&qwc.certificate_url, "QBWC1048", "QBWC1048").await?;
    let clash = simulator.applications().iter().any(|a| {
        a.qwc.app_name != qwc.app_name && a.qwc.owner_id == qwc.owner_id && a.qwc.file_id == qwc.file_id
    });
    if clash {
        return Err(Refusal {
            code: "QBWC1039",
            message: "Unique OwnerID/FileID pair value required.".to_owned(),
        });
    }
    {
        let mut quickbooks = simulator.quickbooks();
        let session = quickbooks.begin_session(&qwc.app_name, "").map_err(|e| Refusal {
            code: "QBWC1022",
            message: e.to_string(),
        })?;
        quickbooks.end_session(session);
        match quickbooks.file.extension(&qwc.owner_id, "FileID") {
            Some(there) if !there.eq_ignore_ascii_case(&qwc.file_id) => {
                return Err(Refusal {
                    code: "QBWC1026",
                    message: format!("The company file already carries the FileID {there} of this OwnerID."),
                });
            }
            _ => quickbooks
                .file
                .set_extension(&qwc.owner_id, "FileID", Some(&qwc.file_id)),
        }
    }
    let mut applications = simulator.applications();
    let password = password.or_else(|| {
        applications
            .iter()
            .find(|a| a.qwc.app_name == qwc.app_name)
            .and_then(|a| a.password.clone())
    });
    applications.retain(|a| a.qwc.app_name != qwc.app_name);
    applications.push(Application {
        qwc: qwc.clone(),
        password,
        every_seconds: None,
        next_run: None,
    });
    Ok(qwc)
}

fn shown(application: &Application) -> Value {
    json!({
        "app_name": application.qwc.app_name,
        "user_name": application.qwc.user_name,
        "owner_id": application.qwc.owner_id,
        "file_id": application.qwc.file_id,
        "scheduler_seconds": application.qwc.every_seconds,
        "auto_run_seconds": application.every_seconds,
        "password_set": application.password.is_some(),
    })
}

pub(super) async fn list(State(simulator): State<Arc<Simulator>>) -> Answer {
    let applications: Vec<Value> = simulator.applications().iter().map(shown).collect();
    Ok(Json(json!({"applications": applications})))
}

pub(super) async fn register(State(simulator): State<Arc<Simulator>>, Json(body): Json<Register>) -> Answer {
    let qwc = add(&simulator, &body.qwc, body.password).await?;
    let application = simulator.application(Some(&qwc.app_name));
    Ok(Json(application.as_ref().map_or(Value::Null, shown)))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    #[serde(default)]
    app_name: Option<String>,
}

/// "Update Selected": runs one session now.
pub(super) async fn update(State(simulator): State<Arc<Simulator>>, body: Option<Json<Which>>) -> Answer {
    let which = body.map(|b| b.0).unwrap_or_default();
    if simulator.application(which.app_name.as_deref()).is_none() {
        return Err(Refused::not_found("the application"));
    }
    let result = session::update(&simulator, which.app_name.as_deref()).await;
    serde_json::to_value(result).map(Json).map_err(Refused::bad)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AutoRun {
    every_seconds: Option<u64>,
    #[serde(default)]
    app_name: Option<String>,
}

pub(super) async fn auto_run(State(simulator): State<Arc<Simulator>>, Json(body): Json<AutoRun>) -> Answer {
    let found = simulator
        .application(body.app_name.as_deref())
        .ok_or_else(|| Refused::not_found("the application"))?;
    simulator.change(&found.qwc.app_name, |a| {
        a.every_seconds = body.every_seconds;
        a.next_run = None;
    });
    Ok(Json(
        json!({"app_name": found.qwc.app_name, "auto_run_seconds": body.every_seconds}),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Password {
    password: Option<String>,
    #[serde(default)]
    app_name: Option<String>,
}

pub(super) async fn password(State(simulator): State<Arc<Simulator>>, Json(body): Json<Password>) -> Answer {
    let found = simulator
        .application(body.app_name.as_deref())
        .ok_or_else(|| Refused::not_found("the application"))?;
    simulator.change(&found.qwc.app_name, |a| a.password = body.password);
    Ok(Json(json!({"app_name": found.qwc.app_name})))
}
