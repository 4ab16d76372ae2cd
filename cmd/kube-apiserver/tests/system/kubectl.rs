//! kubectl on every kind that can be stored: our own and, where they are installed, stock ones.
//!
//! Stock ones are looked for beside the `kubectl` of the path, by names such as `kubectl.1.30`: the oldest and the newest
//! are tried, and all of them where `KUBECTLS` is `all`. The newest one, or each of all, meets an etcd, too.

use std::{
    collections::BTreeSet,
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tokio::task::JoinHandle;

use super::{
    etcd::Etcd,
    server::{Server, TOKEN},
};

const KINDS: &str = include_str!("kinds.yaml");
/// Kinds whose rows have one cell more than there are columns, as upstream's do: stock kubectl has no place for labels there.
const WITHOUT_LABELS: usize = 1;
/// What has replicas, and a namespace of these objects.
const SCALED: [&str; 4] = ["ReplicationController", "Deployment", "ReplicaSet", "StatefulSet"];
const NAMESPACE: &str = "--namespace=probe";

/// How objects can be shown, but for tables.
const OUTPUTS: [&str; 5] = [
    "yaml",
    "wide",
    "go-template={{range .items}}{{.kind}} {{end}}",
    "jsonpath={.items[*].metadata.uid}",
    "custom-columns=NAME:.metadata.name,UID:.metadata.uid",
];

/// Fields whose documentation is asked for, and a word that it holds.
const EXPLAINED: [(&str, &str); 6] = [
    ("pods.spec.containers.resources", "limits"),
    ("deployments.spec.strategy.rollingUpdate.maxSurge", "FIELD: maxSurge"),
    ("crd.spec.versions.schema.openAPIV3Schema.properties", "Schema"),
    ("services.metadata.labels", "map[string]string"),
    ("cj.spec.jobTemplate.spec.template.spec.restartPolicy", "OnFailure"),
    (
        "horizontalpodautoscalers.spec.metrics.resource.target",
        "averageUtilization",
    ),
];

struct Kubectl<'a> {
    program: &'a Path,
    server: &'a Server,
    directory: &'a Path,
}

impl Kubectl<'_> {
    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.program);
        command
            .arg("--kubeconfig=/dev/null")
            .arg(format!("--server=https://127.0.0.1:{}", self.server.port))
            .arg(format!("--cache-dir={}", self.directory.join("cache").display()))
            .args(["--insecure-skip-tls-verify", "--token", TOKEN])
            .args(arguments)
            .env("KUBE_EDITOR", self.directory.join("editor"));
        command
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()))
    }

    /// What a command that succeeds prints.
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        let program = self.program.display();
        assert!(output.status.success(), "{program} {arguments:?}: {err}\n{out}");
        out
    }

    /// A command over all kinds that prints a line for each.
    fn each(&self, arguments: &[&str]) {
        let out = self.run(arguments);
        let lines = out.lines().filter(|line| !line.is_empty()).count();
        assert_eq!(lines, count(), "{} {arguments:?}:\n{out}", self.program.display());
    }

    /// The objects of the file that there are.
    fn items(&self, file: &str) -> Vec<Value> {
        let text = self.run(&["get", "-f", file, "--ignore-not-found", "-o", "json"]);
        let mut all: Value = serde_json::from_str(&text).expect("JSON");
        match all["items"].take() {
            Value::Array(items) => items,
            other => panic!("a list without items: {other}"),
        }
    }
}

/// How many objects there are.
fn count() -> usize {
    KINDS.lines().filter(|line| line.starts_with("kind: ")).count()
}

fn try_all(kubectl: &Kubectl<'_>) {
    let file = kubectl.directory.join("kinds.yaml");
    fs::write(&file, KINDS).expect("a file");
    let editor = kubectl.directory.join("editor");
    fs::write(&editor, "#!/bin/sh\nsed -i 's/probe: two$/probe: three/' \"$1\"\n").expect("an editor");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o700)).expect("permissions");
    let file = file.to_str().expect("a plain path");

    make(kubectl, file);
    show(kubectl, file);
    change(kubectl, file);
    explain(kubectl);
    kubectl.run(&["delete", "-f", file, "--wait=false", "--grace-period=0"]);
    for left in kubectl.items(file) {
        // What finalizers hold waits for controllers, which do not run here.
        let (kind, deleted) = (&left["kind"], &left["metadata"]["deletionTimestamp"]);
        assert!(deleted.is_string(), "{kind} {}", left["metadata"]["name"]);
    }
}

fn make(kubectl: &Kubectl<'_>, file: &str) {
    for arguments in [
        &["create"][..],
        &["apply"],
        &["apply", "--server-side", "--force-conflicts"],
        &["apply", "--dry-run=server"],
    ] {
        kubectl.each(&[arguments, &["-f", file, "-o", "name"]].concat());
    }
}

fn show(kubectl: &Kubectl<'_>, file: &str) {
    for output in OUTPUTS {
        assert!(!kubectl.run(&["get", "-f", file, "-o", output]).is_empty(), "{output}");
    }
    kubectl.each(&["get", "-f", file, "-o", "name"]);
    let table = kubectl.run(&["get", "-f", file, "--show-labels"]);
    let labelled = table.matches("probe=one").count();
    assert!(labelled >= count() - WITHOUT_LABELS, "{labelled} labelled:\n{table}");
    let resources = kubectl.run(&["api-resources", "--no-headers"]);
    let kinds: Vec<_> = KINDS.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
    for kind in kinds {
        assert!(
            resources.lines().any(|line| line.ends_with(&format!(" {kind}"))),
            "{kind}:\n{resources}"
        );
    }
}

fn change(kubectl: &Kubectl<'_>, file: &str) {
    kubectl.each(&["label", "--overwrite", "-f", file, "probe=two", "-o", "name"]);
    let merge = r#"{"metadata":{"annotations":{"merged":"yes"}}}"#;
    let json = r#"[{"op":"add","path":"/metadata/annotations/patched","value":"yes"}]"#;
    for (kind, patch) in [("merge", merge), ("json", json)] {
        kubectl.each(&["patch", "-f", file, "--type", kind, "-p", patch, "-o", "name"]);
    }
    kubectl.run(&["edit", NAMESPACE, "-f", file]);
    let edited = "--for=jsonpath={.metadata.labels.probe}=three";
    kubectl.each(&["wait", "-f", file, edited, "--timeout=120s"]);
    let scaled = SCALED.map(|kind| format!("{kind}/probe"));
    let scaled: Vec<_> = scaled.iter().map(String::as_str).collect();
    kubectl.run(&[&["scale", NAMESPACE, "--replicas=2"], scaled.as_slice()].concat());

    let items = kubectl.items(file);
    assert_eq!(items.len(), count());
    for item in items {
        let annotations = &item["metadata"]["annotations"];
        let (kind, name) = (&item["kind"], &item["metadata"]["name"]);
        for annotation in ["merged", "patched"] {
            assert_eq!(annotations[annotation], "yes", "{kind} {name} {annotation}");
        }
        if SCALED.iter().any(|scaled| kind == scaled) {
            assert_eq!(item["spec"]["replicas"], 2, "{kind}");
        }
    }
}

fn explain(kubectl: &Kubectl<'_>) {
    let resources = kubectl.run(&["api-resources", "--no-headers", "--verbs=create,get", "-o", "name"]);
    // By their short names: some versions take what follows the first dot for a field.
    let names: BTreeSet<_> = resources.lines().filter_map(|name| name.split('.').next()).collect();
    for name in names {
        let text = kubectl.run(&["explain", "--recursive", name]);
        let whole = text.contains("DESCRIPTION:") && text.contains("metadata");
        assert!(whole, "{name}: {text}");
    }
    for (field, word) in EXPLAINED {
        let text = kubectl.run(&["explain", field]);
        assert!(text.contains(word), "{field}: {text}");
    }
}

/// Whether all installed programs are to be tried, on both stores (`KUBECTLS=all`).
fn every_program() -> bool {
    env::var_os("KUBECTLS").is_some_and(|which| which == "all")
}

/// The programs to try: our own comes first.
fn programs() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_BIN_EXE_kube-apiserver")).with_file_name("kubectl");
    assert!(own.exists(), "{} is missing: cargo build --bin kubectl", own.display());
    let mut stock = installed();
    if !every_program() && stock.len() > 2 {
        stock.drain(1..stock.len() - 1);
    }
    std::iter::once(own).chain(stock).collect()
}

/// The stock programs beside that of the path, by their minor versions, or that alone.
fn installed() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let Some(program) = env::split_paths(&path)
        .map(|directory| directory.join("kubectl"))
        .find_map(|program| program.canonicalize().ok())
    else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = program
        .parent()
        .and_then(|directory| fs::read_dir(directory).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let minor = path.file_name()?.to_str()?.strip_prefix("kubectl.1.")?.parse().ok()?;
            Some((minor, path))
        })
        .collect();
    versions.sort();
    if versions.is_empty() {
        return vec![program];
    }
    versions.into_iter().map(|(_, path)| path).collect()
}

/// Does everything with a program, on a server of its own over the embedded store or over an etcd of its own.
async fn on_a_server(program: PathBuf, over_etcd: bool) -> JoinHandle<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let etcd = over_etcd.then(|| Etcd::start(directory.path()));
    let store = match &etcd {
        Some(etcd) => etcd.flag(),
        None => format!("--data-dir={}", directory.path().join("store").display()),
    };
    let server = Server::start(directory.path(), &[store]).await;
    tokio::task::spawn_blocking(move || {
        let _etcd = etcd;
        try_all(&Kubectl {
            program: &program,
            server: &server,
            directory: directory.path(),
        });
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_does_everything_on_every_kind() {
    let programs = programs();
    let over_etcd = if every_program() { programs.len() } else { 1 };
    // The newest one last, so that it is the one that also meets etcd.
    let etcds = programs.iter().rev().take(over_etcd).map(|program| (program, true));
    let runs = programs.iter().map(|program| (program, false)).chain(etcds);
    // The servers start one after the other, the programs run side by side.
    let mut running = Vec::new();
    for (program, over_etcd) in runs {
        running.push(on_a_server(program.clone(), over_etcd).await);
    }
    for run in running {
        run.await.expect("a program that does it all");
    }
}
