//! Connections that carry more than one request, and requests that pretend to be the end of one.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::harness::Server;

/// Sends bytes as they are on one connection, and reads until it is closed or quiet.
async fn exchange(server: &Server, bytes: &str) -> String {
    let mut stream = server.connect(None).await;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        match tokio::time::timeout(Duration::from_millis(700), stream.read(&mut buffer)).await {
            Ok(Ok(read)) if read > 0 => seen.extend_from_slice(&buffer[..read]),
            _ => return String::from_utf8_lossy(&seen).into_owned(),
        }
    }
}

fn statuses(text: &str) -> Vec<&str> {
    text.match_indices("HTTP/1.1 ")
        .map(|(at, _)| &text[at + 9..at + 12])
        .collect()
}

pub(crate) async fn attempt(server: &Server) {
    let admin = "GET /api/v1/secrets HTTP/1.1\r\nHost: l\r\nAuthorization: Bearer admintoken\r\n";
    let nobody = "GET /api/v1/secrets HTTP/1.1\r\nHost: l\r\n";

    // A connection has no memory of who was let in on it.
    let seen = exchange(server, &format!("{admin}\r\n{nobody}\r\n")).await;
    assert_eq!(statuses(&seen), ["200", "403"], "{seen}");
    println!("a second request on an administrator's connection → 403");

    // An upgrade that is refused leaves an ordinary connection, and what follows is judged by itself.
    let upgrade = "POST /api/v1/namespaces/default/pods/p/exec?command=id HTTP/1.1\r\nHost: l\r\nConnection: Upgrade\r\n\
                   Upgrade: SPDY/3.1\r\nContent-Length: 0\r\n";
    let seen = exchange(server, &format!("{upgrade}\r\n{nobody}\r\n")).await;
    assert_eq!(statuses(&seen), ["403", "403"], "{seen}");
    println!("a refused upgrade and a second request on its connection → 403, 403");
    let websocket = "GET /api/v1/namespaces/default/pods/p/attach HTTP/1.1\r\nHost: l\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer alicetoken\r\n";
    let seen = exchange(server, &format!("{websocket}\r\n{nobody}\r\n")).await;
    assert_eq!(statuses(&seen), ["403", "403"], "{seen}");
    assert!(seen.contains(r#"User \"system:anonymous\" cannot list"#), "{seen}");
    println!("a refused WebSocket with a token, and a request without one behind it → 403, 403 (anonymous)");

    // A request hidden in a body stays a body.
    let hidden = format!("{admin}\r\n");
    let smuggler = format!(
        "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: l\r\nContent-Length: {}\r\n\r\n{hidden}",
        hidden.len()
    );
    let seen = exchange(server, &smuggler).await;
    assert_eq!(statuses(&seen), ["403"], "{seen}");
    println!("a request hidden in a refused one's body → one answer, 403");

    // Two lengths are none.
    let both = format!("{nobody}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}");
    let seen = exchange(server, &both).await;
    assert!(!seen.contains("SecretList"), "{seen}");
    let doubled = format!("{nobody}Content-Length: 4\r\nContent-Length: 40\r\n\r\n{hidden}");
    let seen = exchange(server, &doubled).await;
    assert_eq!(statuses(&seen), ["400"], "{seen}");
    println!("two lengths → 400, or the chunked one counts and nothing is answered that was hidden");
}
