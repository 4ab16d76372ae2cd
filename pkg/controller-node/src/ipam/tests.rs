use controller::config::NodeIpamControllerConfiguration;
use controller::testing::Fixture;
use ipnet::IpNet;
use serde_json::{Value, json};

use super::cidr_set::{CidrSet, CidrSetError};
use super::ranges::sets;

const NODES: &str = "/api/v1/nodes";

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn take(set: &mut CidrSet) -> Result<String, CidrSetError> {
    set.allocate_next().map(|(cidr, _)| cidr.to_string())
}

#[test]
fn networks_are_given_out_in_turn() {
    let mut set = CidrSet::new(net("10.0.0.0/22"), 24).unwrap();
    set.occupy(net("10.0.1.128/25")).unwrap();
    for wanted in ["10.0.0.0/24", "10.0.2.0/24", "10.0.3.0/24"] {
        assert_eq!(take(&mut set).unwrap(), wanted);
    }
    assert_eq!(take(&mut set), Err(CidrSetError::NoneRemaining));
    assert_eq!(set.release(net("10.0.2.0/24")), Ok(1));
    assert_eq!(set.release(net("10.0.2.0/24")), Ok(0));
    assert_eq!(take(&mut set).unwrap(), "10.0.2.0/24");
    assert_eq!(set.occupy(net("10.0.0.0/8")), Ok(0), "a wider network takes all");
    let error = set.occupy(net("10.1.0.0/24")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cidr 10.1.0.0/24 is out the range of cluster cidr 10.0.0.0/22"
    );
}

#[test]
fn networks_of_ipv6() {
    let mut set = CidrSet::new(net("2001:db8:1234::/48"), 64).unwrap();
    assert_eq!(take(&mut set).unwrap(), "2001:db8:1234::/64");
    assert_eq!(take(&mut set).unwrap(), "2001:db8:1234:1::/64");
    let mut narrow = CidrSet::new(net("fd00::/112"), 120).unwrap();
    take(&mut narrow).unwrap();
    assert_eq!(take(&mut narrow).unwrap(), "fd00::100/120");
    assert_eq!(
        CidrSet::new(net("2001:db8::/32"), 64).unwrap_err(),
        CidrSetError::TooBig
    );
    let mut whole = CidrSet::new(net("10.0.0.0/24"), 24).unwrap();
    assert_eq!(take(&mut whole).unwrap(), "10.0.0.0/24");
    assert_eq!(take(&mut whole), Err(CidrSetError::NoneRemaining));
}

#[test]
fn flags_that_make_no_sense() {
    let config = |one, v4, v6, services: &str| NodeIpamControllerConfiguration {
        node_cidr_mask_size: one,
        node_cidr_mask_size_ipv4: v4,
        node_cidr_mask_size_ipv6: v6,
        service_cidr: services.to_owned(),
        ..NodeIpamControllerConfiguration::default()
    };
    for (cluster, config, wanted) in [
        (
            "",
            config(0, 0, 0, ""),
            "Controller: Must specify --cluster-cidr if --allocate-node-cidrs is set",
        ),
        (
            "10.0.0.0",
            config(0, 0, 0, ""),
            "invalid CIDR[0]: <nil> (invalid CIDR address: 10.0.0.0)",
        ),
        (
            "10.0.0.0/16,10.1.0.0/16",
            config(0, 0, 0, ""),
            "len of ClusterCIDRs==2 and they are not configured as dual stack (at least one from each IPFamily",
        ),
        (
            "10.0.0.0/16,fd00::/48,fd01::/48",
            config(0, 0, 0, ""),
            "length of clusterCIDRs is:3 more than max allowed of 2",
        ),
        (
            "10.0.0.0/16,fd00::/48",
            config(24, 0, 0, ""),
            "usage of --node-cidr-mask-size is not allowed with dual-stack clusters",
        ),
        (
            "10.0.0.0/16",
            config(0, 0, 64, ""),
            "usage of --node-cidr-mask-size-ipv6 is not allowed for a single-stack IPv4 cluster",
        ),
        (
            "10.0.0.0/25",
            config(0, 0, 0, ""),
            "Controller: Invalid --cluster-cidr, mask size of cluster CIDR must be less than or equal to \
             --node-cidr-mask-size configured for CIDR family",
        ),
        (
            "10.0.0.0/16",
            config(0, 0, 0, "10.1.0.0/16,10.2.0.0/16"),
            "serviceCIDR and secondaryServiceCIDR are not dualstack (from different IPfamiles)",
        ),
        (
            "fd00::/32",
            config(0, 0, 0, ""),
            "New CIDR set failed; the node CIDR size is too big",
        ),
    ] {
        assert_eq!(sets(cluster, &config).unwrap_err().to_string(), wanted, "{cluster}");
    }
    let mut dual = sets("10.0.0.0/16,fd00::/48", &config(0, 25, 60, "10.0.0.0/24")).unwrap();
    assert_eq!(
        take(&mut dual[0]).unwrap(),
        "10.0.1.0/25",
        "services have the first ones"
    );
    assert_eq!(take(&mut dual[1]).unwrap(), "fd00::/60");
}

async fn start(cluster: &str) -> Fixture {
    Fixture::configured(|config| {
        config.kube_cloud_shared.allocate_node_cidrs = true;
        cluster.clone_into(&mut config.kube_cloud_shared.cluster_cidr);
    })
    .await
}

fn cidrs(fixture: &Fixture, node: &str) -> Value {
    fixture.get(NODES, "", node).unwrap()["spec"]["podCIDRs"].clone()
}

#[tokio::test]
async fn nodes_get_networks_and_give_them_back() {
    let fixture = start("10.0.0.0/23,fd00::/48").await;
    let old = json!({"metadata": {"name": "old"}, "spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24", "fd00::/64"]}});
    fixture.create(NODES, "", old);
    fixture.run(super::build).await;
    fixture.create(NODES, "", json!({"metadata": {"name": "new"}}));
    fixture
        .eventually("the new node has networks", || {
            cidrs(&fixture, "new") == json!(["10.0.1.0/24", "fd00:0:0:1::/64"])
        })
        .await;
    assert_eq!(fixture.get(NODES, "", "new").unwrap()["spec"]["podCIDR"], "10.0.1.0/24");
    fixture.create(NODES, "", json!({"metadata": {"name": "late"}}));
    let told = || {
        let events = fixture.sent("POST", "/events").into_iter();
        events
            .map(|event| event["reason"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    fixture
        .eventually("there is none left", || told().contains(&"CIDRNotAvailable".to_owned()))
        .await;
    assert_eq!(cidrs(&fixture, "late"), Value::Null);
    fixture.delete(NODES, "", "old");
    fixture
        .eventually("one is free again", || cidrs(&fixture, "late")[0] == "10.0.0.0/24")
        .await;
}

#[tokio::test]
async fn a_network_that_cannot_be_a_nodes_ends_the_program() {
    let fixture = start("10.0.0.0/16").await;
    let spec = json!({"podCIDR": "10.9.0.0/24", "podCIDRs": ["10.9.0.0/24"]});
    fixture.create(NODES, "", json!({"metadata": {"name": "odd"}, "spec": spec}));
    let error = super::build(fixture.context.clone()).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "failed to mark cidr[10.9.0.0/24] at idx [0] as occupied for node: odd: cidr 10.9.0.0/24 is out the range of \
         cluster cidr 10.0.0.0/16"
    );
}
