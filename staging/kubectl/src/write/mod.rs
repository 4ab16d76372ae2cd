//! What the commands that change objects share: their flags, their requests, the printing of results
//! (upstream: `resource.Helper`, parts of `cmdutil`).

pub(crate) mod made;
pub(crate) mod metadata;
mod overrides;
mod raw;
mod record;
mod visit;

use std::cell::Cell;
use std::time::Duration;

use client_go::api::{DynamicObject, Patch, WriteOptions};
use component_base::flags::FlagSet;
use component_base::flags::Flags as _;
use kubectl_objects::Refusal;
use kubectl_objects::json::object_at;
use kubectl_objects::patching::{PatchType, TypedPatch};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use cli_runtime::{CommandError, Info, PrintFlags, Result, message};

use crate::flags::{self, DryRun};
use crate::frame::Context;

pub(crate) use overrides::Overrides;
pub(crate) use raw::{RawRules, send_raw};
pub(crate) use record::Record;
pub(crate) use visit::visit;

/// A refusal as the user gets it.
pub(crate) fn refused(refusal: Refusal) -> CommandError {
    CommandError::Message(refusal.0)
}

/// `-o` and its like, `--dry-run` and `--field-manager`.
#[derive(Clone, Debug)]
pub(crate) struct Writing {
    /// How results are written.
    pub(crate) print: PrintFlags,
    /// Whether it is only pretended.
    pub(crate) dry_run: DryRun,
    /// Who writes; empty where a command has no such flag.
    pub(crate) field_manager: String,
    /// Whether something was printed already.
    printed: Cell<bool>,
}

impl Writing {
    /// The flags of a command that does this (`created`) as this manager.
    pub(crate) fn new(operation: &str, field_manager: &str) -> Self {
        Self {
            print: PrintFlags::new(operation),
            dry_run: DryRun::None,
            field_manager: field_manager.to_owned(),
            printed: Cell::new(false),
        }
    }

    /// The same for a command whose objects are all of built-in types.
    pub(crate) fn declared(operation: &str, field_manager: &str) -> Self {
        let mut writing = Self::new(operation, field_manager);
        writing.print.declared = true;
        writing
    }

    /// Adds the flags; `--field-manager` only if there is a default for it.
    pub(crate) fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        self.dry_run.add_flag(flags);
        if !self.field_manager.is_empty() {
            flags::add_field_manager_flag(flags, &mut self.field_manager);
        }
    }

    /// Refuses values that make no sense before anything is done.
    pub(crate) fn check(&self) -> Result<()> {
        self.print.to_printer().map(drop)
    }

    /// What goes along with the requests.
    pub(crate) fn options(&self) -> WriteOptions {
        WriteOptions {
            dry_run: self.dry_run.is_server(),
            field_manager: self.field_manager.clone(),
            ..WriteOptions::default()
        }
    }

    /// Writes an object, or what was done to it; YAML documents apart from each other.
    pub(crate) fn print(&self, context: &Context, object: &Value) -> Result<()> {
        if self.printed.replace(true) && self.print.output.eq_ignore_ascii_case("yaml") {
            context.streams.out.print("---\n")?;
        }
        self.print_as(context, &self.print.operation, object)
    }

    /// The same where something else was done than the command is named for; nothing stands between documents.
    pub(crate) fn print_as(&self, context: &Context, operation: &str, object: &Value) -> Result<()> {
        let suffix = self.dry_run.suffix();
        let operation = if suffix.is_empty() {
            operation.to_owned()
        } else {
            format!("{operation} {suffix}").trim_start().to_owned()
        };
        self.print_undecorated(context, &operation, object)
    }

    /// The same without a word about what is only pretended.
    pub(crate) fn print_undecorated(&self, context: &Context, operation: &str, object: &Value) -> Result<()> {
        let mut print = self.print.clone();
        operation.clone_into(&mut print.operation);
        print.to_printer()?.print(object, &mut &context.streams.out)
    }

    /// Whether whole objects are printed, not lines about them.
    pub(crate) fn prints_objects(&self) -> bool {
        !matches!(self.print.output.as_str(), "" | "name") || !self.print.template.is_empty()
    }
}

/// Adds `--save-config`.
pub(crate) fn add_save_config_flag<'a>(flags: &mut FlagSet<'a>, save: &'a mut bool) {
    flags.add("save-config", save, "If true, the configuration of current object will be saved in its annotation. Otherwise, the annotation will be unchanged. This flag is useful when you want to perform kubectl apply on this object in the future.");
}

/// The type and the place of what was found, for messages.
pub(crate) fn described(info: &Info) -> String {
    let place = format!("Name: {:?}, Namespace: {:?}", info.name, info.namespace);
    match &info.mapping {
        None => place,
        Some(mapping) => {
            let names = mapping.group_version_resource();
            let kind = format!("{}, Kind={}", group_version(&names.group, &names.version), mapping.kind);
            let resource = format!(
                "{}, Resource={}",
                group_version(&names.group, &names.version),
                names.resource
            );
            format!("Resource: {resource:?}, GroupVersionKind: {kind:?}\n{place}")
        }
    }
}

fn group_version(group: &str, version: &str) -> String {
    format!("{group}/{version}")
}

/// Creates the object.
///
/// # Errors
/// The server refuses.
pub(crate) async fn create(context: &Context, info: &Info, object: &Value, options: &WriteOptions) -> Result<Value> {
    let mut object = object.clone();
    // Who creates does not know the revision.
    if object.pointer("/metadata/resourceVersion").is_some() {
        object_at(&mut object, &["metadata"]).remove("resourceVersion");
    }
    let api = context.factory.dynamic(info.mapping()?, &info.namespace)?;
    Ok(api.create_with(&DynamicObject(object), options).await?.0)
}

/// How long an object that is replaced has to go, if the command line does not say.
pub(crate) const GONE: Duration = Duration::from_secs(300);
/// How often it is looked for.
const INTERVAL: Duration = Duration::from_secs(1);

/// Waits until an object that was deleted is gone.
///
/// # Errors
/// It is still there after `limit`, or cannot be looked for.
pub(crate) async fn until_gone(context: &Context, info: &Info, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    loop {
        match get(context, info).await {
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
            Ok(_) if Instant::now() >= deadline => return Err(message!("context deadline exceeded")),
            Ok(_) => sleep(INTERVAL).await,
        }
    }
}

/// The object as the server has it.
///
/// # Errors
/// The server does not have it, or cannot be asked.
pub(crate) async fn get(context: &Context, info: &Info) -> Result<Value> {
    cli_runtime::resource::get(&context.factory.client()?, info.mapping()?, &info.namespace, &info.name).await
}

/// Sends a patch for the object or its subresource.
///
/// # Errors
/// The server refuses.
pub(crate) async fn patch(context: &Context, info: &Info, patch: &TypedPatch, options: &WriteOptions) -> Result<Value> {
    let body = patch.patch.clone();
    let body = match patch.kind {
        PatchType::Json => Patch::Json(body),
        PatchType::Merge => Patch::Merge(body),
        PatchType::Strategic => Patch::Strategic(body),
    };
    send_patch(context, info, &body, options).await
}

/// The same with a patch as the client has it.
///
/// # Errors
/// The server refuses.
pub(crate) async fn send_patch(context: &Context, info: &Info, patch: &Patch, options: &WriteOptions) -> Result<Value> {
    let subresource = Some(info.subresource.as_str()).filter(|name| !name.is_empty());
    let api = context.factory.dynamic(info.mapping()?, &info.namespace)?;
    Ok(api.patch_with(&info.name, subresource, patch, options).await?.0)
}

/// Replaces the object or its subresource; without a revision of its own it takes that of the server's.
///
/// # Errors
/// The server refuses.
pub(crate) async fn replace(context: &Context, info: &Info, object: &Value, options: &WriteOptions) -> Result<Value> {
    let subresource = Some(info.subresource.as_str()).filter(|name| !name.is_empty());
    let api = context.factory.dynamic(info.mapping()?, &info.namespace)?;
    let mut object = object.clone();
    if cli_runtime::resource::text_at(&object, &["metadata", "resourceVersion"]).is_empty()
        && let Ok(current) = get(context, info).await
    {
        let version = current["metadata"]["resourceVersion"].clone();
        object_at(&mut object, &["metadata"]).insert("resourceVersion".to_owned(), version);
    }
    Ok(api.replace(&DynamicObject(object), subresource, options).await?.0)
}
