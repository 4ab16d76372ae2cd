//! `kubectl set selector`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::json::object_at;
use kubectl_objects::selector;
use kubectl_objects::typed::typed;
use serde_json::Value;

use cli_runtime::resource::{group_kind, text_at};
use cli_runtime::{FilenameOptions, Info, Result, message};

use super::targets::{Parts, Targets};
use crate::frame::{Arguments, Command, Completion, Context, Run};
use crate::write::{refused, visit};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "selector",
    usage: "(-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version]",
    short: "Set the selector on a resource",
    long: "Set the selector on a resource. It takes the place of the one that the resource has.\n\n A selector must begin with a letter or number, and may contain letters, numbers, hyphens, dots, and underscores, up to 63 characters. With --resource-version the update only succeeds if that is the object's current revision. Note: currently selectors can only be set on Service objects.",
    examples: "# A service and a deployment of the same label
kubectl create service clusterip my-svc --clusterip=\"None\" -o yaml --dry-run=client | kubectl set selector --local -f - 'environment=qa' -o yaml | kubectl create -f -
kubectl create deployment my-dep --image=nginx -o yaml --dry-run=client | kubectl label --local -f - environment=qa -o yaml | kubectl create -f -",
    options: Some(|| Box::new(SelectorOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct SelectorOptions {
    targets: Targets,
    resource_version: String,
}

impl Default for SelectorOptions {
    fn default() -> Self {
        let mut targets = Targets::new("selector updated", FilenameOptions::new("identifying the resource."));
        targets.files.recursive = true;
        Self {
            targets,
            resource_version: String::new(),
        }
    }
}

impl Flags for SelectorOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let parts = Parts {
            all: "Select all resources in the namespace of the specified resource types",
            kustomize: false,
            selector: false,
            ..Parts::ALL
        };
        self.targets.add_flags(flags, "annotation", &parts);
        flags.add("resource-version", &mut self.resource_version, "If non-empty, the selectors update will only succeed if this is the current resource-version for the object. Only valid when specifying a single resource.");
    }
}

#[async_trait(?Send)]
impl Run for SelectorOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let targets = &self.targets;
        let words = arguments.split_last();
        let wanted = words
            .map(|(text, _)| selector::parse(text))
            .transpose()
            .map_err(refused)?;
        targets.writing.check()?;
        let Some(wanted) = wanted else {
            return Err(message!("one selector is required"));
        };
        let resources = words.map_or(&[][..], |(_, resources)| resources);
        targets.check_words(resources)?;
        let mut builder = context
            .objects(&targets.files)?
            .local_if(targets.local)
            .continue_on_error();
        if !targets.local {
            builder = builder.resource_type_or_name_args(targets.all, resources).latest();
        }
        let found = builder.flatten().find().await?;
        visit(found, async |info| self.one(context, info, &wanted).await).await
    }
}

impl SelectorOptions {
    async fn one(&self, context: &Context, mut info: Info, wanted: &Value) -> Result<()> {
        let mut original = typed(info.object()).map_err(refused)?;
        if !self.resource_version.is_empty() {
            object_at(&mut original, &["metadata"]).remove("resourceVersion");
        }
        let mut changed = original.clone();
        info.object = Some(original);
        if !self.resource_version.is_empty() {
            let version = self.resource_version.as_str().into();
            object_at(&mut changed, &["metadata"]).insert("resourceVersion".to_owned(), version);
        }
        if group_kind(&changed) != ("", "Service") {
            return Err(message!("setting a selector is only supported for Services"));
        }
        if let Some(expressions) = wanted["matchExpressions"].as_array().filter(|list| !list.is_empty()) {
            let texts: Vec<String> = expressions.iter().map(expression).collect();
            return Err(message!(
                "match expression [{}] not supported on this object",
                texts.join(" ")
            ));
        }
        object_at(&mut changed, &["spec"]).insert("selector".to_owned(), wanted["matchLabels"].clone());
        self.targets.record(context, &mut changed);
        let changed = typed(&changed).map_err(refused)?;
        self.targets.send(context, &info, &changed).await
    }
}

/// An expression as Go's `%v` shows it.
fn expression(requirement: &Value) -> String {
    let values = requirement["values"].as_array().into_iter().flatten();
    let values: Vec<&str> = values.filter_map(Value::as_str).collect();
    format!(
        "{{{} {} [{}]}}",
        text_at(requirement, &["key"]),
        text_at(requirement, &["operator"]),
        values.join(" ")
    )
}
