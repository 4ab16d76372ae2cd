//! What a whole cluster costs: its start, its processes at rest, one pod, and many at once.
//!
//! usage: `cluster-perf [--bin DIR] [--images FILE] [--state DIR] [--rest SECONDS] [--rounds N] [--pods N]` (as root)
//!
//! `hack/local-up-cluster.sh` starts two nodes with the programs of a directory (of this program's without `--bin`), once to
//! have everything made, and once more to be timed; the cluster is taken down at the end. Images are made unless an
//! archive is named. The load of the machine is printed: times mean something on a quiet one only. Ends with 1 if something
//! cannot be measured, with 2 on misuse; a figure above its budget is a figure.

#![allow(clippy::print_stdout, reason = "figures are what the program is for")]

mod cluster;
mod pods;
mod raw;
mod rest;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use perf::latency::Latency;
use perf::usage::load;

use cluster::Cluster;

const USAGE: &str =
    "usage: cluster-perf [--bin DIR] [--images FILE] [--state DIR] [--rest SECONDS] [--rounds N] [--pods N]";
/// How long a cluster is left alone before it is at rest.
const SETTLING: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    #[error(transparent)]
    Config(#[from] client_go::config::ConfigError),
    #[error(transparent)]
    Client(#[from] client_go::rest::Error),
    #[error(transparent)]
    Transport(#[from] client_go::transport::TransportError),
    #[error("the container runtime: {0}")]
    Runtime(#[from] cri_client::Error),
    #[error("hack/local-up-cluster.sh {arguments}: {status}")]
    Script {
        arguments: String,
        status: std::process::ExitStatus,
    },
    #[error("{0} exists: take that cluster down first")]
    Exists(PathBuf),
    #[error("{what} did not come within {} s", .within.as_secs())]
    Late { what: String, within: Duration },
}

struct Arguments {
    bin: PathBuf,
    images: Option<PathBuf>,
    state: PathBuf,
    rest: u64,
    rounds: usize,
    pods: usize,
}

fn arguments() -> Result<Arguments, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut found = Arguments {
        bin: own.parent().map(PathBuf::from).unwrap_or_default(),
        images: None,
        state: PathBuf::from("/var/lib/kubernox-perf"),
        rest: 60,
        rounds: 30,
        pods: 60,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        let number = |text: String| text.parse::<usize>().map_err(|error| format!("{word}: {error}"));
        match word.as_str() {
            "--bin" => found.bin = value()?.into(),
            "--images" => found.images = Some(value()?.into()),
            "--state" => found.state = value()?.into(),
            "--rest" => found.rest = number(value()?)? as u64,
            "--rounds" => found.rounds = number(value()?)?.max(1),
            "--pods" => found.pods = number(value()?)?.max(1),
            _ => return Err(format!("unknown argument: {word}")),
        }
    }
    Ok(found)
}

/// One line: what, how much, and how much it may be.
fn line(name: &str, figure: &str, budget: &str) {
    println!("{name:<52} {figure:>22}  {budget}");
}

fn seconds(taken: Duration) -> String {
    format!("{:.2} s", taken.as_secs_f64())
}

/// The median and the 99th percentile.
fn spread(latency: &Latency) -> String {
    let [half, nearly_all] =
        [50, 99].map(|percent| latency.percentile(percent).unwrap_or_default().as_secs_f64() * 1e3);
    format!("{half:.0} / {nearly_all:.0} ms")
}

async fn measure(arguments: &Arguments) -> Result<(), Failure> {
    println!("load of the machine before: {:.2}", load());
    line("", "figure", "budget");
    let cluster = Cluster::new(arguments)?;
    let first = cluster.up().await?;
    line("start to Ready, 2 nodes, everything new", &seconds(first), "");
    cluster.down().await?;
    let taken = cluster.up().await?;
    line("start to Ready, 2 nodes, images made", &seconds(taken), "10 s");
    let outcome = measure_running(&cluster, arguments).await;
    let down = cluster.down().await;
    outcome?;
    line("taken down", &seconds(down?), "");
    println!("load of the machine after: {:.2}", load());
    Ok(())
}

async fn measure_running(cluster: &Cluster, arguments: &Arguments) -> Result<(), Failure> {
    tokio::time::sleep(SETTLING).await;
    let at_rest = rest::measure(cluster, Duration::from_secs(arguments.rest)).await?;
    for process in &at_rest.processes {
        let (resident, anonymous) = (
            rest::megabytes(process.memory.resident),
            rest::megabytes(process.memory.anonymous),
        );
        let figure = format!("{resident:6.1} MB {:6.2} %", process.share * 100.0);
        line(
            &format!("at rest: {}", process.name),
            &figure,
            &format!("{anonymous:.1} MB of it anonymous"),
        );
    }
    let (memory, share) = at_rest.of_the_six();
    line(
        "at rest: API server with store to proxy, one node's",
        &format!("{:6.1} MB {:6.2} %", rest::megabytes(memory), share * 100.0),
        "100 MB, 0.7 % of a core",
    );
    let raw = raw::measure(cluster, arguments.rounds).await?;
    line("the raw CRI calls of a pod, p50 / p99", &spread(&raw.sum), "");
    for (call, latency) in [
        ("RunPodSandbox", &raw.sandbox),
        ("CreateContainer", &raw.create),
        ("StartContainer", &raw.start),
    ] {
        line(&format!("  {call}"), &spread(latency), "");
    }
    let pods = pods::Pods::watch(cluster).await?;
    let before = rest::run_times(cluster)?;
    let one = pods.one_by_one(arguments.rounds).await?;
    let spent = rest::run_times(cluster)?;
    let median = |latency: &Latency| latency.percentile(50).unwrap_or_default();
    let budget = format!(
        "{:.0} ms: 1.2 times the raw calls",
        median(&raw.sum).as_secs_f64() * 1.2e3
    );
    line(
        "one pod, create to Running seen, p50 / p99",
        &spread(&one.running),
        &budget,
    );
    line("  of these until the create is answered", &spread(&one.created), "");
    line("  of these until the binding is seen", &spread(&one.bound), "");
    for ((name, after), (_, before)) in spent.iter().zip(&before) {
        let each = (after - before) * 1e3 / arguments.rounds as f64;
        line(
            &format!("  CPU of a pod from its creation to its end: {name}"),
            &format!("{each:.1} ms"),
            "",
        );
    }
    let all = pods.at_once(arguments.pods).await?;
    let name = format!("{} pods of a Deployment, last one Running seen", arguments.pods);
    line(
        &name,
        &seconds(all.running),
        if arguments.pods == 60 { "8 s" } else { "" },
    );
    line("  of these until the last binding is seen", &seconds(all.bound), "");
    line("  and until the last one is gone again", &seconds(all.gone), "");
    Ok(())
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(|error| Failure::Io("start".to_owned(), error))
        .and_then(|runtime| runtime.block_on(measure(&arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}
