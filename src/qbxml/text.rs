//! Text as QuickBooks keeps it: the visible replacement rule, lengths, and how it travels (qbxml.md §7, §8; COMP-11).
//!
//! QuickBooks stores one byte a character, ISO-8859-1 for certain. What does not fit would come back as `?` and look
//! like a change; so it is folded here, the same way every time, and what was replaced can be shown before export.

use std::fmt::Write as _;

/// A text as QuickBooks will hold it, and what was changed for that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// Only characters of ISO-8859-1, and `\n`.
    pub text: String,
    /// The characters that were replaced or dropped, in order. Line ends are not counted.
    pub replaced: Vec<char>,
}

/// A text that is longer than QuickBooks takes, or an address that needs more lines than there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLong {
    /// More characters than the field holds.
    #[error("{field} has {length} characters; QuickBooks takes at most {max}. Shorten it: \"{text}\"")]
    Characters {
        /// What a person calls the field.
        field: String,
        /// Its characters, after folding.
        length: usize,
        /// The most characters.
        max: usize,
        /// The text.
        text: String,
    },
    /// More lines than the field holds.
    #[error(
        "{field} needs {needed} lines; QuickBooks takes at most {lines} lines of {width} characters. Shorten it."
    )]
    Lines {
        /// What a person calls the field.
        field: String,
        /// The lines it would need.
        needed: usize,
        /// The most lines.
        lines: usize,
        /// The most characters of a line.
        width: usize,
    },
}

/// Letters outside ISO-8859-1, by what they become. Each row: the replacement, then all that become it.
const FOLDS: &[(&str, &str)] = &[
    // Punctuation and signs.
    (
        "'",
        "\u{2018}\u{2019}\u{201a}\u{201b}\u{2032}\u{2035}\u{2bb}\u{2bc}\u{2bd}\u{2b9}",
    ),
    ("\"", "\u{201c}\u{201d}\u{201e}\u{201f}\u{2033}\u{2036}"),
    ("<", "\u{2039}\u{27e8}\u{3008}"),
    (">", "\u{203a}\u{27e9}\u{3009}"),
    (
        "-",
        "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}\u{2043}\u{fe58}\u{fe63}\u{ff0d}",
    ),
    ("...", "\u{2026}"),
    ("..", "\u{2025}"),
    ("EUR", "\u{20ac}"),
    ("(TM)", "\u{2122}"),
    ("(SM)", "\u{2120}"),
    ("No.", "\u{2116}"),
    (
        "\u{b7}",
        "\u{2022}\u{2023}\u{2219}\u{25cf}\u{25aa}\u{25e6}\u{22c5}",
    ),
    ("/", "\u{2044}\u{2215}"),
    ("<=", "\u{2264}"),
    (">=", "\u{2265}"),
    ("!=", "\u{2260}"),
    ("~", "\u{2dc}\u{223c}\u{2248}"),
    ("^", "\u{2c6}"),
    ("+", "\u{2020}"),
    ("++", "\u{2021}"),
    ("->", "\u{2192}"),
    ("<-", "\u{2190}"),
    ("1/3", "\u{2153}"),
    ("2/3", "\u{2154}"),
    ("1/8", "\u{215b}"),
    ("3/8", "\u{215c}"),
    ("5/8", "\u{215d}"),
    ("7/8", "\u{215e}"),
    // Ligatures and special letters.
    ("ff", "\u{fb00}"),
    ("fi", "\u{fb01}"),
    ("fl", "\u{fb02}"),
    ("ffi", "\u{fb03}"),
    ("ffl", "\u{fb04}"),
    ("st", "\u{fb05}\u{fb06}"),
    ("OE", "Œ"),
    ("oe", "œ"),
    ("IJ", "Ĳ"),
    ("ij", "ĳ"),
    ("SS", "ẞ"),
    ("DZ", "ǄǱ"),
    ("Dz", "ǅǲ"),
    ("dz", "ǆǳ"),
    ("LJ", "Ǉ"),
    ("Lj", "ǈ"),
    ("lj", "ǉ"),
    ("NJ", "Ǌ"),
    ("Nj", "ǋ"),
    ("nj", "ǌ"),
    ("\u{c6}", "ǢǼ"),
    ("\u{e6}", "ǣǽ"),
    ("\u{d8}", "Ǿ"),
    ("\u{f8}", "ǿ"),
    // Latin letters with marks (Extended-A, -B, Additional).
    ("A", "ĀĂĄǍȀȂȦḀẠẢẤẦẨẪẬẮẰẲẴẶ"),
    ("a", "āăąǎȁȃȧḁẚạảấầẩẫậắằẳẵặ"),
    ("B", "ḂḄḆ"),
    ("b", "ḃḅḇƀ"),
    ("C", "ĆĈĊČḈ"),
    ("c", "ćĉċčḉ"),
    ("D", "ĎĐḊḌḎḐḒƉ"),
    ("d", "ďđḋḍḏḑḓ"),
    ("E", "ĒĔĖĘĚȄȆȨḔḖḘḚẸẺẼẾỀỂỄỆƏ"),
    ("e", "ēĕėęěȅȇȩḕḗḙḛẹẻẽếềểễệə"),
    ("F", "Ḟ"),
    ("f", "ḟƒ"),
    ("G", "ĜĞĠĢǤǦǴḠ"),
    ("g", "ĝğġģǥǧǵḡ"),
    ("H", "ĤĦȞḢḤḦḨḪ"),
    ("h", "ĥħȟḣḥḧḩḫẖ"),
    ("I", "ĨĪĬĮİǏȈȊḬḮỈỊ"),
    ("i", "ĩīĭįıǐȉȋḭḯỉị"),
    ("J", "Ĵ"),
    ("j", "ĵǰ"),
    ("K", "ĶǨḰḲḴ"),
    ("k", "ķĸǩḱḳḵ"),
    ("L", "ĹĻĽĿŁḶḸḺḼ"),
    ("l", "ĺļľŀłḷḹḻḽ"),
    ("M", "ḾṀṂ"),
    ("m", "ḿṁṃ"),
    ("N", "ŃŅŇŊǸṄṆṈṊ"),
    ("n", "ńņňŉŋǹṅṇṉṋ"),
    ("O", "ŌŎŐƠǑǪǬȌȎȪȬȮȰṌṎṐṒỌỎỐỒỔỖỘỚỜỞỠỢ"),
    ("o", "ōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ"),
    ("P", "ṔṖ"),
    ("p", "ṕṗ"),
    ("R", "ŔŖŘȐȒṘṚṜṞ"),
    ("r", "ŕŗřȑȓṙṛṝṟ"),
    ("S", "ŚŜŞŠȘṠṢṤṦṨ"),
    ("s", "śŝşšșṡṣṥṧṩſ"),
    ("T", "ŢŤŦȚṪṬṮṰ"),
    ("t", "ţťŧțṫṭṯṱẗ"),
    ("U", "ŨŪŬŮŰŲƯǓǕǗǙǛȔȖṲṴṶṸṺỤỦỨỪỬỮỰ"),
    ("u", "ũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự"),
    ("V", "ṼṾ"),
    ("v", "ṽṿ"),
    ("W", "ŴẀẂẄẆẈ"),
    ("w", "ŵẁẃẅẇẉẘ"),
    ("X", "ẊẌ"),
    ("x", "ẋẍ"),
    ("Y", "ŶŸȲẎỲỴỶỸ"),
    ("y", "ŷȳẏẙỳỵỷỹ"),
    ("Z", "ŹŻŽƵẐẒẔ"),
    ("z", "źżžƶẑẓẕ"),
    // Greek.
    ("A", "ΑΆ"),
    ("a", "αά"),
    ("V", "Β"),
    ("v", "β"),
    ("G", "Γ"),
    ("g", "γ"),
    ("D", "Δ"),
    ("d", "δ"),
    ("E", "ΕΈ"),
    ("e", "εέ"),
    ("Z", "Ζ"),
    ("z", "ζ"),
    ("I", "ΗΉΙΊΪ"),
    ("i", "ηήιίϊΐ"),
    ("Th", "Θ"),
    ("th", "θ"),
    ("K", "Κ"),
    ("k", "κ"),
    ("L", "Λ"),
    ("l", "λ"),
    ("M", "Μ"),
    ("m", "μ"),
    ("N", "Ν"),
    ("n", "ν"),
    ("X", "Ξ"),
    ("x", "ξ"),
    ("O", "ΟΌΩΏ\u{2126}"),
    ("o", "οόωώ"),
    ("P", "Π"),
    ("p", "π"),
    ("R", "Ρ"),
    ("r", "ρ"),
    ("S", "Σ"),
    ("s", "σς"),
    ("T", "Τ"),
    ("t", "τ"),
    ("Y", "ΥΎΫ"),
    ("y", "υύϋΰ"),
    ("F", "Φ"),
    ("f", "φ"),
    ("Ch", "Χ"),
    ("ch", "χ"),
    ("Ps", "Ψ"),
    ("ps", "ψ"),
    // Cyrillic.
    ("A", "А"),
    ("a", "а"),
    ("B", "Б"),
    ("b", "б"),
    ("V", "В"),
    ("v", "в"),
    ("G", "ГҐ"),
    ("g", "гґ"),
    ("D", "ДЂ"),
    ("d", "дђ"),
    ("E", "ЕЭ"),
    ("e", "еэ"),
    ("Yo", "Ё"),
    ("yo", "ё"),
    ("Ye", "Є"),
    ("ye", "є"),
    ("Zh", "Ж"),
    ("zh", "ж"),
    ("Z", "З"),
    ("z", "з"),
    ("I", "ИІ"),
    ("i", "иі"),
    ("Yi", "Ї"),
    ("yi", "ї"),
    ("Y", "ЙЫ"),
    ("y", "йы"),
    ("J", "Ј"),
    ("j", "ј"),
    ("K", "К"),
    ("k", "к"),
    ("L", "Л"),
    ("l", "л"),
    ("Lj", "Љ"),
    ("lj", "љ"),
    ("M", "М"),
    ("m", "м"),
    ("N", "Н"),
    ("n", "н"),
    ("Nj", "Њ"),
    ("nj", "њ"),
    ("O", "О"),
    ("o", "о"),
    ("P", "П"),
    ("p", "п"),
    ("R", "Р"),
    ("r", "р"),
    ("S", "С"),
    ("s", "с"),
    ("T", "Т"),
    ("t", "т"),
    ("C", "Ћ"),
    ("c", "ћ"),
    ("U", "УЎ"),
    ("u", "уў"),
    ("F", "Ф"),
    ("f", "ф"),
    ("Kh", "Х"),
    ("kh", "х"),
    ("Ts", "Ц"),
    ("ts", "ц"),
    ("Ch", "Ч"),
    ("ch", "ч"),
    ("Dz", "Џ"),
    ("dz", "џ"),
    ("Sh", "Ш"),
    ("sh", "ш"),
    ("Shch", "Щ"),
    ("shch", "щ"),
    ("", "ЪъЬь"),
    ("Yu", "Ю"),
    ("yu", "ю"),
    ("Ya", "Я"),
    ("ya", "я"),
];

/// Base letters and what a combining mark makes of them, where ISO-8859-1 has the result: (mark, bases, results).
const COMPOSED: &[(char, &str, &str)] = &[
    ('\u{300}', "AEIOUaeiou", "ÀÈÌÒÙàèìòù"),
    ('\u{301}', "AEIOUYaeiouy", "ÁÉÍÓÚÝáéíóúý"),
    ('\u{302}', "AEIOUaeiou", "ÂÊÎÔÛâêîôû"),
    ('\u{303}', "ANOano", "ÃÑÕãñõ"),
    ('\u{308}', "AEIOUaeiouy", "ÄËÏÖÜäëïöüÿ"),
    ('\u{30a}', "Aa", "Åå"),
    ('\u{327}', "Cc", "Çç"),
];

/// A text as QuickBooks will hold it.
///
/// Curly quotes, dashes, the euro, ligatures become ASCII; letters outside ISO-8859-1 their nearest letters; what has no
/// likeness (CJK, emoji) `?`; control and invisible characters are dropped; line ends become `\n`, tabs spaces.
pub fn fold(text: &str) -> Folded {
    let mut folded = Folded::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() == Some(&'\n') {
                    chars.next();
                }
                folded.text.push('\n');
            }
            '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => folded.text.push('\n'),
            ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{ff}' => folded.text.push(c),
            '\u{300}'..='\u{36f}' => {
                // Decomposed letters, as macOS writes them: "e" and an accent are one "é".
                if let Some(whole) = folded.text.chars().next_back().and_then(|base| compose(base, c)) {
                    folded.text.pop();
                    folded.text.push(whole);
                } else {
                    folded.replaced.push(c);
                }
            }
            _ => {
                folded.replaced.push(c);
                folded.text.push_str(replacement(c));
            }
        }
    }
    folded
}

fn compose(base: char, mark: char) -> Option<char> {
    let (_, bases, results) = COMPOSED.iter().find(|(known, _, _)| *known == mark)?;
    bases
        .chars()
        .zip(results.chars())
        .find(|(known, _)| *known == base)
        .map(|(_, whole)| whole)
}

fn replacement(c: char) -> &'static str {
    match c {
        '\t' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        // Invisible: soft hyphen, zero width characters, direction marks, variation selectors, byte order mark.
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => "",
        c if c.is_control() => "",
        c => FOLDS
            .iter()
            .find(|(_, chars)| chars.contains(c))
            .map_or("?", |(replacement, _)| replacement),
    }
}

/// The document with every character above `~` as a decimal reference, and without control characters. Safe on a whole
/// document, for its names are ASCII.
pub fn ascii(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        match c {
            '\t' | '\n' | '\r' | ' '..='~' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => {
                // Writing to a String cannot fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
        }
    }
    out
}

/// The text folded and without outer spaces, if it fits; line ends stay. `field` is what a person calls it.
pub fn fit(field: &str, text: &str, max: usize) -> Result<String, TooLong> {
    let text = fold(text).text.trim().to_owned();
    let length = text.chars().count();
    if length > max {
        return Err(TooLong::Characters {
            field: field.to_owned(),
            length,
            max,
            text,
        });
    }
    Ok(text)
}

/// As [`fit`], for fields of one line: line ends and runs of spaces become one space.
pub fn fit_line(field: &str, text: &str, max: usize) -> Result<String, TooLong> {
    let folded = fold(text).text;
    let line = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    fit(field, &line, max)
}

/// As [`fit_line`], with an empty text as none at all.
pub fn fit_optional(field: &str, text: Option<&str>, max: usize) -> Result<Option<String>, TooLong> {
    let text = fit_line(field, text.unwrap_or_default(), max)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Whether QuickBooks' text is this one but for what it cannot hold, and for line ends and spaces (COMP-11).
pub fn is_held_as(original: &str, held: &str) -> bool {
    let folded = fold(original).text;
    folded.split_whitespace().eq(held.split_whitespace())
}

/// The text in at most `lines` lines of `width` characters, wrapped on words and not cut (MAP-10). A word longer than a
/// line is broken. If its own lines do not fit, the text is wrapped as one paragraph before it is refused.
pub fn wrap(field: &str, text: &str, lines: usize, width: usize) -> Result<Vec<String>, TooLong> {
    let folded = fold(text).text;
    let kept: Vec<String> = folded.lines().flat_map(|line| wrap_line(line, width)).collect();
    if kept.len() <= lines {
        return Ok(kept);
    }
    let joined = wrap_line(&folded, width);
    if joined.len() <= lines {
        return Ok(joined);
    }
    Err(TooLong::Lines {
        field: field.to_owned(),
        needed: joined.len(),
        lines,
        width,
    })
}

/// An address in QuickBooks' five lines of 41 characters.
pub fn address_lines(field: &str, text: &str) -> Result<Vec<String>, TooLong> {
    wrap(field, text, 5, 41)
}

fn wrap_line(line: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for word in line.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        if let Some(last) = lines.last_mut()
            && used + 1 + rest.len() <= width
        {
            last.push(' ');
            last.extend(rest.iter());
            used += 1 + rest.len();
            continue;
        }
        while !rest.is_empty() {
            let tail = rest.split_off(rest.len().min(width));
            used = rest.len();
            lines.push(rest.into_iter().collect());
            rest = tail;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comp_11_what_quickbooks_cannot_hold_is_replaced_by_rule() {
        for (text, expected) in [
            ("Café Müller", "Café Müller"),
            ("“Smith” – O’Neil…", "\"Smith\" - O'Neil..."),
            ("Łódź Šárka ąę", "Lódz Sárka ae"),
            ("5 €", "5 EUR"),
            ("中文 😀", "?? ?"),
            ("a\u{0}b\u{7}c\u{7f}d", "abcd"),
            ("a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("a\u{a0}b\tc", "a b c"),
            ("Ho\u{302}tel e\u{301}lan s\u{30c}", "Hôtel élan s"),
            ("Straße Æsir", "Straße Æsir"),
            ("Москва Щука", "Moskva Shchuka"),
            ("ﬁre ✓", "fire ?"),
            ("Nguyễn Văn Đức", "Nguyen Van Duc"),
        ] {
            assert_eq!(fold(text).text, expected, "{text}");
        }
        assert_eq!(fold("a–b😀").replaced, ['–', '😀']);
        assert!(fold("plain\r\ntext é").replaced.is_empty());
    }

    #[test]
    fn lengths_are_counted_after_folding() {
        assert_eq!(fit("The name", &"é".repeat(41), 41).unwrap().chars().count(), 41);
        let error = fit("The name", "€uro", 5).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The name has 6 characters; QuickBooks takes at most 5. Shorten it: \"EURuro\""
        );
        assert_eq!(fit_line("x", " two\r\n lines ", 20).unwrap(), "two lines");
        assert_eq!(fit_optional("x", Some("  "), 5).unwrap(), None);
        assert_eq!(fit_optional("x", None, 5).unwrap(), None);
    }

    #[test]
    fn map_10_addresses_are_wrapped_on_words_and_overflow_is_reported() {
        let street = "The Old Customs House at the Far End of the Long Pier, Building 7, Second Floor, Door on the Left";
        let lines = address_lines("The address", street).unwrap();
        assert_eq!(lines.join(" "), street);
        assert!(lines.iter().all(|line| line.chars().count() <= 41), "{lines:?}");
        // Seven short lines do not fit as lines, but do as a paragraph: nothing is cut.
        assert_eq!(
            address_lines("The address", "a\nb\nc\nd\ne\nf\ng").unwrap(),
            ["a b c d e f g"]
        );
        let error = address_lines("The address", &"word ".repeat(60)).unwrap_err();
        assert!(
            error.to_string().starts_with("The address needs 8 lines"),
            "{error}"
        );
        assert_eq!(address_lines("x", "\r\n \r\n").unwrap(), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn folding_gives_latin_1_and_is_stable(text in "\\PC*|[\\x00-\\x{ffff}]*") {
            let folded = fold(&text).text;
            let latin = |c| matches!(c, '\n' | ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{ff}');
            prop_assert!(folded.chars().all(latin));
            prop_assert_eq!(&fold(&folded).text, &folded);
            prop_assert!(fold(&folded).replaced.is_empty());
        }

        #[test]
        fn ascii_is_ascii_and_resolves_to_the_same(text in "[\\t\\n -~\u{a1}-\u{ff}中😀]*") {
            let out = ascii(&quick_xml::escape::escape(text.as_str()));
            prop_assert!(out.is_ascii());
            prop_assert_eq!(quick_xml::escape::unescape(&out).unwrap(), text);
        }

        #[test]
        fn wrapping_loses_no_character(text in "[a-zé ]{0,300}", width in 1_usize..50) {
            if let Ok(lines) = wrap("x", &text, 500, width) {
                prop_assert!(lines.iter().all(|line| line.chars().count() <= width && !line.is_empty()));
                let squeeze = |text: &str| text.split_whitespace().collect::<String>();
                prop_assert_eq!(squeeze(&lines.concat()), squeeze(&text));
            }
        }
    }
}
