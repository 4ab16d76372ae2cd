//! The processor time that the filters cost a request: authentication, authorization, flow control and audit at level
//! `Metadata` together.
//!
//! The same request goes through the same handler, once past all filters and once through those of a cluster in earnest; the
//! difference is the filters'. No network is involved. Ends with 1 above the budget of 30 µs.

#![allow(clippy::print_stdout, reason = "figures are what the program is for")]

use std::{fs, path::Path, process::ExitCode, time::SystemTime};

use anyhow::{Context as _, ensure};
use apiserver::server::ServerHandler;
use apiserver_auth::{
    jose::{SigningKey, sign},
    serviceaccount::{Claims, KubernetesClaims, NumericDate, Reference},
};
use component_base::{
    flags::FlagValue as _,
    serving::{Body, Handler as _, RequestContext},
    version::VersionInfo,
};
use controlplane::{ControlPlane, ServerOptions};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ISSUER: &str = "https://kubernetes.default.svc";
const BUDGET: f64 = 30.0;
const REQUESTS: u32 = 5_000;
const ROUNDS: usize = 5;
const TARGET: &str = "/api/v1/namespaces/default/configmaps/c";

const POLICY: &str =
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n";

/// Nanoseconds that this process has run.
fn cpu() -> anyhow::Result<f64> {
    let mut total = 0.0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        total += text
            .split(' ')
            .next()
            .context("schedstat has a first field")?
            .parse::<f64>()?;
    }
    Ok(total)
}

struct Plane {
    handler: ServerHandler,
    plane: ControlPlane,
}

impl Plane {
    async fn start(
        directory: &Path,
        set: impl FnOnce(&mut ServerOptions) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        let mut options = ServerOptions::default();
        options.storage.data_dir = directory.join("store");
        let tokens = directory.join("tokens.csv");
        fs::write(
            &tokens,
            "admintoken,admin,admin,system:masters\nalicetoken,alice,alice,\"a,b\"\n",
        )?;
        options.authentication.token_auth_file = tokens.display().to_string();
        set(&mut options)?;
        let plane = ControlPlane::start(&options, &VersionInfo::current(), CancellationToken::new()).await?;
        plane.wait_ready().await;
        let handler = ServerHandler(plane.server.clone());
        Ok(Self { handler, plane })
    }

    async fn send(&self, token: &str, method: Method, target: &str, body: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("authorization", format!("Bearer {token}"))
            .header("user-agent", "perf")
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))?;
        request.extensions_mut().insert(RequestContext::detached());
        let response = self.handler.handle(request).await;
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok((status, body.to_bytes().to_vec()))
    }

    async fn make(&self, path: &str, object: Value) -> anyhow::Result<Value> {
        let (status, body) = self.send("admintoken", Method::POST, path, &object.to_string()).await?;
        ensure!(
            matches!(status, 201 | 409),
            "{path}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        Ok(serde_json::from_slice(&body)?)
    }

    /// Microseconds of processor time a request, the best of some rounds.
    async fn measure(&self, token: &str) -> anyhow::Result<f64> {
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let before = cpu()?;
            for _ in 0..REQUESTS {
                let (status, _) = self.send(token, Method::GET, TARGET, "").await?;
                ensure!(status == 200, "answered with {status}");
            }
            best = best.min((cpu()? - before) / f64::from(REQUESTS) / 1000.0);
        }
        Ok(best)
    }
}

fn map() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}, "data": {"a": "b"}})
}

/// A token as a token request issues it.
fn account_token(key: &SigningKey, account: &Value) -> anyhow::Result<String> {
    let now = NumericDate::from(SystemTime::now());
    let uid = account["metadata"]["uid"]
        .as_str()
        .context("an account has an identifier")?;
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: vec![ISSUER.to_owned()],
        sub: "system:serviceaccount:default:robot".to_owned(),
        jti: "00000000-0000-0000-0000-000000000001".to_owned(),
        exp: Some(NumericDate(now.0 + 3600)),
        iat: Some(now),
        nbf: Some(now),
        kubernetes: Some(KubernetesClaims {
            namespace: "default".to_owned(),
            serviceaccount: Reference {
                name: "robot".to_owned(),
                uid: uid.to_owned(),
            },
            ..KubernetesClaims::default()
        }),
        ..Claims::default()
    };
    sign(key, &claims).map_err(|error| anyhow::anyhow!("{error}"))
}

async fn cluster(directory: &Path) -> anyhow::Result<(Plane, String)> {
    let key = rcgen::KeyPair::generate()?;
    let write = |name: &str, content: &str| -> anyhow::Result<String> {
        let path = directory.join(name);
        fs::write(&path, content)?;
        Ok(path.display().to_string())
    };
    let (public, private) = (
        write("sa.pub", &key.public_key_pem())?,
        write("sa.key", &key.serialize_pem())?,
    );
    let policy = write("policy.yaml", POLICY)?;
    let log = directory.join("audit.log").display().to_string();
    let set = |options: &mut ServerOptions| -> anyhow::Result<()> {
        let set = |flag: Result<(), String>| flag.map_err(|error| anyhow::anyhow!(error));
        let accounts = &mut options.authentication.service_accounts;
        set(accounts.issuers.set(ISSUER, true))?;
        set(accounts.key_files.set(&public, true))?;
        accounts.signing_key_file.clone_from(&private);
        set(options.authorization.modes.set("Node,RBAC", true))?;
        options.audit.policy_file = policy;
        options.audit.log.path = log;
        Ok(())
    };
    let plane = Plane::start(&directory.join("cluster"), set).await?;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}});
    let account = plane
        .make("/api/v1/namespaces/default/serviceaccounts", account)
        .await?;
    let signer = SigningKey::from_pem(key.serialize_pem().as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "view"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": "robot"}, {"kind": "User", "name": "alice"}]});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "view"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]});
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    plane.make(&format!("{rbac}/roles"), role).await?;
    plane.make(&format!("{rbac}/rolebindings"), binding).await?;
    plane.make("/api/v1/namespaces/default/configmaps", map()).await?;
    let token = account_token(&signer, &account)?;
    while plane.send("alicetoken", Method::GET, TARGET, "").await?.0 != 200 {
        tokio::task::yield_now().await;
    }
    Ok((plane, token))
}

async fn run() -> anyhow::Result<bool> {
    let directory = tempfile::tempdir()?;
    let bare = Plane::start(&directory.path().join("bare"), |options| {
        options.generic.priority_and_fairness = false;
        Ok(())
    })
    .await?;
    bare.make("/api/v1/namespaces/default/configmaps", map()).await?;
    let floor = bare.measure("admintoken").await?;
    bare.plane.close().await;
    println!(
        "{:60} {floor:6.2} µs",
        "a get past the filters (static token, AlwaysAllow)"
    );
    let (plane, account) = cluster(directory.path()).await?;
    let mut within = true;
    for (who, token) in [
        ("an administrator with a static token", "admintoken"),
        ("a user with a static token", "alicetoken"),
        ("a service account", &account),
    ] {
        let whole = plane.measure(token).await?;
        let filters = whole - floor;
        within &= filters <= BUDGET;
        println!("{who:60} {whole:6.2} µs, the filters {filters:6.2} µs of {BUDGET} µs");
    }
    plane.plane.close().await;
    Ok(within)
}

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    Ok(if runtime.block_on(run())? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
