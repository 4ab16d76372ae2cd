//! What the pods of a node ask for, each and in all, as shares of what the node has.

use cli_runtime::gotext::age;
use cli_runtime::{Result, message};
use component_helpers::resource::{PodTotals, is_huge_page};
use k8s_api::Map;
use k8s_api::core::v1::Pod;
use k8s_api::primitives::Quantity;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{sorted, text};

type Amounts = Map<Quantity>;

/// What is always shown of the sums.
const ALWAYS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

pub(super) fn describe(node: &Value, pods: &[Value], out: &mut Text) -> Result<()> {
    let allocatable = match amounts(node.pointer("/status/allocatable")) {
        given if given.is_empty() => amounts(node.pointer("/status/capacity")),
        given => given,
    };
    put!(out, 0, "Non-terminated Pods:\t({} in total)\n", pods.len());
    put!(
        out,
        1,
        "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge\n"
    );
    put!(
        out,
        1,
        "---------\t----\t\t------------\t----------\t---------------\t-------------\t---\n"
    );
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    for object in pods {
        let pod: Pod = serde_json::from_value(object.clone()).map_err(|error| message!("{error}"))?;
        // What a pod of the table has includes what it has been resized to; the sums count what it asks for.
        let shown = PodTotals {
            pod_level: true,
            with_status: true,
            ..PodTotals::default()
        };
        let summed = PodTotals {
            with_status: false,
            ..shown
        };
        let (asked, most) = (shown.requests(&pod), shown.limits(&pod));
        let cells = [("cpu", &asked), ("cpu", &most), ("memory", &asked), ("memory", &most)]
            .map(|(resource, held)| share(held, &allocatable, resource));
        put!(
            out,
            1,
            "{}\t{}\t\t{}\t{}\n",
            text(object, "/metadata/namespace"),
            text(object, "/metadata/name"),
            cells.join("\t"),
            age(text(object, "/metadata/creationTimestamp"))
        );
        add(&mut requests, summed.requests(&pod));
        add(&mut limits, summed.limits(&pod));
    }
    sums(&requests, &limits, &allocatable, out);
    Ok(())
}

fn sums(requests: &Amounts, limits: &Amounts, allocatable: &Amounts, out: &mut Text) {
    put!(
        out,
        0,
        "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)\n"
    );
    put!(out, 1, "Resource\tRequests\tLimits\n");
    put!(out, 1, "--------\t--------\t------\n");
    let mut names: Vec<_> = allocatable.keys().map(String::as_str).collect();
    names.sort_unstable();
    let pages = names.iter().copied().filter(|name| is_huge_page(name));
    for resource in ALWAYS.into_iter().chain(pages) {
        let (asked, most) = (
            share(requests, allocatable, resource),
            share(limits, allocatable, resource),
        );
        put!(out, 1, "{resource}\t{asked}\t{most}\n");
    }
    for resource in &names {
        if !ALWAYS.contains(resource) && !is_huge_page(resource) && *resource != "pods" {
            let (asked, most) = (held(requests, resource), held(limits, resource));
            put!(out, 1, "{resource}\t{asked}\t{most}\n");
        }
    }
}

fn amounts(list: Option<&Value>) -> Amounts {
    sorted(list)
        .into_iter()
        .filter_map(|(name, amount)| Some((name.clone(), amount.as_str()?.parse().ok()?)))
        .collect()
}

fn add(total: &mut Amounts, list: Amounts) {
    for (name, quantity) in list {
        match total.get_mut(&name) {
            Some(sum) => sum.add(&quantity),
            None => {
                total.insert(name, quantity);
            }
        }
    }
}

fn held(amounts: &Amounts, resource: &str) -> Quantity {
    amounts.get(resource).cloned().unwrap_or_default()
}

/// `250m (12%)`: how much it is, and how much of what there is.
fn share(amounts: &Amounts, allocatable: &Amounts, resource: &str) -> String {
    let amount = held(amounts, resource);
    let count = |quantity: &Quantity| {
        if resource == "cpu" {
            quantity.milli_value()
        } else {
            quantity.value()
        }
    };
    let whole = count(&held(allocatable, resource));
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "percentages are cut to whole numbers"
    )]
    let percent = if whole == 0 {
        0
    } else {
        (count(&amount) as f64 / whole as f64 * 100.0) as i64
    };
    format!("{amount} ({percent}%)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_are_summed_and_shared_out() {
        let node = json!({"status": {"capacity": {"cpu": "8"}, "allocatable": {
            "cpu": "4", "memory": "1Gi", "pods": "110", "hugepages-2Mi": "4Mi", "example.com/gpu": "2"}}});
        let pod = json!({
            "metadata": {"name": "p", "namespace": "n"},
            "spec": {"containers": [{"name": "c", "resources": {
                "requests": {"cpu": "500m", "hugepages-2Mi": "2Mi", "example.com/gpu": "1"}, "limits": {"memory": "512Mi"}}}]},
        });
        let mut out = Text::default();
        describe(&node, &[pod.clone(), pod], &mut out).unwrap();
        assert_eq!(
            out.aligned(),
            "Non-terminated Pods:  (2 in total)
  Namespace           Name    CPU Requests  CPU Limits  Memory Requests  Memory Limits  Age
  ---------           ----    ------------  ----------  ---------------  -------------  ---
  n                   p       500m (12%)    0 (0%)      0 (0%)           512Mi (50%)    <unknown>
  n                   p       500m (12%)    0 (0%)      0 (0%)           512Mi (50%)    <unknown>
Allocated resources:
  (Total limits may be over 100 percent, i.e., overcommitted.)
  Resource           Requests    Limits
  --------           --------    ------
  cpu                1 (25%)     0 (0%)
  memory             0 (0%)      1Gi (100%)
  ephemeral-storage  0 (0%)      0 (0%)
  hugepages-2Mi      4Mi (100%)  0 (0%)
  example.com/gpu    2           0
"
        );
    }
}
