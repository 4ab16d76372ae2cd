//! Defaults, faults and warnings of services, word for word, and the rules of their IP families.

use component_base::feature_gates::FeatureGates;
use k8s_api::{Kind, core::v1::Service, primitives::IntOrString};
use serde_json::{Value, json};

use super::{
    ClusterFamilies, IPV4, default_on_read, drop_type_dependent_fields, init_ip_families, normalize_cluster_ips,
    patch_allocated_values, set_defaults, validate, validate_status_update, validate_update, warnings,
};

const ONE: ClusterFamilies = ClusterFamilies {
    primary: IPV4,
    dual_stack: false,
};
const TWO: ClusterFamilies = ClusterFamilies {
    primary: IPV4,
    dual_stack: true,
};

fn service(spec: Value) -> Service {
    let metadata = json!({"name": "demo", "namespace": "default", "resourceVersion": "1"});
    let mut spec = spec;
    if spec.get("ports").is_none() {
        spec["ports"] = json!([{"port": 80}]);
    }
    let mut service = Service::from_value(json!({"metadata": metadata, "spec": spec})).expect("a service");
    set_defaults(&mut service);
    service
}

/// As it is when it is validated.
fn initialized(spec: Value) -> Service {
    let mut service = service(spec);
    normalize_cluster_ips(&mut service, None);
    service
}

#[test]
fn defaults() {
    let plain = service(json!({}));
    let spec = &plain.spec;
    assert_eq!(
        (spec.type_.as_str(), spec.session_affinity.as_str()),
        ("ClusterIP", "None")
    );
    assert_eq!(spec.internal_traffic_policy.as_deref(), Some("Cluster"));
    assert_eq!(spec.external_traffic_policy, "");
    assert_eq!(spec.allocate_load_balancer_node_ports, None);
    assert_eq!(spec.ports[0].protocol, "TCP");
    assert_eq!(spec.ports[0].target_port, IntOrString::Int(80));

    let balanced = service(json!({"type": "LoadBalancer", "sessionAffinity": "ClientIP"}));
    assert_eq!(balanced.spec.external_traffic_policy, "Cluster");
    assert_eq!(balanced.spec.allocate_load_balancer_node_ports, Some(true));
    let config = balanced.spec.session_affinity_config.expect("defaulted");
    assert_eq!(config.client_ip.expect("defaulted").timeout_seconds, Some(10_800));

    let outside = service(json!({"type": "ExternalName", "externalName": "x.example"}));
    assert_eq!(outside.spec.internal_traffic_policy, None);
}

#[test]
fn faults() {
    let gates = FeatureGates::default();
    let cases = [
        (json!({}), ""),
        (json!({"ports": []}), "spec.ports: Required value"),
        (json!({"ports": [], "clusterIP": "None"}), ""),
        (
            json!({"type": "NodePort", "clusterIP": "None"}),
            r#"spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services"#,
        ),
        (
            json!({"type": "ExternalName", "clusterIP": "10.0.0.1"}),
            "[spec.clusterIPs: Forbidden: may not be set for ExternalName services, spec.externalName: Required value]",
        ),
        (
            json!({"ports": [{"port": 0}]}),
            "[spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive]",
        ),
        (
            json!({"ports": [{"name": "a", "port": 80, "nodePort": 30000}, {"name": "a", "port": 80, "targetPort": "Not Good"}]}),
            r#"[spec.ports[1].name: Duplicate value: "a", spec.ports[1].targetPort: Invalid value: "Not Good": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP', spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}]"#,
        ),
        (
            json!({"sessionAffinity": "Cookie", "type": "Odd"}),
            r#"[spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None", spec.type: Unsupported value: "Odd": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]"#,
        ),
        (
            json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 86401}}}),
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400",
        ),
        (
            json!({"externalIPs": ["127.0.0.1"]}),
            r#"spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)"#,
        ),
        (
            json!({"externalTrafficPolicy": "Local"}),
            r#"spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services"#,
        ),
        (
            json!({"type": "NodePort", "externalTrafficPolicy": "Nearby"}),
            r#"spec.externalTrafficPolicy: Unsupported value: "Nearby": supported values: "Cluster", "Local""#,
        ),
        (
            json!({"healthCheckNodePort": 31234}),
            "spec.healthCheckNodePort: Invalid value: 31234: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ),
        (
            json!({"loadBalancerSourceRanges": ["banana"], "loadBalancerClass": "x", "allocateLoadBalancerNodePorts": true}),
            r#"[spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer', spec.LoadBalancerSourceRanges[0]: Invalid value: "banana": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64), spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer', spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer']"#,
        ),
        (
            json!({"internalTrafficPolicy": "Far", "trafficDistribution": "Even"}),
            r#"[spec.internalTrafficPolicy: Unsupported value: "Far": supported values: "Cluster", "Local", spec.trafficDistribution: Unsupported value: "Even": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"]"#,
        ),
        (
            json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.2", "10.0.0.3"], "ipFamilies": ["IPv4", "IPv4"]}),
            r#"[spec.clusterIPs: Invalid value: ["10.0.0.2","10.0.0.3"]: first value must match `clusterIP`, spec.ipFamilies[1]: Duplicate value: "IPv4", spec.clusterIPs: Invalid value: ["10.0.0.2","10.0.0.3"]: may specify no more than one IP for each IP family]"#,
        ),
        (
            json!({"clusterIP": "10.0.0.1", "ipFamilies": ["IPv6"]}),
            r#"spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`"#,
        ),
    ];
    for (spec, text) in cases {
        assert_eq!(validate(&initialized(spec), &gates).to_string(), text);
    }
}

#[test]
fn updates() {
    let gates = FeatureGates::default();
    let with = |ips: &[&str], families: &[&str]| {
        initialized(json!({"clusterIP": ips.first().unwrap_or(&""), "clusterIPs": ips, "ipFamilies": families}))
    };
    let old = with(&["10.0.0.1", "fd00::1"], &["IPv4", "IPv6"]);
    assert_eq!(validate_update(&old, &old, &gates).to_string(), "");
    assert_eq!(
        validate_update(&with(&["10.0.0.2", "fd00::1"], &["IPv4", "IPv6"]), &old, &gates).to_string(),
        r#"spec.clusterIPs[0]: Invalid value: ["10.0.0.2","fd00::1"]: may not change once set"#
    );
    assert_eq!(
        validate_update(&with(&["10.0.0.1"], &["IPv4"]), &old, &gates).to_string(),
        "[spec.ipFamilyPolicy: Invalid value: null: must be set to 'SingleStack' when releasing the secondary clusterIP, \
         spec.ipFamilyPolicy: Invalid value: null: must be set to 'SingleStack' when releasing the secondary ipFamily]"
    );
    assert_eq!(
        validate_update(&with(&[], &["IPv4"]), &old, &gates).to_string(),
        "[spec.clusterIPs[0]: Invalid value: null: primary clusterIP can not be unset, \
         spec.ipFamilies[0]: Invalid value: [\"IPv4\"]: primary ipFamily can not be unset, \
         spec.ipFamilyPolicy: Invalid value: null: must be set to 'SingleStack' when releasing the secondary ipFamily]"
    );
    let balanced = |class: &str| initialized(json!({"type": "LoadBalancer", "loadBalancerClass": class}));
    assert_eq!(
        validate_update(&balanced("a/b"), &balanced("a/c"), &gates).to_string(),
        r#"spec.loadBalancerClass: Invalid value: "a/b": may not change once set"#
    );
}

#[test]
fn status_updates() {
    let gates = FeatureGates::default();
    let with = |type_: &str, ingress: Value| {
        let mut service = service(json!({"type": type_}));
        service.status = Service::from_value(json!({"status": {"loadBalancer": {"ingress": ingress}}}))
            .expect("a service")
            .status;
        service
    };
    let old = with("LoadBalancer", json!([]));
    let cases = [
        ("LoadBalancer", json!([{"ip": "1.2.3.4", "ipMode": "VIP"}]), ""),
        (
            "ClusterIP",
            json!([{"ip": "1.2.3.4"}]),
            "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
        ),
        (
            "LoadBalancer",
            json!([{"ip": "1.2.3.4"}, {"hostname": "1.2.3.4", "ipMode": "VIP"}, {"ip": "1.2.3.5", "ipMode": "Odd"}]),
            r#"[status.loadBalancer.ingress[0].ipMode: Required value: must be specified when `ip` is set, status.loadBalancer.ingress[1].ipMode: Forbidden: may not be specified when `ip` is not set, status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address, status.loadBalancer.ingress[2].ipMode: Unsupported value: "Odd": supported values: "Proxy", "VIP"]"#,
        ),
    ];
    for (type_, ingress, text) in cases {
        assert_eq!(
            validate_status_update(&with(type_, ingress), &old, &gates).to_string(),
            text
        );
    }
}

#[test]
fn what_is_ignored_is_warned_about() {
    let headless = service(json!({
        "clusterIP": "None", "loadBalancerIP": "1.2.3.04", "externalIPs": ["1.2.3.4"],
        "sessionAffinity": "ClientIP", "externalName": "x",
    }));
    assert_eq!(
        warnings(&headless),
        [
            "spec.loadBalancerIP is ignored for headless services",
            "spec.externalIPs is ignored for headless services",
            "spec.SessionAffinity is ignored for headless services",
            r#"spec.loadBalancerIP: non-standard IP address "1.2.3.04" is invalid: use "1.2.3.4""#,
            r#"spec.externalName is ignored when spec.type is not "ExternalName""#,
        ]
    );
    assert_eq!(
        warnings(&service(json!({"trafficDistribution": "PreferClose"}))),
        [r#"spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone""#]
    );
}

#[test]
fn a_new_type_drops_what_it_has_no_use_for() {
    let old = initialized(json!({
        "type": "LoadBalancer", "clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
        "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000, "loadBalancerClass": "a/b",
        "ports": [{"port": 80, "nodePort": 30000}],
    }));
    let mut new = old.clone();
    "ExternalName".clone_into(&mut new.spec.type_);
    drop_type_dependent_fields(&mut new, &old);
    let spec = &new.spec;
    assert!(spec.cluster_ip.is_empty() && spec.cluster_ips.is_empty() && spec.ip_families.is_empty());
    assert_eq!(
        (spec.ip_family_policy.as_deref(), spec.load_balancer_class.as_deref()),
        (None, None)
    );
    assert_eq!((spec.health_check_node_port, spec.ports[0].node_port), (0, 0));
    assert_eq!(spec.external_traffic_policy, "");
    assert_eq!(spec.allocate_load_balancer_node_ports, None);
}

fn families(spec: Value, old: Option<&Service>, cluster: ClusterFamilies) -> Result<(String, Vec<String>), String> {
    let mut service = service(spec);
    normalize_cluster_ips(&mut service, old);
    init_ip_families(&mut service, old, cluster, &FeatureGates::default()).map_err(|errors| errors.to_string())?;
    let policy = service.spec.ip_family_policy.unwrap_or_default();
    Ok((policy, service.spec.ip_families))
}

#[test]
fn families_of_new_services() {
    let of = |policy: &str, families: &[&str]| {
        Ok((
            policy.to_owned(),
            families.iter().map(|&family| family.to_owned()).collect(),
        ))
    };
    let selector = json!({"a": "b"});
    for (spec, cluster, expected) in [
        (json!({}), ONE, of("SingleStack", &["IPv4"])),
        (json!({}), TWO, of("SingleStack", &["IPv4"])),
        (json!({"ipFamilyPolicy": "PreferDualStack"}), ONE, of("PreferDualStack", &["IPv4"])),
        (json!({"ipFamilyPolicy": "PreferDualStack"}), TWO, of("PreferDualStack", &["IPv4", "IPv6"])),
        (
            json!({"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6"]}),
            TWO,
            of("RequireDualStack", &["IPv6", "IPv4"]),
        ),
        (json!({"clusterIP": "None"}), ONE, of("RequireDualStack", &["IPv4", "IPv6"])),
        (json!({"clusterIP": "None", "selector": selector}), ONE, of("SingleStack", &["IPv4"])),
        (json!({"clusterIP": "fd00::1"}), TWO, of("SingleStack", &["IPv6"])),
        (
            json!({"ipFamilyPolicy": "RequireDualStack"}),
            ONE,
            Err(
                "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services"
                    .to_owned(),
            ),
        ),
        (
            json!({"ipFamilies": ["IPv6"]}),
            ONE,
            Err("spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster".to_owned()),
        ),
        (
            json!({"clusterIP": "fd00::1"}),
            ONE,
            Err("spec.clusterIPs[0]: Invalid value: [\"fd00::1\"]: IPv6 is not configured on this cluster".to_owned()),
        ),
        (
            json!({"ipFamilies": ["IPv4", "IPv6"]}),
            TWO,
            Err(
                "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"
                    .to_owned(),
            ),
        ),
    ] {
        assert_eq!(families(spec, None, cluster), expected);
    }
}

#[test]
fn updates_keep_what_was_allocated() {
    let mut old = initialized(json!({
        "type": "NodePort", "clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
        "ports": [{"name": "a", "port": 80, "nodePort": 30000}, {"name": "b", "port": 81, "nodePort": 30001}],
    }));
    default_on_read(&mut old, ONE);
    let mut new = service(json!({
        "type": "NodePort",
        "ports": [{"name": "a", "port": 80}, {"name": "c", "port": 81, "nodePort": 30001}],
    }));
    patch_allocated_values(&mut new, &old);
    normalize_cluster_ips(&mut new, Some(&old));
    assert_eq!(new.spec.cluster_ips, ["10.0.0.1"]);
    assert_eq!(
        new.spec.ports.iter().map(|port| port.node_port).collect::<Vec<_>>(),
        [30000, 30001]
    );
}

#[test]
fn old_objects_get_their_families() {
    let mut stored = service(json!({"clusterIP": "10.0.0.1"}));
    default_on_read(&mut stored, TWO);
    assert_eq!(stored.spec.cluster_ips, ["10.0.0.1"]);
    assert_eq!(stored.spec.ip_families, ["IPv4"]);
    assert_eq!(stored.spec.ip_family_policy.as_deref(), Some("SingleStack"));
}
