//! `LimitRange`: what it bounds, one line a resource.

use serde_json::Value;
use std::collections::BTreeSet;

use crate::text::{Text, put};
use crate::values::{items, text};

/// What a limit range bounds, in the order of the columns.
const BOUNDS: [&str; 5] = ["min", "max", "defaultRequest", "default", "maxLimitRequestRatio"];

const TITLES: &str = "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio";
const RULES: &str = "----\t--------\t---\t---\t---------------\t-------------\t-----------------------";

pub(crate) fn describe(object: &Value, out: &mut Text) {
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(object, "/metadata/namespace"));
    table(std::slice::from_ref(object), "", out);
}

/// The limits of several ranges in one table, each line behind `space`.
pub(crate) fn table(ranges: &[Value], space: &str, out: &mut Text) {
    put!(out, 0, "{space}{TITLES}\n{space}{RULES}\n");
    for limit in ranges.iter().flat_map(|range| items(range, "/spec/limits")) {
        let maps = BOUNDS.map(|bound| limit.get(bound).and_then(Value::as_object));
        let names: BTreeSet<_> = maps.iter().flatten().flat_map(|map| map.keys()).collect();
        for name in names {
            let values = maps.map(|map| map.and_then(|map| map.get(name)).and_then(Value::as_str).unwrap_or("-"));
            let kind = text(limit, "/type");
            put!(out, 0, "{space}{kind}\t{name}\t{}\n", values.join("\t"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn every_bound_has_its_column() {
        let object = json!({
            "kind": "LimitRange", "metadata": {"name": "l", "namespace": "n"},
            "spec": {"limits": [{"type": "Pod", "min": {"cpu": "1"}, "max": {"memory": "1Gi"}, "maxLimitRequestRatio": {"cpu": "2"}}]},
        });
        assert_eq!(
            described("", &object, Vec::new()).await,
            "Name:       l
Namespace:  n
Type        Resource  Min  Max  Default Request  Default Limit  Max Limit/Request Ratio
----        --------  ---  ---  ---------------  -------------  -----------------------
Pod         cpu       1    -    -                -              2
Pod         memory    -    1Gi  -                -              -
"
        );
    }
}
