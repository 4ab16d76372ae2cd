//! The revisions that a rollout left behind, and the way back to one of them.

use serde_json::{Value, json};

use super::Rollable;
use crate::json::{drop_nulls, list_at, number_at, object_at, text_at};
use crate::patching::{self, PatchType, TypedPatch};
use crate::{Refusal, Result, refuse};

/// Where a deployment keeps the number of its revision, and a replica set that of its own.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// Why a revision was made.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// The label that tells a deployment's replica sets apart.
const HASH: &str = "pod-template-hash";
/// Annotations that stay a deployment's own when it goes back to the revision of a replica set.
const KEPT: [&str; 6] = [
    crate::last_applied::ANNOTATION,
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// One revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Its number; the larger, the later.
    pub number: i64,
    /// What holds it: a replica set, or a controller revision.
    pub holder: Value,
    /// What it is as an object: the replica set, or the daemon set or stateful set as it was.
    pub object: Value,
}

impl Revision {
    /// The template of its pods.
    #[must_use]
    pub fn template(&self) -> &Value {
        &self.object["spec"]["template"]
    }
}

/// The number of a deployment's or a replica set's revision; 0 without one.
///
/// # Errors
/// The annotation is no number.
pub(super) fn revision_of(object: &Value) -> Result<i64> {
    let text = text_at(object, &["metadata", "annotations", REVISION]);
    if text.is_empty() {
        return Ok(0);
    }
    text.parse()
        .map_err(|_| refuse!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
}

/// Why the revision was made; empty where nobody said.
#[must_use]
pub fn change_cause(revision: &Revision) -> &str {
    let of = |object| text_at(object, &["metadata", "annotations", CHANGE_CAUSE]);
    match (of(&revision.holder), text_at(&revision.holder, &["kind"])) {
        ("", "ReplicaSet") => of(revision.template()),
        (cause, _) => cause,
    }
}

/// The objects of a list that this one controls.
fn controlled_by<'o>(owner: &Value, objects: &'o [Value]) -> impl Iterator<Item = &'o Value> {
    let uid = text_at(owner, &["metadata", "uid"]).to_owned();
    objects.iter().filter(move |object| {
        list_at(object, &["metadata", "ownerReferences"])
            .iter()
            .any(|owner| owner["controller"] == true && text_at(owner, &["uid"]) == uid)
    })
}

/// By number; of several with one number the last wins.
fn sorted(mut revisions: Vec<Revision>) -> Vec<Revision> {
    revisions.reverse();
    revisions.sort_by_key(|revision| revision.number);
    revisions.dedup_by_key(|revision| revision.number);
    revisions
}

/// The revisions of a deployment, oldest first, and what is wrong with replica sets whose revision is no number.
#[must_use]
pub fn of_replica_sets(deployment: &Value, replica_sets: &[Value]) -> (Vec<Revision>, Vec<String>) {
    let (mut revisions, mut warnings) = (Vec::new(), Vec::new());
    let mut sets: Vec<&Value> = controlled_by(deployment, replica_sets).collect();
    let created = |object: &Value| text_at(object, &["metadata", "creationTimestamp"]).to_owned();
    let name = |object: &Value| text_at(object, &["metadata", "name"]).to_owned();
    sets.sort_by_key(|set| (created(set), name(set)));
    // The set of today's template comes last, so that it wins over others of its number.
    let current = unhashed(&deployment["spec"]["template"]);
    if let Some(new) = sets
        .iter()
        .position(|set| unhashed(&set["spec"]["template"]) == current)
    {
        let new = sets.remove(new);
        sets.push(new);
    }
    for set in sets {
        match revision_of(set) {
            Ok(number) => revisions.push(Revision {
                number,
                holder: set.clone(),
                object: set.clone(),
            }),
            Err(error) => warnings.push(format!(
                "unable to get revision from replicaset {} for deployment {} in namespace {}: {error}",
                name(set),
                name(deployment),
                text_at(deployment, &["metadata", "namespace"])
            )),
        }
    }
    (sorted(revisions), warnings)
}

/// The revisions of a daemon set or a stateful set, oldest first.
///
/// # Errors
/// A revision does not fit the object.
pub fn of_controller_revisions(owner: &Value, holders: &[Value]) -> Result<Vec<Revision>> {
    let revisions = controlled_by(owner, holders).map(|holder| {
        let object = patching::apply(owner, PatchType::Strategic, &holder["data"])
            .map_err(|_| refuse!("unable to parse history {}", text_at(holder, &["metadata", "name"])))?;
        Ok(Revision {
            number: number_at(holder, &["revision"]),
            holder: holder.clone(),
            object,
        })
    });
    Ok(sorted(revisions.collect::<Result<_>>()?))
}

/// A template without the label that tells a deployment's replica sets apart, and without what means nothing.
fn unhashed(template: &Value) -> Value {
    let mut template = template.clone();
    object_at(&mut template, &["metadata", "labels"]).remove(HASH);
    drop_nulls(&mut template);
    drop_empty(&mut template);
    template
}

/// Takes out maps and lists without members, as if they had never been written.
fn drop_empty(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(drop_empty);
            // In a list an empty object is an element; below these names it is a choice, such as `emptyDir: {}`.
            for name in ["metadata", "labels", "annotations", "resources", "nodeSelector"] {
                if members
                    .get(name)
                    .and_then(Value::as_object)
                    .is_some_and(serde_json::Map::is_empty)
                {
                    members.remove(name);
                }
            }
            members.retain(|_, member| member.as_array().is_none_or(|elements| !elements.is_empty()));
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

/// What going back comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Rollback {
    /// The revision's template, of which only an account is wanted.
    Template(Value),
    /// The object is as the revision was.
    Skipped,
    /// What takes the object back.
    Patch(TypedPatch),
}

fn not_found(revision: i64) -> Refusal {
    refuse!("unable to find specified revision {revision} in history")
}

/// The way back to a revision, 0 for the one before the latest; with `only_template` it is only looked up.
///
/// # Errors
/// There is no such revision, or the deployment is paused.
pub fn rollback(
    kind: Rollable,
    object: &Value,
    revisions: &[Revision],
    to: i64,
    only_template: bool,
) -> Result<Rollback> {
    let revision = target(kind, object, revisions, to)?;
    if only_template {
        return Ok(Rollback::Template(revision.template().clone()));
    }
    if kind == Rollable::Deployment {
        return deployment_rollback(object, revision);
    }
    let mut template = object["spec"]["template"].clone();
    object_at(&mut template, &[]).insert("$patch".to_owned(), "replace".into());
    let (mut now, mut then) = (json!({"spec": {"template": template}}), revision.holder["data"].clone());
    drop_nulls(&mut now);
    drop_nulls(&mut then);
    Ok(if now == then {
        Rollback::Skipped
    } else {
        Rollback::Patch(TypedPatch {
            kind: PatchType::Strategic,
            patch: revision.holder["data"].clone(),
        })
    })
}

fn target<'r>(kind: Rollable, object: &Value, revisions: &'r [Revision], to: i64) -> Result<&'r Revision> {
    if to != 0 {
        let found = revisions.iter().find(|revision| revision.number == to);
        return found.ok_or_else(|| not_found(to));
    }
    match (revisions, kind) {
        ([.., before, _], _) => Ok(before),
        (_, Rollable::Deployment) => {
            let name = text_at(object, &["metadata", "name"]);
            Err(refuse!("no rollout history found for deployment {name:?}"))
        }
        _ => Err(refuse!("no last revision to roll back to")),
    }
}

fn deployment_rollback(deployment: &Value, revision: &Revision) -> Result<Rollback> {
    if deployment.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return Err(refuse!(
            "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again"
        ));
    }
    if unhashed(revision.template()) == unhashed(&deployment["spec"]["template"]) {
        return Ok(Rollback::Skipped);
    }
    let mut template = revision.template().clone();
    object_at(&mut template, &["metadata", "labels"]).remove(HASH);
    let annotations = |object: &Value, kept: bool| {
        let annotations = object
            .pointer("/metadata/annotations")
            .and_then(Value::as_object)
            .cloned();
        let of = annotations.unwrap_or_default().into_iter();
        of.filter(move |(key, _)| KEPT.contains(&key.as_str()) == kept)
    };
    let annotations: serde_json::Map<String, Value> = annotations(deployment, true)
        .chain(annotations(&revision.object, false))
        .collect();
    Ok(Rollback::Patch(TypedPatch {
        kind: PatchType::Json,
        patch: json!([
            {"op": "replace", "path": "/spec/template", "value": template},
            {"op": "replace", "path": "/metadata/annotations", "value": annotations},
        ]),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(image: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "d", "uid": "u", "annotations": {REVISION: "2", "mine": "x"}},
            "spec": {"template": template(image, None)}})
    }

    fn template(image: &str, hash: Option<&str>) -> Value {
        let mut labels = json!({"app": "d"});
        if let Some(hash) = hash {
            labels[HASH] = hash.into();
        }
        json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}})
    }

    fn replica_set(name: &str, revision: &str, image: &str, owner: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": name, "annotations": {REVISION: revision, CHANGE_CAUSE: format!("because {name}")},
                "ownerReferences": [{"controller": true, "uid": owner}]},
            "spec": {"template": template(image, Some(name))}})
    }

    #[test]
    fn a_deployment_goes_back_to_a_replica_set() {
        let sets = [
            replica_set("b", "2", "two", "u"),
            replica_set("a", "1", "one", "u"),
            replica_set("other", "7", "one", "v"),
            replica_set("bad", "x", "one", "u"),
        ];
        let now = deployment("two");
        let (revisions, warnings) = of_replica_sets(&now, &sets);
        let numbers: Vec<i64> = revisions.iter().map(|revision| revision.number).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(change_cause(&revisions[0]), "because a");
        assert_eq!(
            warnings,
            [
                "unable to get revision from replicaset bad for deployment d in namespace : strconv.ParseInt: parsing \"x\": invalid syntax"
            ]
        );
        let back = |to, only| rollback(Rollable::Deployment, &now, &revisions, to, only).map_err(|error| error.0);
        let patch = json!([
            {"op": "replace", "path": "/spec/template", "value": template("one", None)},
            {"op": "replace", "path": "/metadata/annotations", "value": {REVISION: "2", CHANGE_CAUSE: "because a"}},
        ]);
        let expected = Rollback::Patch(TypedPatch {
            kind: PatchType::Json,
            patch,
        });
        assert_eq!(back(0, false), Ok(expected.clone()));
        assert_eq!(back(1, false), Ok(expected));
        assert_eq!(back(1, true), Ok(Rollback::Template(template("one", Some("a")))));
        assert_eq!(back(2, false), Ok(Rollback::Skipped));
        assert_eq!(
            back(5, false),
            Err("unable to find specified revision 5 in history".to_owned())
        );
        let alone = rollback(Rollable::Deployment, &now, &revisions[..1], 0, false);
        assert_eq!(alone, Err(refuse!("no rollout history found for deployment \"d\"")));
        let mut paused = now.clone();
        paused["spec"]["paused"] = true.into();
        let refused = rollback(Rollable::Deployment, &paused, &revisions, 1, false);
        assert_eq!(
            refused,
            Err(refuse!(
                "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again"
            ))
        );
    }

    #[test]
    fn a_daemon_set_goes_back_to_a_controller_revision() {
        let mut now = deployment("two");
        now["kind"] = "DaemonSet".into();
        let holder = |number: i64, image: &str| {
            let mut template = template(image, None);
            template["$patch"] = "replace".into();
            json!({"kind": "ControllerRevision", "metadata": {"name": format!("r{number}"), "ownerReferences": [{"controller": true, "uid": "u"}]},
                "revision": number, "data": {"spec": {"template": template}}})
        };
        let holders = [holder(2, "two"), holder(1, "one")];
        let revisions = of_controller_revisions(&now, &holders).expect("revisions");
        assert_eq!(revisions[0].template(), &template("one", None));
        let back = |to| rollback(Rollable::DaemonSet, &now, &revisions, to, false).map_err(|error| error.0);
        let patch = TypedPatch {
            kind: PatchType::Strategic,
            patch: holders[1]["data"].clone(),
        };
        assert_eq!(back(0), Ok(Rollback::Patch(patch)));
        assert_eq!(back(2), Ok(Rollback::Skipped));
        assert_eq!(
            back(3),
            Err("unable to find specified revision 3 in history".to_owned())
        );
        let alone = rollback(Rollable::DaemonSet, &now, &revisions[..1], 0, false);
        assert_eq!(alone, Err(refuse!("no last revision to roll back to")));
    }
}
