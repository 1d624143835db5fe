//! Procore's rich texts as plain ones: descriptions may hold HTML, QuickBooks knows none.
//!
//! What may not live here: lengths and characters; those are `qbxml::text`'s.

/// The text without tags: breaks and ends of paragraphs become line ends, list items begin with `- `, and references
/// become the characters they stand for. What only looks like a tag (`a < b`) stays.
pub(super) fn plain_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (replacement, length) = tag(rest)
            .or_else(|| reference(rest))
            .unwrap_or_else(|| (rest[..1].to_owned(), 1));
        text.push_str(&replacement);
        rest = &rest[length..];
    }
    text.push_str(rest);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut out: Vec<&str> = Vec::new();
    for line in lines {
        // One empty line is a paragraph; more are layout.
        if !(line.is_empty() && out.last().is_none_or(|last| last.is_empty())) {
            out.push(line);
        }
    }
    out.join("\n").trim_end().to_owned()
}

/// The tag at the start, if there is one: what it becomes, and its length.
fn tag(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix('<')?;
    let name_at = inner.strip_prefix('/').unwrap_or(inner);
    if inner.starts_with("!--") {
        let end = inner.find("-->")?;
        return Some((String::new(), end + 4));
    }
    if !name_at.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let end = text.find('>')?;
    let name: String = name_at
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    let closes = inner.starts_with('/');
    let becomes = match (name.as_str(), closes) {
        ("br", _) | ("p" | "div" | "tr" | "ul" | "ol" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6", true) => {
            "\n"
        }
        ("li", false) => "\n- ",
        ("td" | "th", true) => " ",
        _ => "",
    };
    Some((becomes.to_owned(), end + 1))
}

/// The character reference at the start, if it is one we know: its character, and its length.
fn reference(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix('&')?;
    let end = inner.find(';').filter(|end| *end <= 10)?;
    let name = &inner[..end];
    let c = match name {
        "nbsp" => ' ',
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "apos" | "rsquo" | "lsquo" => '\'',
        "quot" | "ldquo" | "rdquo" => '"',
        "ndash" | "mdash" => '-',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((c.to_string(), end + 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_go_and_words_stay() {
        for (html, text) in [
            ("", ""),
            ("plain", "plain"),
            ("<p>One &amp; two</p><p>Three</p>", "One & two\nThree"),
            ("a<br>b<br />c", "a\nb\nc"),
            ("<ul><li>x</li><li><b>y</b></li></ul>", "- x\n- y"),
            ("a < b and c > d & e", "a < b and c > d & e"),
            (
                "<span style=\"color: red\">caf&#233;&nbsp;&#x2014; 5&quot;</span>",
                "café \u{2014} 5\"",
            ),
            ("<!-- hidden -->seen", "seen"),
            ("ends with <b", "ends with <b"),
            ("&unknown; &#xZZ; &;", "&unknown; &#xZZ; &;"),
            ("<p>a</p><p></p><p></p><p>b</p>", "a\n\nb"),
        ] {
            assert_eq!(plain_text(html), text, "{html}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_text_without_marks_keeps_its_words(any in "\\PC*", plain in "[a-z \\n]{0,60}") {
            let _ = plain_text(&any);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&plain_text(&plain)), words(&plain));
        }
    }
}
