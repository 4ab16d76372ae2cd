//! Workers on the in-memory runtime and paused time; HTTP, TCP and gRPC over real sockets.

use std::collections::HashMap;
use std::time::Duration;

use cri_client::RuntimeService;
use cri_client::api::{ContainerConfig, ContainerMetadata, ImageSpec, PodSandboxConfig, PodSandboxMetadata};
use cri_client::testing::{FakeRuntime, Program, Stream};
use k8s_api::Kind;
use k8s_api::primitives::Time;
use kubelet_types::clock::{Clock, TokioClock};
use kubelet_types::testing::MemoryRecorder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

#[derive(Default)]
struct Statuses(Mutex<HashMap<String, Arc<PodStatus>>>);

impl StatusSource for Statuses {
    fn pod_status(&self, uid: &str) -> Option<Arc<PodStatus>> {
        self.0.lock().get(uid).cloned()
    }
}

struct World {
    runtime: FakeRuntime,
    recorder: Arc<MemoryRecorder>,
    statuses: Arc<Statuses>,
    clock: Arc<TokioClock>,
    probes: Probes,
}

fn world() -> World {
    let runtime = FakeRuntime::new();
    let recorder = Arc::new(MemoryRecorder::default());
    let statuses = Arc::new(Statuses::default());
    let clock = Arc::new(TokioClock::default());
    let prober = Prober::new(Arc::new(runtime.clone()), recorder.clone());
    let probes = Probes::new(prober, Arc::default(), statuses.clone(), clock.clone());
    World {
        runtime,
        recorder,
        statuses,
        clock,
        probes,
    }
}

fn pod(container: &str) -> Arc<Pod> {
    let text = format!(
        r#"{{"metadata":{{"name":"p","namespace":"ns","uid":"u1"}},"spec":{{"restartPolicy":"Always","containers":[{container}]}}}}"#
    );
    Arc::new(Pod::from_json(text.as_bytes()).expect("a pod"))
}

impl World {
    /// A running container in the runtime, published in a status; returns its id as the API shows it.
    async fn run_container(&self) -> String {
        self.runtime.add_image("image", 1);
        let sandbox = PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: "p".to_owned(),
                uid: "u1".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let id = self.runtime.run_pod_sandbox(&sandbox, "").await.expect("a sandbox");
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: "c".to_owned(),
                attempt: 0,
            }),
            image: Some(ImageSpec {
                image: "image".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let id = self
            .runtime
            .create_container(&id, &config, &sandbox)
            .await
            .expect("a container");
        self.runtime.start_container(&id).await.expect("started");
        let id = format!("fake://{id}");
        self.publish(&id, None);
        id
    }

    fn publish(&self, id: &str, started: Option<bool>) {
        let mut status = PodStatus {
            pod_ip: "127.0.0.1".to_owned(),
            ..Default::default()
        };
        let mut container = ContainerStatus {
            name: "c".to_owned(),
            container_id: id.to_owned(),
            started,
            ..Default::default()
        };
        container.state.running = Some(Box::default());
        container.state.running.as_mut().expect("running").started_at = Some(Time::from(self.clock.now()));
        status.container_statuses.push(container);
        self.statuses.0.lock().insert("u1".to_owned(), Arc::new(status));
    }

    /// The status with what the probes say.
    fn updated(&self, pod: &Pod) -> (Option<bool>, bool) {
        let mut status = PodStatus::clone(&self.statuses.pod_status("u1").expect("a status"));
        self.probes.update_status(pod, &mut status);
        (status.container_statuses[0].started, status.container_statuses[0].ready)
    }

    fn program(&self, command: &str, exit_code: i32) {
        let output = vec![(Stream::Stdout, format!("{command} says {exit_code}"))];
        self.runtime.add_program(
            &[command],
            Program {
                output,
                run_for: Some(Duration::ZERO),
                exit_code,
                ..Default::default()
            },
        );
    }
}

#[tokio::test(start_paused = true)]
async fn liveness_fails_after_its_threshold() {
    let world = world();
    let id = world.run_container().await;
    world.publish(&id, Some(true));
    world.program("check", 1);
    let pod = pod(
        r#"{"name":"c","livenessProbe":{"exec":{"command":["check"]},"periodSeconds":5,"timeoutSeconds":1,
            "failureThreshold":3,"successThreshold":1,"initialDelaySeconds":7}}"#,
    );
    let mut changes = world.probes.results().subscribe();
    let begun = tokio::time::Instant::now();
    world.probes.add_pod(&pod);
    let first = changes.recv().await.expect("a change");
    assert_eq!(
        (first.kind, first.verdict),
        (ProbeKind::Liveness, Verdict::Success),
        "alive until known better"
    );
    let second = changes.recv().await.expect("a change");
    assert_eq!(second.verdict, Verdict::Failure);
    assert_eq!(begun.elapsed().as_secs(), 20 - 5, "the third failure after the delay");
    assert_eq!(
        world.recorder.messages("Unhealthy"),
        vec!["Liveness probe failed: check says 1"; 3]
    );
    assert_eq!(world.recorder.events()[0].object.field_path, "spec.containers{c}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        world.recorder.messages("Unhealthy").len(),
        3,
        "on hold until the container is another one"
    );
    world.probes.remove_pod("u1");
    assert_eq!(world.probes.worker_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn startup_comes_before_readiness() {
    let world = world();
    let id = world.run_container().await;
    world.program("start", 1);
    world.program("ready", 0);
    let pod = pod(r#"{"name":"c",
            "startupProbe":{"exec":{"command":["start"]},"periodSeconds":1,"timeoutSeconds":1,"failureThreshold":30,"successThreshold":1},
            "readinessProbe":{"exec":{"command":["ready"]},"periodSeconds":100,"timeoutSeconds":1,"failureThreshold":3,"successThreshold":1}}"#);
    world.probes.add_pod(&pod);
    assert_eq!(world.probes.worker_count(), 2);
    let mut changes = world.probes.results().subscribe();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.updated(&pod), (Some(false), false));
    world.program("start", 0);
    loop {
        let change = changes.recv().await.expect("a change");
        if change.kind == ProbeKind::Startup && change.verdict == Verdict::Success {
            break;
        }
    }
    let before = tokio::time::Instant::now();
    world.publish(&id, Some(true));
    assert_eq!(
        world.updated(&pod),
        (Some(true), false),
        "started, and readiness is asked at once"
    );
    loop {
        let change = changes.recv().await.expect("a change");
        if change.kind == ProbeKind::Readiness && change.verdict == Verdict::Success {
            break;
        }
    }
    assert!(before.elapsed() < Duration::from_secs(1), "not a whole period later");
    assert_eq!(world.updated(&pod), (Some(true), true));
}

/// What a kubelet that starts again finds running keeps its state until its probes say otherwise.
#[tokio::test(start_paused = true)]
async fn containers_of_an_earlier_kubelet_stay_what_they_were() {
    for (started, ready) in [(true, true), (true, false), (false, false)] {
        let world = world();
        let id = world.run_container().await;
        world.publish(&id, Some(started));
        world.program("start", 1);
        world.program("ready", 1);
        let pod = pod(r#"{"name":"c",
            "startupProbe":{"exec":{"command":["start"]},"periodSeconds":1,"timeoutSeconds":1,"failureThreshold":30,"successThreshold":1},
            "readinessProbe":{"exec":{"command":["ready"]},"periodSeconds":10,"timeoutSeconds":1,"failureThreshold":3,"successThreshold":1}}"#);
        let mut pod = Arc::unwrap_or_clone(pod);
        pod.status = PodStatus::clone(&world.statuses.pod_status("u1").expect("a status"));
        pod.status.container_statuses[0].ready = ready;
        assert_eq!(world.updated(&pod), (Some(started), ready), "before there are workers");
        world.probes.add_pod(&Arc::new(pod.clone()));
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert_eq!(world.updated(&pod), (Some(started), ready), "after the first failure");
        tokio::time::sleep(Duration::from_secs(25)).await;
        assert_eq!(world.updated(&pod), (Some(started), false), "after the third");
    }
}

/// However often the status is made, a container is not probed more than once a second.
#[tokio::test(start_paused = true)]
async fn many_states_in_a_moment_are_one_probe() {
    let world = world();
    let id = world.run_container().await;
    world.publish(&id, Some(true));
    world.program("ready", 1);
    let pod = pod(
        r#"{"name":"c","readinessProbe":{"exec":{"command":["ready"]},"periodSeconds":100,"timeoutSeconds":1,
            "failureThreshold":3,"successThreshold":1}}"#,
    );
    world.probes.add_pod(&pod);
    for _ in 0..19 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(world.updated(&pod), (Some(true), false));
    }
    assert_eq!(
        world.recorder.messages("Unhealthy").len(),
        2,
        "at once and a second later"
    );
}

#[tokio::test(start_paused = true)]
async fn containers_without_probes_are_ready_when_they_run() {
    let world = world();
    world.run_container().await;
    let pod = pod(r#"{"name":"c"}"#);
    world.probes.add_pod(&pod);
    assert_eq!(world.updated(&pod), (Some(true), true));
}

/// Answers every request with this.
async fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 1024];
            let count = stream.read(&mut request).await.expect("a request");
            assert!(count > 0);
            stream.write_all(answer.as_bytes()).await.expect("answered");
        }
    });
    port
}

async fn probe(world: &World, probe: &str) -> (Option<bool>, Vec<String>) {
    let pod = pod(&format!(r#"{{"name":"c","livenessProbe":{probe}}}"#));
    let container = &pod.spec.containers[0];
    let spec = container.liveness_probe.as_deref().expect("a probe");
    let status = PodStatus {
        pod_ip: "127.0.0.1".to_owned(),
        ..Default::default()
    };
    let found = world
        .probes
        .shared
        .prober
        .probe(ProbeKind::Liveness, spec, &pod, &status, container, "fake://x")
        .await;
    (
        found,
        world.recorder.events().into_iter().map(|event| event.message).collect(),
    )
}

#[tokio::test]
async fn http_statuses() {
    for (answer, found, message) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", true, None),
        (
            "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
            false,
            Some("Liveness probe failed: HTTP probe failed with statuscode: 503"),
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://elsewhere/\r\ncontent-length: 4\r\n\r\nbody",
            true,
            Some("Liveness probe warning: Probe terminated redirects, Response body: body"),
        ),
    ] {
        let world = world();
        let port = server(answer).await;
        let (seen, messages) = probe(
            &world,
            &format!(r#"{{"httpGet":{{"path":"/x","port":{port}}},"timeoutSeconds":5}}"#),
        )
        .await;
        assert_eq!(seen, Some(found), "{answer}");
        assert_eq!(messages.first().map(String::as_str), message, "{answer}");
    }
}

#[tokio::test]
async fn refused_connections_and_unknown_ports() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let refused = format!("dial tcp 127.0.0.1:{port}: connect: connection refused");
    for (spec, expected) in [
        (
            format!(r#"{{"tcpSocket":{{"port":{port}}}}}"#),
            format!("Liveness probe failed: {refused}"),
        ),
        (
            format!(r#"{{"httpGet":{{"path":"/x","port":{port}}}}}"#),
            format!("Liveness probe failed: Get \"http://127.0.0.1:{port}/x\": {refused}"),
        ),
    ] {
        let world = world();
        assert_eq!(probe(&world, &spec).await, (Some(false), vec![expected]));
    }
    let (found, messages) = probe(&world(), r#"{"tcpSocket":{"port":"web"}}"#).await;
    assert_eq!(found, None);
    assert_eq!(
        messages,
        ["Liveness probe errored and resulted in unknown state: strconv.Atoi: parsing \"web\": invalid syntax"]
    );
    let (found, messages) = probe(&world(), &format!(r#"{{"grpc":{{"port":{port}}}}}"#)).await;
    assert_eq!(found, Some(false));
    assert!(
        messages[0].starts_with(&format!(
            "Liveness probe failed: timeout: failed to connect service \"127.0.0.1:{port}\" within 1s: context deadline exceeded"
        )),
        "{messages:?}"
    );
}
