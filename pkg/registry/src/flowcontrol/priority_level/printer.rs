//! What a table shows of priority levels.

use apiserver::registry::{Column, Row};
use k8s_api::flowcontrol::v1::PriorityLevelConfiguration;
use serde_json::Value;

use crate::printing::{AGE, NAME, NONE, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[
    NAME,
    column("Type", "string"),
    column("NominalConcurrencyShares", "string"),
    column("Queues", "string"),
    column("HandSize", "string"),
    column("QueueLengthLimit", "string"),
    AGE,
];

/// The cells of one level.
#[must_use]
pub fn row(level: &PriorityLevelConfiguration, now: jiff::Timestamp) -> Row {
    let limited = level.spec.limited.as_deref();
    let queuing = limited.and_then(|limited| limited.limit_response.queuing.as_deref());
    let cell = |number: Option<i32>| number.map_or_else(|| Value::from(NONE), Value::from);
    vec![
        level.metadata.name.as_str().into(),
        level.spec.type_.as_str().into(),
        cell(limited.map(|limited| limited.nominal_concurrency_shares.unwrap_or(0))),
        cell(queuing.map(|queuing| queuing.queues)),
        cell(queuing.map(|queuing| queuing.hand_size)),
        cell(queuing.map(|queuing| queuing.queue_length_limit)),
        age(level.metadata.creation_timestamp, now).into(),
    ]
}
