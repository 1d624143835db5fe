//! A first look at a large company file: 50,000 vendors and 10,000 payments of 20,000 bills, broken off in the middle
//! and resumed. Prints how long, how much memory, and whether anything came twice.

use std::{collections::HashMap, time::Instant};

use plumbline::{
    connections::{passwords, settings::Settings, store},
    tasks::{
        AnyTask,
        imports::{payments::PaymentsImport, vendors::VendorsImport},
        queue::{self, NewTask},
    },
};
use secrecy::SecretString;

use super::{Account, Bench, PASSWORD, between, hcp};

/// What the company file holds.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) vendors: usize,
    pub(super) bills: usize,
    pub(super) payments: usize,
}

/// A QuickBooks with so many records; its iterators die with the session.
struct File {
    sizes: Sizes,
    at: HashMap<String, usize>,
    pages: usize,
}

impl File {
    fn answer(&mut self, request: &str) -> String {
        let set = between(request, "<QBXMLMsgsRq", "</QBXMLMsgsRq>");
        let body = set.split_once('>').map_or("", |(_, body)| body);
        let mut answers = String::new();
        for part in body.split("Rq>").filter(|part| part.contains('<')) {
            let element = part
                .trim_start()
                .trim_start_matches('<')
                .split([' ', '>', '/'])
                .next()
                .unwrap_or_default();
            if let Some(name) = element.strip_suffix("Rq") {
                answers.push_str(&self.one(name, part));
            }
        }
        format!("<?xml version=\"1.0\" ?><QBXML><QBXMLMsgsRs>{answers}</QBXMLMsgsRs></QBXML>")
    }

    fn one(&mut self, name: &str, part: &str) -> String {
        let id = between(part, "requestID=\"", "\"");
        let whole = match name {
            "VendorQuery" => self.sizes.vendors,
            "BillPaymentCheckQuery" => self.sizes.payments,
            "BillQuery" => {
                // Our newest records are there.
                let bills: String = part
                    .split("<TxnID>")
                    .skip(1)
                    .filter_map(|rest| rest.split_once('<'))
                    .map(|(id, _)| {
                        format!("<BillRet><TxnID>{id}</TxnID><EditSequence>1</EditSequence></BillRet>")
                    })
                    .collect();
                return format!(
                    "<BillQueryRs requestID=\"{id}\" statusCode=\"0\" statusSeverity=\"Info\" statusMessage=\"Status OK\">{bills}</BillQueryRs>"
                );
            }
            _ => 0,
        };
        if whole == 0 {
            return format!(
                "<{name}Rs requestID=\"{id}\" statusCode=\"1\" statusSeverity=\"Info\" statusMessage=\"Nothing matches\"/>"
            );
        }
        let most: usize = between(part, "<MaxReturned>", "</MaxReturned>")
            .parse()
            .unwrap_or(whole);
        let from = if part.contains("iterator=\"Continue\"") {
            self.at.get(name).copied().unwrap_or_default()
        } else {
            0
        };
        let to = whole.min(from + most);
        self.at.insert(name.to_owned(), to);
        self.pages += 1;
        let records: String = (from..to)
            .map(|n| match name {
                "VendorQuery" => vendor(n),
                _ => payment(n, self.sizes.bills),
            })
            .collect();
        format!(
            "<{name}Rs requestID=\"{id}\" statusCode=\"0\" statusSeverity=\"Info\" statusMessage=\"Status OK\" \
             iteratorRemainingCount=\"{}\" iteratorID=\"{{00000000-0000-0000-0000-000000000001}}\">{records}</{name}Rs>",
            whole - to
        )
    }
}

fn vendor(n: usize) -> String {
    format!(
        "<VendorRet><ListID>{n:X}-1770000001</ListID><TimeCreated>2026-02-02T08:00:00-08:00</TimeCreated>\
         <TimeModified>2026-02-02T08:00:00-08:00</TimeModified><EditSequence>1770000001</EditSequence><Name>Vendor {n}</Name>\
         <IsActive>true</IsActive><CompanyName>Vendor {n} Incorporated</CompanyName><VendorAddress><Addr1>Vendor {n}</Addr1>\
         <Addr2>{n} Long Street</Addr2><City>Goleta</City><State>CA</State><PostalCode>93117</PostalCode></VendorAddress>\
         <Phone>555-{n:06}</Phone><Email>office@vendor{n}.example</Email></VendorRet>"
    )
}

/// Each payment pays two bills.
fn payment(n: usize, bills: usize) -> String {
    let applied: String = [2 * n, 2 * n + 1]
        .iter()
        .map(|bill| {
            format!(
                "<AppliedToTxnRet><TxnID>B{:X}-1770000000</TxnID><TxnType>Bill</TxnType><TxnDate>2026-01-31</TxnDate>\
                 <RefNumber>{bill}</RefNumber><BalanceRemaining>0.00</BalanceRemaining><Amount>50.00</Amount></AppliedToTxnRet>",
                bill % bills
            )
        })
        .collect();
    format!(
        "<BillPaymentCheckRet><TxnID>C{n:X}-1770000001</TxnID><TimeCreated>2026-02-02T08:00:00-08:00</TimeCreated>\
         <TimeModified>2026-02-02T08:00:00-08:00</TimeModified><EditSequence>1770000001</EditSequence><TxnDate>2026-02-02</TxnDate>\
         <Amount>100.00</Amount><RefNumber>{n}</RefNumber>{applied}</BillPaymentCheckRet>"
    )
}

impl Bench {
    pub(super) async fn imports(&self, sizes: Sizes) {
        let hash = passwords::hash(&SecretString::from(PASSWORD)).expect("a hash");
        let account = self.account(&hash, 20).await;
        let settings = Settings {
            payments_since: Some(chrono::DateTime::from_timestamp(1_700_000_000, 0).expect("a time")),
            ..Settings::default()
        };
        store::set_settings(&self.db, account.id, &settings)
            .await
            .expect("settings");
        sqlx::query(
            "insert into links (connection_id, item_type, item_id, origin_id, quickbooks_id, linked_at)
             select $1, 'requisition', n + 1, 'B' || upper(to_hex(n)) || '-1770000000', 'B' || upper(to_hex(n)) || '-1770000000', now()
             from generate_series(0, $2 - 1) n",
        )
        .bind(account.id)
        .bind(i64::try_from(sizes.bills).unwrap_or(i64::MAX))
        .execute(&self.db)
        .await
        .expect("links");
        self.import(&account, sizes, "vendors", VendorsImport::new().into())
            .await;
        self.import(&account, sizes, "payments", PaymentsImport::new(None).into())
            .await;
        let told: (i64, i64, i64, i64) = sqlx::query_as(
            "select (select count(*) from mirror_records where connection_id = $1 and kind = 'vendor'),
                    (select count(*) from payments where connection_id = $1),
                    (select count(distinct p ->> 'origin_id') from writebacks, jsonb_array_elements(call -> 'payments') p
                     where connection_id = $1),
                    (select count(*) from writebacks, jsonb_array_elements(call -> 'payments') p where connection_id = $1)",
        )
        .bind(account.id)
        .fetch_one(&self.db)
        .await
        .expect("counts");
        println!(
            "    held: {} vendors, {} payments of bills; told Procore: {} payments, {} of them different",
            told.0, told.1, told.3, told.2
        );
    }

    async fn import(&self, account: &Account, sizes: Sizes, what: &str, task: AnyTask) {
        self.quiet().await;
        let mut db = self.db.acquire().await.expect("a connection");
        let task = NewTask {
            subject: what.to_owned(),
            label: what.to_owned(),
            task,
            detail: None,
            erp_request_id: None,
            needs: Vec::new(),
            priority: 100,
        };
        queue::enqueue(&mut db, account.id, chrono::Utc::now(), &[task])
            .await
            .expect("a task");
        drop(db);
        let idle = self.service.rss();
        self.service.reset_peak();
        let began = Instant::now();
        let mut file = File {
            sizes,
            at: HashMap::new(),
            pages: 0,
        };
        let most = sizes.vendors.max(sizes.payments);
        let mut broken_off = false;
        'sessions: loop {
            let (mut client, ticket) = self.session(account).await;
            let mut first = hcp(account);
            loop {
                let request = client.send_request(&ticket, &first).await;
                first.clear();
                let answer = file.answer(&request);
                let progress = client.receive_response(&ticket, &answer).await;
                let read: usize = file.at.values().sum();
                if !broken_off && read > most / 2 {
                    // The Web Connector is closed in the middle of the list.
                    broken_off = true;
                    file.at.clear();
                    client
                        .call("closeConnection", &format!("<ticket>{ticket}</ticket>"))
                        .await;
                    continue 'sessions;
                }
                if progress == "100" {
                    break 'sessions;
                }
            }
        }
        let read = began.elapsed();
        self.quiet().await;
        println!(
            "{what:>8} of a large file, broken off once        {:>8.2} s        ({} pages; {:.1} s until Procore has them; peak {:.1} MB, {:.1} MB above idle)",
            read.as_secs_f64(),
            file.pages,
            began.elapsed().as_secs_f64(),
            self.service.peak(),
            self.service.peak() - idle
        );
    }
}
