//! The embedded store under `kill -9`: a process writes under load, is killed at a random moment, fifty times on the same
//! directory; afterwards every acknowledged write is there, and opening took milliseconds.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use apiserver_storage::Storage;
use apiserver_storage::embedded::{Embedded, EmbeddedOptions};

const ROUNDS: usize = 50;
/// Bytes between checkpoints: always one under way, some, and none but those of compaction.
const CHECKPOINTS: [usize; 4] = [1, 64 << 10, 256 << 10, 4 << 20];
/// Opening replays what lies between two checkpoints; the rest is the machine's noise.
const OPEN_LIMIT: Duration = Duration::from_millis(500);

/// An acknowledged write.
struct Acknowledged {
    key: String,
    number: u64,
    revision: u64,
}

/// Lets the writers run until `kill_after` acknowledgements, kills them, and returns all acknowledgements that were said.
fn run_and_kill(directory: &Path, writers: usize, checkpoint: usize, kill_after: usize) -> Vec<Acknowledged> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_storage-load"))
        .arg(directory)
        .args([writers, checkpoint].map(|number| number.to_string()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the writer starts");
    let mut acknowledged = Vec::new();
    let output = BufReader::new(child.stdout.take().expect("its output is piped"));
    for line in output.split(b'\n') {
        let line = String::from_utf8(line.expect("its output can be read")).expect("it is text");
        let parts: Vec<&str> = line.split(' ').collect();
        // The last line may be cut off by the kill.
        let [key, number, revision] = parts[..] else { break };
        let (Ok(number), Ok(revision)) = (number.parse(), revision.parse()) else {
            break;
        };
        acknowledged.push(Acknowledged {
            key: key.to_owned(),
            number,
            revision,
        });
        if acknowledged.len() == kill_after {
            child.kill().expect("it can be killed");
        }
    }
    child.wait().expect("it has ended");
    assert!(
        acknowledged.len() >= kill_after,
        "the writer ended by itself after {} writes",
        acknowledged.len()
    );
    acknowledged
}

fn number(value: &[u8]) -> u64 {
    assert_eq!(value.len(), 4096, "a whole value");
    let text = String::from_utf8_lossy(value);
    text.split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .expect("the value begins with its number")
}

#[tokio::test]
async fn acknowledged_writes_survive_fifty_kills() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("data");
    let mut latest: HashMap<String, (u64, u64)> = HashMap::new();
    let mut slowest = Duration::ZERO;
    let mut total = 0;
    for round in 0..ROUNDS {
        let writers = [1, 4, 16][round % 3];
        // A fixed walk over moments to kill at, from right after the first commit on.
        let checkpoint = CHECKPOINTS[round % CHECKPOINTS.len()];
        let acknowledged = run_and_kill(&path, writers, checkpoint, 1 + (round * 37) % 150);
        total += acknowledged.len();

        let start = Instant::now();
        let store = Embedded::open(&path, EmbeddedOptions::default()).expect("the store opens after a kill");
        slowest = slowest.max(start.elapsed());
        let compacted = store.compact_revision();
        for Acknowledged {
            key,
            number: written,
            revision,
        } in &acknowledged
        {
            let entry = latest.entry(key.clone()).or_default();
            *entry = (*entry).max((*revision, *written));
            if *revision >= compacted {
                let then = store
                    .get(key.as_bytes(), Some(*revision))
                    .await
                    .expect("its revision is readable");
                let item = then.item.expect("an acknowledged write is there");
                assert_eq!(
                    (number(&item.value), item.mod_revision),
                    (*written, *revision),
                    "round {round}, {key}"
                );
            }
        }
        for (key, (revision, written)) in &latest {
            let now = store
                .get(key.as_bytes(), None)
                .await
                .expect("a get")
                .item
                .expect("no key was deleted");
            assert!(now.mod_revision >= *revision, "round {round}, {key}");
            // A write that was under way when the process was killed may have happened.
            assert!(
                now.mod_revision > *revision || number(&now.value) == *written,
                "round {round}, {key}"
            );
        }
        store.close().await;
    }
    assert!(slowest < OPEN_LIMIT, "the slowest opening took {slowest:?}");
    println!("{total} acknowledged writes, slowest opening {slowest:?}");
}
