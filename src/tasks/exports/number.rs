//! The number an invoice of Procore's gives to its bill or invoice in QuickBooks: told if it is too long, never cut.

use crate::qbxml::text;

/// The number as QuickBooks will hold it; empty where there is none.
pub(super) fn clean(number: Option<&str>) -> String {
    text::fit_line("number", number.unwrap_or_default(), usize::MAX).unwrap_or_default()
}

/// The number, or why QuickBooks cannot hold it. `what` is what a person calls the record, `word` what it becomes: `bill`.
pub(super) fn checked(what: &str, word: &str, number: Option<&str>, max: usize) -> Result<String, String> {
    let number = clean(number);
    let length = number.chars().count();
    if number.is_empty() {
        return Err(format!(
            "{what} cannot be sent to ERP because its Invoice # is empty; it becomes the {word}'s number. Enter one in Procore, \
             then export it again."
        ));
    }
    if length > max {
        let cut: String = number.chars().take(max).collect();
        return Err(format!(
            "{what} cannot be sent to ERP because its Invoice # has {length} characters; a{} {word} number in QuickBooks holds at \
             most {max}, and only \"{cut}\" would remain. Shorten the Invoice # in Procore, then export it again.",
            if word.starts_with('i') { "n" } else { "" }
        ));
    }
    Ok(number)
}
