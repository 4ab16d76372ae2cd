//! `kubectl label`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::pairs::Members;

use cli_runtime::Result;

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::metadata::MetadataOptions;

/// The command.
pub static COMMAND: Command = Command {
    name: "label",
    usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
    short: "Update the labels on a resource",
    long: "Update the labels on a resource.\n\n  *  A label key and value must begin with a letter or number, and may contain letters, numbers, hyphens, dots, and underscores, up to 63 characters each.\n  *  The key may have a DNS subdomain before a single '/', such as example.com/my-app.\n  *  Labels that are there keep their value unless --overwrite is true.\n  *  With --resource-version the update only succeeds if that is the object's current revision.",
    examples: "# Set the label 'tier' of the pod 'web'
kubectl label pods web tier=front

# Give the label another value
kubectl label --overwrite pods web status=unhealthy

# Label every pod of the namespace
kubectl label pods --all status=unhealthy

# Label what a manifest describes
kubectl label -f pod.json status=unhealthy

# Only if the pod has not changed since revision 1
kubectl label pods web status=unhealthy --resource-version=1

# Remove the label 'bar'
kubectl label pods web bar-",
    group: Group::Settings,
    options: Some(|| Box::new(LabelOptions(MetadataOptions::new(Members::Labels)))),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct LabelOptions(MetadataOptions);

impl Flags for LabelOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.0.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for LabelOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.0.run(context, arguments).await
    }
}
