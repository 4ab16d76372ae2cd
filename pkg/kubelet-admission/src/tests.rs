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
        Ok(victims) if victims.is_empty() => "taken".to_owned(),
        Ok(victims) => format!("taken for {}", victims.join(" ")),
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

#[test]
fn critical_pods_make_others_go_as_few_as_can_be() {
    let mut node = node();
    node.status
        .allocatable
        .insert("pods", "10".parse().expect("a quantity"));
    let named = |uid: &str, requests: &str, limits: &str, priority: i32| {
        let mut pod = pod(&format!(
            r#"{{"priority":{priority},"containers":[{{"name":"c","resources":{{"requests":{{{requests}}},"limits":{{{limits}}}}}}}]}}"#
        ));
        pod.metadata.uid = uid.to_owned();
        pod
    };
    let full = r#""cpu":"500m","memory":"100Mi""#;
    let small = named("small", r#""cpu":"300m""#, "", 0);
    let medium = named("medium", r#""cpu":"500m""#, "", 0);
    let guaranteed = named("guaranteed", full, full, 0);
    let critical = named("system", r#""cpu":"700m""#, "", 2_000_000_000);
    let others = [&small, &medium, &guaranteed, &critical];
    for (cpu, expected) in [
        ("200m", "taken for small"),
        ("450m", "taken for medium"),
        ("700m", "taken for medium small"),
        ("1000m", "taken for medium guaranteed"),
    ] {
        let wanting = named("new", &format!(r#""cpu":"{cpu}""#), "", 2_000_000_000);
        assert_eq!(verdict(&node, &others, &[], &wanting), expected, "{cpu}");
    }
    let much = named("new", r#""cpu":"1900m""#, "", 2_000_000_000);
    assert_eq!(
        verdict(&node, &others, &[], &much),
        "UnexpectedAdmissionError: Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 600), ]"
    );
    let plain = named("new", r#""cpu":"200m""#, "", 1000);
    assert!(verdict(&node, &others, &[], &plain).starts_with("OutOfcpu: "));
}
