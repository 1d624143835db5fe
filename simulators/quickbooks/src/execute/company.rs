//! Host, company, preferences: who is asked.

use super::Outcome;
use crate::{
    company_file::ret::data_extension,
    qbxml::{
        answer::{self, Out, Response, SetStatus},
        document::{Request, SUPPORTED},
        schema,
        status::Status,
    },
    quickbooks::QuickBooks,
};

fn host(qb: &QuickBooks) -> Out {
    let company = &qb.file.company;
    let major = company.product_year.saturating_sub(1990);
    let mut children = vec![
        Out::leaf(
            "ProductName",
            format!("QuickBooks Premier {}", company.product_year),
        ),
        Out::leaf("MajorVersion", major.to_string()),
        Out::leaf("MinorVersion", "0"),
        Out::leaf("Country", company.country.clone()),
    ];
    let highest = schema::version(&company.highest_qbxml_version).unwrap_or(130);
    for version in SUPPORTED.into_iter().filter(|v| *v <= highest) {
        children.push(Out::leaf(
            "SupportedQBXMLVersion",
            format!("{}.{}", version / 10, version % 10),
        ));
    }
    children.push(Out::leaf("IsAutomaticLogin", "false"));
    let mode = if qb.settings.multi_user {
        "MultiUser"
    } else {
        "SingleUser"
    };
    children.push(Out::leaf("QBFileMode", mode));
    Out::group("HostRet", children)
}

fn company(qb: &QuickBooks, owners: &[&str]) -> Out {
    let name = &qb.file.company.company_name;
    let address = Out::group(
        "Address",
        vec![
            Out::leaf("Addr1", name.clone()),
            Out::leaf("Addr2", "100 Foundry Road"),
            Out::leaf("City", "Bayshore"),
            Out::leaf("State", "CA"),
            Out::leaf("PostalCode", "94326"),
        ],
    );
    let mut children = vec![
        Out::leaf("IsSampleCompany", "false"),
        Out::leaf("CompanyName", name.clone()),
        Out::leaf("LegalCompanyName", name.clone()),
        address,
        Out::leaf("FirstMonthFiscalYear", "January"),
        Out::leaf("FirstMonthIncomeTaxYear", "January"),
        Out::leaf("CompanyType", "ConstructionTradesContractor"),
        Out::group("AccountantCopy", vec![Out::leaf("AccountantCopyExists", "false")]),
    ];
    children.extend(
        qb.file
            .extensions
            .iter()
            .filter(|e| owners.iter().any(|o| o.eq_ignore_ascii_case(&e.owner)))
            .map(data_extension),
    );
    Out::group("CompanyRet", children)
}

fn preferences(qb: &QuickBooks) -> Out {
    let features = &qb.settings.features;
    let flag = |name: &'static str, on: bool| Out::leaf(name, on.to_string());
    let mut accounting = vec![
        flag("IsUsingAccountNumbers", features.account_numbers),
        flag("IsRequiringAccounts", features.requiring_accounts),
        flag("IsUsingClassTracking", features.classes),
        flag("IsUsingAuditTrail", true),
        flag("IsAssigningJournalEntryNumbers", true),
    ];
    accounting.extend(
        qb.settings
            .closing_date
            .map(|d| Out::leaf("ClosingDate", d.to_string())),
    );
    Out::group(
        "PreferencesRet",
        vec![
            Out::group("AccountingPreferences", accounting),
            Out::group(
                "FinanceChargePreferences",
                vec![
                    Out::leaf("AnnualInterestRate", "0.00"),
                    Out::leaf("MinFinanceCharge", "0.00"),
                    Out::leaf("GracePeriod", "0"),
                    flag("IsAssessingForOverdueCharges", false),
                    Out::leaf("CalculateChargesFrom", "DueDate"),
                    flag("IsMarkedToBePrinted", false),
                ],
            ),
            Out::group(
                "JobsAndEstimatesPreferences",
                vec![
                    flag("IsUsingEstimates", features.estimates),
                    flag("IsUsingProgressInvoicing", false),
                    flag("IsPrintingItemsWithZeroAmounts", false),
                ],
            ),
            Out::group(
                "MultiCurrencyPreferences",
                vec![flag("IsMultiCurrencyOn", features.multicurrency)],
            ),
            Out::group(
                "PurchasesAndVendorsPreferences",
                vec![
                    flag("IsUsingInventory", features.inventory),
                    Out::leaf("DaysBillsAreDue", "10"),
                    flag("IsAutomaticallyUsingDiscounts", false),
                ],
            ),
            Out::group(
                "ReportsPreferences",
                vec![
                    Out::leaf("AgingReportBasis", "AgeFromDueDate"),
                    Out::leaf("SummaryReportBasis", "Accrual"),
                ],
            ),
            Out::group(
                "SalesAndCustomersPreferences",
                vec![
                    flag("IsTrackingReimbursedExpensesAsIncome", false),
                    flag("IsAutoApplyingPayments", true),
                    Out::group(
                        "PriceLevels",
                        vec![
                            flag("IsUsingPriceLevels", false),
                            flag("IsRoundingSalesPriceUp", true),
                        ],
                    ),
                ],
            ),
            Out::group(
                "TimeTrackingPreferences",
                vec![Out::leaf("FirstDayOfWeek", "Monday")],
            ),
            Out::group(
                "CurrentAppAccessRights",
                vec![
                    flag("IsAutomaticLoginAllowed", true),
                    Out::leaf("AutomaticLoginUserName", "Admin"),
                    flag("IsPersonalDataAccessAllowed", features.personal_data),
                ],
            ),
        ],
    )
}

/// `HostQuery`, `CompanyQuery`, `PreferencesQuery`.
pub(crate) fn query(qb: &QuickBooks, operation: &str, request: &Request) -> Outcome {
    let mut ret = match operation {
        "HostQuery" => host(qb),
        "CompanyQuery" => company(qb, &request.body.texts("OwnerID")),
        _ => preferences(qb),
    };
    let only = request.body.texts("IncludeRetElement");
    if !only.is_empty() {
        ret.children.retain(|c| only.contains(&c.name));
    }
    Outcome {
        body: vec![ret],
        ..Outcome::default()
    }
}

/// What the Web Connector puts into `strHCPResponse`.
pub(crate) fn host_company_preferences(qb: &QuickBooks, owner: &str) -> String {
    let response = |name: &str, id: &str, body: Out| Response {
        name: name.to_owned(),
        request_id: Some(id.to_owned()),
        status: Status::ok(),
        attributes: Vec::new(),
        body: vec![body],
    };
    answer::write(
        &SetStatus::default(),
        &[
            response("HostQueryRs", "0", host(qb)),
            response("CompanyQueryRs", "1", company(qb, &[owner])),
            response("PreferencesQueryRs", "2", preferences(qb)),
        ],
    )
    .replace('\n', "")
}
