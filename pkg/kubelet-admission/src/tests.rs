use k8s_api::Kind;
use k8s_api::core::v1::{Node, Pod};
use kubelet_types::pressure::Pressure;

use crate::{Judge, Pending};

fn node() -> Node {
    Node::from_json(
        br#"{"metadata":{"name":"n","labels":{"disk":"ssd"}},"spec":{"taints":[]},
             "status":{"allocatable":{"cpu":"2","memory":"1Gi","pods":"3"}}}"#,
    )
    .expect("a node")
}

fn pod(spec: &str) -> Pod {
    Pod::from_json(format!(r#"{{"metadata":{{"name":"p"}},"spec":{spec}}}"#).as_bytes()).expect("a pod")
}

fn asking(cpu: &str) -> Pod {
    pod(&format!(
        r#"{{"nodeName":"n","containers":[{{"name":"c","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]}}"#
    ))
}

fn verdict(node: &Node, others: &[&Pod], pressures: &[Pressure], pod: &Pod) -> String {
    let judge = Judge {
        node,
        allocatable: &node.status.allocatable,
        others,
        pressures,
        sysctls: &["net.core.*".to_owned()],
    };
    match judge.admit(pod) {
        Ok(()) => "taken".to_owned(),
        Err(rejection) => format!("{}: {}", rejection.reason, rejection.message),
    }
}

#[test]
fn resources_must_be_enough() {
    let node = node();
    let one = asking("1500m");
    assert_eq!(verdict(&node, &[], &[], &one), "taken");
    assert_eq!(
        verdict(&node, &[&one], &[], &asking("600m")),
        "OutOfcpu: Node didn't have enough resource: cpu, requested: 600, used: 1500, capacity: 2000"
    );
    let none = asking("0");
    assert_eq!(
        verdict(&node, &[&none, &none, &none], &[], &none),
        "OutOfpods: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"
    );
    let extended = pod(r#"{"containers":[{"name":"c","resources":{"requests":{"example.com/x":"1"}}}]}"#);
    assert_eq!(verdict(&node, &[], &[], &extended), "taken");
}

#[test]
fn the_node_must_be_the_right_one() {
    let node = node();
    assert_eq!(
        verdict(&node, &[], &[], &pod(r#"{"nodeSelector":{"disk":"hdd"}}"#)),
        "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
    );
    assert_eq!(
        verdict(&node, &[], &[], &pod(r#"{"nodeSelector":{"disk":"ssd"}}"#)),
        "taken"
    );
    let port = pod(r#"{"containers":[{"name":"c","ports":[{"containerPort":1,"hostPort":80}]}]}"#);
    assert!(verdict(&node, &[&port], &[], &port).starts_with("NodePorts: "));
    let mut tainted = node;
    tainted.spec.taints = vec![k8s_api::core::v1::Taint {
        key: "k".to_owned(),
        effect: "NoExecute".to_owned(),
        ..Default::default()
    }];
    assert!(verdict(&tainted, &[], &[], &asking("1")).starts_with("TaintToleration: "));
}

#[test]
fn sysctls_must_be_allowed() {
    let node = node();
    let with = |name: &str, host: bool| {
        pod(&format!(
            r#"{{"hostNetwork":{host},"securityContext":{{"sysctls":[{{"name":"{name}","value":"1"}}]}}}}"#
        ))
    };
    for (name, host, expected) in [
        ("kernel.shm_rmid_forced", false, "taken"),
        ("net.core.somaxconn", false, "taken"),
        (
            "kernel.msgmax",
            false,
            r#"SysctlForbidden: forbidden sysctl: "kernel.msgmax" not allowlisted"#,
        ),
        (
            "net.ipv4.tcp_syncookies",
            true,
            r#"SysctlForbidden: forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled"#,
        ),
    ] {
        assert_eq!(verdict(&node, &[], &[], &with(name, host)), expected, "{name}");
    }
}

#[test]
fn pressure_keeps_pods_out() {
    let node = node();
    let best_effort = pod("{}");
    assert_eq!(
        verdict(&node, &[], &[Pressure::Memory], &best_effort),
        "Evicted: The node had condition: [MemoryPressure]. "
    );
    assert_eq!(verdict(&node, &[], &[Pressure::Memory], &asking("1")), "taken");
    assert!(verdict(&node, &[], &[Pressure::Disk], &asking("1")).starts_with("Evicted: "));
}

#[test]
fn more_resources_now_or_later_or_never() {
    let node = node();
    let other = asking("1500m");
    let judge = Judge {
        node: &node,
        allocatable: &node.status.allocatable,
        others: &[&other],
        pressures: &[],
        sysctls: &[],
    };
    assert_eq!(judge.resize(&asking("500m")), Ok(()));
    assert!(matches!(judge.resize(&asking("600m")), Err(Pending::Deferred(_))));
    assert!(matches!(judge.resize(&asking("3")), Err(Pending::Infeasible(_))));
}
