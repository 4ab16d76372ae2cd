//! The flow schemas and priority levels of a cluster: made when they are missing, kept as they should be.
//!
//! Mandatory ones are always put right. Suggested ones are, unless an administrator took them over, which the annotation
//! `apf.kubernetes.io/autoupdate-spec` says. Upstream counterpart: `pkg/registry/flowcontrol/ensurer`.

use std::sync::OnceLock;

use apimachinery::status::StatusError;
use apiserver::registry::Local;
use k8s_api::{
    Object,
    flowcontrol::v1::{FlowSchema, FlowSchemaSpec, PriorityLevelConfiguration, PriorityLevelConfigurationSpec},
    meta::v1::{DeleteOptions, ObjectMeta, Preconditions},
};
use serde_json::{Value, json};

const FACTS: &str = include_str!("flow_control.json");
const AUTO_UPDATE: &str = "apf.kubernetes.io/autoupdate-spec";
/// Owner of the objects' fields.
pub(crate) const FIELD_MANAGER: &str = "api-priority-and-fairness-config-producer-v1";

/// A kind of flow control.
trait Configuration: Object {
    /// The spec.
    type Spec: PartialEq + Clone;
    /// The spec.
    fn spec(&mut self) -> &mut Self::Spec;
}

impl Configuration for FlowSchema {
    type Spec = FlowSchemaSpec;

    fn spec(&mut self) -> &mut FlowSchemaSpec {
        &mut self.spec
    }
}

impl Configuration for PriorityLevelConfiguration {
    type Spec = PriorityLevelConfigurationSpec;

    fn spec(&mut self) -> &mut PriorityLevelConfigurationSpec {
        &mut self.spec
    }
}

struct Facts {
    levels: Vec<PriorityLevelConfiguration>,
    schemas: Vec<FlowSchema>,
}

fn facts() -> &'static Facts {
    static PARSED: OnceLock<Facts> = OnceLock::new();
    PARSED.get_or_init(|| {
        let facts: Value = serde_json::from_str(FACTS).expect("the facts that are built in are JSON");
        let of = |list: &str| facts[list].as_array().cloned().unwrap_or_default();
        Facts {
            levels: of("priorityLevels").iter().map(object).collect(),
            schemas: of("flowSchemas").iter().map(object).collect(),
        }
    })
}

fn object<T: Object>(fact: &Value) -> T {
    let object = json!({
        "metadata": {"name": fact["name"], "annotations": {AUTO_UPDATE: "true"}},
        "spec": fact["spec"],
    });
    T::from_value(object).expect("the facts that are built in are of their kind")
}

/// The ones that the server cannot do without.
fn is_mandatory(name: &str) -> bool {
    matches!(name, "exempt" | "catch-all")
}

/// Brings everything in order.
pub(crate) async fn ensure(
    schemas: &Local<FlowSchema>,
    levels: &Local<PriorityLevelConfiguration>,
) -> Result<(), StatusError> {
    let facts = facts();
    ensure_all(levels, &facts.levels).await?;
    ensure_all(schemas, &facts.schemas).await?;
    remove_dangling(schemas, &facts.schemas).await?;
    remove_dangling(levels, &facts.levels).await
}

async fn ensure_all<T: Configuration>(objects: &Local<T>, wanted: &[T]) -> Result<(), StatusError> {
    futures::future::try_join_all(wanted.iter().map(|wanted| ensure_one(objects, wanted)))
        .await
        .map(drop)
}

async fn ensure_one<T: Configuration>(objects: &Local<T>, wanted: &T) -> Result<(), StatusError> {
    let name = wanted.name();
    let Some(current) = objects.cached("", name)? else {
        return objects.ensure(wanted).await.map(drop);
    };
    let Some(revised) = revise(current, wanted, &objects.store().config().hub) else {
        return Ok(());
    };
    match objects.update(&revised).await {
        // Looked at again next time.
        Err(status) if status.is_conflict() || status.is_not_found() => Ok(()),
        other => other.map(drop),
    }
}

/// The object as it should be; `None` if it is.
fn revise<T: Configuration>(
    mut current: T,
    wanted: &T,
    hub: &std::sync::Arc<dyn apiserver::registry::VersionCodec>,
) -> Option<T> {
    let annotation = current.metadata().annotations.get(AUTO_UPDATE);
    let annotated = annotation.and_then(|text| parse_bool(text));
    let auto_update = is_mandatory(wanted.name()) || annotated.unwrap_or(current.metadata().generation == 1);
    // What is stored has its defaults.
    let defaulted = hub.decode(wanted.to_value()).ok();
    let mut wanted = defaulted
        .and_then(|object| object.downcast_ref::<T>().cloned())
        .unwrap_or_else(|| wanted.clone());
    let differs = auto_update && current.spec() != wanted.spec();
    if !differs && annotated == Some(auto_update) {
        return None;
    }
    if differs {
        *current.spec() = wanted.spec().clone();
    }
    let annotations = &mut current.metadata_mut().annotations;
    annotations.insert(AUTO_UPDATE, auto_update.to_string());
    Some(current)
}

/// Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Deletes objects of an older version that nobody took over.
async fn remove_dangling<T: Configuration>(objects: &Local<T>, wanted: &[T]) -> Result<(), StatusError> {
    for object in objects.list_cached("")? {
        let ObjectMeta {
            name,
            annotations,
            uid,
            resource_version,
            ..
        } = object.metadata();
        let ours = annotations.get(AUTO_UPDATE).and_then(|text| parse_bool(text)) == Some(true);
        if !ours || wanted.iter().any(|wanted| wanted.name() == name) {
            continue;
        }
        let options = DeleteOptions {
            preconditions: Some(Box::new(Preconditions {
                uid: Some(uid.clone()),
                resource_version: Some(resource_version.clone()),
            })),
            ..DeleteOptions::default()
        };
        match objects.delete("", name, &options).await {
            Err(status) if !status.is_conflict() && !status.is_not_found() => return Err(status),
            _ => tracing::info!(kind = T::KIND, %name, "removed a configuration of an older version"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use apiserver::registry::{HubCodec, VersionCodec};
    use k8s_api::flowcontrol::v1::PriorityLevelConfiguration;

    use super::{AUTO_UPDATE, facts, revise};

    fn hub() -> Arc<dyn VersionCodec> {
        Arc::new(HubCodec::<PriorityLevelConfiguration>::new(|_| {}))
    }

    fn level(name: &str) -> PriorityLevelConfiguration {
        let found = facts().levels.iter().find(|level| level.metadata.name == name);
        found.expect("a built-in level").clone()
    }

    #[test]
    fn facts_are_complete() {
        assert_eq!((facts().levels.len(), facts().schemas.len()), (8, 11));
    }

    #[test]
    fn what_administrators_took_over_stays() {
        // level, annotation, generation, whether the spec is put right, annotation afterwards
        let cases = [
            ("system", Some("true"), 5, true, "true"),
            ("system", Some("false"), 1, false, "false"),
            ("system", None, 1, true, "true"),
            ("system", None, 2, false, "false"),
            ("catch-all", Some("false"), 7, true, "true"),
        ];
        for (name, annotation, generation, reset, after) in cases {
            let wanted = level(name);
            let mut current = wanted.clone();
            current.metadata.generation = generation;
            current.metadata.annotations.remove(AUTO_UPDATE);
            if let Some(text) = annotation {
                current.metadata.annotations.insert(AUTO_UPDATE, text.to_owned());
            }
            let limited = current.spec.limited.as_mut().expect("a limited level");
            limited.nominal_concurrency_shares = Some(1);
            let changed = current.spec.clone();
            let revised = revise(current.clone(), &wanted, &hub()).unwrap_or(current);
            let expected = if reset { wanted.spec } else { changed };
            assert_eq!(revised.spec, expected, "{name} {annotation:?} {generation}");
            let annotation = revised.metadata.annotations.get(AUTO_UPDATE).map(String::as_str);
            assert_eq!(annotation, Some(after), "{name} {generation}");
        }
        let wanted = level("system");
        assert_eq!(revise(wanted.clone(), &wanted, &hub()), None);
    }
}
