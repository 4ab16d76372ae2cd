//! Brings what the API says to the proxiers.

use std::sync::Arc;

use client_go::{
    Client,
    cache::{Event, InformerFactory, InformerOptions, Registration},
};
use ipnet::IpNet;
use k8s_api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
    networking::v1::ServiceCIDR,
};
use kube_proxy_lib::{health::ProxyHealth, proxier::Proxiers, types};
use tokio_util::sync::CancellationToken;

use crate::node;

/// Services that another proxy serves, and such as have no address, are left out.
const SELECTOR: &str = "!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless";

/// Starts the informers; the proxiers begin once they have been told of everything.
pub(crate) fn start(
    client: &Client,
    proxiers: &Proxiers,
    health: &Arc<ProxyHealth>,
    node: &Node,
    stop: &CancellationToken,
) -> InformerFactory {
    let factory = InformerFactory::new(client.clone(), stop.child_token());
    let services = factory.informer_with(client.all::<Service>(), selected());
    let told = services.add_handler({
        let proxiers = proxiers.clone();
        move |event: Event<Service>| service(&proxiers, &event)
    });
    when_synced(told, proxiers, kube_proxy_lib::proxier::Proxier::services_synced);
    let slices = factory.informer_with(client.all::<EndpointSlice>(), selected());
    let told = slices.add_handler({
        let proxiers = proxiers.clone();
        move |event: Event<EndpointSlice>| endpoint_slice(&proxiers, &event)
    });
    when_synced(told, proxiers, kube_proxy_lib::proxier::Proxier::endpoints_synced);
    let cidrs = factory.informer::<ServiceCIDR>();
    cidrs.add_handler({
        let (proxiers, lister) = (proxiers.clone(), cidrs.lister());
        move |_: Event<ServiceCIDR>| {
            let ranges = lister.list();
            let known = ranges.iter().flat_map(|cidr| cidr.spec.cidrs.iter());
            let known: Vec<IpNet> = known.filter_map(|text| text.parse().ok()).collect();
            proxiers.each(|proxier| proxier.set_service_cidrs(&known));
        }
    });
    let own = InformerOptions {
        field_selector: format!("metadata.name={}", node.metadata.name),
        ..InformerOptions::default()
    };
    factory.informer_with(client.all::<Node>(), own).add_handler({
        let (proxiers, health, first, stop) = (proxiers.clone(), health.clone(), node.clone(), stop.clone());
        move |event: Event<Node>| node_changed(&proxiers, &health, &first, &event, &stop)
    });
    factory.start();
    factory
}

fn selected<T>() -> InformerOptions<T> {
    InformerOptions {
        label_selector: SELECTOR.to_owned(),
        ..InformerOptions::default()
    }
}

fn when_synced(mut told: Registration, proxiers: &Proxiers, tell: fn(&kube_proxy_lib::proxier::Proxier)) {
    let proxiers = proxiers.clone();
    tokio::spawn(async move {
        if told.wait_synced().await {
            proxiers.each(tell);
        }
    });
}

fn service(proxiers: &Proxiers, event: &Event<Service>) {
    let service = types::Service::from(&**event.object());
    match event {
        Event::Deleted { .. } => proxiers.each(|proxier| proxier.delete_service(service.key())),
        _ => proxiers.each(|proxier| proxier.update_service(&service)),
    }
}

fn endpoint_slice(proxiers: &Proxiers, event: &Event<EndpointSlice>) {
    let slice = match types::EndpointSlice::try_from(&**event.object()) {
        Ok(slice) => Arc::new(slice),
        Err(error) => return tracing::warn!(%error, "an EndpointSlice is left out"),
    };
    match event {
        Event::Deleted { object, .. } => {
            proxiers.each(|proxier| proxier.delete_endpoint_slice(&slice.service, &object.metadata.name));
        }
        _ => proxiers.each(|proxier| proxier.update_endpoint_slice(slice.clone())),
    }
}

/// What the rules were made with holds until the program ends: with other addresses or pod ranges it ends, and is started
/// again by whoever watches over it.
fn node_changed(
    proxiers: &Proxiers,
    health: &ProxyHealth,
    first: &Node,
    event: &Event<Node>,
    stop: &CancellationToken,
) {
    let now = event.object();
    if let Event::Deleted { .. } = event {
        health.set_node_eligible(false);
        return;
    }
    health.set_node_eligible(node::is_eligible(now));
    proxiers.each(|proxier| proxier.set_zone(node::zone(now)));
    let ips = node::addresses(now);
    if !ips.is_empty() && ips != node::addresses(first) {
        tracing::error!(node = now.metadata.name, ?ips, "the node's addresses changed; ending");
        stop.cancel();
    }
    let cidrs = node::pod_cidrs(now);
    if !node::pod_cidrs(first).is_empty() && cidrs != node::pod_cidrs(first) {
        tracing::error!(
            node = now.metadata.name,
            ?cidrs,
            "the node's pod ranges changed; ending"
        );
        stop.cancel();
    }
}
