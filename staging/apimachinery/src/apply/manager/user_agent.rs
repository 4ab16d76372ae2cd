//! The manager's name where the request does not give one.

use crate::apply::go;

/// Longest name of a manager, in bytes.
pub const FIELD_MANAGER_MAX_LENGTH: usize = 128;

/// The `fieldManager` parameter, or what precedes the first `/` in the User-Agent, without
/// unprintable characters and cut at [`FIELD_MANAGER_MAX_LENGTH`] bytes.
#[must_use]
pub fn manager_or_user_agent(manager: &str, user_agent: &str) -> String {
    if !manager.is_empty() {
        return manager.to_owned();
    }
    let mut out = String::new();
    for c in user_agent
        .split('/')
        .next()
        .unwrap_or("")
        .chars()
        .filter(|c| !go::is_unprintable(*c))
    {
        if out.len() + c.len_utf8() > FIELD_MANAGER_MAX_LENGTH {
            break;
        }
        out.push(c);
    }
    out
}
