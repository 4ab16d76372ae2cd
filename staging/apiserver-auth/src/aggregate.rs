//! Several errors in one text, as Go's aggregate prints them.

/// Joins messages: one stands alone, several in brackets, repetitions once.
pub(crate) fn join(messages: &[String]) -> String {
    let mut distinct: Vec<&str> = Vec::with_capacity(messages.len());
    for message in messages {
        if !distinct.contains(&message.as_str()) {
            distinct.push(message);
        }
    }
    match distinct.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        several => format!("[{}]", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn prints_like_go() {
        for (messages, expected) in [
            (vec![], ""),
            (vec!["a"], "a"),
            (vec!["a", "a"], "a"),
            (vec!["a", "b", "a"], "[a, b]"),
        ] {
            let messages: Vec<String> = messages.into_iter().map(str::to_owned).collect();
            assert_eq!(super::join(&messages), expected);
        }
    }
}
