//! What keeps a task from being lost, written twice or stuck: each test is a fault that was found by reading the code.

#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use plumbline::{
    connections::{braced, store},
    links::{ItemType, NewLink, ProcoreItem},
    tasks::{
        exports::vendor::VendorExport,
        imports::vendors::VendorsImport,
        queue,
        traces::{self, Traces},
    },
};
use support::world::{
    Account, Hand, World, between, eventually, hcp, hcp_of, is_probe, probed, task, vendors_added,
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

async fn world() -> (World, Account, Hand) {
    let world = World::new().await;
    let account = world.connect(NOWHERE, 7).await;
    let hand = Hand::new(&world.url);
    (world, account, hand)
}

#[tokio::test]
async fn a_moved_company_file_stops_and_goes_on_after_rebind() {
    let (world, account, hand) = world().await;
    world.enqueue(&account, &[task("vendor:1", vendor(1, "A"))]).await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    assert_eq!(hand.receive(&ticket, &vendors_added(&request)).await, 100);
    hand.close(&ticket).await;
    // The same FileID, but the company was renamed.
    world.enqueue(&account, &[task("vendor:2", vendor(2, "B"))]).await;
    let renamed = hcp_of(&braced(account.file_id), "Renamed Builders", "US");
    let ticket = hand.session(&account).await;
    assert_eq!(hand.send(&ticket, &renamed).await, "");
    assert!(hand.last_error(&ticket).await.contains("rebind"));
    hand.close(&ticket).await;
    store::forget_company_file(world.db(), account.id).await.unwrap();
    let ticket = hand.session(&account).await;
    assert!(hand.send_work(&ticket, &renamed).await.contains("<VendorAddRq "));
    world.end().await;
}

#[tokio::test]
async fn love_10_our_newest_records_are_asked_for_once_and_by_the_rules_of_every_exchange() {
    let (world, account, hand) = world().await;
    let ids = world
        .enqueue(
            &account,
            &[task("vendor:1", vendor(1, "A")), task("vendor:2", vendor(2, "B"))],
        )
        .await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    assert!(!is_probe(&request), "there is nothing to look for yet: {request}");
    assert_eq!(hand.receive(&ticket, &vendors_added(&request)).await, 100);
    hand.close(&ticket).await;
    let linked: Vec<String> =
        sqlx::query_scalar("select quickbooks_id from links where connection_id = $1 order by item_id")
            .bind(account.id)
            .fetch_all(world.db())
            .await
            .unwrap();

    // An update of QuickBooks within the year stops nothing.
    let updated = hcp(account.file_id).replace("<MinorVersion>0<", "<MinorVersion>12<");
    let third = world.enqueue(&account, &[task("vendor:3", vendor(3, "C"))]).await[0];
    let ticket = hand.session(&account).await;
    let probe = hand.send(&ticket, &updated).await;
    assert!(is_probe(&probe) && !probe.contains("VendorAdd"), "{probe}");
    assert_eq!(
        hand.send(&ticket, &updated).await,
        probe,
        "asked again: the same bytes"
    );
    assert_eq!(world.task(third).await.0, "ready", "the write waits");
    // The answer is lost with its session; the next one asks anew, and the late answer counts for nothing.
    world.clock.advance(chrono::TimeDelta::seconds(61));
    let next = hand.session(&account).await;
    let again = hand.send(&next, &updated).await;
    assert!(is_probe(&again) && again != probe);
    assert_eq!(
        hand.receive(&next, &probed(&probe, &[&linked[0]])).await,
        0,
        "of another exchange"
    );
    assert_eq!(hand.receive(&next, "no xml").await, -1);
    hand.close(&next).await;
    let ticket = hand.session(&account).await;
    hand.send(&ticket, &updated).await;
    assert_eq!(hand.throw(&ticket, "0x80040402").await, -1);
    hand.close(&ticket).await;

    // One is gone: was it deleted? The number is the same however often the answer comes.
    let ticket = hand.session(&account).await;
    let probe = hand.send(&ticket, &updated).await;
    let gone = probed(&probe, &[&linked[0]]);
    let progress = hand.receive(&ticket, &gone).await;
    assert!((0..100).contains(&progress), "{progress}");
    assert_eq!(hand.receive(&ticket, &gone).await, progress);
    let question = hand.send(&ticket, "").await;
    assert!(question.contains("<ListDeletedQueryRq "), "{question}");
    assert_eq!(hand.send(&ticket, "").await, question);
    let number = between(&question, "requestID=\"", "\"");
    let deleted = format!(
        r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs><ListDeletedQueryRs requestID="{number}" statusCode="0" statusSeverity="Info" statusMessage="Status OK"><ListDeletedRet><ListDelType>Vendor</ListDelType><ListID>{}</ListID></ListDeletedRet></ListDeletedQueryRs></QBXMLMsgsRs></QBXML>"#,
        linked[0]
    );
    let progress = hand.receive(&ticket, &deleted).await;
    assert!((0..100).contains(&progress), "{progress}");
    assert_eq!(hand.receive(&ticket, &deleted).await, progress);
    let work = hand.send(&ticket, "").await;
    assert!(work.contains("<VendorAddRq "), "{work}");
    assert_eq!(hand.receive(&ticket, &vendors_added(&work)).await, 100);
    for id in ids.into_iter().chain([third]) {
        assert_eq!(world.task(id).await.0, "done");
    }
    hand.close(&ticket).await;

    // Gone and not deleted: an older backup. Nothing is handed out, and the person there reads why.
    let fourth = world.enqueue(&account, &[task("vendor:4", vendor(4, "D"))]).await[0];
    let ticket = hand.session(&account).await;
    let probe = hand.send(&ticket, &updated).await;
    assert!(
        !probe.contains(&linked[0]),
        "that it was deleted is known: {probe}"
    );
    hand.receive(&ticket, &probed(&probe, &[&linked[1]])).await;
    let question = hand.send(&ticket, "").await;
    assert_eq!(hand.receive(&ticket, &nobody(&question)).await, -1);
    let words = hand.last_error(&ticket).await;
    assert!(
        words.contains("older backup") && words.contains("plumbline connection rebind \"Test 7\""),
        "{words}"
    );
    assert_eq!(hand.send(&ticket, "").await, "");
    assert!(hand.close(&ticket).await.contains("older backup"));
    assert_eq!(world.task(fourth).await.0, "ready");
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_comes_again_after_the_next_exchange_is_not_taken_for_its_answer() {
    let (world, account, hand) = world().await;
    sqlx::query("update connections set settings = settings || '{\"batch_size\": 1}' where id = $1")
        .bind(account.id)
        .execute(world.db())
        .await
        .unwrap();
    let ids = world
        .enqueue(
            &account,
            &[
                task("vendor:1", vendor(1, "First")),
                task("vendor:2", vendor(2, "Second")),
            ],
        )
        .await;
    let ticket = hand.session(&account).await;
    let first = hand.send(&ticket, &hcp(account.file_id)).await;
    let answer = vendors_added(&first);
    let progress = hand.receive(&ticket, &answer).await;
    let second = hand.send(&ticket, "").await;
    assert!(second.contains("Second"));
    assert_eq!(
        hand.receive(&ticket, &answer).await,
        progress,
        "the same number again"
    );
    assert_eq!(world.task(ids[1]).await.0, "asked", "and nothing came of it");
    assert_eq!(hand.receive(&ticket, &vendors_added(&second)).await, 100);
    let linked: Vec<String> =
        sqlx::query_scalar("select distinct quickbooks_id from links where connection_id = $1")
            .bind(account.id)
            .fetch_all(world.db())
            .await
            .unwrap();
    assert_eq!(linked.len(), 2, "each has its own vendor");
    world.end().await;
}

#[tokio::test]
async fn a_call_that_waited_for_another_sees_what_that_one_stored() {
    let (world, account, hand) = world().await;
    let ids = world.enqueue(&account, &[task("vendor:1", vendor(1, "A"))]).await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    let mut first = world.db().begin().await.unwrap();
    sqlx::query("update update_sessions set last_call_at = now() where connection_id = $1")
        .bind(account.id)
        .execute(&mut *first)
        .await
        .unwrap();
    let second = tokio::spawn({
        let (hand, ticket) = (Hand::new(&world.url), ticket.clone());
        let answer = vendors_added(&request);
        async move { hand.receive(&ticket, &answer).await }
    });
    somebody_waits(&world).await;
    sqlx::query("update exchanges set state = 'answered', returned = 77, answered_at = now() where connection_id = $1")
        .bind(account.id)
        .execute(&mut *first)
        .await
        .unwrap();
    first.commit().await.unwrap();
    assert_eq!(second.await.unwrap(), 77, "the first call's number");
    assert_eq!(world.task(ids[0]).await.0, "asked", "nothing is done twice");
    world.end().await;
}

#[tokio::test]
async fn two_orders_for_one_record_planned_at_once_wait_for_each_other() {
    let (world, account, _) = world().await;
    let mut first = world.db().begin().await.unwrap();
    let now = world.clock.now();
    let ids = queue::enqueue(&mut first, account.id, now, &[task("vendor:1", vendor(1, "A"))])
        .await
        .unwrap();
    let second = tokio::spawn({
        let (db, id) = (world.db().clone(), account.id);
        async move {
            let mut second = db.begin().await.unwrap();
            let tasks = [task("vendor:1", vendor(1, "A"))];
            let ids = queue::enqueue(&mut second, id, now, &tasks).await.unwrap();
            second.commit().await.unwrap();
            ids[0]
        }
    });
    somebody_waits(&world).await;
    first.commit().await.unwrap();
    let second = second.await.unwrap();
    assert_eq!(world.task(ids[0]).await.0, "ready");
    assert_eq!(
        world.task(second).await.0,
        "waiting",
        "else the record is written twice"
    );
    world.end().await;
}

/// Waits until a statement of the service waits for a lock.
async fn somebody_waits(world: &World) {
    eventually("a call waits", async || {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        )
        .fetch_one(world.db())
        .await
        .unwrap();
        (waiting > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_sessions_with_the_same_exchange_neither_answer_it_twice_nor_hand_it_out_once_it_is_answered() {
    let (world, account, hand) = world().await;
    let ids = world.enqueue(&account, &[task("vendor:1", vendor(1, "A"))]).await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    let close = "update exchanges set state = 'answered', returned = 55, answered_at = now() where connection_id = $1";
    for answering in [true, false] {
        let mut other = world.db().begin().await.unwrap();
        sqlx::query(close)
            .bind(account.id)
            .execute(&mut *other)
            .await
            .unwrap();
        let call = tokio::spawn({
            let (hand, ticket) = (Hand::new(&world.url), ticket.clone());
            let answer = vendors_added(&request);
            async move {
                if answering {
                    hand.receive(&ticket, &answer).await.to_string()
                } else {
                    hand.send(&ticket, "").await
                }
            }
        });
        somebody_waits(&world).await;
        other.commit().await.unwrap();
        let came = call.await.unwrap();
        assert_eq!(world.task(ids[0]).await.0, "asked", "the other call's task");
        if answering {
            assert_eq!(came, "55", "the number of the call that was first");
            sqlx::query("update exchanges set state = 'handed_out' where connection_id = $1")
                .bind(account.id)
                .execute(world.db())
                .await
                .unwrap();
        } else {
            assert!(
                came.contains("<HostQueryRq "),
                "something harmless instead: {came}"
            );
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_question_that_only_gets_answers_to_another_waits_for_the_next_session() {
    let (world, account, hand) = world().await;
    let ids = world
        .enqueue(&account, &[task("vendors", VendorsImport::new())])
        .await;
    let ticket = hand.session(&account).await;
    let mut request = hand.send(&ticket, &hcp(account.file_id)).await;
    let stray = r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs><VendorQueryRs requestID="00000000.0" statusCode="1" statusSeverity="Info" statusMessage="none" /></QBXMLMsgsRs></QBXML>"#;
    let mut asked = 0;
    while request.contains("QueryRq requestID") && !request.contains("HostQueryRq") {
        asked += 1;
        assert!(asked < 20, "the same question for ever");
        hand.receive(&ticket, stray).await;
        request = hand.send(&ticket, "").await;
    }
    let (status, _, said) = world.task(ids[0]).await;
    assert_eq!(status, "later", "{asked} times; then {request}");
    assert!(said.contains("answered something else"), "{said}");
    hand.close(&ticket).await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    assert_eq!(world.task(ids[0]).await.0, "asked", "{request}");
    world.end().await;
}

#[tokio::test]
async fn a_write_on_which_quickbooks_always_throws_is_looked_up_and_then_sent_in_smaller_sets() {
    let (world, account, hand) = world().await;
    let tasks: Vec<_> = (1..=4)
        .map(|id| task(&format!("vendor:{id}"), vendor(id, &format!("V{id}"))))
        .collect();
    let ids = world.enqueue(&account, &tasks).await;
    let mut smaller = false;
    for _ in 0..60 {
        let ticket = hand.session(&account).await;
        let mut first = hcp(account.file_id);
        loop {
            let request = hand.send(&ticket, &first).await;
            first.clear();
            let writes = request.matches("<VendorAddRq ").count();
            smaller |= writes == 1;
            let progress = if is_probe(&request) {
                hand.receive(&ticket, &probed(&request, &[])).await
            } else if request.contains(">V3<") && writes > 0 {
                // One record makes QuickBooks crash, whatever stands beside it.
                hand.throw(&ticket, "0x80040402").await
            } else if writes > 0 {
                hand.receive(&ticket, &vendors_added(&request)).await
            } else if request.contains("<VendorQueryRq ") {
                hand.receive(&ticket, &nobody(&request)).await
            } else {
                hand.receive(&ticket, &hcp_of("", "", "")).await
            };
            if !(0..100).contains(&progress) {
                break;
            }
        }
        hand.close(&ticket).await;
        let mut done = 0;
        for id in &ids {
            done += usize::from(world.task(*id).await.0 == "done");
        }
        if done == 3 {
            break;
        }
    }
    assert!(smaller, "the guilty one ends up alone");
    for (n, id) in ids.iter().enumerate() {
        let status = world.task(*id).await.0;
        assert_eq!(status == "done", n != 2, "V{}: {status}", n + 1);
    }
    world.end().await;
}

/// QuickBooks knows nobody of these names.
fn nobody(request: &str) -> String {
    let mut out = String::from(r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs>"#);
    for part in request
        .split('<')
        .filter(|part| part.contains("QueryRq requestID"))
    {
        let list = part.split("QueryRq").next().unwrap();
        let id = between(part, "requestID=\"", "\"");
        out.push('<');
        out.push_str(list);
        out.push_str("QueryRs requestID=\"");
        out.push_str(id);
        out.push_str("\" statusCode=\"500\" statusSeverity=\"Warn\" statusMessage=\"not found\"/>");
    }
    out.push_str("</QBXMLMsgsRs></QBXML>");
    out
}

#[tokio::test]
async fn what_waited_for_a_failed_export_goes_when_the_record_is_linked_by_hand() {
    let (world, account, _) = world().await;
    let mut needy = task("commitment:9", vendor(2, "Needy"));
    needy.needs = vec!["vendor:1".to_owned()];
    let ids = world
        .enqueue(&account, &[task("vendor:1", vendor(1, "Needed")), needy.clone()])
        .await;
    sqlx::query("update tasks set status = 'failed' where id = $1")
        .bind(ids[0])
        .execute(world.db())
        .await
        .unwrap();
    let link = NewLink {
        item: ProcoreItem::new(ItemType::Vendor, 1),
        origin_id: "80000001-1".to_owned(),
        origin_code: None,
        quickbooks_id: "80000001-1".to_owned(),
        edit_sequence: None,
        tell_procore: false,
        stands_as: None,
    };
    let mut db = world.db().acquire().await.unwrap();
    traces::store(
        &mut db,
        account.id,
        world.clock.now(),
        &Traces {
            links: vec![link],
            ..Traces::default()
        },
    )
    .await
    .unwrap();
    queue::free_linked(&mut db, account.id).await.unwrap();
    drop(db);
    assert_eq!(world.task(ids[1]).await.0, "ready");
    // And a new one does not wait for the failed export either.
    needy.subject = "commitment:10".to_owned();
    let ids = world.enqueue(&account, &[needy]).await;
    assert_eq!(world.task(ids[0]).await.0, "ready");
    world.end().await;
}

#[tokio::test]
async fn an_edge_and_the_end_it_waits_for_cannot_miss_each_other() {
    let (world, account, hand) = world().await;
    let ids = world
        .enqueue(&account, &[task("vendor:1", vendor(1, "Needed"))])
        .await;
    let ticket = hand.session(&account).await;
    let request = hand.send(&ticket, &hcp(account.file_id)).await;
    // An order is being planned while the answer comes.
    let mut planning = world.db().begin().await.unwrap();
    let mut needy = task("commitment:9", vendor(2, "Needy"));
    needy.needs = vec!["vendor:1".to_owned()];
    let waiting = queue::enqueue(&mut planning, account.id, world.clock.now(), &[needy])
        .await
        .unwrap();
    let answer = vendors_added(&request);
    let (progress, ()) = tokio::join!(hand.receive(&ticket, &answer), async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        planning.commit().await.unwrap();
    });
    assert!((0..=100).contains(&progress));
    assert_eq!(world.task(ids[0]).await.0, "done");
    assert_eq!(
        world.task(waiting[0]).await.0,
        "ready",
        "it must not wait for what has ended"
    );
    world.end().await;
}
