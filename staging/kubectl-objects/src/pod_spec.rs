//! Where an object has the specification of its pods (upstream: `polymorphichelpers.UpdatePodSpecForObject`).

use serde_json::Value;

use crate::json::{Object, object_at, text_at};
use crate::typed::go_type;
use crate::{Result, refuse};

/// The members from an object to the specification of its pods; `None` for a kind that has none.
#[must_use]
pub fn path(object: &Value) -> Option<&'static [&'static str]> {
    let (group, _) = crate::json::group_version(object);
    Some(match (group, text_at(object, &["kind"])) {
        ("", "Pod") => &["spec"],
        ("", "ReplicationController")
        | ("apps", "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job") => &["spec", "template", "spec"],
        ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => return None,
    })
}

/// The specification of the object's pods, to be changed.
///
/// # Errors
/// The object has no pods.
pub fn of_mut(object: &mut Value) -> Result<&mut Object> {
    match path(object) {
        Some(path) => Ok(object_at(object, path)),
        None => Err(refuse!(
            "the object is not a pod or does not have a pod template: {}",
            go_type(object)
        )),
    }
}

/// The members of the specification that hold containers, those that run first last.
pub const CONTAINERS: [&str; 2] = ["containers", "initContainers"];

/// The containers under one of [`CONTAINERS`].
pub fn containers_mut<'s>(spec: &'s mut Object, member: &str) -> impl Iterator<Item = &'s mut Value> + use<'s> {
    spec.get_mut(member).and_then(Value::as_array_mut).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_are_found_in_every_kind_that_has_them() {
        for (api_version, kind, expected) in [
            ("v1", "Pod", Some("/spec")),
            ("apps/v1", "Deployment", Some("/spec/template/spec")),
            ("batch/v1", "CronJob", Some("/spec/jobTemplate/spec/template/spec")),
            ("v1", "Service", None),
            ("example.com/v1", "Deployment", None),
        ] {
            let mut object = json!({"apiVersion": api_version, "kind": kind});
            match of_mut(&mut object) {
                Ok(spec) => {
                    spec.insert("nodeName".to_owned(), "n".into());
                    let spec = object.pointer(expected.expect("pods"));
                    assert_eq!(spec, Some(&json!({"nodeName": "n"})), "{kind}");
                }
                Err(error) => {
                    assert_eq!(expected, None);
                    assert_eq!(
                        error.0,
                        format!("the object is not a pod or does not have a pod template: *v1.{kind}")
                    );
                }
            }
        }
    }
}
