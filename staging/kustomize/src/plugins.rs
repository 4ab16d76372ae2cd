//! `transformers`, `generators` and `validators`: steps that files configure. Those that kustomize brings itself are the
//! steps of this crate; programs are not run.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::refuse;
use crate::fields::FieldSpec;
use crate::files::Folder;
use crate::generators::{Generated, generate};
use crate::kustomization::{GeneratorArgs, Image, Replica};
use crate::patches::{JsonPatch, Patch, PatchStep};
use crate::replacements::ReplacementField;
use crate::resource::Resource;
use crate::transformers::{Namespace, Subjects, Transformer};
use crate::{Result, accumulate};

/// What the files configure, whatever the step.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    prefix: String,
    suffix: String,
    labels: std::collections::BTreeMap<String, String>,
    annotations: std::collections::BTreeMap<String, String>,
    field_specs: Vec<FieldSpec>,
    image_tag: Image,
    replica: Replica,
    replacements: Vec<ReplacementField>,
    paths: Vec<String>,
    patches: String,
    json_op: String,
    unset_only: bool,
    set_role_binding_subjects: String,
}

fn read<T: DeserializeOwned>(resource: &Resource) -> Result<T> {
    serde_json::from_value(resource.object.clone()).map_err(|error| refuse!("{}: {error}", resource.id()))
}

/// A patch of a plugin's file, which has members besides.
fn patch_of(resource: &Resource, text: &str) -> Result<Patch> {
    let mut patch = Value::Object(serde_json::Map::new());
    for member in ["path", "patch", "target", "options"] {
        if let Some(value) = resource.object.get(member) {
            patch[member] = value.clone();
        }
    }
    if !text.is_empty() {
        patch["patch"] = text.into();
    }
    serde_json::from_value(patch).map_err(|error| refuse!("{}: {error}", resource.id()))
}

fn not_built_in(resource: &Resource) -> crate::BuildError {
    let id = resource.id();
    if resource.object["apiVersion"] == "builtin" {
        refuse!("unable to load builtin {}", id.gvk)
    } else {
        refuse!(
            "external plugins disabled; unable to load external plugin '{}'",
            id.gvk.kind
        )
    }
}

/// The step that a file configures.
///
/// # Errors
/// It is none that kustomize brings itself, or configured wrongly.
pub(crate) fn transformer(folder: &Folder, resource: &Resource) -> Result<Transformer> {
    if resource.object["apiVersion"] != "builtin" {
        return Err(not_built_in(resource));
    }
    let config: Config = read(resource)?;
    Ok(match resource.object["kind"].as_str().unwrap_or_default() {
        "PrefixTransformer" => Transformer::Prefix(config.prefix, config.field_specs),
        "SuffixTransformer" => Transformer::Suffix(config.suffix, config.field_specs),
        "LabelTransformer" => Transformer::Labels(config.labels, config.field_specs),
        "AnnotationsTransformer" => Transformer::Annotations(config.annotations, config.field_specs),
        "ImageTagTransformer" => Transformer::Images(config.image_tag, config.field_specs),
        "ReplicaCountTransformer" => Transformer::Replicas(config.replica, config.field_specs),
        "NamespaceTransformer" => Transformer::Namespace(Namespace {
            name: resource.metadata("namespace").to_owned(),
            fields: config.field_specs,
            unset_only: config.unset_only,
            subjects: subjects(&config.set_role_binding_subjects)?,
        }),
        "PatchTransformer" => {
            let text = crate::to_yaml(std::slice::from_ref(&resource.object));
            Transformer::Patch(PatchStep::new(folder, &patch_of(resource, "")?, &text)?)
        }
        "PatchJson6902Transformer" => {
            Transformer::JsonPatch(JsonPatch::new(folder, &patch_of(resource, &config.json_op)?)?)
        }
        "PatchStrategicMergeTransformer" => {
            let mut patches = accumulate::patches(folder, &config.paths)?;
            patches.extend(accumulate::resources_of(&config.patches)?);
            Transformer::StrategicPatches(patches)
        }
        "ReplacementTransformer" => {
            let mut list = Vec::new();
            for field in &config.replacements {
                list.extend(field.load(folder)?);
            }
            Transformer::Replacements(list)
        }
        _ => return Err(not_built_in(resource)),
    })
}

fn subjects(text: &str) -> Result<Subjects> {
    Ok(match text {
        "" | "defaultOnly" => Subjects::Default,
        "allServiceAccounts" => Subjects::ServiceAccounts,
        "none" => Subjects::None,
        other => {
            return Err(refuse!(
                "invalid value {other:?} for setRoleBindingSubjects: must be one of \"defaultOnly\", \"none\" or \"allServiceAccounts\""
            ));
        }
    })
}

/// The object that a file's generator makes.
///
/// # Errors
/// It is none that kustomize brings itself, or configured wrongly.
pub(crate) fn generated(folder: &Folder, resource: &Resource) -> Result<Resource> {
    let kind = match (
        resource.object["apiVersion"].as_str(),
        resource.object["kind"].as_str().unwrap_or_default(),
    ) {
        (Some("builtin"), "ConfigMapGenerator") => Generated::ConfigMap,
        (Some("builtin"), "SecretGenerator") => Generated::Secret,
        _ => return Err(not_built_in(resource).context("failed to load generator")),
    };
    let mut arguments = Value::Object(serde_json::Map::new());
    for member in ["behavior", "literals", "files", "envs", "env", "options", "type"] {
        if let Some(value) = resource.object.get(member) {
            arguments[member] = value.clone();
        }
    }
    let mut arguments: GeneratorArgs =
        serde_json::from_value(arguments).map_err(|error| refuse!("{}: {error}", resource.id()))?;
    arguments.name = resource.metadata("name").to_owned();
    arguments.namespace = resource.metadata("namespace").to_owned();
    generate(folder, kind, &arguments, None)
}
