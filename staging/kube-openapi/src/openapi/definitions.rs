//! The schemas of types, out of the reflection, the descriptions and the facts neither holds.

use std::collections::HashMap;

use k8s_api::{
    builtin_schema,
    reflect::{Field, ListTopology, PatchStrategy, Scalar, StructType, Type, TypeRef},
    scheme,
};
use serde_json::{Map, Value, json};

use crate::descriptions;

/// The version of OpenAPI that a schema is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Version 2: no defaults, no alternatives.
    V2,
    /// Version 3.
    V3,
}

impl Form {
    pub(crate) fn reference(self, name: &str) -> String {
        match self {
            Self::V2 => format!("#/definitions/{name}"),
            Self::V3 => format!("#/components/schemas/{name}"),
        }
    }
}

/// Where the schemas of definitions come from.
pub trait Definitions: Send + Sync {
    /// The schema of a definition.
    fn schema(&self, name: &str, form: Form) -> Option<Value>;
}

/// What `/version` answers with; no API type.
pub(crate) const VERSION_INFO: &str = "io.k8s.apimachinery.pkg.version.Info";

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.";
const APIEXTENSIONS: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.";

/// Kinds of `meta/v1` that are registered in the core group only.
const META_KINDS: [&str; 5] = ["APIGroup", "APIGroupList", "APIResourceList", "APIVersions", "Status"];
/// Kinds of `meta/v1` that are registered in every group version.
const EVERYWHERE: [&str; 2] = ["DeleteOptions", "WatchEvent"];

/// The group versions in which upstream registers the kinds that stand in all of them.
static GROUP_VERSIONS: &str = include_str!("../../facts/group-versions.tsv");
/// The values that a text field may have: definition, field (`[]` behind it: each element), values.
static ENUMS: &str = include_str!("../../facts/enums.tsv");

/// Definition, discriminator, and the fields that it tells apart, with their values of it.
type Union = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

static UNIONS: [Union; 6] = [
    (
        "io.k8s.api.core.v1.AppArmorProfile",
        "type",
        &[("localhostProfile", "LocalhostProfile")],
    ),
    (
        "io.k8s.api.core.v1.PodSchedulingGroup",
        "",
        &[("podGroupName", "PodGroupName")],
    ),
    (
        "io.k8s.api.core.v1.SeccompProfile",
        "type",
        &[("localhostProfile", "LocalhostProfile")],
    ),
    (
        "io.k8s.api.flowcontrol.v1.LimitResponse",
        "type",
        &[("queuing", "Queuing")],
    ),
    (
        "io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationSpec",
        "type",
        &[("exempt", "Exempt"), ("limited", "Limited")],
    ),
    (
        "io.k8s.api.flowcontrol.v1.Subject",
        "kind",
        &[
            ("group", "Group"),
            ("serviceAccount", "ServiceAccount"),
            ("user", "User"),
        ],
    ),
];

/// Definition, field, key and value of what a field declares and the reflection does not show.
static DECLARED: [(&str, &str, &str, &str); 3] = [
    (
        "io.k8s.api.core.v1.PersistentVolumeClaimStatus",
        "allocatedResourceStatuses",
        "x-kubernetes-map-type",
        "granular",
    ),
    (
        "io.k8s.api.core.v1.PersistentVolumeSpec",
        "claimRef",
        "x-kubernetes-map-type",
        "granular",
    ),
    (
        "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec",
        "caBundle",
        "x-kubernetes-list-type",
        "atomic",
    ),
];

/// Structs whose `name` comes with an inlined `LocalObjectReference`, and with it the empty default.
static NAMED_REFERENCES: [&str; 7] = [
    "io.k8s.api.core.v1.ConfigMapEnvSource",
    "io.k8s.api.core.v1.ConfigMapKeySelector",
    "io.k8s.api.core.v1.ConfigMapProjection",
    "io.k8s.api.core.v1.ConfigMapVolumeSource",
    "io.k8s.api.core.v1.SecretEnvSource",
    "io.k8s.api.core.v1.SecretKeySelector",
    "io.k8s.api.core.v1.SecretProjection",
];

/// The definitions of the built-in types.
#[derive(Debug)]
pub struct BuiltinDefinitions {
    enums: HashMap<(&'static str, &'static str), &'static str>,
}

impl Default for BuiltinDefinitions {
    fn default() -> Self {
        let rows = ENUMS.lines().skip(1).filter_map(|line| {
            let (definition, rest) = line.split_once('\t')?;
            let (field, values) = rest.split_once('\t')?;
            Some(((definition, field), values))
        });
        Self { enums: rows.collect() }
    }
}

impl Definitions for BuiltinDefinitions {
    fn schema(&self, name: &str, form: Form) -> Option<Value> {
        let mut schema = match scalar_definition(name, form) {
            Some(schema) => schema,
            None if name == VERSION_INFO => version_info(form),
            None => {
                let cursor = builtin_schema().at(k8s_api::definition(name)?);
                self.structure(cursor, cursor.as_struct()?, form)
            }
        };
        let description = type_description(name);
        if !description.is_empty() {
            schema.insert("description".into(), description.into());
        }
        Some(schema.into())
    }
}

impl BuiltinDefinitions {
    fn structure(&self, cursor: TypeRef<'_>, structure: &StructType, form: Form) -> Map<String, Value> {
        let mut schema = Map::new();
        schema.insert("type".into(), "object".into());
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in structure.fields.iter() {
            properties.insert(field.name.to_string(), self.field(cursor, structure, field, form));
            if field.schema_required {
                required.push(field.name.as_ref());
            }
        }
        if !properties.is_empty() {
            schema.insert("properties".into(), properties.into());
        }
        if !required.is_empty() {
            schema.insert("required".into(), required.into());
        }
        if structure.atomic {
            schema.insert("x-kubernetes-map-type".into(), "atomic".into());
        }
        if let Some((_, discriminator, fields)) = UNIONS.iter().find(|u| u.0 == structure.name) {
            let fields: Map<String, Value> = fields.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
            let mut union = json!({"fields-to-discriminateBy": fields});
            if !discriminator.is_empty() {
                union["discriminator"] = (*discriminator).into();
            }
            schema.insert("x-kubernetes-unions".into(), json!([union]));
        }
        let kinds = kinds_of(structure);
        if !kinds.is_empty() {
            schema.insert("x-kubernetes-group-version-kind".into(), kinds.into());
        }
        schema
    }

    fn field(&self, cursor: TypeRef<'_>, parent: &StructType, field: &Field, form: Form) -> Value {
        let ty = cursor.at(field.ty);
        let mut schema = type_schema(ty, form);
        let mut description = field_description(parent, &field.name);
        if let Some(values) = self.enums.get(&(parent.name.as_ref(), field.name.as_ref())) {
            let values: Value = serde_json::from_str(values).expect("the table of enums holds JSON lists");
            description.push_str("\n\nPossible enum values:");
            for value in values.as_array().into_iter().flatten() {
                description.push_str(&format!("\n - `{value}`"));
            }
            schema.insert("enum".into(), values);
        }
        if !self.enums.is_empty() {
            let element = format!("{}[]", field.name);
            if let Some(values) = self.enums.get(&(parent.name.as_ref(), element.as_str())) {
                let key = if schema.contains_key("items") {
                    "items"
                } else {
                    "additionalProperties"
                };
                schema[key]["enum"] = serde_json::from_str(values).expect("the table of enums holds JSON lists");
            }
        }
        if !description.is_empty() {
            schema.insert("description".into(), description.trim_start().into());
        }
        extensions(ty, parent, field, &mut schema);
        if form == Form::V3
            && let Some(default) = default_of(ty, parent, field)
        {
            schema.insert("default".into(), default);
        }
        wrap_reference(schema, form)
    }
}

/// In version 3 nothing may stand beside a reference; it moves into an `allOf`.
fn wrap_reference(mut schema: Map<String, Value>, form: Form) -> Value {
    if form == Form::V3
        && schema.len() > 1
        && let Some(reference) = schema.remove("$ref")
    {
        schema.insert("allOf".into(), json!([{"$ref": reference}]));
    }
    schema.into()
}

/// The default: the declared one, or the zero value of what is always written.
fn default_of(ty: TypeRef<'_>, parent: &StructType, field: &Field) -> Option<Value> {
    if !field.default.is_empty() {
        return Some(serde_json::from_str(&field.default).expect("the generated schema holds defaults as JSON"));
    }
    if field.pointer {
        return None;
    }
    if field.name == "name" && NAMED_REFERENCES.contains(&parent.name.as_ref()) {
        return Some("".into());
    }
    match ty.get() {
        Type::Struct(_) => Some(json!({})),
        Type::Scalar(scalar) if field.required => match scalar {
            Scalar::String => Some("".into()),
            Scalar::Bool => Some(false.into()),
            Scalar::Int32 | Scalar::Int64 | Scalar::Double => Some(0.into()),
            _ => None,
        },
        _ => None,
    }
}

/// How lists and maps are owned and patched.
fn extensions(ty: TypeRef<'_>, parent: &StructType, field: &Field, schema: &mut Map<String, Value>) {
    match ty.get() {
        // The items of list kinds and the lists that protobuf wraps declare nothing.
        Type::List(list) if !list.wrapped && (field.name != "items" || !parent.name.ends_with("List")) => {
            let topology = match list.topology {
                ListTopology::Atomic => "atomic",
                ListTopology::Set => "set",
                ListTopology::Map => "map",
            };
            schema.insert("x-kubernetes-list-type".into(), topology.into());
            if !list.keys.is_empty() {
                let keys: Vec<Value> = list.keys.iter().map(|k| k.as_ref().into()).collect();
                schema.insert("x-kubernetes-list-map-keys".into(), keys.into());
            }
        }
        Type::Map(map) if map.atomic => {
            schema.insert("x-kubernetes-map-type".into(), "atomic".into());
        }
        _ => {}
    }
    let declared = DECLARED.iter().filter(|d| d.0 == parent.name && d.1 == field.name);
    for (_, _, key, value) in declared {
        schema.insert((*key).into(), (*value).into());
    }
    let strategy = match field.patch_strategy {
        PatchStrategy::None => "",
        PatchStrategy::Merge => "merge",
        PatchStrategy::Replace => "replace",
        PatchStrategy::RetainKeys => "retainKeys",
        PatchStrategy::MergeRetainKeys => "merge,retainKeys",
    };
    if !strategy.is_empty() {
        schema.insert("x-kubernetes-patch-strategy".into(), strategy.into());
    }
    if !field.patch_merge_key.is_empty() {
        schema.insert(
            "x-kubernetes-patch-merge-key".into(),
            field.patch_merge_key.as_ref().into(),
        );
    }
}

fn type_schema(ty: TypeRef<'_>, form: Form) -> Map<String, Value> {
    let schema = match ty.get() {
        Type::Scalar(scalar) => scalar_schema(*scalar, form),
        Type::Struct(s) => json!({"$ref": form.reference(&s.name)}),
        Type::List(list) => json!({"type": "array", "items": type_schema(ty.at(list.element), form)}),
        Type::Map(map) => json!({"type": "object", "additionalProperties": type_schema(ty.at(map.value), form)}),
    };
    match schema {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn scalar_schema(scalar: Scalar, form: Form) -> Value {
    let meta = |name: &str| json!({"$ref": form.reference(&format!("{META}{name}"))});
    let apiextensions = |name: &str| json!({"$ref": form.reference(&format!("{APIEXTENSIONS}{name}"))});
    match scalar {
        Scalar::Bool => json!({"type": "boolean"}),
        Scalar::Int32 => json!({"type": "integer", "format": "int32"}),
        Scalar::Int64 => json!({"type": "integer", "format": "int64"}),
        Scalar::Double => json!({"type": "number", "format": "double"}),
        Scalar::String => json!({"type": "string"}),
        Scalar::Bytes => json!({"type": "string", "format": "byte"}),
        Scalar::Quantity => json!({"$ref": form.reference("io.k8s.apimachinery.pkg.api.resource.Quantity")}),
        Scalar::Time => meta("Time"),
        Scalar::MicroTime => meta("MicroTime"),
        Scalar::Duration => meta("Duration"),
        Scalar::FieldsV1 => meta("FieldsV1"),
        Scalar::IntOrString => json!({"$ref": form.reference("io.k8s.apimachinery.pkg.util.intstr.IntOrString")}),
        Scalar::RawExtension => json!({"$ref": form.reference("io.k8s.apimachinery.pkg.runtime.RawExtension")}),
        Scalar::Json => apiextensions("JSON"),
        Scalar::SchemaOrBool => apiextensions("JSONSchemaPropsOrBool"),
        Scalar::SchemaOrArray => apiextensions("JSONSchemaPropsOrArray"),
        Scalar::SchemaOrStringArray => apiextensions("JSONSchemaPropsOrStringArray"),
        Scalar::Any => json!({}),
    }
}

/// The definitions behind the scalars that have one.
fn scalar_definition(name: &str, form: Form) -> Option<Map<String, Value>> {
    let short = name.strip_prefix(META).or_else(|| name.strip_prefix(APIEXTENSIONS));
    let schema = match (short, name) {
        (Some("Time" | "MicroTime"), _) => json!({"type": "string", "format": "date-time"}),
        (Some("Duration"), _) => json!({"type": "string"}),
        (Some("FieldsV1"), _) | (_, "io.k8s.apimachinery.pkg.runtime.RawExtension") => json!({"type": "object"}),
        (Some("JSON" | "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrStringArray"), _) => {
            json!({})
        }
        (_, "io.k8s.apimachinery.pkg.api.resource.Quantity") => match form {
            Form::V2 => json!({"type": "string"}),
            Form::V3 => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        },
        (_, "io.k8s.apimachinery.pkg.util.intstr.IntOrString") => match form {
            Form::V2 => json!({"type": "string", "format": "int-or-string"}),
            Form::V3 => json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}),
        },
        _ => return None,
    };
    match schema {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

fn version_info(form: Form) -> Map<String, Value> {
    const ALWAYS: [&str; 9] = [
        "major",
        "minor",
        "gitVersion",
        "gitCommit",
        "gitTreeState",
        "buildDate",
        "goVersion",
        "compiler",
        "platform",
    ];
    const COMPATIBILITY: [&str; 4] = [
        "emulationMajor",
        "emulationMinor",
        "minCompatibilityMajor",
        "minCompatibilityMinor",
    ];
    let mut properties = Map::new();
    for name in ALWAYS.iter().chain(&COMPATIBILITY) {
        let mut property = json!({"type": "string"});
        let description = descriptions::of_field(VERSION_INFO, name);
        if !description.is_empty() {
            property["description"] = description.into();
        }
        if form == Form::V3 && ALWAYS.contains(name) {
            property["default"] = "".into();
        }
        properties.insert((*name).into(), property);
    }
    let mut schema = Map::new();
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), properties.into());
    schema.insert("required".into(), json!(ALWAYS));
    schema
}

/// The kinds that a definition stands for.
fn kinds_of(structure: &StructType) -> Vec<Value> {
    let Some((package, kind)) = structure.name.rsplit_once('.') else {
        return Vec::new();
    };
    let entry = |group: &str, version: &str| json!({"group": group, "version": version, "kind": kind});
    if package == META.trim_end_matches('.') {
        if EVERYWHERE.contains(&kind) {
            let rows = GROUP_VERSIONS.lines().skip(1).filter_map(|line| line.split_once('\t'));
            return rows.map(|(group, version)| entry(group, version)).collect();
        }
        return if META_KINDS.contains(&kind) {
            vec![entry("", "v1")]
        } else {
            Vec::new()
        };
    }
    let is_kind = ["apiVersion", "kind", "metadata"]
        .iter()
        .all(|f| structure.field(f).is_some());
    let same_package =
        |info: &&scheme::ResourceInfo| info.definition.rsplit_once('.').is_some_and(|(p, _)| p == package);
    match scheme::resources().iter().find(same_package) {
        Some(info) if is_kind => vec![entry(info.group, info.version)],
        _ => Vec::new(),
    }
}

/// The kind of the elements, if this is the definition of a list kind.
fn listed_kind(name: &str) -> Option<&str> {
    let item = name.strip_suffix("List")?;
    k8s_api::definition(item)?;
    item.rsplit('.').next()
}

fn type_description(name: &str) -> String {
    let known = descriptions::of_type(name);
    match listed_kind(name) {
        Some(kind) if known.is_empty() => format!("{kind}List is a list of {kind} objects."),
        _ => known.to_owned(),
    }
}

/// The description of a field; list kinds, which the source of descriptions leaves out, get theirs here.
fn field_description(parent: &StructType, field: &str) -> String {
    let known = descriptions::of_field(&parent.name, field);
    if !known.is_empty() {
        return known.to_owned();
    }
    if parent.name == "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent" && field == "object" {
        return "The object: after an ADDED or MODIFIED event its new state, after DELETED its last one; \
            with BOOKMARK nothing but a resource version, with ERROR a Status."
            .to_owned();
    }
    match (listed_kind(&parent.name), field) {
        (Some(_), "apiVersion" | "kind") => descriptions::of_field("io.k8s.api.core.v1.Pod", field).to_owned(),
        (Some(_), "metadata") => "Metadata of the list: its resource version, and how to get the next page.".to_owned(),
        (Some(kind), "items") => format!("The {kind} objects."),
        _ => String::new(),
    }
}
