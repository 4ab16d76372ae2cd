//! What a change costs, and what happens after a failure, on both backends.

use std::sync::Arc;

use super::*;
use crate::backend::testing::Recorder;
use crate::fixtures::{iptables, nftables, proxier, service, slice};

const SERVICES: u32 = 5000;

type MakeBackend = fn(IpFamily, &Arc<Recorder>) -> Box<dyn Backend>;
const BACKENDS: [MakeBackend; 2] = [nftables, iptables];

fn large_cluster(proxier: &Proxier) {
    for number in 0..SERVICES {
        let name = format!("svc-{number}");
        proxier.update_service(&service(
            &name,
            &format!("172.30.{}.{}", number / 250, number % 250 + 1),
        ));
        let third = |last: u32| format!("10.{last}.{}.{}", number / 250, number % 250 + 1);
        proxier.update_endpoint_slice(slice(&name, &[third(1).as_str(), third(2).as_str()]));
    }
}

#[test]
fn the_cost_of_a_sync_follows_the_change() {
    for backend in BACKENDS {
        let commands = Recorder::new();
        let proxier = proxier(IpFamily::V4, backend(IpFamily::V4, &commands));
        large_cluster(&proxier);
        let full = proxier.sync().unwrap();
        assert!(full.operations > SERVICES as usize, "a full sync writes everything");
        commands.take();
        // One endpoint less.
        proxier.update_endpoint_slice(slice("svc-7", &["10.1.0.8"]));
        let changed = proxier.sync().unwrap();
        assert!(
            changed.operations <= 12,
            "one endpoint: {} operations\n{}",
            changed.operations,
            commands.take()
        );
        // A service without endpoints, one that goes, one that comes.
        proxier.update_endpoint_slice(slice("svc-8", &[]));
        proxier.delete_service(NamespacedName::new("ns1", "svc-9"));
        proxier.update_service(&service("new", "172.30.255.1"));
        let changed = proxier.sync().unwrap();
        assert!(
            changed.operations <= 30,
            "three services: {} operations\n{}",
            changed.operations,
            commands.take()
        );
        // Nothing at all.
        commands.take();
        assert_eq!(proxier.sync().unwrap().operations, 0);
        assert_eq!(commands.take(), "", "no program runs when nothing changed");
    }
}

#[test]
fn a_failure_makes_the_next_sync_full() {
    for backend in BACKENDS {
        let commands = Recorder::new();
        let proxier = proxier(IpFamily::V4, backend(IpFamily::V4, &commands));
        proxier.update_service(&service("a", "172.30.0.1"));
        proxier.update_endpoint_slice(slice("a", &["10.1.0.1"]));
        proxier.sync().unwrap();
        commands.take();
        *commands.failures.lock() = 1;
        proxier.update_service(&service("b", "172.30.0.2"));
        let error = proxier.sync().expect_err("the program was told to fail");
        assert!(error.to_string().contains("told to fail"), "{error}");
        proxier.sync().unwrap();
        let text = commands.take();
        assert!(text.contains("172.30.0.1") && text.contains("172.30.0.2"), "{text}");
    }
}

#[test]
fn nothing_is_written_before_everything_is_known() {
    let commands = Recorder::new();
    let options = ProxierOptions {
        family: IpFamily::V4,
        node_name: "node-1".into(),
        min_sync_period: Duration::ZERO,
        sync_period: Duration::from_secs(30),
        metrics: Arc::new(Metrics::new(&prometheus::Registry::new(), "nftables").unwrap()),
        health: Arc::new(ProxyHealth::new(Duration::from_secs(60))),
        service_health: None,
        conntrack: None,
    };
    let proxier = Proxier::new(options, nftables(IpFamily::V4, &commands));
    proxier.update_service(&service("a", "172.30.0.1"));
    proxier.services_synced();
    assert_eq!(proxier.sync().unwrap(), SyncStats::default());
    assert_eq!(commands.take(), "");
    proxier.endpoints_synced();
    assert!(proxier.sync().unwrap().operations > 0);
}

#[test]
fn a_new_zone_plans_everything_anew() {
    let commands = Recorder::new();
    let proxier = proxier(IpFamily::V4, nftables(IpFamily::V4, &commands));
    let hints = |zone: &str| {
        Some(Arc::new(crate::types::Hints {
            zones: vec![zone.into()],
            nodes: vec![],
        }))
    };
    let mut zoned = (*slice("a", &["10.1.0.1", "10.1.0.2"])).clone();
    zoned.endpoints[0].hints = hints("east");
    zoned.endpoints[1].hints = hints("west");
    proxier.update_service(&service("a", "172.30.0.1"));
    proxier.update_endpoint_slice(Arc::new(zoned));
    proxier.sync().unwrap();
    assert!(commands.take().contains("numgen random mod 2"));
    proxier.set_zone("west");
    proxier.sync().unwrap();
    assert!(
        commands
            .take()
            .contains("numgen random mod 1 map { 0 : 10.1.0.2 . 80 }")
    );
}

#[test]
fn ports_without_local_endpoints_are_counted() {
    let commands = Recorder::new();
    let proxier = proxier(IpFamily::V4, nftables(IpFamily::V4, &commands));
    let mut local = service("a", "172.30.0.1");
    local.internal_traffic_policy_local = true;
    proxier.update_service(&local);
    proxier.update_endpoint_slice(slice("a", &["10.1.0.1"]));
    proxier.sync().unwrap();
    let gauge = proxier
        .metrics
        .no_local_endpoints
        .with_label_values(&["internal", "IPv4"]);
    assert!((gauge.get() - 1.0).abs() < f64::EPSILON);
    proxier.update_endpoint_slice(slice("a", &["*10.1.0.1"]));
    proxier.sync().unwrap();
    assert!(gauge.get().abs() < f64::EPSILON);
}
