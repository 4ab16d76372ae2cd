//! Brings what the API says to the store.

use std::sync::Arc;

use client_go::{
    Client,
    cache::{Event, InformerFactory},
};
use cluster_dns::{health::Status, store};
use k8s_api::{
    core::v1::{Namespace, Service},
    discovery::v1::EndpointSlice,
};
use tokio_util::sync::CancellationToken;

/// Starts the informers; `status` becomes ready once the store has been told of everything.
pub(crate) fn start(
    client: &Client,
    store: &Arc<store::Store>,
    status: &Arc<Status>,
    stop: &CancellationToken,
) -> InformerFactory {
    let factory = InformerFactory::new(client.clone(), stop.child_token());
    let told = [
        factory.informer::<Namespace>().add_handler(on(store, namespace)),
        factory.informer::<Service>().add_handler(on(store, service)),
        factory
            .informer::<EndpointSlice>()
            .add_handler(on(store, endpoint_slice)),
    ];
    factory.start();
    let status = status.clone();
    tokio::spawn(async move {
        for mut registration in told {
            if !registration.wait_synced().await {
                return;
            }
        }
        status.set_ready();
        tracing::info!("every namespace, service and endpoint is known");
    });
    factory
}

fn on<T>(store: &Arc<store::Store>, apply: fn(&store::Store, &Event<T>)) -> impl Fn(Event<T>) + Send + Sync + 'static
where
    T: Send + Sync + 'static,
{
    let store = store.clone();
    move |event| apply(&store, &event)
}

fn namespace(store: &store::Store, event: &Event<Namespace>) {
    let name = &event.object().metadata.name;
    match event {
        Event::Deleted { .. } => store.delete_namespace(name),
        _ => store.upsert_namespace(name),
    }
}

fn service(store: &store::Store, event: &Event<Service>) {
    let service = event.object();
    match event {
        Event::Deleted { .. } => store.delete_service(&service.metadata.namespace, &service.metadata.name),
        _ => store.upsert_service(store::Service::from(&**service)),
    }
}

fn endpoint_slice(store: &store::Store, event: &Event<EndpointSlice>) {
    let object = event.object();
    // A slice that belongs to no service is nobody's business here.
    let Some(slice) = store::EndpointSlice::from_api(object) else {
        return;
    };
    match event {
        Event::Deleted { .. } => store.delete_endpoint_slice(&slice.namespace, &slice.service, &slice.name),
        _ => store.upsert_endpoint_slice(slice),
    }
}
