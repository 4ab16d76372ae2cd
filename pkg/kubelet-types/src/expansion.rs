//! References `$(NAME)` in commands, arguments and values.
//!
//! `$$` stands for one `$`; a reference to an unknown name stays as it is.

/// Expands the references of `input` that `lookup` knows.
pub fn expand(input: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut output = String::with_capacity(input.len());
    let mut rest = input;
    while let Some(at) = rest.find('$') {
        output.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            output.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match lookup(name) {
                Some(value) => output.push_str(&value),
                None => {
                    output.push_str("$(");
                    output.push_str(name);
                    output.push(')');
                }
            }
            rest = after;
        } else {
            output.push('$');
        }
    }
    output.push_str(rest);
    output
}

/// As [`expand`], but an unknown name is an error.
///
/// # Errors
/// With the unknown names.
pub fn expand_strict(input: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<String, MissingNames> {
    let missing = std::cell::RefCell::new(Vec::new());
    let output = expand(input, |name| {
        let value = lookup(name);
        if value.is_none() {
            missing.borrow_mut().push(name.to_owned());
        }
        value
    });
    let missing = missing.into_inner();
    if missing.is_empty() {
        Ok(output)
    } else {
        Err(MissingNames(missing))
    }
}

/// References to names that are not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("missing value for {}", .0.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "))]
pub struct MissingNames(pub Vec<String>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let lookup = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (input, expected) in [
            ("$(A)", "a"),
            ("x-$(A)-$(A)", "x-a-a"),
            ("$(EMPTY)", ""),
            ("$(NONE)", "$(NONE)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$a"),
            ("$A", "$A"),
            ("$(A", "$(A"),
            ("$", "$"),
            ("$$", "$"),
            ("ü$(A)ü", "üaü"),
            ("$ü", "$ü"),
        ] {
            assert_eq!(expand(input, lookup), expected, "{input}");
        }
        assert_eq!(
            expand_strict("$(A)/$(NONE)", lookup),
            Err(MissingNames(vec!["NONE".to_owned()]))
        );
    }
}
