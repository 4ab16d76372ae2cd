//! Names, labels and annotations, one a line.

use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{flag, items, sorted, text};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What of an annotation fits on its line, in bytes.
const MAX_ANNOTATION: usize = 140;

/// The name, the namespace, the labels and the annotations.
pub(crate) fn head(object: &Value, out: &mut Text) {
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    put!(out, 0, "Namespace:\t{}\n", text(object, "/metadata/namespace"));
    labels("Labels", object.pointer("/metadata/labels"), out);
    annotations("Annotations", object.pointer("/metadata/annotations"), out);
}

/// `title:  a=b`, each further pair on a line of its own.
pub(crate) fn labels(title: &str, labels: Option<&Value>, out: &mut Text) {
    put!(out, 0, "{title}:\t");
    let labels = sorted(labels);
    if labels.is_empty() {
        put!(out, 0, "<none>\n");
    }
    for (at, (key, value)) in labels.into_iter().enumerate() {
        further(at, out);
        put!(out, 0, "{key}={}\n", value.as_str().unwrap_or_default());
    }
}

/// `title:  a: b`; long values and those of several lines stand below their keys.
pub(crate) fn annotations(title: &str, annotations: Option<&Value>, out: &mut Text) {
    put!(out, 0, "{title}:\t");
    let mut shown = sorted(annotations);
    shown.retain(|(key, _)| *key != LAST_APPLIED);
    if shown.is_empty() {
        put!(out, 0, "<none>\n");
    }
    for (at, (key, value)) in shown.into_iter().enumerate() {
        further(at, out);
        let value = value.as_str().unwrap_or_default();
        let value = value.strip_suffix('\n').unwrap_or(value);
        if value.len() + key.len() + 2 > MAX_ANNOTATION || value.contains('\n') {
            put!(out, 0, "{key}:\n");
            for line in value.split('\n') {
                put!(out, 0, "\t  {}\n", shorten(line, MAX_ANNOTATION - 2));
            }
        } else {
            put!(out, 0, "{key}: {value}\n");
        }
    }
}

/// Begins the line of a further pair, in the pieces of upstream's writer: each is indented where all is.
fn further(at: usize, out: &mut Text) {
    if at > 0 {
        put!(out, 0, "");
        put!(out, 0, "\t");
    }
}

fn shorten(line: &str, most: usize) -> String {
    if line.len() <= most {
        return line.to_owned();
    }
    format!("{}...", String::from_utf8_lossy(&line.as_bytes()[..most]))
}

/// `Controlled By:`, for what has a controller.
pub(crate) fn controlled_by(object: &Value, out: &mut Text) {
    if let Some(owner) = controller(object) {
        put!(
            out,
            0,
            "Controlled By:\t{}/{}\n",
            text(owner, "/kind"),
            text(owner, "/name")
        );
    }
}

/// The reference to the object's controller.
pub(crate) fn controller(object: &Value) -> Option<&Value> {
    items(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| flag(owner, "/controller"))
}
