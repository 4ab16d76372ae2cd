//! Configuration maps and secrets that are made of files and texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::Result;
use crate::error::refuse;
use crate::files::Folder;
use crate::kustomization::{GeneratorArgs, GeneratorOptions};
use crate::resource::{Behavior, Resource, member_mut};

/// How long a line of base64 is.
const LINE: usize = 70;

/// What is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generated {
    /// A configuration map.
    ConfigMap,
    /// A secret.
    Secret,
}

/// The options of one generator with those of all: what it says itself goes before, but for `true`.
fn merged(own: Option<&GeneratorOptions>, all: Option<&GeneratorOptions>) -> GeneratorOptions {
    let mut merged = own.cloned().unwrap_or_default();
    if let Some(all) = all {
        for (own, all) in [
            (&mut merged.labels, &all.labels),
            (&mut merged.annotations, &all.annotations),
        ] {
            for (key, value) in all {
                own.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        merged.disable_name_suffix_hash |= all.disable_name_suffix_hash;
        merged.immutable |= all.immutable;
    }
    merged
}

/// Makes the object.
///
/// # Errors
/// It has no name, a file cannot be read, or a key stands twice.
pub(crate) fn generate(
    folder: &Folder,
    kind: Generated,
    arguments: &GeneratorArgs,
    all: Option<&GeneratorOptions>,
) -> Result<Resource> {
    let name = match kind {
        Generated::ConfigMap => "ConfigMap",
        Generated::Secret => "Secret",
    };
    let mut object = json!({"apiVersion": "v1", "kind": name, "metadata": {"name": arguments.name}});
    if arguments.name.is_empty() {
        return Err(refuse!("a configmap must have a name"));
    }
    if !arguments.namespace.is_empty() {
        object["metadata"]["namespace"] = arguments.namespace.as_str().into();
    }
    let pairs = pairs(folder, arguments).map_err(|error| error.context("loading KV pairs"))?;
    if kind == Generated::Secret {
        let kind = if arguments.kind.is_empty() {
            "Opaque"
        } else {
            &arguments.kind
        };
        object["type"] = kind.into();
        object["data"] = Value::Object(Map::new());
    }
    let mut known = std::collections::BTreeSet::new();
    for (key, value) in pairs {
        if !known.insert(key.clone()) {
            return Err(refuse!(
                "configmap {} illegally repeats the key `{key}`",
                arguments.name
            ));
        }
        let (member, text) = match (kind, String::from_utf8(value)) {
            (Generated::Secret, Ok(text)) => ("data", base64_lines(text.as_bytes())),
            (Generated::Secret, Err(bytes)) => ("data", base64_lines(bytes.as_bytes())),
            (Generated::ConfigMap, Ok(text)) => ("data", text),
            (Generated::ConfigMap, Err(bytes)) => ("binaryData", base64_lines(bytes.as_bytes())),
        };
        member_mut(&mut object, member).insert(key, text.into());
    }
    let options = merged(arguments.options.as_ref(), all);
    for (member, pairs) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        if !pairs.is_empty() {
            object["metadata"][member] = json!(pairs);
        }
    }
    if options.immutable {
        object["immutable"] = true.into();
    }
    Ok(Resource {
        behavior: Behavior::parse(&arguments.behavior),
        needs_hash: !options.disable_name_suffix_hash,
        ..Resource::new(object)
    })
}

/// Base64, in lines if it is long.
fn base64_lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    if text.len() < LINE {
        return text;
    }
    let lines = text.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
    lines.map(|line| format!("{line}\n")).collect()
}

type Pair = (String, Vec<u8>);

fn pairs(folder: &Folder, arguments: &GeneratorArgs) -> Result<Vec<Pair>> {
    let mut found = Vec::new();
    let shown = |sources: &[String]| format!("[{}]", sources.join(" "));
    for path in &arguments.envs {
        let context = || format!("env source files: {}", shown(&arguments.envs));
        let bytes = folder.read(path).map_err(|error| error.context(context()))?;
        found.extend(lines(&bytes).map_err(|error| error.context(context()))?);
    }
    for source in &arguments.literals {
        let pair = literal(source)
            .map_err(|error| error.context(format!("literal sources {}", shown(&arguments.literals))))?;
        found.push(pair);
    }
    for source in &arguments.files {
        let read = || -> Result<Pair> {
            let (key, path) = file_source(source)?;
            Ok((key, folder.read(&path)?))
        };
        found.push(read().map_err(|error| error.context(format!("file sources: {}", shown(&arguments.files))))?);
    }
    Ok(found)
}

/// The lines of a file with `KEY=value`.
fn lines(bytes: &[u8]) -> Result<Vec<Pair>> {
    let mut found = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let Ok(line) = std::str::from_utf8(line) else {
            return Err(refuse!(
                "line {line:?} has invalid utf8 bytes : {}",
                String::from_utf8_lossy(line)
            ));
        };
        let line = if at == 0 {
            line.trim_start_matches('\u{feff}')
        } else {
            line
        };
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        found.push((key.to_owned(), value.as_bytes().to_vec()));
    }
    Ok(found)
}

/// `key=value`, the value perhaps in quotes.
fn literal(source: &str) -> Result<Pair> {
    match source.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            let quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
            let value = if quoted('"') || quoted('\'') {
                &value[1..value.len() - 1]
            } else {
                value
            };
            Ok((key.to_owned(), value.as_bytes().to_vec()))
        }
        _ => Err(refuse!("invalid literal source {source}, expected key=value")),
    }
}

/// `path`, whose last part is the key, or `key=path`.
fn file_source(source: &str) -> Result<(String, String)> {
    match source.split('=').collect::<Vec<_>>()[..] {
        [path] => {
            let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
            Ok((name.to_owned(), path.to_owned()))
        }
        ["", path] => Err(refuse!("missing key name for file path {path:?} in source {source:?}")),
        [key, ""] => Err(refuse!("missing file path for key name {key:?} in source {source:?}")),
        [key, path] => Ok((key.to_owned(), path.to_owned())),
        _ => Err(refuse!("source {source:?} key name or file path contains '='")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read() {
        for (source, expected) in [
            ("a=b=c", Ok("b=c")),
            ("a=\"b\"", Ok("b")),
            ("a='b", Ok("'b")),
            ("a", Err("invalid literal source a, expected key=value")),
            ("=b", Err("invalid literal source =b, expected key=value")),
        ] {
            let value = literal(source).map(|(_, value)| String::from_utf8(value).expect("text"));
            assert_eq!(
                value.map_err(|error| error.to_string()),
                expected.map(str::to_owned).map_err(str::to_owned)
            );
        }
        for (source, expected) in [
            ("x/y.txt", Ok(("y.txt", "x/y.txt"))),
            ("k=x/y.txt", Ok(("k", "x/y.txt"))),
            ("=x", Err("missing key name for file path \"x\" in source \"=x\"")),
            ("k=", Err("missing file path for key name \"k\" in source \"k=\"")),
            ("a=b=c", Err("source \"a=b=c\" key name or file path contains '='")),
        ] {
            let found = file_source(source).map_err(|error| error.to_string());
            let expected = expected
                .map(|(key, path)| (key.to_owned(), path.to_owned()))
                .map_err(str::to_owned);
            assert_eq!(found, expected);
        }
        let found = lines("\u{feff}A=1\r\n# no\n\n B\nC=x=y".as_bytes()).expect("lines");
        let found: Vec<String> = found
            .iter()
            .map(|(key, value)| format!("{key}:{}", String::from_utf8_lossy(value)))
            .collect();
        assert_eq!(found, ["A:1", "B:", "C:x=y"]);
    }
}
