//! What the QuickBooks user of the Web Connector may not read, and what is switched off in the company file, of all that
//! Plumbline needs (LOVE-11).
//!
//! What lives here: the findings in words (pure), and a `store` with their SQL. How QuickBooks is asked is `tasks::rights`'
//! business.

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::qbxml::readable::Readable;

pub mod store;

/// The last answer of a connection's QuickBooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// What is in the way; empty: everything can be read.
    pub findings: Vec<Finding>,
}

/// A kind of record that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub what: Readable,
    /// Why.
    pub why: Why,
}

/// Why records cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// The user, or our application, lacks the right.
    NoRight,
    /// A preference of the company file is off, or its edition lacks them.
    SwitchedOff,
    /// QuickBooks gave another answer, in its words.
    NotAnswered {
        /// Those words.
        words: String,
    },
}

/// What a connection with these settings reads.
pub fn used(settings: &Settings, payments: bool) -> Vec<Readable> {
    Readable::ALL
        .into_iter()
        .filter(|what| match what {
            Readable::Invoices => settings.owner_invoices,
            Readable::SalesOrders => settings.prime_contract_import,
            Readable::Classes => settings.classes_as_cost_types,
            Readable::BillPaymentChecks | Readable::BillPaymentCreditCards => payments,
            _ => true,
        })
        .collect()
}

/// What does not work without them.
fn consequence(what: Readable) -> &'static str {
    match what {
        Readable::Accounts => "no income or expense account can be chosen for cost codes",
        Readable::VendorTypes => "no vendor type can be chosen for companies",
        Readable::Terms => "due dates of vendors are not known",
        Readable::Classes => {
            "the classes of cost types are not known: commitments and invoices cannot be exported"
        }
        Readable::Items => "cost codes, and everything coded to them, cannot be exported",
        Readable::Vendors => "companies, commitments and invoices cannot be exported",
        Readable::Customers => "projects, and everything of them, cannot be exported",
        Readable::Employees | Readable::OtherNames => "it cannot be told who holds a name that is taken",
        Readable::Estimates => "budgets cannot be exported",
        Readable::PurchaseOrders => "commitments and their change orders cannot be exported",
        Readable::Bills => "subcontractor invoices cannot be exported, and job costs are not complete",
        Readable::VendorCredits
        | Readable::ItemReceipts
        | Readable::Checks
        | Readable::CreditCardCharges
        | Readable::CreditCardCredits
        | Readable::JournalEntries => "job costs are not complete, and Procore is told none",
        Readable::BillPaymentChecks | Readable::BillPaymentCreditCards => "payments do not come to Procore",
        Readable::Invoices => "owner invoices cannot be exported",
        Readable::SalesOrders => "they are not offered as prime contracts",
    }
}

/// Where the preference is.
fn preference(what: Readable) -> &'static str {
    match what {
        Readable::Estimates => {
            "In QuickBooks choose Edit > Preferences > Jobs & Estimates > Company Preferences, and answer Yes to \"Do you create \
             estimates?\"."
        }
        Readable::PurchaseOrders | Readable::ItemReceipts => {
            "In QuickBooks choose Edit > Preferences > Items & Inventory > Company Preferences, and tick \"Inventory and purchase \
             orders are active\"."
        }
        _ => {
            "Look for them in QuickBooks under Edit > Preferences > Company Preferences; this edition may lack them."
        }
    }
}

impl Finding {
    /// What a person reads: what cannot be seen, what does not work for it, what to do.
    pub fn words(&self) -> String {
        let (what, consequence) = (self.what.words(), consequence(self.what));
        match &self.why {
            Why::NoRight => format!(
                "The QuickBooks user of the Web Connector may not see {what}: {consequence}. In QuickBooks, let an administrator give \
                 that user the right (Company > Set Up Users and Passwords > Set Up Users), or let Plumbline log in as a user who \
                 has it (Edit > Preferences > Integrated Applications > Company Preferences > Plumbline > Properties)."
            ),
            Why::SwitchedOff => format!(
                "QuickBooks has {what} switched off: {consequence}. {}",
                preference(self.what)
            ),
            Why::NotAnswered { words } => {
                format!("QuickBooks did not show {what}: {consequence}. {words}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_used_is_not_asked_for() {
        let mut settings = Settings::default();
        let plain = used(&settings, false);
        for unused in [Readable::Invoices, Readable::BillPaymentChecks, Readable::Classes] {
            assert!(!plain.contains(&unused), "{unused:?}");
        }
        settings.owner_invoices = true;
        assert!(!used(&settings, true).contains(&Readable::SalesOrders));
        settings.prime_contract_import = true;
        settings.classes_as_cost_types = true;
        assert_eq!(used(&settings, true), Readable::ALL);
    }

    // LOVE-11
    #[test]
    fn love_11_every_finding_names_what_it_is_about_and_what_to_do() {
        for what in Readable::ALL {
            for (why, does) in [
                (Why::NoRight, "administrator"),
                (Why::SwitchedOff, "Preferences"),
                (
                    Why::NotAnswered {
                        words: "Ask again.".into(),
                    },
                    "Ask again.",
                ),
            ] {
                let words = Finding { what, why }.words();
                assert!(words.contains(what.words()) && words.contains(does), "{words}");
            }
        }
    }
}
