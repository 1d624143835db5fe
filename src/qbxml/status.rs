//! Status codes of responses: what they mean, what to do, and whether trying again helps (qbxml.md §4).

use std::fmt;

use serde::{Deserialize, Serialize};

/// How serious QuickBooks calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Done, or nothing found.
    Info,
    /// Done in part. An Add answered with a warning *has* happened.
    Warn,
    /// Not done.
    Error,
}

impl Severity {
    /// Reads `statusSeverity`; a missing or unknown word is judged by the code's range.
    pub fn read(word: Option<&str>, code: i32) -> Self {
        match word {
            Some("Info") => Self::Info,
            Some("Warn") => Self::Warn,
            Some("Error") => Self::Error,
            _ if code < 500 => Self::Info,
            _ if code < 1000 => Self::Warn,
            _ => Self::Error,
        }
    }
}

/// The status of one response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `statusCode`.
    pub code: i32,
    /// `statusSeverity`.
    pub severity: Severity,
    /// `statusMessage`, as QuickBooks wrote it.
    pub message: String,
}

/// What a status means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryClass {
    /// Done.
    Done,
    /// Nothing matched: a success with no rows.
    Nothing,
    /// Done, with something left out. Whether a record came decides, not the code.
    Warning,
    /// Try the same again after a while.
    Again,
    /// Read again, rebuild, then write.
    ReadAgain,
    /// A person or a mapping must change something.
    Person,
    /// We asked wrongly.
    OurFault,
}

impl Status {
    /// Everything went well.
    pub fn ok() -> Self {
        Self {
            code: 0,
            severity: Severity::Info,
            message: "Status OK".to_owned(),
        }
    }

    /// A status with the severity of its code's range; for tests and stand-ins.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::read(None, code),
            message: message.into(),
        }
    }

    /// Whether QuickBooks calls it an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// What it means for whoever asked.
    pub fn retry_class(&self) -> RetryClass {
        match self.code {
            0 => RetryClass::Done,
            1 => RetryClass::Nothing,
            // 500 on a query: the named objects that exist are there, the others are not.
            500 | 501 | 510 | 530 | 531 | 550 | 560 | 570 => RetryClass::Warning,
            1000 | 1010 | 3162 | 3175 | 3176 | 3231 => RetryClass::Again,
            3170 | 3180 if self.says_locked() => RetryClass::Again,
            600 | 3000 | 3100 | 3120 | 3130 | 3200 | 3230 | 3240 | 3391 | 9001..=9005 => {
                RetryClass::ReadAgain
            }
            1030
            | 1060
            | 3010
            | 3020
            | 3030
            | 3031
            | 3035
            | 3040
            | 3045
            | 3050
            | 3060
            | 3065
            | 3070
            | 3080
            | 3085
            | 3110
            | 3121
            | 3150..=3153
            | 3177
            | 3190
            | 3205
            | 9100..=9199 => RetryClass::OurFault,
            // Known ones of class C, and whatever is not in the table: a person reads the raw text and decides.
            _ => match self.severity {
                Severity::Info => RetryClass::Done,
                Severity::Warn => RetryClass::Warning,
                Severity::Error => RetryClass::Person,
            },
        }
    }

    /// 3170 and 3180 cover both locks and refusals; only the text tells them apart (qbxml.md §4).
    /// "already in use" is about a value (an account number, a name), never a lock.
    fn says_locked(&self) -> bool {
        let text = self.message.to_ascii_lowercase();
        text.contains("modified by another user")
            || text.contains("could not be locked")
            || text.replace("already in use", "").contains("in use")
            || text.contains("because it is already in use")
    }

    /// What a person reads: plain words and what to do, then QuickBooks' own text.
    pub fn told(&self) -> String {
        match explain(self.code) {
            Some(words) if self.message.is_empty() => format!("{words} (QuickBooks status {})", self.code),
            Some(words) => format!(
                "{words} (QuickBooks status {}: {})",
                self.code,
                self.message.trim()
            ),
            None if self.message.is_empty() => {
                format!("QuickBooks answered with status {} and no text.", self.code)
            }
            None => format!(
                "QuickBooks answered: {} (status {})",
                self.message.trim(),
                self.code
            ),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

/// Plain words for a status code, with what to do (COMP-01). `None` for codes we do not know: then QuickBooks' own
/// text must be shown.
pub fn explain(code: i32) -> Option<&'static str> {
    Some(match code {
        0 => "Done.",
        1 => "QuickBooks found nothing that matches.",
        500 => {
            "Something the request named is not in QuickBooks. Check that it was not deleted or renamed there, then try again."
        }
        501 | 510 => {
            "QuickBooks holds a record that this version of its interface cannot show. Open it in QuickBooks."
        }
        530 | 531 => {
            "The record was saved, but this edition of QuickBooks does not keep one of its fields. Nothing needs to be done unless that field matters to you."
        }
        550 => "The record was saved without its notes. Add them in QuickBooks if you need them.",
        560 => "The record was saved. One of its fields is no longer used by this version of QuickBooks.",
        570 => {
            "The record was saved, but not linked: the transaction it should link to is already closed. Open that transaction in QuickBooks if the link is needed."
        }
        600 => {
            "QuickBooks no longer knows what became of the last request. Plumbline looks up the record before it writes again."
        }
        1000 => {
            "QuickBooks had an internal error. Plumbline tries again; if it keeps happening, use File > Utilities > Verify Data in QuickBooks."
        }
        1010 => "QuickBooks is not available at the moment. Plumbline tries again.",
        1030 => "This edition of QuickBooks does not know the request. Tell support which edition is in use.",
        1060 => "QuickBooks refused the request's own number. This is a fault of Plumbline; tell support.",
        3000 => {
            "QuickBooks does not know the id that was sent. The record may have been deleted, or another company file may be open. Refresh the lists, then try again."
        }
        3010 => "QuickBooks could not read a yes/no value. This is a fault of Plumbline; tell support.",
        3020 | 3030 | 3031 => {
            "QuickBooks could not read a date or a range. Check the dates of the record; if they look right, tell support."
        }
        3035 => "QuickBooks could not read a time. This is a fault of Plumbline; tell support.",
        3040 => {
            "QuickBooks could not read an amount. Check the amounts of the record: they must have whole cents."
        }
        3045 => "QuickBooks could not read a price. Check the unit prices of the record: at most 5 decimals.",
        3050 | 3060 => {
            "QuickBooks could not read a percentage or quantity. Check the quantities of the record: at most 5 decimals."
        }
        3065 | 3080 | 3085 => {
            "QuickBooks could not read a value. This is a fault of Plumbline; tell support."
        }
        3070 => "A text is too long for QuickBooks. Shorten it in Procore, then send the record again.",
        3090 => {
            "QuickBooks could not store a value; a colon in a name, for example. Change it in Procore, then send the record again."
        }
        3100 => {
            "The name is already used in QuickBooks: by a vendor, customer, employee or other name, perhaps an inactive one. Link the existing record, or change the name and send it again."
        }
        3101 => "An amount is too large for QuickBooks. Check the amounts of the record.",
        3110 => {
            "QuickBooks does not offer a value that was sent. This is a fault of Plumbline; tell support."
        }
        3120 => {
            "The record is no longer in QuickBooks; it may have been deleted or merged. Refresh the lists; if it is gone, unlink it and send it again."
        }
        3121 => {
            "QuickBooks does not know the owner of a custom field. This is a fault of Plumbline; tell support."
        }
        3130 => "The parent of the record is not in QuickBooks. Send the parent first, or choose another.",
        3140 => {
            "The record refers to something that is not in QuickBooks, is inactive there, or is of the wrong kind. Check the vendor, job, items and accounts it uses; make inactive ones active."
        }
        3150..=3153 => {
            "QuickBooks misses a part of the request, or did not expect one. This is a fault of Plumbline; tell support."
        }
        3160 => "The record is in use in QuickBooks and cannot be deleted. Make it inactive there instead.",
        3161 | 3171 => {
            "The date is before the closing date of the company file. Choose a later date, or have the QuickBooks administrator open the period (Company > Set Closing Date)."
        }
        3162 => {
            "QuickBooks must be in single-user mode for this. Use File > Switch to Single-user Mode, or wait until the others have left."
        }
        3170 => {
            "QuickBooks could not change the record. If somebody has it open, close it there; Plumbline tries again."
        }
        3175 => "The record is open in QuickBooks. Close its window there; Plumbline tries again.",
        3176 => {
            "A record that is linked to this one is open in QuickBooks. Close its window there; Plumbline tries again."
        }
        3177 => "The same purchase order was linked twice. This is a fault of Plumbline; tell support.",
        3180 => {
            "QuickBooks could not save the record. If somebody is working in that list, Plumbline tries again; otherwise the text below says why."
        }
        3185 => {
            "QuickBooks could not void the transaction. Check in QuickBooks whether it is reconciled or in a closed period."
        }
        3190 => "A field cannot be emptied in QuickBooks. Change it there by hand.",
        3200 => {
            "The record was changed in QuickBooks in the meantime. Plumbline reads it again before it writes."
        }
        3205 => {
            "QuickBooks could not store the address. Shorten its lines in Procore, then send the record again."
        }
        3210 => {
            "A rule of QuickBooks forbids the value. The text below says which; change it in Procore, then send the record again."
        }
        3230 | 3240 => {
            "QuickBooks cannot say what became of an earlier request. Plumbline looks up the record before it writes again."
        }
        3231 => "QuickBooks did not come to this request. Plumbline sends it again.",
        3250 => {
            "The feature is switched off, or not part of this edition of QuickBooks. Look under Edit > Preferences (purchase orders: Items & Inventory; estimates: Jobs & Estimates)."
        }
        3260 | 3261 => {
            "The QuickBooks user of the connection may not do this. Let the QuickBooks administrator give the user full access, and the application access to personal data if needed (Edit > Preferences > Integrated Applications)."
        }
        3270 => {
            "QuickBooks misses an account it needs to post this. Choose the accounts of the item in QuickBooks."
        }
        3300 => "The list is full in QuickBooks. Delete or merge entries that are not used.",
        3391 => "A page of a long list came too late. Plumbline starts that list again.",
        9001..=9005 => {
            "QuickBooks cannot say what became of the last request. Plumbline looks up the record before it writes again."
        }
        9100..=9199 => {
            "QuickBooks could not resolve a reference within the request. This is a fault of Plumbline; tell support."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: i32, message: &str) -> RetryClass {
        Status::new(code, message).retry_class()
    }

    #[test]
    fn locks_are_tried_again_and_refusals_are_not() {
        // COMP-12
        for (code, message) in [
            (
                3170,
                "The internals could not be locked. They are in use by another user.",
            ),
            (
                3170,
                "There was an error when modifying a data extension named \"X\".  QuickBooks error message: This list has been modified by another user.",
            ),
            (
                3175,
                "The transaction could not be locked. It is in use by another user.",
            ),
            (
                3180,
                "There was an error when saving a Customers list.  QuickBooks error message: This list has been modified by another user.",
            ),
        ] {
            assert_eq!(class(code, message), RetryClass::Again, "{message}");
        }
        assert_eq!(
            class(
                3180,
                "There was an error when saving a Accounts list, element \"x\".  QuickBooks error message: The account number is already in use."
            ),
            RetryClass::Person
        );
        assert_eq!(
            class(3170, "There was an error when modifying it."),
            RetryClass::Person
        );
    }

    #[test]
    fn the_table_of_the_facts() {
        assert_eq!(class(0, ""), RetryClass::Done);
        assert_eq!(class(1, ""), RetryClass::Nothing);
        assert_eq!(class(530, ""), RetryClass::Warning);
        assert_eq!(class(3200, ""), RetryClass::ReadAgain);
        assert_eq!(class(3391, ""), RetryClass::ReadAgain);
        assert_eq!(class(3210, ""), RetryClass::Person);
        assert_eq!(class(3250, ""), RetryClass::Person);
        assert_eq!(class(3040, ""), RetryClass::OurFault);
        assert_eq!(class(9101, ""), RetryClass::OurFault);
        assert_eq!(class(12345, ""), RetryClass::Person);
        assert_eq!(class(77, ""), RetryClass::Done);
    }

    #[test]
    fn comp_01_at_least_25_codes_are_told_in_plain_words_and_unknown_ones_keep_their_text() {
        let known = [
            1, 500, 530, 570, 600, 1000, 1010, 1030, 1060, 3000, 3020, 3040, 3045, 3070, 3090, 3100, 3110,
            3120, 3130, 3140, 3150, 3160, 3161, 3162, 3170, 3175, 3176, 3177, 3180, 3190, 3200, 3210, 3231,
            3250, 3260, 3391, 9001,
        ];
        assert!(known.len() >= 25);
        for code in known {
            let told = Status::new(code, "raw text").told();
            assert!(
                told.contains("raw text") && told.contains(&code.to_string()),
                "{told}"
            );
            assert!(explain(code).is_some_and(|words| words.len() > 20), "{code}");
        }
        assert_eq!(
            Status::new(4711, "Strange.").told(),
            "QuickBooks answered: Strange. (status 4711)"
        );
        assert!(
            !Status::new(4711, "")
                .told()
                .to_lowercase()
                .contains("unknown error")
        );
    }
}
