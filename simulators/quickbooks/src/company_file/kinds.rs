//! The kinds of list objects and transactions, and the lists that share their names.

/// A kind of list object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ListKind {
    Account,
    Class,
    VendorType,
    CustomerType,
    JobType,
    StandardTerms,
    SalesTaxCode,
    Vendor,
    Customer,
    Employee,
    OtherName,
    ItemService,
    ItemNonInventory,
    ItemOtherCharge,
    ItemInventory,
    ItemDiscount,
    ItemSubtotal,
    ItemSalesTax,
}

/// Lists whose names must differ from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Space {
    Account,
    Class,
    VendorType,
    CustomerType,
    JobType,
    Terms,
    SalesTaxCode,
    /// Customers, vendors, employees and other names together.
    Name,
    Item,
}

pub(crate) const LIST_KINDS: [ListKind; 18] = [
    ListKind::Account,
    ListKind::Class,
    ListKind::VendorType,
    ListKind::CustomerType,
    ListKind::JobType,
    ListKind::StandardTerms,
    ListKind::SalesTaxCode,
    ListKind::Vendor,
    ListKind::Customer,
    ListKind::Employee,
    ListKind::OtherName,
    ListKind::ItemService,
    ListKind::ItemNonInventory,
    ListKind::ItemOtherCharge,
    ListKind::ItemInventory,
    ListKind::ItemDiscount,
    ListKind::ItemSubtotal,
    ListKind::ItemSalesTax,
];

impl ListKind {
    /// Its name in qbXML: `VendorAddRq`, `ListDelType`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Class => "Class",
            Self::VendorType => "VendorType",
            Self::CustomerType => "CustomerType",
            Self::JobType => "JobType",
            Self::StandardTerms => "StandardTerms",
            Self::SalesTaxCode => "SalesTaxCode",
            Self::Vendor => "Vendor",
            Self::Customer => "Customer",
            Self::Employee => "Employee",
            Self::OtherName => "OtherName",
            Self::ItemService => "ItemService",
            Self::ItemNonInventory => "ItemNonInventory",
            Self::ItemOtherCharge => "ItemOtherCharge",
            Self::ItemInventory => "ItemInventory",
            Self::ItemDiscount => "ItemDiscount",
            Self::ItemSubtotal => "ItemSubtotal",
            Self::ItemSalesTax => "ItemSalesTax",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        LIST_KINDS.into_iter().find(|k| k.name() == name)
    }

    pub(crate) fn space(self) -> Space {
        match self {
            Self::Account => Space::Account,
            Self::Class => Space::Class,
            Self::VendorType => Space::VendorType,
            Self::CustomerType => Space::CustomerType,
            Self::JobType => Space::JobType,
            Self::StandardTerms => Space::Terms,
            Self::SalesTaxCode => Space::SalesTaxCode,
            Self::Vendor | Self::Customer | Self::Employee | Self::OtherName => Space::Name,
            _ => Space::Item,
        }
    }

    /// Its list in the dump.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Account => "accounts",
            Self::Class => "classes",
            Self::VendorType => "vendor_types",
            Self::CustomerType => "customer_types",
            Self::JobType => "job_types",
            Self::StandardTerms => "terms",
            Self::SalesTaxCode => "sales_tax_codes",
            Self::Vendor => "vendors",
            Self::Customer => "customers",
            Self::Employee => "employees",
            Self::OtherName => "other_names",
            _ => "items",
        }
    }

    pub(crate) fn is_item(self) -> bool {
        self.space() == Space::Item
    }
}

/// A kind of transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum TxnKind {
    PurchaseOrder,
    Bill,
    VendorCredit,
    Estimate,
    SalesOrder,
    Invoice,
    BillPaymentCheck,
    BillPaymentCreditCard,
    Check,
    CreditCardCharge,
    CreditCardCredit,
    ItemReceipt,
    JournalEntry,
}

pub(crate) const TXN_KINDS: [TxnKind; 13] = [
    TxnKind::PurchaseOrder,
    TxnKind::Bill,
    TxnKind::VendorCredit,
    TxnKind::Estimate,
    TxnKind::SalesOrder,
    TxnKind::Invoice,
    TxnKind::BillPaymentCheck,
    TxnKind::BillPaymentCreditCard,
    TxnKind::Check,
    TxnKind::CreditCardCharge,
    TxnKind::CreditCardCredit,
    TxnKind::ItemReceipt,
    TxnKind::JournalEntry,
];

impl TxnKind {
    /// Its name in qbXML.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PurchaseOrder => "PurchaseOrder",
            Self::Bill => "Bill",
            Self::VendorCredit => "VendorCredit",
            Self::Estimate => "Estimate",
            Self::SalesOrder => "SalesOrder",
            Self::Invoice => "Invoice",
            Self::BillPaymentCheck => "BillPaymentCheck",
            Self::BillPaymentCreditCard => "BillPaymentCreditCard",
            Self::Check => "Check",
            Self::CreditCardCharge => "CreditCardCharge",
            Self::CreditCardCredit => "CreditCardCredit",
            Self::ItemReceipt => "ItemReceipt",
            Self::JournalEntry => "JournalEntry",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        TXN_KINDS.into_iter().find(|k| k.name() == name)
    }

    /// Its list in the dump.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::PurchaseOrder => "purchase_orders",
            Self::Bill => "bills",
            Self::VendorCredit => "vendor_credits",
            Self::Estimate => "estimates",
            Self::SalesOrder => "sales_orders",
            Self::Invoice => "invoices",
            Self::BillPaymentCheck => "bill_payment_checks",
            Self::BillPaymentCreditCard => "bill_payment_credit_cards",
            Self::Check => "checks",
            Self::CreditCardCharge => "credit_card_charges",
            Self::CreditCardCredit => "credit_card_credits",
            Self::ItemReceipt => "item_receipts",
            Self::JournalEntry => "journal_entries",
        }
    }

    /// The header field that names whom it is with.
    pub(crate) fn entity_field(self) -> &'static str {
        match self {
            Self::Estimate | Self::SalesOrder | Self::Invoice => "CustomerRef",
            Self::BillPaymentCheck
            | Self::BillPaymentCreditCard
            | Self::Check
            | Self::CreditCardCharge
            | Self::CreditCardCredit => "PayeeEntityRef",
            _ => "VendorRef",
        }
    }

    pub(crate) fn is_payment(self) -> bool {
        matches!(self, Self::BillPaymentCheck | Self::BillPaymentCreditCard)
    }
}
