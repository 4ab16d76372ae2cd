//! Command-line flags with the grammar and the messages of upstream's components.
//!
//! An option group is a plain struct that lends its fields to a [`FlagSet`] ([`Flags::add_flags`]); parsing writes the
//! values straight into them. The table is our own and not clap's because the grammar is part of the interface: `_` and
//! `-` are the same in a name, a switch takes its value only after `=`, a list replaces its default at the first use and
//! grows at the next, and errors carry pflag's words.
//!
//! Invariant: parsing stops at the first error and the caller prints exactly one line. Counterpart upstream:
//! `spf13/pflag`, `k8s.io/component-base/cli/flag`, `cli/globalflag` and `version/verflag`.

mod command;
mod help;
mod parse;
mod types;
mod value;

#[cfg(test)]
mod tests;

pub use command::{Command, Invocation, report_and_exit_code};
pub use types::{
    ByteQuantity, CidrList, ColonMultimap, IpPort, MapStringBool, MapStringString, NamedCertKey, NamedCertKeys,
    PortRange, StringArray, StringToString,
};
pub use value::{FlagValue, OptionalFlag, parse_bool, parse_signed, parse_unsigned};

/// What can go wrong on a command line; the display is what upstream prints after `Error: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// `--name` is no flag of this command.
    #[error("unknown flag: --{0}")]
    Unknown(String),
    /// `-c` is no flag of this command.
    #[error("unknown shorthand flag: {letter:?} in -{group}")]
    UnknownShorthand {
        /// The letter that means nothing.
        letter: char,
        /// The letters it stood among.
        group: String,
    },
    /// A flag at the end of the line that wants a value.
    #[error("flag needs an argument: {0}")]
    NeedsArgument(String),
    /// Neither a flag nor a value.
    #[error("bad flag syntax: {0}")]
    BadSyntax(String),
    /// The value does not parse.
    #[error("invalid argument {value:?} for {flag:?} flag: {reason}")]
    Invalid {
        /// The value as given.
        value: String,
        /// The flag, with its shorthand if it has one.
        flag: String,
        /// Why not, in the words of the value's type.
        reason: String,
    },
    /// The components take flags only.
    #[error("{command:?} does not take any arguments, got [{}]", quoted(.arguments))]
    UnexpectedArguments {
        /// The program.
        command: String,
        /// What was given.
        arguments: Vec<String>,
    },
}

fn quoted(words: &[String]) -> String {
    words
        .iter()
        .map(|word| format!("{word:?}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A group of options that can be given as flags.
pub trait Flags {
    /// Lends every field to the set, under its section.
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>);
}

/// One flag: its name and text, and the field it writes.
pub(crate) struct Flag<'a> {
    pub(crate) name: &'static str,
    pub(crate) shorthand: Option<char>,
    pub(crate) usage: String,
    pub(crate) default: String,
    pub(crate) section: usize,
    pub(crate) deprecated: Option<&'static str>,
    pub(crate) hidden: bool,
    pub(crate) changed: bool,
    pub(crate) value: &'a mut dyn FlagValue,
}

/// What there is to say of one flag, for a program that lays out its own help.
#[derive(Clone, Copy, Debug)]
pub struct FlagInfo<'s> {
    /// Its name.
    pub name: &'static str,
    /// Its one-letter form.
    pub shorthand: Option<char>,
    /// What it does.
    pub usage: &'s str,
    /// Its default as text.
    pub default: &'s str,
    /// The type of its value.
    pub type_name: &'static str,
    /// The value it has when it stands alone; `None` when it must have one.
    pub implied: Option<&'static str>,
    /// The section it was added under.
    pub section: &'static str,
    /// Whether the help leaves it out.
    pub hidden: bool,
}

/// What is neither a flag nor a flag's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positional {
    /// The words.
    pub words: Vec<String>,
    /// How many of them stood before a `--`; `None` without one.
    pub before_dash: Option<usize>,
}

/// The flags of one command, in sections.
#[derive(Default)]
pub struct FlagSet<'a> {
    sections: Vec<&'static str>,
    flags: Vec<Flag<'a>>,
}

impl<'a> FlagSet<'a> {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the flags that are added from here on under the heading `{name} flags:`.
    pub fn section(&mut self, name: &'static str) -> &mut Self {
        match self.sections.iter().position(|known| *known == name) {
            // The current section is the last one; a section that is opened again moves there.
            Some(index) => {
                let last = self.sections.len();
                self.sections.push(name);
                for flag in self.flags.iter_mut().filter(|flag| flag.section == index) {
                    flag.section = last;
                }
                self.sections[index] = "";
            }
            None => self.sections.push(name),
        }
        self
    }

    /// Adds a flag that writes `value`, whose present content is the default.
    ///
    /// # Panics
    /// When the name is taken: two groups that define one flag are a bug of the binary.
    pub fn add(&mut self, name: &'static str, value: &'a mut dyn FlagValue, usage: impl Into<String>) -> &mut Self {
        assert!(self.find(name).is_none(), "flag redefined: {name}");
        if self.sections.is_empty() {
            self.sections.push("generic");
        }
        self.flags.push(Flag {
            name,
            shorthand: None,
            usage: usage.into(),
            default: value.to_text(),
            section: self.sections.len() - 1,
            deprecated: None,
            hidden: false,
            changed: false,
            value,
        });
        self
    }

    /// Gives the flag added last a one-letter form.
    pub fn shorthand(&mut self, letter: char) -> &mut Self {
        if let Some(flag) = self.flags.last_mut() {
            flag.shorthand = Some(letter);
        }
        self
    }

    /// Marks the flag added last as deprecated: it works, is not shown, and its use is answered with a warning.
    pub fn deprecated(&mut self, advice: &'static str) -> &mut Self {
        if let Some(flag) = self.flags.last_mut() {
            flag.deprecated = Some(advice);
            flag.hidden = true;
        }
        self
    }

    /// Leaves the flag added last out of the help.
    pub fn hidden(&mut self) -> &mut Self {
        if let Some(flag) = self.flags.last_mut() {
            flag.hidden = true;
        }
        self
    }

    /// Adds a flag that the commands of a program share, unless the command has one of the same name: its own goes before.
    pub fn inherit(
        &mut self,
        name: &'static str,
        shorthand: Option<char>,
        value: &'a mut dyn FlagValue,
        usage: impl Into<String>,
    ) -> &mut Self {
        if self.contains(name) {
            return self;
        }
        let taken = shorthand.is_some_and(|letter| self.flags.iter().any(|flag| flag.shorthand == Some(letter)));
        self.add(name, value, usage);
        if let Some(letter) = shorthand.filter(|_| !taken) {
            self.shorthand(letter);
        }
        self
    }

    /// Whether there is a flag of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// What there is to say of every flag, in the order they were added.
    pub fn infos(&self) -> impl Iterator<Item = FlagInfo<'_>> {
        self.flags.iter().map(|flag| FlagInfo {
            name: flag.name,
            shorthand: flag.shorthand,
            usage: &flag.usage,
            default: &flag.default,
            type_name: flag.value.type_name(),
            implied: flag.value.implied(),
            section: self.sections[flag.section],
            hidden: flag.hidden,
        })
    }

    /// Whether the flag was given on the command line.
    #[must_use]
    pub fn changed(&self, name: &str) -> bool {
        self.find(name).is_some_and(|index| self.flags[index].changed)
    }

    /// The names of the flags that were given on the command line.
    pub fn changed_names(&self) -> impl Iterator<Item = &'static str> {
        self.flags.iter().filter(|flag| flag.changed).map(|flag| flag.name)
    }

    /// Every flag with its type and default as text, for reference pages and checks.
    pub fn describe(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        self.flags
            .iter()
            .map(|flag| (flag.name, flag.value.type_name(), flag.default.as_str()))
    }

    /// Every flag with its present value, for the start-up log line.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.flags.iter().map(|flag| (flag.name, flag.value.to_text()))
    }

    fn find(&self, name: &str) -> Option<usize> {
        let same = |known: &str| {
            known.len() == name.len()
                && known
                    .bytes()
                    .zip(name.bytes())
                    .all(|(a, b)| a == b || (a == b'-' && b == b'_'))
        };
        self.flags.iter().position(|flag| same(flag.name))
    }
}
