//! Estimates and sales orders as people write them: what a customer was offered or has ordered, line by line. Reads only.
//!
//! What may not live here: what becomes of them in Procore. The estimate that a budget makes is `estimate`'s.

use serde::{Deserialize, Serialize};
use yaserde::YaDeserialize;

use super::{ListRef, Money, Request, UnreadableRecord, response::Piece, transaction::TransactionQuery};

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalKind {
    /// An estimate.
    Estimate,
    /// A sales order. Only Premier and Enterprise have them.
    SalesOrder,
}

/// One estimate or sales order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What it is.
    pub kind: ProposalKind,
    /// Its id.
    pub txn_id: String,
    /// Changes with every change.
    pub edit_sequence: Option<String>,
    /// Its number.
    pub ref_number: Option<String>,
    /// Its memo.
    pub memo: Option<String>,
    /// The job or customer it is for.
    pub job: ListRef,
    /// Its total, with what sales tax there is.
    pub total: Money,
    /// Its lines in order, those of groups among them.
    pub lines: Vec<ProposalLine>,
}

/// A line of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalLine {
    /// Its id.
    pub txn_line_id: String,
    /// Its item; a line of text has none.
    pub item: Option<ListRef>,
    /// Its text.
    pub desc: Option<String>,
    /// What it comes to.
    pub amount: Option<Money>,
}

#[derive(Debug, Default, YaDeserialize)]
struct LineRet {
    #[yaserde(rename = "TxnLineID")]
    txn_line_id: String,
    #[yaserde(rename = "ItemRef")]
    item: Option<ListRef>,
    #[yaserde(rename = "Desc")]
    desc: Option<String>,
    #[yaserde(rename = "Amount")]
    amount: Option<Money>,
}

#[derive(Debug, Default, YaDeserialize)]
struct GroupRet {
    #[yaserde(rename = "EstimateLineRet")]
    estimate_lines: Vec<LineRet>,
    #[yaserde(rename = "SalesOrderLineRet")]
    order_lines: Vec<LineRet>,
}

#[derive(Debug, Default, YaDeserialize)]
struct ProposalRet {
    #[yaserde(rename = "TxnID")]
    txn_id: String,
    #[yaserde(rename = "EditSequence")]
    edit_sequence: Option<String>,
    #[yaserde(rename = "CustomerRef")]
    customer: Option<ListRef>,
    #[yaserde(rename = "RefNumber")]
    ref_number: Option<String>,
    #[yaserde(rename = "TotalAmount")]
    total_amount: Option<Money>,
    #[yaserde(rename = "Memo")]
    memo: Option<String>,
    #[yaserde(rename = "EstimateLineRet")]
    estimate_lines: Vec<LineRet>,
    #[yaserde(rename = "EstimateLineGroupRet")]
    estimate_groups: Vec<GroupRet>,
    #[yaserde(rename = "SalesOrderLineRet")]
    order_lines: Vec<LineRet>,
    #[yaserde(rename = "SalesOrderLineGroupRet")]
    order_groups: Vec<GroupRet>,
}

impl ProposalKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Estimate, Self::SalesOrder];

    /// What a person calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Estimate => "estimate",
            Self::SalesOrder => "sales order",
        }
    }

    fn ret_element(self) -> &'static str {
        match self {
            Self::Estimate => "EstimateRet",
            Self::SalesOrder => "SalesOrderRet",
        }
    }

    /// Asks for those of these jobs, with their lines.
    pub fn query(self, jobs: &[String]) -> Request {
        let (element, line, group) = match self {
            Self::Estimate => ("EstimateQueryRq", "EstimateLineRet", "EstimateLineGroupRet"),
            Self::SalesOrder => ("SalesOrderQueryRq", "SalesOrderLineRet", "SalesOrderLineGroupRet"),
        };
        let wanted = [
            "TxnID",
            "EditSequence",
            "CustomerRef",
            "RefNumber",
            "TotalAmount",
            "Memo",
            line,
            group,
        ];
        TransactionQuery::of_entities(jobs).request(element, &wanted)
    }

    /// Reads one record of an answer; `None`: it is none of this kind.
    pub fn read(self, piece: &Piece<'_>) -> Option<Result<Proposal, UnreadableRecord>> {
        (piece.name == self.ret_element()).then(|| piece.read::<ProposalRet>().map(|ret| self.proposal(ret)))
    }

    fn proposal(self, ret: ProposalRet) -> Proposal {
        let groups = ret.estimate_groups.into_iter().chain(ret.order_groups);
        let of_groups = groups.flat_map(|group| group.estimate_lines.into_iter().chain(group.order_lines));
        Proposal {
            kind: self,
            txn_id: ret.txn_id,
            edit_sequence: ret.edit_sequence,
            ref_number: ret.ref_number.filter(|number| !number.trim().is_empty()),
            memo: ret.memo.filter(|memo| !memo.trim().is_empty()),
            job: ret.customer.unwrap_or_default(),
            total: ret.total_amount.unwrap_or(Money::ZERO),
            lines: ret
                .estimate_lines
                .into_iter()
                .chain(ret.order_lines)
                .chain(of_groups)
                .map(|line| ProposalLine {
                    txn_line_id: line.txn_line_id,
                    item: line.item,
                    desc: line.desc.filter(|desc| !desc.trim().is_empty()),
                    amount: line.amount,
                })
                .collect(),
        }
    }
}

impl Proposal {
    /// What a person calls it: `Estimate 7 of Acme:Tower`.
    pub fn what(&self) -> String {
        let mut word = self.kind.word().to_owned();
        word.replace_range(..1, &word[..1].to_uppercase());
        let number = self.ref_number.as_deref().unwrap_or("without a number");
        match &self.job.full_name {
            Some(job) => format!("{word} {number} of {job}"),
            None => format!("{word} {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::Response;

    #[test]
    fn lines_of_groups_are_lines() {
        let text = "<SalesOrderRet><TxnID>5-1</TxnID><CustomerRef><ListID>80-1</ListID><FullName>Acme:Tower</FullName></CustomerRef>\
            <RefNumber>7</RefNumber><TotalAmount>30.00</TotalAmount>\
            <SalesOrderLineRet><TxnLineID>1</TxnLineID><ItemRef><ListID>I</ListID></ItemRef><Amount>10.00</Amount></SalesOrderLineRet>\
            <SalesOrderLineGroupRet><TxnLineID>2</TxnLineID><TotalAmount>20.00</TotalAmount>\
            <SalesOrderLineRet><TxnLineID>3</TxnLineID><Amount>20.00</Amount></SalesOrderLineRet></SalesOrderLineGroupRet></SalesOrderRet>";
        let response = Response::ok("SalesOrderQueryRs", text);
        let piece = response.pieces().next().unwrap();
        assert!(ProposalKind::Estimate.read(&piece).is_none());
        let order = ProposalKind::SalesOrder.read(&piece).unwrap().unwrap();
        assert_eq!(order.what(), "Sales order 7 of Acme:Tower");
        let ids: Vec<&str> = order.lines.iter().map(|line| line.txn_line_id.as_str()).collect();
        assert_eq!(ids, ["1", "3"]);
    }
}
