//! Connections: one Procore company tied to one QuickBooks company file, with credentials, settings and state.

use uuid::Uuid;

pub mod company_file;
pub mod passwords;
pub mod settings;
pub mod store;

/// `OwnerID` of this application in every company file: one per application, never changes (qbwc-protocol.md §10).
pub const OWNER_ID: Uuid = Uuid::from_u128(0x6d4f_1c52_8b0e_4d5a_9c37_2f10_5e8a_71d3);

/// A GUID the way QuickBooks writes it.
pub fn braced(id: Uuid) -> String {
    format!("{{{}}}", id.hyphenated().to_string().to_uppercase())
}
