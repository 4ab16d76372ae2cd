//! Logs in real files, paused time.

use std::convert::Infallible;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::*;

struct Running(AtomicBool);

#[async_trait]
impl StillRunning for Running {
    async fn still_running(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

const LOG: &str = "2026-01-01T00:00:01.000000001Z stdout F one\n\
                   2026-01-01T00:00:02.000000001Z stderr F two\n\
                   garbage\n\
                   2026-01-01T00:00:03.000000001Z stdout P thr\n\
                   2026-01-01T00:00:03.000000002Z stdout F ee\n";

async fn read(path: &Path, options: LogOptions) -> String {
    let mut output = Vec::new();
    read_logs(path, &options, &Running(AtomicBool::new(false)), &mut output)
        .await
        .expect("read");
    String::from_utf8(output).expect("text")
}

#[test]
fn lines_of_other_formats_are_refused() {
    assert_eq!(parse(b"x stdout F a"), Err(ParseLineError::Time));
    assert_eq!(parse(b"2026-01-01T00:00:01Z out F a"), Err(ParseLineError::Stream));
    assert_eq!(parse(b"2026-01-01T00:00:01Z stdout"), Err(ParseLineError::Tag));
    assert_eq!(
        parse(b"2026-01-01T00:00:01Z stdout F").map(|line| line.text),
        Ok(&b""[..])
    );
    assert!(parse(b"2026-01-01T00:00:01+02:00 stdout P:x a b").is_ok_and(|line| line.partial && line.text == b"a b"));
}

#[tokio::test]
async fn options_of_the_api() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("0.log");
    fs::write(&path, LOG).expect("written");
    let options = LogOptions::default;
    assert_eq!(read(&path, options()).await, "one\ntwo\nthree\n");
    assert_eq!(
        read(
            &path,
            LogOptions {
                tail: Some(2),
                ..options()
            }
        )
        .await,
        "three\n"
    );
    assert_eq!(
        read(
            &path,
            LogOptions {
                tail: Some(0),
                ..options()
            }
        )
        .await,
        ""
    );
    assert_eq!(
        read(
            &path,
            LogOptions {
                tail: Some(100),
                ..options()
            }
        )
        .await,
        "one\ntwo\nthree\n"
    );
    assert_eq!(
        read(
            &path,
            LogOptions {
                limit_bytes: Some(5),
                ..options()
            }
        )
        .await,
        "one\nt"
    );
    assert_eq!(
        read(
            &path,
            LogOptions {
                stream: Some(Stream::Stderr),
                ..options()
            }
        )
        .await,
        "two\n"
    );
    let since = "2026-01-01T00:00:02Z".parse().ok();
    assert_eq!(read(&path, LogOptions { since, ..options() }).await, "two\nthree\n");
    let stamped = read(
        &path,
        LogOptions {
            timestamps: true,
            tail: Some(5),
            ..options()
        },
    )
    .await;
    assert!(stamped.starts_with("2026-01-01T00:00:01.000000001Z one\n"), "{stamped}");
    let missing = read_logs(
        &directory.path().join("no"),
        &options(),
        &Running(AtomicBool::new(false)),
        Vec::new(),
    )
    .await;
    assert!(
        missing
            .expect_err("missing")
            .to_string()
            .starts_with("failed to open log file")
    );
}

#[tokio::test(start_paused = true)]
async fn followed_logs_survive_rotation() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("0.log");
    fs::write(&path, LOG).expect("written");
    let running = std::sync::Arc::new(Running(AtomicBool::new(true)));
    let (reader, mut far) = (running.clone(), tokio::io::duplex(1 << 16));
    let (near, followed) = (far.0, path.clone());
    let task = tokio::spawn(async move {
        let options = LogOptions {
            follow: true,
            tail: Some(1),
            ..Default::default()
        };
        read_logs(&followed, &options, &*reader, near).await
    });
    let append = |text: &str| {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .expect("opened");
        writeln!(file, "2026-01-01T00:00:09Z stdout F {text}").expect("written");
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    append("before");
    let policy = RotationPolicy {
        max_size: 1,
        max_files: 3,
    };
    let now = "2026-01-01T00:00:10Z".parse().expect("a moment");
    let rotated = rotate(&path, &policy, now, || async {
        append("after");
        Ok::<(), Infallible>(())
    })
    .await;
    assert!(rotated.expect("rotated"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    append("last");
    running.0.store(false, Ordering::SeqCst);
    task.await.expect("joined").expect("read");
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut far.1, &mut text)
        .await
        .expect("read");
    assert_eq!(text, "ee\nbefore\nafter\nlast\n");
}

#[tokio::test]
async fn rotation_keeps_compresses_and_gives_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("0.log");
    let policy = RotationPolicy {
        max_size: 4,
        max_files: 3,
    };
    let names = || {
        let entries = fs::read_dir(directory.path()).expect("entries");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("entry").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    };
    for second in 0..4 {
        fs::write(&path, format!("number {second}")).expect("written");
        let now = format!("2026-01-01T00:00:0{second}Z").parse().expect("a moment");
        assert!(
            rotate(&path, &policy, now, || async { Ok::<(), Infallible>(()) })
                .await
                .expect("rotated")
        );
    }
    assert_eq!(names(), ["0.log.20260101-000002.gz", "0.log.20260101-000003"]);
    let mut text = String::new();
    let compressed = fs::File::open(directory.path().join("0.log.20260101-000002.gz")).expect("opened");
    flate2::read::GzDecoder::new(compressed)
        .read_to_string(&mut text)
        .expect("read");
    assert_eq!(text, "number 2");

    fs::write(&path, "kept").expect("written");
    let now = "2026-01-01T00:00:09Z".parse().expect("a moment");
    let error = rotate(&path, &policy, now, || async { Err("gone") })
        .await
        .expect_err("a failure");
    assert_eq!(error.to_string(), "failed to reopen container log: gone");
    assert_eq!(fs::read_to_string(&path).expect("read"), "kept");
    fs::write(&path, "no").expect("written");
    assert!(
        !rotate(&path, &policy, now, || async { Ok::<(), Infallible>(()) })
            .await
            .expect("small")
    );
}
