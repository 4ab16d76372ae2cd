//! What `label` and `annotate` are: one command over two maps of the metadata.

use component_base::flags::{FlagSet, Flags};
use kubectl_objects::json::object_at;
use kubectl_objects::pairs::{Members, Pairs, split_words};
use kubectl_objects::patching::{PatchType, TypedPatch};
use serde_json::Value;

use apimachinery::json::create_merge_patch;
use cli_runtime::resource::{Found, group_kind};
use cli_runtime::{FilenameOptions, Info, Result, message};

use super::{Record, Writing, patch, refused, visit};
use crate::flags as shared;
use crate::frame::{Arguments, Context};

/// The options of both commands.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct MetadataOptions {
    members: Members,
    writing: Writing,
    record: Record,
    files: FilenameOptions,
    overwrite: bool,
    list: bool,
    local: bool,
    all: bool,
    all_namespaces: bool,
    selector: String,
    field_selector: String,
    resource_version: String,
}

impl MetadataOptions {
    /// The options for one of the two.
    pub(crate) fn new(members: Members) -> Self {
        let (operation, manager, usage) = match members {
            Members::Labels => (
                "labeled",
                "kubectl-label",
                "identifying the resource to update the labels",
            ),
            Members::Annotations => (
                "annotated",
                "kubectl-annotate",
                "identifying the resource to update the annotation",
            ),
        };
        Self {
            members,
            writing: Writing::new(operation, manager),
            record: Record::default(),
            files: FilenameOptions::new(usage),
            overwrite: false,
            list: false,
            local: false,
            all: false,
            all_namespaces: false,
            selector: String::new(),
            field_selector: String::new(),
            resource_version: String::new(),
        }
    }
}

impl Flags for MetadataOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let (one, many) = (self.members.singular(), self.members.plural());
        let subject = match self.members {
            Members::Labels => "labels",
            Members::Annotations => "annotation",
        };
        let dot = if self.members == Members::Labels { "" } else { "." };
        self.writing.add_flags(flags);
        self.files.add_flags(flags);
        self.record.add_flags(flags);
        flags.add("overwrite", &mut self.overwrite, format!("If true, allow {many} to be overwritten, otherwise reject {one} updates that overwrite existing {many}."));
        flags.add(
            "list",
            &mut self.list,
            format!("If true, display the {many} for a given resource."),
        );
        flags.add(
            "local",
            &mut self.local,
            format!("If true, {one} will NOT contact api-server but run locally."),
        );
        shared::add_field_selector_flag(flags, &mut self.field_selector);
        flags.add(
            "all",
            &mut self.all,
            format!("Select all resources, in the namespace of the specified resource types{dot}"),
        );
        flags
            .add(
                "all-namespaces",
                &mut self.all_namespaces,
                "If true, check the specified action in all namespaces.",
            )
            .shorthand('A');
        flags.add("resource-version", &mut self.resource_version, format!("If non-empty, the {subject} update will only succeed if this is the current resource-version for the object. Only valid when specifying a single resource."));
        shared::add_selector_flag(flags, &mut self.selector);
    }
}

impl MetadataOptions {
    /// Does it.
    ///
    /// # Errors
    /// The words make no sense, a value would be overwritten, the server refuses.
    pub(crate) async fn run(&self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.writing.check()?;
        let (resources, words) = split_words(arguments, self.members.singular()).map_err(refused)?;
        let pairs = Pairs::parse(words, self.members).map_err(refused)?;
        self.check(resources, &pairs)?;
        let found = self.find(context, resources).await?;
        let single = found.single_item_implied;
        if !single && !self.resource_version.is_empty() {
            return Err(message!("--resource-version may only be used with a single resource"));
        }
        visit(found, async |info| self.one(context, info, &pairs, single).await).await
    }

    fn check(&self, resources: &[String], pairs: &Pairs) -> Result<()> {
        if self.list && !self.writing.print.output.is_empty() {
            return Err(message!("--list and --output may not be specified together"));
        }
        if self.all && !self.selector.is_empty() {
            return Err(message!("cannot set --all and --selector at the same time"));
        }
        if self.all && !self.field_selector.is_empty() {
            return Err(message!("cannot set --all and --field-selector at the same time"));
        }
        let (yaml, json) = match self.members {
            Members::Labels => ("pod.yaml", "pod.json"),
            Members::Annotations => ("rsrc.yaml", "rsrc.json"),
        };
        if self.local {
            if self.writing.dry_run.is_server() {
                return Err(message!(
                    "cannot specify --local and --dry-run=server - did you mean --dry-run=client?"
                ));
            }
            if !resources.is_empty() {
                return Err(message!(
                    "can only use local files by -f {yaml} or --filename={json} when --local=true is set"
                ));
            }
            if self.files.is_empty() {
                return Err(message!(
                    "one or more files must be specified as -f {yaml} or --filename={json}"
                ));
            }
        } else if resources.is_empty() && self.files.is_empty() {
            return Err(message!(
                "one or more resources must be specified as <resource> <name> or <resource>/<name>"
            ));
        }
        if pairs.is_empty() && !self.list {
            return Err(message!("at least one {} update is required", self.members.singular()));
        }
        Ok(())
    }

    async fn find(&self, context: &Context, resources: &[String]) -> Result<Found> {
        let builder = context.objects(&self.files)?.local_if(self.local).continue_on_error();
        if self.local {
            return builder.flatten().find().await;
        }
        builder
            .all_namespaces(self.all_namespaces)
            .label_selector(&self.selector)
            .field_selector(&self.field_selector)
            .resource_type_or_name_args(self.all, resources)
            .flatten()
            .latest()
            .find()
            .await
    }

    async fn one(&self, context: &Context, info: Info, pairs: &Pairs, single: bool) -> Result<()> {
        let mut original = info.object().clone();
        if !self.resource_version.is_empty() {
            object_at(&mut original, &["metadata"]).remove("resourceVersion");
        }
        let mut changed = original.clone();
        let sends = !(self.writing.dry_run.is_client() || self.local || self.list);
        if sends && self.members == Members::Labels {
            let labels = changed.pointer("/metadata/labels");
            for key in pairs
                .remove
                .iter()
                .filter(|key| labels.and_then(|labels| labels.get(*key)).is_none())
            {
                context.streams.out.print(format!("label {key:?} not found.\n"))?;
            }
        }
        if sends && self.members == Members::Annotations {
            self.record.apply(context, &mut changed);
        }
        let (added, removed) = pairs
            .apply(&mut changed, self.members, self.overwrite)
            .map_err(refused)?;
        if sends && self.members == Members::Labels {
            self.record.apply(context, &mut changed);
        }
        if !self.resource_version.is_empty() {
            let version = self.resource_version.as_str().into();
            object_at(&mut changed, &["metadata"]).insert("resourceVersion".to_owned(), version);
        }
        if sends && (added || removed || self.members == Members::Annotations) {
            let sent = self.send(context, &info, &original, &changed).await?;
            if self.members == Members::Annotations || self.writing.prints_objects() {
                changed = sent;
            }
        }
        if self.list {
            return self.print_list(context, &info, &changed, single);
        }
        let operation = match (self.members, added, removed) {
            (Members::Annotations, ..) => return self.writing.print(context, &changed),
            (_, true, true) => "modified",
            (_, true, false) => "labeled",
            (_, false, true) => "unlabeled",
            (_, false, false) => "not labeled",
        };
        self.writing.print_as(context, operation, &changed)
    }

    async fn send(&self, context: &Context, info: &Info, original: &Value, changed: &Value) -> Result<Value> {
        let (Some(before), Some(after)) = (original.as_object(), changed.as_object()) else {
            return Err(message!("{} is no object", info.object_name()));
        };
        let body = TypedPatch {
            kind: PatchType::Merge,
            patch: create_merge_patch(before, after).into(),
        };
        patch(context, info, &body, &self.writing.options()).await
    }

    fn print_list(&self, context: &Context, info: &Info, object: &Value, single: bool) -> Result<()> {
        let mut text = String::new();
        let indent = if single { "" } else { " " };
        if !single {
            let (group, kind) = group_kind(object);
            text = format!("Listing {} for {kind}.{group}/{}:\n", self.members.plural(), info.name);
        }
        let members = object["metadata"][self.members.plural()].as_object();
        for (key, value) in members.into_iter().flatten() {
            text.push_str(&format!("{indent}{key}={}\n", value.as_str().unwrap_or_default()));
        }
        Ok(context.streams.out.print(text)?)
    }
}
