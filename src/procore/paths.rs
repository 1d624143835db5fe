//! Where things are in Procore's API. The one place that holds addresses.
//!
//! Certain: requisitions, vendors, standard cost codes, hooks. Seen in use or documented in older guides: ERP request
//! details, external data, cost type assignments, invoice payments, ERP connections. **Guesses**: the ERP request
//! itself, the prefix of staged records, and the update of an ERP connection. A first run against a developer sandbox
//! that proves one wrong changes this file alone.

/// The token endpoint, on the login host.
pub const TOKEN: &str = "/oauth/token";

/// One ERP request, by the webhook's `resource_id` (guess, inferred from the resource's name).
pub fn erp_request(company: i64, id: i64) -> String {
    format!("/rest/v1.0/companies/{company}/erp_requests/{id}")
}

/// ERP requests, for the sweep after lost webhooks (guess).
pub fn erp_requests(company: i64) -> String {
    format!("/rest/v1.0/companies/{company}/erp_requests")
}

/// Request details of the company.
pub fn erp_request_details(company: i64) -> String {
    format!("/rest/v1.0/companies/{company}/erp_request_details")
}

/// One request detail.
pub fn erp_request_detail(company: i64, id: i64) -> String {
    format!("/rest/v1.0/companies/{company}/erp_request_details/{id}")
}

/// Several request details at once (documented in 2021 only).
pub fn erp_request_details_sync(company: i64) -> String {
    format!("/rest/v1.0/companies/{company}/erp_request_details/sync")
}

/// Third-party ids.
pub fn external_data_sync(company: i64) -> String {
    format!("/rest/v1.0/companies/{company}/external_data/sync")
}

/// Records offered for import (guess: the prefix is not printed).
pub fn staged_records_sync(company: i64) -> String {
    format!("/rest/v1.0/companies/{company}/staged_records/sync")
}

/// Companies of the directory.
pub const VENDORS: &str = "/rest/v1.0/vendors";

/// Companies of the directory, written.
pub const VENDORS_SYNC: &str = "/rest/v1.0/vendors/sync";

/// The lists of standard cost codes.
pub const STANDARD_COST_CODE_LISTS: &str = "/rest/v1.0/standard_cost_code_lists";

/// Standard cost codes of a list.
pub const STANDARD_COST_CODES: &str = "/rest/v1.0/standard_cost_codes";

/// Standard cost codes of a list, written.
pub const STANDARD_COST_CODES_SYNC: &str = "/rest/v1.0/standard_cost_codes/sync";

/// Cost types of the company.
pub const LINE_ITEM_TYPES: &str = "/rest/v1.0/line_item_types";

/// Cost types of the company, written.
pub const LINE_ITEM_TYPES_SYNC: &str = "/rest/v1.0/line_item_types/sync";

/// Pairs of cost code and cost type of a project.
pub const COST_CODE_LINE_ITEM_TYPES_SYNC: &str = "/rest/v1.0/cost_code_line_item_types/sync";

/// Marks budget transactions as synced (ERP technical guide).
pub const ERP_TRANSACTIONS_SYNC: &str = "/rest/v1.0/erp_transactions/sync";

/// Stores job costs (ERP technical guide).
pub const ERP_JOB_COSTS_SYNC: &str = "/rest/v1.0/erp_job_costs/sync";

/// Payments of subcontractor invoices.
pub fn invoice_payments_sync(company: i64) -> String {
    format!("/rest/v1.0/companies/{company}/invoice_payments/sync")
}

/// One project.
pub fn project(id: i64) -> String {
    format!("/rest/v1.0/projects/{id}")
}

/// Cost codes of a project.
pub const COST_CODES: &str = "/rest/v1.0/cost_codes";

/// Cost codes of a project, written.
pub const COST_CODES_SYNC: &str = "/rest/v1.0/cost_codes/sync";

/// Copies standard cost codes to a project.
pub const COST_CODES_COPY: &str = "/rest/v1.0/cost_codes/copy_subset_from_standard_list";

/// A line of a project's budget, by cost code and cost type.
pub const BUDGET_LINE_ITEMS: &str = "/rest/v1.0/budget_line_items";

/// The tools of a project.
pub fn project_tools(project: i64) -> String {
    format!("/rest/v1.0/projects/{project}/tools")
}

/// Subcontractor invoices of a project.
pub const REQUISITIONS: &str = "/rest/v1.1/requisitions";

/// Subcontracts of a project.
pub const WORK_ORDER_CONTRACTS: &str = "/rest/v1.0/work_order_contracts";

/// Purchase orders of a project.
pub const PURCHASE_ORDER_CONTRACTS: &str = "/rest/v1.0/purchase_order_contracts";

/// Budget views of a project.
pub const BUDGET_VIEWS: &str = "/rest/v1.0/budget_views";

/// The lines of a budget view.
pub fn budget_detail_rows(view: i64) -> String {
    format!("/rest/v1.0/budget_views/{view}/detail_rows")
}

/// Projects of the company.
pub const PROJECTS: &str = "/rest/v1.0/projects";

/// One owner invoice.
pub fn payment_application(id: i64) -> String {
    format!("/rest/v1.0/payment_applications/{id}")
}

/// One subcontractor invoice.
pub fn requisition(id: i64) -> String {
    format!("/rest/v1.1/requisitions/{id}")
}

/// ERP connections of the company.
pub fn erp_connections(company: i64) -> String {
    format!("/rest/v1.0/companies/{company}/erp_connections")
}

/// The company's ERP connection; Procore answers its creation with `id` = the company's id (guess).
pub fn erp_connection(company: i64) -> String {
    format!("/rest/v1.0/companies/{company}/erp_connections/{company}")
}

/// Hooks of the company.
pub fn hooks(company: i64) -> String {
    format!("/rest/v2.0/companies/{company}/webhooks/hooks")
}

/// One hook.
pub fn hook(company: i64, id: &str) -> String {
    format!("/rest/v2.0/companies/{company}/webhooks/hooks/{id}")
}

/// A hook's triggers.
pub fn triggers(company: i64, hook: &str) -> String {
    format!("/rest/v2.0/companies/{company}/webhooks/hooks/{hook}/triggers")
}
