//! Hooks over the v2.0 API, for a company or for one project.

use std::{collections::BTreeMap, collections::VecDeque, sync::Arc};

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use super::{Hook, catalogue, sender, triggers};
use crate::{
    call::Call,
    clock::stamp,
    errors::{ApiError, FieldErrors},
    paging::{self, Generation},
    rest::permitted,
    sim::Sim,
    store::World,
};

const VERSIONS: [&str; 3] = ["v2.0", "v3.0", "v4.0"];

pub(crate) fn routes() -> Router<Arc<Sim>> {
    let company = "/rest/v2.0/companies/{company}/webhooks";
    let project = "/rest/v2.0/companies/{company}/projects/{project}/webhooks";
    [company, project]
        .into_iter()
        .fold(Router::new(), |router, base| {
            router
                .route(&format!("{base}/hooks"), get(list).post(create))
                .route(
                    &format!("{base}/hooks/{{hook}}"),
                    get(show).patch(update).delete(delete),
                )
                .route(
                    &format!("{base}/hooks/{{hook}}/triggers"),
                    get(triggers::list).post(triggers::create),
                )
                .route(
                    &format!("{base}/hooks/{{hook}}/triggers/bulk"),
                    post(triggers::create_bulk).delete(triggers::delete_bulk),
                )
                .route(
                    &format!("{base}/hooks/{{hook}}/triggers/{{id}}"),
                    axum::routing::delete(triggers::delete),
                )
                .route(&format!("{base}/hooks/{{hook}}/deliveries"), get(deliveries))
                .route(&format!("{base}/resources"), get(resources))
        })
}

/// The numbers in a path, by name.
pub(crate) type Ids = BTreeMap<String, i64>;

/// The project in the path, if the call is about one.
pub(crate) fn scope(world: &World, call: &Call, ids: &Ids) -> Result<Option<i64>, ApiError> {
    let project = ids.get("project").copied();
    if let Some(project) = project {
        permitted(world, call.company(), project)?;
    }
    Ok(project)
}

/// The hook in the path, if it is the caller's.
pub(crate) fn hook_of<'w>(world: &'w mut World, call: &Call, ids: &Ids) -> Result<&'w mut Hook, ApiError> {
    let project = scope(world, call, ids)?;
    let id = ids.get("hook").copied().unwrap_or_default();
    let hook = world.webhooks.hooks.get_mut(&id);
    hook.filter(|hook| {
        hook.client_id == call.caller.client_id && hook.company == call.company() && hook.project == project
    })
    .ok_or_else(ApiError::not_found)
}

pub(crate) fn draw(hook: &Hook) -> Value {
    json!({
        "id": hook.id.to_string(),
        "status": if hook.active { "active" } else { "disabled" },
        "payload_version": hook.payload_version,
        "namespace": hook.namespace,
        "destination_headers": {"Authorization": hook.masked_authorization()},
        "destination_url": hook.destination_url,
        "trigger_count": hook.triggers.len(),
        "company_id": hook.project.is_none().then(|| hook.company.to_string()),
        "project_id": hook.project.map(|id| id.to_string()),
        "created_at": stamp(hook.created_at),
        "updated_at": stamp(hook.updated_at),
        "hook_type": "classic",
    })
}

/// Lists hooks of one namespace only: those of others stay invisible.
async fn list(Path(ids): Path<Ids>, call: Call) -> Result<Response, ApiError> {
    let namespace = call
        .params
        .get("namespace")
        .filter(|namespace| !namespace.is_empty());
    let namespace = namespace.ok_or_else(|| ApiError::bad_request("namespace is missing"))?;
    let rows: Vec<Value> = {
        let world = call.sim.world();
        let project = scope(&world, &call, &ids)?;
        let version = call.params.get("payload_version");
        let wanted = world.webhooks.hooks.values().filter(|hook| {
            hook.client_id == call.caller.client_id
                && hook.company == call.company()
                && hook.project == project
                && hook.namespace == namespace
                && version.is_none_or(|version| hook.payload_version == version)
        });
        wanted.map(draw).collect()
    };
    Ok(paging::answer(&call, Generation::V2, &rows, Value::clone))
}

async fn show(Path(ids): Path<Ids>, call: Call) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    Ok(Json(json!({"data": draw(hook_of(&mut world, &call, &ids)?)})))
}

/// Checks what is given of a hook; `is_new` demands the rest.
pub(crate) fn check(given: &Map<String, Value>, is_new: bool, https_only: bool) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    let text = |key: &str| given.get(key).and_then(Value::as_str).unwrap_or_default();
    for key in ["payload_version", "namespace", "destination_url"] {
        if (is_new || given.contains_key(key)) && text(key).is_empty() {
            errors.push(key, "can't be blank");
        }
    }
    let namespace = text("namespace");
    if !namespace
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        errors.push("namespace", "may hold only lowercase letters, digits and dashes");
    }
    if !text("payload_version").is_empty() && !VERSIONS.contains(&text("payload_version")) {
        errors.push("payload_version", "is not included in the list");
    }
    if !text("destination_url").is_empty() && !reachable(text("destination_url"), https_only) {
        errors.push("destination_url", "must be an HTTPS URL");
    }
    if given.get("status").is_some() && !["active", "disabled"].contains(&text("status")) {
        errors.push("status", "is not included in the list");
    }
    errors.or(())
}

/// HTTPS, or HTTP on the loopback interface where tests live.
fn reachable(url: &str, https_only: bool) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => true,
        ("http", Some(host)) => !https_only && matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    })
}

pub(crate) fn authorization(given: &Map<String, Value>) -> Option<String> {
    given
        .get("destination_headers")?
        .get("Authorization")?
        .as_str()
        .map(str::to_owned)
}

/// Makes a hook and starts its sender.
pub(crate) fn install(
    world: &mut World,
    call: &Call,
    project: Option<i64>,
    given: &Map<String, Value>,
) -> i64 {
    let id = world.new_id(call.company());
    let text = |key: &str| {
        given
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let now = world.now();
    let hook = Hook {
        id,
        client_id: call.caller.client_id.clone(),
        company: call.company(),
        project,
        namespace: text("namespace"),
        destination_url: text("destination_url"),
        authorization: authorization(given),
        payload_version: text("payload_version"),
        active: true,
        created_at: now,
        updated_at: now,
        triggers: BTreeMap::new(),
        queue: VecDeque::new(),
        failing: None,
        waiting_for_neighbour: None,
    };
    world.webhooks.hooks.insert(id, hook);
    tokio::spawn(sender::run(Arc::clone(&call.sim), id));
    id
}

async fn create(Path(ids): Path<Ids>, call: Call) -> Result<(StatusCode, Json<Value>), ApiError> {
    let given = call
        .body
        .as_object()
        .ok_or_else(|| ApiError::bad_request("a JSON object is required"))?;
    let mut world = call.sim.world();
    let project = scope(&world, &call, &ids)?;
    check(given, true, world.settings.https_only_webhooks)?;
    let id = install(&mut world, &call, project, given);
    let body = world.webhooks.hooks.get(&id).map(draw);
    Ok((StatusCode::CREATED, Json(json!({"data": body}))))
}

/// Applies what is given to a hook.
pub(crate) fn apply(hook: &mut Hook, given: &Map<String, Value>) {
    let text = |key: &str| given.get(key).and_then(Value::as_str).map(str::to_owned);
    hook.payload_version = text("payload_version").unwrap_or_else(|| hook.payload_version.clone());
    hook.namespace = text("namespace").unwrap_or_else(|| hook.namespace.clone());
    hook.destination_url = text("destination_url").unwrap_or_else(|| hook.destination_url.clone());
    hook.authorization = authorization(given).or_else(|| hook.authorization.take());
    if let Some(status) = text("status") {
        hook.active = status == "active";
    }
}

async fn update(Path(ids): Path<Ids>, call: Call) -> Result<Json<Value>, ApiError> {
    let given = call
        .body
        .as_object()
        .ok_or_else(|| ApiError::bad_request("a JSON object is required"))?;
    let mut world = call.sim.world();
    check(given, false, world.settings.https_only_webhooks)?;
    let now = world.now();
    let hook = hook_of(&mut world, &call, &ids)?;
    apply(hook, given);
    hook.updated_at = now;
    Ok(Json(json!({"data": draw(hook)})))
}

async fn delete(Path(ids): Path<Ids>, call: Call) -> Result<StatusCode, ApiError> {
    let mut world = call.sim.world();
    let id = hook_of(&mut world, &call, &ids)?.id;
    world.webhooks.hooks.remove(&id);
    Ok(StatusCode::NO_CONTENT)
}

async fn deliveries(Path(ids): Path<Ids>, call: Call) -> Result<Response, ApiError> {
    // The documentation spells the filter both ways, and asks for "succeeded" where records say "delivered".
    let filter = |key: &str| {
        let found = call.params.get(&format!("filter[{key}]"));
        found
            .or_else(|| call.params.get(&format!("filters[{key}]")))
            .map(str::to_owned)
    };
    let status = filter("status").map(|status| {
        if status == "succeeded" {
            "delivered".to_owned()
        } else {
            status
        }
    });
    let resource = filter("resource_name");
    let rows: Vec<Value> = {
        let mut world = call.sim.world();
        let hook = hook_of(&mut world, &call, &ids)?;
        let (id, version) = (hook.id, hook.payload_version.clone());
        let wanted = world.webhooks.deliveries.values().filter(|delivery| {
            delivery.hook == id
                && status
                    .as_ref()
                    .is_none_or(|status| delivery.status.v2() == status)
                && resource
                    .as_ref()
                    .is_none_or(|resource| delivery.event.what.resource == resource)
        });
        wanted.map(|delivery| delivery.record(&version)).collect()
    };
    Ok(paging::answer(&call, Generation::V2, &rows, Value::clone))
}

async fn resources(Path(ids): Path<Ids>, call: Call) -> Result<Response, ApiError> {
    let version = call
        .params
        .get("payload_version")
        .filter(|version| VERSIONS.contains(version));
    let version = version.ok_or_else(|| ApiError::bad_request("payload_version is missing or invalid"))?;
    let project = scope(&call.sim.world(), &call, &ids)?;
    let rows = catalogue::listed(project.is_some(), version);
    Ok(paging::answer(&call, Generation::V2, &rows, Value::clone))
}
