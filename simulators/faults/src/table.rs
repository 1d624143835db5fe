//! The table of a sweep: journey × fault, with what came of it.

use std::collections::BTreeMap;

use crate::{journey::Journey, run::Verdict};

/// What is counted of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    runs: usize,
    missed: usize,
    recovered: usize,
    by_hand: usize,
    duplicates: usize,
    losses: usize,
    wrong: usize,
    stuck: usize,
    broken: usize,
}

impl Counts {
    fn count(&mut self, verdict: &Verdict) {
        self.runs += 1;
        self.missed += usize::from(verdict.missed);
        self.recovered += usize::from(verdict.is_good());
        self.by_hand += usize::from(verdict.is_good() && verdict.pressed_again > 0);
        self.duplicates += verdict.duplicates.len();
        self.losses += verdict.losses.len();
        self.wrong += verdict.changes.len();
        self.stuck += usize::from(verdict.stuck.is_some());
        self.broken += verdict.broken.len() + usize::from(verdict.harness.is_some());
    }

    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.missed += other.missed;
        self.recovered += other.recovered;
        self.by_hand += other.by_hand;
        self.duplicates += other.duplicates;
        self.losses += other.losses;
        self.wrong += other.wrong;
        self.stuck += other.stuck;
        self.broken += other.broken;
    }
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<(Journey, String), Counts>,
}

impl Table {
    /// Counts a run.
    pub(crate) fn count(&mut self, journey: Journey, group: &str, verdict: &Verdict) {
        self.rows
            .entry((journey, group.to_owned()))
            .or_default()
            .count(verdict);
    }

    /// Prints it.
    pub(crate) fn print(&self) {
        println!(
            "{:<11} {:<24} {:>6} {:>10} {:>8} {:>11} {:>7} {:>6} {:>6} {:>7} {:>8}",
            "journey",
            "fault",
            "runs",
            "recovered",
            "by hand",
            "duplicates",
            "losses",
            "wrong",
            "stuck",
            "broken",
            "missed"
        );
        let mut all = Counts::default();
        for ((journey, group), counts) in &self.rows {
            print(journey.name(), group, *counts);
            all.add(*counts);
        }
        print("all", "", all);
    }
}

fn print(journey: &str, group: &str, counts: Counts) {
    println!(
        "{journey:<11} {group:<24} {:>6} {:>10} {:>8} {:>11} {:>7} {:>6} {:>6} {:>7} {:>8}",
        counts.runs,
        counts.recovered,
        counts.by_hand,
        counts.duplicates,
        counts.losses,
        counts.wrong,
        counts.stuck,
        counts.broken,
        counts.missed
    );
}
