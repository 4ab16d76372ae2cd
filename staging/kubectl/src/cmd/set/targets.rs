//! What the commands below `set` share: the objects that are meant, and the sending of what was changed in them
//! (upstream: `set.CalculatePatches` and what its callers do with them).

use component_base::flags::{FlagSet, Flags as _};
use kubectl_objects::Refusal;
use kubectl_objects::patching::two_way;
use kubectl_objects::typed::typed;
use serde_json::Value;

use cli_runtime::{CommandError, FilenameOptions, Info, Result, message};

use crate::flags as shared;
use crate::frame::Context;
use crate::write::{self, Record, Writing, refused};

/// What is said to whoever names objects of the server with `--local`.
const LOCAL: &str = "error: you must specify resources by --filename when --local is set.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'";

/// Which objects are meant, and how they are written.
pub(super) struct Targets {
    pub(super) writing: Writing,
    pub(super) record: Record,
    pub(super) files: FilenameOptions,
    pub(super) all: bool,
    pub(super) local: bool,
    pub(super) selector: String,
}

impl Targets {
    /// The objects of a command that does this (`image updated`).
    pub(super) fn new(operation: &str, files: FilenameOptions) -> Self {
        Self {
            writing: Writing::declared(operation, "kubectl-set"),
            record: Record::default(),
            files,
            all: false,
            local: false,
            selector: String::new(),
        }
    }

    /// The flags that all have; `command` is the word behind `set`.
    pub(super) fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>, command: &str, parts: &Parts) {
        self.writing.add_flags(flags);
        if parts.kustomize {
            self.files.add_flags(flags);
        } else {
            flags
                .add("filename", &mut self.files.filenames, self.files.usage)
                .shorthand('f');
            flags
                .add("recursive", &mut self.files.recursive, "Process the directory used in -f, --filename recursively. Useful when you want to manage related manifests organized within the same directory.")
                .shorthand('R');
        }
        flags.add("all", &mut self.all, parts.all);
        flags.add(
            "local",
            &mut self.local,
            format!("If true, {command} will NOT contact api-server but run locally."),
        );
        if parts.selector {
            shared::add_selector_flag(flags, &mut self.selector);
        }
        if parts.record {
            self.record.add_flags(flags);
        }
    }

    /// Refuses a server where none is asked.
    ///
    /// # Errors
    /// `--local` with `--dry-run=server`.
    pub(super) fn check_local(&self) -> Result<()> {
        if self.local && self.writing.dry_run.is_server() {
            return Err(message!(
                "cannot specify --local and --dry-run=server - did you mean --dry-run=client?"
            ));
        }
        Ok(())
    }

    /// Refuses two ways to choose.
    ///
    /// # Errors
    /// `--all` with `-l`.
    pub(super) fn check_all(&self) -> Result<()> {
        if self.all && !self.selector.is_empty() {
            return Err(message!("cannot set --all and --selector at the same time"));
        }
        Ok(())
    }

    /// Refuses objects of the server with `--local`.
    ///
    /// # Errors
    /// There are such words.
    pub(super) fn check_words(&self, words: &[String]) -> Result<()> {
        if self.local && !words.is_empty() {
            return Err(message!("{LOCAL}"));
        }
        Ok(())
    }

    /// The objects, as their types have them.
    ///
    /// # Errors
    /// One cannot be found or read.
    pub(super) async fn find(&self, context: &Context, words: &[String]) -> Result<Vec<Info>> {
        let mut builder = context.objects(&self.files)?.local_if(self.local).continue_on_error();
        if !self.local {
            builder = builder
                .label_selector(&self.selector)
                .resource_type_or_name_args(self.all, words)
                .latest();
        }
        let mut infos = builder.flatten().find().await?.into_infos()?;
        for info in &mut infos {
            let typed = typed(info.object()).map_err(|refusal| match info.source.as_str() {
                "" => refused(refusal),
                source => message!("unable to decode {source:?}: {refusal}"),
            })?;
            info.object = Some(typed);
        }
        Ok(infos)
    }

    /// Whether nothing is sent.
    pub(super) fn only_prints(&self) -> bool {
        self.local || self.writing.dry_run.is_client()
    }

    /// Sends the change of an object, or only prints it.
    ///
    /// # Errors
    /// The server refuses.
    pub(super) async fn send(&self, context: &Context, info: &Info, changed: &Value) -> Result<()> {
        if self.only_prints() {
            return self.writing.print(context, changed);
        }
        let patch = two_way(info.object(), changed).map_err(refused)?;
        let actual = write::patch(context, info, &patch, &self.writing.options()).await?;
        self.writing.print(context, &typed(&actual).map_err(refused)?)
    }

    /// Writes the line of `--record` into what was changed.
    pub(super) fn record(&self, context: &Context, changed: &mut Value) {
        self.record.apply(context, changed);
    }

    /// Changes every object and sends what has changed. `errors` are those of the way here; `failure` stands before the
    /// server's refusals. A change says whether the object is to be looked at; what it refuses is said of the object.
    ///
    /// # Errors
    /// All that went wrong.
    pub(super) async fn change(
        &self,
        context: &Context,
        infos: &[Info],
        failure: &str,
        mut change: impl FnMut(&mut Value, &mut Vec<CommandError>) -> Result<bool, Refusal>,
    ) -> Result<()> {
        let (mut errors, mut changes) = (Vec::new(), Vec::new());
        for info in infos {
            let mut changed = info.object().clone();
            match change(&mut changed, &mut errors) {
                Ok(false) => continue,
                Ok(true) => {
                    self.record(context, &mut changed);
                    changes.push((info, Ok(typed(&changed).map_err(refused)?)));
                }
                Err(refusal) => changes.push((info, Err(refusal))),
            }
        }
        for (info, changed) in changes {
            match changed {
                Err(refusal) => errors.push(message!("error: {} {refusal}\n", info.object_name())),
                Ok(changed) if changed == *info.object() => {}
                Ok(changed) => match self.send(context, info, &changed).await {
                    Err(error) if error.status().is_some() => errors.push(message!("{failure}{error}")),
                    Err(error) => errors.push(error),
                    Ok(()) => {}
                },
            }
        }
        CommandError::collect(errors)
    }
}

/// The usage of `-f` that most have.
pub(super) const FILES: &str = "identifying the resource to get from a server.";

/// Which of the flags a command has, and what it says of them.
pub(super) struct Parts {
    /// The usage of `--all`.
    pub(super) all: &'static str,
    /// Whether it has `-k`.
    pub(super) kustomize: bool,
    /// Whether it has `-l`.
    pub(super) selector: bool,
    /// Whether it has `--record`.
    pub(super) record: bool,
}

impl Parts {
    /// What most have.
    pub(super) const ALL: Self = Self {
        all: "Select all resources, in the namespace of the specified resource types",
        kustomize: true,
        selector: true,
        record: true,
    };
}
