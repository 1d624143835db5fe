//! The cost code and cost type of a line, as exports hold them.

use crate::{
    procore::events::{CostTypeOrder, LineCostCode, LineSegments},
    tasks::exports::{classes::CostType, coding::LineCode},
};

/// A line of a commitment or of one of its change orders.
pub(super) fn line_code(code: LineCostCode, segments: LineSegments) -> LineCode {
    LineCode {
        procore_id: Some(code.id),
        full_code: code.full_code,
        origin_id: code.origin_id,
        standard_cost_code_id: code.standard_cost_code_id,
        cost_type: segments.cost_type.map(cost_type),
        custom_segments: segments.custom,
    }
}

/// The cost type.
pub(super) fn cost_type(order: CostTypeOrder) -> CostType {
    CostType {
        name: order.name,
        code: order.code,
    }
}
