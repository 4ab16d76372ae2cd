//! Writes to an embedded store until it is killed, and says on standard output what was acknowledged: a line
//! `<key> <number> <revision>` for each put. The crash test kills it at random moments and looks whether everything it said is there.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use apiserver_storage::embedded::{Embedded, EmbeddedOptions};
use apiserver_storage::{Precondition, Result, Storage};
use bytes::Bytes;

/// Keys a writer rewrites in turn.
const KEYS: u64 = 20;
/// Every so many writes a writer compacts, keeping so much history.
const COMPACT_EVERY: u64 = 64;
const HISTORY: u64 = 100;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(directory), Some(writers)) = (arguments.next(), arguments.next()) else {
        complain("usage: storage-load <directory> <writers> [<bytes between checkpoints>]");
        return ExitCode::FAILURE;
    };
    let default = EmbeddedOptions::default();
    let number = |text: OsString| text.to_str().and_then(|text| text.parse().ok());
    let (Some(writers), Some(checkpoint_size)) = (
        number(writers),
        arguments.next().map_or(Some(default.checkpoint_size), number),
    ) else {
        complain("what is to be a number is none");
        return ExitCode::FAILURE;
    };
    let options = EmbeddedOptions {
        checkpoint_size,
        ..default
    };
    match run(PathBuf::from(directory), writers, options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(directory: PathBuf, writers: usize, options: EmbeddedOptions) -> Result<()> {
    let store = Arc::new(Embedded::open(&directory, options)?);
    let start = store.current_revision().await?;
    let tasks = (0..writers).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut number = start + 1;
            let error = loop {
                match write(&store, writer, number).await {
                    Ok(()) => number += 1,
                    Err(error) => break error,
                }
            };
            complain(&error.to_string());
        })
    });
    futures::future::join_all(tasks).await;
    Ok(())
}

async fn write(store: &Embedded, writer: usize, number: u64) -> Result<()> {
    let key = format!("/load/{writer}/{}", number % KEYS);
    let mut value = format!("{number} ").into_bytes();
    value.resize(4096, b'.');
    let revision = store
        .put(Bytes::from(key.clone()), value.into(), Precondition::None, None)
        .await?;
    let line = format!("{key} {number} {revision}\n");
    if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
        // Nobody listens any more.
        std::process::exit(0);
    }
    if number.is_multiple_of(COMPACT_EVERY) && revision > HISTORY + 2 {
        match store.compact(revision - HISTORY).await {
            // Another writer has compacted further.
            Ok(()) | Err(apiserver_storage::Error::Compacted { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn complain(message: &str) {
    // There is nobody to tell when standard error is closed.
    drop(writeln!(std::io::stderr(), "{message}"));
}
