//! The company-file guard: never into the wrong books (DESIGN, invariant 3). Pure.

use uuid::Uuid;

use crate::connections::{argument, braced, company_file::CompanyFile, store::Expected};

/// Why nothing is written to the company file that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// It bears our `FileID`: it is the connection's, but not as it was. `connection rebind` can accept it, and it may be
    /// compared with what we know. Else it is another one, and nothing at all is exchanged.
    pub ours: bool,
    /// What was seen and what to do, for the person at the QuickBooks machine and the operator.
    pub words: String,
}

impl Trouble {
    fn another(words: String) -> Self {
        Self { ours: false, words }
    }
}

/// Whether the company file that is open is the connection's, as it was before.
pub fn check(
    seen: &CompanyFile,
    file_id: Uuid,
    expected: &Expected,
    known: &CompanyFile,
    connection: &str,
) -> Result<(), Trouble> {
    let open = describe(seen);
    let name = argument(connection);
    match &seen.file_id {
        None => {
            return Err(Trouble::another(format!(
                "The company file that is open ({open}) is not connected to Plumbline: it does not hold this connection's FileID. \
                 Open the right company file and run the update again. If this file takes its place for good, add the .qwc file \
                 again (`plumbline qwc {name}` prints it) while it is open, then run `plumbline connection rebind {name}`. \
                 Nothing was exchanged."
            )));
        }
        Some(id) if !same_guid(id, file_id) => {
            return Err(Trouble::another(format!(
                "Another company file is open ({open}): it belongs to another connection (FileID {id}, expected {}). \
                 Open the right company file and run the update again; `plumbline connection show {name}` tells which it is. \
                 Nothing was exchanged.",
                braced(file_id)
            )));
        }
        Some(_) => {}
    }
    if let Some(country) = &expected.country
        && !country.eq_ignore_ascii_case(&seen.country)
    {
        return Err(Trouble::another(format!(
            "The company file that is open ({open}) is of the {} edition; this connection expects {country}. Nothing was exchanged.",
            seen.country
        )));
    }
    let changes: Vec<String> = [
        renamed(seen, expected, known),
        moved(seen, expected, known),
        upgraded(seen, known),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() {
        return Ok(());
    }
    Err(Trouble {
        ours: true,
        words: format!(
            "The company file that is open ({open}) is this connection's, but it is not as it was before: {}. Nothing was written. \
             If that is right, run `plumbline connection rebind {name}` where Plumbline runs: then it is accepted as it is, and \
             everything is compared before anything is written. If not, open the right company file and run the update again. \
             `plumbline connection reconcile {name}` compares without writing anything.",
            changes.join("; ")
        ),
    })
}

/// The company's name.
fn renamed(seen: &CompanyFile, expected: &Expected, known: &CompanyFile) -> Option<String> {
    let before = expected
        .company_name
        .as_deref()
        .or(non_empty(&known.company_name))?;
    (!before.trim().eq_ignore_ascii_case(seen.company_name.trim())).then(|| {
        format!(
            "the company was called {} and is now called {} (renamed, or a copy made for another company)",
            before.trim(),
            non_empty(&seen.company_name).unwrap_or("nothing").trim()
        )
    })
}

/// The path. The same file by drive letter and by network name counts as elsewhere: nothing says that it is the same.
fn moved(seen: &CompanyFile, expected: &Expected, known: &CompanyFile) -> Option<String> {
    let before = expected
        .company_file
        .as_deref()
        .or(non_empty(&known.path))
        .filter(|before| !seen.path.is_empty() && !same_path(before, &seen.path))?;
    let (folder_before, name_before) = split(before);
    let (folder, name) = split(&seen.path);
    Some(if same_path(folder_before, folder) {
        format!("the file was called {name_before} and is now called {name} (renamed, or a copy)")
    } else if same_path(name_before, name) {
        format!("it lay in {folder_before} and is now in {folder} (moved, a copy, or a restored backup)")
    } else {
        format!(
            "it lay at {before} and is now at {} (moved, a copy, or a restored backup)",
            seen.path
        )
    })
}

/// The year of QuickBooks, or its edition. Updates within a year move neither the name nor the major version.
fn upgraded(seen: &CompanyFile, known: &CompanyFile) -> Option<String> {
    let differs = |before: &str, now: &str| {
        !before.trim().is_empty() && !now.trim().is_empty() && !before.trim().eq_ignore_ascii_case(now.trim())
    };
    (differs(&known.product, &seen.product) || differs(&known.major_version, &seen.major_version)).then(
        || {
            format!(
                "it was opened by {} and is now opened by {} (upgraded to another year, or another edition)",
                product(known),
                product(seen)
            )
        },
    )
}

fn product(file: &CompanyFile) -> String {
    let name = non_empty(&file.product).unwrap_or("QuickBooks").trim();
    match non_empty(&file.major_version) {
        Some(version) => format!("{name} (version {})", version.trim()),
        None => name.to_owned(),
    }
}

/// The company file as a person finds it: its name and path.
pub fn describe(seen: &CompanyFile) -> String {
    match (non_empty(&seen.company_name), non_empty(&seen.path)) {
        (Some(name), Some(path)) => format!("{name}, {path}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "unnamed".to_owned(),
    }
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.trim().is_empty())
}

fn same_guid(text: &str, id: Uuid) -> bool {
    text.trim()
        .trim_matches(['{', '}'])
        .parse::<Uuid>()
        .is_ok_and(|given| given == id)
}

/// Folder and file name.
fn split(path: &str) -> (&str, &str) {
    let path = path.trim();
    path.rfind(['\\', '/'])
        .map_or(("", path), |at| (&path[..at], &path[at + 1..]))
}

/// Windows compares paths without case, and takes either slash.
fn same_path(left: &str, right: &str) -> bool {
    let key = |path: &str| path.trim().replace('/', "\\").to_lowercase();
    key(left) == key(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x90A4_4FB5_33D9_4815_AC85_BC87_A7E7_D1EB);

    fn right() -> CompanyFile {
        CompanyFile {
            country: "US".to_owned(),
            product: "QuickBooks Premier 2024".to_owned(),
            major_version: "34".to_owned(),
            company_name: "Demo Builders".to_owned(),
            path: r"C:\QB\demo.qbw".to_owned(),
            file_id: Some(braced(ID)),
            ..CompanyFile::default()
        }
    }

    fn check(seen: &CompanyFile, id: Uuid, expected: &Expected, known: &CompanyFile) -> Result<(), Trouble> {
        super::check(seen, id, expected, known, "Demo Builders")
    }

    /// What is said of our own file that changed.
    fn said(change: impl Fn(&mut CompanyFile)) -> String {
        let mut seen = right();
        change(&mut seen);
        let trouble = check(&seen, ID, &Expected::default(), &right()).unwrap_err();
        assert!(trouble.ours, "{trouble:?}");
        assert!(
            trouble.words.contains("Nothing was written")
                && trouble
                    .words
                    .contains("`plumbline connection rebind \"Demo Builders\"`")
                && trouble
                    .words
                    .contains("`plumbline connection reconcile \"Demo Builders\"`"),
            "{trouble:?}"
        );
        trouble.words
    }

    #[test]
    fn the_right_file_passes_whatever_the_case() {
        let known = CompanyFile {
            path: "c:/qb/DEMO.qbw".to_owned(),
            file_id: None,
            ..right()
        };
        let mut seen = right();
        seen.file_id = Some(braced(ID).to_lowercase());
        check(&seen, ID, &Expected::default(), &known).unwrap();
        check(&seen, ID, &Expected::default(), &CompanyFile::default()).unwrap();
    }

    #[test]
    fn another_file_is_named() {
        let mut seen = right();
        seen.file_id = Some(braced(Uuid::from_u128(1)));
        let trouble = check(&seen, ID, &Expected::default(), &CompanyFile::default()).unwrap_err();
        assert!(!trouble.ours);
        assert!(
            trouble.words.contains("Demo Builders") && trouble.words.contains("Nothing was exchanged"),
            "{trouble:?}"
        );
        seen.file_id = None;
        let trouble = check(&seen, ID, &Expected::default(), &CompanyFile::default()).unwrap_err();
        assert!(
            !trouble.ours && trouble.words.contains("plumbline qwc"),
            "{trouble:?}"
        );
    }

    #[test]
    fn another_edition_is_another_file() {
        let canadian = Expected {
            country: Some("CA".to_owned()),
            ..Expected::default()
        };
        let trouble = check(&right(), ID, &canadian, &CompanyFile::default()).unwrap_err();
        assert!(!trouble.ours && trouble.words.contains("CA"), "{trouble:?}");
    }

    #[test]
    fn love_10_each_change_of_our_file_is_told_as_what_it_is() {
        let words = said(|seen| seen.company_name = "Other".to_owned());
        assert!(
            words.contains("was called Demo Builders and is now called Other"),
            "{words}"
        );
        let words = said(|seen| seen.path = r"C:\Restored\demo.qbw".to_owned());
        assert!(
            words.contains(r"lay in C:\QB and is now in C:\Restored"),
            "{words}"
        );
        let words = said(|seen| seen.path = r"C:\QB\demo2.qbw".to_owned());
        assert!(
            words.contains("was called demo.qbw and is now called demo2.qbw"),
            "{words}"
        );
        let words = said(|seen| seen.path = r"\\server\books\copy.qbw".to_owned());
        assert!(
            words.contains(r"lay at C:\QB\demo.qbw and is now at \\server\books\copy.qbw"),
            "{words}"
        );
        // All that changed is told at once.
        let words = said(|seen| {
            seen.path = r"D:\demo.qbw".to_owned();
            seen.product = "QuickBooks Premier 2025".to_owned();
            seen.major_version = "35".to_owned();
        });
        assert!(
            words.contains(r"is now in D:")
                && words.contains(
                    "opened by QuickBooks Premier 2024 (version 34) and is now opened by QuickBooks Premier 2025 (version 35)"
                ),
            "{words}"
        );
    }

    #[test]
    fn love_10_the_year_is_told_by_either_mark_and_an_unknown_one_stops_nothing() {
        // Some editions do not tell the year in their name.
        said(|seen| seen.major_version = "35".to_owned());
        said(|seen| seen.product = "QuickBooks Enterprise Solutions 24.0".to_owned());
        // Known from before this was looked at: the name alone.
        let known = CompanyFile {
            major_version: String::new(),
            ..right()
        };
        check(&right(), ID, &Expected::default(), &known).unwrap();
    }
}
