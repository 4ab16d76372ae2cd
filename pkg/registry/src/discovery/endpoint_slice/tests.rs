//! Endpoint slices: generations and rows.

use apiserver::registry::Strategy as _;
use k8s_api::discovery::v1::EndpointSlice;
use serde_json::json;

use super::{EndpointSliceStrategy, row};
use crate::core::tests::{noon, object, with_context};

fn slice(addresses: &[&str]) -> EndpointSlice {
    object(json!({
        "metadata": {"name": "s", "generation": 1},
        "addressType": "IPv4",
        "endpoints": [{"addresses": addresses}],
        "ports": [{"port": 80}, {"name": "x"}, {}, {"port": 1}, {"port": 2}],
    }))
}

#[test]
fn rows() {
    assert_eq!(
        json!(row(&slice(&["192.0.2.9"]), noon())),
        json!(["s", "IPv4", "80,x,* + 2 more...", "192.0.2.9", "<unknown>"])
    );
    let mut empty = slice(&[]);
    empty.ports.clear();
    assert_eq!(
        json!(row(&empty, noon())),
        json!(["s", "IPv4", "<unset>", "<unset>", "<unknown>"])
    );
}

#[test]
fn all_but_metadata_counts() {
    let old = slice(&["192.0.2.9"]);
    with_context("discovery.k8s.io", |context| {
        let mut new = old.clone();
        new.metadata.annotations.insert("a", "b".to_owned());
        EndpointSliceStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new.metadata.generation, 1);
        new.metadata.labels.insert("a", "b".to_owned());
        EndpointSliceStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!(new.metadata.generation, 2, "labels count, for they name the service");
    });
}
