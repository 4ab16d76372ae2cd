//! Rules of events. Through core/v1 an event is only kept from contradicting itself; through
//! events.k8s.io/v1 it must be complete, and stays what it is but for its series.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::{
    core::v1::{Event, EventSource, ObjectReference},
    primitives::MicroTime,
};

use crate::{
    go_value::{GoValue, named},
    meta::{self, NameRule},
    shared::IMMUTABLE,
};

const MAX_TEXT_LENGTH: usize = 128;
const MAX_NOTE_LENGTH: usize = 1024;
const UNSET: &str = "needs to be unset";

/// Through which API a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestVersion {
    /// core/v1, lenient.
    CoreV1,
    /// events.k8s.io/v1beta1, lenient.
    EventsV1beta1,
    /// events.k8s.io/v1 and whatever comes after it, strict.
    EventsV1,
}

impl RequestVersion {
    /// The version of a request for this group and version.
    #[must_use]
    pub fn new(group: &str, version: &str) -> Self {
        match (group, version) {
            ("", "v1") => Self::CoreV1,
            ("events.k8s.io", "v1beta1") => Self::EventsV1beta1,
            _ => Self::EventsV1,
        }
    }

    fn is_lenient(self) -> bool {
        self != Self::EventsV1
    }
}

fn is_set(time: Option<MicroTime>) -> bool {
    time.is_some_and(|time| !time.is_zero())
}

/// Checks a new event.
#[must_use]
pub fn validate(event: &Event, version: RequestVersion) -> ErrorList {
    let mut errors = validate_consistency(event, version);
    if version.is_lenient() {
        return errors;
    }
    let rule = NameRule::Dns1123Subdomain;
    errors.append(meta::validate_object_meta(
        &event.metadata,
        true,
        rule,
        &Path::new("metadata"),
    ));
    validate_series(event, &mut errors);
    if !is_set(event.event_time) {
        errors.push(Error::required(&Path::new("eventTime"), ""));
    }
    if !matches!(event.type_.as_str(), "Normal" | "Warning") {
        let detail = format!("has invalid value: {}", event.type_);
        errors.push(Error::invalid(&Path::new("type"), "", detail));
    }
    let source = &event.source;
    for (set, field) in [
        (
            event.first_timestamp.is_some_and(|time| !time.is_zero()),
            "firstTimestamp",
        ),
        (
            event.last_timestamp.is_some_and(|time| !time.is_zero()),
            "lastTimestamp",
        ),
        (event.count != 0, "count"),
        (!source.component.is_empty() || !source.host.is_empty(), "source"),
    ] {
        if set {
            errors.push(Error::invalid(&Path::new(field), "", UNSET));
        }
    }
    errors
}

/// Checks an update of an event.
#[must_use]
pub fn validate_update(event: &Event, old: &Event, version: RequestVersion) -> ErrorList {
    let mut errors = validate_consistency(event, version);
    if version.is_lenient() {
        return errors;
    }
    errors.append(meta::validate_object_meta_update(
        &event.metadata,
        &old.metadata,
        &Path::new("metadata"),
    ));
    if event.series != old.series {
        validate_series(event, &mut errors);
    }
    let text = |value: &String| BadValue::from(value);
    let reference = |value: &ObjectReference| show_reference(value).bad_value();
    let mut same = Immutable(&mut errors);
    same.check(
        "involvedObject",
        &event.involved_object,
        &old.involved_object,
        reference,
    );
    same.check("reason", &event.reason, &old.reason, text);
    same.check("message", &event.message, &old.message, text);
    same.check("source", &event.source, &old.source, show_source);
    same.check("firstTimestamp", &event.first_timestamp, &old.first_timestamp, |time| {
        BadValue::json(time)
    });
    same.check("lastTimestamp", &event.last_timestamp, &old.last_timestamp, |time| {
        BadValue::json(time)
    });
    same.check("count", &event.count, &old.count, |count| (*count).into());
    same.check("reason", &event.reason, &old.reason, text);
    same.check("type", &event.type_, &old.type_, |value| named(value));
    same.check("eventTime", &event.event_time, &old.event_time, |time| {
        BadValue::json(time)
    });
    same.check("action", &event.action, &old.action, text);
    same.check("related", &event.related, &old.related, |related| {
        GoValue::pointer(related.as_deref(), show_reference).bad_value()
    });
    same.check(
        "reportingController",
        &event.reporting_component,
        &old.reporting_component,
        text,
    );
    same.check(
        "reportingInstance",
        &event.reporting_instance,
        &old.reporting_instance,
        text,
    );
    errors
}

struct Immutable<'a>(&'a mut ErrorList);

impl Immutable<'_> {
    fn check<T: PartialEq>(&mut self, field: &str, new: &T, old: &T, show: impl FnOnce(&T) -> BadValue) {
        if new != old {
            self.0.push(Error::invalid(&Path::new(field), show(new), IMMUTABLE));
        }
    }
}

fn show_reference(reference: &ObjectReference) -> GoValue {
    GoValue::object([
        ("Kind", (&reference.kind).into()),
        ("Namespace", (&reference.namespace).into()),
        ("Name", (&reference.name).into()),
        ("UID", (&reference.uid).into()),
        ("APIVersion", (&reference.api_version).into()),
        ("ResourceVersion", (&reference.resource_version).into()),
        ("FieldPath", (&reference.field_path).into()),
    ])
}

fn show_source(source: &EventSource) -> BadValue {
    GoValue::object([
        ("Component", (&source.component).into()),
        ("Host", (&source.host).into()),
    ])
    .bad_value()
}

fn validate_series(event: &Event, errors: &mut ErrorList) {
    let Some(series) = &event.series else { return };
    if series.count < 2 {
        errors.push(Error::invalid(&Path::new("series.count"), "", "should be at least 2"));
    }
    if !is_set(series.last_observed_time) {
        errors.push(Error::required(&Path::new("series.lastObservedTime"), ""));
    }
}

/// What holds for events of every version. Those with an `eventTime` are of the newer kind.
fn validate_consistency(event: &Event, version: RequestVersion) -> ErrorList {
    let mut errors = ErrorList::new();
    let namespace = event.metadata.namespace.as_str();
    let of_object = event.involved_object.namespace.as_str();
    let newer = is_set(event.event_time);
    let matches = match of_object {
        "" if newer => matches!(namespace, "default" | "kube-system"),
        "" => matches!(namespace, "" | "default"),
        _ if newer => true,
        of_object => of_object == namespace,
    };
    if !matches {
        let path = Path::new("involvedObject.namespace");
        errors.push(Error::invalid(&path, of_object, "does not match event.namespace"));
    }
    if newer {
        validate_reporter(event, version, &mut errors);
    }
    errors.invalid_each(&Path::new("namespace"), namespace, names::dns1123_subdomain(namespace));
    errors
}

fn validate_reporter(event: &Event, version: RequestVersion, errors: &mut ErrorList) {
    let controller = Path::new(match version {
        RequestVersion::CoreV1 => "reportingComponent",
        _ => "reportingController",
    });
    if event.reporting_component.is_empty() {
        errors.push(Error::required(&controller, ""));
    }
    errors.invalid_each(
        &controller,
        &event.reporting_component,
        names::qualified_name(&event.reporting_component),
    );
    for (value, field) in [
        (&event.reporting_instance, "reportingInstance"),
        (&event.action, "action"),
        (&event.reason, "reason"),
    ] {
        if value.is_empty() {
            errors.push(Error::required(&Path::new(field), ""));
        }
        validate_length(value, MAX_TEXT_LENGTH, field, errors);
    }
    validate_length(&event.message, MAX_NOTE_LENGTH, "message", errors);
}

fn validate_length(value: &str, most: usize, field: &str, errors: &mut ErrorList) {
    if value.len() > most {
        let detail = format!("can have at most {most} characters");
        errors.push(Error::invalid(&Path::new(field), "", detail));
    }
}
