//! The editing itself: write, open, read, send; again with the reasons until it is accepted or given up
//! (upstream: `EditOptions.Run`).

use std::path::Path;

use client_go::api::WriteOptions;
use kubectl_objects::json::{go_json, object_at};
use kubectl_objects::last_applied;
use kubectl_objects::patching::{self, PatchType, TypedPatch};
use serde_json::{Value, json};

use apimachinery::json::create_merge_patch;
use cli_runtime::printers::{ResourcePrinter, YamlPrinter, json_indented};
use cli_runtime::resource::{Found, text_at};
use cli_runtime::{CommandError, Info, Result, message};

use super::header::{Outcome, Reason, header, without_comments};
use super::{EditMode, EditOptions, editor};
use crate::frame::Context;
use crate::write::{self, refused};

/// The objects of an edited text.
pub(super) async fn read(context: &Context, text: &[u8], subresource: &str) -> Result<Found> {
    let builder = context.builder().text("edited-file", text).subresource(subresource);
    builder.continue_on_error().flatten().find().await
}

/// What a round came to.
enum Round {
    Done,
    Again(Outcome),
}

impl EditOptions {
    /// Lets the user edit the objects and sends what came of it.
    pub(super) async fn edit(&self, context: &Context, infos: Vec<Info>, namespace: &str) -> Result<()> {
        let is_json = self.print.output == "json";
        let extension = if is_json { ".json" } else { ".yaml" };
        let original = self.text_of(&infos, is_json)?;
        let (mut body, mut reasons, mut old): (String, Vec<Reason>, Option<std::path::PathBuf>) =
            (original.clone(), Vec::new(), None);
        loop {
            let mut text = if is_json {
                String::new()
            } else {
                header(self.mode, &reasons)
            };
            text.push_str(&body);
            if self.windows_line_endings {
                text = text.replace('\n', "\r\n");
            }
            let path = editor::write_new(extension, &text).map_err(|error| kept(context, error, old.as_deref()))?;
            let edited = editor::edit(&path).map_err(|error| kept(context, error, Some(&path)))?;
            let bare = without_comments(&edited);
            if !reasons.is_empty() && bare == without_comments(&body) {
                let error = message!("Edit cancelled, no valid changes were saved.");
                return Err(kept(context, error, Some(&path)));
            }
            if let Some(old) = old.take() {
                remove(&old)?;
            }
            if bare == without_comments(&original) {
                remove(&path)?;
                return Ok(context.streams.err.print("Edit cancelled, no changes made.\n")?);
            }
            if bare.trim().is_empty() {
                remove(&path)?;
                return Ok(context.streams.err.print("Edit cancelled, saved file was empty.\n")?);
            }
            let round = match read(context, edited.as_bytes(), &self.subresource)
                .await
                .and_then(Found::into_infos)
            {
                Err(error) => Round::Again(Outcome {
                    reasons: vec![Reason {
                        head: format!("The edited file had a syntax error: {error}"),
                        others: Vec::new(),
                    }],
                    ..Outcome::default()
                }),
                Ok(updated) => self
                    .send(context, &infos, updated, namespace)
                    .await
                    .map_err(|error| kept(context, error, Some(&path)))?,
            };
            match round {
                Round::Done => return remove(&path),
                Round::Again(outcome) if outcome.retryable > 0 => {
                    let path = path.display();
                    context.streams.err.print(format!(
                        "You can run `kubectl replace -f {path}` to try this update again.\n"
                    ))?;
                    return Err(CommandError::Exit(1));
                }
                Round::Again(outcome) if outcome.not_found > 0 => {
                    let path = path.display().to_string();
                    context.streams.err.print(format!(
                        "The edits you made on deleted resources have been saved to {path:?}\n"
                    ))?;
                    return Err(CommandError::Exit(1));
                }
                Round::Again(outcome) => (body, reasons, old) = (bare, outcome.reasons, Some(path)),
            }
        }
    }

    /// The objects as the user sees them.
    fn text_of(&self, infos: &[Info], is_json: bool) -> Result<String> {
        let mut objects: Vec<Value> = infos.iter().map(|info| unmanaged(info.object())).collect();
        let object = match objects.len() {
            1 => objects.remove(0),
            _ => json!({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {}}),
        };
        if is_json {
            return Ok(format!("{}\n", json_indented(&object)));
        }
        let mut text = Vec::new();
        YamlPrinter::new(true).print(&object, &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn options(&self) -> WriteOptions {
        WriteOptions {
            field_manager: self.field_manager.clone(),
            field_validation: self.validate.field_validation().to_owned(),
            ..WriteOptions::default()
        }
    }

    async fn send(&self, context: &Context, infos: &[Info], updated: Vec<Info>, namespace: &str) -> Result<Round> {
        let mut outcome = Outcome::default();
        for mut info in updated {
            place(&mut info, namespace)?;
            let mut edited = info.object().clone();
            if self.save_config {
                last_applied::create_or_update(true, false, &mut edited);
            }
            self.record.apply(context, &mut edited);
            if self.mode == EditMode::BeforeCreate {
                let created = write::create(context, &info, &edited, &self.options()).await?;
                self.print(context, "created", &created)?;
                continue;
            }
            let uid = text_at(&edited, &["metadata", "uid"]);
            let Some(original) = infos
                .iter()
                .find(|info| text_at(info.object(), &["metadata", "uid"]) == uid)
            else {
                return Err(message!("no original object found for {}", info.object_name()));
            };
            let original = unmanaged(original.object());
            if original == edited {
                self.print(context, "skipped", &edited)?;
                continue;
            }
            let patch = if self.mode == EditMode::LastApplied {
                configuration_patch(&edited)
            } else {
                changes(&original, &edited)?
            };
            if self.output_patch {
                context
                    .streams
                    .out
                    .print(format!("Patch: {}\n", go_json(&patch.patch)))?;
            }
            match write::patch(context, &info, &patch, &self.options()).await {
                Ok(patched) => {
                    let shown = if self.mode == EditMode::LastApplied {
                        &edited
                    } else {
                        &patched
                    };
                    self.print(context, "edited", shown)?;
                }
                Err(error) => {
                    let line = outcome.add(&error, &info);
                    context.streams.err.print(format!("{line}\n"))?;
                }
            }
        }
        let refused = outcome.retryable > 0 || outcome.not_found > 0 || !outcome.reasons.is_empty();
        Ok(if refused { Round::Again(outcome) } else { Round::Done })
    }

    fn print(&self, context: &Context, operation: &str, object: &Value) -> Result<()> {
        let mut print = self.print.clone();
        operation.clone_into(&mut print.operation);
        print.to_printer()?.print(object, &mut &context.streams.out)
    }
}

/// What is to be changed; what says which object it is may not.
fn changes(original: &Value, edited: &Value) -> Result<TypedPatch> {
    let same = |path: &str| original.pointer(path) == edited.pointer(path);
    if !(same("/apiVersion") && same("/kind") && same("/metadata/name")) {
        return Err(message!("At least one of apiVersion, kind and name was changed"));
    }
    patching::two_way(original, edited).map_err(refused)
}

/// The patch that makes the edited configuration the annotation.
fn configuration_patch(edited: &Value) -> TypedPatch {
    let mut annotated = edited.clone();
    last_applied::set(&mut annotated, &format!("{}\n", go_json(edited)));
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    TypedPatch {
        kind: PatchType::Merge,
        patch: create_merge_patch(&members(edited), &members(&annotated)).into(),
    }
}

fn unmanaged(object: &Value) -> Value {
    let mut object = object.clone();
    object_at(&mut object, &["metadata"]).remove("managedFields");
    object
}

/// An object that was given no namespace belongs to the current one; none may move to another.
fn place(info: &mut Info, namespace: &str) -> Result<()> {
    if !info.namespaced() || info.namespace == namespace {
        return Ok(());
    }
    if !info.namespace.is_empty() {
        let theirs = &info.namespace;
        return Err(message!(
            "the namespace from the provided object {theirs:?} does not match the namespace {namespace:?}. You must pass '--namespace={theirs}' to perform this operation."
        ));
    }
    namespace.clone_into(&mut info.namespace);
    if let Some(object) = &mut info.object {
        object_at(object, &["metadata"]).insert("namespace".to_owned(), namespace.into());
    }
    Ok(())
}

/// Says where the edited text is, if it still is.
fn kept(context: &Context, error: CommandError, path: Option<&Path>) -> CommandError {
    if let Some(path) = path.filter(|path| path.exists()) {
        let path = path.display().to_string();
        // The error that follows matters more than one in saying this.
        let _ = context
            .streams
            .err
            .print(format!("A copy of your changes has been stored to {path:?}\n"));
    }
    error
}

fn remove(path: &Path) -> Result<()> {
    Ok(std::fs::remove_file(path)?)
}
