//! QuickBooks' door: the Web Connector's SOAP calls, the update session they make up, the `.qwc` file and the WSDL.
//!
//! Rules: `qbwc-protocol.md` §12. SOAP never faults for an application reason; what is handed out is stored first; a
//! call delivered twice gets the same answer twice.

pub mod answers;
pub mod call;
pub mod exchanges;
pub mod guard;
pub mod hresult;
mod open_file;
pub mod probe;
pub mod progress;
pub mod qwc_file;
mod requests;
mod responses;
pub mod routes;
mod second_look;
pub mod service;
mod session_calls;
pub mod sessions;
pub mod soap;
mod trust;
mod verdicts;
