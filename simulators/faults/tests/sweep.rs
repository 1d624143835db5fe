//! A few runs of the sweep, so that every test run has seen it at work. The whole of it is run by hand.

#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

use std::{path::Path, process::Command};

/// Plays a part of the sweep; what it printed.
fn sweep(name: &str, arguments: &[&str]) -> (bool, String) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let played = Command::new(env!("CARGO_BIN_EXE_fault-sweep"))
        .arg("faults")
        .args(arguments)
        .args(["--jobs", "2", "--directory"])
        .arg(directory)
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&played.stdout).into_owned() + &String::from_utf8_lossy(&played.stderr);
    (played.status.success(), said)
}

/// LOVE-01: the Web Connector dies around the very moment in which the purchase orders are written.
#[test]
fn love_01_a_web_connector_killed_while_it_writes_leaves_one_record() {
    let (kept, said) = sweep(
        "connector",
        &[
            "--journey",
            "commitment",
            "--only",
            "PurchaseOrderAddRq#1",
            "--only",
            "connector-killed",
        ],
    );
    assert!(kept, "{said}");
    assert!(said.contains("2 runs"), "{said}");
}

/// LOVE-01: the service dies around the commit in which a bill's answer is stored.
#[test]
fn love_01_a_service_killed_around_a_commit_leaves_one_record() {
    let (kept, said) = sweep(
        "service",
        &[
            "--journey",
            "invoice",
            "--only",
            "commit:~tasks +links",
            "--only",
            "killed",
        ],
    );
    assert!(kept, "{said}");
    assert!(!said.contains("0 runs"), "{said}");
}

#[test]
fn a_step_that_is_none_is_refused_with_words() {
    let (kept, said) = sweep("words", &["--journey", "invoice", "--strike", "nowhere=nothing"]);
    assert!(!kept);
    assert!(said.contains("is not a step"), "{said}");
}
