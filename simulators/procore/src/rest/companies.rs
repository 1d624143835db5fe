//! `/me` and the companies that installed the app.

use axum::{Json, response::Response};
use serde_json::{Value, json};

use crate::{
    call::Call,
    paging::{self, Generation},
};

pub(crate) async fn me(call: Call) -> Json<Value> {
    let world = call.sim.world();
    let user = world.apps.get(&call.caller.client_id).map(|app| app.user_id);
    let login = format!("{}@dmsa.invalid", call.caller.client_id);
    Json(json!({"id": user, "login": login, "name": "Service Account"}))
}

pub(crate) async fn list(call: Call) -> Response {
    let rows: Vec<(i64, String)> = {
        let world = call.sim.world();
        let installed = world
            .apps
            .get(&call.caller.client_id)
            .map(|app| app.companies.clone())
            .unwrap_or_default();
        installed
            .iter()
            .filter_map(|id| Some((*id, world.companies.get(id)?.name.clone())))
            .collect()
    };
    paging::answer(
        &call,
        Generation::V1(20),
        &rows,
        |(id, name)| json!({"id": id, "name": name, "is_active": true}),
    )
}
