//! Our hook in Procore: found by its namespace, made where it is missing, mended where somebody changed it.
//!
//! One hook per company, one trigger (`ERP Requests` / `create`). Hooks of other namespaces are never touched.

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError},
    paths,
    reader::Reader,
};

/// Our namespace; `[a-z0-9-]`.
pub const NAMESPACE: &str = "plumbline";
/// The payload format that we order; the others are read as well.
pub const PAYLOAD_VERSION: &str = "v2.0";
/// What we want to hear of.
pub const RESOURCE_NAME: &str = "ERP Requests";
/// Of it, what.
pub const EVENT_TYPE: &str = "create";

/// What became of the hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookState {
    /// Its id, a text in the v2.0 API.
    pub id: String,
    /// It was missing and has been made.
    pub created: bool,
    /// Its address, header or status was not ours and has been set.
    pub mended: bool,
    /// Its trigger was missing and has been made.
    pub trigger_created: bool,
    /// Further hooks of our namespace, left alone: each delivers every event once more.
    pub others: Vec<String>,
}

/// Makes sure that there is one active hook towards `destination` with this `Authorization` value and our trigger.
/// Repeating it changes nothing.
pub async fn ensure(
    client: &ProcoreClient,
    destination: &Url,
    authorization: &SecretString,
) -> Result<HookState, ProcoreError> {
    let what = "set up the webhook in Procore";
    let company = client.company_id();
    let hide = |error: ProcoreError| error.without(authorization.expose_secret());
    let query = [("namespace", NAMESPACE.to_owned())];
    let listed = client.list(what, &paths::hooks(company), &query).await?;
    let mut ours: Vec<&Value> = listed
        .iter()
        .filter(|hook| text(hook, "namespace").is_none_or(|name| name == NAMESPACE))
        .collect();
    // The one with our address first, then the oldest.
    ours.sort_by_key(|hook| {
        (
            text(hook, "destination_url") != Some(destination.as_str()),
            label(hook),
        )
    });

    let (id, created, mended) = if let Some(hook) = ours.first() {
        let id = label(hook).ok_or_else(|| no_id(what))?;
        let fine = text(hook, "destination_url") == Some(destination.as_str())
            && text(hook, "status").is_none_or(|status| status == "active")
            && text(hook, "payload_version").is_none_or(|version| version == PAYLOAD_VERSION)
            && masked_matches(hook, authorization);
        if !fine {
            let mut body = hook_body(destination, authorization);
            body["status"] = json!("active");
            client
                .write(what, Method::PATCH, &paths::hook(company, &id), &[], &body)
                .await
                .map_err(hide)?;
        }
        (id, false, !fine)
    } else {
        let body = hook_body(destination, authorization);
        let answer = client
            .write(what, Method::POST, &paths::hooks(company), &[], &body)
            .await
            .map_err(hide)?;
        let id = label(answer.get("data").unwrap_or(&answer)).ok_or_else(|| no_id(what))?;
        (id, true, false)
    };
    let trigger_created = ensure_trigger(client, &id).await?;
    let others = ours.iter().skip(1).filter_map(|hook| label(hook)).collect();
    Ok(HookState {
        id,
        created,
        mended,
        trigger_created,
        others,
    })
}

async fn ensure_trigger(client: &ProcoreClient, hook: &str) -> Result<bool, ProcoreError> {
    let what = "set up the webhook's trigger in Procore";
    let path = paths::triggers(client.company_id(), hook);
    let triggers = client.list(what, &path, &[]).await?;
    let there = triggers.iter().any(|trigger| {
        text(trigger, "resource_name").is_some_and(|name| name.eq_ignore_ascii_case(RESOURCE_NAME))
            // The reference prints "created" as an example of what comes back for "create".
            && text(trigger, "event_type").is_some_and(|kind| kind.to_ascii_lowercase().starts_with(EVENT_TYPE))
    });
    if there {
        return Ok(false);
    }
    let body = json!({"resource_name": RESOURCE_NAME, "event_type": EVENT_TYPE});
    client.write(what, Method::POST, &path, &[], &body).await?;
    Ok(true)
}

/// Gives our hook another `Authorization` value. The old one stays valid in our own check until the first delivery
/// with the new one; that is the caller's business.
pub async fn set_authorization(
    client: &ProcoreClient,
    hook: &str,
    authorization: &SecretString,
) -> Result<(), ProcoreError> {
    let body = json!({"destination_headers": {"Authorization": authorization.expose_secret()}});
    client
        .write(
            "change the webhook's credentials in Procore",
            Method::PATCH,
            &paths::hook(client.company_id(), hook),
            &[],
            &body,
        )
        .await
        .map(|_| ())
        .map_err(|error| error.without(authorization.expose_secret()))
}

fn hook_body(destination: &Url, authorization: &SecretString) -> Value {
    json!({
        "payload_version": PAYLOAD_VERSION,
        "namespace": NAMESPACE,
        "destination_url": destination.as_str(),
        "destination_headers": {"Authorization": authorization.expose_secret()},
    })
}

/// Procore shows the last five characters only; where they differ the value surely does.
fn masked_matches(hook: &Value, authorization: &SecretString) -> bool {
    let Some(masked) = hook
        .get("destination_headers")
        .and_then(|headers| text(headers, "Authorization"))
    else {
        return false;
    };
    let shown = masked.trim_start_matches('*');
    !shown.is_empty() && authorization.expose_secret().ends_with(shown)
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn label(hook: &Value) -> Option<String> {
    let id = Reader::root(hook).field("id").optional_label().ok().flatten()?;
    // It becomes part of an address.
    id.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        .then_some(id)
}

fn no_id(what: &str) -> ProcoreError {
    ProcoreError::new(ErrorKind::Unreadable, what).with_message("the hook has no id")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::http::StatusCode;

    use super::*;
    use crate::procore::fake::{Answer, Fake};

    fn destination() -> Url {
        "https://plumbline.example/webhooks/procore/abc".parse().unwrap()
    }

    /// Keeps hooks and triggers as Procore does, with the header masked.
    async fn procore() -> Fake {
        let hooks: Arc<Mutex<Vec<Value>>> = Arc::default();
        let triggers: Arc<Mutex<Vec<Value>>> = Arc::default();
        Fake::start(move |request| {
            let mut hooks = hooks.lock().unwrap();
            let mut triggers = triggers.lock().unwrap();
            let stored = |mut hook: Value| {
                let secret = hook["destination_headers"]["Authorization"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                hook["destination_headers"] =
                    json!({"Authorization": format!("*****{}", &secret[secret.len() - 5..])});
                hook
            };
            match (request.method.as_str(), request.path.ends_with("/triggers")) {
                ("GET", false) => Answer::ok(json!({"data": *hooks})),
                ("GET", true) => Answer::ok(json!({"data": *triggers})),
                ("POST", true) => {
                    triggers.push(request.body.clone());
                    Answer::of(StatusCode::CREATED, json!({"data": request.body}))
                }
                ("POST", false) => {
                    let mut hook = stored(request.body.clone());
                    hook["id"] = json!("43593499");
                    hook["status"] = json!("active");
                    hooks.push(hook.clone());
                    Answer::of(StatusCode::CREATED, json!({"data": hook}))
                }
                _ => {
                    let changed = stored(request.body.clone());
                    for (key, value) in changed.as_object().unwrap() {
                        hooks[0][key] = value.clone();
                    }
                    Answer::ok(json!({"data": hooks[0]}))
                }
            }
        })
        .await
    }

    #[tokio::test]
    async fn the_hook_is_made_once_and_mended_when_it_differs() {
        let fake = procore().await;
        let client = fake.client();
        let secret = SecretString::from("Bearer abcdefgh12345");
        let first = ensure(&client, &destination(), &secret).await.unwrap();
        assert!(first.created && first.trigger_created && !first.mended);
        let writes = |fake: &Fake| fake.requests().iter().filter(|r| r.method != "GET").count();
        assert_eq!(writes(&fake), 2);

        let second = ensure(&client, &destination(), &secret).await.unwrap();
        assert_eq!(
            second,
            HookState {
                id: first.id.clone(),
                created: false,
                mended: false,
                trigger_created: false,
                others: vec![]
            }
        );
        assert_eq!(writes(&fake), 2, "nothing is written twice");

        let rotated = SecretString::from("Bearer zyxwvuts98765");
        let third = ensure(&client, &destination(), &rotated).await.unwrap();
        assert!(third.mended && !third.created);
        let elsewhere = ensure(&client, &"https://new.example/".parse().unwrap(), &rotated)
            .await
            .unwrap();
        assert!(elsewhere.mended);
        set_authorization(&client, &first.id, &secret).await.unwrap();
        assert!(
            !ensure(&client, &"https://new.example/".parse().unwrap(), &secret)
                .await
                .unwrap()
                .mended
        );
    }
}
