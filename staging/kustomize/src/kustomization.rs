//! The file of a kustomization.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;
use crate::error::refuse;
use crate::fields::FieldSpec;
use crate::files::Folder;
use crate::patches::Patch;
use crate::replacements::ReplacementField;
use crate::vars::Var;

/// What the file may be called.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
const FIX: &str = "Run 'kustomize edit fix' to update your Kustomization automatically.";

/// The members of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kustomization {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) metadata: Option<Value>,
    pub(crate) openapi: Option<BTreeMap<String, String>>,
    pub(crate) name_prefix: String,
    pub(crate) name_suffix: String,
    pub(crate) namespace: String,
    pub(crate) common_labels: Option<BTreeMap<String, String>>,
    pub(crate) labels: Option<Vec<Label>>,
    pub(crate) common_annotations: Option<BTreeMap<String, String>>,
    pub(crate) patches_strategic_merge: Option<Vec<String>>,
    #[serde(rename = "patchesJson6902")]
    pub(crate) patches_json: Option<Vec<Patch>>,
    pub(crate) patches: Option<Vec<Patch>>,
    pub(crate) images: Option<Vec<Image>>,
    pub(crate) image_tags: Option<Vec<Image>>,
    pub(crate) replacements: Option<Vec<ReplacementField>>,
    pub(crate) replicas: Option<Vec<Replica>>,
    pub(crate) vars: Option<Vec<Var>>,
    pub(crate) sort_options: Option<SortOptions>,
    pub(crate) resources: Option<Vec<String>>,
    pub(crate) components: Option<Vec<String>>,
    pub(crate) crds: Option<Vec<String>>,
    pub(crate) bases: Option<Vec<String>>,
    pub(crate) config_map_generator: Option<Vec<GeneratorArgs>>,
    pub(crate) secret_generator: Option<Vec<GeneratorArgs>>,
    pub(crate) helm_globals: Option<Value>,
    pub(crate) helm_charts: Option<Vec<Value>>,
    pub(crate) helm_chart_inflation_generator: Option<Vec<Value>>,
    pub(crate) generator_options: Option<GeneratorOptions>,
    pub(crate) configurations: Option<Vec<String>>,
    pub(crate) generators: Option<Vec<String>>,
    pub(crate) transformers: Option<Vec<String>>,
    pub(crate) validators: Option<Vec<String>>,
    pub(crate) build_metadata: Option<Vec<String>>,
}

/// Labels for all objects, and where else they go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Label {
    pub(crate) pairs: BTreeMap<String, String>,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) fields: Vec<FieldSpec>,
}

/// What becomes of images of a name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) new_name: String,
    pub(crate) tag_suffix: String,
    pub(crate) new_tag: String,
    pub(crate) digest: String,
}

/// How many replicas a resource of a name has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// The order of the objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SortOptions {
    pub(crate) order: String,
    pub(crate) legacy_sort_options: Option<LegacySortOptions>,
}

/// Kinds that come first, and kinds that come last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LegacySortOptions {
    pub(crate) order_first: Vec<String>,
    pub(crate) order_last: Vec<String>,
}

/// A configuration map or a secret that is made of files and texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GeneratorArgs {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) behavior: String,
    pub(crate) literals: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) envs: Vec<String>,
    pub(crate) env: String,
    pub(crate) options: Option<GeneratorOptions>,
    /// Of secrets only.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// What generated objects get besides their data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

impl Kustomization {
    /// Reads the file of a folder; gives its name and what the user should know as well.
    ///
    /// # Errors
    /// There is none, there are several, or it makes no sense.
    pub(crate) fn load(folder: &Folder) -> Result<(Self, &'static str, Vec<String>)> {
        let mut found = NAMES
            .iter()
            .filter_map(|name| folder.read_text(name).ok().map(|text| (*name, text)));
        let Some((name, text)) = found.next() else {
            return Err(refuse!(
                "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{}'",
                folder.root()
            ));
        };
        if found.next().is_some() {
            return Err(refuse!("Found multiple kustomization files under: {}\n", folder.root()));
        }
        let mut kustomization = Self::parse(&text)?;
        let warnings = kustomization.deprecated();
        kustomization.complete();
        kustomization.check(&folder.root())?;
        Ok((kustomization, name, warnings))
    }

    fn parse(text: &str) -> Result<Self> {
        // This file is read as other tools of Go read YAML, resources are not.
        let value = apimachinery::json::yaml_to_json(text).map_err(|error| {
            let text = error.to_string();
            let text = text.strip_prefix("error converting YAML to JSON: ").unwrap_or(&text);
            refuse!("invalid Kustomization: {text}")
        })?;
        if value.is_null() {
            return Ok(Self::default());
        }
        let value = without_nulls(value);
        serde_json::from_value(value.clone())
            .map_err(|error| refuse!("invalid Kustomization: {}", words(&error, &place(&value))))
    }

    fn deprecated(&self) -> Vec<String> {
        let fields = [
            (self.bases.is_some(), "bases", "resources", ""),
            (self.common_labels.is_some(), "commonLabels", "labels", ""),
            (self.image_tags.is_some(), "imageTags", "images", ""),
            (self.patches_json.is_some(), "patchesJson6902", "patches", ""),
            (
                self.patches_strategic_merge.is_some(),
                "patchesStrategicMerge",
                "patches",
                "",
            ),
            (self.vars.is_some(), "vars", "replacements", "[EXPERIMENTAL] "),
        ];
        fields
            .iter()
            .filter(|(used, ..)| *used)
            .map(|(_, old, new, mark)| {
                format!("# Warning: '{old}' is deprecated. Please use '{new}' instead. {mark}{FIX}")
            })
            .collect()
    }

    /// Brings fields of old into the form of today.
    fn complete(&mut self) {
        if self.kind.is_empty() {
            "Kustomization".clone_into(&mut self.kind);
        }
        if self.api_version.is_empty() {
            required_version(&self.kind).clone_into(&mut self.api_version);
        }
        append(&mut self.resources, self.bases.take());
        append(&mut self.images, self.image_tags.take());
        for generators in [&mut self.config_map_generator, &mut self.secret_generator] {
            for arguments in generators.iter_mut().flatten() {
                if !arguments.env.is_empty() {
                    arguments.envs.push(std::mem::take(&mut arguments.env));
                }
            }
        }
        append(&mut self.helm_charts, self.helm_chart_inflation_generator.take());
    }

    fn check(&self, root: &str) -> Result<()> {
        let empty = Self {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            ..Self::default()
        };
        if *self == empty {
            return Err(refuse!("kustomization.yaml is empty"));
        }
        let mut errors = Vec::new();
        if self.kind != "Kustomization" && self.kind != "Component" {
            errors.push("kind should be Kustomization or Component".to_owned());
        }
        let required = required_version(&self.kind);
        if self.api_version != required {
            errors.push(format!("apiVersion for {} should be {required}", self.kind));
        }
        if errors.is_empty() {
            return Ok(());
        }
        Err(refuse!(
            "Failed to read kustomization file under {root}:\n{}",
            errors.join("\n")
        ))
    }

    /// Whether the objects are to say where they come from, in some way.
    pub(crate) fn wants(&self, metadata: &str) -> bool {
        self.build_metadata.iter().flatten().any(|wanted| wanted == metadata)
    }
}

fn required_version(kind: &str) -> &'static str {
    match kind {
        "Component" => "kustomize.config.k8s.io/v1alpha1",
        _ => "kustomize.config.k8s.io/v1beta1",
    }
}

fn append<T>(list: &mut Option<Vec<T>>, more: Option<Vec<T>>) {
    let more = more.unwrap_or_default();
    if !more.is_empty() {
        list.get_or_insert_default().extend(more);
    }
}

/// Members that are `null` are as good as missing.
fn without_nulls(mut value: Value) -> Value {
    fn drop(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|_, member| !member.is_null());
                members.values_mut().for_each(drop);
            }
            Value::Array(elements) => elements.iter_mut().for_each(drop),
            _ => {}
        }
    }
    drop(&mut value);
    value
}

/// What Go's decoder calls the first member that cannot be read; of what is within members it is told less.
fn place(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    let wrong = |name: &String, value: &Value| {
        let alone = Value::Object([(name.clone(), value.clone())].into_iter().collect());
        serde_json::from_value::<Kustomization>(alone).is_err()
    };
    for (name, value) in members {
        if wrong(name, value) {
            return if value.is_array() || value.is_object() {
                "value".to_owned()
            } else {
                format!("struct field Kustomization.{name}")
            };
        }
    }
    "value".to_owned()
}

/// What Go's decoder says of the same mistake.
fn words(error: &serde_json::Error, place: &str) -> String {
    let text = error.to_string();
    if let Some(field) = text
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next())
    {
        return format!("json: unknown field {field:?}");
    }
    let known = [
        ("invalid type: string", "string"),
        ("invalid type: integer", "number"),
        ("invalid type: floating point", "number"),
        ("invalid type: boolean", "bool"),
        ("invalid type: map", "object"),
        ("invalid type: sequence", "array"),
    ];
    let kind = known.iter().find(|(start, _)| text.starts_with(start));
    match (kind, text.rsplit_once("expected ")) {
        (Some((_, kind)), Some((_, expected))) => {
            let expected = match expected {
                "a sequence" => "[]string",
                "a map" => "map[string]string",
                "a string" => "string",
                "a boolean" => "bool",
                other => other,
            };
            format!("json: cannot unmarshal {kind} into Go {place} of type {expected}")
        }
        _ => format!("json: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told() {
        for (text, expected) in [
            ("nope: 1\n", "invalid Kustomization: json: unknown field \"nope\""),
            (
                "namePrefix: 5\n",
                "invalid Kustomization: json: cannot unmarshal number into Go struct field Kustomization.namePrefix of type string",
            ),
        ] {
            assert_eq!(Kustomization::parse(text).expect_err("refused").to_string(), expected);
        }
        for (text, expected) in [
            ("", "kustomization.yaml is empty"),
            (
                "kind: Foo\nnamePrefix: a\n",
                "Failed to read kustomization file under /k:\nkind should be Kustomization or Component",
            ),
            (
                "apiVersion: v1\nnamePrefix: a\n",
                "Failed to read kustomization file under /k:\napiVersion for Kustomization should be kustomize.config.k8s.io/v1beta1",
            ),
        ] {
            let mut kustomization = Kustomization::parse(text).expect("a kustomization");
            kustomization.complete();
            assert_eq!(kustomization.check("/k").expect_err("refused").to_string(), expected);
        }
    }

    #[test]
    fn old_fields_are_told_and_brought_over() {
        let mut kustomization =
            Kustomization::parse("bases: [a]\nresources: [b]\nvars: []\n").expect("a kustomization");
        let warnings = kustomization.deprecated();
        assert_eq!(
            warnings,
            [
                "# Warning: 'bases' is deprecated. Please use 'resources' instead. Run 'kustomize edit fix' to update your Kustomization automatically.",
                "# Warning: 'vars' is deprecated. Please use 'replacements' instead. [EXPERIMENTAL] Run 'kustomize edit fix' to update your Kustomization automatically.",
            ]
        );
        kustomization.complete();
        assert_eq!(kustomization.resources, Some(vec!["b".to_owned(), "a".to_owned()]));
    }
}
