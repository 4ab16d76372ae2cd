//! `kubectl edit`; `create --edit` and `apply edit-last-applied` are the same with another end.

mod editor;
mod header;
mod session;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::last_applied;

use cli_runtime::{FilenameOptions, Info, PrintFlags, Result, message};

use crate::flags::{self as shared, Validate};
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::{self, Record};

/// The command.
pub static COMMAND: Command = Command {
    name: "edit",
    usage: "(RESOURCE/NAME | -f FILENAME)",
    short: "Edit a resource on the server",
    long: "Edit a resource from the default editor.\n\n Whatever the command line tools can fetch can be edited. The editor is the one that KUBE_EDITOR or EDITOR name, or 'vi'. Several objects may be edited together, and the changes of each are sent. Files are accepted too, though what is edited is the state on the server.\n\n The format is YAML unless -o json is given.\n\n If the server refuses what was saved, the editor opens again with the reasons at the top. If somebody else changed the object meanwhile, the changes are kept in a file, from which they can be sent with 'kubectl replace'.",
    examples: "# The service named 'registry'
kubectl edit svc/registry

# With another editor
KUBE_EDITOR=\"nano\" kubectl edit svc/registry

# As JSON
kubectl edit job.v1.batch/myjob -o json

# And keep the configuration for apply
kubectl edit deployment/mydeployment -o yaml --save-config

# The status subresource
kubectl edit deployment mydeployment --subresource='status'",
    group: Group::Intermediate,
    options: Some(|| Box::new(EditOptions::new(EditMode::Normal))),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

/// What becomes of what was edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EditMode {
    /// The object on the server is changed.
    Normal,
    /// An object is created.
    BeforeCreate,
    /// The annotation of client-side apply is changed.
    LastApplied,
}

/// The options of all three.
pub(crate) struct EditOptions {
    mode: EditMode,
    pub(crate) files: FilenameOptions,
    pub(crate) print: PrintFlags,
    pub(crate) validate: Validate,
    pub(crate) field_manager: String,
    pub(crate) save_config: bool,
    pub(crate) windows_line_endings: bool,
    pub(crate) record: Record,
    output_patch: bool,
    subresource: String,
}

impl EditOptions {
    /// The options for this end.
    pub(crate) fn new(mode: EditMode) -> Self {
        Self {
            mode,
            files: FilenameOptions::new("to use to edit the resource"),
            print: PrintFlags::new("edited"),
            validate: Validate::default(),
            field_manager: "kubectl-edit".to_owned(),
            save_config: false,
            windows_line_endings: false,
            record: Record::default(),
            output_patch: false,
            subresource: String::new(),
        }
    }
}

impl Flags for EditOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        self.files.add_flags(flags);
        self.record.add_flags(flags);
        flags.add(
            "windows-line-endings",
            &mut self.windows_line_endings,
            "Defaults to the line ending native to your platform.",
        );
        shared::add_field_manager_flag(flags, &mut self.field_manager);
        self.validate.add_flag(flags);
        if self.mode == EditMode::Normal {
            flags.add(
                "output-patch",
                &mut self.output_patch,
                "Output the patch if the resource is edited.",
            );
            write::add_save_config_flag(flags, &mut self.save_config);
            flags.add(
                "subresource",
                &mut self.subresource,
                "If specified, edit will operate on the subresource of the requested object.",
            );
        }
    }
}

#[async_trait(?Send)]
impl Run for EditOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let (namespace, enforce) = context.factory.namespace()?;
        let mut builder = context
            .builder()
            .namespace(&namespace)
            .default_namespace()
            .filenames(enforce, &self.files)
            .subresource(&self.subresource)
            .continue_on_error()
            .flatten();
        if self.mode != EditMode::BeforeCreate {
            builder = builder.resource_type_or_name_args(true, arguments).latest();
        }
        let infos = builder.find().await?.into_infos()?;
        match self.mode {
            EditMode::Normal if infos.is_empty() => Err(message!("edit cancelled, no objects found")),
            EditMode::Normal => self.edit(context, infos, &namespace).await,
            EditMode::BeforeCreate => {
                for info in infos {
                    self.edit(context, vec![info], &namespace).await?;
                }
                Ok(())
            }
            EditMode::LastApplied => {
                let configurations = self.configurations(context, &infos).await?;
                self.edit(context, configurations, &namespace).await
            }
        }
    }
}

impl EditOptions {
    /// What was applied last, as objects.
    async fn configurations(&self, context: &Context, infos: &[Info]) -> Result<Vec<Info>> {
        let mut found = Vec::new();
        for text in infos.iter().filter_map(|info| last_applied::original(info.object())) {
            found.extend(
                session::read(context, text.as_bytes(), &self.subresource)
                    .await?
                    .into_infos()?,
            );
        }
        if found.is_empty() {
            return Err(message!(
                "no last-applied-configuration annotation found on resources, to create the annotation, use command `kubectl apply set-last-applied --create-annotation`"
            ));
        }
        Ok(found)
    }
}
