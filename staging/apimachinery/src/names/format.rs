//! Labels, domains, keys, identifiers, ports.

const DNS1123_LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const DNS1123_SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const DNS1123_SUBDOMAIN_UNDERSCORE: &str = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";
const WILDCARD_SUBDOMAIN: &str = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const DNS1035_LABEL: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const LABEL_KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const C_IDENTIFIER: &str = "[A-Za-z_][A-Za-z0-9_]*";
const ENV_VAR_NAME: &str = "[-._a-zA-Z][-._a-zA-Z0-9]*";
const CONFIG_MAP_KEY: &str = "[-._a-zA-Z0-9]+";
const HTTP_PATH: &str = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+";

const LABEL_KEY_RULE: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";

/// The most bytes of a DNS label.
pub const DNS_LABEL_MAX_LENGTH: usize = 63;
/// The most bytes of a DNS subdomain.
pub const DNS_SUBDOMAIN_MAX_LENGTH: usize = 253;
/// The most bytes of a label value, and of the name part of a label key.
pub const LABEL_MAX_LENGTH: usize = 63;

/// What is wrong; nothing if empty.
pub type Messages = Vec<String>;

/// The message for a text that does not match `regex`.
#[must_use]
pub fn regex_error(rule: &str, regex: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{rule} (regex used for validation is '{regex}')");
    }
    let examples = examples
        .iter()
        .map(|e| format!("'{e}', "))
        .collect::<Vec<_>>()
        .join(" or ");
    format!("{rule} (e.g. {examples}regex used for validation is '{regex}')")
}

/// The message for a number out of bounds.
#[must_use]
pub fn inclusive_range_error(least: i64, most: i64) -> String {
    format!("must be between {least} and {most}, inclusive")
}

fn too_long(most: usize) -> String {
    format!("must be no more than {most} characters")
}

fn too_many_bytes(most: usize) -> String {
    format!("must be no more than {most} bytes")
}

/// Whether `text` starts with `first`, ends with `last` and has only `middle` between; one
/// character must be both first and last.
fn shaped(text: &str, first: fn(u8) -> bool, middle: fn(u8) -> bool, last: fn(u8) -> bool) -> bool {
    match text.as_bytes() {
        [] => false,
        [only] => first(*only),
        [a, between @ .., z] => first(*a) && last(*z) && between.iter().all(|b| middle(*b)),
    }
}

fn lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_dns1123_label(text: &str) -> bool {
    shaped(
        text,
        lower_alphanumeric,
        |b| lower_alphanumeric(b) || b == b'-',
        lower_alphanumeric,
    )
}

fn is_dns1123_subdomain(text: &str) -> bool {
    text.split('.').all(is_dns1123_label)
}

fn is_label_name(text: &str) -> bool {
    let ends = |b: u8| b.is_ascii_alphanumeric();
    shaped(
        text,
        ends,
        |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'),
        ends,
    )
}

/// Length and shape, the two faults that most formats have.
fn check(value: &str, most: usize, valid: bool, message: impl FnOnce() -> String) -> Messages {
    let mut messages = Vec::new();
    if value.len() > most {
        messages.push(too_long(most));
    }
    if !valid {
        messages.push(message());
    }
    messages
}

/// A label of DNS, as most names must be.
#[must_use]
pub fn dns1123_label(value: &str) -> Messages {
    check(value, DNS_LABEL_MAX_LENGTH, is_dns1123_label(value), || {
        if is_dns1123_subdomain(value) {
            return "must not contain dots".into();
        }
        let rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
        regex_error(rule, DNS1123_LABEL, &["my-name", "123-abc"])
    })
}

/// Labels of DNS with dots between.
#[must_use]
pub fn dns1123_subdomain(value: &str) -> Messages {
    check(value, DNS_SUBDOMAIN_MAX_LENGTH, is_dns1123_subdomain(value), || {
        regex_error(SUBDOMAIN_RULE, DNS1123_SUBDOMAIN, &["example.com"])
    })
}

/// A subdomain whose labels may have underscores, and start with one.
#[must_use]
pub fn dns1123_subdomain_with_underscore(value: &str) -> Messages {
    let valid = value.split('.').all(|label| {
        let label = label.strip_prefix('_').unwrap_or(label);
        shaped(
            label,
            lower_alphanumeric,
            |b| lower_alphanumeric(b) || matches!(b, b'-' | b'_'),
            lower_alphanumeric,
        )
    });
    check(value, DNS_SUBDOMAIN_MAX_LENGTH, valid, || {
        let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
        regex_error(rule, DNS1123_SUBDOMAIN_UNDERSCORE, &["example.com"])
    })
}

/// `*.` and a subdomain.
#[must_use]
pub fn wildcard_dns1123_subdomain(value: &str) -> Messages {
    let valid = value.strip_prefix("*.").is_some_and(is_dns1123_subdomain);
    check(value, DNS_SUBDOMAIN_MAX_LENGTH, valid, || {
        let rule = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
        regex_error(rule, WILDCARD_SUBDOMAIN, &["*.example.com"])
    })
}

/// A label that starts with a letter.
#[must_use]
pub fn dns1035_label(value: &str) -> Messages {
    let valid = shaped(
        value,
        |b| b.is_ascii_lowercase(),
        |b| lower_alphanumeric(b) || b == b'-',
        lower_alphanumeric,
    );
    check(value, DNS_LABEL_MAX_LENGTH, valid, || {
        let rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
        regex_error(rule, DNS1035_LABEL, &["my-name", "abc-123"])
    })
}

/// What remains to be checked of `generateName`: a dash at its end will have something behind it.
///
/// The character before the dash goes unchecked, as upstream has it.
#[must_use]
pub fn mask_trailing_dash(prefix: &str) -> std::borrow::Cow<'_, str> {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => {
            let cut = rest.char_indices().next_back().map_or(0, |(at, _)| at);
            format!("{}a", &rest[..cut]).into()
        }
        _ => prefix.into(),
    }
}

/// A label key, or what upstream calls a qualified name: an optional domain and `/`, and a name.
#[must_use]
pub fn qualified_name(value: &str) -> Messages {
    let mut messages = Vec::new();
    let shape = || regex_error(LABEL_KEY_RULE, LABEL_KEY, &["MyName", "my.name", "123-abc"]);
    let name = match value.split_once('/') {
        None => value,
        Some((_, rest)) if rest.contains('/') => {
            messages.push(format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                shape()
            ));
            return messages;
        }
        Some(("", name)) => {
            messages.push("prefix part must be non-empty".into());
            name
        }
        Some((prefix, name)) => {
            if prefix.len() > DNS_SUBDOMAIN_MAX_LENGTH {
                messages.push(format!("prefix part {}", too_many_bytes(DNS_SUBDOMAIN_MAX_LENGTH)));
            }
            if !is_dns1123_subdomain(prefix) {
                let error = regex_error(SUBDOMAIN_RULE, DNS1123_SUBDOMAIN, &["example.com"]);
                messages.push(format!("prefix part {error}"));
            }
            name
        }
    };
    if name.is_empty() {
        messages.push("name part must be non-empty".into());
    } else if name.len() > LABEL_MAX_LENGTH {
        messages.push(format!("name part {}", too_many_bytes(LABEL_MAX_LENGTH)));
    }
    if !is_label_name(name) {
        messages.push(format!("name part {}", shape()));
    }
    messages
}

/// The value of a label; may be empty.
#[must_use]
pub fn label_value(value: &str) -> Messages {
    let mut messages = Vec::new();
    if value.len() > LABEL_MAX_LENGTH {
        messages.push(too_many_bytes(LABEL_MAX_LENGTH));
    }
    if !value.is_empty() && !is_label_name(value) {
        let rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
        messages.push(regex_error(rule, LABEL_VALUE, &["MyValue", "my_value", "12345"]));
    }
    messages
}

/// An identifier of C.
#[must_use]
pub fn c_identifier(value: &str) -> Messages {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let valid = value.bytes().all(word) && value.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    check(value, usize::MAX, valid, || {
        let rule = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
        regex_error(rule, C_IDENTIFIER, &["my_name", "MY_NAME", "MyName"])
    })
}

fn dot_names(value: &str) -> Option<String> {
    match value {
        "." => Some("must not be '.'".into()),
        ".." => Some("must not be '..'".into()),
        _ => value.starts_with("..").then(|| "must not start with '..'".into()),
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// The name of an environment variable, as it was before any printable ASCII was allowed.
#[must_use]
pub fn env_var_name(value: &str) -> Messages {
    let valid = value.bytes().all(is_key_byte) && value.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    let mut messages = check(value, usize::MAX, valid, || {
        let rule = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit";
        regex_error(rule, ENV_VAR_NAME, &["my.env-name", "MY_ENV.NAME", "MyEnvName1"])
    });
    messages.extend(dot_names(value));
    messages
}

/// The name of an environment variable: printable ASCII without `=`.
#[must_use]
pub fn relaxed_env_var_name(value: &str) -> Messages {
    if value.is_empty() {
        return vec!["environment variable name must be non-empty".into()];
    }
    if value.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        return Vec::new();
    }
    vec!["a valid environment variable name must consist only of printable ASCII characters other than '='".into()]
}

/// A key of a config map or secret.
#[must_use]
pub fn config_map_key(value: &str) -> Messages {
    let valid = !value.is_empty() && value.bytes().all(is_key_byte);
    let mut messages = check(value, DNS_SUBDOMAIN_MAX_LENGTH, valid, || {
        let rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        regex_error(rule, CONFIG_MAP_KEY, &["key.name", "KEY_NAME", "key-name"])
    });
    messages.extend(dot_names(value));
    messages
}

/// The name of a port, as IANA has it.
#[must_use]
pub fn port_name(value: &str) -> Messages {
    let mut messages = Vec::new();
    if value.len() > 15 {
        messages.push(too_long(15));
    }
    if value.is_empty() || !value.bytes().all(|b| lower_alphanumeric(b) || b == b'-') {
        messages.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".into());
    }
    if !value.bytes().any(|b| b.is_ascii_lowercase()) {
        messages.push("must contain at least one letter (a-z)".into());
    }
    if value.contains("--") {
        messages.push("must not contain consecutive hyphens".into());
    }
    if value.starts_with('-') || value.ends_with('-') {
        messages.push("must not begin or end with a hyphen".into());
    }
    messages
}

/// A number within bounds.
#[must_use]
pub fn in_range(value: i64, least: i64, most: i64) -> Messages {
    if (least..=most).contains(&value) {
        Vec::new()
    } else {
        vec![inclusive_range_error(least, most)]
    }
}

/// The number of a port.
#[must_use]
pub fn port_number(value: i64) -> Messages {
    in_range(value, 1, 65535)
}

/// A number of a user or group.
#[must_use]
pub fn user_or_group_id(value: i64) -> Messages {
    in_range(value, 0, i64::from(i32::MAX))
}

/// Digits and `%`.
#[must_use]
pub fn percent(value: &str) -> Messages {
    let digits = value.strip_suffix('%').unwrap_or_default();
    let valid = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    check(value, usize::MAX, valid, || {
        let rule = "a valid percent string must be a numeric string followed by an ending '%'";
        regex_error(rule, "[0-9]+%", &["1%", "93%"])
    })
}

/// The name of an HTTP header.
#[must_use]
pub fn http_header_name(value: &str) -> Messages {
    let valid = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    check(value, usize::MAX, valid, || {
        let rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
        regex_error(rule, "[-A-Za-z0-9]+", &["X-Header-Name"])
    })
}

/// The characters of an HTTP path; used for what follows the domain in `acme.io/foo`.
#[must_use]
pub fn http_path(value: &str) -> Messages {
    let valid = !value.is_empty()
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b));
    check(value, usize::MAX, valid, || regex_error("Invalid path", HTTP_PATH, &[]))
}

/// A whole number as one writes it: no leading zeros, no `+`, no `-0`.
#[must_use]
pub fn decimal_integer(value: &str) -> Messages {
    if value.is_empty() {
        return vec!["must be non-empty".into()];
    }
    let digits = value.strip_prefix('-').unwrap_or(value);
    let valid =
        value == "0" || (!digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
    check(value, usize::MAX, valid, || {
        "must be a valid decimal integer in canonical form".into()
    })
}

/// What may be the beginning of a segment of a URL path.
#[must_use]
pub fn path_segment_prefix(value: &str) -> Messages {
    ["/", "%"]
        .iter()
        .filter(|c| value.contains(**c))
        .map(|c| format!("may not contain '{c}'"))
        .collect()
}

/// What may be a segment of a URL path, and so the name of any object. May be empty.
#[must_use]
pub fn path_segment_name(value: &str) -> Messages {
    match value {
        "." | ".." => vec![format!("may not be '{value}'")],
        _ => path_segment_prefix(value),
    }
}
