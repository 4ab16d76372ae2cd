//! Breaking lines at words, and moving them to the right (upstream: `mitchellh/go-wordwrap`).

/// Lines of at most `limit` letters, as far as the words allow; line breaks of the text stay.
pub(super) fn wrapped(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 40);
    let (mut current, mut spaces, mut word) = (0_usize, String::new(), String::new());
    let length = |text: &str| text.chars().count();
    for letter in text.chars() {
        if letter == '\n' {
            if word.is_empty() {
                if current + length(&spaces) <= limit {
                    out.push_str(&spaces);
                }
            } else {
                out.push_str(&spaces);
                out.push_str(&word);
            }
            spaces.clear();
            word.clear();
            out.push('\n');
            current = 0;
        } else if letter.is_whitespace() && letter != '\u{a0}' {
            if spaces.is_empty() || !word.is_empty() {
                current += length(&spaces) + length(&word);
                out.push_str(&spaces);
                out.push_str(&word);
                spaces.clear();
                word.clear();
            }
            spaces.push(letter);
        } else {
            word.push(letter);
            if current + length(&spaces) + length(&word) > limit && length(&word) < limit {
                out.push('\n');
                current = 0;
                spaces.clear();
            }
        }
    }
    if !word.is_empty() {
        out.push_str(&spaces);
        out.push_str(&word);
    } else if current + length(&spaces) <= limit {
        out.push_str(&spaces);
    }
    out
}

/// Every line behind `amount` blanks.
pub(super) fn indented(text: &str, amount: usize) -> String {
    let pad = " ".repeat(amount);
    format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_words() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree");
        assert_eq!(wrapped("one\n\ntwo", 20), "one\n\ntwo");
        assert_eq!(wrapped("verylongword x", 5), "verylongword\nx");
        assert_eq!(indented("a\nb", 2), "  a\n  b");
    }
}
