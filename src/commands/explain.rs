//! `plumbline explain`: what a code of QuickBooks or of the Web Connector means, and what to do. `docs/ERRORS.md` is the
//! same table on paper.

use std::fmt::Write as _;

use anyhow::bail;
use clap::Args;

use crate::{
    qbxml::status::{self, RetryClass, Status},
    web_connector::hresult::{self, Meaning},
};

/// No status code of QuickBooks lies beyond.
const LARGEST_STATUS: i32 = 9_999;

/// Arguments of `plumbline explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// A status code of QuickBooks (3170) or what it throws (0x80040408); without one, all are listed.
    code: Option<String>,
}

impl Explain {
    /// Prints what the code means.
    pub fn run(&self) -> anyhow::Result<()> {
        let Some(code) = self.code.as_deref().map(str::trim) else {
            print!("{}", document());
            return Ok(());
        };
        if let Some(words) = of_status(code).or_else(|| of_hresult(code)) {
            println!("{words}");
            return Ok(());
        }
        bail!("{code} is not in the table; the text that QuickBooks gave beside it is all there is to go by")
    }
}

fn of_status(code: &str) -> Option<String> {
    let code: i32 = code.parse().ok()?;
    let words = status::explain(code)?;
    Some(format!("{words} {}", what_happens(code)))
}

fn of_hresult(code: &str) -> Option<String> {
    match hresult::meaning(code) {
        Meaning::Unknown => None,
        known => Some(format!("{} {}", words_of(known), what_follows(known))),
    }
}

/// What Plumbline does about a status.
fn what_happens(code: i32) -> &'static str {
    match Status::new(code, "").retry_class() {
        RetryClass::Done | RetryClass::Nothing => "",
        RetryClass::Warning => "The export goes on.",
        RetryClass::Again => "It is tried again by itself.",
        RetryClass::ReadAgain => "Plumbline looks before it goes on.",
        RetryClass::OurFault | RetryClass::Person => "The export fails with these words.",
    }
}

fn words_of(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Malformed => "QuickBooks could not read the request. Nothing of it was executed.",
        Meaning::NeedsPerson(words) | Meaning::Transient(words) => words,
        Meaning::Unknown => "",
    }
}

fn what_follows(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Malformed => "The record at fault is found, and the others go on.",
        Meaning::NeedsPerson(_) => {
            "Somebody has to do this at the QuickBooks machine; what waits goes on by itself then."
        }
        Meaning::Transient(_) => "The next update goes on by itself.",
        Meaning::Unknown => "",
    }
}

/// `docs/ERRORS.md`.
pub fn document() -> String {
    let mut text = String::from(
        "# What QuickBooks says, and what to do\n\n\
         Every code that Plumbline knows. Users read these words in Procore, with QuickBooks' own text behind them; `plumbline explain CODE` prints\n\
         them. A code that is not here is shown with QuickBooks' own text. This page is printed by a test from the tables in\n\
         `src/qbxml/status.rs` and `src/web_connector/hresult.rs`; `PLUMBLINE_WRITE_DOCS=1 cargo test --lib errors_md` writes it anew.\n\n\
         ## Status codes\n\n| code | what it means and what to do | what Plumbline does |\n|---|---|---|\n",
    );
    for code in 0..=LARGEST_STATUS {
        if let Some(words) = status::explain(code) {
            let _ = writeln!(text, "| {code} | {words} | {} |", what_happens(code));
        }
    }
    text.push_str(
        "\n## When QuickBooks cannot be worked with\n\n| code | what it means and what to do | what follows |\n|---|---|---|\n",
    );
    for (code, meaning) in hresult::KNOWN {
        let _ = writeln!(
            text,
            "| 0x{code} | {} | {} |",
            words_of(meaning),
            what_follows(meaning)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    // COMP-01
    #[test]
    fn comp_01_errors_md_is_printed_from_the_tables() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ERRORS.md");
        if std::env::var_os("PLUMBLINE_WRITE_DOCS").is_some() {
            std::fs::write(&path, document()).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == document(),
            "docs/ERRORS.md is not what the tables say; PLUMBLINE_WRITE_DOCS=1 cargo test --lib errors_md writes it"
        );
    }

    #[test]
    fn codes_are_found_however_they_are_written() {
        assert!(of_status("3175").unwrap().contains("tried again by itself"));
        assert!(of_hresult("0x80040408").unwrap().contains("could not be started"));
        assert!(of_hresult("8004040a").is_some());
        assert!(of_status("3999").is_none() && of_hresult("3999").is_none());
    }
}
