//! Which functions of the programs run: what `build/text-order` says, by which `cmd/link.rs` has them laid side by side.
//!
//! The kernel maps a program's text in windows of 64 KiB, so that every function that runs brings its neighbours into memory.
//! `record` becomes the program it is given, which runs as ever, under the eyes of a child that notes each function when it is
//! entered for the first time (one trap a function; afterwards the program has its full speed):
//!
//! ```text
//! cargo xtask text-order record DIR PROGRAM [ARGUMENT...]     writes DIR/PROGRAM.PID.order when the program ends
//! cargo xtask text-order merge DIR NAME                       makes build/text-order/NAME of all that was recorded
//! cargo xtask text-order check DIR                            fails when programs have not the functions any more
//! ```
//!
//! `rest` is a cluster from its start until it has a first deployment and rests again; `work` is what else the specs of
//! `test/e2e` come to.
//! `hack/text-order.sh` does the first two for a whole cluster.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod functions;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod trace;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use anyhow::ensure;
use anyhow::{Context, Result};

/// How a file of this format begins. Programs stand in brackets, and below them what runs in just these: the crate whose object
/// holds a function, or `*` for any, and its name.
const HEADER: &str =
    "# The functions that run in a cluster. Written by `cargo xtask text-order`; read by cmd/link.rs.\n";

/// A line is a crate and a function; with each, the programs in which it runs.
type Order = BTreeMap<String, BTreeSet<String>>;

/// Becomes the program, and has noted which of its functions ran when it ends.
///
/// # Errors
/// When the program cannot be read or run. Does not return otherwise.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn record(directory: &str, program: &str, arguments: &[&str]) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("make {directory}"))?;
    trace::become_traced(directory, program, arguments)
}

/// Notes which functions of the process run, until it ends: what [`record`] starts beside the program.
///
/// # Errors
/// When the process cannot be traced, or what was seen cannot be written.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn watch(directory: &str, program: &str, pid: &str) -> Result<()> {
    let path = Path::new(program);
    let functions = functions::read(path)?;
    let entered = trace::watch(pid.parse().context("the process to watch")?, functions.entries())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let program = BTreeSet::from([name.clone().into_owned()]);
    let lines = entered.iter().flat_map(|entry| functions.lines(*entry));
    let order = lines.map(|line| (line, program.clone())).collect();
    write(&Path::new(directory).join(format!("{name}.{pid}.order")), order)
}

/// Makes `build/text-order/NAME` of every record in the directory.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn merge(root: &Path, directory: &str, name: &str) -> Result<()> {
    let mut merged = Order::new();
    for entry in fs::read_dir(directory).with_context(|| format!("read {directory}"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "order") {
            for (line, programs) in read(&path)? {
                merged.entry(line).or_default().extend(programs);
            }
        }
    }
    let orders = root.join("build/text-order");
    if name != "rest" {
        // What runs at rest comes first anyway.
        for (line, programs) in read(&orders.join("rest"))? {
            if let Some(others) = merged.get_mut(&line) {
                others.retain(|program| !programs.contains(program));
            }
        }
        merged.retain(|_, programs| !programs.is_empty());
    }
    write(&orders.join(name), merged)
}

/// How many of the functions that are said to run a program has at least, in per cent.
const FRESH: usize = 90;

/// Compares `build/text-order/rest` with programs of this directory: with the time functions get other names, and what is not
/// found is linked as it comes.
///
/// # Errors
/// When a program cannot be read, or has too few of the functions.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn check(root: &Path, directory: &str) -> Result<()> {
    let mut programs = BTreeMap::<String, Vec<String>>::new();
    for (line, names) in read(&root.join("build/text-order/rest"))? {
        for name in names {
            programs.entry(name).or_default().push(line.clone());
        }
    }
    let mut stale = Vec::new();
    for (program, lines) in programs {
        let functions = functions::read(&Path::new(directory).join(&program))?;
        let found: BTreeSet<String> = functions
            .entries()
            .into_iter()
            .flat_map(|entry| functions.lines(entry))
            .collect();
        let there = lines.iter().filter(|line| found.contains(*line)).count();
        eprintln!("{program} has {there} of {} functions", lines.len());
        if there * 100 < lines.len() * FRESH {
            stale.push(program);
        }
    }
    ensure!(
        stale.is_empty(),
        "build/text-order is stale for {}: run hack/text-order.sh",
        stale.join(", ")
    );
    Ok(())
}

fn read(path: &Path) -> Result<Order> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let mut programs = BTreeSet::new();
    let mut order = Order::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(names) => programs = names.split(' ').map(str::to_owned).collect(),
            None => order
                .entry(line.to_owned())
                .or_default()
                .extend(programs.iter().cloned()),
        }
    }
    Ok(order)
}

fn write(path: &Path, order: Order) -> Result<()> {
    let mut sections = BTreeMap::<Vec<String>, Vec<String>>::new();
    for (line, programs) in order {
        sections.entry(programs.into_iter().collect()).or_default().push(line);
    }
    let mut text = String::from(HEADER);
    for (programs, lines) in sections {
        writeln!(text, "[{}]", programs.join(" "))?;
        for line in lines {
            writeln!(text, "{line}")?;
        }
    }
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
