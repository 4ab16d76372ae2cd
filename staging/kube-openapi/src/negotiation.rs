//! Which form of a document an `Accept` header asks for.
//!
//! Upstream decides with `goautoneg`: clauses by quality, and the first one that the server can
//! satisfy wins.

use crate::discovery::aggregated;

/// A clause of an `Accept` header.
struct Clause<'a> {
    media_type: &'a str,
    subtype: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl Clause<'_> {
    fn allows(&self, media_type: &str) -> bool {
        let (main, sub) = media_type.split_once('/').unwrap_or((media_type, ""));
        let same = |asked: &str, offered: &str| asked == "*" || asked.eq_ignore_ascii_case(offered);
        same(self.media_type, main) && same(self.subtype, sub)
    }

    fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

/// The clauses, the most wanted first. Nothing at all means anything.
fn clauses(accept: &str) -> Vec<Clause<'_>> {
    let accept = if accept.trim().is_empty() { "*/*" } else { accept };
    let parse = |part| -> Option<Clause<'_>> {
        let part: &str = part;
        let mut pieces = part.split(';').map(str::trim);
        let (media_type, subtype) = pieces.next()?.split_once('/')?;
        let (mut quality, mut parameters) = (1.0, Vec::new());
        for (name, value) in pieces.filter_map(|p| p.split_once('=')) {
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("q") {
                quality = value.parse().unwrap_or(1.0);
            } else {
                parameters.push((name, value));
            }
        }
        Some(Clause {
            media_type,
            subtype,
            parameters,
            quality,
        })
    };
    let mut clauses: Vec<_> = accept.split(',').filter_map(parse).collect();
    let wildcards = |c: &Clause<'_>| u8::from(c.media_type == "*") + u8::from(c.subtype == "*");
    clauses.sort_by(|a, b| {
        b.quality
            .total_cmp(&a.quality)
            .then_with(|| wildcards(a).cmp(&wildcards(b)))
    });
    clauses
}

/// The media types of discovery, the preferred one first.
pub const OBJECT_MEDIA_TYPES: [&str; 3] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

/// The form of a discovery document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryForm {
    /// The aggregated list, in this media type (JSON or YAML).
    Aggregated(&'static str),
    /// The form of one request a group version, in this media type.
    Legacy(&'static str),
    /// Nothing that is asked for can be given: 406.
    NotAcceptable,
}

impl DiscoveryForm {
    /// The form that `/api` and `/apis` answer with.
    #[must_use]
    pub fn of(accept: &str) -> Self {
        for clause in clauses(accept) {
            let asked = (clause.parameter("g"), clause.parameter("v"), clause.parameter("as"));
            let transformed = asked != ("", "", "");
            let offered = if transformed {
                &OBJECT_MEDIA_TYPES[..2]
            } else {
                &OBJECT_MEDIA_TYPES
            };
            let Some(media_type) = offered.iter().find(|t| clause.allows(t)) else {
                continue;
            };
            if !transformed {
                return Self::Legacy(media_type);
            }
            if asked == (aggregated::GROUP, aggregated::VERSION, aggregated::KIND) {
                return Self::Aggregated(media_type);
            }
        }
        Self::NotAcceptable
    }

    /// The `Content-Type` of the answer.
    #[must_use]
    pub fn content_type(self) -> String {
        match self {
            Self::Aggregated(media_type) => {
                let (group, version) = (aggregated::GROUP, aggregated::VERSION);
                format!("{media_type};g={group};v={version};as={}", aggregated::KIND)
            }
            Self::Legacy(media_type) => media_type.to_owned(),
            Self::NotAcceptable => "application/json".to_owned(),
        }
    }
}

/// The representation of an OpenAPI document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Representation {
    /// JSON.
    Json,
    /// gnostic's protobuf messages.
    Protobuf,
}

const V2: [(&str, Representation); 3] = [
    ("application/json", Representation::Json),
    (
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        Representation::Protobuf,
    ),
    (
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
        Representation::Protobuf,
    ),
];

const V3: [(&str, Representation); 3] = [
    ("application/json", Representation::Json),
    (
        "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
        Representation::Protobuf,
    ),
    (
        "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
        Representation::Protobuf,
    ),
];

fn openapi(accept: &str, offered: &[(&str, Representation)]) -> Option<Representation> {
    clauses(accept).iter().find_map(|clause| {
        let found = offered.iter().find(|(media_type, _)| clause.allows(media_type));
        found.map(|(_, representation)| *representation)
    })
}

/// What `/openapi/v2` answers with; `None` is 406.
#[must_use]
pub fn openapi_v2(accept: &str) -> Option<Representation> {
    openapi(accept, &V2)
}

/// What `/openapi/v3/…` answers with; `None` is 406.
#[must_use]
pub fn openapi_v3(accept: &str) -> Option<Representation> {
    openapi(accept, &V3)
}

/// The `Content-Type` of a document: never the form with `@`, which is no valid media type.
#[must_use]
pub fn openapi_content_type(form: crate::openapi::Form, representation: Representation) -> &'static str {
    use crate::openapi::Form;
    match (form, representation) {
        (_, Representation::Json) => "application/json",
        (Form::V2, Representation::Protobuf) => "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
        (Form::V3, Representation::Protobuf) => "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_goes_by_the_clauses() {
        let v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let beta = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
        let json = "application/json";
        for (accept, expected) in [
            ("", DiscoveryForm::Legacy(json)),
            ("*/*", DiscoveryForm::Legacy(json)),
            (v2, DiscoveryForm::Aggregated(json)),
            (&format!("{beta},{v2},{json}"), DiscoveryForm::Aggregated(json)),
            (&format!("{beta},{json}"), DiscoveryForm::Legacy(json)),
            (beta, DiscoveryForm::NotAcceptable),
            ("text/html", DiscoveryForm::NotAcceptable),
            (
                "application/json;q=0.5, application/yaml",
                DiscoveryForm::Legacy("application/yaml"),
            ),
            (
                "application/vnd.kubernetes.protobuf,*/*",
                DiscoveryForm::Legacy("application/vnd.kubernetes.protobuf"),
            ),
        ] {
            assert_eq!(DiscoveryForm::of(accept), expected, "{accept}");
        }
        assert_eq!(DiscoveryForm::of(v2).content_type(), v2);
    }

    #[test]
    fn openapi_goes_by_the_clauses() {
        let old = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
        for (accept, expected) in [
            ("", Some(Representation::Json)),
            (old, Some(Representation::Protobuf)),
            (&format!("{old};q=0.1, application/json"), Some(Representation::Json)),
            ("application/*", Some(Representation::Json)),
            ("text/plain", None),
        ] {
            assert_eq!(openapi_v2(accept), expected, "{accept}");
        }
        assert_eq!(
            openapi_v3("application/com.github.proto-openapi.spec.v3@v1.0+protobuf"),
            Some(Representation::Protobuf)
        );
        assert_eq!(openapi_v3(old), None);
    }
}
