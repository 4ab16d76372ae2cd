//! SIGKILL under load: what was acknowledged is there afterwards, and nothing contradicts itself.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use client_go::{Client, Error};
use http::Method;
use serde_json::{Value, json};

use super::{etcd::Etcd, server::Server};

const NAMESPACE: &str = "/api/v1/namespaces/load";
const WRITERS: usize = 8;
/// How long a server is under load before it is killed.
const LOAD: Duration = Duration::from_millis(120);

/// What a writer knows of an object: the states that it may be in (`None`: it is not there).
type States = Vec<Option<u64>>;
type Model = Arc<Mutex<BTreeMap<String, States>>>;

fn path(name: &str) -> String {
    format!("{NAMESPACE}/{name}")
}

async fn send(client: &Client, method: Method, path: String, body: &Value) -> Result<Value, Error> {
    let request = client.request(method, path).max_retries(0);
    let request = if body.is_null() {
        request
    } else {
        request.body("application/json", body.to_string())
    };
    let response = request.send().await?;
    serde_json::from_slice(&response.body).map_err(|error| Error::Decode(error.to_string()))
}

fn object(name: &str, number: u64) -> Value {
    let (resource, name) = name.split_once('/').expect("resource and name");
    let metadata = json!({"name": name, "annotations": {"number": number.to_string()}});
    match resource {
        "services" => json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"type": "NodePort", "ports": [{"port": 80}]},
        }),
        "pods" => json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": {
                "automountServiceAccountToken": false,
                "containers": [{"name": "c", "image": "example.com/probe:1"}],
            },
        }),
        _ => json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}),
    }
}

/// Creates, changes and deletes objects of its own until `stop`; each write is in the model before it is sent, and alone
/// there once it is acknowledged.
async fn write(client: Client, writer: usize, round: u64, model: Model, stop: Arc<AtomicBool>) -> usize {
    let kinds = ["configmaps", "services", "pods"];
    let mut acknowledged = 0;
    for step in 0_u64.. {
        let resource = kinds[usize::try_from(step).unwrap_or_default() % kinds.len()];
        let name = format!("{resource}/w{writer}-r{round}-s{}", step / 9);
        let number = round * 1_000_000 + step;
        let before = model
            .lock()
            .expect("a model")
            .get(&name)
            .cloned()
            .unwrap_or_else(|| vec![None]);
        let (method, target, body, after) = match (&before[..], (step / 3) % 3) {
            ([None], _) => (Method::POST, path(resource), object(&name, number), Some(number)),
            (_, 2) if (step / 9) % 2 == 0 => (Method::DELETE, path(&name), Value::Null, None),
            _ => {
                let change = json!({"metadata": {"annotations": {"number": number.to_string()}}});
                (Method::PATCH, path(&name), change, Some(number))
            }
        };
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let possible = [before, vec![after]].concat();
        model.lock().expect("a model").insert(name.clone(), possible);
        let patch = method == Method::PATCH;
        let result = if patch {
            let request = client.request(method, target).max_retries(0);
            request
                .body("application/merge-patch+json", body.to_string())
                .send()
                .await
                .map(drop)
        } else {
            send(&client, method, target, &body).await.map(drop)
        };
        match result {
            Ok(()) => {
                acknowledged += 1;
                model.lock().expect("a model").insert(name, vec![after]);
            }
            Err(Error::Status(status)) if status.code() != 500 && status.code() != 503 && status.code() != 504 => {
                panic!("{name} after {after:?}: {status}");
            }
            // The server has been killed: nobody knows whether the write was done.
            Err(_) => break,
        }
    }
    acknowledged
}

async fn list(client: &Client, path: &str) -> Vec<Value> {
    let list = send(client, Method::GET, path.to_owned(), &Value::Null)
        .await
        .expect("a list");
    list["items"].as_array().expect("items").clone()
}

/// Holds the server's objects against the model, which afterwards knows for sure.
async fn check(client: &Client, model: &Model) {
    let mut found: HashMap<String, u64> = HashMap::new();
    let mut addresses = HashSet::new();
    let mut ports = HashSet::new();
    for resource in ["configmaps", "services", "pods"] {
        for item in list(client, &path(resource)).await {
            let name = item["metadata"]["name"].as_str().expect("a name");
            if let Some(number) = item["metadata"]["annotations"]["number"].as_str() {
                found.insert(format!("{resource}/{name}"), number.parse().expect("a number"));
            }
        }
    }
    for service in list(client, "/api/v1/services").await {
        let ip = service["spec"]["clusterIP"].as_str().expect("an address").to_owned();
        let name = &service["metadata"]["name"];
        assert!(addresses.insert(ip.clone()), "{name}: {ip} is another's as well");
        let port = service["spec"]["ports"][0]["nodePort"].as_u64();
        assert!(
            port.is_none_or(|port| ports.insert(port)),
            "{name}: {port:?} is another's as well"
        );
    }
    let known: HashSet<String> = list(client, "/apis/networking.k8s.io/v1/ipaddresses")
        .await
        .iter()
        .filter_map(|address| address["metadata"]["name"].as_str().map(str::to_owned))
        .collect();
    let unknown: Vec<_> = addresses.difference(&known).collect();
    assert!(
        unknown.is_empty(),
        "addresses of Services that nobody has noted: {unknown:?}"
    );
    let quota = send(client, Method::GET, path("resourcequotas/load"), &Value::Null)
        .await
        .expect("the quota");
    let used: usize = quota["status"]["used"]["pods"]
        .as_str()
        .unwrap_or("0")
        .parse()
        .expect("a number");
    let pods = found.keys().filter(|name| name.starts_with("pods/")).count();
    assert!(used >= pods, "{used} pods are charged, there are {pods}");

    let mut model = model.lock().expect("a model");
    for (name, states) in model.iter_mut() {
        let state = found.remove(name);
        assert!(states.contains(&state), "{name} is {state:?}, may be {states:?}");
        *states = vec![state];
    }
    assert!(found.is_empty(), "nobody wrote {found:?}");
    model.retain(|_, states| states[0].is_some());
}

async fn prepare(client: &Client) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "load"}});
    send(client, Method::POST, "/api/v1/namespaces".to_owned(), &namespace)
        .await
        .expect("a namespace");
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    send(client, Method::POST, path("serviceaccounts"), &account)
        .await
        .expect("an account");
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "load"}, "spec": {"hard": {"pods": "100000"}},
    });
    let mut quota = send(client, Method::POST, path("resourcequotas"), &quota)
        .await
        .expect("a quota");
    // There is no controller that would count for the first time.
    quota["status"] = json!({"hard": {"pods": "100000"}, "used": {"pods": "0"}});
    send(client, Method::PUT, path("resourcequotas/load/status"), &quota)
        .await
        .expect("a status");
}

/// Kills and starts again, `rounds` times. Returns how many writes were acknowledged.
async fn torment(directory: &Path, flags: &[String], rounds: u64) -> usize {
    let model = Model::default();
    let mut server = Server::start(directory, flags).await;
    prepare(&server.client()).await;
    let mut acknowledged = 0;
    for round in 0..rounds {
        let client = server.client();
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(client.clone(), writer, round, model.clone(), stop.clone())))
            .collect();
        tokio::time::sleep(LOAD).await;
        server.kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            acknowledged += writer.await.expect("a writer");
        }
        server = Server::start(directory, flags).await;
        check(&server.client(), &model).await;
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_survives_fifty_kills() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = format!("--data-dir={}", directory.path().join("store").display());
    let acknowledged = torment(directory.path(), &[store], 50).await;
    assert!(acknowledged > 500, "only {acknowledged} writes were acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_survives_kills_on_etcd() {
    let directory = tempfile::tempdir().expect("a directory");
    let etcd = Etcd::start(directory.path());
    let acknowledged = torment(directory.path(), &[etcd.flag()], 10).await;
    assert!(acknowledged > 50, "only {acknowledged} writes were acknowledged");
}
