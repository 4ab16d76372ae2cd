//! `ServiceCIDR` and `IPAddress`: where the addresses of services come from, and whose each is.

use crate::fields::{SINCE, conditions, fields};
use crate::text::{Text, put};
use crate::values::{items, joined, some, text};
use crate::{Subject, metadata};

/// `ServiceCIDR`.
pub(crate) async fn describe_range(subject: &Subject<'_>, out: &mut Text) {
    let range = subject.object;
    head(subject, out);
    put!(out, 0, "CIDRs:\t{}\n", joined(range, "/spec/cidrs", ", "));
    let found = items(range, "/status/conditions");
    if !found.is_empty() {
        put!(out, 0, "Status:\n");
    }
    conditions(found, &SINCE, "", out);
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

/// `IPAddress`.
pub(crate) async fn describe_address(subject: &Subject<'_>, out: &mut Text) {
    head(subject, out);
    if let Some(parent) = some(subject.object, "/spec/parentRef") {
        put!(out, 0, "Parent Reference:\n");
        let shown = &[
            ("Group:", "/group", ""),
            ("Resource:", "/resource", ""),
            ("Namespace:", "/namespace", ""),
            ("Name:", "/name", ""),
        ];
        fields(parent, 1, shown, out);
    }
    if let Some(events) = subject.events().await {
        events.describe(out);
    }
}

fn head(subject: &Subject<'_>, out: &mut Text) {
    put!(out, 0, "Name:\t{}\n", text(subject.object, "/metadata/name"));
    metadata::labels("Labels", subject.object.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", subject.object.pointer("/metadata/annotations"), out);
}
