//! Addresses and ports of Services, and the `kubernetes` Service.

use std::time::Duration;

use component_base::flags::PortRange;
use serde_json::{Value, json};

use crate::Plane;

const SERVICES: &str = "/api/v1/namespaces/default/services";

fn service(name: &str, spec: Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"ports": [{"port": 80}]},
    });
    if let (Some(members), Value::Object(more)) = (service["spec"].as_object_mut(), spec) {
        members.extend(more);
    }
    service
}

/// The server's own Service is made after it has begun to serve.
async fn own_service(plane: &Plane) -> Value {
    for _ in 0..500 {
        let (status, service) = plane.get(&format!("{SERVICES}/kubernetes")).await;
        let (_, slice) = plane
            .get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
            .await;
        if status == 200 && slice["endpoints"][0].is_object() {
            return service;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the server has no service");
}

async fn address(plane: &Plane, ip: &str) -> u16 {
    plane
        .get(&format!("/apis/networking.k8s.io/v1/ipaddresses/{ip}"))
        .await
        .0
}

async fn small() -> Plane {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let plane = Plane::with(directory, |options| {
        "10.7.0.0/28".clone_into(&mut options.services.cluster_ip_range);
        options.services.node_port_range = PortRange {
            first: 30_000,
            last: 30_003,
        };
        options.generic.advertise_address = Some("192.0.2.7".parse().expect("an address"));
    })
    .await;
    own_service(&plane).await;
    plane
}

#[tokio::test]
async fn addresses_are_taken_and_given_back() {
    let plane = small().await;
    let (status, made) = plane
        .post(SERVICES, service("fixed", json!({"clusterIP": "10.7.0.9"})))
        .await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["spec"]["clusterIPs"], json!(["10.7.0.9"]));
    assert_eq!(made["spec"]["ipFamilyPolicy"], "SingleStack");
    let path = "/apis/networking.k8s.io/v1/ipaddresses/10.7.0.9";
    let (_, record) = plane.get(path).await;
    assert_eq!(
        record["spec"]["parentRef"],
        json!({"resource": "services", "namespace": "default", "name": "fixed"})
    );

    let (status, taken) = plane
        .post(SERVICES, service("same", json!({"clusterIP": "10.7.0.9"})))
        .await;
    assert_eq!(status, 422);
    let message = "Service \"same\" is invalid: spec.clusterIPs: Invalid value: [\"10.7.0.9\"]: failed to allocate IP 10.7.0.9: \
                   provided IP is already allocated";
    assert_eq!(taken["message"], message);
    let (status, outside) = plane
        .post(SERVICES, service("out", json!({"clusterIP": "10.8.0.9"})))
        .await;
    assert_eq!(status, 422, "{outside}");

    let (status, dry) = plane
        .post(&format!("{SERVICES}?dryRun=All"), service("dry", json!({})))
        .await;
    assert_eq!(status, 201, "{dry}");
    assert_eq!(plane.delete(&format!("{SERVICES}/fixed")).await.0, 200);
    assert_eq!(address(&plane, "10.7.0.9").await, 404);

    // Fourteen addresses, of which the kubernetes Service has the first.
    for number in 0..13 {
        let (status, made) = plane.post(SERVICES, service(&format!("s{number}"), json!({}))).await;
        assert_eq!(status, 201, "{number}: {made}");
    }
    let (status, full) = plane.post(SERVICES, service("full", json!({}))).await;
    assert_eq!(status, 500, "{full}");
    assert_eq!(plane.delete(&format!("{SERVICES}/s3")).await.0, 200);
    assert_eq!(plane.post(SERVICES, service("again", json!({}))).await.0, 201);
    plane.plane.close().await;
}

#[tokio::test]
async fn ports_follow_the_type() {
    let plane = small().await;
    let (status, made) = plane.post(SERVICES, service("n", json!({"type": "NodePort"}))).await;
    assert_eq!(status, 201, "{made}");
    let port = made["spec"]["ports"][0]["nodePort"].clone();
    assert!(
        port.as_i64().is_some_and(|port| (30000..30004).contains(&port)),
        "{port}"
    );

    let same = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]});
    let (status, taken) = plane.post(SERVICES, service("other", same.clone())).await;
    assert_eq!(status, 422);
    let message = format!(
        "Service \"other\" is invalid: spec.ports[0].nodePort: Invalid value: {port}: provided port is already allocated"
    );
    assert_eq!(taken["message"], message);

    let path = format!("{SERVICES}/n");
    let mut internal = made.clone();
    internal["spec"]["type"] = "ClusterIP".into();
    let (status, internal) = plane.put(&path, &internal).await;
    assert_eq!(status, 200, "{internal}");
    assert_eq!(internal["spec"]["ports"][0]["nodePort"], Value::Null);
    assert_eq!(internal["spec"]["clusterIP"], made["spec"]["clusterIP"]);
    assert_eq!(plane.post(SERVICES, service("other", same)).await.0, 201);

    let ip = made["spec"]["clusterIP"].as_str().expect("an address");
    let mut outside = internal.clone();
    outside["spec"] = json!({"type": "ExternalName", "externalName": "example.org", "ports": [{"port": 80}]});
    let (status, outside) = plane.put(&path, &outside).await;
    assert_eq!(status, 200, "{outside}");
    assert_eq!(outside["spec"]["clusterIP"], Value::Null);
    assert_eq!(address(&plane, ip).await, 404);

    let balanced =
        json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "allocateLoadBalancerNodePorts": false});
    let (status, balanced) = plane.post(SERVICES, service("lb", balanced)).await;
    assert_eq!(status, 201, "{balanced}");
    assert!(
        balanced["spec"]["healthCheckNodePort"]
            .as_i64()
            .is_some_and(|port| port >= 30000),
        "{balanced}"
    );
    assert_eq!(balanced["spec"]["ports"][0]["nodePort"], Value::Null);
    plane.plane.close().await;
}

#[tokio::test]
async fn two_families() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let plane = Plane::with(directory, |options| {
        "10.7.0.0/24,fd00:7::/112".clone_into(&mut options.services.cluster_ip_range);
    })
    .await;
    let (_, single) = plane.post(SERVICES, service("single", json!({}))).await;
    assert_eq!(single["spec"]["ipFamilies"], json!(["IPv4"]));
    let (_, both) = plane
        .post(SERVICES, service("both", json!({"ipFamilyPolicy": "RequireDualStack"})))
        .await;
    assert_eq!(both["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
    let ips = both["spec"]["clusterIPs"].as_array().expect("addresses");
    assert!(
        ips.len() == 2 && ips[1].as_str().is_some_and(|ip| ip.starts_with("fd00:7::")),
        "{ips:?}"
    );

    // To one family and back.
    let mut fewer = both.clone();
    fewer["spec"]["ipFamilyPolicy"] = "SingleStack".into();
    let (status, fewer) = plane.put(&format!("{SERVICES}/both"), &fewer).await;
    assert_eq!(status, 200, "{fewer}");
    assert_eq!(fewer["spec"]["clusterIPs"], json!([ips[0]]));
    assert_eq!(address(&plane, ips[1].as_str().unwrap_or_default()).await, 404);
    let mut more = fewer.clone();
    more["spec"]["ipFamilyPolicy"] = "PreferDualStack".into();
    let (status, more) = plane.put(&format!("{SERVICES}/both"), &more).await;
    assert_eq!(status, 200, "{more}");
    assert_eq!(more["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));

    let (_, six) = plane
        .post(SERVICES, service("six", json!({"ipFamilies": ["IPv6"]})))
        .await;
    assert_eq!(six["spec"]["ipFamilyPolicy"], "SingleStack");
    let (_, headless) = plane
        .post(SERVICES, service("headless", json!({"clusterIP": "None"})))
        .await;
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    plane.plane.close().await;
}

#[tokio::test]
async fn the_server_has_a_service_of_its_own() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let plane = Plane::with(directory, |options| {
        options.generic.advertise_address = Some("192.0.2.7".parse().expect("an address"));
    })
    .await;
    let service = own_service(&plane).await;
    assert_eq!(service["spec"]["clusterIP"], "10.0.0.1");
    assert_eq!(
        service["spec"]["ports"],
        json!([{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}])
    );
    let (_, endpoints) = plane.get("/api/v1/namespaces/default/endpoints/kubernetes").await;
    assert_eq!(endpoints["subsets"][0]["addresses"], json!([{"ip": "192.0.2.7"}]));
    let (_, slice) = plane
        .get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
        .await;
    assert_eq!(slice["endpoints"][0]["addresses"], json!(["192.0.2.7"]));
    for path in [
        "/apis/networking.k8s.io/v1/servicecidrs/kubernetes",
        "/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical",
        "/apis/apiregistration.k8s.io/v1/apiservices/v1.apps",
        "/api/v1/namespaces/kube-node-lease",
        "/api/v1/namespaces/kube-public",
        "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/catch-all",
    ] {
        assert_eq!(plane.get(path).await.0, 200, "{path}");
    }
    plane.plane.leave().await;
    let (_, endpoints) = plane.get("/api/v1/namespaces/default/endpoints/kubernetes").await;
    assert_eq!(endpoints["subsets"], Value::Null);
    plane.plane.close().await;
}

#[tokio::test]
async fn only_chosen_apis_are_served() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let plane = Plane::with(directory, |options| {
        options.apis = "api/all=false,v1=true,apps/v1=true,batch/v1/jobs=true"
            .parse()
            .expect("a selection");
    })
    .await;
    assert_eq!(plane.get("/apis/apps/v1/deployments").await.0, 200);
    assert_eq!(plane.get("/apis/batch/v1/jobs").await.0, 200);
    let resources = plane.get("/apis/batch/v1").await.1["resources"].clone();
    let names: Vec<&str> = resources
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|resource| resource["name"].as_str())
        .collect();
    assert_eq!(names, ["jobs", "jobs/status"]);
    let groups = plane.get("/apis").await.1["groups"].clone();
    let names: Vec<&str> = groups
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group["name"].as_str())
        .collect();
    assert_eq!(names, ["apps", "batch"]);
    plane.plane.close().await;
}
