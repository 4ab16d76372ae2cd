//! The flags.

use std::sync::LazyLock;

use component_base::flags::{FlagSet, Flags, StringToString};
use regex::Regex;

/// The flags and their defaults.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct DebugOptions {
    pub(super) filenames: Vec<String>,
    pub(super) arguments_only: bool,
    pub(super) attach: bool,
    pub(super) container: String,
    pub(super) copy_to: String,
    pub(super) replace: bool,
    pub(super) env: StringToString,
    pub(super) image: String,
    pub(super) keep_labels: bool,
    pub(super) keep_annotations: bool,
    pub(super) keep_liveness: bool,
    pub(super) keep_readiness: bool,
    pub(super) keep_startup: bool,
    pub(super) keep_init_containers: bool,
    pub(super) set_image: StringToString,
    pub(super) image_pull_policy: String,
    pub(super) stdin: bool,
    pub(super) quiet: bool,
    pub(super) same_node: bool,
    pub(super) share_processes: bool,
    pub(super) target: String,
    pub(super) tty: bool,
    pub(super) profile: String,
    pub(super) custom: String,
}

impl Default for DebugOptions {
    fn default() -> Self {
        Self {
            filenames: Vec::new(),
            arguments_only: false,
            attach: false,
            container: String::new(),
            copy_to: String::new(),
            replace: false,
            env: StringToString::default(),
            image: String::new(),
            keep_labels: false,
            keep_annotations: false,
            keep_liveness: false,
            keep_readiness: false,
            keep_startup: false,
            keep_init_containers: true,
            set_image: StringToString::default(),
            image_pull_policy: String::new(),
            stdin: false,
            quiet: false,
            same_node: false,
            share_processes: true,
            target: String::new(),
            tty: false,
            profile: "general".to_owned(),
            custom: String::new(),
        }
    }
}

impl Flags for DebugOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add("filename", &mut self.filenames, "identifying the resource to debug")
            .shorthand('f');
        flags.add(
            "arguments-only",
            &mut self.arguments_only,
            "If specified, everything after -- will be passed to the new container as Args instead of Command.",
        );
        flags.add("attach", &mut self.attach, "If true, wait for the container to start running, and then attach as if 'kubectl attach ...' were called.  Default false, unless '-i/--stdin' is set, in which case the default is true.");
        flags
            .add(
                "container",
                &mut self.container,
                "Container name to use for debug container.",
            )
            .shorthand('c');
        flags.add(
            "copy-to",
            &mut self.copy_to,
            "Create a copy of the target Pod with this name.",
        );
        flags.add(
            "replace",
            &mut self.replace,
            "When used with '--copy-to', delete the original Pod.",
        );
        flags.add("env", &mut self.env, "Environment variables to set in the container.");
        flags.add("image", &mut self.image, "Container image to use for debug container.");
        flags.add(
            "keep-labels",
            &mut self.keep_labels,
            "If true, keep the original pod labels.(This flag only works when used with '--copy-to')",
        );
        flags.add(
            "keep-annotations",
            &mut self.keep_annotations,
            "If true, keep the original pod annotations.(This flag only works when used with '--copy-to')",
        );
        flags.add(
            "keep-liveness",
            &mut self.keep_liveness,
            "If true, keep the original pod liveness probes.(This flag only works when used with '--copy-to')",
        );
        flags.add(
            "keep-readiness",
            &mut self.keep_readiness,
            "If true, keep the original pod readiness probes.(This flag only works when used with '--copy-to')",
        );
        flags.add(
            "keep-startup",
            &mut self.keep_startup,
            "If true, keep the original startup probes.(This flag only works when used with '--copy-to')",
        );
        flags.add(
            "keep-init-containers",
            &mut self.keep_init_containers,
            "Run the init containers for the pod. Defaults to true.(This flag only works when used with '--copy-to')",
        );
        flags.add("set-image", &mut self.set_image, "When used with '--copy-to', a list of name=image pairs for changing container images, similar to how 'kubectl set image' works.");
        flags.add("image-pull-policy", &mut self.image_pull_policy, "The image pull policy for the container. If left empty, this value will not be specified by the client and defaulted by the server.");
        flags
            .add(
                "stdin",
                &mut self.stdin,
                "Keep stdin open on the container(s) in the pod, even if nothing is attached.",
            )
            .shorthand('i');
        flags
            .add("quiet", &mut self.quiet, "If true, suppress informational messages.")
            .shorthand('q');
        flags.add(
            "same-node",
            &mut self.same_node,
            "When used with '--copy-to', schedule the copy of target Pod on the same node.",
        );
        flags.add(
            "share-processes",
            &mut self.share_processes,
            "When used with '--copy-to', enable process namespace sharing in the copy.",
        );
        flags.add(
            "target",
            &mut self.target,
            "When using an ephemeral container, target processes in this container name.",
        );
        flags
            .add("tty", &mut self.tty, "Allocate a TTY for the debugging container.")
            .shorthand('t');
        flags.add("profile", &mut self.profile, "Options are \"general\", \"baseline\", \"restricted\", \"netadmin\" or \"sysadmin\". Defaults to \"general\"");
        flags.add(
            "custom",
            &mut self.custom,
            "Path to a JSON or YAML file containing a partial container spec to customize built-in debug profiles.",
        );
    }
}

/// The grammar of the names of images: domain, path, tag, digest.
static IMAGE: LazyLock<Regex> = LazyLock::new(|| {
    let part = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let domain = format!(r"(?:{part}(?:\.{part})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?");
    let path = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
    let digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
    let whole = format!(r"^(?:{domain}/)?{path}(?:/{path})*(?::[0-9A-Za-z_][0-9A-Za-z_.-]{{0,127}})?(?:@{digest})?$");
    Regex::new(&whole).expect("the grammar of images is an expression")
});

/// Whether the text is the name of an image.
pub(super) fn is_image(text: &str) -> bool {
    IMAGE.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_a_grammar() {
        let digest = format!("a/b@sha256:{}", "0".repeat(64));
        for (text, expected) in [
            ("busybox", true),
            ("host:5000/a/b_c:v1.0", true),
            ("[::1]:80/a", true),
            (digest.as_str(), true),
            ("Busybox", false),
            ("a:", false),
            ("a@sha256:0", false),
            ("", false),
        ] {
            assert_eq!(is_image(text), expected, "{text}");
        }
    }
}
