//! What QuickBooks throws: `HRESULT`s, what they mean, and what to do (qbwc-protocol.md §6).

/// What an `HRESULT` says about the request that was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// 0x80040400: QuickBooks could not read the message set; nothing of it was executed.
    Malformed,
    /// A person must do something at the QuickBooks machine.
    NeedsPerson(&'static str),
    /// It may pass by itself.
    Transient(&'static str),
    /// Not in our table: kept verbatim, treated as transient, never as "not executed".
    Unknown,
}

/// What we know of, each once. `docs/ERRORS.md` is printed from it.
pub const KNOWN: [(&str, Meaning); 18] = [
    ("80040400", Meaning::Malformed),
    (
        "80040401",
        Meaning::Transient("QuickBooks could not be reached. It may still be starting."),
    ),
    (
        "80040402",
        Meaning::Transient("QuickBooks reported an unexpected error; its qbsdklog.txt tells more."),
    ),
    (
        "80040403",
        Meaning::NeedsPerson(
            "QuickBooks could not open the company file. Check that the file is where it was and that no update of it is pending.",
        ),
    ),
    (
        "80040408",
        Meaning::Transient(
            "QuickBooks could not be started. Close any QuickBooks dialog, make sure no other Windows user has it open in single-user mode, and run the update again.",
        ),
    ),
    (
        "80040409",
        Meaning::NeedsPerson(
            "This QuickBooks version cannot open that company file. Open it once in the right version.",
        ),
    ),
    (
        "8004040A",
        Meaning::NeedsPerson(
            "Another company file is open in QuickBooks. Close it, or open the company file of this connection.",
        ),
    ),
    (
        "8004040D",
        Meaning::Transient("QuickBooks lost the session. The next update starts a new one."),
    ),
    (
        "80040410",
        Meaning::NeedsPerson(
            "The company file is open in another mode (single-user or multi-user) than the Web Connector asks for. Switch the mode.",
        ),
    ),
    (
        "80040414",
        Meaning::Transient("A dialog is open in QuickBooks. Close it; the next update goes on."),
    ),
    (
        "80040416",
        Meaning::NeedsPerson(
            "QuickBooks is not running, or no company file is open. Open the company file, or allow access while QuickBooks is closed (Edit > Preferences > Integrated Applications).",
        ),
    ),
    (
        "80040417",
        Meaning::NeedsPerson(
            "QuickBooks is not running, or no company file is open. Open the company file, or allow access while QuickBooks is closed (Edit > Preferences > Integrated Applications).",
        ),
    ),
    (
        "80040418",
        Meaning::NeedsPerson(
            "QuickBooks has not authorised this application yet. Open the company file as Admin in single-user mode, run the update, and choose \"Yes, always\".",
        ),
    ),
    (
        "8004041A",
        Meaning::NeedsPerson(
            "QuickBooks does not let this application in by itself. As Admin: Edit > Preferences > Integrated Applications > Company Preferences, select the application, Properties, tick \"Allow this application to login automatically\".",
        ),
    ),
    (
        "8004041D",
        Meaning::NeedsPerson(
            "QuickBooks does not let this application in by itself. As Admin: Edit > Preferences > Integrated Applications > Company Preferences, select the application, Properties, tick \"Allow this application to login automatically\".",
        ),
    ),
    (
        "8004041C",
        Meaning::Transient("QuickBooks had an internal error while opening the company file."),
    ),
    (
        "80040420",
        Meaning::NeedsPerson("Access was denied in QuickBooks, or no company file is open."),
    ),
    (
        "80040422",
        Meaning::Transient(
            "QuickBooks is in single-user mode and another application is using it. Wait for it, or switch to multi-user mode.",
        ),
    ),
];

/// Reads an `HRESULT` as the Web Connector sends it, `0x80040400`.
pub fn meaning(hresult: &str) -> Meaning {
    let code = hresult.trim();
    let code = code
        .strip_prefix("0x")
        .or_else(|| code.strip_prefix("0X"))
        .unwrap_or(code);
    KNOWN
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(code))
        .map_or(Meaning::Unknown, |(_, meaning)| *meaning)
}

/// Plain words for a person, with the raw text below.
pub fn explain(hresult: &str, message: &str) -> String {
    let words = match meaning(hresult) {
        Meaning::Malformed => "QuickBooks could not read the request. Nothing of it was executed.",
        Meaning::NeedsPerson(words) | Meaning::Transient(words) => words,
        Meaning::Unknown => "QuickBooks reported an error that is not in our table.",
    };
    let message = message.trim();
    format!("{words} (QuickBooks says: {hresult} {message})").replace(" )", ")")
}

/// Whether asking for another company file could help: only "a different company file is open" or "none is open".
pub fn is_about_the_open_file(hresult: &str) -> bool {
    let code = hresult.trim().trim_start_matches("0x").to_ascii_uppercase();
    matches!(code.as_str(), "8004040A" | "80040416" | "80040417")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_spaces_do_not_matter() {
        assert_eq!(meaning(" 0x80040400 "), Meaning::Malformed);
        assert!(matches!(meaning("0x8004040a"), Meaning::NeedsPerson(_)));
    }

    #[test]
    fn unknown_codes_keep_their_text_and_claim_nothing() {
        assert_eq!(meaning("0x80049999"), Meaning::Unknown);
        assert!(explain("0x80049999", "odd").contains("0x80049999 odd"));
    }
}
