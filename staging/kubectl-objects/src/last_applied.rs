//! The annotation in which client-side apply keeps what was applied last (upstream: `kubectl/pkg/util/apply.go`).

use serde_json::Value;

use crate::json::{Object, go_json, object_at};

/// The annotation.
pub const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What was applied last, if anything was.
#[must_use]
pub fn original(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str()
}

/// The object without the annotation. Without any annotations it has an empty map, as upstream's has.
#[must_use]
pub fn without(object: &Value) -> Value {
    let mut bare = object.clone();
    object_at(&mut bare, &["metadata", "annotations"]).remove(ANNOTATION);
    bare
}

/// The text that the annotation holds for this object.
#[must_use]
pub fn configuration(object: &Value) -> String {
    format!("{}\n", go_json(&without(object)))
}

/// The object with the annotation about itself.
#[must_use]
pub fn modified(object: &Value) -> Value {
    let mut annotated = object.clone();
    set(&mut annotated, &configuration(object));
    annotated
}

/// Sets the annotation to a text.
pub fn set(object: &mut Value, text: &str) {
    object_at(object, &["metadata", "annotations"]).insert(ANNOTATION.to_owned(), text.into());
}

/// Writes the annotation if it is wanted, or if there is one already. Of `typed` objects the text is that of Go's encoder
/// for their type, without an empty map of annotations.
pub fn create_or_update(wanted: bool, typed: bool, object: &mut Value) {
    if !wanted && original(object).is_none_or(str::is_empty) {
        return;
    }
    let mut bare = without(object);
    if !typed {
        return set(object, &format!("{}\n", go_json(&bare)));
    }
    let metadata = object_at(&mut bare, &["metadata"]);
    if metadata
        .get("annotations")
        .and_then(Value::as_object)
        .is_some_and(Object::is_empty)
    {
        metadata.remove("annotations");
    }
    set(object, &format!("{}\n", crate::typed::json(&bare)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotation_is_about_the_object_without_it() {
        let object = json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "<&>"}});
        let text = "{\"data\":{\"x\":\"\\u003c\\u0026\\u003e\"},\"kind\":\"ConfigMap\",\"metadata\":{\"annotations\":{},\"name\":\"a\"}}\n";
        assert_eq!(configuration(&object), text);
        let annotated = modified(&object);
        assert_eq!(original(&annotated), Some(text));
        assert_eq!(configuration(&annotated), text, "writing it again changes nothing");
    }

    #[test]
    fn annotation_is_written_where_wanted_or_there() {
        let plain = json!({"metadata": {"name": "a"}});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "b", "name": "a"}});
        let pod_text = "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"}}\n";
        for (wanted, typed, start, expected) in [
            (false, false, plain.clone(), None),
            (
                true,
                false,
                plain.clone(),
                Some("{\"metadata\":{\"annotations\":{},\"name\":\"a\"}}\n"),
            ),
            (true, true, pod, Some(pod_text)),
            (
                false,
                false,
                modified(&plain),
                Some("{\"metadata\":{\"annotations\":{},\"name\":\"a\"}}\n"),
            ),
        ] {
            let mut object = start;
            create_or_update(wanted, typed, &mut object);
            assert_eq!(original(&object), expected);
        }
    }
}
