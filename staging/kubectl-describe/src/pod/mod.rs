//! `Pod`, and the template that controllers make pods of.

mod container;
mod env;
mod probe;

use cli_runtime::gotext::age;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{items, number, some, sorted, text, time};
use crate::workload::selector_or_none;
use crate::{Subject, events, metadata, volume};
use container::containers;

const MIRROR: &str = "/metadata/annotations/kubernetes.io~1config.mirror";

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    let pod = subject.object;
    head(pod, out);
    status(pod, out);
    if let Some(resources) = some(pod, "/spec/resources") {
        put!(out, 0, "Resources:\n");
        container::resources(resources, 1, out);
    }
    for (title, field, statuses) in [
        (
            "Init Containers",
            "/spec/initContainers",
            "/status/initContainerStatuses",
        ),
        ("Containers", "/spec/containers", "/status/containerStatuses"),
        (
            "Ephemeral Containers",
            "/spec/ephemeralContainers",
            "/status/ephemeralContainerStatuses",
        ),
    ] {
        let found = items(pod, field);
        if title == "Containers" || !found.is_empty() {
            containers(title, found, items(pod, statuses), Some(pod), "", out);
        }
    }
    gates_and_conditions(pod, out);
    volume::volumes(items(pod, "/spec/volumes"), "", out);
    put!(out, 0, "QoS Class:\t{}\n", text(pod, "/status/qosClass"));
    metadata::labels("Node-Selectors", pod.pointer("/spec/nodeSelector"), out);
    tolerations("Tolerations", items(pod, "/spec/tolerations"), out);
    spread(items(pod, "/spec/topologySpreadConstraints"), "", out);
    scheduling_group(&pod["spec"], "", out);
    if subject.show_events {
        // The kubelet knows a mirror pod by the identity of the manifest.
        let mut known = pod.clone();
        if let Some(uid) = pod.pointer(MIRROR) {
            known["metadata"]["uid"] = uid.clone();
        }
        let events = events::about(subject.cluster, &known, "").await;
        events.unwrap_or_default().describe(out);
    }
}

fn head(pod: &Value, out: &mut Text) {
    put!(out, 0, "Name:\t{}\n", text(pod, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(pod, "/metadata/namespace"));
    if some(pod, "/spec/priority").is_some() {
        put!(out, 0, "Priority:\t{}\n", number(pod, "/spec/priority"));
    }
    for (title, field) in [
        ("Priority Class Name", "/spec/priorityClassName"),
        ("Runtime Class Name", "/spec/runtimeClassName"),
        ("Service Account", "/spec/serviceAccountName"),
    ] {
        line(title, text(pod, field), out);
    }
    match text(pod, "/spec/nodeName") {
        "" => put!(out, 0, "Node:\t<none>\n"),
        node => put!(out, 0, "Node:\t{node}/{}\n", text(pod, "/status/hostIP")),
    }
    if some(pod, "/status/startTime").is_some() {
        put!(out, 0, "Start Time:\t{}\n", time(text(pod, "/status/startTime")));
    }
    metadata::labels("Labels", pod.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", pod.pointer("/metadata/annotations"), out);
}

fn line(title: &str, value: &str, out: &mut Text) {
    if !value.is_empty() {
        put!(out, 0, "{title}:\t{value}\n");
    }
}

fn status(pod: &Value, out: &mut Text) {
    let phase = text(pod, "/status/phase");
    match text(pod, "/metadata/deletionTimestamp") {
        deleted if !deleted.is_empty() && phase != "Failed" && phase != "Succeeded" => {
            put!(out, 0, "Status:\tTerminating (lasts {})\n", age(deleted));
            let grace = number(pod, "/metadata/deletionGracePeriodSeconds");
            put!(out, 0, "Termination Grace Period:\t{grace}s\n");
        }
        _ => put!(out, 0, "Status:\t{phase}\n"),
    }
    line("Reason", text(pod, "/status/reason"), out);
    line("Message", text(pod, "/status/message"), out);
    seccomp(&pod["spec"], 0, 0, out);
    put!(out, 0, "IP:\t{}\n", text(pod, "/status/podIP"));
    let addresses = items(pod, "/status/podIPs");
    put!(out, 0, "IPs:{}\n", if addresses.is_empty() { "\t<none>" } else { "" });
    for address in addresses {
        put!(out, 1, "IP:\t{}\n", text(address, "/ip"));
    }
    metadata::controlled_by(pod, out);
    line("NominatedNodeName", text(pod, "/status/nominatedNodeName"), out);
}

fn seccomp(holder: &Value, level: usize, path_level: usize, out: &mut Text) {
    if let Some(profile) = some(holder, "/securityContext/seccompProfile") {
        let kind = text(profile, "/type");
        put!(out, level, "SeccompProfile:\t{kind}\n");
        if kind == "Localhost" {
            let path = text(profile, "/localhostProfile");
            put!(out, path_level, "LocalhostProfile:\t{path}\n");
        }
    }
}

fn gates_and_conditions(pod: &Value, out: &mut Text) {
    let conditions = items(pod, "/status/conditions");
    let gates = items(pod, "/spec/readinessGates");
    if !gates.is_empty() {
        put!(out, 0, "Readiness Gates:\n  Type\tStatus\n");
    }
    for gate in gates {
        let gate = text(gate, "/conditionType");
        let status = conditions.iter().find(|condition| text(condition, "/type") == gate);
        let status = status.map_or("<none>", |condition| text(condition, "/status"));
        put!(out, 1, "{gate} \t{status} \n");
    }
    if !conditions.is_empty() {
        put!(out, 0, "Conditions:\n  Type\tStatus\n");
    }
    for condition in conditions {
        put!(
            out,
            1,
            "{} \t{} \n",
            text(condition, "/type"),
            text(condition, "/status")
        );
    }
}

/// The template of a controller's pods.
pub(crate) fn template(template: &Value, out: &mut Text) {
    put!(out, 0, "Pod Template:\n");
    metadata::labels("  Labels", template.pointer("/metadata/labels"), out);
    if !sorted(template.pointer("/metadata/annotations")).is_empty() {
        metadata::annotations("  Annotations", template.pointer("/metadata/annotations"), out);
    }
    let account = text(template, "/spec/serviceAccountName");
    line("  Service Account", account, out);
    let init = items(template, "/spec/initContainers");
    if !init.is_empty() {
        containers("Init Containers", init, &[], None, "  ", out);
    }
    containers("Containers", items(template, "/spec/containers"), &[], None, "  ", out);
    volume::volumes(items(template, "/spec/volumes"), "  ", out);
    spread(items(template, "/spec/topologySpreadConstraints"), "  ", out);
    line("  Priority Class Name", text(template, "/spec/priorityClassName"), out);
    metadata::labels("  Node-Selectors", template.pointer("/spec/nodeSelector"), out);
    tolerations("  Tolerations", items(template, "/spec/tolerations"), out);
    scheduling_group(&template["spec"], "  ", out);
}

fn tolerations(title: &str, tolerations: &[Value], out: &mut Text) {
    put!(out, 0, "{title}:\t");
    if tolerations.is_empty() {
        put!(out, 0, "<none>\n");
    }
    let mut ordered: Vec<_> = tolerations.iter().collect();
    ordered.sort_by_key(|toleration| text(toleration, "/key"));
    for (at, toleration) in ordered.into_iter().enumerate() {
        let (key, value, effect) = (
            text(toleration, "/key"),
            text(toleration, "/value"),
            text(toleration, "/effect"),
        );
        let mut words = key.to_owned();
        if !value.is_empty() {
            words.push_str(&format!("={value}"));
        }
        if !effect.is_empty() {
            words.push_str(&format!(":{effect}"));
        }
        if text(toleration, "/operator") == "Exists" && value.is_empty() {
            words.push_str(if words.is_empty() { "op=Exists" } else { " op=Exists" });
        }
        if some(toleration, "/tolerationSeconds").is_some() {
            words.push_str(&format!(" for {}s", number(toleration, "/tolerationSeconds")));
        }
        put!(out, 0, "{}{words}\n", if at == 0 { "" } else { "\t" });
    }
}

fn spread(constraints: &[Value], space: &str, out: &mut Text) {
    let mut ordered: Vec<_> = constraints.iter().collect();
    ordered.sort_by_key(|constraint| text(constraint, "/topologyKey"));
    for (at, constraint) in ordered.into_iter().enumerate() {
        let title = if at == 0 { "Topology Spread Constraints:" } else { "" };
        let selector = some(constraint, "/labelSelector")
            .map(|_| format!(" for selector {}", selector_or_none(constraint, "/labelSelector")));
        put!(
            out,
            0,
            "{space}{title}\t{}:{} when max skew {} is exceeded{}\n",
            text(constraint, "/topologyKey"),
            text(constraint, "/whenUnsatisfiable"),
            number(constraint, "/maxSkew"),
            selector.unwrap_or_default()
        );
    }
}

fn scheduling_group(spec: &Value, space: &str, out: &mut Text) {
    if let Some(group) = some(spec, "/schedulingGroup") {
        put!(out, 0, "{space}SchedulingGroup:\n");
        put!(out, 1, "PodGroupName:\t{}\n", text(group, "/podGroupName"));
    }
}

#[cfg(test)]
mod tests;
