//! `Node`: its condition, its addresses, what it has, what its pods ask for.

mod allocated;

use cli_runtime::Result;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use crate::fields::{Column, Field, SINCE, conditions, created, fields, given};
use crate::text::{Text, put};
use crate::values::{flag, items, joined, or_none, sorted, text, time};
use crate::{Named, Related, Subject, events, metadata};

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE: &str = "kubernetes.io/role";
/// How many pools of devices are shown.
const SHOWN_POOLS: usize = 10;

const CONDITIONS: [Column; 6] = [
    SINCE[0],
    SINCE[1],
    ("LastHeartbeatTime", "-----------------", "/lastHeartbeatTime"),
    SINCE[2],
    SINCE[3],
    SINCE[4],
];

const SYSTEM: [Field; 9] = [
    ("Machine ID:", "/machineID", ""),
    ("System UUID:", "/systemUUID", ""),
    ("Boot ID:", "/bootID", ""),
    ("Kernel Version:", "/kernelVersion", ""),
    ("OS Image:", "/osImage", ""),
    ("Operating System:", "/operatingSystem", ""),
    ("Architecture:", "/architecture", ""),
    ("Container Runtime Version:", "/containerRuntimeVersion", ""),
    ("Kubelet Version:", "/kubeletVersion", ""),
];

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) -> Result<()> {
    let node = subject.object;
    let name = text(node, "/metadata/name");
    let pods = pods(subject, name).await?;
    put!(out, 0, "Name:\t{name}\n");
    put!(out, 0, "Roles:\t{}\n", or_none(&roles(node)));
    metadata::labels("Labels", node.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", node.pointer("/metadata/annotations"), out);
    created(node, out);
    put!(out, 0, "Taints:\t{}\n", or_none(&taints(node)));
    put!(out, 0, "Unschedulable:\t{}\n", flag(node, "/spec/unschedulable"));
    lease(subject, name, out).await;
    conditions(items(node, "/status/conditions"), &CONDITIONS, " ", out);
    put!(out, 0, "Addresses:\n");
    for address in items(node, "/status/addresses") {
        put!(out, 1, "{}:\t{}\n", text(address, "/type"), text(address, "/address"));
    }
    for (title, field) in [("Capacity", "/status/capacity"), ("Allocatable", "/status/allocatable")] {
        let amounts = sorted(node.pointer(field));
        if !amounts.is_empty() {
            put!(out, 0, "{title}:\n");
        }
        for (resource, amount) in amounts {
            put!(out, 1, "{resource}:\t{}\n", amount.as_str().unwrap_or_default());
        }
    }
    devices(subject, name, out).await;
    put!(out, 0, "System Info:\n");
    fields(&node["status"]["nodeInfo"], 1, &SYSTEM, out);
    given(node, 0, &[("PodCIDR:", "/spec/podCIDR")], out);
    let ranges = joined(node, "/spec/podCIDRs", ",");
    if !ranges.is_empty() {
        put!(out, 0, "PodCIDRs:\t{ranges}\n");
    }
    given(node, 0, &[("ProviderID:", "/spec/providerID")], out);
    match pods {
        Some(pods) => allocated::describe(node, &pods, out)?,
        None => put!(out, 0, "Pods:\tnot authorized\n"),
    }
    if let Some(mut found) = subject.events().await {
        // The kubelet knows its node by the name only.
        let mut by_name = node.clone();
        by_name["metadata"]["uid"] = name.into();
        let more = events::about(subject.cluster, &by_name, subject.kind).await;
        found.merge(more.unwrap_or_default());
        found.describe(out);
    }
    Ok(())
}

/// The pods on the node that have not ended; `None` for who may not see them.
async fn pods(subject: &Subject<'_>, node: &str) -> Result<Option<Vec<Value>>> {
    let fields = format!("spec.nodeName={node},status.phase!=Failed,status.phase!=Succeeded");
    let wanted = Related {
        api_version: "v1",
        kind: "Pod",
        namespace: "",
        labels: "",
        fields: &fields,
    };
    match subject.cluster.list(&wanted).await {
        Ok(pods) => Ok(Some(pods)),
        Err(error) if error.status().is_some_and(|status| status.is_forbidden()) => Ok(None),
        Err(error) => Err(error),
    }
}

fn roles(node: &Value) -> String {
    let roles: BTreeSet<_> = sorted(node.pointer("/metadata/labels"))
        .into_iter()
        .filter_map(|(key, value)| match key.strip_prefix(ROLE_PREFIX) {
            Some(role) => Some(role),
            None => value.as_str().filter(|_| key == ROLE),
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.into_iter().collect::<Vec<_>>().join(",")
}

/// One a line, by effect and key.
fn taints(node: &Value) -> String {
    let mut taints: Vec<_> = items(node, "/spec/taints").iter().collect();
    taints.sort_by_key(|taint| format!("{},{}", text(taint, "/effect"), text(taint, "/key")));
    let lines: Vec<_> = taints
        .into_iter()
        .map(
            |taint| match (text(taint, "/key"), text(taint, "/value"), text(taint, "/effect")) {
                (key, "", "") => key.to_owned(),
                (key, value, "") => format!("{key}={value}:"),
                (key, "", effect) => format!("{key}:{effect}"),
                (key, value, effect) => format!("{key}={value}:{effect}"),
            },
        )
        .collect();
    lines.join("\n\t")
}

async fn lease(subject: &Subject<'_>, node: &str, out: &mut Text) {
    let lease = Named {
        api_version: "coordination.k8s.io/v1",
        kind: "Lease",
        namespace: "kube-node-lease",
        name: node,
    };
    let lease = match subject.cluster.get(&lease).await {
        Ok(lease) => lease,
        Err(error) => return put!(out, 0, "Lease:\tFailed to get lease: {error}\n"),
    };
    put!(out, 0, "Lease:\n");
    fields(
        &lease,
        1,
        &[("HolderIdentity:", "/spec/holderIdentity", "<unset>")],
        out,
    );
    for (title, field) in [("AcquireTime", "/spec/acquireTime"), ("RenewTime", "/spec/renewTime")] {
        match text(&lease, field) {
            "" => put!(out, 1, "{title}:\t<unset>\n"),
            at => put!(out, 1, "{title}:\t{}\n", time(at)),
        }
    }
}

/// The pools of devices that are this node's alone.
async fn devices(subject: &Subject<'_>, node: &str, out: &mut Text) {
    let fields = format!("spec.nodeName={node}");
    let wanted = Related {
        api_version: "resource.k8s.io/v1",
        kind: "ResourceSlice",
        namespace: "",
        labels: "",
        fields: &fields,
    };
    // Not every server knows them, nor may everybody see them.
    let slices = subject.cluster.list(&wanted).await.unwrap_or_default();
    let mut pools: BTreeMap<String, (&Value, usize, usize)> = BTreeMap::new();
    for slice in &slices {
        let key = format!("{}/{}", text(slice, "/spec/driver"), text(slice, "/spec/pool/name"));
        let (_, count, devices) = pools.entry(key).or_insert((slice, 0, 0));
        *count += 1;
        *devices += items(slice, "/spec/devices").len();
    }
    if pools.is_empty() {
        return;
    }
    put!(out, 0, "Node-Local ResourceSlices:\n");
    put!(out, 1, "Driver\tPool\tSlices\tDevices\n");
    put!(out, 1, "------\t----\t------\t-------\n");
    for (slice, count, devices) in pools.values().take(SHOWN_POOLS) {
        let (driver, pool) = (text(slice, "/spec/driver"), text(slice, "/spec/pool/name"));
        put!(out, 1, "{driver}\t{pool}\t{count}\t{devices}\n");
    }
    if pools.len() > SHOWN_POOLS {
        put!(out, 1, "...and {} more pools\n", pools.len() - SHOWN_POOLS);
    }
}
