//! `kubectl options`: the flags that every command has.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};

use cli_runtime::Result;

use crate::frame::{Arguments, Command, Context, GlobalFlags, Run, options_text};

/// The command.
pub static COMMAND: Command = Command {
    name: "options",
    short: "Print the list of flags inherited by all commands",
    long: "Print the list of flags inherited by all commands",
    examples: "# The flags that every command has\nkubectl options",
    hidden: true,
    options: Some(|| Box::new(Options)),
    ..Command::EMPTY
};

struct Options;

impl Flags for Options {
    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}
}

#[async_trait(?Send)]
impl Run for Options {
    async fn run(&mut self, context: &Context, _arguments: &Arguments) -> Result<()> {
        let mut global = GlobalFlags::default();
        let mut flags = FlagSet::new();
        global.add_flags(&mut flags);
        Ok(context.streams.out.print(options_text(&flags))?)
    }
}
