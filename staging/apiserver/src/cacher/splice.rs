//! Puts `metadata.resourceVersion` into stored JSON, which is kept without it, and takes out what selectors ask for.

use std::{fmt, sync::Arc};

use k8s_api::pick::{Paths, Step};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Copies `json` with `"resourceVersion":"N"` as the first member of `metadata`.
///
/// Returns `None` if the text is no object with an object `metadata` in it.
#[must_use]
pub(crate) fn with_resource_version(json: &[u8], revision: u64) -> Option<Vec<u8>> {
    let open = metadata_position(json)?;
    // Room for a line break, too.
    let mut out = Vec::with_capacity(json.len() + 45);
    out.extend_from_slice(&json[..=open]);
    out.extend_from_slice(b"\"resourceVersion\":\"");
    out.extend_from_slice(revision.to_string().as_bytes());
    out.push(b'"');
    let rest = &json[open + 1..];
    if rest.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'}') {
        out.push(b',');
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// Copies `json`, which [`with_resource_version`] made with the revision `old`, with `new` in its place.
///
/// Returns `None` if the text does not begin its metadata with that revision.
#[must_use]
pub(crate) fn replace_resource_version(json: &[u8], old: u64, new: u64) -> Option<Vec<u8>> {
    let begin = metadata_position(json)? + 1;
    let expected = format!("\"resourceVersion\":\"{old}\"");
    let rest = json[begin..].strip_prefix(expected.as_bytes())?;
    let mut out = Vec::with_capacity(json.len() + 9);
    out.extend_from_slice(&json[..begin]);
    out.extend_from_slice(format!("\"resourceVersion\":\"{new}\"").as_bytes());
    out.extend_from_slice(rest);
    Some(out)
}

/// Whether `json` is what [`with_resource_version`] makes of `stored` with the revision `revision`.
#[must_use]
pub(crate) fn is_with_resource_version(json: &[u8], stored: &[u8], revision: u64) -> bool {
    let Some(open) = metadata_position(stored) else {
        return false;
    };
    let (head, rest) = stored.split_at(open + 1);
    let spliced = format!("\"resourceVersion\":\"{revision}\"");
    let tail = json
        .strip_prefix(head)
        .and_then(|tail| tail.strip_prefix(spliced.as_bytes()));
    tail.is_some_and(|tail| tail.strip_prefix(b",").unwrap_or(tail) == rest)
}

/// Index of the brace that opens the top-level `metadata` object.
fn metadata_position(json: &[u8]) -> Option<usize> {
    let mut at = skip_space(json, 0);
    if json.get(at) != Some(&b'{') {
        return None;
    }
    at = skip_space(json, at + 1);
    while json.get(at) == Some(&b'"') {
        let end = string_end(json, at)?;
        let is_metadata = &json[at + 1..end] == b"metadata";
        at = skip_space(json, end + 1);
        if json.get(at) != Some(&b':') {
            return None;
        }
        at = skip_space(json, at + 1);
        if is_metadata {
            return (json.get(at) == Some(&b'{')).then_some(at);
        }
        at = skip_space(json, value_end(json, at)?);
        if json.get(at) != Some(&b',') {
            return None;
        }
        at = skip_space(json, at + 1);
    }
    None
}

fn skip_space(json: &[u8], mut at: usize) -> usize {
    while json.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Index of the quote that closes the string opened at `at`.
fn string_end(json: &[u8], at: usize) -> Option<usize> {
    let mut from = at + 1;
    loop {
        let found = from + memchr::memchr2(b'"', b'\\', json.get(from..)?)?;
        if json[found] == b'"' {
            return Some(found);
        }
        from = found + 2;
    }
}

/// Index behind the value that begins at `at`.
fn value_end(json: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = at;
    loop {
        match json.get(at)? {
            b'"' => at = string_end(json, at)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// A set of member paths to take out of JSON text; the rest is skipped without being built.
#[derive(Debug)]
pub(crate) struct Extractor {
    /// The paths, and behind them that of the labels.
    paths: Arc<Paths>,
    labels: usize,
}

/// What an [`Extractor`] found.
#[derive(Debug, Default)]
pub(crate) struct Extracted {
    /// `metadata.labels`, in the order of the text.
    pub(crate) labels: Vec<(Box<str>, Box<str>)>,
    /// Scalars by slot; `None` where the path does not lead to one.
    pub(crate) values: Vec<Option<Box<str>>>,
}

impl Extractor {
    /// An extractor of `metadata.labels` and the given paths.
    pub(crate) fn new<'p>(paths: impl IntoIterator<Item = &'p [&'p str]>) -> Self {
        let paths = Paths::new(paths.into_iter().chain([&["metadata", "labels"][..]]));
        Self {
            labels: paths.len() - 1,
            paths: Arc::new(paths),
        }
    }

    /// The paths, in their order; behind them is that of the labels, which is no scalar.
    pub(crate) fn paths(&self) -> &Arc<Paths> {
        &self.paths
    }

    /// Walks `json` once.
    ///
    /// # Errors
    /// If the text is not JSON.
    pub(crate) fn extract(&self, json: &[u8]) -> Result<Extracted, serde_json::Error> {
        let mut found = Extracted {
            labels: Vec::new(),
            values: vec![None; self.labels],
        };
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        Walk {
            extractor: self,
            at: Paths::ROOT,
            found: &mut found,
        }
        .deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(found)
    }
}

struct Walk<'e, 'f> {
    extractor: &'e Extractor,
    at: Step,
    found: &'f mut Extracted,
}

impl Walk<'_, '_> {
    fn number(&self) -> Option<usize> {
        self.extractor.paths.number(self.at)
    }

    fn keep(self, value: impl FnOnce() -> Box<str>) {
        let slot = self.number().and_then(|number| self.found.values.get_mut(number));
        if let Some(slot) = slot {
            *slot = Some(value());
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        if self.number() == Some(self.extractor.labels) {
            while let Some((key, value)) = members.next_entry::<Box<str>, Option<Box<str>>>()? {
                self.found.labels.push((key, value.unwrap_or_default()));
            }
            return Ok(());
        }
        while let Some(member) = members.next_key_seed(MemberOf(&self.extractor.paths, self.at))? {
            match member {
                Some(at) => members.next_value_seed(Walk {
                    extractor: self.extractor,
                    at,
                    found: self.found,
                })?,
                None => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.keep(|| text.into());
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.keep(|| value.to_string().into());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.keep(|| value.to_string().into());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.keep(|| value.to_string().into());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.keep(|| value.to_string().into());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Matches a member name without allocating it.
struct MemberOf<'p>(&'p Paths, Step);

impl<'de> DeserializeSeed<'de> for MemberOf<'_> {
    type Value = Option<Step>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberOf<'_> {
    type Value = Option<Step>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.member(self.1, name))
    }
}

#[cfg(test)]
mod tests {
    use super::{Extractor, is_with_resource_version, with_resource_version};

    #[test]
    fn splices_wherever_metadata_stands() {
        let cases = [
            (
                r#"{"metadata":{"name":"a"}}"#,
                Some(r#"{"metadata":{"resourceVersion":"7","name":"a"}}"#),
            ),
            (
                r#"{"kind":"X","metadata":{}}"#,
                Some(r#"{"kind":"X","metadata":{"resourceVersion":"7"}}"#),
            ),
            (
                r#"{"data":{"metadata":"{\"}"},"l":[1,{"metadata":{}}], "metadata": {"name":"a"},"z":1}"#,
                Some(
                    r#"{"data":{"metadata":"{\"}"},"l":[1,{"metadata":{}}], "metadata": {"resourceVersion":"7","name":"a"},"z":1}"#,
                ),
            ),
            (r#"{"metadata":null}"#, None),
            (r#"{"kind":"X"}"#, None),
            ("[]", None),
            (r#"{"a""#, None),
            (r#"{"metadata"#, None),
        ];
        for (json, expected) in cases {
            let seen = with_resource_version(json.as_bytes(), 7).map(|b| String::from_utf8(b).expect("UTF-8"));
            assert_eq!(seen.as_deref(), expected, "{json}");
            let same = |text: &str, revision| is_with_resource_version(text.as_bytes(), json.as_bytes(), revision);
            let with = expected.unwrap_or(json);
            assert_eq!(same(with, 7), expected.is_some(), "{json}");
            assert!(
                !same(with, 8) && !same(&with.replace('7', "77"), 7) && !same(&format!("{with} "), 7),
                "{json}"
            );
        }
    }

    #[test]
    fn extracts_labels_and_paths_only() {
        let extractor = Extractor::new([
            &["spec", "nodeName"][..],
            &["status", "phase"],
            &["spec", "hostNetwork"],
            &["spec", "n"],
        ]);
        let json = br#"{"metadata":{"labels":{"b":"1","a":null},"x":{"labels":{"no":"no"}}},
                        "spec":{"nodeName":"n1","hostNetwork":true,"containers":[{"nodeName":"x"}],"n":5},
                        "status":{"phase":{"not":"scalar"}}}"#;
        let found = extractor.extract(json).expect("valid JSON");
        assert_eq!(found.labels, [("b".into(), "1".into()), ("a".into(), "".into())]);
        assert_eq!(
            found.values,
            [Some("n1".into()), None, Some("true".into()), Some("5".into())]
        );
        assert!(extractor.extract(b"{").is_err());
    }
}
