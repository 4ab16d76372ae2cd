//! From arguments, files and selectors to objects (upstream: `cli-runtime/pkg/resource`).

mod arguments;
mod builder;
mod documents;
mod fetch;
mod glob;
mod sources;
#[cfg(test)]
mod tests;
pub mod watch;

use std::sync::Arc;

use component_base::flags::{FlagSet, Flags};
use serde_json::Value;

pub use builder::{Builder, Found};
pub use client_go::discovery::RestMapping;
pub use documents::documents;
pub use fetch::{TABLE, get, list, list_chunked};

use crate::Result;
use crate::message;

/// One object, or a list where lists are not opened.
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// What serves it; `None` when the server is not asked.
    pub mapping: Option<Arc<RestMapping>>,
    /// Its namespace; empty if it has none.
    pub namespace: String,
    /// Its name; empty for a list.
    pub name: String,
    /// The file or URL it was read from; empty for one from the server.
    pub source: String,
    /// The object; `None` until it was fetched.
    pub object: Option<Value>,
    /// Its revision.
    pub resource_version: String,
    /// The subresource that is meant; empty for the object itself.
    pub subresource: String,
}

impl Info {
    /// Whether the object belongs to a namespace.
    #[must_use]
    pub fn namespaced(&self) -> bool {
        match &self.mapping {
            Some(mapping) => mapping.namespaced,
            None => !self.namespace.is_empty(),
        }
    }

    /// The mapping.
    ///
    /// # Errors
    /// The object was read without asking the server.
    pub fn mapping(&self) -> Result<&Arc<RestMapping>> {
        self.mapping
            .as_ref()
            .ok_or_else(|| message!("{} was read without asking the server what serves it", self.name))
    }

    /// The object, `null` until it was fetched.
    #[must_use]
    pub fn object(&self) -> &Value {
        self.object.as_ref().unwrap_or(&Value::Null)
    }

    /// `pods/name`, as messages have it.
    #[must_use]
    pub fn object_name(&self) -> String {
        match &self.mapping {
            Some(mapping) => format!("{}/{}", mapping.name, self.name),
            None => {
                let (group, kind) = group_kind(self.object());
                let kind = kind.to_lowercase();
                if group.is_empty() {
                    format!("{kind}/{}", self.name)
                } else {
                    format!("{kind}.{group}/{}", self.name)
                }
            }
        }
    }

    /// Takes another state of the object over: name, namespace and revision with it.
    pub fn refresh(&mut self, object: Value) {
        text_at(&object, &["metadata", "name"]).clone_into(&mut self.name);
        text_at(&object, &["metadata", "namespace"]).clone_into(&mut self.namespace);
        text_at(&object, &["metadata", "resourceVersion"]).clone_into(&mut self.resource_version);
        self.object = Some(object);
    }

    /// An object whose type the server is not asked about.
    #[must_use]
    pub fn of(object: Value) -> Self {
        let mut info = Self::default();
        info.refresh(object);
        info
    }
}

/// The text at a path; empty where there is none.
#[must_use]
pub fn text_at<'v>(object: &'v Value, path: &[&str]) -> &'v str {
    path.iter()
        .try_fold(object, |value, member| value.get(member))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Group and kind of an object.
#[must_use]
pub fn group_kind(object: &Value) -> (&str, &str) {
    let api_version = text_at(object, &["apiVersion"]);
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    (group, text_at(object, &["kind"]))
}

/// Whether an object is a list of objects.
#[must_use]
pub fn is_list(object: &Value) -> bool {
    object.get("items").is_some_and(Value::is_array)
}

/// The flags that name files (upstream: `resource.FilenameOptions`).
#[derive(Clone, Debug, Default)]
pub struct FilenameOptions {
    /// `-f`: files, folders, URLs, `-`.
    pub filenames: Vec<String>,
    /// `-k`: a kustomization folder.
    pub kustomize: String,
    /// `-R`: folders with their folders.
    pub recursive: bool,
    /// What the files are for, for the help: `identifying the resource to get from a server.`
    pub usage: &'static str,
    /// Whether that is all the help says of `-f`.
    pub usage_is_whole: bool,
}

impl FilenameOptions {
    /// Flags whose help says what the files are for.
    #[must_use]
    pub fn new(usage: &'static str) -> Self {
        Self {
            usage,
            ..Self::default()
        }
    }

    /// The flags as commands have them that can delete what they replace (upstream: `delete.NewDeleteFlags`).
    #[must_use]
    pub fn of_deletion(usage: &'static str) -> Self {
        Self {
            usage,
            usage_is_whole: true,
            ..Self::default()
        }
    }

    /// Whether none is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filenames.is_empty() && self.kustomize.is_empty()
    }

    /// One of the two must be given.
    ///
    /// # Errors
    /// None is.
    pub fn require(&self) -> Result<()> {
        if self.is_empty() {
            return Err(message!("must specify one of -f and -k"));
        }
        Ok(())
    }
}

impl Flags for FilenameOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let usage = match self.usage {
            "" => "Filename, directory, or URL to files".to_owned(),
            usage if self.usage_is_whole => usage.to_owned(),
            usage => format!("Filename, directory, or URL to files {usage}"),
        };
        let article = if self.usage_is_whole { "a" } else { "the" };
        flags.add("filename", &mut self.filenames, usage).shorthand('f');
        flags
            .add(
                "kustomize",
                &mut self.kustomize,
                format!("Process {article} kustomization directory. This flag can't be used together with -f or -R."),
            )
            .shorthand('k');
        flags
            .add(
                "recursive",
                &mut self.recursive,
                "Process the directory used in -f, --filename recursively. Useful when you want to manage related manifests organized within the same directory.",
            )
            .shorthand('R');
    }
}
