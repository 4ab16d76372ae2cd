//! Services, pods and what stands between them, on a server in memory.

use std::sync::Arc;

use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::core::v1::Endpoints;
use k8s_api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_api::meta::v1::OwnerReference;
use serde_json::{Value, json};

use crate::endpoints::ENDPOINTS;
use crate::endpointslice::ENDPOINT_SLICE;
use crate::mirroring::ENDPOINT_SLICE_MIRRORING;
use crate::slices::{Group, Plan, SliceOwner};

const SERVICES: &str = "/api/v1/services";
const PODS: &str = "/api/v1/pods";
const NODES: &str = "/api/v1/nodes";
const ENDPOINTS_PATH: &str = "/api/v1/endpoints";
const SLICES: &str = "/apis/discovery.k8s.io/v1/endpointslices";

fn service(more: Value) -> Value {
    let mut service = json!({
        "metadata": {"name": "web", "namespace": "ns", "labels": {"team": "a"}},
        "spec": {
            "clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"], "selector": {"app": "web"},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
        },
    });
    for (key, value) in more.as_object().unwrap() {
        service["spec"][key] = value.clone();
    }
    service
}

fn pod(index: usize, ready: bool) -> Value {
    json!({
        "metadata": {"name": format!("web-{index}"), "namespace": "ns", "labels": {"app": "web"}},
        "spec": {
            "nodeName": "n",
            "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]}],
        },
        "status": {
            "phase": "Running", "podIP": format!("10.1.0.{index}"), "podIPs": [{"ip": format!("10.1.0.{index}")}],
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
        },
    })
}

async fn started() -> Fixture {
    let fixture = Fixture::start().await;
    let node = json!({"metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "z"}}});
    fixture.create(NODES, "", node);
    for descriptor in [ENDPOINTS, ENDPOINT_SLICE, ENDPOINT_SLICE_MIRRORING] {
        fixture.run(descriptor.constructor).await;
    }
    fixture
}

fn slices(fixture: &Fixture) -> Vec<EndpointSlice> {
    fixture.list(SLICES, "ns")
}

/// The sizes of the slices, the largest first.
fn sizes(fixture: &Fixture) -> Vec<usize> {
    let mut sizes: Vec<_> = slices(fixture).iter().map(|slice| slice.endpoints.len()).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}

fn writes(fixture: &Fixture) -> usize {
    let seen = fixture.server.seen();
    seen.iter()
        .filter(|seen| seen.path.contains("endpointslices") && seen.method.as_str() != "GET")
        .count()
}

#[tokio::test]
async fn endpoints_and_slices_follow_pods() {
    let fixture = started().await;
    fixture.create(SERVICES, "ns", service(json!({"trafficDistribution": "PreferClose"})));
    fixture.eventually("an empty slice", || sizes(&fixture) == [0]).await;
    fixture.create(PODS, "ns", pod(1, true));
    fixture.create(PODS, "ns", pod(2, false));
    fixture.eventually("two endpoints", || sizes(&fixture) == [2]).await;
    let slice = slices(&fixture).remove(0);
    assert_eq!(slice.metadata.labels["kubernetes.io/service-name"], "web");
    assert_eq!(slice.metadata.labels["team"], "a");
    assert_eq!(slice.metadata.owner_references[0].kind, "Service");
    assert_eq!((slice.address_type.as_str(), slice.ports[0].port), ("IPv4", Some(8080)));
    let states: Vec<_> = slice
        .endpoints
        .iter()
        .map(|endpoint| {
            (
                endpoint.addresses[0].as_str(),
                endpoint.conditions.ready,
                endpoint.hints.is_some(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [("10.1.0.1", Some(true), true), ("10.1.0.2", Some(false), false)]
    );
    assert_eq!(slice.endpoints[0].zone.as_deref(), Some("z"));
    assert_eq!(slice.endpoints[0].target_ref.as_ref().unwrap().name, "web-1");

    let endpoints = || Endpoints::from_value(fixture.get(ENDPOINTS_PATH, "ns", "web").unwrap()).unwrap();
    fixture
        .eventually("the endpoints", || {
            let subsets = endpoints().subsets;
            subsets.len() == 1 && subsets[0].addresses.len() == 1 && subsets[0].not_ready_addresses.len() == 1
        })
        .await;
    assert_eq!(
        endpoints().metadata.labels["endpoints.kubernetes.io/managed-by"],
        "endpoint-controller"
    );

    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    fixture.patch(PODS, "ns", "web-2", ready);
    fixture
        .eventually("both ready", || {
            let all_ready = slices(&fixture)[0]
                .endpoints
                .iter()
                .all(|endpoint| endpoint.conditions.ready == Some(true));
            all_ready && endpoints().subsets[0].addresses.len() == 2
        })
        .await;

    // A pod that is about to end serves still, and takes no new connections.
    fixture.patch(
        PODS,
        "ns",
        "web-1",
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
    );
    fixture
        .eventually("one terminating", || {
            slices(&fixture)[0].endpoints.iter().any(|endpoint| {
                let conditions = &endpoint.conditions;
                (conditions.ready, conditions.serving, conditions.terminating) == (Some(false), Some(true), Some(true))
            }) && endpoints().subsets[0].addresses.len() == 1
        })
        .await;
    // Nothing that is not to be told is written.
    let before = writes(&fixture);
    fixture.patch(PODS, "ns", "web-2", json!({"metadata": {"annotations": {"a": "b"}}}));
    fixture.patch(PODS, "ns", "web-1", json!({"metadata": {"labels": {"app": "other"}}}));
    fixture.eventually("one endpoint", || sizes(&fixture) == [1]).await;
    assert_eq!(writes(&fixture), before + 1);
    fixture.delete(SERVICES, "ns", "web");
    fixture
        .eventually("no endpoints", || fixture.get(ENDPOINTS_PATH, "ns", "web").is_none())
        .await;
}

fn endpoint(index: usize, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![format!("10.1.0.{index}")],
        conditions: EndpointConditions {
            ready: Some(ready),
            ..EndpointConditions::default()
        },
        ..Endpoint::default()
    }
}

/// Takes a plan as the server would: slices get names and replace their former states.
fn apply(slices: &mut Vec<Arc<EndpointSlice>>, plan: Plan) {
    slices.retain(|slice| !plan.delete.iter().any(|gone| gone.metadata.uid == slice.metadata.uid));
    for changed in plan.update {
        let place = slices
            .iter_mut()
            .find(|slice| slice.metadata.uid == changed.metadata.uid);
        *place.unwrap() = Arc::new(changed);
    }
    for mut made in plan.create {
        made.metadata.uid = format!("uid-{}", slices.len());
        slices.push(Arc::new(made));
    }
}

#[test]
fn endpoints_are_shared_out_with_few_writes() {
    let owner = SliceOwner {
        namespace: "ns".to_owned(),
        name: "web".to_owned(),
        reference: OwnerReference {
            uid: "service".to_owned(),
            ..OwnerReference::default()
        },
        labels: k8s_api::Map::new(),
        annotations: k8s_api::Map::new(),
        limit: 3,
    };
    let mut slices: Vec<Arc<EndpointSlice>> = Vec::new();
    // Wanted endpoints (those not ready are negative), writes, and the sizes that follow.
    for (wanted, writes, sizes) in [
        (vec![], (1, 0, 0), vec![0]),
        (vec![1, 2, 3, 4, 5, 6, 7], (2, 1, 0), vec![3, 3, 1]),
        (vec![1, 2, 3, 4, 5, 6, 7], (0, 0, 0), vec![3, 3, 1]),
        (vec![1, 2, 3, 4, 5, 6, 7, 8], (0, 1, 0), vec![3, 3, 2]),
        (vec![1, 2, -3, 4, 5, 6, 7, 8], (0, 1, 0), vec![3, 3, 2]),
        (vec![1, 2, 4, 5, 6, 7, 8], (0, 1, 0), vec![3, 2, 2]),
        (vec![1, 2, 4, 5, 6, 7, 8, 9, 10, 11], (1, 0, 0), vec![3, 3, 2, 2]),
        (vec![1, 9], (0, 2, 2), vec![1, 1]),
        (vec![], (0, 1, 1), vec![0]),
    ] {
        let endpoints: Vec<_> = wanted
            .iter()
            .map(|index: &i32| endpoint(usize::try_from(index.abs()).unwrap(), *index > 0))
            .collect();
        let group = Group {
            address_type: "IPv4".to_owned(),
            ports: vec![EndpointPort::default()],
            endpoints,
        };
        let groups = if group.endpoints.is_empty() {
            Vec::new()
        } else {
            vec![group]
        };
        let plan = owner.plan(&slices, groups, &["IPv4"]);
        assert_eq!(
            (plan.create.len(), plan.update.len(), plan.delete.len()),
            writes,
            "{wanted:?}"
        );
        apply(&mut slices, plan);
        let mut present: Vec<_> = slices.iter().map(|slice| slice.endpoints.len()).collect();
        present.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(present, sizes, "{wanted:?}");
    }
}

#[tokio::test]
async fn endpoints_of_others_are_mirrored() {
    let fixture = started().await;
    let bare = json!({
        "metadata": {"name": "ext", "namespace": "ns"},
        "spec": {"clusterIP": "10.0.0.2", "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]},
    });
    fixture.create(SERVICES, "ns", bare);
    let endpoints = json!({
        "metadata": {"name": "ext", "namespace": "ns", "labels": {"a": "b"}},
        "subsets": [{
            "addresses": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}, {"ip": "nonsense"}],
            "ports": [{"port": 80, "protocol": "TCP"}],
        }],
    });
    fixture.create(ENDPOINTS_PATH, "ns", endpoints);
    fixture
        .eventually("a slice a family", || sizes(&fixture) == [1, 1])
        .await;
    let mirror = slices(&fixture).remove(0);
    assert_eq!(
        mirror.metadata.labels["endpointslice.kubernetes.io/managed-by"],
        "endpointslicemirroring-controller.k8s.io"
    );
    assert_eq!(mirror.metadata.owner_references[0].kind, "Endpoints");
    let note = "Skipped 1 invalid IP addresses when mirroring to EndpointSlices";
    fixture
        .eventually(note, || {
            let events: Vec<k8s_api::core::v1::Event> = fixture.list("/api/v1/events", "ns");
            events
                .iter()
                .any(|event| event.reason == "InvalidIPAddress" && event.message == note)
        })
        .await;
    fixture.patch(
        ENDPOINTS_PATH,
        "ns",
        "ext",
        json!({"metadata": {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}}),
    );
    fixture.eventually("no mirrors", || slices(&fixture).is_empty()).await;
}
