//! Paths as JSON values, in either version of OpenAPI.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE};
use serde_json::{Map, Value, json};

use super::{
    definitions::Form,
    model::{Operation, Parameter, ParameterPlace, PathItem, Payload, RequestBody},
};
use crate::digest::fnv1_64;

/// Renders paths in version 2 and gathers the parameters that they share.
#[derive(Default)]
pub(crate) struct V2 {
    /// Shared parameters, by name.
    pub(crate) shared: BTreeMap<String, Value>,
}

impl V2 {
    pub(crate) fn path(&mut self, item: &PathItem) -> Value {
        let mut members = Map::new();
        let common = item.common_parameters();
        if !common.is_empty() {
            let list = common.into_iter().map(|p| self.share(parameter_v2(p)));
            members.insert("parameters".into(), list.collect());
        }
        for operation in &item.operations {
            members.insert(operation.method.key().into(), self.operation(item, operation));
        }
        members.into()
    }

    fn operation(&mut self, item: &PathItem, operation: &Operation) -> Value {
        let mut members = head(operation);
        members.insert("schemes".into(), json!(["https"]));
        if let Some(types) = operation.consumes {
            members.insert("consumes".into(), json!(types));
        }
        if let Some(types) = operation.produces {
            members.insert("produces".into(), json!(types));
        }
        let body = operation.body.iter().map(body_v2);
        let own = item.own_parameters(operation).into_iter().map(parameter_v2);
        let parameters: Vec<Value> = body.chain(own).map(|p| self.share(p)).collect();
        if !parameters.is_empty() {
            members.insert("parameters".into(), parameters.into());
        }
        let responses = operation.responses.iter().map(|response| {
            let mut value = json!({"description": response.description});
            if let Some(payload) = &response.payload {
                value["schema"] = payload_schema(payload, Form::V2);
            }
            (response.code.to_string(), value)
        });
        members.insert("responses".into(), Value::Object(responses.collect()));
        members.into()
    }

    /// Replaces a parameter that many operations have by a reference.
    ///
    /// Not shared are those that name the kind, and two by which older versions of kubectl find out
    /// what the server can do.
    fn share(&mut self, parameter: Value) -> Value {
        let name = parameter["name"].as_str().unwrap_or_default();
        let of_kind = parameter["schema"]["$ref"]
            .as_str()
            .is_some_and(|r| !r.starts_with("#/definitions/io.k8s.apimachinery"));
        if of_kind || ["name", "fieldValidation", "dryRun"].contains(&name) {
            return parameter;
        }
        let hash = fnv1_64(parameter.to_string().as_bytes()).to_be_bytes();
        let key = format!("{name}-{}", BASE64_URL_SAFE.encode(&hash[..6]));
        let reference = json!({"$ref": format!("#/parameters/{key}")});
        self.shared.insert(key, parameter);
        reference
    }
}

/// What operations have in both versions.
fn head(operation: &Operation) -> Map<String, Value> {
    let mut members = Map::new();
    if !operation.description.is_empty() {
        members.insert("description".into(), operation.description.as_ref().into());
    }
    members.insert("operationId".into(), operation.id.as_str().into());
    members.insert("tags".into(), json!([operation.tag]));
    if let Some(action) = operation.action {
        members.insert("x-kubernetes-action".into(), action.into());
    }
    if let Some([group, version, kind]) = &operation.kind {
        let kind = json!({"group": group, "version": version, "kind": kind});
        members.insert("x-kubernetes-group-version-kind".into(), kind);
    }
    members
}

fn payload_schema(payload: &Payload, form: Form) -> Value {
    match payload {
        Payload::Definition(name) => json!({"$ref": form.reference(name)}),
        Payload::Text => json!({"type": "string"}),
    }
}

fn parameter_v2(parameter: &Parameter) -> Value {
    let mut value = json!({
        "name": parameter.name,
        "in": place(parameter.place),
        "description": parameter.description,
        "type": parameter.kind,
        "uniqueItems": true,
    });
    if parameter.place == ParameterPlace::Path {
        value["required"] = true.into();
    }
    value
}

fn body_v2(body: &RequestBody) -> Value {
    let mut value = json!({
        "name": "body",
        "in": "body",
        "schema": {"$ref": Form::V2.reference(&body.definition)},
    });
    if body.required {
        value["required"] = true.into();
    }
    value
}

fn place(place: ParameterPlace) -> &'static str {
    match place {
        ParameterPlace::Path => "path",
        ParameterPlace::Query => "query",
    }
}

/// A path in version 3.
pub(crate) fn path_v3(item: &PathItem) -> Value {
    let mut members = Map::new();
    let common = item.common_parameters();
    if !common.is_empty() {
        members.insert("parameters".into(), common.into_iter().map(parameter_v3).collect());
    }
    for operation in &item.operations {
        members.insert(operation.method.key().into(), operation_v3(item, operation));
    }
    members.into()
}

fn operation_v3(item: &PathItem, operation: &Operation) -> Value {
    let mut members = head(operation);
    let own = item.own_parameters(operation);
    if !own.is_empty() {
        members.insert("parameters".into(), own.into_iter().map(parameter_v3).collect());
    }
    if let Some(body) = &operation.body {
        let schema = json!({"$ref": Form::V3.reference(&body.definition)});
        let mut value = json!({"content": content(operation.consumes, &schema)});
        if body.required {
            value["required"] = true.into();
        }
        members.insert("requestBody".into(), value);
    }
    let responses = operation.responses.iter().map(|response| {
        let mut value = json!({"description": response.description});
        if let Some(payload) = &response.payload {
            value["content"] = content(operation.produces, &payload_schema(payload, Form::V3));
        }
        (response.code.to_string(), value)
    });
    members.insert("responses".into(), Value::Object(responses.collect()));
    members.into()
}

fn content(types: Option<&[&str]>, schema: &Value) -> Value {
    let types = types.into_iter().flatten();
    Value::Object(types.map(|t| ((*t).to_owned(), json!({"schema": schema}))).collect())
}

fn parameter_v3(parameter: &Parameter) -> Value {
    let mut value = json!({
        "name": parameter.name,
        "in": place(parameter.place),
        "description": parameter.description,
        "schema": {"type": parameter.kind, "uniqueItems": true},
    });
    if parameter.place == ParameterPlace::Path {
        value["required"] = true.into();
    }
    value
}
