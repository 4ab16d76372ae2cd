//! Commands that make and change objects: every line of `tests/golden/*.txt` is run, in order, against a server in
//! memory, and must come to the output, the errors and the exit code that stand below it.
//!
//! `$ LINE` is a call, with quotes as a shell reads them; `< TEXT` behind it is its input, line by line. What follows is
//! the output; lines that begin with `! ` are errors, and `= N` is the exit code if it is not 0. A word `%DIR` stands for
//! a folder with files. After a change on purpose, run the tests with `UPDATE_GOLDEN=1` and read the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use cli_runtime::IoStreams;
use client_go::testing::{Canned, FakeServer, Seen};
use k8s_api::scheme::{ResourceInfo, api_version, resources};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The discovery documents of the built-in API.
fn discovery() -> BTreeMap<String, Value> {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut documents = BTreeMap::new();
    for resource in resources() {
        groups.entry(resource.group).or_default().insert(resource.version);
        let path = match resource.group {
            "" => format!("/api/{}", resource.version),
            group => format!("/apis/{group}/{}", resource.version),
        };
        let document = documents.entry(path).or_insert_with(|| {
            json!({"kind": "APIResourceList", "groupVersion": api_version(resource.group, resource.version), "resources": []})
        });
        if let Some(list) = document["resources"].as_array_mut() {
            list.extend(described(resource));
        }
    }
    let groups: Vec<Value> = groups
        .into_iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, versions)| {
            let mut versions: Vec<Value> = versions
                .into_iter()
                .map(|version| json!({"groupVersion": api_version(group, version), "version": version}))
                .collect();
            versions.sort_by_key(|version| std::cmp::Reverse(version["version"].to_string()));
            json!({"name": group, "preferredVersion": versions[0], "versions": versions})
        })
        .collect();
    documents.insert("/api".to_owned(), json!({"kind": "APIVersions", "versions": ["v1"]}));
    documents.insert(
        "/apis".to_owned(),
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
    );
    documents
}

/// A resource and its subresources.
fn described(resource: &ResourceInfo) -> Vec<Value> {
    let entry = |name: String| {
        json!({"name": name, "singularName": resource.singular, "namespaced": resource.namespaced,
            "kind": resource.kind, "verbs": resource.verbs, "shortNames": resource.short_names})
    };
    let subresources = resource
        .subresources
        .iter()
        .map(|name| entry(format!("{}/{name}", resource.plural)));
    std::iter::once(entry(resource.plural.to_owned()))
        .chain(subresources)
        .collect()
}

/// The objects that are there, as the server holds them.
fn objects() -> Vec<(&'static str, Value)> {
    let workload = |api_version: &str, kind: &str, name: &str, containers: Value| {
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}}})
    };
    vec![
        (
            "/apis/apps/v1/deployments",
            workload(
                "apps/v1",
                "Deployment",
                "d",
                json!([
                {"name": "nginx", "image": "nginx", "ports": [{"containerPort": 80}]},
                {"name": "log", "image": "busybox", "env": [{"name": "A", "value": "1"},
                    {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "pass"}}}]}]),
            ),
        ),
        (
            "/apis/batch/v1/cronjobs",
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "cj"}, "spec": {
                "schedule": "* * * * *", "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": {
                    "containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}}}}}}),
        ),
        (
            "/api/v1/services",
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"}, "spec": {
                "selector": {"a": "b"}, "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}}),
        ),
        (
            "/api/v1/secrets",
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"pass": "d29yZA=="}}),
        ),
        (
            "/api/v1/configmaps",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"a.b": "c", "PLAIN": "d"}}),
        ),
        (
            "/apis/rbac.authorization.k8s.io/v1/rolebindings",
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "rb"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "u"}]}),
        ),
    ]
}

/// A deployment and a daemon set with two revisions each. The server's first object is called `uid-1`, and so on.
fn rolled_out() -> Vec<(&'static str, Value)> {
    let template = |app: &str, image: &str| json!({"metadata": {"labels": {"app": app}}, "spec": {"containers": [{"name": "c", "image": image}]}});
    let owned = |name: &str, app: &str, owner: &str| json!({"name": name, "labels": {"app": app}, "ownerReferences": [{"controller": true, "uid": owner}]});
    let revision = "deployment.kubernetes.io/revision";
    let mut found = vec![
        (
            "/apis/apps/v1/deployments",
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": {revision: "2"}},
                "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template("web", "i:2")},
                "status": {"observedGeneration": 9, "replicas": 2, "updatedReplicas": 1}}),
        ),
        (
            "/apis/apps/v1/daemonsets",
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "ds"},
                "spec": {"selector": {"matchLabels": {"app": "ds"}}, "updateStrategy": {"type": "OnDelete"},
                    "template": template("ds", "i:2")}}),
        ),
        (
            "/api/v1/configmaps",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}}),
        ),
    ];
    for number in [1, 2] {
        let mut set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": owned(&format!("web-{number}"), "web", "uid-1"),
            "spec": {"template": template("web", &format!("i:{number}"))}});
        set["metadata"]["annotations"] =
            json!({revision: number.to_string(), "kubernetes.io/change-cause": format!("cause {number}")});
        set["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = format!("h{number}").into();
        found.push(("/apis/apps/v1/replicasets", set));
        let mut data = json!({"spec": {"template": template("ds", &format!("i:{number}"))}});
        data["spec"]["template"]["$patch"] = "replace".into();
        found.push((
            "/apis/apps/v1/controllerrevisions",
            json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": owned(&format!("ds-{number}"), "ds", "uid-2"),
                "revision": number, "data": data}),
        ));
    }
    found
}

/// What lies in the folder.
const FILES: [(&str, &[u8]); 8] = [
    ("dir/a.txt", b"hello"),
    ("dir/b.conf", b"x=y"),
    (
        "k/kustomization.yaml",
        b"namePrefix: x-\ncommonLabels: {a: b}\nconfigMapGenerator: [{name: m, literals: [k=v]}]\n",
    ),
    ("bytes", b"\xff\xfe"),
    ("e.env", b"# none\nA=1\n\nB=two words\n"),
    ("bad.env", b"1A=1\n"),
    ("config.json", b"{\"auths\":{}}"),
    (
        "two.yaml",
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: t1}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: t2}\n",
    ),
];

struct Fixture {
    folder: TempDir,
    server: FakeServer,
}

impl Fixture {
    async fn new(objects: Vec<(&'static str, Value)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["dir", "k"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        for (name, content) in FILES {
            std::fs::write(folder.path().join(name), content).expect("a file");
        }
        let server = FakeServer::start().await;
        let documents = discovery();
        server.on_request(move |seen: &Seen| documents.get(&seen.path).map(|document| Canned::json(200, document)));
        server.with_store(|store| {
            for (collection, object) in objects {
                store.create(collection, "default", object).expect("a new object");
            }
        });
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", server.address())}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": ""}}],
        });
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string()).expect("a file");
        Self { folder, server }
    }

    /// What a call comes to, as the files have it.
    async fn call(&self, line: &str, input: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let mut words = vec![
            format!("--kubeconfig={folder}/kubeconfig"),
            format!("--cache-dir={folder}/cache"),
        ];
        words.extend(split(&line.replace("%DIR", &folder)));
        let streams = IoStreams::memory(input.as_bytes());
        let code = kubectl::execute(&kubectl::commands::ROOT, &words, &streams).await;
        let mut text = streams.out.take();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for error in streams.err.take().lines() {
            writeln!(text, "! {error}").expect("a text");
        }
        if code != 0 {
            writeln!(text, "= {code}").expect("a text");
        }
        text.replace(&folder, "%DIR")
    }
}

/// The words of a line, as a shell has them.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

async fn check(name: &str) {
    check_with(name, objects()).await;
}

async fn check_with(name: &str, objects: Vec<(&'static str, Value)>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let expected = std::fs::read_to_string(&path).expect("the golden file");
    let fixture = Fixture::new(objects).await;
    let (mut actual, mut calls) = (String::new(), 0);
    let mut lines = expected.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(call) = line.strip_prefix("$ ") else {
            // The lines before the first call say what the file is about.
            if calls == 0 {
                writeln!(actual, "{line}").expect("a text");
            }
            continue;
        };
        calls += 1;
        writeln!(actual, "{line}").expect("a text");
        let mut input = String::new();
        while let Some(text) = lines.next_if(|line| line.starts_with("< ")) {
            writeln!(actual, "{text}").expect("a text");
            writeln!(input, "{}", &text[2..]).expect("a text");
        }
        actual.push_str(&fixture.call(call, &input).await);
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("the golden file");
        return;
    }
    assert!(calls > 0, "{name} has no calls");
    for (number, (expected, actual)) in (1..).zip(expected.lines().zip(actual.lines())) {
        assert_eq!(actual, expected, "{name}, line {number}");
    }
    assert_eq!(actual, expected, "{name}");
}

#[tokio::test]
async fn the_end_of_an_attached_pod_is_that_of_the_command() {
    let fixture = Fixture::new(objects()).await;
    let documents = discovery();
    let ended = json!({"phase": "Failed", "containerStatuses": [
        {"name": "p", "state": {"terminated": {"exitCode": 3, "reason": "Error", "message": "bad"}}}]});
    fixture
        .server
        .on_request(move |seen: &Seen| match (seen.method.as_str(), seen.path.as_str()) {
            ("GET", "/api/v1/namespaces/default/pods") => {
                let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"},
                "spec": {"containers": [{"name": "p"}]}, "status": ended});
                Some(Canned::json(
                    200,
                    &json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [pod]}),
                ))
            }
            ("GET", "/api/v1/namespaces/default/pods/p/log") => Some(Canned {
                status: 200,
                headers: vec![("content-type", "text/plain".to_owned())],
                body: b"hello\n".to_vec(),
            }),
            _ => documents.get(&seen.path).map(|document| Canned::json(200, document)),
        });
    for (line, expected) in [
        (
            "run p --image=x --attach --restart=Never --rm",
            "hello\npod \"p\" deleted from default namespace\n! pod default/p terminated (Error)\n! bad\n= 3\n",
        ),
        ("run p --image=x -i --rm -q", "hello\n"),
        (
            "run p --image=x --attach --restart=Never --leave-stdin-open --rm",
            "hello\npod \"p\" deleted from default namespace\n",
        ),
    ] {
        assert_eq!(fixture.call(line, "").await, expected, "{line}");
    }
}

#[tokio::test]
async fn run() {
    check("run.txt").await;
}

#[tokio::test]
async fn create() {
    check("create.txt").await;
}

#[tokio::test]
async fn expose_and_autoscale() {
    check("expose.txt").await;
}

#[tokio::test]
async fn set() {
    check("set.txt").await;
}

#[tokio::test]
async fn local_and_recorded() {
    check("local.txt").await;
}

#[tokio::test]
async fn rollout() {
    check_with("rollout.txt", rolled_out()).await;
}

#[tokio::test]
async fn nodes() {
    check("nodes.txt").await;
}

#[tokio::test]
async fn certificate() {
    check("certificate.txt").await;
}

#[tokio::test]
async fn debug() {
    check("debug.txt").await;
}

#[tokio::test]
async fn kustomize() {
    check("kustomize.txt").await;
}

#[tokio::test]
async fn diff() {
    check("diff.txt").await;
}

/// The names of the compared folders are made up, so that these lines are looked for and no others.
#[tokio::test]
async fn diff_shows_what_would_change() {
    let fixture = Fixture::new(objects()).await;
    for (changed, expected) in [
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"a.b": "new"}}),
            ["\n-  a.b: c\n+  a.b: new\n", "/v1.ConfigMap.default.cm\t"],
        ),
        (
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"pass": "bmV3"}}),
            [
                "\n-  pass: '*** (before)'\n+  pass: '*** (after)'\n",
                "/v1.Secret.default.s\t",
            ],
        ),
    ] {
        let text = fixture.call("diff -f -", &changed.to_string()).await;
        for part in expected {
            assert!(text.contains(part), "{part:?} is missing in {text}");
        }
        assert!(text.ends_with("= 1\n"), "differences are told by the exit code: {text}");
    }
}
