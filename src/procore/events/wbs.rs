//! How a line is coded beyond its cost code: its cost type, and segments that a company has added to its budget codes.
//!
//! Lines of commitments and change orders name their cost type as `line_item_type`; items of subcontractor invoices, as the
//! ordinary API shows them, list the segments of their budget code in `wbs_code.segment_items`. **Guess:** where Procore's ERP
//! tool tells of custom segments, it does so in that shape too.

use super::text_of;
use crate::procore::reader::{ReadError, Reader};

/// Segments that every company has; all others are its own.
const USUAL: [&str; 3] = ["cost_code", "line_item_type", "sub_job"];

/// A cost type as a line names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostTypeOrder {
    /// Its name, `Labor`.
    pub name: String,
    /// Its code, `L`.
    pub code: String,
}

/// How a line is coded beyond its cost code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineSegments {
    /// The cost type, where told.
    pub cost_type: Option<CostTypeOrder>,
    /// Custom segments, as a person knows them.
    pub custom: Vec<String>,
}

/// Reads what a line or item tells of its segments.
pub(crate) fn segments_of(line: &Reader<'_>) -> Result<LineSegments, ReadError> {
    let mut found = LineSegments::default();
    for item in line.field("wbs_code").field("segment_items").optional_list()? {
        let Some(kind) = text_of(&item, "segment_type")? else {
            continue;
        };
        if kind == "line_item_type" {
            found.cost_type = named(&item)?;
        } else if !USUAL.contains(&kind.as_str()) {
            let label = named(&item)?.map(|item| {
                if item.name.is_empty() {
                    item.code
                } else {
                    item.name
                }
            });
            found.custom.push(label.unwrap_or(kind));
        }
    }
    if let Some(cost_type) = named(&line.field("line_item_type"))? {
        found.cost_type = Some(cost_type);
    }
    Ok(found)
}

/// Name and code; `None` where there is neither.
fn named(record: &Reader<'_>) -> Result<Option<CostTypeOrder>, ReadError> {
    let text = |field| -> Result<String, ReadError> {
        Ok(record
            .field(field)
            .optional_label()?
            .unwrap_or_default()
            .trim()
            .to_owned())
    };
    let named = CostTypeOrder {
        name: text("name")?,
        code: text("code")?,
    };
    Ok(Some(named).filter(|named| !named.name.is_empty() || !named.code.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // COMP-21, MAP-03
    #[test]
    fn comp_21_a_cost_type_is_read_from_either_place_and_custom_segments_are_told_apart() {
        let read = |line: serde_json::Value| segments_of(&Reader::root(&line)).unwrap();
        let labor = Some(CostTypeOrder {
            name: "Labor".into(),
            code: "L".into(),
        });
        assert_eq!(
            read(json!({"line_item_type": {"id": 47, "base_type": null, "code": "L", "name": "Labor"}})),
            LineSegments {
                cost_type: labor.clone(),
                custom: Vec::new()
            }
        );
        let items = json!({"wbs_code": {"id": 1, "flat_code": "01-100.L.N", "segment_items": [
            {"id": 1, "code": "100", "name": "Concrete", "segment_type": "cost_code"},
            {"id": 2, "code": "L", "name": "Labor", "segment_type": "line_item_type"},
            {"id": 3, "code": "N", "name": "North", "segment_type": "custom"}
        ]}});
        assert_eq!(
            read(items),
            LineSegments {
                cost_type: labor,
                custom: vec!["North".into()]
            }
        );
        assert_eq!(
            read(json!({"line_item_type": null, "wbs_code": {"segment_items": []}})),
            LineSegments::default()
        );
        assert_eq!(read(json!({})), LineSegments::default());
    }
}
