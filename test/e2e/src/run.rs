//! Runs one spec: a namespace and a kubeconfig of its own, its steps in order, and what there is to see when one fails.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::cluster::Cluster;
use crate::expect::Outcome;
use crate::spec::{Action, Spec, Step, values_at};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(250);
/// What a step may take that waits for nothing.
const ONCE: Duration = Duration::from_secs(120);

/// Where a spec runs.
pub(crate) struct Run<'a> {
    cluster: &'a Cluster,
    namespace: String,
    directory: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    prelude: String,
}

/// What a step that has a name has taken.
pub(crate) type Times = Vec<(String, Duration)>;

/// Runs the spec and removes what it made; tells what each of its steps took that has a name.
///
/// # Errors
/// A step fails: which, what came of it, and the state of the namespace.
pub(crate) async fn run(cluster: &Cluster, repository: &Path, number: usize, spec: &Spec) -> Result<Times> {
    let run = Run::new(cluster, repository, number, spec.ours).await?;
    let mut times = Times::new();
    for (at, step) in spec.steps.iter().enumerate() {
        let begin = Instant::now();
        if let Err(error) = run.step(step).await {
            let seen = run
                .bash("{ kubectl get pods -o wide; kubectl get events --sort-by=.metadata.creationTimestamp | tail -n 25; } 2>&1 | cut -c1-220", ONCE)
                .await
                .map(|outcome| outcome.text)
                .unwrap_or_default();
            run.remove().await.ok();
            let title = step.what.as_ref().map(|what| format!(", {what}")).unwrap_or_default();
            return Err(error
                .context(format!("step {} of {}{title}", at + 1, spec.steps.len()))
                .context(format!("in the namespace:\n{seen}")));
        }
        times.extend(step.what.clone().map(|what| (what, begin.elapsed())));
    }
    run.remove().await?;
    Ok(times)
}

impl<'a> Run<'a> {
    async fn new(cluster: &'a Cluster, repository: &Path, number: usize, ours: bool) -> Result<Self> {
        let namespace = format!("e2e-{number}-{}", std::process::id());
        let directory = tempfile::tempdir()?;
        let kubeconfig = directory.path().join("kubeconfig");
        std::fs::copy(cluster.state.join("admin.kubeconfig"), &kubeconfig)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let variables = vec![
            ("NS", namespace.clone()),
            ("STATE", text(&cluster.state)),
            ("KUBECONFIG", text(&kubeconfig)),
            ("DIR", text(directory.path())),
            ("E2E", text(&repository.join("test/e2e"))),
            ("NODE1", "kubernox-1".into()),
            ("NODE2", "kubernox-2".into()),
            ("NODE1_IP", "10.89.0.1".into()),
            ("NODE2_IP", "10.89.0.2".into()),
            ("IMAGE", "kubernox/busybox:1".into()),
            ("PATH", path_with(&cluster.programs, ours, cluster.kubectl.as_deref())),
        ];
        let prelude = text(&repository.join("test/e2e/prelude.sh"));
        let run = Self {
            cluster,
            namespace,
            directory,
            variables,
            prelude,
        };
        let begin = run
            .bash(
                "kubectl create namespace $NS && kubectl config set-context --current --namespace $NS && eventually 30 kubectl get serviceaccount default",
                ONCE,
            )
            .await?;
        if begin.code != 0 {
            bail!("the namespace cannot be made: {}", begin.text);
        }
        Ok(run)
    }

    async fn remove(&self) -> Result<()> {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        self.cluster.client.request(Method::DELETE, path).send().await?;
        Ok(())
    }

    async fn step(&self, step: &Step) -> Result<()> {
        let once = step.expectation.is_empty() || step.within == 0;
        let deadline = Instant::now() + Duration::from_secs(step.within);
        loop {
            let outcome = self
                .once(
                    step,
                    if once {
                        ONCE
                    } else {
                        Duration::from_secs(step.within + 15)
                    },
                )
                .await;
            let complaint = match &outcome {
                Ok(outcome) => step.expectation.complaint(outcome, |text| self.expand(text)),
                Err(error) => Some(format!("{error:#}")),
            };
            let Some(complaint) = complaint else { return Ok(()) };
            if once || Instant::now() >= deadline {
                let text = outcome.map(|outcome| outcome.text).unwrap_or_default();
                bail!(
                    "{:?}\n{complaint}, after {} s; the last of it:\n{text}",
                    step.action,
                    step.within
                );
            }
            sleep(POLL).await;
        }
    }

    async fn once(&self, step: &Step, limit: Duration) -> Result<Outcome> {
        match &step.action {
            Action::Get(path) => self.get(&self.expand(path), &step.at).await,
            Action::Sh(text) => self.bash(text, limit).await,
            Action::Apply(text) => {
                let file = self.directory.path().join("manifests.yaml");
                std::fs::write(&file, self.expand(text))?;
                self.bash("kubectl apply -f $DIR/manifests.yaml", limit).await
            }
        }
    }

    fn expand(&self, text: &str) -> String {
        let mut expanded = text.to_owned();
        // Longer names first: $NODE1_IP is not $NODE1 and a rest.
        let mut variables: Vec<_> = self.variables.iter().collect();
        variables.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for (name, value) in variables {
            expanded = expanded.replace(&format!("${name}"), value);
        }
        expanded
    }

    async fn get(&self, path: &str, at: &str) -> Result<Outcome> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut request = self
            .cluster
            .client
            .request(Method::GET, path)
            .timeout(Some(Duration::from_secs(20)));
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            request = request.query(name, value);
        }
        let response = request.send().await?;
        let value: Value = serde_json::from_slice(&response.body).context("the answer is no JSON")?;
        let values = values_at(&value, at);
        let text = values.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        Ok(Outcome { text, values, code: 0 })
    }

    async fn bash(&self, text: &str, limit: Duration) -> Result<Outcome> {
        let mut child = Command::new("bash")
            .arg("-s")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("run bash")?;
        let mut stdin = child.stdin.take().context("a pipe was asked for")?;
        // Whole before it runs: a command of the script must not read the script.
        let script = format!(
            "source {}\nmain() {{\nset -eo pipefail\n{text}\n}}\nmain </dev/null\n",
            self.prelude
        );
        stdin.write_all(script.as_bytes()).await?;
        drop(stdin);
        let output = timeout(limit, child.wait_with_output())
            .await
            .with_context(|| format!("does not end within {} s", limit.as_secs()))??;
        let mut written = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            written.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        Ok(Outcome {
            text: written,
            values: Vec::new(),
            code: output.status.code().unwrap_or(-1),
        })
    }
}

/// The directory of the `kubectl` that was asked for is found first, else the kubectl of the machine, else ours; with `ours`
/// ours is.
fn path_with(programs: &Path, ours: bool, kubectl: Option<&Path>) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = programs.display();
    match kubectl {
        _ if ours => format!("{programs}:{path}"),
        Some(directory) => format!("{}:{path}:{programs}", directory.display()),
        None => format!("{path}:{programs}"),
    }
}
