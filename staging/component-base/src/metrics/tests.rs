//! The registry's promises, read off its text output.

use std::collections::BTreeMap;
use std::io::Read;

use http::{HeaderMap, HeaderValue, header};

use super::*;
use crate::flags::StringToString;

fn options(change: impl FnOnce(&mut MetricsOptions)) -> MetricsOptions {
    let mut options = MetricsOptions::default();
    change(&mut options);
    options.complete().unwrap();
    options
}

#[test]
fn help_carries_stability_and_deprecation() {
    let registry = MetricsRegistry::default();
    registry.counter(MetricOpts::new("a_total", "Counts a.")).inc();
    registry
        .gauge(
            MetricOpts::new("b", "Holds b.")
                .stability(Stability::Stable)
                .deprecated_since(34),
        )
        .set(7);
    let histogram = registry.histogram_vec(
        MetricOpts::new("c_seconds", "Times c.").stability(Stability::Beta),
        &["verb"],
        &[0.5, 1.0],
    );
    histogram.with(&["GET"]).observe(0.7);
    let text = registry.encode();
    for line in [
        "# HELP a_total [ALPHA] Counts a.\n# TYPE a_total counter\na_total 1\n",
        "# HELP b [STABLE] (Deprecated since 1.34.0) Holds b.\n# TYPE b gauge\nb 7\n",
        "# HELP c_seconds [BETA] Times c.\n",
        "c_seconds_bucket{verb=\"GET\",le=\"0.5\"} 0\nc_seconds_bucket{verb=\"GET\",le=\"1\"} 1\nc_seconds_bucket{verb=\"GET\",le=\"+Inf\"} 1\n",
    ] {
        assert!(text.contains(line), "{line}\nnot in\n{text}");
    }
}

#[test]
fn hidden_and_disabled_metrics_are_not_published() {
    let define = |registry: &MetricsRegistry| {
        registry
            .counter(MetricOpts::new("old_total", "Old.").deprecated_since(35))
            .inc();
        registry.counter(MetricOpts::new("off_total", "Off.")).inc();
    };
    let registry = MetricsRegistry::new(&options(|options| options.disabled_metrics = vec!["off_total".into()]));
    define(&registry);
    let text = registry.encode();
    assert!(!text.contains("old_total") && !text.contains("off_total 1"), "{text}");
    assert!(
        text.contains("\nhidden_metrics_total 1\n") && text.contains("\ndisabled_metrics_total 1\n"),
        "{text}"
    );

    let registry = MetricsRegistry::new(&options(|options| {
        options.show_hidden_metrics_for_version = "1.35".into()
    }));
    define(&registry);
    assert!(registry.encode().contains("\nold_total 1\n"));
}

#[test]
fn label_values_are_held_to_their_list() {
    let registry = MetricsRegistry::new(&options(|options| {
        options.allow_metric_labels = StringToString(BTreeMap::from([(
            "calls_total,verb".to_owned(),
            "'GET,LIST'".to_owned(),
        )]));
    }));
    let calls = registry.counter_vec(MetricOpts::new("calls_total", "Calls."), &["code", "verb"]);
    for verb in ["GET", "LIST", "EVIL", "WORSE"] {
        calls.with(&["200", verb]).inc();
    }
    let text = registry.encode();
    assert!(
        text.contains("calls_total{code=\"200\",verb=\"unexpected\"} 2\n"),
        "{text}"
    );
    assert!(text.contains("calls_total{code=\"200\",verb=\"LIST\"} 1\n"), "{text}");
    assert!(
        text.contains("\ncardinality_enforcement_unexpected_categorizations_total 2\n"),
        "{text}"
    );
}

#[test]
fn options_are_refused_with_upstream_s_words() {
    let error = |change: fn(&mut MetricsOptions)| {
        let mut options = MetricsOptions::default();
        change(&mut options);
        options.complete().unwrap_err().to_string()
    };
    assert_eq!(
        error(|options| options.show_hidden_metrics_for_version = "1.34".into()),
        "metrics.showHiddenMetricsForVersion: Invalid value: \"1.34\": must be omitted or have the value '1.35'; only the previous minor version is allowed"
    );
    assert!(error(|options| options.disabled_metrics = vec!["a b".into()]).ends_with("got \"a b\""));
    assert!(
        error(|options| options.allow_metric_labels_manifest = "/nonexistent".into())
            .contains("failed to read allow list manifest")
    );
}

#[test]
fn a_manifest_stands_in_for_the_flag() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "\"calls_total,verb\": \"GET,LIST\"\n").unwrap();
    let options = options(|options| options.allow_metric_labels_manifest = file.path().display().to_string());
    assert!(options.allowed_label_values()["calls_total"]["verb"].contains("LIST"));
}

#[test]
#[should_panic(expected = "metrics [\"twice_total\"] cannot be registered")]
fn a_metric_has_one_owner() {
    let registry = MetricsRegistry::default();
    registry.counter(MetricOpts::new("twice_total", "Once."));
    registry.counter(MetricOpts::new("twice_total", "Twice."));
}

#[tokio::test]
async fn process_figures_and_compression() {
    let registry = MetricsRegistry::default();
    registry.register_process(&VersionInfo::current());
    let text = registry.encode();
    let value = |name: &str| -> f64 {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") >= 3.0 && value("process_max_fds") >= value("process_open_fds"));
    assert!(value("process_start_time_seconds") > 1.6e9);
    assert!(value("process_cpu_seconds_total") >= 0.0);
    assert!(text.contains("kubernetes_build_info{build_date="), "{text}");

    let plain = registry.respond(&HeaderMap::new());
    assert_eq!(
        plain.headers()[header::CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
    );
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br, gzip;q=0.5"));
    let response = registry.respond(&headers);
    assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
    let bytes = response.into_body().collect_bytes(1 << 20).await.unwrap();
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut unpacked)
        .unwrap();
    assert!(unpacked.contains("# TYPE kubernetes_build_info gauge"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip;q=0"));
    assert!(
        !registry
            .respond(&headers)
            .headers()
            .contains_key(header::CONTENT_ENCODING)
    );
}
