//! What a table shows of API services.

use apiserver::registry::{Column, Row};
use k8s_api::apiregistration::v1::APIService;

use crate::printing::{AGE, NAME, age, column};

/// The columns.
pub const COLUMNS: &[Column] = &[NAME, column("Service", "string"), column("Available", "string"), AGE];

/// The cells of one API service.
#[must_use]
pub fn row(service: &APIService, now: jiff::Timestamp) -> Row {
    let backend = service.spec.service.as_ref();
    let backend = backend.map_or_else(
        || "Local".into(),
        |backend| format!("{}/{}", backend.namespace, backend.name),
    );
    vec![
        service.metadata.name.as_str().into(),
        backend.into(),
        available(service).into(),
        age(service.metadata.creation_timestamp, now).into(),
    ]
}

/// Whether the server answers, with the reason if it does not.
fn available(service: &APIService) -> String {
    let mut conditions = service.status.conditions.iter();
    match conditions.find(|condition| condition.type_ == "Available") {
        None => "Unknown".into(),
        Some(condition) if condition.status == "True" || condition.reason.is_empty() => condition.status.clone(),
        Some(condition) => format!("{} ({})", condition.status, condition.reason),
    }
}
