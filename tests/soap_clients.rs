//! SOAP clients that nobody here wrote load the shipped WSDL and run a whole update session.
//!
//! They need Python's zeep and node's soap: `.ci/run` installs both. Elsewhere these tests say loudly that they were
//! skipped.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::process::Stdio;

use plumbline::{clock::Clock, config::Serving};
use plumbline::{connections::braced, tasks::exports::vendor::VendorExport};
use support::world::{PASSWORD, World, at, hcp, serving, task};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
};
use uuid::Uuid;

/// The client is started, its `request:` line is answered on its standard input, and its output is returned.
async fn drive(mut command: Command) -> Vec<String> {
    // The WSDL names the public address: here, the one the service really listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let serving = Serving {
        listen: format!("127.0.0.1:{port}").parse().unwrap(),
        public_url: format!("http://localhost:{port}").parse().unwrap(),
        ..serving()
    };
    let world = World::with(serving, Clock::manual(at("2026-03-02T12:00:00Z"))).await;
    let account = world.connect("http://127.0.0.1:9", 7).await;
    let export = VendorExport {
        procore_id: 1,
        name: "Zoë's <Glass> & Co".to_owned(),
        external_guid: braced(Uuid::from_u128(1)),
        ..VendorExport::default()
    };
    let ids = world.enqueue(&account, &[task("vendor:1", export)]).await;
    let directory = tempfile::tempdir().unwrap();
    let hcp_file = directory.path().join("hcp.xml");
    std::fs::write(&hcp_file, hcp(account.file_id)).unwrap();
    let mut child = command
        .arg(format!("{}/qbwc?wsdl", world.url))
        .arg(&account.user)
        .arg(PASSWORD)
        .arg(&hcp_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = Vec::new();
    while let Some(line) = output.next_line().await.unwrap() {
        if let Some(request) = line.strip_prefix("request: ") {
            let mut input = child.stdin.take().unwrap();
            input
                .write_all(support::world::vendors_added(request).as_bytes())
                .await
                .unwrap();
            drop(input);
        }
        lines.push(line);
    }
    assert!(child.wait().await.unwrap().success(), "{lines:?}");
    assert_eq!(world.task(ids[0]).await.0, "done");
    world.end().await;
    lines
}

fn check(lines: &[String]) {
    let all = lines.join("\n");
    assert!(all.contains("serverVersion: Plumbline"), "{all}");
    assert!(all.contains("<VendorAddRq ") && all.contains("Zo&#235;"), "{all}");
    assert!(all.contains("progress: 100"), "{all}");
    assert!(all.contains("closed: OK: 1 task finished"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_zeep_runs_a_session_from_the_shipped_wsdl() {
    let Ok(python) = std::env::var("PLUMBLINE_TEST_PYTHON") else {
        eprintln!("SKIPPED: PLUMBLINE_TEST_PYTHON names no Python with zeep; .ci/run installs one");
        return;
    };
    let mut command = Command::new(python);
    command.arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/clients/zeep_session.py"
    ));
    check(&drive(command).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_soap_runs_a_session_from_the_shipped_wsdl() {
    let Ok(modules) = std::env::var("PLUMBLINE_TEST_NODE_MODULES") else {
        eprintln!(
            "SKIPPED: PLUMBLINE_TEST_NODE_MODULES names no node_modules with soap; .ci/run installs one"
        );
        return;
    };
    let mut command = Command::new("node");
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/clients/node_session.js"
        ))
        .env("NODE_PATH", modules);
    check(&drive(command).await);
}
