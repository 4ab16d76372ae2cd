//! Files and command lines as operators and kubeadm write them.

use std::fs;

use component_base::GoDuration;
use component_base::feature_gates::{Feature, FeatureGates};
use component_base::flags::{Command, FlagSet, Flags};

use super::*;

const COMMAND: Command = Command {
    name: "kubelet",
    about: "The node agent.",
};

fn parse(arguments: &[&str]) -> Result<KubeletOptions, String> {
    let arguments: Vec<_> = arguments.iter().map(|word| (*word).to_owned()).collect();
    parse_command_line(&COMMAND, &arguments)
        .map(|(_, options)| options)
        .map_err(|error| error.to_string())
}

fn file(directory: &std::path::Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, format!("apiVersion: {API_VERSION}\nkind: {KIND}\n{text}")).expect("written");
    path.display().to_string()
}

#[test]
fn defaults_of_files_and_of_command_lines_differ() {
    let bare = parse(&[]).expect("no flags");
    assert!(bare.configuration.authentication.anonymous.enabled);
    assert_eq!(bare.configuration.authorization.mode, "AlwaysAllow");
    assert_eq!(bare.configuration.read_only_port, 10255);
    let directory = tempfile::tempdir().expect("a directory");
    let config = file(directory.path(), "config.yaml", "");
    let with_file = parse(&["--config", &config]).expect("an empty file");
    assert!(!with_file.configuration.authentication.anonymous.enabled);
    assert!(with_file.configuration.authentication.webhook.enabled);
    assert_eq!(with_file.configuration.authorization.mode, "Webhook");
    assert_eq!(with_file.configuration.read_only_port, 0);
    assert_eq!(with_file.configuration.max_pods, 110);
    assert_eq!(
        with_file.configuration.node_status_update_frequency,
        GoDuration::from_secs(10)
    );
    assert_eq!(
        with_file.configuration.node_status_report_frequency,
        GoDuration::from_mins(5)
    );
}

#[test]
fn a_file_of_kubeadm() {
    let text = "authentication:\n  anonymous:\n    enabled: false\n  webhook:\n    cacheTTL: 0s\n    enabled: true\n  x509:\n    clientCAFile: /etc/kubernetes/pki/ca.crt\nauthorization:\n  mode: Webhook\n  webhook:\n    cacheAuthorizedTTL: 0s\n    cacheUnauthorizedTTL: 0s\ncgroupDriver: systemd\nclusterDNS:\n- 10.96.0.10\nclusterDomain: cluster.local\ncontainerRuntimeEndpoint: \"\"\ncpuManagerReconcilePeriod: 0s\ncrashLoopBackOff: {}\nevictionPressureTransitionPeriod: 0s\nfileCheckFrequency: 0s\nhealthzBindAddress: 127.0.0.1\nhealthzPort: 10248\nhttpCheckFrequency: 0s\nimageMaximumGCAge: 0s\nimageMinimumGCAge: 0s\nlogging:\n  flushFrequency: 0\n  options:\n    json:\n      infoBufferSize: \"0\"\n    text:\n      infoBufferSize: \"0\"\n  verbosity: 0\nmemorySwap: {}\nnodeStatusReportFrequency: 0s\nnodeStatusUpdateFrequency: 0s\nresolvConf: /run/systemd/resolve/resolv.conf\nrotateCertificates: true\nruntimeRequestTimeout: 0s\nshutdownGracePeriod: 0s\nshutdownGracePeriodCriticalPods: 0s\nstaticPodPath: /etc/kubernetes/manifests\nstreamingConnectionIdleTimeout: 0s\nsyncFrequency: 0s\nvolumeStatsAggPeriod: 0s\n";
    let directory = tempfile::tempdir().expect("a directory");
    let configuration = parse(&["--config", &file(directory.path(), "config.yaml", text)])
        .expect("kubeadm's file")
        .configuration;
    assert_eq!(configuration.sync_frequency, GoDuration::from_mins(1));
    assert_eq!(configuration.authentication.webhook.cache_ttl, GoDuration::from_mins(2));
    assert_eq!(
        configuration.container_runtime_endpoint,
        "unix:///run/containerd/containerd.sock"
    );
    assert_eq!(configuration.cgroup_driver, "systemd");
    assert_eq!(configuration.logging.flush_frequency.0, GoDuration::from_secs(5));
}

#[test]
fn drop_ins_go_over_the_file_and_flags_over_both() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = file(
        directory.path(),
        "config.yaml",
        "maxPods: 1\nclusterDNS: [10.0.0.1, 10.0.0.2]\nfeatureGates: {NodeSwap: true, AllAlpha: false}\nkubeReserved: {cpu: 100m, memory: 1Gi}\n",
    );
    let conf = directory.path().join("conf.d");
    fs::create_dir(&conf).expect("made");
    file(&conf, "20-b.conf", "maxPods: 3\nkubeReserved: {cpu: 200m}\n");
    file(&conf, "10-a.conf", "maxPods: 2\nclusterDNS: [10.0.0.9]\nport: 11\n");
    fs::write(conf.join("readme.txt"), "no configuration").expect("written");
    let conf = conf.display().to_string();
    let options = parse(&[
        "--config",
        &config,
        "--config-dir",
        &conf,
        "--port=12",
        "--feature-gates",
        "KubeletInUserNamespace=true",
    ]);
    let options = options.expect("valid");
    let configuration = &options.configuration;
    assert_eq!((configuration.max_pods, configuration.port), (3, 12));
    assert_eq!(configuration.cluster_dns, ["10.0.0.9"]);
    assert_eq!(configuration.kube_reserved["cpu"], "200m");
    assert_eq!(configuration.kube_reserved["memory"], "1Gi");
    assert!(
        options.gates.enabled(Feature::KubeletInUserNamespace) && configuration.feature_gates.contains_key("NodeSwap")
    );
}

#[test]
fn mistakes_are_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let error = |text: &str| parse(&["--config", &file(directory.path(), "c.yaml", text)]).expect_err("refused");
    assert!(
        error("maxPod: 3\n").contains("unknown field \"maxPod\""),
        "{}",
        error("maxPod: 3\n")
    );
    assert!(error("maxPods: 3\nmaxPods: 4\n").contains("already set in map"));
    assert!(error("featureGates: {NoSuch: true}\n").contains("unrecognized feature gate: NoSuch"));
    let many = error(
        "port: 0\nmaxPods: -1\nhairpinMode: x\nenforceNodeAllocatable: [pods, pods, none]\nkubeReserved: {foo: 1}\n",
    );
    for words in [
        "invalid configuration: maxPods (--max-pods) -1 must not be a negative number",
        "option \"x\" specified for hairpinMode (--hairpin-mode). Valid options are \"none\", \"hairpin-veth\" or \"promiscuous-bridge\"",
        "duplicated enforcements \"pods\"",
        "may not contain additional enforcements when \"none\" is specified",
        "cannot reserve \"foo\" resource",
    ] {
        assert!(many.contains(words), "{words}: {many}");
    }
    let listed = "imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages\npreloadedImagesVerificationAllowlist: [a/*/b]\n";
    let pattern = "invalid configuration: invalid image pattern in `preloadedImagesVerificationAllowlist`: not a valid wildcard pattern, only patterns ending with '/*' are allowed: a/*/b";
    assert!(error(listed).contains(pattern), "{}", error(listed));
    let missing = parse(&["--config", "/nonexistent/c.yaml"]).expect_err("no file");
    assert!(
        missing.starts_with("failed to load kubelet config file, path: /nonexistent/c.yaml"),
        "{missing}"
    );
    let label = parse(&["--node-labels", "kubernetes.io/role=x"]).expect_err("not ours");
    assert!(
        label.contains("unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [kubernetes.io/role]"),
        "{label}"
    );
    let taint = parse(&["--register-with-taints", "a=b:Never"]).expect_err("no effect");
    assert!(taint.contains("invalid taint effect: Never"), "{taint}");
    assert!(
        parse(&["--no-such-flag"])
            .expect_err("unknown")
            .contains("unknown flag: --no-such-flag")
    );
}

#[test]
fn flags_of_values_with_their_own_grammar() {
    let options = parse(&[
        "--eviction-hard=memory.available<1Gi,nodefs.available<10%",
        "--register-with-taints=a=b:NoSchedule,c:NoExecute",
        "--reserved-memory=0:memory=1Gi,hugepages-2Mi=2Mi",
        "--node-labels=a=b,node.kubernetes.io/x=y",
        "--address=::",
        "--cluster-dns=10.0.0.1,10.0.0.2",
    ])
    .expect("valid");
    let configuration = options.configuration;
    assert_eq!(configuration.eviction_hard["nodefs.available"], "10%");
    assert_eq!(configuration.register_with_taints.0[1].effect, "NoExecute");
    assert_eq!(configuration.reserved_memory.0[0].limits["hugepages-2Mi"], "2Mi");
    assert_eq!(configuration.address.0, "::");
    assert!(validate(&configuration, &FeatureGates::default()).is_ok());
}

#[test]
fn configurations_survive_being_written() {
    let configuration = KubeletConfiguration::with_defaults();
    let text = serde_json::to_string(&configuration).expect("written");
    for field in [
        "\"imageGCHighThresholdPercent\":85",
        "\"clusterDNS\":[]",
        "\"kubeAPIQPS\":50",
        "\"resolvConf\":",
        "\"failCgroupV1\":true",
    ] {
        assert!(text.contains(field), "{field}: {text}");
    }
    let read: KubeletConfiguration = serde_json::from_str(&text).expect("read");
    assert_eq!(read, configuration);
}

#[test]
fn no_flag_is_defined_twice() {
    let mut options = KubeletOptions::default();
    let mut flags = FlagSet::new();
    options.add_flags(&mut flags);
    let names: Vec<_> = flags.describe().map(|(name, ..)| name).collect();
    for name in [
        "kubeconfig",
        "pod-manifest-path",
        "boot-id-file",
        "v",
        "vmodule",
        "register-with-taints",
        "housekeeping-interval",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    assert_eq!(names.len(), 148);
}
