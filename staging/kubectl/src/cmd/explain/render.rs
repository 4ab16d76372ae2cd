//! From a schema to text (upstream: `kubectl/pkg/explain`, `explain/v2`).

use std::collections::BTreeSet;

use serde_json::Value;

use cli_runtime::RestMapping;
use cli_runtime::resource::text_at;

use super::describes;
use super::wrap::{indented, wrapped};

/// Which of the two forms is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// That of `plaintext`.
    Plain,
    /// That of `plaintext-openapiv2`.
    Older,
}

/// How many values of an enumeration a list of fields names.
const SHORT_ENUM: usize = 4;

/// A document, and how much of it is written.
pub(super) struct Explanation<'d> {
    document: &'d Value,
    recursive: bool,
}

type Seen<'d> = BTreeSet<&'d str>;

impl<'d> Explanation<'d> {
    pub(super) fn new(document: &'d Value, recursive: bool) -> Self {
        Self { document, recursive }
    }

    /// The schema of a kind.
    pub(super) fn schema_of(&self, mapping: &RestMapping) -> Option<&'d Value> {
        let schemas = self.document["components"]["schemas"].as_object()?;
        schemas.values().find(|schema| describes(schema, mapping))
    }

    /// What there is to say of a field of a schema; without such a field its name, with what can be said.
    pub(super) fn text(
        &self,
        style: Style,
        mapping: &RestMapping,
        schema: &'d Value,
        fields: &[String],
    ) -> (String, Result<(), String>) {
        if style == Style::Older {
            return self.older(mapping, schema, fields);
        }
        let mut text = String::new();
        if !mapping.group.is_empty() {
            text.push_str(&format!("GROUP:      {}\n", mapping.group));
        }
        text.push_str(&format!(
            "KIND:       {}\nVERSION:    {}\n\n",
            mapping.kind, mapping.version
        ));
        let output = self.output(schema, fields, &Seen::new());
        if output.is_empty() {
            return (text, Err(fields.last().cloned().unwrap_or_default()));
        }
        (text + &output + "\n", Ok(()))
    }

    fn reference(schema: &'d Value) -> &'d str {
        text_at(schema, &["$ref"])
    }

    fn resolve(&self, schema: &'d Value) -> &'d Value {
        let Some(path) = Self::reference(schema).strip_prefix('#') else {
            return schema;
        };
        self.document.pointer(path).unwrap_or(schema)
    }

    /// What the values of a map are, if it is one.
    fn values_of(schema: &'d Value) -> Option<&'d Value> {
        schema.get("additionalProperties").filter(|values| values.is_object())
    }

    fn parts(schema: &'d Value) -> &'d [Value] {
        schema["allOf"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn output(&self, schema: &'d Value, fields: &[String], seen: &Seen<'d>) -> String {
        let reference = Self::reference(schema);
        let resolved = self.resolve(schema);
        let Some((first, rest)) = fields.split_first() else {
            return self.details(resolved);
        };
        if !reference.is_empty() && seen.contains(reference) {
            return String::new();
        }
        let mut next = seen.clone();
        next.insert(reference);
        if let Some(field) = resolved["properties"].get(first) {
            let mut text = String::new();
            if rest.is_empty() {
                text.push_str(&format!("FIELD: {first} <{}>\n", self.type_of(field)));
                text.push_str(&self.long_enum(field));
                text.push_str("\n\n");
            }
            let below = self.output(field, rest, &Seen::new());
            return if below.is_empty() { text } else { text + &below };
        }
        if let Some(items) = resolved.get("items") {
            return self.output(items, fields, &next);
        }
        if let Some(values) = Self::values_of(resolved) {
            return self.output(values, fields, &next);
        }
        let mut parts = Self::parts(resolved)
            .iter()
            .map(|part| self.output(part, fields, &next));
        parts.find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// Description and fields.
    fn details(&self, schema: &'d Value) -> String {
        let described = self.description(schema);
        let described = if described.is_empty() { "<empty>" } else { &described };
        let mut text = format!("DESCRIPTION:\n{}\n", indented(&wrapped(described, 76), 4));
        let docs = &schema["externalDocs"];
        if docs.is_object() {
            text.push_str("\nEXTERNAL DOCS:\n");
            text.push_str(&external_docs(docs, 76, 4));
        }
        let mut list = String::new();
        self.fields(schema, 1, &Seen::new(), &mut list);
        if !list.is_empty() {
            text.push_str("FIELDS:\n");
            text.push_str(&list);
        }
        text
    }

    /// The descriptions of a schema and of what it is made of.
    fn description(&self, schema: &'d Value) -> String {
        let schema = self.resolve(schema);
        let mut text = String::new();
        let own = text_at(schema, &["description"]);
        if !own.is_empty() {
            text.push_str(own);
            text.push('\n');
        }
        for part in Self::parts(schema) {
            text.push_str(&self.description(part));
        }
        for below in schema.get("items").into_iter().chain(Self::values_of(schema)) {
            text.push_str(&self.description(below));
        }
        text
    }

    fn fields(&self, schema: &'d Value, level: usize, seen: &Seen<'d>, out: &mut String) {
        let reference = Self::reference(schema);
        if !reference.is_empty() && seen.contains(reference) {
            return;
        }
        let mut next = seen.clone();
        next.insert(reference);
        let resolved = self.resolve(schema);
        for (name, field) in resolved["properties"].as_object().into_iter().flatten() {
            self.field(name, field, resolved, level, out);
            if self.recursive {
                self.fields(field, level + 1, &next, out);
            }
        }
        let below = Self::parts(resolved)
            .iter()
            .chain(resolved.get("items"))
            .chain(Self::values_of(resolved));
        below.for_each(|below| self.fields(below, level, &next, out));
    }

    fn field(&self, name: &str, field: &'d Value, owner: &Value, level: usize, out: &mut String) {
        let indent = level * 2;
        out.push_str(&format!("{}{name}\t<{}>", " ".repeat(indent), self.type_of(field)));
        if is_required(owner, name) {
            out.push_str(" -required-");
        }
        if let Some(values) = field["enum"].as_array() {
            let more = if values.len() > SHORT_ENUM { ", ...." } else { "" };
            let shown: Vec<_> = values.iter().take(SHORT_ENUM).map(enum_value).collect();
            out.push_str(&format!("\n{}enum: {}{more}", " ".repeat(indent), shown.join(", ")));
        }
        out.push('\n');
        if self.recursive {
            return;
        }
        let described = match text_at(field, &["description"]) {
            "" => "<no description>",
            text => text,
        };
        out.push_str(&indented(&wrapped(described, 78 - indent), indent + 2));
        out.push('\n');
        let docs = &field["externalDocs"];
        if docs.is_object() {
            out.push_str(&format!("\n{}EXTERNAL DOCS:\n", " ".repeat(indent + 2)));
            out.push_str(&external_docs(docs, 76 - indent, indent + 4));
        }
        out.push('\n');
    }

    fn long_enum(&self, field: &Value) -> String {
        let Some(values) = field["enum"].as_array() else {
            return String::new();
        };
        let lines: String = values
            .iter()
            .map(|value| format!("\n    {}", enum_value(value)))
            .collect();
        format!("ENUM:{lines}")
    }

    /// A type as people write it: `[]Container`, `map[string]string`.
    fn type_of(&self, schema: &'d Value) -> String {
        if let Some(items) = schema.get("items") {
            return format!("[]{}", self.type_of(items));
        }
        if let Some(values) = Self::values_of(schema) {
            return format!("map[string]{}", self.type_of(values));
        }
        if let ([part], None) = (Self::parts(schema), schema.get("properties")) {
            return self.type_of(part);
        }
        let reference = Self::reference(schema);
        let own = text_at(
            if reference.is_empty() {
                schema
            } else {
                self.resolve(schema)
            },
            &["type"],
        );
        match (own, reference) {
            ("" | "object", "") => "Object".to_owned(),
            ("" | "object", reference) => reference.rsplit(['/', '.']).next().unwrap_or("Object").to_owned(),
            (own, _) => own.to_owned(),
        }
    }

    /// The form of servers without OpenAPI v3.
    fn older(&self, mapping: &RestMapping, schema: &'d Value, fields: &[String]) -> (String, Result<(), String>) {
        let mut field = schema;
        for name in fields {
            match self.member(field, name) {
                Some(found) => field = found,
                None => return (String::new(), Err(name.clone())),
            }
        }
        let version = mapping.group_version_resource().group_version();
        let mut text = format!("KIND:     {}\nVERSION:  {version}\n\n", mapping.kind);
        let target = self.object_below(field);
        if let Some(name) = fields.last() {
            let title = if target.is_some() { "RESOURCE:" } else { "FIELD:   " };
            text.push_str(&format!("{title} {name} <{}>\n\n", self.older_type(field)));
        }
        text.push_str("DESCRIPTION:\n");
        let mut described = vec![text_at(field, &["description"])];
        if let Some(target) = target
            && !std::ptr::eq(target, field)
        {
            described.push(text_at(target, &["description"]));
        }
        described.retain(|text| !text.is_empty());
        if described.is_empty() {
            described.push("<empty>");
        }
        let described: Vec<_> = described.iter().map(|text| older_lines(text, 5)).collect();
        text.push_str(&described.join("\n\n"));
        text.push('\n');
        if let Some(target) = target {
            text.push_str("\nFIELDS:\n");
            self.older_fields(target, 3, &Seen::new(), &mut text);
        }
        (text, Ok(()))
    }

    fn older_fields(&self, schema: &'d Value, indent: usize, seen: &Seen<'d>, out: &mut String) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let required = if !self.recursive && is_required(schema, name) {
                " -required-"
            } else {
                ""
            };
            out.push_str(&format!(
                "{}{name}\t<{}>{required}\n",
                " ".repeat(indent),
                self.older_type(field)
            ));
            if self.recursive {
                let reference = self.reference_below(field);
                if let Some(target) = self.object_below(field)
                    && !seen.contains(reference)
                {
                    let mut next = seen.clone();
                    next.insert(reference);
                    self.older_fields(target, indent + 3, &next, out);
                }
                continue;
            }
            let described = match text_at(field, &["description"]) {
                "" => "<no description>",
                text => text,
            };
            out.push_str(&format!("{}\n\n", older_lines(described, indent + 2)));
        }
    }

    /// A type as the older form writes it: every object is an `Object`.
    fn older_type(&self, schema: &'d Value) -> String {
        let schema = self.resolve(schema);
        if let Some(items) = schema.get("items") {
            return format!("[]{}", self.older_type(items));
        }
        if let Some(values) = Self::values_of(schema) {
            return format!("map[string]{}", self.older_type(values));
        }
        if schema["properties"].is_object() {
            return "Object".to_owned();
        }
        if let [part] = Self::parts(schema) {
            return self.older_type(part);
        }
        match text_at(schema, &["type"]) {
            "object" => "map[string]".to_owned(),
            // A number or a text: v2 has it as a text.
            "" if schema["oneOf"].is_array() => "string".to_owned(),
            other => other.to_owned(),
        }
    }

    fn member(&self, schema: &'d Value, name: &str) -> Option<&'d Value> {
        self.object_below(schema)?["properties"].get(name)
    }

    /// The schema with members that a field leads to, through lists, maps and references.
    fn object_below(&self, schema: &'d Value) -> Option<&'d Value> {
        let mut at = self.resolve(schema);
        // Schemas do not nest deeper than this without members of their own.
        for _ in 0..16 {
            if at["properties"].is_object() {
                return Some(at);
            }
            let next = at.get("items").or(Self::values_of(at)).or(Self::parts(at).first())?;
            at = self.resolve(next);
        }
        None
    }

    fn reference_below(&self, schema: &'d Value) -> &'d str {
        let mut at = schema;
        for _ in 0..16 {
            let reference = Self::reference(at);
            if !reference.is_empty() {
                return reference;
            }
            match at.get("items").or(Self::values_of(at)).or(Self::parts(at).first()) {
                Some(next) => at = next,
                None => break,
            }
        }
        ""
    }
}

/// Wrapped and indented, without blanks at the ends of lines.
fn older_lines(text: &str, indent: usize) -> String {
    let trimmed: Vec<_> = text.lines().map(str::trim).collect();
    let lines = indented(&wrapped(&trimmed.join("\n"), 75), indent);
    lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn is_required(owner: &Value, name: &str) -> bool {
    owner["required"]
        .as_array()
        .is_some_and(|required| required.iter().any(|known| known == name))
}

fn enum_value(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn external_docs(docs: &Value, width: usize, indent: usize) -> String {
    let mut text = String::new();
    let described = text_at(docs, &["description"]);
    if !described.is_empty() {
        text.push_str(&format!("{}\n", indented(&wrapped(described, width), indent)));
    }
    let url = text_at(docs, &["url"]);
    if !url.is_empty() {
        text.push_str(&format!("{}\n", indented(&format!("URL: {url}"), indent)));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_explained() {
        let document = json!({"components": {"schemas": {
            "io.k8s.Thing": {
                "description": "A thing.",
                "x-kubernetes-group-version-kind": [{"group": "g", "version": "v1", "kind": "Thing"}],
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "description": "Its name."},
                    "mode": {"type": "string", "enum": ["", "a"], "description": "Its mode."},
                    "next": {"allOf": [{"$ref": "#/components/schemas/io.k8s.Thing"}], "default": {}},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "list": {"type": "array", "items": {"$ref": "#/components/schemas/io.k8s.Thing"}},
                },
            },
        }}});
        let mapping = RestMapping {
            group: "g".into(),
            version: "v1".into(),
            kind: "Thing".into(),
            ..RestMapping::default()
        };
        let explanation = Explanation::new(&document, true);
        let schema = explanation.schema_of(&mapping).expect("a schema");
        let (text, outcome) = explanation.text(Style::Plain, &mapping, schema, &[]);
        assert_eq!(outcome, Ok(()));
        assert_eq!(
            text,
            "GROUP:      g\nKIND:       Thing\nVERSION:    v1\n\nDESCRIPTION:\n    A thing.\n    \nFIELDS:\n  labels\t<map[string]string>\n  list\t<[]Thing>\n    labels\t<map[string]string>\n    list\t<[]Thing>\n    mode\t<string>\n    enum: \"\", a\n    name\t<string> -required-\n    next\t<Thing>\n  mode\t<string>\n  enum: \"\", a\n  name\t<string> -required-\n  next\t<Thing>\n    labels\t<map[string]string>\n    list\t<[]Thing>\n    mode\t<string>\n    enum: \"\", a\n    name\t<string> -required-\n    next\t<Thing>\n\n"
        );
        let (text, outcome) = explanation.text(Style::Plain, &mapping, schema, &["list".into(), "mode".into()]);
        assert_eq!(outcome, Ok(()));
        assert!(
            text.ends_with("FIELD: mode <string>\nENUM:\n    \"\"\n    a\n\nDESCRIPTION:\n    Its mode.\n    \n\n"),
            "{text}"
        );
        let (_, outcome) = explanation.text(Style::Plain, &mapping, schema, &["list".into(), "none".into()]);
        assert_eq!(outcome, Err("none".to_owned()));
    }
}
