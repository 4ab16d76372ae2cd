//! Whether a JSON answer is indented.

/// Decides from the `pretty` query parameter (`None` if absent) and the `User-Agent`: what a person
/// looks at in a browser or with curl is indented.
#[must_use]
pub fn wants_pretty(query: Option<&str>, user_agent: &str) -> bool {
    match query {
        Some(value) if !value.is_empty() => matches!(value, "1" | "t" | "T" | "TRUE" | "true" | "True"),
        _ => ["curl", "Wget", "Mozilla/5.0"]
            .iter()
            .any(|prefix| user_agent.starts_with(prefix)),
    }
}
