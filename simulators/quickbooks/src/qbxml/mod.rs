//! The language: the table of messages, reading a document strictly, checking its values, writing the answer.

pub(crate) mod answer;
pub(crate) mod check;
pub(crate) mod document;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod text;
pub(crate) mod validate;
