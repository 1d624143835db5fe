//! What a demonstration shows: progress while it runs, and the two sides beside each other at the end.

use std::time::Instant;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::commands::{reconcile::TieOutReport, table};

/// Progress, one line per step.
#[derive(Debug)]
pub(super) struct Progress {
    began: Instant,
    json: bool,
}

impl Progress {
    pub(super) fn new(json: bool) -> Self {
        Self {
            began: Instant::now(),
            json,
        }
    }

    pub(super) fn step(&self, what: &str) {
        let line = format!("{:>6.1} s  {what}", self.began.elapsed().as_secs_f64());
        if self.json {
            eprintln!("{line}");
        } else {
            println!("{line}");
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}

/// One kind of record on both sides.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) what: &'static str,
    pub(super) procore: (usize, Option<Decimal>),
    pub(super) quickbooks: (usize, Option<Decimal>),
}

impl Line {
    fn agrees(&self) -> bool {
        self.procore == self.quickbooks
    }
}

/// The result.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) lines: Vec<Line>,
    /// The same by project, as the service sees it.
    pub(super) tied: TieOutReport,
    /// Anything that is wrong besides the totals: records twice, details left open, rules of Procore broken.
    pub(super) problems: Vec<String>,
    pub(super) exchanges: usize,
    pub(super) seconds: f64,
}

impl Report {
    /// Whether both sides agree to the cent and nothing else is wrong.
    pub(super) fn agrees(&self) -> bool {
        self.lines.iter().all(Line::agrees) && self.tied.agrees() && self.problems.is_empty()
    }

    pub(super) fn json(&self) -> Value {
        let side = |(count, total): &(usize, Option<Decimal>)| json!({"count": count, "total": total.map(|total| format!("{total:.2}"))});
        json!({
            "agrees": self.agrees(),
            "lines": self.lines.iter().map(|line| json!({
                "what": line.what,
                "procore": side(&line.procore),
                "quickbooks": side(&line.quickbooks),
                "agrees": line.agrees(),
            })).collect::<Vec<_>>(),
            "tie_out": self.tied.json(),
            "problems": self.problems,
            "update_sessions": self.exchanges,
            "seconds": (self.seconds * 10.0).round() / 10.0,
        })
    }

    pub(super) fn print(&self) {
        let money = |total: Option<Decimal>| total.map_or_else(String::new, |total| format!("{total:.2}"));
        let rows: Vec<Vec<String>> = self
            .lines
            .iter()
            .map(|line| {
                let difference = match (line.procore.1, line.quickbooks.1) {
                    (Some(left), Some(right)) => format!("{:.2}", left - right),
                    _ => String::new(),
                };
                vec![
                    line.what.to_owned(),
                    line.procore.0.to_string(),
                    money(line.procore.1),
                    line.quickbooks.0.to_string(),
                    money(line.quickbooks.1),
                    difference,
                    if line.agrees() { "equal" } else { "DIFFERENT" }.to_owned(),
                ]
            })
            .collect();
        println!();
        table::print(
            &["", "Procore", "amount", "QuickBooks", "amount", "difference", ""],
            &rows,
        );
        println!();
        self.tied.print();
        println!();
        for problem in &self.problems {
            println!("Problem: {problem}");
        }
        if self.agrees() {
            println!("Both sides agree to the cent; no record stands twice.");
        }
        println!(
            "{:.1} s, {} runs of the Web Connector.",
            self.seconds, self.exchanges
        );
    }
}
