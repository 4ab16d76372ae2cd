//! Rows of API services, and that local ones are there at once.

use apiserver::registry::Strategy as _;
use k8s_api::apiregistration::v1::APIService;
use serde_json::json;

use super::api_service::{APIServiceStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows() {
    let mut service: APIService = object(json!({"metadata": {"name": "v1.g"}}));
    with_context("apiregistration.k8s.io", |context| {
        APIServiceStrategy.prepare_for_create(context, &mut service)
    });
    assert_eq!(
        json!(row(&service, noon())),
        json!(["v1.g", "Local", "True", "<unknown>"])
    );
    let remote: APIService = object(json!({
        "metadata": {"name": "v1.g"}, "spec": {"service": {"namespace": "n", "name": "s"}},
        "status": {"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]},
    }));
    assert_eq!(
        json!(row(&remote, noon())),
        json!(["v1.g", "n/s", "False (MissingEndpoints)", "<unknown>"])
    );
}
