//! Command lines as upstream's components take them, and its words where they are wrong.

use std::net::IpAddr;

use super::*;
use crate::GoDuration;
use crate::version::VersionInfo;

#[derive(Debug)]
struct Options {
    address: IpAddr,
    port: i64,
    profiling: bool,
    identity: String,
    origins: Vec<String>,
    issuers: StringArray,
    runtime: MapStringString,
    switches: MapStringBool,
    labels: StringToString,
    gates: ColonMultimap,
    certs: NamedCertKeys,
    ranges: CidrList,
    ports: PortRange,
    healthz: IpPort,
    timeout: GoDuration,
    curves: Vec<i32>,
    rate: f32,
    size: ByteQuantity,
    level: crate::logs::Verbosity,
    tristate: Option<bool>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: IpAddr::from([0, 0, 0, 0]),
            port: 6443,
            profiling: true,
            identity: "me".to_owned(),
            origins: vec!["default".to_owned()],
            issuers: StringArray::default(),
            runtime: MapStringString::default(),
            switches: MapStringBool::default(),
            labels: StringToString::default(),
            gates: ColonMultimap::default(),
            certs: NamedCertKeys::default(),
            ranges: CidrList::default(),
            ports: PortRange {
                first: 30000,
                last: 32767,
            },
            healthz: IpPort("0.0.0.0:10256".parse().unwrap()),
            timeout: GoDuration::from_secs(60),
            curves: Vec::new(),
            rate: 1.5,
            size: ByteQuantity::default(),
            level: crate::logs::Verbosity::default(),
            tristate: None,
        }
    }
}

impl Flags for Options {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("secure serving");
        flags.add("bind-address", &mut self.address, "the address");
        flags.add("secure-port", &mut self.port, "the port");
        flags.add("profiling", &mut self.profiling, "profiles");
        flags.section("misc");
        flags.add("identity", &mut self.identity, "who we are");
        flags.add("cors-allowed-origins", &mut self.origins, "origins");
        flags.add("service-account-issuer", &mut self.issuers, "issuers");
        flags.add("runtime-config", &mut self.runtime, "what is served");
        flags
            .add("switches", &mut self.switches, "switches")
            .deprecated("use gates");
        flags.add("allow-metric-labels", &mut self.labels, "labels");
        flags.add("feature-gates", &mut self.gates, "gates");
        flags.add("tls-sni-cert-key", &mut self.certs, "certificates");
        flags.add("cluster-cidr", &mut self.ranges, "networks");
        flags.add("service-node-port-range", &mut self.ports, "ports");
        flags.add("healthz-bind-address", &mut self.healthz, "health");
        flags.add("request-timeout", &mut self.timeout, "a time");
        flags.add("tls-curve-preferences", &mut self.curves, "groups");
        flags.add("rate", &mut self.rate, "a rate");
        flags.add("size", &mut self.size, "a size");
        flags.add("v", &mut self.level, "verbosity").shorthand('v');
        flags.add("maybe", &mut self.tristate, "perhaps");
    }
}

const COMMAND: Command = Command {
    name: "kube-test",
    about: "A test.",
};

fn parse(line: &str) -> Result<(Options, Invocation), String> {
    let mut options = Options::default();
    let invocation = COMMAND.parse(
        &mut options,
        line.split(' ').filter(|word| !word.is_empty()),
        &mut Vec::new(),
    );
    invocation
        .map(|invocation| (options, invocation))
        .map_err(|error| error.to_string())
}

fn options(line: &str) -> Options {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).0
}

#[test]
fn values_follow_an_equals_sign_or_a_space() {
    let parsed = options("--bind-address=::1 --secure-port 0x50 --identity= --request-timeout 1m30s -v4");
    assert_eq!(parsed.address, "::1".parse::<IpAddr>().unwrap());
    assert_eq!((parsed.port, parsed.identity.as_str(), parsed.level.0), (80, "", 4));
    assert_eq!(parsed.timeout, GoDuration::from_secs(90));
    for spelling in ["-v=2", "-v 2", "-v2", "--v=2", "--v 2"] {
        assert_eq!(options(spelling).level.0, 2, "{spelling}");
    }
    assert_eq!(options("--secure_port=1").port, 1);
}

#[test]
fn switches_take_their_value_after_an_equals_sign_only() {
    for (line, value) in [
        ("--profiling", true),
        ("--profiling=false", false),
        ("--profiling=F", false),
        ("--profiling=1", true),
        ("", true),
    ] {
        assert_eq!(options(line).profiling, value, "{line}");
    }
    assert_eq!(
        parse("--profiling false").unwrap_err(),
        "\"kube-test\" does not take any arguments, got [\"false\"]"
    );
    assert_eq!(options("--maybe").tristate, Some(true));
    assert_eq!(options("--maybe=false").tristate, Some(false));
    assert_eq!(options("").tristate, None);
}

#[test]
fn lists_replace_their_default_and_grow() {
    assert_eq!(options("").origins, ["default"]);
    assert_eq!(
        options("--cors-allowed-origins=a,b --cors-allowed-origins=c").origins,
        ["a", "b", "c"]
    );
    assert_eq!(
        options("--cors-allowed-origins=\"a,b\",\"c\"\"d\"").origins,
        ["a,b", "c\"d"]
    );
    assert_eq!(options("--cors-allowed-origins=").origins, Vec::<String>::new());
    assert_eq!(
        options("--service-account-issuer=a,b --service-account-issuer c")
            .issuers
            .0,
        ["a,b", "c"]
    );
    assert_eq!(
        options("--tls-curve-preferences=29,23 --tls-curve-preferences=24").curves,
        [29, 23, 24]
    );
}

#[test]
fn maps_and_compounds() {
    let parsed = options(concat!(
        "--runtime-config=api/all=false,apps/v1=true --runtime-config=x= --switches=A=true,B=0 ",
        "--allow-metric-labels=m,l='v1,v2' --feature-gates=A=true,kube:B=false --feature-gates=kube:C=true ",
        "--tls-sni-cert-key=a.crt,a.key --tls-sni-cert-key=b.crt,b.key:*.x.org,y.org ",
        "--cluster-cidr=10.0.0.0/8,fd00::/64 --service-node-port-range=8000+99 --healthz-bind-address=[::1]:80 --size=1.5Ki --rate=2"
    ));
    assert_eq!(parsed.runtime.to_text(), "api/all=false,apps/v1=true,x=");
    assert_eq!(parsed.switches.to_text(), "A=true,B=false");
    assert_eq!(parsed.labels["m,l"], "'v1,v2'");
    assert_eq!(parsed.gates[""], ["A=true"]);
    assert_eq!(parsed.gates["kube"], ["B=false", "C=true"]);
    assert_eq!(parsed.certs.to_text(), "[a.crt,a.key;b.crt,b.key:*.x.org,y.org]");
    assert_eq!(parsed.ranges.to_text(), "10.0.0.0/8,fd00::/64");
    assert_eq!(
        (parsed.ports.first, parsed.ports.last, parsed.ports.size()),
        (8000, 8099, 100)
    );
    assert_eq!(
        (parsed.healthz.0.to_string(), parsed.size.0, parsed.rate),
        ("[::1]:80".to_owned(), 1536, 2.0)
    );
    assert_eq!(
        options("--healthz-bind-address=127.0.0.1").healthz.0.to_string(),
        "127.0.0.1:10256"
    );
}

#[test]
fn errors_carry_pflag_s_words() {
    for (line, message) in [
        ("--nope", "unknown flag: --nope"),
        ("--nope=1", "unknown flag: --nope"),
        ("-x", "unknown shorthand flag: 'x' in -x"),
        ("-xv", "unknown shorthand flag: 'x' in -xv"),
        ("--identity", "flag needs an argument: --identity"),
        ("-v", "flag needs an argument: 'v' in -v"),
        ("--=1", "bad flag syntax: --=1"),
        ("---x", "bad flag syntax: ---x"),
        (
            "--secure-port=http",
            "invalid argument \"http\" for \"--secure-port\" flag: strconv.ParseInt: parsing \"http\": invalid syntax",
        ),
        (
            "--secure-port=9223372036854775808",
            "invalid argument \"9223372036854775808\" for \"--secure-port\" flag: strconv.ParseInt: parsing \"9223372036854775808\": value out of range",
        ),
        (
            "--v=x",
            "invalid argument \"x\" for \"-v, --v\" flag: strconv.ParseUint: parsing \"x\": invalid syntax",
        ),
        (
            "--profiling=maybe",
            "invalid argument \"maybe\" for \"--profiling\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
        ),
        (
            "--bind-address=host",
            "invalid argument \"host\" for \"--bind-address\" flag: failed to parse IP: \"host\"",
        ),
        (
            "--request-timeout=5",
            "invalid argument \"5\" for \"--request-timeout\" flag: time: missing unit in duration \"5\"",
        ),
        (
            "--runtime-config=a",
            "invalid argument \"a\" for \"--runtime-config\" flag: malformed pair, expect string=string",
        ),
        (
            "--allow-metric-labels=a",
            "invalid argument \"a\" for \"--allow-metric-labels\" flag: a must be formatted as key=value",
        ),
        (
            "--cluster-cidr=10.0.0.0",
            "invalid argument \"10.0.0.0\" for \"--cluster-cidr\" flag: invalid CIDR address: 10.0.0.0",
        ),
        (
            "--tls-sni-cert-key=a",
            "invalid argument \"a\" for \"--tls-sni-cert-key\" flag: expected comma separated certificate and key file paths",
        ),
        (
            "--tls-sni-cert-key=a,b:",
            "invalid argument \"a,b:\" for \"--tls-sni-cert-key\" flag: empty names list is not allowed",
        ),
        (
            "--service-node-port-range=9-5",
            "invalid argument \"9-5\" for \"--service-node-port-range\" flag: end port cannot be less than start port: 9-5",
        ),
        (
            "--rate=fast",
            "invalid argument \"fast\" for \"--rate\" flag: strconv.ParseFloat: parsing \"fast\": invalid syntax",
        ),
        ("a b", "\"kube-test\" does not take any arguments, got [\"a\" \"b\"]"),
        (
            "-- --nope",
            "\"kube-test\" does not take any arguments, got [\"--nope\"]",
        ),
    ] {
        assert_eq!(parse(line).unwrap_err(), message, "{line}");
    }
}

#[test]
fn help_and_version_end_without_running() {
    let printed = |line: &str| match parse(line).unwrap().1 {
        Invocation::Print(text) => text,
        other => panic!("{line}: {other:?}"),
    };
    let version = VersionInfo::current().git_version;
    assert_eq!(printed("--version"), format!("Kubernetes {version}\n"));
    assert_eq!(printed("--version=T extra"), format!("Kubernetes {version}\n"));
    assert!(printed("--version=raw").starts_with("version.Info{Major:\"1\", Minor:\"36\", "));
    let help = printed("--help");
    assert_eq!(printed("-h"), help);
    assert!(
        help.starts_with("A test.\n\nUsage:\n  kube-test [flags]\n\nSecure serving flags:\n\n"),
        "{help}"
    );
    assert!(
        help.contains("\n      --secure-port int ") && help.contains("the port (default 6443)\n"),
        "{help}"
    );
    assert!(
        help.contains("who we are (default \"me\")\n") && help.contains("\n  -v, --v Level "),
        "{help}"
    );
    assert!(
        help.contains("\nGlobal flags:\n\n  -h, --help ") && help.contains("--version version[=true]"),
        "{help}"
    );
    assert!(!help.contains("--switches"), "a deprecated flag is shown");

    let Invocation::Run(info) = parse("--version=v1.36.2-mine").unwrap().1 else {
        panic!("must run")
    };
    assert_eq!(info.git_version, "v1.36.2-mine");
    assert!(matches!(parse("--version=false").unwrap().1, Invocation::Run(_)));
    assert!(
        parse("--version=v2.0.0")
            .unwrap_err()
            .contains("must match major/minor/patch of default version")
    );
}

#[test]
fn help_wraps_at_words() {
    let mut text = String::new();
    let mut flags = FlagSet::new();
    flags.add("name", &mut text, "one two three four five six seven eight nine ten");
    assert_eq!(
        flags.usage(60),
        "\nGeneric flags:\n\n      --name string   one two three four five six seven\n                      eight nine ten\n"
    );
}

#[test]
fn the_names_given_are_known() {
    let mut given = Vec::new();
    COMMAND
        .parse(&mut Options::default(), ["--secure_port=1", "-v", "3"], &mut given)
        .unwrap();
    assert_eq!(given, ["secure-port", "v"]);
}

#[test]
#[should_panic(expected = "flag redefined: port")]
fn a_flag_is_defined_once() {
    let (mut one, mut two) = (1_i64, 2_i64);
    let mut flags = FlagSet::new();
    flags.add("port", &mut one, "").add("port", &mut two, "");
}
