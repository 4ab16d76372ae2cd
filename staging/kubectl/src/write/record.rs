//! `--record`: the line that called the command, kept in an annotation (upstream: `genericclioptions.RecordFlags`).

use client_go::api::Patch;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::json::object_at;
use serde_json::{Value, json};

use crate::frame::Context;

/// The annotation.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// Whether the line is kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Record {
    wanted: bool,
}

impl Flags for Record {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add("record", &mut self.wanted, "Record current kubectl command in the resource annotation. If set to false, do not record the command. If set to true, record the command. If not set, default to updating the existing annotation value only if one already exists.")
            .deprecated("--record will be removed in the future");
    }
}

impl Record {
    /// The patch that writes the annotation into an object of the server's, if it is wanted.
    pub(crate) fn patch(self, context: &Context) -> Option<Patch> {
        self.wanted
            .then(|| Patch::Merge(json!({"metadata": {"annotations": {CHANGE_CAUSE: context.change_cause}}})))
    }

    /// Writes the annotation, if it is wanted.
    pub(crate) fn apply(self, context: &Context, object: &mut Value) {
        if self.wanted {
            object_at(object, &["metadata", "annotations"])
                .insert(CHANGE_CAUSE.to_owned(), context.change_cause.as_str().into());
        }
    }
}
