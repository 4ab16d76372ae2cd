//! Commands, and the way from a command line to one (upstream: `spf13/cobra`, `kubectl/pkg/cmd`, `util/templates`).

mod cause;
mod complete;
mod execute;
mod find;
mod global;
mod help;
pub(crate) mod plugins;
mod suggest;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Deref;

use async_trait::async_trait;
use component_base::flags::Flags;

use cli_runtime::{Builder, CommandError, Factory, FilenameOptions, IoStreams, Result, message};

pub use execute::execute;
pub use find::find;
pub use global::GlobalFlags;
pub use help::{help_text, options_text};

/// Under which heading of `kubectl help` a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// `Basic Commands (Beginner):`
    Beginner,
    /// `Basic Commands (Intermediate):`
    Intermediate,
    /// `Deploy Commands:`
    Deploy,
    /// `Cluster Management Commands:`
    ClusterManagement,
    /// `Troubleshooting and Debugging Commands:`
    Troubleshooting,
    /// `Advanced Commands:`
    Advanced,
    /// `Settings Commands:`
    Settings,
    /// `Other Commands:`
    Other,
}

/// What a shell offers for a command's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Nothing.
    None,
    /// Files, as the shell does by itself.
    Files,
    /// `TYPE NAME…` or `TYPE/NAME…`.
    ResourceTypeAndName,
    /// Types only.
    ResourceTypes,
    /// Names of one type, any number of them.
    Names(&'static str),
    /// The name of one object of a type.
    OneName(&'static str),
    /// `POD` or `TYPE/NAME` of what has pods, then its containers where a flag `-c` asks for them.
    Pods,
    /// The contexts of the kubeconfig.
    Contexts,
    /// The clusters of the kubeconfig.
    Clusters,
    /// The users of the kubeconfig.
    Users,
    /// Fixed words.
    Words(&'static [&'static str]),
}

/// A command: what it is called, what it says of itself, and what makes its options.
#[derive(Clone, Copy)]
pub struct Command {
    /// The word that calls it.
    pub name: &'static str,
    /// What follows the word in the usage line, `[flags]` included.
    pub usage: &'static str,
    /// One line.
    pub short: &'static str,
    /// The text that opens the help; paragraphs behind the first begin with a blank. Empty for the one line.
    pub long: &'static str,
    /// Examples: `# what for` over the line. Without indentation.
    pub examples: &'static str,
    /// Other words that call it.
    pub aliases: &'static [&'static str],
    /// Words for which it is suggested.
    pub suggest_for: &'static [&'static str],
    /// Where it stands in `kubectl help`.
    pub group: Group,
    /// Whether the help leaves it out.
    pub hidden: bool,
    /// Its commands.
    pub subcommands: &'static [&'static Command],
    /// Makes its options with their defaults; `None` for a command that only has commands.
    pub options: Option<fn() -> Box<dyn Run>>,
    /// What a shell offers for its words.
    pub completion: Completion,
    /// The exit code for flags that make no sense; another than 1 where 1 is an answer.
    pub usage_code: u8,
}

impl Command {
    /// What the declarations of commands begin with.
    pub const EMPTY: Self = Self {
        name: "",
        usage: "",
        short: "",
        long: "",
        examples: "",
        aliases: &[],
        suggest_for: &[],
        group: Group::Other,
        hidden: false,
        subcommands: &[],
        options: None,
        completion: Completion::None,
        usage_code: 1,
    };

    /// Whether the word calls it.
    #[must_use]
    pub fn is_called(&self, word: &str) -> bool {
        self.name == word || self.aliases.contains(&word)
    }
}

/// The options of a command, and what it does.
#[async_trait(?Send)]
pub trait Run: Flags {
    /// Does it.
    ///
    /// # Errors
    /// What the user is told, and the exit code.
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()>;
}

/// What is neither a flag nor a flag's value, and which flags were given.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// The words.
    pub words: Vec<String>,
    /// How many of them stood before a `--`.
    pub before_dash: Option<usize>,
    /// The flags that were given.
    pub given: BTreeSet<&'static str>,
}

impl Arguments {
    /// Whether the flag was given on the command line.
    #[must_use]
    pub fn given(&self, flag: &str) -> bool {
        self.given.contains(flag)
    }

    /// Refuses a line without flags that must be given (upstream: cobra's `MarkFlagRequired`).
    ///
    /// # Errors
    /// One is missing.
    pub fn require(&self, flags: &[&str]) -> Result<()> {
        let mut missing: Vec<&str> = flags.iter().copied().filter(|flag| !self.given(flag)).collect();
        missing.sort_unstable();
        if missing.is_empty() {
            return Ok(());
        }
        Err(message!("required flag(s) \"{}\" not set", missing.join("\", \"")))
    }
}

impl Deref for Arguments {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.words
    }
}

/// What a command works with.
pub struct Context {
    /// Clients, mapper, namespace.
    pub factory: Factory,
    /// Where to read and write.
    pub streams: IoStreams,
    /// The words that called the command: `kubectl rollout status`.
    pub command_path: String,
    /// The line that called the command; empty without `--record`.
    pub change_cause: String,
    /// The commands from the root to the one that was called.
    pub path: Vec<&'static Command>,
}

impl Context {
    /// Finds objects.
    #[must_use]
    pub fn builder(&self) -> Builder<'_> {
        Builder::new(&self.factory, &self.streams)
    }

    /// Finds objects in the namespace of the command line, those of files included, which may lie in no other if it was
    /// given there.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn objects(&self, files: &FilenameOptions) -> Result<Builder<'_>> {
        let (namespace, enforce) = self.factory.namespace()?;
        let builder = self.builder().namespace(&namespace).default_namespace();
        Ok(builder.filenames(enforce, files))
    }

    /// The table the command was found in.
    #[must_use]
    pub fn root(&self) -> &'static Command {
        self.path[0]
    }

    /// Prints the command's help.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn print_help(&self) -> Result<()> {
        execute::print_help(&self.path, &self.streams)
    }

    /// A mistake behind which the command's help is printed as well.
    #[must_use]
    pub fn help_error(&self, text: &str) -> CommandError {
        match self.print_help() {
            Ok(()) => CommandError::message(text),
            Err(error) => error,
        }
    }

    /// A mistake in how the command was called: the message, and where to read on.
    #[must_use]
    pub fn usage_error(&self, text: &str) -> CommandError {
        CommandError::Message(format!("{text}\nSee '{} -h' for help and examples", self.command_path))
    }
}
