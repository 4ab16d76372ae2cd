//! Buckets and their configuration.

use std::time::{Duration, Instant};

use super::{EventRateLimit, EventRateLimitConfiguration, buckets::Buckets};

#[test]
fn buckets_fill_with_time() {
    let buckets = Buckets::new(2, 3, 2);
    let start = Instant::now();
    let at = |millis: u64| start + Duration::from_millis(millis);
    let taken: Vec<bool> = [0, 0, 0, 0, 400, 500, 600]
        .map(|millis| buckets.take("a", at(millis)))
        .to_vec();
    assert_eq!(taken, [true, true, true, false, false, true, false]);
    // Two are kept: the third makes the oldest forgotten, which is full again when it comes back.
    assert!(buckets.take("b", at(600)) && buckets.take("c", at(600)));
    assert!(buckets.take("a", at(600)));
}

#[test]
fn configurations_are_checked() {
    let good = b"apiVersion: eventratelimit.admission.k8s.io/v1alpha1\nkind: Configuration\n\
        limits: [{type: Namespace, qps: 1, burst: 2, cacheSize: 10}]\n";
    let configuration = EventRateLimitConfiguration::from_slice(good).expect("a configuration");
    assert!(EventRateLimit::new(&configuration).is_ok());
    let bad = b"apiVersion: eventratelimit.admission.k8s.io/v1alpha1\nkind: Configuration\n\
        limits: [{type: Cluster, qps: 0, burst: -1, cacheSize: -2}]\n";
    let error = EventRateLimitConfiguration::from_slice(bad)
        .expect_err("nonsense")
        .to_string();
    for part in [
        r#"limits[0].type: Unsupported value: "Cluster""#,
        "limits[0].burst: Invalid value: -1: must be positive",
        "limits[0].qps: Invalid value: 0: must be positive",
        "limits[0].cacheSize: Invalid value: -2: must not be negative",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let empty = EventRateLimit::new(&EventRateLimitConfiguration::default()).expect_err("no limits");
    assert!(
        empty
            .to_string()
            .contains("limits: Invalid value: []: must not be empty"),
        "{empty}"
    );
}
