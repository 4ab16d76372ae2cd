//! `kubectl patch`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::patching::{self, PatchType, TypedPatch};

use apimachinery::json::yaml_to_json;
use cli_runtime::{FilenameOptions, Info, Result, message};

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::{self, Record, Writing, refused, visit};

/// The command.
pub static COMMAND: Command = Command {
    name: "patch",
    usage: "(-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]",
    short: "Update fields of a resource",
    long: "Update fields of a resource using strategic merge patch, a JSON merge patch, or a JSON patch.\n\n JSON and YAML formats are accepted.\n\n Custom resources have no strategic merge patches.",
    examples: "# A strategic merge patch, as JSON
kubectl patch node node-1 -p '{\"spec\":{\"unschedulable\":true}}'

# The same as YAML
kubectl patch node node-1 -p $'spec:\\n unschedulable: true'

# The object that a manifest names
kubectl patch -f node.json -p '{\"spec\":{\"unschedulable\":true}}'

# Another image; the container's name is the merge key
kubectl patch pod web -p '{\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"nginx\"}]}}'

# The same as a JSON patch, by position
kubectl patch pod web --type='json' -p='[{\"op\": \"replace\", \"path\": \"/spec/containers/0/image\", \"value\":\"nginx\"}]'

# The number of replicas, through the scale subresource
kubectl patch deployment web --subresource='scale' --type='merge' -p '{\"spec\":{\"replicas\":2}}'",
    group: Group::Advanced,
    options: Some(|| Box::new(PatchOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct PatchOptions {
    writing: Writing,
    record: Record,
    files: FilenameOptions,
    patch: String,
    patch_file: String,
    patch_type: String,
    local: bool,
    subresource: String,
}

impl Default for PatchOptions {
    fn default() -> Self {
        Self {
            writing: Writing::new("patched", "kubectl-patch"),
            record: Record::default(),
            files: FilenameOptions::new("identifying the resource to update"),
            patch: String::new(),
            patch_file: String::new(),
            patch_type: "strategic".to_owned(),
            local: false,
            subresource: String::new(),
        }
    }
}

impl Flags for PatchOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.writing.add_flags(flags);
        self.files.add_flags(flags);
        self.record.add_flags(flags);
        flags
            .add(
                "patch",
                &mut self.patch,
                "The patch to be applied to the resource JSON file.",
            )
            .shorthand('p');
        flags.add(
            "patch-file",
            &mut self.patch_file,
            "A file containing a patch to be applied to the resource.",
        );
        flags.add(
            "type",
            &mut self.patch_type,
            "The type of patch being provided; one of [json merge strategic]",
        );
        flags.add(
            "local",
            &mut self.local,
            "If true, patch will operate on the content of the file, not the server-side resource.",
        );
        flags.add(
            "subresource",
            &mut self.subresource,
            "If specified, patch will operate on the subresource of the requested object.",
        );
    }
}

#[async_trait(?Send)]
impl Run for PatchOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.writing.check()?;
        let kind = self.check(arguments)?;
        let text = if self.patch_file.is_empty() {
            self.patch.clone()
        } else {
            let name = &self.patch_file;
            std::fs::read_to_string(name)
                .map_err(|error| message!("unable to read patch file: open {name}: {error}"))?
        };
        let patch = yaml_to_json(&text).map_err(|error| message!("unable to parse {:?}: {error}", self.patch))?;
        let patch = TypedPatch { kind, patch };
        let found = context
            .objects(&self.files)?
            .continue_on_error()
            .local_if(self.local)
            .subresource(&self.subresource)
            .resource_type_or_name_args(false, arguments)
            .flatten()
            .find()
            .await?;
        let nothing = found.infos.is_empty() && found.errors.is_empty();
        visit(found, async |info| self.one(context, &info, &patch).await).await?;
        if nothing {
            Err(message!("no objects passed to patch"))
        } else {
            Ok(())
        }
    }
}

impl PatchOptions {
    fn check(&self, arguments: &Arguments) -> Result<PatchType> {
        if !self.patch.is_empty() && !self.patch_file.is_empty() {
            return Err(message!("cannot specify --patch and --patch-file together"));
        }
        if self.patch.is_empty() && self.patch_file.is_empty() {
            return Err(message!(
                "must specify --patch or --patch-file containing the contents of the patch"
            ));
        }
        if self.local && !arguments.is_empty() {
            return Err(message!("cannot specify --local and server resources"));
        }
        if self.local && self.writing.dry_run.is_server() {
            return Err(message!(
                "cannot specify --local and --dry-run=server - did you mean --dry-run=client?"
            ));
        }
        match self.patch_type.to_lowercase().as_str() {
            "json" => Ok(PatchType::Json),
            "merge" => Ok(PatchType::Merge),
            "strategic" | "" => Ok(PatchType::Strategic),
            _ => Err(message!(
                "--type must be one of [json merge strategic], not {:?}",
                self.patch_type
            )),
        }
    }

    async fn one(&self, context: &Context, info: &Info, patch: &TypedPatch) -> Result<()> {
        let sends = !(self.local || self.writing.dry_run.is_client());
        let mut patched = if !sends {
            patching::apply(info.object(), patch.kind, &patch.patch).map_err(refused)?
        } else {
            let mut info = info.clone();
            info.subresource.clone_from(&self.subresource);
            write::patch(context, &info, patch, &self.writing.options())
                .await
                .map_err(|error| match (error.status(), &info.mapping) {
                    (Some(status), Some(mapping)) if status.status().code == 415 => message!(
                        "{} is not supported by {}, Kind={}: {error}",
                        patch.kind.media_type(),
                        mapping.group_version_resource().group_version(),
                        mapping.kind
                    ),
                    _ => error,
                })?
        };
        let operation = if patched == *info.object() {
            "patched (no change)"
        } else {
            "patched"
        };
        if let Some(patch) = self.record.patch(context).filter(|_| sends) {
            patched = write::send_patch(context, info, &patch, &self.writing.options()).await?;
        }
        self.writing.print_undecorated(context, operation, &patched)
    }
}
