//! QuickBooks' own report of a job's costs, by item: what our sums are compared with.
//!
//! **Guess:** that the column of actual costs is titled "Act. Cost", and that a row of an item says so in `RowData` with
//! `rowType="item"` and the item's full name. Both stand in [`read`] alone.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use yaserde::YaSerialize;

use super::{Access, Money, Request, Response};

/// The actual cost of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemActual {
    /// The item's full name.
    pub item: String,
    /// What it cost so far.
    pub cost: Money,
}

/// Why a report cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It is no report, or not well-formed.
    #[error("QuickBooks' job report cannot be read: {0}")]
    Malformed(String),
    /// It has no column of actual costs.
    #[error("QuickBooks' job report has no column \"Act. Cost\"; it has: {0}")]
    NoCostColumn(String),
}

#[derive(YaSerialize)]
struct EntityFilter {
    #[yaserde(rename = "ListID")]
    list_id: String,
}

#[derive(YaSerialize)]
struct JobReportQueryRq {
    #[yaserde(rename = "JobReportType")]
    report: String,
    #[yaserde(rename = "DisplayReport")]
    display: bool,
    #[yaserde(rename = "ReportDateMacro")]
    dates: String,
    #[yaserde(rename = "ReportEntityFilter")]
    entity: EntityFilter,
}

/// Asks for the costs of one job, of all times, by item.
pub fn query(job_list_id: &str) -> Request {
    let model = JobReportQueryRq {
        report: "JobEstimatesVsActualsDetail".to_owned(),
        display: false,
        dates: "All".to_owned(),
        entity: EntityFilter {
            list_id: job_list_id.to_owned(),
        },
    };
    Request::new("JobReportQueryRq", Access::Read, &model)
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, ReportError> {
    let malformed = |error: &dyn std::fmt::Display| ReportError::Malformed(error.to_string());
    let Some(found) = element
        .try_get_attribute(name)
        .map_err(|error| malformed(&error))?
    else {
        return Ok(None);
    };
    let value = found
        .normalized_value(XmlVersion::Implicit1_0)
        .map_err(|error| malformed(&error))?;
    Ok(Some(value.into_owned()))
}

/// The actual costs by item. Rows that are no item's (group headings, totals, costs without item) are left out.
pub fn read(response: &Response) -> Result<Vec<ItemActual>, ReportError> {
    let Some(report) = response.pieces().find(|piece| piece.name == "ReportRet") else {
        // A job without anything has no report.
        return Ok(Vec::new());
    };
    let mut reader = Reader::from_str(report.xml);
    let (mut column, mut cost_column, mut titles) = (None, None, Vec::new());
    let (mut item, mut cost, mut found) = (None, None, Vec::new());
    loop {
        let event = reader
            .read_event()
            .map_err(|error| ReportError::Malformed(error.to_string()))?;
        match event {
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                "ColDesc" => column = attribute(&element, "colID")?,
                "ColTitle" => {
                    let title = attribute(&element, "value")?.unwrap_or_default();
                    let words = title.to_lowercase();
                    if words.starts_with("act") && words.contains("cost") {
                        cost_column.clone_from(&column);
                    }
                    titles.push(title);
                }
                "DataRow" => (item, cost) = (None, None),
                "RowData" if attribute(&element, "rowType")?.as_deref() == Some("item") => {
                    item = attribute(&element, "value")?;
                }
                "ColData" if cost_column.is_some() && attribute(&element, "colID")? == cost_column => {
                    cost = attribute(&element, "value")?;
                }
                _ => {}
            },
            Event::End(element) if element.name().as_ref() == "DataRow" => {
                if let (Some(item), Some(text)) = (item.take(), cost.take()) {
                    let cost = Money::parse_formatted(&text)
                        .map_err(|error| ReportError::Malformed(format!("{item}: {error}")))?;
                    found.push(ItemActual { item, cost });
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if cost_column.is_none() {
        return Err(ReportError::NoCostColumn(titles.join(", ")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<ReportRet><ReportTitle>Job</ReportTitle><ColDesc colID="1"><ColTitle titleRow="1"/></ColDesc>
        <ColDesc colID="2"><ColTitle titleRow="1" value="Est. Cost"/></ColDesc><ColDesc colID="3"><ColTitle titleRow="1" value="Act. Cost"/></ColDesc>
        <ReportData><TextRow rowNumber="1" value="Service"/><DataRow rowNumber="2"><RowData rowType="item" value="A &amp; B:C"/>
        <ColData colID="1" value="C"/><ColData colID="2" value="9.00"/><ColData colID="3" value="-12.50"/></DataRow>
        <DataRow rowNumber="3"><ColData colID="3" value="4.00"/></DataRow>
        <SubtotalRow rowNumber="4"><RowData rowType="item" value="A"/><ColData colID="3" value="1.00"/></SubtotalRow></ReportData></ReportRet>"#;

    #[test]
    fn only_rows_of_items_count() {
        let read = read(&Response::ok("JobReportQueryRs", REPORT)).unwrap();
        assert_eq!(
            read,
            [ItemActual {
                item: "A & B:C".into(),
                cost: Money::from_cents(-1250)
            }]
        );
    }

    #[test]
    fn a_report_without_the_column_is_no_empty_report() {
        let other = REPORT.replace("Act. Cost", "Ist");
        let error = read(&Response::ok("JobReportQueryRs", &other)).unwrap_err();
        assert!(error.to_string().contains("Est. Cost, Ist"), "{error}");
        assert_eq!(read(&Response::ok("JobReportQueryRs", "")), Ok(Vec::new()));
    }

    #[test]
    fn the_query_stands_in_schema_order() {
        assert_eq!(
            query("J").body,
            "<JobReportType>JobEstimatesVsActualsDetail</JobReportType><DisplayReport>false</DisplayReport>\
             <ReportDateMacro>All</ReportDateMacro><ReportEntityFilter><ListID>J</ListID></ReportEntityFilter>"
        );
    }
}
