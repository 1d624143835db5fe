//! The rules of every `PATCH …/sync`: which update means create, which update, which is an error.
//!
//! | given | found | effect |
//! | --- | --- | --- |
//! | nothing | | create |
//! | id | no | error "Entity with this ID not found" |
//! | id | yes | update |
//! | `origin_id` | no | create |
//! | `origin_id` | yes | update |
//! | both | by id | update, and the `origin_id` becomes the given one |
//!
//! The answer is always 200 with `{entities, errors}`.

use serde_json::{Map, Value, json};

use crate::{
    call::int_of,
    errors::FieldErrors,
    store::{
        World,
        record::{Kind, Origin, Record},
    },
};

/// Where a sync works and for whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) company: i64,
    pub(crate) project: Option<i64>,
    pub(crate) kind: Kind,
    pub(crate) app: Option<&'a str>,
}

/// Makes attributes fit to be stored, or says why they are not. Gets the existing record for an update.
pub(crate) type Clean =
    fn(&World, &Target<'_>, &Map<String, Value>, Option<&Record>) -> Result<Map<String, Value>, FieldErrors>;

/// Runs a sync; returns the ids written and the errors.
pub(crate) fn run(
    world: &mut World,
    target: &Target<'_>,
    updates: &[Value],
    clean: Clean,
) -> (Vec<i64>, Vec<Value>) {
    let (mut written, mut errors) = (Vec::new(), Vec::new());
    for update in updates {
        let outcome = match update.as_object() {
            Some(attributes) => one(world, target, attributes, clean),
            None => Err(FieldErrors::one("base", "must be an object")),
        };
        match outcome {
            Ok(id) => written.push(id),
            Err(fields) => errors.push(item_error(update, &fields)),
        }
    }
    (written, errors)
}

/// An item's attributes with what is wrong about them.
pub(crate) fn item_error(update: &Value, fields: &FieldErrors) -> Value {
    let mut error = update.as_object().cloned().unwrap_or_default();
    error.insert("errors".into(), fields.to_json());
    Value::Object(error)
}

fn one(
    world: &mut World,
    target: &Target<'_>,
    attributes: &Map<String, Value>,
    clean: Clean,
) -> Result<i64, FieldErrors> {
    let Target {
        company,
        project,
        kind,
        app,
    } = *target;
    let id = attributes.get("id").filter(|id| !id.is_null());
    let existing = match id {
        Some(id) => {
            let found = int_of(id).filter(|id| belongs(world, target, *id));
            Some(found.ok_or_else(|| FieldErrors::one("id", "Entity with this ID not found"))?)
        }
        None => match text(attributes, "origin_id", None)? {
            Some(origin_id) => match world.by_origin(company, kind, &origin_id) {
                Some(found) if !belongs(world, target, found) => {
                    return Err(FieldErrors::one("origin_id", "has already been taken"));
                }
                found => found,
            },
            None => None,
        },
    };
    let record = existing.and_then(|id| world.record(company, kind, id));
    let fields = clean(world, target, attributes, record)?;
    let origin = origin(attributes, record.map(|record| &record.origin))?;
    if let Some(wanted) = &origin.id
        && world
            .by_origin(company, kind, wanted)
            .is_some_and(|holder| Some(holder) != existing)
    {
        return Err(FieldErrors::one("origin_id", "has already been taken"));
    }
    let id = if let Some(id) = existing {
        let same = record.is_some_and(|record| {
            record.origin == origin && fields.iter().all(|(key, value)| record.get(key) == value)
        });
        if !same {
            world.update(company, kind, id, app, |record| record.fields.extend(fields));
        }
        id
    } else {
        world.insert(company, kind, project, None, fields, app)
    };
    world.set_origin(company, kind, id, origin)?;
    Ok(id)
}

fn belongs(world: &World, target: &Target<'_>, id: i64) -> bool {
    world
        .record(target.company, target.kind, id)
        .is_some_and(|record| record.project_id == target.project)
}

/// The origin an update leaves behind: what it names, over what there was.
pub(crate) fn origin(attributes: &Map<String, Value>, old: Option<&Origin>) -> Result<Origin, FieldErrors> {
    let old = old.cloned().unwrap_or_default();
    Ok(Origin {
        id: text(attributes, "origin_id", old.id)?,
        code: text(attributes, "origin_code", old.code)?,
        data: text(attributes, "origin_data", old.data)?,
    })
}

/// A text attribute: the old one when absent, none when null or empty. Anything but text is refused.
fn text(
    attributes: &Map<String, Value>,
    key: &str,
    old: Option<String>,
) -> Result<Option<String>, FieldErrors> {
    match attributes.get(key) {
        None => Ok(old),
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(FieldErrors::one(key, "must be a string")),
    }
}

/// `{entities, errors}` with the written records drawn.
pub(crate) fn answer(
    world: &World,
    target: &Target<'_>,
    outcome: (Vec<i64>, Vec<Value>),
    draw: impl Fn(&World, &Record) -> Value,
) -> Value {
    let (written, errors) = outcome;
    let records = written
        .iter()
        .filter_map(|id| world.record(target.company, target.kind, *id));
    json!({"entities": records.map(|record| draw(world, record)).collect::<Vec<_>>(), "errors": errors})
}
