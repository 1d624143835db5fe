//! The company-file guard: never into the wrong books (DESIGN, invariant 3). Pure.

use uuid::Uuid;

use crate::connections::{braced, company_file::CompanyFile, store::Expected};

/// What is wrong with the company file that is open, in words for the person at the QuickBooks machine.
pub fn check(
    seen: &CompanyFile,
    file_id: Uuid,
    expected: &Expected,
    known: &CompanyFile,
) -> Result<(), String> {
    let open = describe(seen);
    match &seen.file_id {
        None => {
            return Err(format!(
                "The company file that is open ({open}) is not connected to Plumbline: it does not hold this connection's FileID. \
                 Open the right company file, or add the .qwc file again while the right one is open. Nothing was exchanged."
            ));
        }
        Some(id) if !same_guid(id, file_id) => {
            return Err(format!(
                "Another company file is open ({open}): it belongs to another connection (FileID {id}, expected {}). \
                 Open the right company file and run the update again. Nothing was exchanged.",
                braced(file_id)
            ));
        }
        Some(_) => {}
    }
    let name = expected
        .company_name
        .as_deref()
        .or(non_empty(&known.company_name));
    if let Some(name) = name
        && !name.trim().eq_ignore_ascii_case(seen.company_name.trim())
    {
        return Err(format!(
            "The company file that is open ({open}) shows another company name than before ({name}). \
             If this is right (the company was renamed), run `plumbline connection rebind`. Nothing was exchanged."
        ));
    }
    let path = expected.company_file.as_deref().or(non_empty(&known.path));
    if let Some(path) = path
        && !seen.path.is_empty()
        && !same_path(path, &seen.path)
    {
        return Err(format!(
            "The company file that is open ({open}) lies elsewhere than before ({path}): it may be a copy or a restored backup. \
             If it was moved on purpose, run `plumbline connection rebind`. Nothing was exchanged."
        ));
    }
    if let Some(country) = &expected.country
        && !country.eq_ignore_ascii_case(&seen.country)
    {
        return Err(format!(
            "The company file that is open ({open}) is of the {} edition; this connection expects {country}. Nothing was exchanged.",
            seen.country
        ));
    }
    Ok(())
}

fn describe(seen: &CompanyFile) -> String {
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
            company_name: "Demo Builders".to_owned(),
            path: r"C:\QB\demo.qbw".to_owned(),
            file_id: Some(braced(ID)),
            ..CompanyFile::default()
        }
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
        let words = check(&seen, ID, &Expected::default(), &CompanyFile::default()).unwrap_err();
        assert!(
            words.contains("Demo Builders") && words.contains("Nothing was exchanged"),
            "{words}"
        );
        seen.file_id = None;
        assert!(check(&seen, ID, &Expected::default(), &CompanyFile::default()).is_err());
    }

    #[test]
    fn another_name_path_or_country_stops_too() {
        let mut renamed = right();
        renamed.company_name = "Other".to_owned();
        assert!(
            check(&renamed, ID, &Expected::default(), &right())
                .unwrap_err()
                .contains("rebind")
        );
        let mut moved = right();
        moved.path = r"C:\Restored\demo.qbw".to_owned();
        assert!(
            check(&moved, ID, &Expected::default(), &right())
                .unwrap_err()
                .contains("rebind")
        );
        let canadian = Expected {
            country: Some("CA".to_owned()),
            ..Expected::default()
        };
        assert!(
            check(&right(), ID, &canadian, &CompanyFile::default())
                .unwrap_err()
                .contains("CA")
        );
    }
}
