//! The Web Connector's door, call by call, over real HTTP, SOAP and PostgreSQL. QuickBooks' answers are written by hand
//! here, so that every turn the protocol can take is taken (qbwc-protocol.md §2–6, §12).
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use plumbline::{connections::braced, tasks::exports::vendor::VendorExport};
use support::world::{
    Account, Hand, PASSWORD, World, at, between, hcp, hcp_of, host_company, task, vendors_added,
};
use uuid::Uuid;

const NOWHERE: &str = "http://127.0.0.1:9";

fn vendor(id: i64, name: &str) -> VendorExport {
    VendorExport {
        procore_id: id,
        name: name.to_owned(),
        external_guid: braced(Uuid::from_u128(u128::try_from(id).unwrap())),
        ..VendorExport::default()
    }
}

async fn with_vendors(names: &[&str]) -> (World, Account, Hand, Vec<Uuid>) {
    let world = World::new().await;
    let account = world.connect(NOWHERE, 7).await;
    let tasks: Vec<_> = (1..)
        .zip(names)
        .map(|(id, name)| task(&format!("vendor:{id}"), vendor(id, name)))
        .collect();
    let ids = world.enqueue(&account, &tasks).await;
    let hand = Hand::new(&world.url);
    (world, account, hand, ids)
}

#[tokio::test]
async fn a_session_from_authenticate_to_close() {
    let (world, account, hand, ids) = with_vendors(&["Ådahl & Söhne", "Lew Plumbing"]).await;
    assert!(
        hand.call("serverVersion", &[])
            .await
            .text()
            .starts_with("Plumbline ")
    );
    assert_eq!(
        hand.call("clientVersion", &[("strVersion", "2.3.0.215")])
            .await
            .text(),
        ""
    );
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    assert!(request.contains(r#"<?qbxml version="13.0"?>"#), "{request}");
    assert!(request.is_ascii(), "qbXML goes out as ASCII");
    assert!(request.contains("&#197;dahl &amp; S&#246;hne"), "{request}");
    assert_eq!(
        request.matches("<VendorAddRq ").count(),
        2,
        "independent tasks share a message set"
    );
    assert_eq!(between(&request, "newMessageSetID=\"", "\"").len(), 22);
    assert_eq!(hand.receive(&ticket, &vendors_added(&request)).await, 100);
    assert_eq!(hand.close(&ticket).await, "OK: 2 tasks finished");
    for id in ids {
        assert_eq!(world.task(id).await.0, "done");
    }
    world.end().await;
}

#[tokio::test]
async fn none_when_there_is_no_work_and_nvu_for_a_wrong_password() {
    let world = World::new().await;
    let account = world.connect(NOWHERE, 7).await;
    let hand = Hand::new(&world.url);
    let answer = hand.authenticate(&account.user, PASSWORD).await;
    assert_eq!(answer[1], "none");
    assert_eq!(hand.close(&answer[0]).await, "OK");
    assert_eq!(hand.authenticate(&account.user, "wrong").await, ["", "nvu"]);
    assert_eq!(hand.authenticate("nobody", PASSWORD).await, ["", "nvu"]);
    assert_eq!(
        hand.authenticate("x' or '1'='1\u{0}", "\u{0} 😀").await,
        ["", "nvu"]
    );
    assert_eq!(hand.authenticate(&"u".repeat(500_000), "p").await, ["", "nvu"]);
    assert_eq!(hand.close("").await, "OK");
    world.end().await;
}

#[tokio::test]
async fn guessing_passwords_is_slowed_and_the_right_one_still_works() {
    let world = World::new().await;
    let account = world.connect(NOWHERE, 7).await;
    let hand = Hand::new(&world.url);
    assert_eq!(hand.authenticate(&account.user, PASSWORD).await[1], "none");
    let mut verbs = Vec::new();
    for n in 0..10 {
        verbs.push(hand.authenticate(&account.user, &format!("guess {n}")).await[1].clone());
    }
    assert!(verbs.iter().any(|verb| verb == "busy"), "{verbs:?}");
    assert_eq!(hand.authenticate(&account.user, PASSWORD).await[1], "none");
    world.end().await;
}

#[tokio::test]
async fn a_call_delivered_twice_gets_the_same_answer_twice() {
    let (world, account, hand, ids) = with_vendors(&["A", "B"]).await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    assert_eq!(
        hand.send(&ticket, "").await,
        request,
        "the answer was lost on the way: the same bytes"
    );
    let answer = vendors_added(&request);
    assert_eq!(hand.receive(&ticket, &answer).await, 100);
    assert_eq!(
        hand.receive(&ticket, &answer).await,
        100,
        "delivered twice: the same number"
    );
    assert_eq!(world.task(ids[0]).await.0, "done");
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again_with_the_same_bytes() {
    let (world, account, hand, ids) = with_vendors(&["A"]).await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    // The Web Connector is killed; a new session comes after the lease.
    world.clock.advance(chrono::TimeDelta::seconds(61));
    let second = hand.session(&account).await;
    assert_eq!(
        hand.send(&second, &hcp(account.file_id)).await,
        request,
        "same bytes, same message set id"
    );
    // QuickBooks executed it before: it answers from its store.
    let set = between(&request, "newMessageSetID=\"", "\"");
    let stored = format!(
        r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs newMessageSetID="{set}" messageSetStatusCode="0"><VendorAddRs requestID="0" statusCode="0" statusSeverity="Info" statusMessage="Status OK"><ErrorRecovery><ListID>80000001-1770000000</ListID><EditSequence>1770000000</EditSequence></ErrorRecovery></VendorAddRs></QBXMLMsgsRs></QBXML>"#
    );
    assert_eq!(hand.receive(&second, &stored).await, 100);
    assert_eq!(world.task(ids[0]).await.0, "done");
    let link: String = sqlx::query_scalar("select quickbooks_id from links where connection_id = $1")
        .bind(account.id)
        .fetch_one(world.db())
        .await
        .unwrap();
    assert_eq!(link, "80000001-1770000000");
    world.end().await;
}

#[tokio::test]
async fn a_late_answer_of_a_session_that_was_taken_over_is_used() {
    let (world, account, hand, ids) = with_vendors(&["A"]).await;
    let first = hand.session(&account).await;
    let request = hand.send(&first, &hcp(account.file_id)).await;
    world.clock.advance(chrono::TimeDelta::seconds(61));
    let second = hand.session(&account).await;
    assert_eq!(
        hand.receive(&first, &vendors_added(&request)).await,
        -1,
        "the old session ends"
    );
    assert_eq!(world.task(ids[0]).await.0, "done", "but its answer counts");
    assert_eq!(hand.send(&first, "").await, "", "and it gets no more work");
    let idle = hand.send(&second, &hcp(account.file_id)).await;
    assert!(
        idle.contains("<HostQueryRq "),
        "nothing is left: a harmless read, {idle}"
    );
    assert_eq!(hand.receive(&second, &hcp_of("", "", "")).await, 100);
    world.end().await;
}

#[tokio::test]
async fn a_second_web_connector_is_told_busy_while_the_first_is_live() {
    let (world, account, hand, _) = with_vendors(&["A"]).await;
    let ticket = hand.session(&account).await;
    assert_eq!(hand.authenticate(&account.user, PASSWORD).await[1], "busy");
    hand.close(&ticket).await;
    hand.session(&account).await;
    world.end().await;
}

#[tokio::test]
async fn another_company_file_gets_nothing_and_the_operator_is_told() {
    let (world, account, hand, ids) = with_vendors(&["A"]).await;
    let ticket = hand.session(&account).await;
    assert_eq!(
        hand.send(&ticket, &hcp_of(&braced(Uuid::new_v4()), "Other Company", "US"))
            .await,
        ""
    );
    let words = hand.last_error(&ticket).await;
    assert!(
        words.contains("Other Company") && words.contains("Nothing was exchanged"),
        "{words}"
    );
    assert_eq!(world.task(ids[0]).await.0, "ready");
    let problem: Option<String> = sqlx::query_scalar("select guard_problem from connections where id = $1")
        .bind(account.id)
        .fetch_one(world.db())
        .await
        .unwrap();
    assert!(problem.unwrap().contains("Other Company"));
    // The right file again: all is well.
    hand.close(&ticket).await;
    let ticket = hand.session(&account).await;
    assert!(
        hand.send(&ticket, &hcp(account.file_id))
            .await
            .contains("<VendorAddRq ")
    );
    world.end().await;
}

#[tokio::test]
async fn a_file_without_our_file_id_gets_nothing() {
    let (world, account, hand, _) = with_vendors(&["A"]).await;
    let ticket = hand.session(&account).await;
    let no_extension = hcp(account.file_id).replace("<DataExtName>FileID", "<DataExtName>Other");
    assert_eq!(hand.send(&ticket, &no_extension).await, "");
    world.end().await;
}

#[tokio::test]
async fn when_the_first_answer_cannot_be_read_quickbooks_is_asked_which_file_is_open() {
    for broken in ["", "<QBXML><not closed", "no xml at all"] {
        let (world, account, hand, _) = with_vendors(&["A"]).await;
        let ticket = hand.session(&account).await;
        let question = hand.send(&ticket, broken).await;
        assert!(
            question.contains("<CompanyQueryRq ") && !question.contains("VendorAdd"),
            "{question}"
        );
        assert_eq!(
            hand.send(&ticket, broken).await,
            question,
            "asked again: the same bytes"
        );
        let answer = hcp(account.file_id);
        let progress = hand.receive(&ticket, &answer).await;
        assert!((0..100).contains(&progress), "{progress}");
        let work = hand.send(&ticket, "").await;
        assert!(work.contains("<VendorAddRq "), "{broken:?}: {work}");
        world.end().await;
    }
}

#[tokio::test]
async fn asked_and_it_is_another_file() {
    let (world, account, hand, _) = with_vendors(&["A"]).await;
    let ticket = hand.session(&account).await;
    hand.send(&ticket, "").await;
    let other = format!(
        r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs>{}</QBXMLMsgsRs></QBXML>"#,
        host_company(&braced(Uuid::new_v4()), "Other Company", "US")
    );
    assert_eq!(hand.receive(&ticket, &other).await, -1);
    assert!(hand.last_error(&ticket).await.contains("Other Company"));
    assert_eq!(hand.send(&ticket, "").await, "");
    world.end().await;
}

#[tokio::test]
async fn a_malformed_message_set_is_split_until_the_guilty_task_is_alone() {
    let names = ["A", "B", "C", "GUILTY", "E", "F", "G"];
    let (world, account, hand, ids) = with_vendors(&names).await;
    let ticket = hand.session(&account).await;
    let mut first = hcp(account.file_id);
    let mut rounds = 0;
    loop {
        rounds += 1;
        assert!(rounds < 20, "it ends");
        let request = hand.send(&ticket, &first).await;
        first.clear();
        let progress = if request.contains("GUILTY") {
            hand.throw(&ticket, "0x80040400").await
        } else if request.contains("<VendorAddRq ") {
            hand.receive(&ticket, &vendors_added(&request)).await
        } else {
            hand.receive(&ticket, &hcp_of("", "", "")).await
        };
        assert!(progress >= 0, "one bad record does not end the session");
        if progress == 100 {
            break;
        }
    }
    for (name, id) in names.iter().zip(&ids) {
        let (status, code, messages) = world.task(*id).await;
        if *name == "GUILTY" {
            assert_eq!((status.as_str(), code.as_deref()), ("failed", Some("malformed")));
            assert!(messages.contains("0x80040400"), "{messages}");
        } else {
            assert_eq!(status, "done", "{name}");
        }
    }
    let kept: i64 = sqlx::query_scalar(
        "select count(*) from exchanges where request_xml like '%GUILTY%' and hresult = '0x80040400'",
    )
    .fetch_one(world.db())
    .await
    .unwrap();
    assert!(kept > 0, "its XML is kept");
    world.end().await;
}

#[tokio::test]
async fn quickbooks_throws_on_a_write_and_the_outcome_is_learnt_in_the_next_session() {
    let (world, account, hand, ids) = with_vendors(&["A"]).await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    assert_eq!(hand.throw(&ticket, "0x80040402").await, -1);
    assert!(hand.last_error(&ticket).await.contains("0x80040402"));
    hand.close(&ticket).await;
    assert_eq!(
        world.task(ids[0]).await.0,
        "asked",
        "nobody knows whether it was executed"
    );
    let ticket = hand.session(&account).await;
    assert_eq!(hand.send(&ticket, &hcp(account.file_id)).await, request);
    assert_eq!(hand.receive(&ticket, &vendors_added(&request)).await, 100);
    assert_eq!(world.task(ids[0]).await.0, "done");
    world.end().await;
}

#[tokio::test]
async fn when_quickbooks_cannot_say_it_is_looked_up_and_never_sent_blindly() {
    for status in ["9001", "9002", "9005", "600"] {
        let (world, account, hand, ids) = with_vendors(&["A"]).await;
        let ticket = hand.session(&account).await;
        hand.send(&ticket, &hcp(account.file_id)).await;
        let unknown =
            format!(r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs messageSetStatusCode="{status}"/></QBXML>"#);
        let progress = hand.receive(&ticket, &unknown).await;
        assert!((0..100).contains(&progress), "{status}: {progress}");
        let next = hand.send(&ticket, "").await;
        assert!(
            next.contains("<VendorQueryRq ") && !next.contains("VendorAddRq"),
            "{status}: {next}"
        );
        // It is there, and it is ours.
        let guid = braced(Uuid::from_u128(1));
        let found = next
            .split("requestID=\"")
            .skip(1)
            .zip(next.split('<').filter_map(|part| part.split_once("QueryRq ").map(|(list, _)| list.to_owned())))
            .map(|(rest, list)| {
                let id = rest.split('"').next().unwrap();
                if list == "Vendor" {
                    format!(r#"<VendorQueryRs requestID="{id}" statusCode="0" statusSeverity="Info" statusMessage="Status OK"><VendorRet><ListID>80000009-1770000000</ListID><TimeCreated>2026-03-02T08:00:00-08:00</TimeCreated><TimeModified>2026-03-02T08:00:00-08:00</TimeModified><EditSequence>1770000000</EditSequence><Name>A</Name><IsActive>true</IsActive><ExternalGUID>{guid}</ExternalGUID></VendorRet></VendorQueryRs>"#)
                } else {
                    format!(r#"<{list}QueryRs requestID="{id}" statusCode="500" statusSeverity="Warn" statusMessage="not found"/>"#)
                }
            })
            .collect::<String>();
        let found = format!(r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs>{found}</QBXMLMsgsRs></QBXML>"#);
        assert_eq!(hand.receive(&ticket, &found).await, 100, "{status}");
        assert_eq!(world.task(ids[0]).await.0, "done", "{status}");
        world.end().await;
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_kept_and_the_write_is_in_doubt() {
    let (world, account, hand, ids) = with_vendors(&["A"]).await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    let whole = vendors_added(&request);
    assert_eq!(hand.receive(&ticket, &whole[..whole.len() / 2]).await, -1);
    assert!(hand.last_error(&ticket).await.contains("could not be read"));
    assert_eq!(world.task(ids[0]).await.0, "asked");
    let kept: String = sqlx::query_scalar("select response_xml from exchanges where state = 'in_doubt'")
        .fetch_one(world.db())
        .await
        .unwrap();
    assert_eq!(kept, whole[..whole.len() / 2]);
    hand.close(&ticket).await;
    let ticket = hand.session(&account).await;
    assert_eq!(hand.send(&ticket, &hcp(account.file_id)).await, request);
    assert_eq!(hand.receive(&ticket, &whole).await, 100);
    world.end().await;
}

#[tokio::test]
async fn comp_12_a_locked_record_waits_says_why_and_goes_by_itself() {
    let (world, account, hand, ids) = with_vendors(&["A"]).await;
    for _ in 0..2 {
        let ticket = hand.session(&account).await;
        let request = hand.send(&ticket, &hcp(account.file_id)).await;
        let set = between(&request, "newMessageSetID=\"", "\"");
        let locked = format!(
            r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs newMessageSetID="{set}" messageSetStatusCode="0"><VendorAddRs requestID="0" statusCode="3175" statusSeverity="Error" statusMessage="There was an error when saving: the object is already in use."/></QBXMLMsgsRs></QBXML>"#
        );
        assert_eq!(
            hand.receive(&ticket, &locked).await,
            100,
            "not in this run any more"
        );
        let (status, _, why) = world.task(ids[0]).await;
        assert_eq!(status, "later");
        assert!(why.contains("in use"), "{why}");
        hand.close(&ticket).await;
    }
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    assert_eq!(hand.receive(&ticket, &vendors_added(&request)).await, 100);
    assert_eq!(world.task(ids[0]).await.0, "done");
    world.end().await;
}

#[tokio::test]
async fn tasks_that_depend_on_a_failed_one_wait_and_say_for_what() {
    let world = World::new().await;
    let account = world.connect(NOWHERE, 7).await;
    let mut needy = task("vendor:2", vendor(2, "Needy"));
    needy.needs = vec!["vendor:1".to_owned()];
    let ids = world
        .enqueue(&account, &[task("vendor:1", vendor(1, "Needed")), needy])
        .await;
    let (status, _, why) = world.task(ids[1]).await;
    assert_eq!(status, "waiting");
    assert!(why.contains("Task vendor:1"), "{why}");
    let hand = Hand::new(&world.url);
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    assert!(!request.contains("Needy"));
    let set = between(&request, "newMessageSetID=\"", "\"");
    let refused = format!(
        r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs newMessageSetID="{set}" messageSetStatusCode="0"><VendorAddRs requestID="0" statusCode="3260" statusSeverity="Error" statusMessage="Insufficient permission."/></QBXMLMsgsRs></QBXML>"#
    );
    assert_eq!(hand.receive(&ticket, &refused).await, 100);
    let (status, _, why) = world.task(ids[1]).await;
    assert_eq!(status, "waiting");
    assert!(why.contains("failed"), "{why}");
    hand.close(&ticket).await;
    // Sent again, and this time it works: what waited goes too.
    let again = world
        .enqueue(&account, &[task("vendor:1", vendor(1, "Needed"))])
        .await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    let progress = hand.receive(&ticket, &vendors_added(&request)).await;
    assert!((0..100).contains(&progress), "more is left now: {progress}");
    let request = hand.send(&ticket, "").await;
    assert!(request.contains("Needy"), "{request}");
    assert_eq!(hand.receive(&ticket, &vendors_added(&request)).await, 100);
    assert_eq!(world.task(again[0]).await.0, "done");
    assert_eq!(world.task(ids[1]).await.0, "done");
    world.end().await;
}

#[tokio::test]
async fn tasks_of_one_record_run_in_order_even_if_the_first_fails() {
    let world = World::new().await;
    let account = world.connect(NOWHERE, 7).await;
    let ids = world
        .enqueue(
            &account,
            &[
                task("vendor:1", vendor(1, &"x".repeat(500))),
                task("vendor:1", vendor(1, "Short")),
            ],
        )
        .await;
    assert_eq!(world.task(ids[1]).await.0, "waiting");
    let hand = Hand::new(&world.url);
    let ticket = hand.session(&account).await;
    // A name of 500 characters is refused before anything is sent.
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    let (status, code, messages) = world.task(ids[0]).await;
    assert_eq!(
        (status.as_str(), code.as_deref()),
        ("failed", Some("invalid_field"))
    );
    assert!(
        messages.contains("name must be less than 42 characters"),
        "{messages}"
    );
    assert!(request.contains("Short"), "{request}");
    world.end().await;
}

#[tokio::test]
async fn comp_22_paused_gets_no_work_and_resumed_keeps_the_order() {
    let (world, account, hand, _) = with_vendors(&["A", "B"]).await;
    plumbline::connections::store::set_paused(world.db(), account.id, Some(at("2026-03-02T12:00:00Z")))
        .await
        .unwrap();
    assert_eq!(hand.authenticate(&account.user, PASSWORD).await[1], "none");
    plumbline::connections::store::set_paused(world.db(), account.id, None)
        .await
        .unwrap();
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    assert!(request.find("<Name>A</Name>").unwrap() < request.find("<Name>B</Name>").unwrap());
    world.end().await;
}

#[tokio::test]
async fn what_is_no_call_is_faulted_with_a_reason_and_loses_nothing() {
    let (world, account, hand, _) = with_vendors(&["A"]).await;
    let soap = |body: &str| {
        format!(
            r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>{body}</soap:Body></soap:Envelope>"#
        )
    };
    for (body, word) in [
        ("not xml".to_owned(), "SOAP"),
        (String::new(), "SOAP"),
        (soap("<nonsense/>"), "nonsense"),
        (soap("<sendRequestXML><ticket>t"), "well-formed"),
        (
            format!("<!DOCTYPE a [<!ENTITY x \"y\">]>{}", soap("<serverVersion/>")),
            "document type",
        ),
        (
            soap("<sendRequestXML><qbXMLMajorVers>many</qbXMLMajorVers></sendRequestXML>"),
            "whole number",
        ),
        (soap(&"<a>".repeat(100_000)), "deep"),
    ] {
        let answer = hand.post(body).await;
        assert_eq!(answer.status, 500);
        assert!(
            answer.body.contains("<faultstring>") && answer.body.contains(word),
            "{word}: {}",
            answer.body
        );
    }
    // Unknown tickets are not faulted: "", -1, text, OK.
    assert_eq!(hand.send("unknown", "").await, "");
    assert_eq!(hand.receive("unknown", "<QBXML/>").await, -1);
    assert!(!hand.last_error("unknown").await.is_empty());
    assert_eq!(hand.close("unknown").await, "OK");
    assert_eq!(
        hand.call(
            "connectionError",
            &[("ticket", "unknown"), ("hresult", "0x80040408")]
        )
        .await
        .text(),
        "done"
    );
    assert_eq!(
        hand.call("interactiveDone", &[("wcTicket", "x")]).await.text(),
        "DONE"
    );
    hand.session(&account).await;
    world.end().await;
}

#[tokio::test]
async fn an_answer_beyond_the_body_limit_has_a_defined_outcome() {
    let (world, account, hand, ids) = with_vendors(&["A"]).await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    let huge = format!("{}{}", vendors_added(&request), " ".repeat(5 * 1024 * 1024));
    assert_eq!(hand.receive(&ticket, &huge).await, -1);
    assert!(hand.last_error(&ticket).await.contains("PLUMBLINE_BODY_LIMIT"));
    hand.close(&ticket).await;
    assert_eq!(world.task(ids[0]).await.0, "asked");
    let ticket = hand.session(&account).await;
    assert_eq!(
        hand.send(&ticket, &hcp(account.file_id)).await,
        request,
        "a write is in doubt, never lost"
    );
    world.end().await;
}

#[tokio::test]
async fn quickbooks_that_cannot_be_opened_is_told_in_words() {
    let (world, account, hand, _) = with_vendors(&["A"]).await;
    let ticket = hand.session(&account).await;
    let answer = hand
        .call(
            "connectionError",
            &[
                ("ticket", &ticket),
                ("hresult", "0x80040414"),
                ("message", "modal"),
            ],
        )
        .await;
    assert_eq!(answer.text(), "done");
    assert!(hand.close(&ticket).await.contains("dialog"));
    // Another file is open: once, whatever file is open; the guard decides.
    let ticket = hand.session(&account).await;
    let parameters = [
        ("ticket", ticket.as_str()),
        ("hresult", "0x8004040A"),
        ("message", "another file"),
    ];
    assert_eq!(hand.call("connectionError", &parameters).await.text(), "");
    assert_eq!(hand.call("connectionError", &parameters).await.text(), "done");
    world.end().await;
}

#[tokio::test]
async fn the_address_answers_get_and_head_without_a_password() {
    let world = World::new().await;
    let http = reqwest::Client::new();
    for path in [
        "/qbwc",
        "/qbwc/support",
        "/qbwc?wsdl",
        "/health/live",
        "/health/ready",
        "/metrics",
    ] {
        let response = http.get(format!("{}{path}", world.url)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let response = http.head(format!("{}{path}", world.url)).send().await.unwrap();
        assert_eq!(response.status(), 200, "HEAD {path}");
    }
    let wsdl = http
        .get(format!("{}/qbwc?wsdl", world.url))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(wsdl.contains("receiveResponseXMLResult"));
    assert_eq!(
        http.get(format!("{}/nothing", world.url))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    world.end().await;
}
