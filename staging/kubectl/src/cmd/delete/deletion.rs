//! The deleting itself, for `delete` and for `replace --force`.

use std::time::Duration;

use client_go::api::{DeleteOptions, Deleted};
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use tokio::time::Instant;

use cli_runtime::resource::{Found, text_at};
use cli_runtime::{CommandError, Info, Result};

use super::{Cascade, kind_of};
use crate::cmd::wait::{WEEK, until};
use crate::flags::DryRun;
use crate::frame::Context;

/// How objects are deleted.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(crate) struct Deletion {
    /// Seconds; negative for the kind's default.
    pub(crate) grace_period: i32,
    /// What becomes of what the object owns.
    pub(crate) cascade: Cascade,
    /// Whether it is only pretended.
    pub(crate) dry_run: DryRun,
    /// Whether only names are written.
    pub(crate) output_name: bool,
    /// Whether nothing is written.
    pub(crate) quiet: bool,
    /// Whether objects that are not there are none's business.
    pub(crate) ignore_not_found: bool,
    /// Whether to warn when an object without a namespace is deleted.
    pub(crate) warn_cluster_scope: bool,
    /// Whether to wait until the objects are gone.
    pub(crate) wait: bool,
    /// For how long; zero for a week.
    pub(crate) timeout: Duration,
}

/// The flags that `delete`, `apply` and `replace` share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeletionFlags {
    /// Whether the object goes from the API at once.
    pub(crate) force: bool,
    /// What becomes of what the object owns.
    pub(crate) cascade: Cascade,
    /// Seconds; negative for the kind's default.
    pub(crate) grace_period: i32,
    /// How long to wait until the objects are gone; zero to leave it to the command.
    pub(crate) timeout: GoDuration,
    /// Whether to wait.
    pub(crate) wait: bool,
}

impl DeletionFlags {
    /// The flags with their defaults, but for `wait`, of which each command has its own.
    pub(crate) fn new(wait: bool) -> Self {
        Self {
            force: false,
            cascade: Cascade::default(),
            grace_period: -1,
            timeout: GoDuration::from_secs(0),
            wait,
        }
    }

    /// `--timeout`, or what stands for zero.
    pub(crate) fn timeout_or(&self, default: Duration) -> Duration {
        if self.timeout.is_zero() {
            default
        } else {
            self.timeout.to_std()
        }
    }

    /// The deletion that they ask for, which warns of nothing and takes an absent object for an error.
    pub(crate) fn deletion(&self, dry_run: DryRun) -> Deletion {
        Deletion {
            grace_period: self.grace_period,
            cascade: self.cascade,
            dry_run,
            output_name: false,
            quiet: false,
            ignore_not_found: false,
            warn_cluster_scope: false,
            wait: self.wait,
            timeout: self.timeout.to_std(),
        }
    }
}

impl Flags for DeletionFlags {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("force", &mut self.force, "If true, immediately remove resources from API and bypass graceful deletion. Note that immediate deletion of some resources may result in inconsistency or data loss and requires confirmation.");
        flags.add("cascade", &mut self.cascade, "Must be \"background\", \"orphan\", or \"foreground\". Selects the deletion cascading strategy for the dependents (e.g. Pods created by a ReplicationController). Defaults to background.");
        flags.add("grace-period", &mut self.grace_period, "Period of time in seconds given to the resource to terminate gracefully. Ignored if negative. Set to 1 for immediate shutdown. Can only be set to 0 when --force is true (force deletion).");
        flags.add("timeout", &mut self.timeout, "The length of time to wait before giving up on a delete, zero means determine a timeout from the size of the object");
        flags.add(
            "wait",
            &mut self.wait,
            "If true, wait for resources to be gone before returning. This waits for finalizers.",
        );
    }
}

impl Deletion {
    /// What the server is told.
    pub(crate) fn options(&self) -> DeleteOptions {
        DeleteOptions {
            grace_period_seconds: (self.grace_period >= 0).then(|| self.grace_period.into()),
            propagation: Some(self.cascade.propagation()),
            preconditions: None,
            dry_run: self.dry_run.is_server(),
        }
    }

    /// Deletes what was found, and waits; gives what was to be deleted.
    ///
    /// # Errors
    /// What went wrong with the finding or the deleting.
    pub(crate) async fn run(&self, context: &Context, found: Found) -> Result<Vec<Info>> {
        let (mut errors, mut gone) = (found.errors, Vec::new());
        let (mut warned, count) = (!self.warn_cluster_scope, found.infos.len());
        let mut infos = Vec::with_capacity(count);
        for info in found.infos {
            if !warned && !info.mapping()?.namespaced {
                warned = true;
                context
                    .streams
                    .err
                    .print("Warning: deleting cluster-scoped resources, not scoped to the provided namespace\n")?;
            }
            if self.dry_run.is_client() {
                self.print(context, &info)?;
                continue;
            }
            match self.delete(context, &info).await {
                Ok(uid) => gone.push((info.clone(), uid)),
                Err(error) if self.ignore_not_found && error.is_not_found() => {}
                Err(error) => errors.push(error),
            }
            infos.push(info);
        }
        CommandError::collect(errors)?;
        if count == 0 {
            context.streams.out.print("No resources found\n")?;
        } else if self.wait && self.dry_run == DryRun::None {
            self.wait(context, &gone).await?;
        }
        Ok(infos)
    }

    async fn delete(&self, context: &Context, info: &Info) -> Result<String> {
        let api = context.factory.dynamic(info.mapping()?, &info.namespace)?;
        let deleted = api
            .delete(&info.name, &self.options())
            .await
            .map_err(|error| CommandError::from(error).while_doing("deleting", &info.source))?;
        self.print(context, info)?;
        Ok(match deleted {
            Deleted::Gone(status) => status.details.map(|details| details.uid).unwrap_or_default(),
            Deleted::Terminating(object) => text_at(&object.0, &["metadata", "uid"]).to_owned(),
        })
    }

    async fn wait(&self, context: &Context, gone: &[(Info, String)]) -> Result<()> {
        let timeout = if self.timeout.is_zero() { WEEK } else { self.timeout };
        let deadline = Instant::now() + timeout;
        let mut errors = Vec::new();
        for (info, uid) in gone {
            errors.extend(until::deleted(context, info, uid, timeout, deadline).await.err());
        }
        match CommandError::collect(errors) {
            // Who may delete need not be allowed to look.
            Err(error)
                if error
                    .status()
                    .is_some_and(|status| matches!(status.status().code, 403 | 405)) =>
            {
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn print(&self, context: &Context, info: &Info) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        let kind = kind_of(info)?;
        if self.output_name {
            return Ok(context.streams.out.print(format!("{kind}/{}\n", info.name))?);
        }
        let mut operation = if self.grace_period == 0 {
            "force deleted"
        } else {
            "deleted"
        }
        .to_owned();
        if info.namespaced() {
            operation.push_str(&format!(" from {} namespace", info.namespace));
        }
        if !self.dry_run.suffix().is_empty() {
            operation.push(' ');
            operation.push_str(self.dry_run.suffix());
        }
        Ok(context
            .streams
            .out
            .print(format!("{kind} \"{}\" {operation}\n", info.name))?)
    }
}
