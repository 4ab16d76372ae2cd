//! The server as attackers find it: over TLS, with every kind of credential configured, Node and RBAC as authorizers.
//!
//! Each attempt stands in a table: its name, what is sent, and what answers it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what a test needs and cannot get ends it; the table of attempts is printed"
)]

mod certificates;
mod connections;
mod grants;
mod harness;
mod nodes;
mod paths;
mod tokens;

use harness::{Answer, Server};

/// Holds an answer against what is expected of it: the status, and a part of the body.
fn expect(attempt: &str, answer: &Answer, status: u16, part: &str) {
    assert_eq!(answer.status, status, "{attempt}: {answer:?}");
    assert!(answer.body.contains(part), "{attempt}: {answer:?}");
    println!("{attempt} → {status} {part}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts() {
    let server = Server::start().await;
    tokens::attempt(&server).await;
    certificates::attempt(&server).await;
    grants::attempt(&server).await;
    nodes::attempt(&server).await;
    paths::attempt(&server).await;
    connections::attempt(&server).await;
    secrets_stay_secret(server).await;
}

/// No token in the audit log, which holds whole bodies here; no key for others to read.
async fn secrets_stay_secret(server: Server) {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |name: &str| std::fs::metadata(server.file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("certs/apiserver.key"), 0o600);
    assert_eq!(mode("audit.log"), 0o600);
    let directory = server.close().await;
    let log = std::fs::read_to_string(directory.path().join("audit.log")).unwrap();
    for token in ["admintoken", "alicetoken", "node1token"] {
        assert!(!log.contains(token), "{token} is in the audit log");
    }
    for part in [
        r#""authorization.k8s.io/decision":"forbid""#,
        r#""message":"Authentication failed, attempted: bearer""#,
        r#""message":"Authentication failed, attempted: x509""#,
        r#""impersonatedUser":{"username":"bob","groups":["system:authenticated"]}"#,
        r#""requestObject":{"#,
        r#""responseObject":{"#,
    ] {
        assert!(log.contains(part), "{part} is missing");
    }
    println!("a token looked for in the audit log at RequestResponse → not there");
}
