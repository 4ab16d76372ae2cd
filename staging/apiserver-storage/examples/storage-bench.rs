//! What the embedded store costs: writes per second with 1, 16 and 128 writers, and CPU time per put, get and range.
//!
//! `cargo run --release -p apiserver-storage --example storage-bench [directory] [value size]`. CPU time is the whole process's, taken from
//! the system, so that it counts the writer thread and the kernel's part of writing.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use apiserver_storage::embedded::{Embedded, EmbeddedOptions};
use apiserver_storage::{KeyRange, Precondition, RangeOptions, Storage};
use bytes::Bytes;

const WRITE_TIME: Duration = Duration::from_secs(3);
const READS: u64 = 200_000;
const RANGES: u64 = 10;
const RANGE_KEYS: u64 = 5000;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let temporary = tempfile::tempdir()?;
    let directory = arguments
        .next()
        .map_or_else(|| temporary.path().join("data"), PathBuf::from);
    let size: usize = arguments
        .next()
        .map_or(Ok(8192), |size| size.parse())
        .context("the value size is not a number")?;
    let value = Bytes::from(vec![b'v'; size]);
    let store = Arc::new(Embedded::open(&directory, EmbeddedOptions::default())?);
    let mut out = std::io::stdout().lock();

    writeln!(out, "{size} byte values in {}", directory.display())?;
    for writers in [1_u64, 16, 128] {
        let (writes, wall, cpu) = write(&store, &value, writers).await?;
        let per_second = writes as f64 / wall.as_secs_f64();
        writeln!(
            out,
            "create, {writers:3} writers: {per_second:8.0} writes/s, {:6.1} us CPU each",
            micros(cpu, writes)
        )?;
    }
    for number in 0..RANGE_KEYS {
        let key = Bytes::from(format!("/registry/pods/default/pod-{number:05}"));
        store.put(key, value.clone(), Precondition::None, None).await?;
    }

    let start = cpu_time()?;
    for number in 0..READS {
        let key = format!("/registry/pods/default/pod-{:05}", number * 7919 % RANGE_KEYS);
        store.get(key.as_bytes(), None).await?.item.context("the key exists")?;
    }
    writeln!(out, "get: {:6.2} us CPU", micros(cpu_time()? - start, READS))?;

    let pods = KeyRange::prefix("/registry/pods/");
    let start = cpu_time()?;
    for _ in 0..RANGES {
        let found = store.range(&pods, RangeOptions::latest()).await?;
        anyhow::ensure!(found.items.len() as u64 == RANGE_KEYS, "{} items", found.items.len());
    }
    let per_range = micros(cpu_time()? - start, RANGES);
    writeln!(
        out,
        "range of {RANGE_KEYS}: {:6.1} ms CPU, {:5.2} us an item",
        per_range / 1e3,
        per_range / RANGE_KEYS as f64
    )?;

    let start = cpu_time()?;
    for _ in 0..RANGES {
        store.range(&pods, RangeOptions::latest().keys_only().limit(1)).await?;
    }
    writeln!(
        out,
        "range of 1 with {RANGE_KEYS} remaining: {:6.1} us CPU",
        micros(cpu_time()? - start, RANGES)
    )?;

    let revision = store.current_revision().await?;
    let start = Instant::now();
    store.compact(revision).await?;
    let compaction = start.elapsed();
    let status = store.status().await?;
    store.close().await;
    let start = Instant::now();
    let reopened = Embedded::open(&directory, EmbeddedOptions::default())?;
    let opening = start.elapsed();
    reopened.close().await;
    writeln!(
        out,
        "compaction answered in {compaction:.1?}, {} MB on disk, opening {opening:.1?}",
        status.size >> 20
    )?;
    Ok(())
}

/// Creates keys with so many concurrent writers; returns how many, in which time, with how much CPU.
async fn write(store: &Arc<Embedded>, value: &Bytes, writers: u64) -> Result<(u64, Duration, Duration)> {
    let count = Arc::new(AtomicU64::new(0));
    let (start, cpu) = (Instant::now(), cpu_time()?);
    let tasks = (0..writers).map(|writer| {
        let (store, value, count) = (Arc::clone(store), value.clone(), Arc::clone(&count));
        tokio::spawn(async move {
            for number in 0_u64.. {
                if start.elapsed() >= WRITE_TIME {
                    break;
                }
                let key = Bytes::from(format!("/registry/bench/{writers}-{writer}/{number}"));
                store.put(key, value.clone(), Precondition::Absent, None).await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, apiserver_storage::Error>(())
        })
    });
    for task in futures::future::join_all(tasks).await {
        task??;
    }
    Ok((count.load(Ordering::Relaxed), start.elapsed(), cpu_time()? - cpu))
}

fn micros(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// The CPU time of this process so far, user and system.
fn cpu_time() -> Result<Duration> {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF)?;
    let micros = |time: nix::sys::time::TimeVal| {
        u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).map(Duration::from_micros)
    };
    Ok(micros(usage.user_time())? + micros(usage.system_time())?)
}
