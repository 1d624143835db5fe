//! Tables in the terminal.

/// Prints rows under headings, each column as wide as its widest cell; cells beyond 48 characters are cut with an ellipsis.
pub fn print(headings: &[&str], rows: &[Vec<String>]) {
    print!("{}", render(headings, rows));
}

/// The table as text.
pub fn render(headings: &[&str], rows: &[Vec<String>]) -> String {
    let clip = |cell: &str| -> String {
        let flat: String = cell
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if flat.chars().count() > 48 {
            flat.chars().take(47).chain(['…']).collect()
        } else {
            flat
        }
    };
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| clip(cell)).collect())
        .collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .chain([headings.get(column).map_or(0, |heading| heading.chars().count())])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let numeric = |column: usize| {
        !rows.is_empty()
            && rows.iter().filter_map(|row| row.get(column)).all(|cell| {
                cell.chars().any(|c| c.is_ascii_digit())
                    && cell.chars().all(|c| c.is_ascii_digit() || ".,-+".contains(c))
            })
    };
    let right: Vec<bool> = (0..headings.len()).map(numeric).collect();
    let line = |cells: &[String]| {
        let mut out = String::new();
        for (column, cell) in cells.iter().enumerate() {
            let pad = widths
                .get(column)
                .copied()
                .unwrap_or(0)
                .saturating_sub(cell.chars().count());
            if column > 0 {
                out.push_str("  ");
            }
            if right.get(column).copied().unwrap_or(false) {
                out.push_str(&" ".repeat(pad));
                out.push_str(cell);
            } else {
                out.push_str(cell);
                out.push_str(&" ".repeat(pad));
            }
        }
        out.trim_end().to_owned() + "\n"
    };
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let mut out = line(&headings);
    out.push_str(&line(
        &widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>(),
    ));
    for row in &rows {
        out.push_str(&line(row));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_right() {
        let rows = vec![
            vec!["Bill".to_owned(), "1,250.00".to_owned()],
            vec!["Purchase order".to_owned(), "3.50".to_owned()],
        ];
        insta::assert_snapshot!(render(&["what", "amount"], &rows), @r"
        what              amount
        ──────────────  ────────
        Bill            1,250.00
        Purchase order      3.50
        ");
    }
}
