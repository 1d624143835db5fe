//! The memo of a purchase order by a template (COMP-37).

use serde::{Deserialize, Serialize};

/// What can stand in a template, in braces.
const PLACES: [&str; 4] = ["project", "contract", "title", "vendor"];

/// A template: `{project} {contract} {title}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemoTemplate(String);

/// What is put into it.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoValues<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The contract's number in Procore.
    pub contract: &'a str,
    /// The contract's title.
    pub title: &'a str,
    /// The vendor's name.
    pub vendor: &'a str,
}

impl MemoTemplate {
    /// A template with this text; [`Self::check`] tells whether it is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether every brace is one of a place.
    pub fn check(&self) -> Result<(), String> {
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let place = rest
                .get(at..)
                .and_then(|rest| rest.strip_prefix('{'))
                .and_then(|rest| rest.split_once('}'))
                .filter(|(name, _)| PLACES.contains(name));
            let Some((_, after)) = place else {
                let known: Vec<String> = PLACES.iter().map(|name| format!("{{{name}}}")).collect();
                return Err(format!("only {} can stand in braces", known.join(", ")));
            };
            rest = after;
        }
        Ok(())
    }

    /// The memo: places filled in, spaces that an empty place leaves behind taken out, cut after `most` characters.
    pub fn fill(&self, values: MemoValues<'_>, most: usize) -> String {
        // A value may look like a place: each stretch of the template is read once.
        let mut memo = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            memo.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                memo.push('{');
                rest = after;
                continue;
            };
            memo.push_str(match name {
                "project" => values.project,
                "contract" => values.contract,
                "title" => values.title,
                "vendor" => values.vendor,
                _ => "",
            });
            rest = after;
        }
        memo.push_str(rest);
        let words: Vec<&str> = memo.split_whitespace().collect();
        words.join(" ").chars().take(most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // COMP-37
    #[test]
    fn comp_37_places_are_filled_once_and_the_memo_is_cut_at_the_limit() {
        let values = MemoValues {
            project: "Harbor {title} Tower",
            contract: "SC-1",
            title: "",
            vendor: "Lew",
        };
        let template = MemoTemplate::new("{project} {contract} {title} / {vendor}");
        assert_eq!(template.check(), Ok(()));
        assert_eq!(template.fill(values, 100), "Harbor {title} Tower SC-1 / Lew");
        assert_eq!(template.fill(values, 6), "Harbor");
        for wrong in ["{job}", "{title", "a } b", "{}"] {
            assert!(MemoTemplate::new(wrong).check().is_err(), "{wrong}");
        }
    }
}
