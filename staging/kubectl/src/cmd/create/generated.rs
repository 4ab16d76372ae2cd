//! What the commands below `create` share: the name, the flags about writing, the sending and the printing
//! (upstream: `create.CreateSubcommandOptions`).

use async_trait::async_trait;
use client_go::api::WriteOptions;
use component_base::flags::{FlagSet, Flags};
use serde_json::Value;

use cli_runtime::{CommandError, Result};

use crate::flags::Validate;
use crate::frame::{Arguments, Context, Run};
use crate::write::{self, Writing, made};

/// What is made of a command's flags.
#[async_trait(?Send)]
pub(super) trait Generator: Default {
    /// The flags that must be given.
    const REQUIRED: &'static [&'static str] = &[];

    /// What stands before the server's refusal; empty for its own words.
    const FAILURE: &'static str;

    /// Lends the fields that are flags.
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>);

    /// The object, without a namespace.
    ///
    /// # Errors
    /// The flags make no sense, a file cannot be read.
    async fn generate(&self, context: &Context, name: &str, command: &[String]) -> Result<Value>;
}

/// A command that makes one object.
pub(super) struct Generated<G> {
    writing: Writing,
    validate: Validate,
    save_config: bool,
    generator: G,
}

impl<G: Generator + 'static> Generated<G> {
    /// The options, for a [`crate::Command`].
    pub(super) fn options() -> Box<dyn Run> {
        Box::new(Self {
            writing: Writing::declared("created", "kubectl-create"),
            validate: Validate::default(),
            save_config: false,
            generator: G::default(),
        })
    }
}

impl<G: Generator> Flags for Generated<G> {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.writing.add_flags(flags);
        self.validate.add_flag(flags);
        write::add_save_config_flag(flags, &mut self.save_config);
        self.generator.add_flags(flags);
    }
}

/// The one name of the line.
///
/// # Errors
/// There is none, or more than one.
pub(super) fn one_name<'n>(context: &Context, arguments: &'n Arguments) -> Result<&'n str> {
    match arguments.before_dash.unwrap_or(arguments.len()) {
        1 => Ok(&arguments[0]),
        count => Err(context.usage_error(&format!("exactly one NAME is required, got {count}"))),
    }
}

#[async_trait(?Send)]
impl<G: Generator> Run for Generated<G> {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        arguments.require(G::REQUIRED)?;
        let name = one_name(context, arguments)?;
        self.writing.check()?;
        let mut object = self.generator.generate(context, name, &arguments[1..]).await?;
        made::place(context, &mut object)?;
        let options = WriteOptions {
            field_validation: self.validate.field_validation().to_owned(),
            ..self.writing.options()
        };
        let object = made::create(context, object, self.save_config, &self.writing, &options)
            .await
            .map_err(|error| match (G::FAILURE, &error) {
                ("", _) | (_, CommandError::Message(_)) => error,
                (failure, _) => CommandError::message(format!("{failure}{error}")),
            })?;
        self.writing.print(context, &object)
    }
}

/// Refuses an empty name.
///
/// # Errors
/// It is empty.
pub(super) fn require_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(CommandError::message("name must be specified"));
    }
    Ok(())
}
