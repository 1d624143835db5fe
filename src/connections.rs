//! Connections: one Procore company tied to one QuickBooks company file, with credentials, settings and state.

use uuid::Uuid;

pub mod company_file;
pub mod passwords;
pub mod rights;
pub mod settings;
pub mod store;

/// `OwnerID` of this application in every company file: one per application, never changes (qbwc-protocol.md §10).
pub const OWNER_ID: Uuid = Uuid::from_u128(0x6d4f_1c52_8b0e_4d5a_9c37_2f10_5e8a_71d3);

/// A connection's name the way a person types it in a command.
pub fn argument(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in name.chars() {
        if "\"\\$`".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// A GUID the way QuickBooks writes it.
pub fn braced(id: Uuid) -> String {
    format!("{{{}}}", id.hyphenated().to_string().to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_typed_as_they_are_shown() {
        assert_eq!(argument("Acme"), "Acme");
        assert_eq!(argument("Demo Builders"), "\"Demo Builders\"");
        assert_eq!(argument("5\" $teel"), "\"5\\\" \\$teel\"");
        assert_eq!(argument(""), "\"\"");
    }
}
