//! The router's own, simpler idea of media types, which is asked before the handlers'.

/// 406 of the router, with everything that the route's path can produce.
#[must_use]
pub fn not_acceptable(produces: &[&str]) -> String {
    format!(
        "406: Not Acceptable\n\nAvailable representations: {}",
        produces.join(", ")
    )
}

/// 415 of the router for a write without a body that also accepts nothing.
#[must_use]
pub fn unsupported_without_body(produces: &[&str]) -> String {
    format!(
        "415: Unsupported Media Type\n\nAvailable representations: {}",
        produces.join(", ")
    )
}

/// 415 of the router.
pub const UNSUPPORTED_MEDIA_TYPE: &str = "415: Unsupported Media Type";

/// Bare media types of a list, without parameters.
fn bare(header: &str) -> impl Iterator<Item = &str> {
    header
        .split(',')
        .map(|part| part.split(';').next().unwrap_or_default().trim_matches(' '))
}

/// Whether a route that produces these types suits an `Accept` header (empty if absent). There are
/// no partial wildcards here: `application/*` suits nothing.
#[must_use]
pub fn accepts(accept: &str, produces: &[&str]) -> bool {
    accept.is_empty()
        || bare(accept).any(|wanted| wanted == "*/*" || produces.iter().any(|p| *p == "*/*" || *p == wanted))
}

/// Whether a route that consumes these types (none for any) suits a `Content-Type` header.
#[must_use]
pub fn consumes(method: &str, content_type: &str, consumes: &[&str]) -> bool {
    if consumes.is_empty() {
        return true;
    }
    if content_type.is_empty() {
        if matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE" | "TRACE") {
            return true;
        }
        return consumes.iter().any(|c| *c == "*/*" || *c == "application/octet-stream");
    }
    bare(content_type).any(|given| consumes.iter().any(|c| *c == "*/*" || *c == given))
}
