//! The line that called a command, as `--record` keeps it (upstream: `genericclioptions.parseCommandArguments`).

use component_base::flags::{FlagInfo, FlagSet};

/// `kubectl scale deployment web --replicas=3 --record=true`: the words, then the flags with their values, in order.
pub(super) fn change_cause(command: &[&str], line: &[&str], flags: &FlagSet<'_>) -> String {
    let (mut words, mut given) = (command.join(" "), String::new());
    let mut line = line.iter().copied();
    while let Some(word) = line.next() {
        if word == "--" {
            for word in line.by_ref() {
                words = format!("{words} {word}");
            }
        } else if let Some(flag) = word.strip_prefix("--") {
            let (name, value) = flag
                .split_once('=')
                .map_or((flag, None), |(name, value)| (name, Some(value)));
            if let Some(info) = flags.infos().find(|info| info.name == name) {
                note(&mut given, &info, value.or(info.implied).or_else(|| line.next()));
            }
        } else if word.len() > 1 && word.starts_with('-') {
            for (at, letter) in word[1..].char_indices() {
                let Some(info) = flags.infos().find(|info| info.shorthand == Some(letter)) else {
                    break;
                };
                let tail = &word[1 + at + letter.len_utf8()..];
                if let (None, Some(implied)) = (tail.strip_prefix('='), info.implied) {
                    note(&mut given, &info, Some(implied));
                    continue;
                }
                let value = tail.strip_prefix('=').unwrap_or(tail);
                note(
                    &mut given,
                    &info,
                    if tail.is_empty() { line.next() } else { Some(value) },
                );
                break;
            }
        } else {
            words = format!("{words} {word}");
        }
    }
    words + &given
}

fn note(given: &mut String, info: &FlagInfo<'_>, value: Option<&str>) {
    given.push_str(&format!(" --{}={}", info.name, value.unwrap_or_default()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_first_and_flags_with_their_values_behind() {
        let (mut all, mut selector, mut replicas) = (false, String::new(), 0_i32);
        let mut flags = FlagSet::new();
        flags.add("all", &mut all, "").shorthand('a');
        flags.add("selector", &mut selector, "").shorthand('l');
        flags.add("replicas", &mut replicas, "");
        for (line, expected) in [
            (
                "deployment web --replicas 3 --all",
                "kubectl scale deployment web --replicas=3 --all=true",
            ),
            (
                "-alx=y deployment -- web -a",
                "kubectl scale deployment web -a --all=true --selector=x=y",
            ),
            ("-l x --all=false", "kubectl scale --selector=x --all=false"),
        ] {
            let line: Vec<&str> = line.split(' ').collect();
            assert_eq!(change_cause(&["kubectl", "scale"], &line, &flags), expected);
        }
    }
}
