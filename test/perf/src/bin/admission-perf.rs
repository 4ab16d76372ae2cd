//! What the default admission chain costs the creation of a plain pod.
//!
//! usage: `admission-perf [COUNT]`
//!
//! A control plane on an embedded store, with the objects that a cluster has: the pod's namespace and its `default`
//! service account. Measured is the chain alone, both of its phases, on one thread; copying the pod before each round
//! is taken off. A second figure is that of a namespace with a limit range.

use std::{
    hint::black_box,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use apiserver::{
    admission::{Attributes, GroupVersionName, Operation, Reinvocation, WriteOptions},
    endpoints::{Backing, Endpoint},
    registry::{Local, ObjectBox},
    request::{RequestContext, RequestInfo, UserInfo},
};
use component_base::version::VersionInfo;
use controlplane::{ControlPlane, ServerOptions};
use k8s_api::{
    Kind as _, Object,
    core::v1::{LimitRange, Pod, ServiceAccount},
    meta::v1::ObjectMeta,
};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error>;

const ROUNDS: u32 = 100_000;
const NAMESPACE: &str = "default";
const POD: &str = r#"{"metadata":{"name":"plain","namespace":"default","labels":{"app":"plain"}},"spec":{"containers":[
    {"name":"main","image":"registry.example/plain:1","imagePullPolicy":"IfNotPresent","resources":{"requests":{"cpu":"100m","memory":"64Mi"}},
     "terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"restartPolicy":"Always",
    "terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","securityContext":{},"schedulerName":"default-scheduler"}}"#;

fn endpoint<T: Object>(plane: &ControlPlane) -> Arc<Endpoint> {
    let key = (T::GROUP.to_owned(), T::VERSION.to_owned(), T::PLURAL.to_owned());
    plane.server.routes()[&key].clone()
}

/// Makes an object and returns when the cache has it.
async fn make<T: Object>(plane: &ControlPlane, object: T) -> Result<(), Failure> {
    let endpoint = endpoint::<T>(plane);
    let Backing::Store(store) = &endpoint.backing else {
        return Err("not stored".into());
    };
    Local::<T>::new(store.clone()).ensure(&object).await?;
    store.cacher().see_own_writes().await;
    Ok(())
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: name.to_owned(),
        namespace: NAMESPACE.to_owned(),
        ..ObjectMeta::default()
    }
}

/// The time of one passage through the chain.
async fn measure(endpoint: &Endpoint, rounds: u32) -> Result<Duration, Failure> {
    let pod = Pod::from_json(POD.as_bytes())?;
    let user = Arc::new(UserInfo::named("perf"));
    let request = RequestContext::new(user, RequestInfo::default(), jiff::Timestamp::now(), String::new());
    let name = |name: &str| GroupVersionName {
        group: String::new(),
        version: "v1".to_owned(),
        name: name.to_owned(),
    };
    let (kind, resource, options) = (name("Pod"), name("pods"), WriteOptions::default());
    let attributes = Attributes {
        request: &request,
        kind: &kind,
        resource: &resource,
        subresource: "",
        namespace: NAMESPACE,
        name: &pod.metadata.name,
        operation: Operation::Create,
        options: &options,
        old: None,
        codec: None,
        reinvocation: Reinvocation::default(),
    };
    let begun = Instant::now();
    for _ in 0..rounds {
        black_box::<ObjectBox>(Box::new(pod.clone()));
    }
    let copying = begun.elapsed();
    let begun = Instant::now();
    for _ in 0..rounds {
        let mut object: ObjectBox = Box::new(pod.clone());
        endpoint.admission.admit(&attributes, Some(&mut object)).await?;
        endpoint.admission.validate(&attributes, Some(object.as_ref())).await?;
        black_box(object);
    }
    Ok(begun.elapsed().saturating_sub(copying) / rounds)
}

#[allow(clippy::print_stdout, reason = "the figures are the output")]
async fn run(rounds: u32) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let mut options = ServerOptions::default();
    options.storage.data_dir = PathBuf::from(directory.path());
    let plane = ControlPlane::start(&options, &VersionInfo::current(), CancellationToken::new()).await?;
    plane.wait_ready().await;
    let account = ServiceAccount {
        metadata: named("default"),
        ..ServiceAccount::default()
    };
    make(&plane, account).await?;
    let pods = endpoint::<Pod>(&plane);
    println!("plugins: {}", pods.admission.names().join(","));
    measure(&pods, rounds / 10).await?;
    println!("plain pod: {:?}", measure(&pods, rounds).await?);
    let mut range = LimitRange::from_json(
        br#"{"spec":{"limits":[{"type":"Container","default":{"cpu":"1"},"max":{"cpu":"2"}}]}}"#,
    )?;
    range.metadata = named("range");
    make(&plane, range).await?;
    println!("with a limit range: {:?}", measure(&pods, rounds).await?);
    plane.close().await;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let rounds = match std::env::args().nth(1) {
        None => ROUNDS,
        Some(count) => count.parse()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run(rounds))
}
