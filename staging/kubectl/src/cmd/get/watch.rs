//! `kubectl get --watch`.

use std::sync::Arc;

use cli_runtime::gotext::TabWriter;
use cli_runtime::resource::watch::{Event, WatchRequest, watch};
use cli_runtime::resource::{TABLE, is_list, text_at};
use cli_runtime::{CommandError, Info, ResourcePrinter, RestMapping, Result, message};
use serde_json::{Value, json};

use super::GetOptions;
use crate::frame::{Arguments, Context};

impl GetOptions {
    pub(super) async fn run_watch(&self, context: &Context, arguments: &Arguments) -> Result<()> {
        let (namespace, enforce) = context.factory.namespace()?;
        let found = self
            .builder(context, arguments, &namespace, enforce)
            .chunks_of(self.chunk_size)
            .single_resource_type()
            .find()
            .await?;
        let infos = match found.into_infos() {
            Err(error) if error.is_not_found() && self.ignore_not_found => return Ok(()),
            outcome => outcome?,
        };
        let [info, ..] = infos.as_slice() else {
            return Err(message!(
                "watch is only supported on a single resource or resource collection"
            ));
        };
        let mapping = info.mapping()?.clone();
        let names = info.name.as_str();
        let is_collection = names.is_empty();
        if !is_collection && infos.len() > 1 {
            return Err(message!(
                "watch is only supported on individual resources and resource collections - {} resources were found",
                infos.len()
            ));
        }
        let mut printer = self.printer(Some(&*mapping), self.all_namespaces && mapping.namespaced, false)?;
        let mut table = TabWriter::table();
        if self.watch {
            self.print_present(&infos, &mut *printer, &mut table)?;
            table.flush_to(&mut &context.streams.out)?;
        }
        let resource_version = if is_collection {
            infos
                .last()
                .map(|info| info.resource_version.clone())
                .unwrap_or_default()
        } else {
            "0".to_owned()
        };
        let timeout = context.factory.config()?.timeout;
        let follow = self.follow(context, &mapping, info, &resource_version, &mut *printer, table);
        match timeout {
            None => follow.await,
            // The end of the time is the end of the watch, and no mistake.
            Some(timeout) => tokio::time::timeout(timeout, follow).await.unwrap_or(Ok(())),
        }
    }

    fn print_present(&self, infos: &[Info], printer: &mut dyn ResourcePrinter, table: &mut TabWriter) -> Result<()> {
        for info in infos {
            let object = info.object();
            let one = std::slice::from_ref(object);
            let objects = match object["items"].as_array() {
                Some(items) if is_list(object) => items.as_slice(),
                _ => one,
            };
            for object in objects {
                if self.output_watch_events {
                    printer.print_event("ADDED", object, table)?;
                } else {
                    printer.print_tabbed(object, table)?;
                }
            }
        }
        Ok(())
    }

    async fn follow(
        &self,
        context: &Context,
        mapping: &Arc<RestMapping>,
        info: &Info,
        resource_version: &str,
        printer: &mut dyn ResourcePrinter,
        mut table: TabWriter,
    ) -> Result<()> {
        let is_collection = info.name.is_empty();
        let by_name = format!("metadata.name={}", info.name);
        let request = WatchRequest {
            namespace: &info.namespace,
            resource_version,
            labels: if is_collection { self.selector.trim() } else { "" },
            fields: if is_collection {
                self.field_selector.trim()
            } else {
                &by_name
            },
            accept: if self.wants_tables() { TABLE } else { "" },
            include_object: if self.sort_by.is_empty() || !self.wants_tables() {
                ""
            } else {
                "Object"
            },
        };
        let client = context.factory.client()?;
        let mut events = watch(&client, mapping, &request).await?;
        // A watch of one object begins with the state that was just written, or that nobody asked for.
        let mut skip_first = !is_collection;
        while let Some(event) = events.next().await {
            let Event { kind, object } = event?;
            if kind == "ERROR" {
                return Err(watch_error(object));
            }
            if kind == "BOOKMARK" {
                continue;
            }
            if std::mem::take(&mut skip_first) {
                // Of a table the columns are kept.
                if text_at(&object, &["kind"]) == "Table" && self.is_human_readable() {
                    printer.print_tabbed(&without_rows(&object), &mut table)?;
                }
                continue;
            }
            if self.output_watch_events {
                printer.print_event(&kind, &object, &mut table)?;
            } else {
                printer.print_tabbed(&object, &mut table)?;
            }
            table.flush_to(&mut &context.streams.out)?;
        }
        Ok(())
    }
}

fn watch_error(object: Value) -> CommandError {
    match serde_json::from_value::<k8s_api::meta::v1::Status>(object) {
        Ok(status) => apimachinery::status::StatusError::from(status).into(),
        Err(error) => message!("unable to decode an event from the watch stream: {error}"),
    }
}

/// A table with its columns only.
fn without_rows(table: &Value) -> Value {
    json!({"apiVersion": table["apiVersion"], "kind": "Table", "columnDefinitions": table["columnDefinitions"], "rows": []})
}
