//! Content negotiation: which encoding an answer gets, which one a body has.
//!
//! Two layers, as upstream: the routes compare bare media types ([`route`]) and answer 406 and 415
//! in the words of the router; the handlers weigh quality, parameters and transformations
//! ([`negotiate_output`]) and answer in their own. Upstream:
//! `apiserver/pkg/endpoints/handlers/negotiation`, go-restful and goautoneg.

mod accept;
mod content_type;
mod encoding;
mod pretty;
pub mod route;
#[cfg(test)]
mod tests;

pub use accept::{AcceptClause, parse_accept};
pub use content_type::{MediaTypeError, parse_media_type};
pub use encoding::{GZIP_LEVEL, GZIP_THRESHOLD, accepts_gzip, should_gzip};
pub use pretty::wants_pretty;

use crate::normalize::GroupVersionKind;

/// An encoding that the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/json`
    Json,
    /// `application/yaml`; has no streaming form.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`
    Protobuf,
    /// `application/cbor`; only served behind its feature gate.
    Cbor,
}

impl Encoding {
    /// What the server serves unless a feature gate adds to it, in order of preference.
    pub const DEFAULT: &'static [Self] = &[Self::Json, Self::Yaml, Self::Protobuf];

    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => "application/vnd.kubernetes.protobuf",
            Self::Cbor => "application/cbor",
        }
    }

    /// The media type in the `Accept` of a watch and in messages; `None` where watches are not
    /// served in this encoding.
    #[must_use]
    pub const fn stream_media_type(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("application/json;stream=watch"),
            Self::Yaml => None,
            Self::Protobuf => Some("application/vnd.kubernetes.protobuf;stream=watch"),
            Self::Cbor => Some("application/cbor-seq"),
        }
    }

    /// The `Content-Type` of a watch.
    #[must_use]
    pub const fn watch_content_type(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("application/json"),
            other => other.stream_media_type(),
        }
    }

    fn subtype(self) -> &'static str {
        &self.media_type()["application/".len()..]
    }
}

/// What an endpoint can do beyond its plain answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Endpoint<'a> {
    /// Encodings of the untransformed answer, where not all are served; empty for all.
    pub standard: &'a [Encoding],
    /// Whether objects can be shown as a `Table`.
    pub table: bool,
    /// Whether objects can be reduced to their metadata.
    pub metadata: bool,
    /// The version of the meta API that clients may ask for with `sv=`.
    pub server_version: Option<&'a str>,
}

impl Endpoint<'_> {
    fn allows_transform(&self, encoding: Encoding, target: Option<&GroupVersionKind>) -> bool {
        let Some(target) = target else {
            return self.standard.is_empty() || self.standard.contains(&encoding);
        };
        if target.group != "meta.k8s.io" || !matches!(target.version.as_str(), "v1" | "v1beta1") {
            return false;
        }
        match target.kind.as_str() {
            "Table" => self.table && matches!(encoding, Encoding::Json | Encoding::Yaml),
            "PartialObjectMetadata" | "PartialObjectMetadataList" => self.metadata,
            _ => false,
        }
    }
}

/// The outcome of negotiating an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// The encoding.
    pub encoding: Encoding,
    /// `pretty=1` in the media type.
    pub pretty: bool,
    /// `stream=`: `watch` or empty.
    pub stream: String,
    /// `as`, `g` and `v`: the kind that the client wants to see instead.
    pub convert: Option<GroupVersionKind>,
    /// `sv=`: the wanted version of the meta API.
    pub server_version: String,
    /// `export=1`, without effect.
    pub export: bool,
    /// `profile=`: variant of aggregated discovery.
    pub profile: String,
}

impl MediaType {
    fn plain(encoding: Encoding) -> Self {
        Self {
            encoding,
            pretty: false,
            stream: String::new(),
            convert: None,
            server_version: String::new(),
            export: false,
            profile: String::new(),
        }
    }

    fn of(encoding: Encoding, parameters: &[(String, String)], endpoint: &Endpoint<'_>) -> Option<Self> {
        let mut found = Self::plain(encoding);
        for (name, value) in parameters {
            let convert = &mut found.convert;
            match name.as_str() {
                "as" => convert.get_or_insert_default().kind.clone_from(value),
                "g" => convert.get_or_insert_default().group.clone_from(value),
                "v" => convert.get_or_insert_default().version.clone_from(value),
                "stream" => {
                    if !value.is_empty() && (encoding.stream_media_type().is_none() || value != "watch") {
                        return None;
                    }
                    found.stream.clone_from(value);
                }
                "sv" => {
                    if !value.is_empty() && endpoint.server_version != Some(value) {
                        return None;
                    }
                    found.server_version.clone_from(value);
                }
                "export" => found.export = value == "1",
                "pretty" => found.pretty = value == "1",
                "profile" => found.profile.clone_from(value),
                _ => {}
            }
        }
        endpoint
            .allows_transform(encoding, found.convert.as_ref())
            .then_some(found)
    }

    /// The `Content-Type` of an answer that names the shown kind (aggregated discovery does).
    #[must_use]
    pub fn content_type_with_kind(&self) -> String {
        let mut text = self.encoding.media_type().to_owned();
        if let Some(kind) = &self.convert {
            for (name, value) in [("g", &kind.group), ("v", &kind.version), ("as", &kind.kind)] {
                if !value.is_empty() {
                    text.extend([";", name, "=", value]);
                }
            }
        }
        text
    }
}

/// Why no encoding suits; the texts are upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// 406: nothing in `Accept` can be served.
    #[error("only the following media types are accepted: {}", .0.join(", "))]
    NotAcceptable(Vec<&'static str>),
    /// 406: the wanted transformation cannot be served in the accepted encodings.
    #[error("only the following media types are accepted when converting to {target}: {}", .accepted.join(", "))]
    NotAcceptableConversion {
        /// The wanted kind.
        target: String,
        /// What can be served.
        accepted: Vec<&'static str>,
    },
    /// 415: the body's encoding is unknown.
    #[error("the body of the request was in an unknown format - accepted media types include: {}", .0.join(", "))]
    UnsupportedMediaType(Vec<&'static str>),
}

/// Media types of `encodings`.
#[must_use]
pub fn media_types(encodings: &[Encoding]) -> Vec<&'static str> {
    encodings.iter().map(|e| e.media_type()).collect()
}

/// Media types of watches in `encodings`.
#[must_use]
pub fn stream_media_types(encodings: &[Encoding]) -> Vec<&'static str> {
    encodings.iter().filter_map(|e| e.stream_media_type()).collect()
}

fn choose(accept: &str, encodings: &[Encoding], endpoint: &Endpoint<'_>) -> Option<MediaType> {
    if accept.is_empty() {
        return encodings.first().map(|first| MediaType::plain(*first));
    }
    let clauses = parse_accept(accept);
    let candidates = clauses.iter().flat_map(|clause| {
        let suits = |encoding: &&Encoding| match (clause.kind.as_str(), clause.subtype.as_str()) {
            ("*" | "application", "*") => true,
            ("application", subtype) => subtype == encoding.subtype(),
            _ => false,
        };
        encodings.iter().filter(suits).map(move |encoding| (clause, *encoding))
    });
    candidates
        .into_iter()
        .find_map(|(clause, encoding)| MediaType::of(encoding, &clause.parameters, endpoint))
}

/// Chooses the encoding of an answer. `accept` is the header, empty if absent.
///
/// # Errors
/// [`NegotiationError::NotAcceptable`]
pub fn negotiate_output(
    accept: &str,
    encodings: &[Encoding],
    endpoint: &Endpoint<'_>,
) -> Result<MediaType, NegotiationError> {
    choose(accept, encodings, endpoint).ok_or_else(|| NegotiationError::NotAcceptable(media_types(encodings)))
}

/// Chooses the encoding of a watch.
///
/// # Errors
/// [`NegotiationError::NotAcceptable`], with the media types of streams.
pub fn negotiate_watch(
    accept: &str,
    encodings: &[Encoding],
    endpoint: &Endpoint<'_>,
) -> Result<MediaType, NegotiationError> {
    choose(accept, encodings, endpoint)
        .filter(|found| found.encoding.stream_media_type().is_some())
        .ok_or_else(|| NegotiationError::NotAcceptable(stream_media_types(encodings)))
}

/// The encoding of a body. `content_type` is the header; empty means the first of `encodings`.
///
/// # Errors
/// [`NegotiationError::UnsupportedMediaType`]
pub fn negotiate_input(content_type: &str, encodings: &[Encoding]) -> Result<Encoding, NegotiationError> {
    let unsupported = || NegotiationError::UnsupportedMediaType(media_types(encodings));
    if content_type.is_empty() {
        return encodings.first().copied().ok_or_else(unsupported);
    }
    let (media_type, _) = parse_media_type(content_type).map_err(|_| unsupported())?;
    encodings
        .iter()
        .copied()
        .find(|e| e.media_type() == media_type)
        .ok_or_else(unsupported)
}
