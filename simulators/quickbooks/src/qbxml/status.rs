//! Status codes with QuickBooks' own words.

/// The status of one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: u32,
    pub(crate) message: String,
}

impl Status {
    pub(crate) fn new(code: u32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn ok() -> Self {
        Self::new(0, "Status OK")
    }

    /// `Info`, `Warn` or `Error`, by the code's range.
    pub(crate) fn severity(&self) -> &'static str {
        match self.code {
            0..500 => "Info",
            500..1000 => "Warn",
            _ => "Error",
        }
    }

    pub(crate) fn is_error(&self) -> bool {
        self.code >= 1000
    }

    pub(crate) fn nothing_found() -> Self {
        Self::new(1, "A query request did not find a matching object in QuickBooks")
    }

    pub(crate) fn some_missing(value: &str) -> Self {
        Self::new(
            500,
            format!(
                "The query request has not been fully completed. There was a required element (\"{value}\") that could not be found in QuickBooks."
            ),
        )
    }

    pub(crate) fn field_ignored(field: &str) -> Self {
        Self::new(
            530,
            format!("The field \"{field}\" is not supported by this implementation."),
        )
    }

    pub(crate) fn link_closed(id: &str) -> Self {
        Self::new(
            570,
            format!("Unable to link to transaction \"{id}\" because it has already been closed."),
        )
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            1000,
            "There has been an internal error when processing the request.",
        )
    }

    pub(crate) fn request_id(id: &str) -> Self {
        Self::new(
            1060,
            format!("The request ID \"{id}\" is invalid, possibly too long, max 50 chars."),
        )
    }

    pub(crate) fn bad_id(id: &str, field: &str) -> Self {
        Self::new(
            3000,
            format!("The given object ID \"{id}\" in the field \"{field}\" is invalid."),
        )
    }

    pub(crate) fn conversion(code: u32, what: &str, value: &str, field: &str) -> Self {
        Self::new(
            code,
            format!("There was an error when converting the {what} \"{value}\" in the field \"{field}\"."),
        )
    }

    pub(crate) fn too_long(value: &str, field: &str) -> Self {
        Self::new(
            3070,
            format!("The string \"{value}\" in the field \"{field}\" is too long."),
        )
    }

    pub(crate) fn colon(value: &str) -> Self {
        Self::new(
            3090,
            format!(
                "There was an error when storing \"{value}\" in the \"Name\" field.  QuickBooks error message: Names in this list cannot contain a colon. The colon is a special character used to indicate a parent/child relationship."
            ),
        )
    }

    pub(crate) fn name_in_use(name: &str) -> Self {
        Self::new(
            3100,
            format!("The name \"{name}\" of the list element is already in use."),
        )
    }

    pub(crate) fn not_found(id: &str) -> Self {
        Self::new(
            3120,
            format!(
                "Object \"{id}\" specified in the request cannot be found.  QuickBooks error message: Invalid argument.  The specified record does not exist in the list."
            ),
        )
    }

    pub(crate) fn parent(name: &str, list: &str) -> Self {
        Self::new(
            3130,
            format!(
                "There is an invalid reference to a parent \"{name}\" in the {list} list.  QuickBooks error message: Invalid argument.  The specified record does not exist in the list."
            ),
        )
    }

    pub(crate) fn bad_reference(what: &str, name: &str, object: &str) -> Self {
        Self::bad_reference_because(
            what,
            name,
            object,
            "Invalid argument.  The specified record does not exist in the list.",
        )
    }

    pub(crate) fn bad_reference_because(what: &str, name: &str, object: &str, why: &str) -> Self {
        Self::new(
            3140,
            format!(
                "There is an invalid reference to QuickBooks {what} \"{name}\" in the {object}.  QuickBooks error message: {why}"
            ),
        )
    }

    pub(crate) fn missing(element: &str) -> Self {
        Self::new(3150, format!("There is a missing element: \"{element}\"."))
    }

    pub(crate) fn in_use(id: &str) -> Self {
        Self::new(
            3160,
            format!(
                "Cannot delete the object specified by the id = \"{id}\".  QuickBooks error message: This list element is in use and cannot be deleted."
            ),
        )
    }

    pub(crate) fn list_locked() -> Self {
        Self::new(
            3170,
            "The internals could not be locked. They are in use by another user.",
        )
    }

    pub(crate) fn closed_books(code: u32) -> Self {
        Self::new(
            code,
            "An attempt was made to modify a transaction that is on or before the closing date of the company.",
        )
    }

    pub(crate) fn transaction_locked() -> Self {
        Self::new(
            3175,
            "The transaction could not be locked. It is in use by another user.",
        )
    }

    pub(crate) fn linked_transaction_locked() -> Self {
        Self::new(
            3176,
            "A related transaction could not be locked. It is in use by another user.",
        )
    }

    pub(crate) fn linked_twice(id: &str) -> Self {
        Self::new(
            3177,
            format!("The transaction \"{id}\" is linked more than once in this request."),
        )
    }

    pub(crate) fn not_saved(what: &str, why: &str) -> Self {
        Self::new(
            3180,
            format!("There was an error when saving a {what}.  QuickBooks error message: {why}"),
        )
    }

    pub(crate) fn cannot_clear(field: &str) -> Self {
        Self::new(3190, format!("Cannot clear the element in the {field} field. "))
    }

    pub(crate) fn stale(sequence: &str) -> Self {
        Self::new(
            3200,
            format!("The provided edit sequence \"{sequence}\" is out-of-date. "),
        )
    }

    pub(crate) fn invalid(field: &str, value: &str, why: &str) -> Self {
        Self::new(
            3210,
            format!(
                "The \"{field}\" field has an invalid value \"{value}\".  QuickBooks error message: {why}"
            ),
        )
    }

    pub(crate) fn not_processed() -> Self {
        Self::new(3231, "The request has not been processed.")
    }

    pub(crate) fn feature_off() -> Self {
        Self::new(
            3250,
            "This feature is not enabled or not available in this version of QuickBooks.",
        )
    }

    pub(crate) fn no_right() -> Self {
        Self::new(3260, "Insufficient permission level to perform this action.")
    }

    pub(crate) fn dead_iterator(id: &str) -> Self {
        Self::new(3391, format!("The iteratorID \"{id}\" is not valid."))
    }
}
