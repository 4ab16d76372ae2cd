//! Commands that read, against a server of fixed answers: outputs, errors and exit codes as upstream's.

mod support;

use serde_json::{Value, json};
use support::{Answer, Cluster};

fn pod(name: &str, phase: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default",
        "labels": {"app": "web"}, "managedFields": [{}]}, "status": {"phase": phase}})
}

fn table(rows: &[Value]) -> Value {
    let column = |name: &str, format: &str, priority: i64| json!({"name": name, "type": "string", "format": format, "priority": priority});
    let row = |pod: &Value| json!({"cells": [pod["metadata"]["name"], pod["status"]["phase"], "n1"], "object": pod});
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "7"},
        "columnDefinitions": [column("Name", "name", 0), column("Status", "", 0), column("Node", "", 1)],
        "rows": rows.iter().map(row).collect::<Vec<_>>()})
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": message})
}

fn answers() -> Vec<Answer> {
    let pods = [pod("a", "Running"), pod("longer-name", "Pending")];
    let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": pods});
    let resource = |name: &str, kind: &str, namespaced: bool, short: &[&str]| {
        json!({"name": name, "singularName": kind.to_lowercase(), "namespaced": namespaced, "kind": kind,
            "verbs": ["get", "list", "watch"], "shortNames": short, "categories": if namespaced { vec!["all"] } else { vec![] }})
    };
    vec![
        Answer::new("GET /api", json!({"kind": "APIVersions", "versions": ["v1"]})),
        Answer::new(
            "GET /apis",
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [
            {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}], "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}}]}),
        ),
        Answer::new(
            "GET /api/v1",
            json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            resource("pods", "Pod", true, &["po"]), resource("nodes", "Node", false, &["no"])]}),
        ),
        Answer::new(
            "GET /apis/apps/v1",
            json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
            resource("deployments", "Deployment", true, &["deploy"])]}),
        ),
        Answer::new(
            "GET /version",
            json!({"major": "1", "minor": "33", "gitVersion": "v1.33.1", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}),
        ),
        Answer::new("GET /api/v1/namespaces/default/pods?limit=500", table(&pods)),
        Answer::new("GET /api/v1/namespaces/default/pods?limit=500", list.clone()),
        Answer::new("GET /api/v1/namespaces/default/pods", list),
        Answer::new("GET /api/v1/pods?limit=500", table(&pods)),
        Answer::new("GET /api/v1/nodes?limit=500", table(&[])),
        Answer::new("GET /apis/apps/v1/namespaces/default/deployments?limit=500", table(&[])),
        Answer::new("GET /api/v1/namespaces/default/pods/a", table(&pods[..1])),
        Answer::new("GET /api/v1/namespaces/default/pods/a", pods[0].clone()),
        Answer::new(
            "GET /api/v1/namespaces/default/pods/none",
            status(404, "NotFound", "pods \"none\" not found"),
        ),
        Answer::new(
            "GET /api/v1/namespaces/secret/pods?limit=500",
            status(403, "Forbidden", "pods is forbidden"),
        ),
        Answer::new(
            "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            json!({"status": {"allowed": false, "reason": "because"}}),
        ),
        Answer::new(
            "GET /openapi/v3",
            json!({"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=1"}}}),
        ),
        Answer::new(
            "GET /openapi/v3/api/v1?hash=1",
            json!({"components": {"schemas": {"io.k8s.Pod": {
            "description": "A pod.", "properties": {"kind": {"type": "string", "description": "Its kind."}},
            "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Pod"}]}}}}),
        ),
    ]
}

/// A line, and what it comes to: exit code, standard output, standard error.
type Case = (&'static str, u8, &'static str, &'static str);

const GET: &[Case] = &[
    (
        "get pods",
        0,
        "NAME          STATUS\na             Running\nlonger-name   Pending\n",
        "",
    ),
    (
        "get po -o wide --no-headers",
        0,
        "a             Running   n1\nlonger-name   Pending   n1\n",
        "",
    ),
    (
        "get pods -L app --show-kind",
        0,
        "NAME              STATUS    APP\npod/a             Running   web\npod/longer-name   Pending   web\n",
        "",
    ),
    (
        "get pods -A",
        0,
        "NAMESPACE   NAME          STATUS\ndefault     a             Running\ndefault     longer-name   Pending\n",
        "",
    ),
    (
        "get pods,nodes",
        0,
        "NAME              STATUS\npod/a             Running\npod/longer-name   Pending\n",
        "",
    ),
    ("get deploy", 0, "", "No resources found in default namespace.\n"),
    ("get nodes", 0, "", "No resources found\n"),
    ("get pods -o name", 0, "pod/a\npod/longer-name\n", ""),
    (
        "get pods -o jsonpath={.items[*].status.phase}",
        0,
        "Running Pending",
        "",
    ),
    (
        "get pods -o go-template={{range.items}}{{.metadata.name}},{{end}}",
        0,
        "a,longer-name,",
        "",
    ),
    (
        "get pods -o custom-columns=N:.metadata.name,X:.spec.x",
        0,
        "N             X\na             <none>\nlonger-name   <none>\n",
        "",
    ),
    (
        "get pod a -o yaml",
        0,
        "apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    app: web\n  name: a\n  namespace: default\nstatus:\n  phase: Running\n",
        "",
    ),
    (
        "get pods none",
        1,
        "",
        "Error from server (NotFound): pods \"none\" not found\n",
    ),
    (
        "get pods none a -o name",
        1,
        "pod/a\n",
        "Error from server (NotFound): pods \"none\" not found\n",
    ),
    ("get pods none --ignore-not-found", 0, "", ""),
    (
        "get pods -n secret",
        1,
        "",
        "Error from server (Forbidden): pods is forbidden\n",
    ),
    (
        "get nope",
        1,
        "",
        "error: the server doesn't have a resource type \"nope\"\n",
    ),
    (
        "get pods/a x",
        1,
        "",
        "error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'PROGRAM get resource/<resource_name>' instead of 'PROGRAM get resource resource/<resource_name>'\n",
    ),
    (
        "get pods -o foo",
        1,
        "",
        "error: unable to match a printer suitable for the output format \"foo\", allowed formats are: custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,template,templatefile,wide,yaml\n",
    ),
    (
        "get pods --sort-by={.status.phase} -o name",
        0,
        "pod/longer-name\npod/a\n",
        "",
    ),
    (
        "get -f -",
        1,
        "",
        "unable to decode \"STDIN\": Object 'Kind' is missing in '{\"a\":1}'\n",
    ),
];

const OTHERS: &[Case] = &[
    ("api-versions", 0, "apps/v1\nv1\n", ""),
    ("api-resources -o name", 0, "nodes\npods\ndeployments.apps\n", ""),
    (
        "api-resources --api-group=apps",
        0,
        "NAME          SHORTNAMES   APIVERSION   NAMESPACED   KIND\ndeployments   deploy       apps/v1      true         Deployment\n",
        "",
    ),
    ("auth can-i get pods", 1, "no - because\n", ""),
    ("auth can-i get pods -q", 1, "", ""),
    (
        "explain pods.kind",
        0,
        "KIND:       Pod\nVERSION:    v1\n\nFIELD: kind <string>\n\n\nDESCRIPTION:\n    Its kind.\n    \n\n",
        "",
    ),
    (
        "explain pods.none",
        1,
        "KIND:       Pod\nVERSION:    v1\n\n",
        "error: field \"none\" does not exist\n",
    ),
    (
        "explain nope",
        1,
        "",
        "the server doesn't have a resource type \"nope\"\n",
    ),
    (
        "__completeNoDesc get pods a",
        0,
        "a\n:4\n",
        "Completion ended with directive: ShellCompDirectiveNoFileComp\n",
    ),
    (
        "__completeNoDesc get no",
        0,
        "nodes\n:4\n",
        "Completion ended with directive: ShellCompDirectiveNoFileComp\n",
    ),
    ("config current-context", 0, "test\n", ""),
    (
        "config use-context nope",
        1,
        "",
        "error: no context exists with the name: \"nope\"\n",
    ),
    (
        "get --nope",
        1,
        "",
        "error: unknown flag: --nope\nSee 'kubectl get --help' for usage.\n",
    ),
    (
        "gett",
        1,
        "",
        "error: unknown command \"gett\" for \"kubectl\"\n\nDid you mean this?\n\tget\n",
    ),
    (
        "config nope",
        1,
        "",
        "error: unknown command \"nope\"\nSee 'kubectl config -h' for help and examples\n",
    ),
    (
        "--context=nope get pods",
        1,
        "",
        "Error in configuration: context was not found for specified context: nope\n",
    ),
];

async fn check(cases: &[Case]) {
    let cluster = Cluster::start(answers()).await;
    let program = std::env::args().next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    for (line, code, out, err) in cases {
        let words: Vec<&str> = line.split(' ').collect();
        let input = "{\"a\":1}";
        let expected = (*code, (*out).to_owned(), err.replace("PROGRAM", program));
        let mut given = cluster.kubectl(&words, input).await;
        // Which commands resemble the word changes with the table of commands.
        if let Some(at) = given.2.find("\tset\n") {
            given.2.replace_range(at..at + 5, "");
        }
        assert_eq!(given, expected, "{line}");
    }
}

#[tokio::test]
async fn get_prints_and_fails_as_upstream() {
    check(GET).await;
}

#[tokio::test]
async fn the_others_print_and_fail_as_upstream() {
    check(OTHERS).await;
}

#[tokio::test]
async fn a_server_of_another_version_is_warned_of() {
    let cluster = Cluster::start(answers()).await;
    let (code, out, err) = cluster.kubectl(&["version"], "").await;
    assert_eq!(code, 0);
    assert!(out.ends_with("Server Version: v1.33.1\n"), "{out}");
    assert_eq!(
        err,
        "Warning: version difference between client (1.36) and server (1.33) exceeds the supported minor version skew of +/-1\n"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let cluster = Cluster::start(Vec::new()).await;
    let (code, _, err) = cluster
        .kubectl(&["--server=http://127.0.0.1:1", "get", "pods"], "")
        .await;
    assert_eq!(
        (code, err.as_str()),
        (
            1,
            "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?\n"
        )
    );
}

#[tokio::test]
async fn the_kubeconfig_is_edited() {
    let cluster = Cluster::start(Vec::new()).await;
    for (line, out) in [
        (
            "config set-cluster c --server=https://c --tls-server-name=n",
            "Cluster \"c\" set.\n",
        ),
        ("config set-credentials u --token=t", "User \"u\" set.\n"),
        ("config set-context x --cluster=c --user=u", "Context \"x\" created.\n"),
        (
            "config set contexts.x.namespace ns",
            "Property \"contexts.x.namespace\" set.\n",
        ),
        ("config use-context x", "Switched to context \"x\".\n"),
        (
            "config unset clusters.c.tls-server-name",
            "Property \"clusters.c.tls-server-name\" unset.\n",
        ),
        ("config rename-context x y", "Context \"x\" renamed to \"y\".\n"),
        ("config get-contexts -o name", "test\ny\n"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(
            cluster.kubectl(&words, "").await,
            (0, out.to_owned(), String::new()),
            "{line}"
        );
    }
    let (_, view, _) = cluster.kubectl(&["config", "view", "--minify"], "").await;
    assert_eq!(
        view,
        "apiVersion: v1\nclusters:\n- cluster:\n    server: https://c\n  name: c\ncontexts:\n- context:\n    cluster: c\n    namespace: ns\n    user: u\n  name: \"y\"\ncurrent-context: \"y\"\nkind: Config\nusers:\n- name: u\n  user:\n    token: REDACTED\n"
    );
}

#[tokio::test]
async fn help_has_upstreams_layout() {
    let cluster = Cluster::start(Vec::new()).await;
    let (code, out, _) = cluster.kubectl(&["cluster-info", "--help"], "").await;
    assert_eq!(code, 0);
    assert!(out.starts_with("Display addresses of the control plane"), "{out}");
    assert!(out.contains("\n\nExamples:\n  # The addresses"), "{out}");
    assert!(out.contains("\n\nAvailable Commands:\n  dump          Dump relevant information for debugging and diagnosis\n\nUsage:\n  kubectl cluster-info [flags] [options]\n\nUse \"kubectl cluster-info <command> --help\" for more information about a given command.\nUse \"kubectl options\" for a list of global command-line options (applies to all commands).\n"), "{out}");
    let (_, out, _) = cluster.kubectl(&["config", "get-contexts", "-h"], "").await;
    assert!(out.contains("\n\nOptions:\n    --no-headers=false:\n\tWhen using the default or custom-column output format, don't print headers (default print headers).\n\n    -o, --output='':\n\tOutput format. One of: (name).\n\nUsage:\n  kubectl config get-contexts [(-o|--output=)name)] [options]\n\nUse \"kubectl options\""), "{out}");
}
