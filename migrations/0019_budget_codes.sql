-- When the newest cost code was made, in QuickBooks' local time, that the budgets of linked projects have been offered.
alter table connections add column budget_codes_until text;
