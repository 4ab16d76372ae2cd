//! A document: paths, and the definitions that they reach.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{
    definitions::{Definitions, Form},
    model::PathItem,
    render::{V2, path_v3},
};
use crate::gnostic::{self, v2, v3};

/// What a document says about the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Title.
    pub title: String,
    /// Version, with the `v`.
    pub version: String,
}

/// An OpenAPI document in the making.
///
/// It holds names only; schemas and paths are rendered one at a time while it is written.
pub struct Document {
    info: Info,
    paths: Vec<PathItem>,
    definitions: BTreeSet<String>,
    source: Arc<dyn Definitions>,
    group_version: Option<(String, String)>,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("info", &self.info)
            .field("paths", &self.paths.len())
            .field("definitions", &self.definitions.len())
            .finish_non_exhaustive()
    }
}

impl Document {
    /// The document of these paths.
    ///
    /// It holds the definitions that paths name and those that these refer to, as far as the source
    /// knows them; a reference to an unknown one stays, and leads nowhere.
    #[must_use]
    pub fn new(info: Info, paths: Vec<PathItem>, source: Arc<dyn Definitions>) -> Self {
        let mut open: Vec<String> = paths
            .iter()
            .flat_map(PathItem::definitions)
            .map(str::to_owned)
            .collect();
        let mut definitions = BTreeSet::new();
        while let Some(name) = open.pop() {
            if definitions.contains(&name) {
                continue;
            }
            if let Some(schema) = source.schema(&name, Form::V2) {
                references(&schema, &mut open);
                definitions.insert(name);
            }
        }
        Self {
            info,
            paths,
            definitions,
            source,
            group_version: None,
        }
    }

    /// Makes this the document of one group version: kinds that are registered in every group
    /// version are shown with those of this one and of the core group.
    #[must_use]
    pub fn of_group_version(mut self, group: &str, version: &str) -> Self {
        self.group_version = Some((group.to_owned(), version.to_owned()));
        self
    }

    /// Names of the definitions.
    pub fn definitions(&self) -> impl Iterator<Item = &str> {
        self.definitions.iter().map(String::as_str)
    }

    fn info(&self) -> Value {
        json!({"title": self.info.title, "version": self.info.version})
    }

    fn schema(&self, name: &str, form: Form) -> Value {
        let mut schema = self.source.schema(name, form).unwrap_or_else(|| json!({}));
        if let Some((group, version)) = &self.group_version
            && let Some(Value::Array(kinds)) = schema.get_mut("x-kubernetes-group-version-kind")
            && kinds.len() > 1
        {
            kinds.retain(|k| {
                let core = k["group"] == "" && k["version"] == "v1";
                core || (k["group"] == group.as_str() && k["version"] == version.as_str())
            });
        }
        schema
    }

    /// Writes the document as JSON.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_json(&self, form: Form, out: &mut dyn Write) -> io::Result<()> {
        match form {
            Form::V2 => self.write_json_v2(out),
            Form::V3 => self.write_json_v3(out),
        }
    }

    fn write_json_v2(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{{\"swagger\":\"2.0\",\"info\":{},\"paths\":{{", self.info())?;
        let mut renderer = V2::default();
        let paths = self.paths.iter().map(|item| (item.path.as_str(), renderer.path(item)));
        write_members(out, paths)?;
        out.write_all(b"},\"definitions\":{")?;
        write_members(out, self.definitions().map(|name| (name, self.schema(name, Form::V2))))?;
        let parameters = json!(renderer.shared);
        let (schemes, requirement) = security();
        write!(
            out,
            "}},\"parameters\":{parameters},\"securityDefinitions\":{schemes},\"security\":[{requirement}]}}"
        )
    }

    fn write_json_v3(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{{\"openapi\":\"3.0.0\",\"info\":{},\"paths\":{{", self.info())?;
        write_members(out, self.paths.iter().map(|item| (item.path.as_str(), path_v3(item))))?;
        out.write_all(b"},\"components\":{")?;
        if !self.definitions.is_empty() {
            out.write_all(b"\"schemas\":{")?;
            write_members(out, self.definitions().map(|name| (name, self.schema(name, Form::V3))))?;
            out.write_all(b"},")?;
        }
        write!(out, "\"securitySchemes\":{}}}}}", security().0)
    }

    /// The document as protobuf.
    #[must_use]
    pub fn to_protobuf(&self, form: Form) -> Vec<u8> {
        match form {
            Form::V2 => self.to_protobuf_v2(),
            Form::V3 => self.to_protobuf_v3(),
        }
    }

    fn to_protobuf_v2(&self) -> Vec<u8> {
        use v2::document::{
            DEFINITION, DEFINITIONS, INFO, PARAMETERS, PATH, PATHS, SECURITY, SECURITY_DEFINITIONS, SWAGGER,
        };
        let (schemes, requirement) = security();
        let mut out = Vec::new();
        let mut renderer = V2::default();
        gnostic::text(SWAGGER, "2.0", &mut out);
        gnostic::submessage(INFO, &mut out, |out| gnostic::encode(&self.info(), &v2::INFO, out));
        gnostic::submessage(PATHS, &mut out, |out| {
            for item in &self.paths {
                let value = renderer.path(item);
                gnostic::named_value(PATH, &item.path, out, |out| {
                    gnostic::encode(&value, &v2::PATH_ITEM, out)
                });
            }
        });
        gnostic::submessage(DEFINITIONS, &mut out, |out| {
            for name in &self.definitions {
                let value = self.schema(name, Form::V2);
                gnostic::named_value(DEFINITION, name, out, |out| gnostic::encode(&value, &v2::SCHEMA, out));
            }
        });
        gnostic::submessage(PARAMETERS, &mut out, |out| {
            gnostic::encode(&json!(renderer.shared), &v2::PARAMETER_DEFINITIONS, out);
        });
        gnostic::submessage(SECURITY, &mut out, |out| {
            gnostic::encode(&requirement, &v2::SECURITY_REQUIREMENT, out);
        });
        gnostic::submessage(SECURITY_DEFINITIONS, &mut out, |out| {
            gnostic::encode(&schemes, &v2::SECURITY_DEFINITIONS, out);
        });
        out
    }

    fn to_protobuf_v3(&self) -> Vec<u8> {
        use v3::document::{COMPONENTS, INFO, OPENAPI, PATH, PATHS, SCHEMA, SCHEMAS, SECURITY_SCHEMES};
        let mut out = Vec::new();
        gnostic::text(OPENAPI, "3.0.0", &mut out);
        gnostic::submessage(INFO, &mut out, |out| gnostic::encode(&self.info(), &v3::INFO, out));
        gnostic::submessage(PATHS, &mut out, |out| {
            for item in &self.paths {
                let value = path_v3(item);
                gnostic::named_value(PATH, &item.path, out, |out| {
                    gnostic::encode(&value, &v3::PATH_ITEM, out)
                });
            }
        });
        gnostic::submessage(COMPONENTS, &mut out, |out| {
            gnostic::submessage(SCHEMAS, out, |out| {
                for name in &self.definitions {
                    let value = self.schema(name, Form::V3);
                    gnostic::named_value(SCHEMA, name, out, |out| {
                        gnostic::encode(&value, &v3::SCHEMA_OR_REFERENCE, out);
                    });
                }
            });
            gnostic::submessage(SECURITY_SCHEMES, out, |out| {
                gnostic::encode(&security().0, &v3::SECURITY_SCHEMES, out);
            });
        });
        out
    }
}

/// The one way of authenticating that the documents describe, and the requirement of it.
fn security() -> (Value, Value) {
    let scheme = json!({
        "description": "Bearer Token authentication",
        "type": "apiKey",
        "name": "authorization",
        "in": "header",
    });
    (json!({"BearerToken": scheme}), json!({"BearerToken": []}))
}

fn write_members<'a>(out: &mut dyn Write, members: impl Iterator<Item = (&'a str, Value)>) -> io::Result<()> {
    for (i, (name, value)) in members.enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, name)?;
        out.write_all(b":")?;
        serde_json::to_writer(&mut *out, &value)?;
    }
    Ok(())
}

/// Appends the names of the definitions that a schema refers to.
fn references(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                names.extend(reference.rsplit('/').next().map(str::to_owned));
            }
            members.values().for_each(|value| references(value, names));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, names)),
        _ => {}
    }
}
