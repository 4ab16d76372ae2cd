//! A tiny API server for trying clients: one pod, `default/web`, whose exec runs commands of this
//! machine and whose port-forward leads to ports of this machine. Plain HTTP on loopback.
//!
//! Usage: `fake-apiserver MODE [PORT]`, where MODE is how exec, attach and port-forward are served:
//! `direct` (as a container runtime), `relay` (raw bytes to one) or `translate` (as the API server).
//! Only for tests: whoever reaches the port runs commands.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use streaming::remotecommand::{self, ExecStreams, Failure, Kind, Options, ServerConfig};
use streaming::{Body, BoxIo, Connections, relay::Relay};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Direct,
    Relay,
    Translate,
}

#[derive(Clone)]
struct Server {
    mode: Mode,
    runtime: SocketAddr,
    connections: Connections,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mode = match arguments.next().as_deref() {
        Some("direct") => Mode::Direct,
        Some("relay") => Mode::Relay,
        Some("translate") => Mode::Translate,
        _ => bail!("usage: fake-apiserver direct|relay|translate [PORT]"),
    };
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let connections = Connections::new();
    let runtime = listen(0, Mode::Direct, (Ipv4Addr::LOCALHOST, 0).into(), &connections).await?;
    let address = listen(port, mode, runtime, &connections).await?;
    let mut out = tokio::io::stdout();
    out.write_all(format!("listening on http://{address}\n").as_bytes())
        .await?;
    out.flush().await?;
    tokio::signal::ctrl_c().await?;
    connections.shutdown().await;
    Ok(())
}

async fn listen(port: u16, mode: Mode, runtime: SocketAddr, connections: &Connections) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    let server = Server {
        mode,
        runtime,
        connections: connections.clone(),
    };
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let server = server.clone();
                    async move { server.answer(request).await }
                });
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(connection), service)
                    .with_upgrades();
                if let Err(error) = serving.await {
                    tracing::debug!(%error, "a connection failed");
                }
            });
        }
    });
    Ok(address)
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
        let path = request.uri().path().to_owned();
        let answer = match path.as_str() {
            "/api" => json_answer(&json!({"kind": "APIVersions", "versions": ["v1"]})),
            "/apis" => json_answer(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})),
            "/version" => json_answer(&json!({"major": "1", "minor": "36", "gitVersion": "v1.36.2"})),
            "/api/v1" => json_answer(&resources()),
            "/api/v1/namespaces/default/pods/web" => json_answer(&pod()),
            "/api/v1/namespaces/default/pods/web/exec" => self.command(request, Kind::Exec).await?,
            "/api/v1/namespaces/default/pods/web/attach" => self.command(request, Kind::Attach).await?,
            "/api/v1/namespaces/default/pods/web/portforward" => self.port_forward(request).await?,
            _ => {
                let mut answer = json_answer(&json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "reason": "NotFound", "code": 404, "message": format!("{path} not found"),
                }));
                *answer.status_mut() = StatusCode::NOT_FOUND;
                answer
            }
        };
        Ok(answer)
    }

    async fn command(&self, request: Request<Incoming>, kind: Kind) -> anyhow::Result<Response<Body>> {
        let query: Vec<(String, String)> = query(&request);
        let flag = |name: &str| query.iter().any(|(have, value)| have == name && value == "true");
        let options = Options {
            stdin: flag("stdin"),
            stdout: flag("stdout"),
            stderr: flag("stderr") && !flag("tty"),
            tty: flag("tty"),
        };
        if self.mode == Mode::Direct {
            let command: Vec<String> = query
                .iter()
                .filter(|(name, _)| name == "command")
                .map(|(_, value)| value.clone())
                .collect();
            let handler = move |streams| async move { run(kind, command, streams).await };
            return Ok(remotecommand::serve(
                request,
                kind,
                options,
                ServerConfig::default(),
                &self.connections,
                handler,
            ));
        }
        let relay = self.relay(&request)?;
        Ok(match self.mode {
            Mode::Translate => relay.exec(request, options).await?,
            _ => relay.upgrade(request).await?,
        })
    }

    async fn port_forward(&self, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
        if self.mode == Mode::Direct {
            let config = streaming::portforward::ServerConfig {
                target: "pod default/web, uid 1".to_owned(),
                ..Default::default()
            };
            return Ok(streaming::portforward::serve(
                request,
                config,
                &self.connections,
                |port| async move {
                    let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
                    Ok(Box::new(connection) as BoxIo)
                },
            ));
        }
        let relay = self.relay(&request)?;
        Ok(match self.mode {
            Mode::Translate => relay.port_forward(request).await?,
            _ => relay.upgrade(request).await?,
        })
    }

    fn relay(&self, request: &Request<Incoming>) -> anyhow::Result<Relay> {
        let runtime = self.runtime;
        let path = request.uri().path_and_query().context("requests have a path")?;
        Ok(Relay {
            connector: Arc::new(move || async move { Ok(Box::new(TcpStream::connect(runtime).await?) as BoxIo) }),
            location: format!("http://{runtime}{path}").parse()?,
            use_location_host: true,
            headers: http::HeaderMap::new(),
            client_address: None,
            max_bytes_per_second: None,
            connections: self.connections.clone(),
        })
    }
}

/// Runs the command, with `script` for a terminal; attach joins a `cat`.
async fn run(kind: Kind, command: Vec<String>, mut streams: ExecStreams) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Error(error.to_string());
    let command = match kind {
        Kind::Exec => command,
        Kind::Attach => vec!["cat".to_owned()],
    };
    let mut process = if streams.tty {
        let size = streams.resize.recv().await.unwrap_or_default();
        let line = format!("stty cols {} rows {}; {}", size.width, size.height, command.join(" "));
        let mut process = Command::new("script");
        process.args(["-qec", &line, "/dev/null"]);
        process
    } else {
        let mut process = Command::new(command.first().map_or("", |program| program));
        process.args(&command[1.min(command.len())..]);
        process
    };
    let mut child = process
        .stdin(if streams.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let input = async move {
        if let (Some(mut from), Some(mut to)) = (streams.stdin, stdin) {
            if tokio::io::copy(&mut from, &mut to).await.is_err() {
                return;
            }
            drop(to);
            // The stream stays open until the process ends.
            std::future::pending::<()>().await;
        }
        std::future::pending::<()>().await;
    };
    let output = async {
        tokio::join!(
            async {
                if let (Some(mut from), Some(mut to)) = (stdout, streams.stdout) {
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                }
            },
            async {
                if let (Some(mut from), Some(mut to)) = (stderr, streams.stderr) {
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                }
            },
            child.wait()
        )
        .2
    };
    let status = tokio::select! {
        status = output => status.map_err(failed)?,
        () = input => return Ok(()),
    };
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::ExitCode(code, format!("exit code {code}"))),
        None => Err(Failure::Error(status.to_string())),
    }
}

fn query(request: &Request<Incoming>) -> Vec<(String, String)> {
    form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

fn json_answer(value: &Value) -> Response<Body> {
    let body = Full::from(value.to_string()).map_err(|never| match never {}).boxed();
    let mut answer = Response::new(body);
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    answer
}

fn resources() -> Value {
    let resource = |name: &str, kind: &str, verbs: Value| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": verbs});
    json!({
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            resource("pods", "Pod", json!(["get", "list"])),
            resource("pods/exec", "PodExecOptions", json!(["create", "get"])),
            resource("pods/attach", "PodAttachOptions", json!(["create", "get"])),
            resource("pods/portforward", "PodPortForwardOptions", json!(["create", "get"])),
        ],
    })
}

fn pod() -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": "web", "namespace": "default", "uid": "1"},
        "spec": {"containers": [{"name": "c", "image": "i", "stdin": true, "tty": false}]},
        "status": {"phase": "Running"},
    })
}
