//! `kubectl annotate`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::pairs::Members;

use cli_runtime::Result;

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::metadata::MetadataOptions;

/// The command.
pub static COMMAND: Command = Command {
    name: "annotate",
    usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
    short: "Update the annotations on a resource",
    long: "Update the annotations on one or more resources.\n\n All of an object's annotations are key/value pairs, which may hold more than labels may: tools keep structured texts in them.\n\n Annotations that are there keep their value unless --overwrite is true. With --resource-version the update only succeeds if that is the object's current revision.\n\nUse \"kubectl api-resources\" for a complete list of supported resources.",
    examples: "# Describe the pod 'web'
kubectl annotate pods web description='my frontend'

# Annotate what a manifest describes
kubectl annotate -f pod.json description='my frontend'

# Give the annotation another value
kubectl annotate --overwrite pods web description='my frontend running nginx'

# Annotate every pod of the namespace
kubectl annotate pods --all description='my frontend running nginx'

# Only if the pod has not changed since revision 1
kubectl annotate pods web description='my frontend running nginx' --resource-version=1

# Remove the annotation 'description'
kubectl annotate pods web description-",
    group: Group::Settings,
    options: Some(|| Box::new(AnnotateOptions(MetadataOptions::new(Members::Annotations)))),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct AnnotateOptions(MetadataOptions);

impl Flags for AnnotateOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.0.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for AnnotateOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.0.run(context, arguments).await
    }
}
