//! Brings up a cluster of two nodes with the programs of a directory, runs the specs of `specs/` against it, several at a
//! time, takes it down, and sees that nothing is left.

mod cluster;
mod expect;
mod run;
mod spec;

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use futures::{StreamExt, stream};
use http::Method;

use cluster::{Cluster, Traces};
use spec::{Spec, values_at};

/// Specs of a whole cluster.
#[derive(Parser)]
struct Arguments {
    /// Only specs whose part or name contains one of these.
    filters: Vec<String>,
    /// The directory of the programs; with --running that of the kubectl to try.
    #[arg(long)]
    bin: Option<PathBuf>,
    /// An archive of images, instead of building one.
    #[arg(long)]
    images: Option<PathBuf>,
    /// Use the cluster of --state, and leave it up.
    #[arg(long)]
    running: bool,
    /// Where the cluster keeps everything.
    #[arg(long, default_value = "/var/lib/kubernox-e2e")]
    state: PathBuf,
    /// Store in etcd.
    #[arg(long)]
    etcd: bool,
    /// Only the specs that run on every kind of store.
    #[arg(long)]
    core: bool,
    /// The kubectl of every spec but those of ours; else that of the machine, and ours where it has none.
    #[arg(long)]
    kubectl: Option<PathBuf>,
    /// nftables or iptables.
    #[arg(long)]
    proxy_mode: Option<String>,
    /// routes or vxlan.
    #[arg(long)]
    network: Option<String>,
    /// ipv4 or dual.
    #[arg(long)]
    ip_families: Option<String>,
    /// Cluster DNS as a process of the host or as a pod: host or pod.
    #[arg(long)]
    dns: Option<String>,
    /// How many specs run at a time.
    #[arg(long, default_value_t = 6)]
    jobs: usize,
    /// Leave the cluster up when a spec has failed.
    #[arg(long)]
    keep: bool,
    /// Only print the names.
    #[arg(long)]
    list: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match start(Arguments::parse()).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what is asked for, and says how many specs have failed.
async fn start(arguments: Arguments) -> Result<usize> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut specs = spec::load(&repository.join("test/e2e/specs"))?;
    let dual = match &arguments.ip_families {
        _ if arguments.running => cluster::options(&arguments.state)?.contains("IP_FAMILIES=dual"),
        families => families.as_deref() == Some("dual"),
    };
    specs.retain(|spec| {
        let named = |filter: &String| spec.part.contains(filter) || spec.name.contains(filter);
        let wanted = if arguments.filters.is_empty() {
            !spec.apart
        } else {
            arguments.filters.iter().any(named)
        };
        wanted && (spec.core || !arguments.core) && (dual || !spec.dual)
    });
    ensure!(!specs.is_empty(), "no spec is called so");
    if arguments.list {
        for spec in &specs {
            writeln!(stdout(), "{}: {}", spec.part, spec.name)?;
        }
        return Ok(0);
    }
    // By that name, wherever it is from.
    let directory = tempfile::tempdir()?;
    let kubectl = match &arguments.kubectl {
        Some(file) => {
            let file = file
                .canonicalize()
                .with_context(|| format!("--kubectl {}", file.display()))?;
            std::os::unix::fs::symlink(file, directory.path().join("kubectl"))?;
            Some(directory.path().to_owned())
        }
        None => None,
    };
    if arguments.running {
        let mut cluster = Cluster::open(&arguments.state)?;
        cluster.kubectl = kubectl;
        if let Some(programs) = arguments.bin {
            cluster.programs = programs.canonicalize()?;
        }
        return all(&cluster, &repository, specs, arguments.jobs).await;
    }
    let mut options = vec!["--nodes=2".to_owned()];
    options.extend(arguments.etcd.then(|| "--etcd".to_owned()));
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    for (flag, value) in [
        ("--proxy-mode", arguments.proxy_mode),
        ("--network", arguments.network),
        ("--ip-families", arguments.ip_families),
        ("--dns", arguments.dns),
        ("--bin", arguments.bin.as_ref().map(text)),
        ("--images", arguments.images.as_ref().map(text)),
    ] {
        options.extend(value.map(|value| format!("{flag}={value}")));
    }
    let before = Traces::of_machine(&repository, &arguments.state).await?;
    let mut cluster = Cluster::up(&repository, &arguments.state, &options).await?;
    cluster.kubectl = kubectl;
    let outcome = all(&cluster, &repository, specs, arguments.jobs).await;
    if arguments.keep && !matches!(outcome, Ok(0)) {
        return outcome;
    }
    let down = cluster::down(&repository, &arguments.state, &before).await;
    let failed = outcome?;
    down?;
    writeln!(stdout(), "the cluster is down and has left nothing behind")?;
    Ok(failed)
}

async fn all(cluster: &Cluster, repository: &Path, specs: Vec<Spec>, jobs: usize) -> Result<usize> {
    let begin = Instant::now();
    let total = specs.len();
    let (serial, parallel): (Vec<_>, Vec<_>) = specs.into_iter().enumerate().partition(|(_, spec)| spec.serial);
    let (own_nodes, parallel) = parallel.into_iter().partition(|(_, spec)| spec.own_nodes);
    let mut again = Vec::new();
    for (specs, jobs) in [(parallel, jobs), (own_nodes, jobs), (serial, 1)] {
        again.extend(some(cluster, repository, specs, jobs, "FAIL ").await?);
    }
    let flaky = again.len();
    // What fails beside others on a starved machine and passes alone is reported, and is no failure. Where much fails, it is
    // not for want of time, and one at a time would take an hour to say so.
    let failed = if again.len() > total.div_ceil(4) {
        again
    } else {
        let again = again.into_iter().map(|(number, spec)| (total + number, spec)).collect();
        some(cluster, repository, again, 1, "AGAIN").await?
    };
    namespaces_gone(cluster)
        .await
        .context("the specs' namespaces are not removed")?;
    writeln!(
        stdout(),
        "{} of {total} passed in {:.0} s, {} of them at the second try",
        total - failed.len(),
        begin.elapsed().as_secs_f64(),
        flaky - failed.len()
    )?;
    for (_, spec) in &failed {
        writeln!(stdout(), "failed: {}: {}", spec.part, spec.name)?;
    }
    Ok(failed.len())
}

/// Runs specs, so many at a time; returns those that failed, which `word` marks.
async fn some(
    cluster: &Cluster,
    repository: &Path,
    specs: Vec<(usize, Spec)>,
    jobs: usize,
    word: &str,
) -> Result<Vec<(usize, Spec)>> {
    let mut failed = Vec::new();
    let mut outcomes = stream::iter(specs)
        .map(|(number, spec)| async move {
            let begin = Instant::now();
            let outcome = run::run(cluster, repository, number, &spec).await;
            (number, spec, outcome, begin.elapsed())
        })
        .buffer_unordered(jobs);
    while let Some((number, spec, outcome, took)) = outcomes.next().await {
        let title = format!("{:6.1} s  {}: {}", took.as_secs_f64(), spec.part, spec.name);
        match outcome {
            Ok(times) => {
                writeln!(stdout(), "ok    {title}")?;
                for (what, took) in times {
                    writeln!(stdout(), "      {:6.1} s    {what}", took.as_secs_f64())?;
                }
            }
            Err(error) => {
                writeln!(stdout(), "{word} {title}")?;
                for cause in error.chain() {
                    writeln!(stdout(), "    {}", cause.to_string().replace('\n', "\n    "))?;
                }
                usable(cluster).await?;
                failed.push((number, spec));
            }
        }
    }
    Ok(failed)
}

/// Sees, after a spec has failed, that the others can pass: they would only take their time on nodes that take no pods.
///
/// # Errors
/// A node is of no use for longer than any spec makes it so.
async fn usable(cluster: &Cluster) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let troubles = match cluster.troubles().await {
            Ok(troubles) => troubles,
            // A spec may have just killed the API server.
            Err(error) => vec![format!("{error:#}")],
        };
        if troubles.is_empty() {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "no pod can run here, the other specs are not tried:\n  {}",
            troubles.join("\n  ")
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Waits until the namespaces of the specs, and with them all that was in them, are gone.
async fn namespaces_gone(cluster: &Cluster) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let response = cluster.client.request(Method::GET, "/api/v1/namespaces").send().await?;
        let namespaces: serde_json::Value = serde_json::from_slice(&response.body)?;
        let left: Vec<_> = values_at(&namespaces, "/items/*/metadata/name")
            .into_iter()
            .filter(|name| name.as_str().is_some_and(|name| name.starts_with("e2e-")))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{left:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
