//! What stands below objects and is not the object under other rules: bindings, evictions, tokens, streams, proxies.

use std::{collections::BTreeMap, sync::Arc};

use apiserver::{
    endpoints::{Connecter, Creater, Endpoint, Subresource},
    registry::{Local, ResourceStrategy, TypedTable},
    server::Routes,
};
use component_base::{feature_gates::FeatureGates, health::HealthCheck};
use k8s_api::{
    Object,
    core::v1::{Binding, ComponentStatus, Endpoints, Node, Pod, Service, ServiceAccount},
    policy::v1::PodDisruptionBudget,
};
use kubeapiserver::{OptionError, authentication::Authentication, store_of};
use registry::core::{
    component_status,
    pod::{Bindings, Evictions},
    service_account::Tokens,
};
use registry_connect::{
    ComponentStatuses, Kubelets, NodeProxy, PodLog, PodProxy, PodStream, Proxy, ServiceProxy, StreamKind, Streams,
};
use streaming::Connections;

use crate::{access::Access, install::Installer, options::ServerOptions};

/// Adds them all. The endpoints are not shared yet; `connections` owns what streams become.
pub(crate) fn install(
    installer: &mut Installer,
    options: &ServerOptions,
    access: &Access,
    connections: &Connections,
    health: Arc<dyn HealthCheck>,
) -> Result<(), OptionError> {
    install_created(installer, &access.authentication)?;
    installer.install_computed::<ComponentStatus>(
        ComponentStatuses::new(health),
        Arc::new(TypedTable::new(component_status::COLUMNS, component_status::row)),
        "v1 ComponentStatus is deprecated in v1.19+",
    );
    let gates = installer.gates.clone();
    let routes = &mut installer.routes;
    let nodes = Local::<Node>::new(store_of::<Node>(routes)?);
    let kubelets = Kubelets::new(nodes, &options.kubelet).map_err(|error| OptionError(error.to_string()))?;
    let pods = Local::<Pod>::new(store_of::<Pod>(routes)?);
    let max_bytes_per_second = Some(options.max_connection_bytes_per_second).filter(|bytes| *bytes > 0);
    let streams = Arc::new(Streams {
        pods: pods.clone(),
        kubelets: kubelets.clone(),
        gates: gates.clone(),
        authorizer: access.authorization.authorizer.clone(),
        connections: connections.clone(),
        max_bytes_per_second,
    });
    for (name, kind) in [
        ("exec", StreamKind::Exec),
        ("attach", StreamKind::Attach),
        ("portforward", StreamKind::PortForward),
    ] {
        connect::<Pod>(routes, name, PodStream::new(kind, streams.clone()))?;
    }
    connect::<Pod>(routes, "log", PodLog::new(pods.clone(), kubelets.clone(), gates))?;
    let proxy = Arc::new(Proxy {
        connections: connections.clone(),
        max_bytes_per_second,
    });
    connect::<Pod>(routes, "proxy", PodProxy::new(pods.clone(), proxy.clone()))?;
    connect::<Node>(routes, "proxy", NodeProxy::new(kubelets, proxy.clone()))?;
    let services = Local::<Service>::new(store_of::<Service>(routes)?);
    let endpoints = Local::<Endpoints>::new(store_of::<Endpoints>(routes)?);
    connect::<Service>(routes, "proxy", ServiceProxy::new(services, endpoints, pods, proxy))
}

/// What is created below objects.
fn install_created(installer: &mut Installer, authentication: &Authentication) -> Result<(), OptionError> {
    let gates: &Arc<FeatureGates> = &installer.gates;
    let pods = store_of::<Pod>(&installer.routes)?;
    let bindings = Bindings::new(pods.clone(), gates.clone());
    let evictions = Evictions::new(
        (pods, status_of::<Pod>(&installer.routes)?),
        (
            store_of::<PodDisruptionBudget>(&installer.routes)?,
            status_of::<PodDisruptionBudget>(&installer.routes)?,
        ),
    );
    create::<Pod>(&mut installer.routes, "binding", bindings.clone())?;
    create::<Pod>(&mut installer.routes, "eviction", evictions)?;
    installer.install_unstored::<Binding>(bindings);
    if let Some(issuer) = &authentication.issuer {
        create::<ServiceAccount>(&mut installer.routes, "token", Tokens::new(issuer.clone()))?;
    }
    Ok(())
}

fn create<T: Object>(routes: &mut Routes, name: &str, creater: Arc<dyn Creater>) -> Result<(), OptionError> {
    below::<T>(routes)?.insert(name.to_owned(), Subresource::Create(creater));
    Ok(())
}

fn connect<T: Object>(routes: &mut Routes, name: &str, connecter: Arc<dyn Connecter>) -> Result<(), OptionError> {
    below::<T>(routes)?.insert(name.to_owned(), Subresource::Connect(connecter));
    Ok(())
}

fn endpoint_of<T: Object>(routes: &Routes) -> Result<&Arc<Endpoint>, OptionError> {
    let key = (T::GROUP.to_owned(), T::VERSION.to_owned(), T::PLURAL.to_owned());
    routes
        .get(&key)
        .ok_or_else(|| OptionError(format!("no resource {} is served", T::PLURAL)))
}

/// What stands below the objects of a kind.
fn below<T: Object>(routes: &mut Routes) -> Result<&mut BTreeMap<String, Subresource>, OptionError> {
    let key = (T::GROUP.to_owned(), T::VERSION.to_owned(), T::PLURAL.to_owned());
    let endpoint = routes.get_mut(&key).and_then(Arc::get_mut);
    endpoint
        .map(|endpoint| &mut endpoint.subresources)
        .ok_or_else(|| OptionError(format!("no resource {} is served", T::PLURAL)))
}

/// The rules of a kind's status.
fn status_of<T: Object>(routes: &Routes) -> Result<Arc<dyn ResourceStrategy>, OptionError> {
    match endpoint_of::<T>(routes)?.subresources.get("status") {
        Some(Subresource::Update(strategy)) => Ok(strategy.clone()),
        _ => Err(OptionError(format!("{} have no status", T::PLURAL))),
    }
}
