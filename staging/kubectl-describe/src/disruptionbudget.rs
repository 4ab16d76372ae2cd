//! `PodDisruptionBudget`: how many pods may be missing, and how many are.

use cli_runtime::gotext::go_value;

use crate::Subject;
use crate::fields::fields;
use crate::text::{Text, put};
use crate::values::{some, text};
use crate::workload::selector_or_none;

pub(crate) async fn describe(subject: &Subject<'_>, out: &mut Text) {
    let budget = subject.object;
    put!(out, 0, "Name:\t{}\n", text(budget, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(budget, "/metadata/namespace"));
    if let Some(least) = some(budget, "/spec/minAvailable") {
        put!(out, 0, "Min available:\t{}\n", go_value(least));
    } else if let Some(most) = some(budget, "/spec/maxUnavailable") {
        put!(out, 0, "Max unavailable:\t{}\n", go_value(most));
    }
    let selector = some(budget, "/spec/selector").map(|_| selector_or_none(budget, "/spec/selector"));
    put!(out, 0, "Selector:\t{}\n", selector.as_deref().unwrap_or("<unset>"));
    put!(out, 0, "Status:\n");
    let status = &[
        ("Allowed disruptions:", "/status/disruptionsAllowed", "0"),
        ("Current:", "/status/currentHealthy", "0"),
        ("Desired:", "/status/desiredHealthy", "0"),
        ("Total:", "/status/expectedPods", "0"),
    ];
    fields(budget, 2, status, out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}
