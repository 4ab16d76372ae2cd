//! The command that a line means (upstream: `cobra.Command.Find`).

use component_base::flags::{FlagSet, Flags as _};

use super::{Command, GlobalFlags};

/// The commands from the root to the one that is meant, and the line without their words.
#[must_use]
pub fn find<'l>(root: &'static Command, line: &'l [String]) -> (Vec<&'static Command>, Vec<&'l str>) {
    let mut rest: Vec<&str> = line.iter().map(String::as_str).collect();
    let mut path = vec![root];
    let mut command = root;
    while let Some(at) = first_word(&rest) {
        let Some(next) = command.subcommands.iter().find(|known| known.is_called(rest[at])) else {
            break;
        };
        rest.remove(at);
        path.push(next);
        command = next;
    }
    (path, rest)
}

/// Where the first word is that is neither a flag nor a flag's value.
fn first_word(line: &[&str]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = line.get(at) {
        match word.strip_prefix('-') {
            None | Some("") if !word.is_empty() => return Some(at),
            // Nothing behind it is a command.
            Some("-") => return None,
            Some(flag) if !flag.contains('=') && takes_value(flag) => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// Whether the flag's value is the next word; that of a flag that is not known yet is taken to be.
fn takes_value(flag: &str) -> bool {
    let (mut options, mut help) = (GlobalFlags::default(), false);
    let mut flags = FlagSet::new();
    options.add_flags(&mut flags);
    flags.add("help", &mut help, "").shorthand('h');
    match flag.strip_prefix('-') {
        Some(name) => !flags.infos().any(|info| info.name == name && info.implied.is_some()),
        None => {
            let mut letters = flag.chars();
            let (letter, more) = (letters.next(), letters.next().is_some());
            !more
                && !flags
                    .infos()
                    .any(|info| info.shorthand == letter && info.implied.is_some())
        }
    }
}
