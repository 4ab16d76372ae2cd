//! The groups' flags, defaults and checks.

use super::*;
use crate::feature_gates::Feature;
use crate::flags::Command;
use crate::logs::LoggingConfiguration;
use crate::metrics::MetricsOptions;

/// What a component of the control plane puts together.
#[derive(Default)]
struct Everything {
    versions: ComponentVersionOptions,
    serving: Option<SecureServingOptions>,
    debugging: DebuggingConfiguration,
    election: LeaderElectionConfiguration,
    logs: LoggingConfiguration,
    metrics: MetricsOptions,
}

impl Flags for Everything {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.versions.add_flags(flags);
        self.serving
            .get_or_insert_with(|| SecureServingOptions::new(6443, "apiserver", "/var/run/kubernetes"))
            .add_flags(flags);
        self.debugging.add_flags(flags);
        self.election.add_flags(flags);
        self.logs.add_flags(flags);
        self.metrics.add_flags(flags);
    }
}

#[test]
fn types_and_defaults_are_upstream_s() {
    let mut everything = Everything::default();
    let mut flags = FlagSet::new();
    everything.add_flags(&mut flags);
    let described: Vec<_> = flags
        .describe()
        .map(|(name, kind, default)| format!("{name} {kind} {default}"))
        .collect();
    for expected in [
        "feature-gates colonSeparatedMultimapStringString ",
        "emulated-version strings []",
        "bind-address ip 0.0.0.0",
        "secure-port int 6443",
        "cert-dir string /var/run/kubernetes",
        "tls-curve-preferences int32Slice []",
        "tls-sni-cert-key namedCertKey []",
        "http2-max-streams-per-connection int 0",
        "permit-port-sharing bool false",
        "profiling bool true",
        "leader-elect bool true",
        "leader-elect-lease-duration duration 15s",
        "leader-elect-renew-deadline duration 10s",
        "leader-elect-resource-lock string leases",
        "v Level 0",
        "vmodule pattern=N,... ",
        "log-flush-frequency duration 5s",
        "log-json-info-buffer-size quantity 0",
        "logging-format string text",
        "allow-metric-labels stringToString []",
        "disabled-metrics strings []",
    ] {
        assert!(
            described.iter().any(|line| line == expected),
            "{expected:?} is not in {described:#?}"
        );
    }
}

fn versions(line: &[&str]) -> Result<EffectiveVersion, String> {
    let mut options = ComponentVersionOptions::default();
    let command = Command {
        name: "test",
        about: "",
    };
    command
        .parse(&mut options, line, &mut Vec::new())
        .map_err(|error| error.to_string())?;
    options.complete().map_err(|error| error.to_string())
}

#[test]
fn gates_and_versions_resolve_together() {
    let plain = versions(&[]).unwrap();
    assert_eq!((plain.emulation, plain.min_compatibility), (36, 35));
    let set = versions(&[
        "--emulated-version=kube=1.34",
        "--feature-gates=kube:APIResponseCompression=false,AllAlpha=true",
    ])
    .unwrap();
    assert_eq!((set.emulation, set.min_compatibility), (34, 33));
    assert!(!set.gates.enabled(Feature::APIResponseCompression));
    for (line, message) in [
        (
            "--emulated-version=1.20",
            "emulation version 1.20 is not between [1.33, 1.36]",
        ),
        ("--emulated-version=kube=2", "could not parse \"2\" as version"),
        ("--emulated-version=other=1.35", "component not registered: other"),
        (
            "--min-compatibility-version=1.37",
            "minCompatibilityVersion version 1.37 is not between [1.33, 1.36]",
        ),
        ("--feature-gates=other:A=true", "component not registered: other"),
        ("--feature-gates=Nope=true", "unrecognized feature gate: Nope"),
    ] {
        assert_eq!(versions(&[line]).unwrap_err(), message, "{line}");
    }
}

#[test]
fn leader_election_is_checked_as_a_whole() {
    let mut election = LeaderElectionConfiguration::for_component("kube-scheduler");
    assert_eq!(election.validate(), Ok(()));
    election.lease_duration = crate::GoDuration::from_secs(10);
    election.resource_lock = "endpoints".to_owned();
    election.resource_name.clear();
    let errors: Vec<_> = election
        .validate()
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        errors,
        [
            "leaseDuration: Invalid value: \"10s\": must be greater than `RenewDeadline`",
            "resourceName: Required value",
            "resourceLock: Invalid value: \"endpoints\": resourceLock value must be \"leases\"",
        ]
    );
    election.leader_elect = false;
    assert_eq!(election.validate(), Ok(()));
}

#[test]
fn ports_are_checked() {
    let mut serving = SecureServingOptions::new(6443, "apiserver", "");
    serving.secure_port = 70_000;
    assert_eq!(
        serving.validate().unwrap_err().to_string(),
        "--secure-port 70000 must be between 0 and 65535, inclusive. 0 for turning off secure port"
    );
    serving.port_required = true;
    serving.secure_port = 0;
    assert_eq!(
        serving.validate().unwrap_err().to_string(),
        "--secure-port 0 must be between 1 and 65535, inclusive. It cannot be turned off with 0"
    );
    serving.secure_port = 1;
    serving.http2_max_streams_per_connection = -1;
    assert!(matches!(
        serving.server_settings().unwrap_err(),
        SecureServingError::Streams(-1)
    ));
}

#[test]
fn a_missing_certificate_file_is_named() {
    let mut serving = SecureServingOptions::new(6443, "apiserver", "");
    serving.tls_cert_file = "/nonexistent/tls.crt".to_owned();
    serving.tls_private_key_file = "/nonexistent/tls.key".to_owned();
    let error = serving.tls("localhost", &[], &[], Vec::new()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "open /nonexistent/tls.crt: No such file or directory (os error 2)"
    );
}

#[test]
fn a_pair_is_generated_for_the_bind_address() {
    let directory = tempfile::tempdir().unwrap();
    let serving = SecureServingOptions::new(6443, "kubelet", directory.path().to_str().unwrap());
    serving
        .tls(
            "10.1.2.3",
            &["10.96.0.1".parse().unwrap()],
            &["kubernetes".to_owned()],
            Vec::new(),
        )
        .unwrap();
    let path = |name: &str| directory.path().join(name);
    let pair = crate::serving::ServingCertificate::from_files(&path("kubelet.crt"), &path("kubelet.key")).unwrap();
    assert_eq!(pair.names(), ["10.1.2.3", "10.96.0.1", "kubernetes", "localhost"]);
}
