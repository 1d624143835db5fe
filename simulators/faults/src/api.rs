//! What stands between the service and Procore: the service's calls pass here and meet their faults.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::json;

use crate::{
    director::Director,
    http::{Answer, Call, Fate, Forward},
    service::Services,
    step::{Fault, Place},
};

/// Longer than the service waits for Procore.
const PAST_PATIENCE: Duration = Duration::from_secs(31);

/// The way to Procore.
#[derive(Debug)]
pub(crate) struct Api {
    /// Counts and strikes.
    pub(crate) director: Arc<Director>,
    /// The service.
    pub(crate) services: Arc<OnceLock<Arc<Services>>>,
    /// Procore's stand-in.
    pub(crate) procore: String,
    /// Carries calls.
    pub(crate) forward: Forward,
}

impl Api {
    /// What becomes of a call.
    pub(crate) async fn decide(self: Arc<Self>, call: Call) -> Fate {
        let name = format!("{} {}", call.method, without_ids(&call.path));
        let fault = self.director.step(Place::Api, &name);
        match &fault {
            Some(Fault::KilledBefore) => {
                self.kill().await;
                return Fate::Dropped;
            }
            Some(Fault::ResetBefore) => return Fate::Dropped,
            Some(Fault::Status(status)) => return Fate::Answered(refusal(*status)),
            _ => {}
        }
        let Some(answer) = self.forward.call(&self.procore, &call).await else {
            return Fate::Dropped;
        };
        match fault {
            Some(Fault::KilledAfter) => {
                self.kill().await;
                Fate::Dropped
            }
            Some(Fault::StatusAfter(status)) => Fate::Answered(refusal(status)),
            Some(Fault::Timeout) => {
                let _held = self.director.hold();
                tokio::time::sleep(PAST_PATIENCE).await;
                Fate::Dropped
            }
            Some(Fault::ResetMidBody) => Fate::BrokenOff(answer),
            _ => Fate::Answered(answer),
        }
    }

    /// Nobody can tell which replica called: both die.
    async fn kill(&self) {
        let Some(services) = self.services.get() else {
            return;
        };
        for replica in 0..services.ports.len() {
            if let Err(error) = services.kill(replica).await {
                self.director
                    .broken(format!("the service could not be started again: {error:#}"));
            }
        }
    }
}

fn refusal(status: u16) -> Answer {
    let mut headers = hyper::HeaderMap::new();
    headers.insert(
        "content-type",
        hyper::header::HeaderValue::from_static("application/json"),
    );
    if status == 429 {
        headers.insert("retry-after", hyper::header::HeaderValue::from_static("2"));
    }
    let words = match status {
        401 => "The access token is invalid",
        403 => "You do not have permission to perform this action",
        404 => "Not Found",
        409 => "Conflict",
        422 => "is invalid",
        429 => {
            "You have surpassed the max number of requests for an hour. Please wait until your limit resets."
        }
        _ => "Something went wrong",
    };
    Answer {
        status: hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR),
        headers,
        body: json!({ "errors": words }).to_string().into(),
    }
}

/// A path with `{id}` in place of its numbers, and without its query.
fn without_ids(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    path.split('/')
        .map(|part| {
            if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
                "{id}"
            } else {
                part
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_named_without_its_ids() {
        assert_eq!(
            without_ids("/rest/v1.0/vendors/12/x?page=2"),
            "/rest/v1.0/vendors/{id}/x"
        );
    }
}
