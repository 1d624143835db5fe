//! Characters: what QuickBooks keeps of a text, and how it prints it.

/// How the company file stores text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charset {
    /// ISO-8859-1: for certain.
    #[default]
    Latin1,
    /// Windows-1252: perhaps.
    Windows1252,
}

const WINDOWS_1252: &str = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";

impl Charset {
    /// Whether the character survives.
    pub(crate) fn holds(self, c: char) -> bool {
        u32::from(c) < 256 || (self == Self::Windows1252 && WINDOWS_1252.contains(c))
    }

    /// The text as stored: what does not fit becomes `?`.
    pub(crate) fn store(self, text: &str) -> String {
        text.chars()
            .map(|c| if self.holds(c) { c } else { '?' })
            .collect()
    }
}

/// Escapes a text for an answer: ASCII with decimal references, as QuickBooks prints it.
pub(crate) fn escape(text: &str, out: &mut String) {
    use std::fmt::Write;
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\r' => out.push_str("&#13;"),
            c if c.is_ascii() => out.push(c),
            c => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
        }
    }
}

/// Folds a name for comparison: QuickBooks ignores case.
pub(crate) fn fold(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_1_only() {
        assert_eq!(Charset::Latin1.store("é Ł 漢 €"), "é ? ? ?");
        assert_eq!(Charset::Windows1252.store("é Ł €"), "é ? €");
        let mut out = String::new();
        escape("Décor \"A\" & B's\r\n", &mut out);
        assert_eq!(out, "D&#233;cor &quot;A&quot; &amp; B&apos;s&#13;\n");
    }
}
