//! The steps that change every resource in the same way: names, namespaces, labels, annotations, images, replicas.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::error::refuse;
use crate::fields::{FieldSpec, Leaf, set_member, set_scalar, visit};
use crate::hash;
use crate::id::Gvk;
use crate::kustomization::{Image, Replica};
use crate::patches::{JsonPatch, PatchStep};
use crate::replacements::Replacement;
use crate::resource::Resource;
use crate::resources::Resources;
use crate::yaml::scalar_text;
use crate::{Result, replacements};

/// A step of a kustomization.
pub(crate) enum Transformer {
    /// Patches whose targets are named by what they are themselves.
    StrategicPatches(Vec<Resource>),
    /// A patch of either kind.
    Patch(PatchStep),
    /// Where objects live.
    Namespace(Namespace),
    /// What stands before names.
    Prefix(String, Vec<FieldSpec>),
    /// What stands behind names.
    Suffix(String, Vec<FieldSpec>),
    /// Labels.
    Labels(BTreeMap<String, String>, Vec<FieldSpec>),
    /// Annotations.
    Annotations(BTreeMap<String, String>, Vec<FieldSpec>),
    /// A patch of RFC 6902 for one target.
    JsonPatch(JsonPatch),
    /// Replicas.
    Replicas(Replica, Vec<FieldSpec>),
    /// Images.
    Images(Image, Vec<FieldSpec>),
    /// Values that are copied from one field to others.
    Replacements(Vec<Replacement>),
}

/// The namespace of all objects.
pub(crate) struct Namespace {
    /// Its name.
    pub(crate) name: String,
    /// Fields with it besides the objects' own.
    pub(crate) fields: Vec<FieldSpec>,
    /// Whether objects that have one keep it.
    pub(crate) unset_only: bool,
    /// Which subjects of role bindings get it.
    pub(crate) subjects: Subjects,
}

/// Which subjects of role bindings get the namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Subjects {
    /// Those called `default`.
    #[default]
    Default,
    /// Every service account.
    ServiceAccounts,
    /// None.
    None,
}

impl Transformer {
    /// As origins have it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::StrategicPatches(_) => "PatchStrategicMergeTransformer",
            Self::Patch(_) => "PatchTransformer",
            Self::Namespace(_) => "NamespaceTransformer",
            Self::Prefix(..) => "PrefixTransformer",
            Self::Suffix(..) => "SuffixTransformer",
            Self::Labels(..) => "LabelTransformer",
            Self::Annotations(..) => "AnnotationsTransformer",
            Self::JsonPatch(_) => "PatchJson6902Transformer",
            Self::Replicas(..) => "ReplicaCountTransformer",
            Self::Images(..) => "ImageTagTransformer",
            Self::Replacements(_) => "ReplacementTransformer",
        }
    }

    /// Does the step.
    ///
    /// # Errors
    /// It does not fit the resources.
    pub(crate) fn transform(&self, resources: &mut Resources) -> Result<()> {
        match self {
            Self::StrategicPatches(patches) => patches.iter().try_for_each(|patch| {
                let target = resources.one(&patch.original_id())?;
                resources.patch(&[target], patch, true)
            }),
            Self::Patch(patch) => patch.transform(resources),
            Self::Namespace(namespace) => namespace.transform(resources),
            Self::Prefix(prefix, fields) => rename(
                resources,
                fields,
                |name| format!("{prefix}{name}"),
                |resource| {
                    resource.prefixes.push(prefix.clone());
                },
            ),
            Self::Suffix(suffix, fields) => rename(
                resources,
                fields,
                |name| format!("{name}{suffix}"),
                |resource| {
                    resource.suffixes.push(suffix.clone());
                },
            ),
            Self::Labels(pairs, fields) | Self::Annotations(pairs, fields) => set_pairs(resources, pairs, fields),
            Self::JsonPatch(patch) => patch.transform(resources),
            Self::Replicas(replica, fields) => set_replicas(resources, replica, fields),
            Self::Images(image, fields) => set_images(resources, image, fields),
            Self::Replacements(list) => replacements::apply(resources, list),
        }
    }
}

/// Types whose names mean something to others, and stay.
fn keeps_name(gvk: &Gvk) -> bool {
    matches!(gvk.kind.as_str(), "CustomResourceDefinition" | "Namespace")
        || (gvk.kind == "APIService" && gvk.group == "apiregistration.k8s.io")
}

fn rename(
    resources: &mut Resources,
    fields: &[FieldSpec],
    renamed: impl Fn(&str) -> String,
    remember: impl Fn(&mut Resource),
) -> Result<()> {
    for resource in &mut resources.0 {
        let id = resource.original_id();
        if keeps_name(&id.gvk) {
            continue;
        }
        for field in fields.iter().filter(|field| id.gvk.is_selected(&field.gvk)) {
            if field.path == "metadata/name" {
                remember(resource);
                resource.store_id();
            }
            visit(&mut resource.object, field, Leaf::Text, &mut |value| {
                let new = renamed(&scalar_text(value).unwrap_or_default());
                set_scalar(value, new.into())
            })?;
        }
    }
    Ok(())
}

/// Gives generated objects that want it the hash of their data.
pub(crate) fn add_hashes(resources: &mut Resources) -> Result<()> {
    for resource in resources.0.iter_mut().filter(|resource| resource.needs_hash) {
        let name = format!("{}-{}", resource.metadata("name"), hash::of(&resource.object));
        resource.store_id();
        resource.set_metadata("name", &name);
    }
    Ok(())
}

fn set_pairs(resources: &mut Resources, pairs: &BTreeMap<String, String>, fields: &[FieldSpec]) -> Result<()> {
    for (key, text) in pairs {
        for resource in &mut resources.0 {
            for field in fields {
                visit(&mut resource.object, field, Leaf::Map, &mut |value| {
                    set_member(value, key, text)
                })?;
            }
        }
    }
    Ok(())
}

impl Namespace {
    fn transform(&self, resources: &mut Resources) -> Result<()> {
        for at in 0..resources.0.len() {
            let resource = &mut resources.0[at];
            resource.store_id();
            self.set(&mut resource.object)
                .map_err(|error| error.context("namespace transformation failed"))?;
            let id = resource.id();
            let matches: Vec<String> = resources
                .0
                .iter()
                .filter(|other| other.id().is_same(&id))
                .map(|other| other.object.to_string())
                .collect();
            if matches.len() != 1 {
                return Err(refuse!(
                    "namespace transformation produces ID conflict: [{}]",
                    matches.join(" ")
                ));
            }
        }
        Ok(())
    }

    fn set(&self, object: &mut Value) -> Result<()> {
        let mut put = |value: &mut Value| {
            let has = scalar_text(value).is_some_and(|text| !text.is_empty());
            if self.unset_only && has {
                return Ok(());
            }
            set_scalar(value, self.name.as_str().into())
        };
        let gvk = Gvk::of(object);
        if !gvk.is_cluster_scoped() {
            visit(
                object,
                &FieldSpec::of_any("metadata/namespace", true),
                Leaf::Text,
                &mut put,
            )?;
        }
        let is_binding = matches!(gvk.kind.as_str(), "RoleBinding" | "ClusterRoleBinding");
        if is_binding && self.subjects != Subjects::None {
            for subject in object["subjects"].as_array_mut().into_iter().flatten() {
                let wanted = match self.subjects {
                    Subjects::ServiceAccounts => subject["kind"] == "ServiceAccount",
                    _ => subject["name"] == "default",
                };
                if wanted && subject.is_object() {
                    let mut value = subject["namespace"].take();
                    put(&mut value)?;
                    subject["namespace"] = value;
                }
            }
        }
        let is_core = object["apiVersion"] == "v1";
        for field in &self.fields {
            let skipped = field.path == "metadata/namespace"
                || (field.path == "metadata/name" && !is_core)
                || (is_binding && field.path == "subjects/namespace");
            if !skipped {
                visit(object, field, Leaf::Text, &mut put)?;
            }
        }
        Ok(())
    }
}

fn set_replicas(resources: &mut Resources, replica: &Replica, fields: &[FieldSpec]) -> Result<()> {
    let mut found = false;
    for field in fields {
        for at in resources.by_any_id(|id| id.name == replica.name && id.gvk.is_selected(&field.gvk)) {
            found = true;
            visit(&mut resources.0[at].object, field, Leaf::Text, &mut |value| {
                set_scalar(value, replica.count.into())
            })?;
        }
    }
    if found {
        return Ok(());
    }
    let kinds: Vec<String> = fields.iter().map(|field| field.gvk.to_string()).collect();
    Err(refuse!(
        "resource with name {} does not match a config with the following GVK [{}]",
        replica.name,
        kinds.join(" ")
    ))
}

/// Name, tag and digest of an image.
fn split_image(image: &str) -> (&str, &str, &str) {
    // What stands before the first slash may have a port.
    let start = image.find('/').unwrap_or(0);
    let (front, digest) = match image[start..].find('@') {
        Some(at) => (&image[..start + at], &image[start + at + 1..]),
        None => (image, ""),
    };
    match front[start..].find(':') {
        Some(at) => (&front[..start + at], &front[start + at + 1..], digest),
        None => (front, "", digest),
    }
}

fn set_images(resources: &mut Resources, image: &Image, fields: &[FieldSpec]) -> Result<()> {
    let pattern = format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$", image.name);
    let pattern = Regex::new(&pattern).map_err(|error| refuse!("error parsing regexp: {error}"))?;
    for resource in &mut resources.0 {
        if resource.object["kind"] == "CustomResourceDefinition" {
            continue;
        }
        let mut change = |value: &mut Value| {
            if value.is_object() || value.is_array() {
                return Err(crate::fields::wrong_kind("ScalarNode", value));
            }
            let Some(text) = scalar_text(value).filter(|text| pattern.is_match(text)) else {
                return Ok(());
            };
            *value = changed_image(&text, image).into();
            Ok(())
        };
        in_containers(&mut resource.object, &mut change)?;
        // What was found among containers is found again, as ever.
        for field in fields {
            visit(&mut resource.object, field, Leaf::None, &mut change)?;
        }
    }
    Ok(())
}

/// Does a step with the image of everything that looks like a container, wherever it stands.
fn in_containers(value: &mut Value, step: &mut dyn FnMut(&mut Value) -> Result<()>) -> Result<()> {
    match value {
        Value::Array(elements) => elements.iter_mut().try_for_each(|element| in_containers(element, step)),
        Value::Object(members) => members.iter_mut().try_for_each(|(name, member)| {
            in_containers(member, step)?;
            if !matches!(name.as_str(), "containers" | "initContainers") {
                return Ok(());
            }
            let elements = member.as_array_mut().into_iter().flatten();
            elements
                .filter_map(|element| element.get_mut("image"))
                .try_for_each(&mut *step)
        }),
        _ => Ok(()),
    }
}

fn changed_image(text: &str, image: &Image) -> String {
    let (name, tag, digest) = split_image(text);
    let name = if image.new_name.is_empty() {
        name
    } else {
        &image.new_name
    };
    let (tag, digest) = match (image.new_tag.as_str(), image.digest.as_str(), image.tag_suffix.as_str()) {
        ("", "", "") => (tag.to_owned(), digest),
        ("", "", suffix) => (format!("{tag}{suffix}"), ""),
        (new, digest, _) => (new.to_owned(), digest),
    };
    let mut changed = name.to_owned();
    for (mark, part) in [(':', tag.as_str()), ('@', digest)] {
        if !part.is_empty() {
            changed.push(mark);
            changed.push_str(part);
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_parts() {
        for (text, expected) in [
            ("nginx", ("nginx", "", "")),
            ("nginx:1", ("nginx", "1", "")),
            ("host:5000/a/nginx", ("host:5000/a/nginx", "", "")),
            ("host:5000/nginx:1@sha256:ab", ("host:5000/nginx", "1", "sha256:ab")),
            ("nginx@sha256:ab", ("nginx", "", "sha256:ab")),
        ] {
            assert_eq!(split_image(text), expected);
        }
        let image = |name: &str, tag: &str, digest: &str, suffix: &str| Image {
            new_name: name.to_owned(),
            new_tag: tag.to_owned(),
            digest: digest.to_owned(),
            tag_suffix: suffix.to_owned(),
            ..Image::default()
        };
        for (change, expected) in [
            (image("x/y", "", "", ""), "x/y:1@sha256:ab"),
            (image("", "2", "", ""), "nginx:2"),
            (image("", "", "sha256:cd", ""), "nginx@sha256:cd"),
            (image("", "2", "sha256:cd", ""), "nginx:2@sha256:cd"),
            (image("", "", "", "-a"), "nginx:1-a"),
        ] {
            assert_eq!(changed_image("nginx:1@sha256:ab", &change), expected);
        }
    }
}
