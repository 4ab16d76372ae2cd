//! Parser of the compact tables in `api/types` (format: `api/README.md`).

use anyhow::{Context, Result, bail};

/// One table: the types of one API group version.
#[derive(Debug)]
pub(crate) struct Package {
    /// Prefix of the OpenAPI definition names (`io.k8s.api.core.v1`).
    pub(crate) name: String,
    /// API group; empty for the core group.
    pub(crate) group: String,
    /// API version.
    pub(crate) version: String,
    /// The structs, in the order of the table.
    pub(crate) structs: Vec<Struct>,
}

/// One struct of a table.
#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) name: String,
    /// Whether it carries `apiVersion` and `kind`.
    pub(crate) kind: bool,
    pub(crate) atomic: bool,
    pub(crate) fields: Vec<Field>,
}

/// One field of a struct.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: FieldType,
    pub(crate) required: bool,
    pub(crate) omitzero: bool,
    /// OpenAPI `required`, where it differs from `required`.
    pub(crate) schema_required: bool,
    /// `atomic`, `set` or `map:key,…` for lists; `atomic` or `granular` for maps and structs.
    pub(crate) list: Option<String>,
    pub(crate) map: Option<String>,
    pub(crate) patch: Option<String>,
    pub(crate) default: Option<String>,
    pub(crate) proto: Vec<u32>,
}

/// The type of a field: a base type, how often, and whether Go holds it behind a pointer.
#[derive(Debug, Clone)]
pub(crate) struct FieldType {
    pub(crate) pointer: bool,
    pub(crate) shape: Shape,
    pub(crate) base: String,
    /// Protobuf wraps the (inner) list in a message.
    pub(crate) wrapped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    One,
    List,
    Map,
    MapOfLists,
}

impl Package {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut package = Self {
            name: String::new(),
            group: String::new(),
            version: String::new(),
            structs: vec![],
        };
        for (number, line) in text.lines().enumerate() {
            package.line(line).with_context(|| format!("line {}", number + 1))?;
        }
        if package.name.is_empty() || package.version.is_empty() {
            bail!("the table names no package or version");
        }
        Ok(package)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let indented = line.starts_with("  ");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            _ if indented => {
                let field = Field::parse(&words)?;
                self.structs
                    .last_mut()
                    .context("a field outside a struct")?
                    .fields
                    .push(field);
            }
            ["package", name] => self.name = (*name).to_owned(),
            ["group", name] => self.group = name.trim_matches('"').to_owned(),
            ["version", name] => self.version = (*name).to_owned(),
            [what @ ("struct" | "kind"), name, rest @ ..] => {
                let atomic = match rest {
                    [] => false,
                    ["atomic"] => true,
                    other => bail!("unknown words {other:?}"),
                };
                self.structs.push(Struct {
                    name: (*name).to_owned(),
                    kind: *what == "kind",
                    atomic,
                    fields: vec![],
                });
            }
            other => bail!("unknown line {other:?}"),
        }
        Ok(())
    }

    /// `core`, `apiextensions`, …: the Rust module of the group.
    pub(crate) fn module_group(&self) -> &str {
        self.name.rsplit('.').nth(1).expect("a package name has two segments")
    }

    /// `core_v1`: the generated file.
    pub(crate) fn module_file(&self) -> String {
        format!("{}_{}", self.module_group(), self.version)
    }

    /// `core.v1`: how other tables refer to it.
    pub(crate) fn short(&self) -> String {
        format!("{}.{}", self.module_group(), self.version)
    }
}

impl Field {
    fn parse(words: &[&str]) -> Result<Self> {
        let [name, ty, attributes @ ..] = words else {
            bail!("a field needs a name and a type")
        };
        let mut field = Self {
            name: (*name).to_owned(),
            ty: FieldType::parse(ty),
            required: false,
            omitzero: false,
            schema_required: false,
            list: None,
            map: None,
            patch: None,
            default: None,
            proto: vec![],
        };
        let mut schema = None;
        for attribute in attributes {
            match attribute.split_once('=').unwrap_or((attribute, "")) {
                ("required", "") => field.required = true,
                ("omitzero", "") => field.omitzero = true,
                ("schema-required", "") => schema = Some(true),
                ("schema-optional", "") => schema = Some(false),
                ("list", kind) => field.list = Some(kind.to_owned()),
                ("map", kind) => field.map = Some(kind.to_owned()),
                ("patch", strategy) => field.patch = Some(strategy.to_owned()),
                ("default", json) => field.default = Some(json.to_owned()),
                ("pb", path) => {
                    field.proto = path
                        .split('.')
                        .map(str::parse)
                        .collect::<Result<_, _>>()
                        .context("pb path")?;
                }
                other => bail!("unknown attribute {other:?} of field {name}"),
            }
        }
        field.schema_required = schema.unwrap_or(field.required);
        Ok(field)
    }
}

impl FieldType {
    fn parse(text: &str) -> Self {
        let (pointer, text) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
        let (wrapped, text) = text.strip_suffix('~').map_or((false, text), |rest| (true, rest));
        let (shape, base) = if let Some(rest) = text.strip_prefix("map[string][]") {
            (Shape::MapOfLists, rest)
        } else if let Some(rest) = text.strip_prefix("map[string]") {
            (Shape::Map, rest)
        } else if let Some(rest) = text.strip_prefix("[]") {
            (Shape::List, rest)
        } else {
            (Shape::One, text)
        };
        Self {
            pointer,
            shape,
            base: base.to_owned(),
            wrapped,
        }
    }
}
