//! Names of containers with `*` in them (upstream: `set.selectString`).

/// Whether the pattern means the name.
pub(super) fn matches(name: &str, pattern: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    if !pattern.contains('*') {
        return name == pattern;
    }
    // Upstream's own walk, whose positions restart at each part.
    let parts: Vec<&str> = pattern.split('*').collect();
    let mut position = 0;
    for (index, part) in parts.iter().enumerate() {
        if part.is_empty() {
            continue;
        }
        let Some(next) = name[position..].find(part) else {
            return false;
        };
        let is_last = index == parts.len() - 1;
        if next < position || (index == 0 && position != 0) || (is_last && name.len() != part.len() + next) {
            return false;
        }
        position = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_anything() {
        for (name, pattern, expected) in [
            ("abc", "*", true),
            ("", "*", true),
            ("abc", "abc", true),
            ("abc", "ab", false),
            ("abc", "ab*", true),
            ("abc", "*c", true),
            ("abc", "a*c", true),
            ("abc", "*b*", true),
            ("abc", "x*", false),
            ("abc", "a*b", false),
        ] {
            assert_eq!(matches(name, pattern), expected, "{name} {pattern}");
        }
    }
}
