//! `HorizontalPodAutoscaler`: its metrics, how it scales, and where it stands.
//!
//! The second version of the API says more; the first is for servers that have no other.

use k8s_api::primitives::quote;
use serde_json::Value;

use crate::fields::{Column, SINCE, conditions, created, fields};
use crate::text::{Text, put};
use crate::values::{items, number, some, text};
use crate::{Named, Subject, metadata};

const CONDITIONS: [Column; 4] = [SINCE[0], SINCE[1], SINCE[3], SINCE[4]];
const UNKNOWN: &str = "<unknown>";

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    let fetched;
    let mut object = subject.object;
    if text(object, "/apiVersion") == "autoscaling/v1" {
        let newer = Named {
            api_version: "autoscaling/v2",
            kind: "HorizontalPodAutoscaler",
            namespace: text(object, "/metadata/namespace"),
            name: text(object, "/metadata/name"),
        };
        // What the server does not have in the newer version is described in the older one.
        if let Ok(newer) = subject.cluster.get(&newer).await {
            fetched = newer;
            object = &fetched;
        }
    }
    metadata::head(object, out);
    created(object, out);
    let target = &object["spec"]["scaleTargetRef"];
    let kind = text(target, "/kind");
    put!(out, 0, "Reference:\t{kind}/{}\n", text(target, "/name"));
    if text(object, "/apiVersion") == "autoscaling/v1" {
        cpu_utilization(object, out);
    } else {
        put!(out, 0, "Metrics:\t( current / target )\n");
        for (at, metric) in items(object, "/spec/metrics").iter().enumerate() {
            let current = items(object, "/status/currentMetrics").get(at);
            describe_metric(metric, current, out);
        }
    }
    let bounds = &[
        ("Min replicas:", "/spec/minReplicas", "<unset>"),
        ("Max replicas:", "/spec/maxReplicas", "0"),
    ];
    fields(object, 0, bounds, out);
    if let Some(behavior) = some(object, "/spec/behavior") {
        put!(out, 0, "Behavior:\n");
        direction("Scale Up", some(behavior, "/scaleUp"), out);
        direction("Scale Down", some(behavior, "/scaleDown"), out);
    }
    let (current, desired) = (
        number(object, "/status/currentReplicas"),
        number(object, "/status/desiredReplicas"),
    );
    put!(out, 0, "{kind} pods:\t{current} current / {desired} desired\n");
    conditions(items(object, "/status/conditions"), &CONDITIONS, "", out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

/// The one metric of the first version.
fn cpu_utilization(object: &Value, out: &mut Text) {
    if some(object, "/spec/targetCPUUtilizationPercentage").is_none() {
        return;
    }
    let target = number(object, "/spec/targetCPUUtilizationPercentage");
    put!(out, 0, "Target CPU utilization:\t{target}%\n");
    let current = some(object, "/status/currentCPUUtilizationPercentage");
    let current = current.map_or_else(|| UNKNOWN.to_owned(), Value::to_string);
    put!(out, 0, "Current CPU utilization:\t{current}%\n");
}

/// What a metric measures, what it is, and what it shall be.
fn describe_metric(metric: &Value, current: Option<&Value>, out: &mut Text) {
    let kind = text(metric, "/type");
    let member = match kind {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return put!(out, 1, "<unknown metric type {}>\n", quote(kind)),
    };
    let source = &metric[member];
    let now = current
        .and_then(|current| some(current, &format!("/{member}")))
        .map(|source| &source["current"]);
    let averaged = some(source, "/target/averageValue").is_some();
    let name = text(source, "/metric/name");
    let (what, field) = match member {
        "external" if averaged => (format!("{} (target average value)", quote(name)), "/averageValue"),
        "external" => (format!("{} (target value)", quote(name)), "/value"),
        "pods" => (format!("{} on pods", quote(name)), "/averageValue"),
        "object" => {
            let on = &source["describedObject"];
            let on = format!("\"{name}\" on {}/{}", text(on, "/kind"), text(on, "/name"));
            if text(source, "/target/type") == "AverageValue" {
                (format!("{on} (target average value)"), "/averageValue")
            } else {
                (format!("{on} (target value)"), "/value")
            }
        }
        _ => {
            let name = text(source, "/name");
            let of = match text(source, "/container") {
                "" => format!("resource {name} on pods"),
                container => format!("resource {name} of container \"{container}\" on pods"),
            };
            if averaged {
                (of, "/averageValue")
            } else {
                return put!(
                    out,
                    1,
                    "{of}  (as a percentage of request):\t{}\n",
                    utilization(source, now)
                );
            }
        }
    };
    // An average that an external metric does not have yet is as unknown as one that has not been measured.
    let absent = if member == "external" && averaged {
        UNKNOWN
    } else {
        "<nil>"
    };
    let now = now.map_or(UNKNOWN, |now| quantity(now, field, absent));
    put!(
        out,
        1,
        "{what}:\t{now} / {}\n",
        quantity(&source["target"], field, "<nil>")
    );
}

fn quantity<'v>(held: &'v Value, field: &str, absent: &'v str) -> &'v str {
    some(held, field).and_then(Value::as_str).unwrap_or(absent)
}

fn utilization(source: &Value, now: Option<&Value>) -> String {
    let measured = now.and_then(|now| Some((some(now, "/averageUtilization")?, now)));
    let current = measured.map_or_else(
        || UNKNOWN.to_owned(),
        |(share, now)| format!("{share}% ({})", quantity(now, "/averageValue", "<nil>")),
    );
    let target = some(source, "/target/averageUtilization");
    let target = target.map_or_else(|| "<auto>".to_owned(), |share| format!("{share}%"));
    format!("{current} / {target}")
}

fn direction(title: &str, rules: Option<&Value>, out: &mut Text) {
    let Some(rules) = rules else {
        return;
    };
    put!(out, 1, "{title}:\n");
    if let Some(window) = some(rules, "/stabilizationWindowSeconds") {
        put!(out, 2, "Stabilization Window: {window} seconds\n");
    }
    let policies = items(rules, "/policies");
    if policies.is_empty() {
        return;
    }
    let choice = some(rules, "/selectPolicy").and_then(Value::as_str).unwrap_or("Max");
    put!(out, 2, "Select Policy: {choice}\n");
    put!(out, 2, "Policies:\n");
    for policy in policies {
        put!(
            out,
            3,
            "- Type: {}\tValue: {}\tPeriod: {} seconds\n",
            text(policy, "/type"),
            number(policy, "/value"),
            number(policy, "/periodSeconds")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metrics_say_what_is_known() {
        let utilization = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
        let external = json!({"type": "External", "external": {"metric": {"name": "q"}, "target": {"type": "AverageValue", "averageValue": "30"}}});
        let on_object = json!({"type": "Object", "object": {
            "metric": {"name": "r"}, "describedObject": {"kind": "Ingress", "name": "i"}, "target": {"type": "Value", "value": "2k"}}});
        for (metric, current, expected) in [
            (
                &utilization,
                None,
                "resource cpu on pods  (as a percentage of request):  <unknown> / 80%",
            ),
            (
                &utilization,
                Some(json!({"resource": {"current": {"averageUtilization": 7, "averageValue": "70m"}}})),
                "resource cpu on pods  (as a percentage of request):  7% (70m) / 80%",
            ),
            (
                &external,
                Some(json!({"external": {"current": {}}})),
                "\"q\" (target average value):  <unknown> / 30",
            ),
            (
                &on_object,
                Some(json!({"object": {"current": {"value": "1k"}}})),
                "\"r\" on Ingress/i (target value):  1k / 2k",
            ),
            (&json!({"type": "New"}), None, "<unknown metric type \"New\">"),
        ] {
            let mut out = Text::default();
            describe_metric(metric, current.as_ref(), &mut out);
            assert_eq!(out.aligned(), format!("  {expected}\n"));
        }
    }
}
