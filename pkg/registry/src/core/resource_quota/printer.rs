//! What `kubectl get resourcequotas` shows.

use apiserver::registry::{Column, Row};
use k8s_api::core::v1::ResourceQuota;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Request", "string"), column("Limit", "string"), AGE];

/// The cells of a quota: what is used of what there is, limits apart from everything else.
#[must_use]
pub fn row(quota: &ResourceQuota, now: jiff::Timestamp) -> Row {
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (name, hard) in &quota.status.hard {
        let used = quota
            .status
            .used
            .get(name)
            .map_or_else(|| "0".to_owned(), ToString::to_string);
        let column = if name.starts_with("limits.") {
            &mut limits
        } else {
            &mut requests
        };
        column.push(format!("{name}: {used}/{hard}"));
    }
    vec![
        quota.metadata.name.as_str().into(),
        requests.join(", ").into(),
        limits.join(", ").into(),
        age(quota.metadata.creation_timestamp, now).into(),
    ]
}
