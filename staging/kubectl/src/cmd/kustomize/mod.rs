//! `kubectl kustomize`.

use std::path::Path;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags, StringArray};

use cli_runtime::{Result, message};

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};

/// The command.
pub static COMMAND: Command = Command {
    name: "kustomize",
    usage: "DIR [flags]",
    short: "Build a kustomization target from a directory or URL",
    long: "Build a set of KRM resources using a 'kustomization.yaml' file. DIR is a directory that contains 'kustomization.yaml'. If DIR is omitted, '.' is assumed.",
    examples: "# Build the current working directory
kubectl kustomize

# Build some shared configuration directory
kubectl kustomize /home/config/production",
    group: Group::Advanced,
    options: Some(|| Box::new(KustomizeOptions::default())),
    completion: Completion::Files,
    ..Command::EMPTY
};

/// Files of a kustomization lie in its folder.
const ROOT_ONLY: &str = "LoadRestrictionsRootOnly";
/// They may lie anywhere.
const NONE: &str = "LoadRestrictionsNone";

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct KustomizeOptions {
    output: String,
    load_restrictor: String,
    reorder: String,
    managed_by_label: bool,
    enable_helm: bool,
    enable_plugins: bool,
    helm_command: String,
    helm_api_versions: StringArray,
    helm_kube_version: String,
    helm_debug: bool,
    network: bool,
    network_name: String,
    mount: StringArray,
    env: StringArray,
    as_current_user: bool,
}

impl Default for KustomizeOptions {
    fn default() -> Self {
        Self {
            output: String::new(),
            load_restrictor: ROOT_ONLY.to_owned(),
            reorder: "legacy".to_owned(),
            managed_by_label: false,
            enable_helm: false,
            enable_plugins: false,
            helm_command: "helm".to_owned(),
            helm_api_versions: StringArray::default(),
            helm_kube_version: String::new(),
            helm_debug: false,
            network: false,
            network_name: "bridge".to_owned(),
            mount: StringArray::default(),
            env: StringArray::default(),
            as_current_user: false,
        }
    }
}

impl Flags for KustomizeOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add("output", &mut self.output, "If specified, write output to this path.")
            .shorthand('o');
        flags.add(
            "network",
            &mut self.network,
            "enable network access for functions that declare it",
        );
        flags.add(
            "network-name",
            &mut self.network_name,
            "the docker network to run the container in",
        );
        flags.add(
            "mount",
            &mut self.mount,
            "a list of storage options read from the filesystem",
        );
        flags
            .add(
                "env",
                &mut self.env,
                "a list of environment variables to be used by functions",
            )
            .shorthand('e');
        flags.add(
            "as-current-user",
            &mut self.as_current_user,
            "use the uid and gid of the command executor to run the function in the container",
        );
        flags.add("load-restrictor", &mut self.load_restrictor, "if set to 'LoadRestrictionsNone', local kustomizations may load files from outside their root. This does, however, break the relocatability of the kustomization.");
        flags.add(
            "enable-alpha-plugins",
            &mut self.enable_plugins,
            "enable kustomize plugins",
        );
        flags
            .add(
                "reorder",
                &mut self.reorder,
                "Reorder the resources just before output. Use 'legacy' to apply a legacy reordering (Namespaces first, Webhooks last, etc). Use 'none' to suppress a final reordering.",
            )
            .deprecated("use the new 'sortOptions' field in kustomization.yaml instead.");
        flags
            .add(
                "enable-managedby-label",
                &mut self.managed_by_label,
                "enable adding app.kubernetes.io/managed-by",
            )
            .deprecated("The flag `enable-managedby-label` has been deprecated. Use the `managedByLabel` option in the `buildMetadata` field instead.");
        flags.add(
            "enable-helm",
            &mut self.enable_helm,
            "Enable use of the Helm chart inflator generator.",
        );
        flags.add(
            "helm-command",
            &mut self.helm_command,
            "helm command (path to executable)",
        );
        flags.add(
            "helm-api-versions",
            &mut self.helm_api_versions,
            "Kubernetes api versions used by Helm for Capabilities.APIVersions",
        );
        flags.add(
            "helm-kube-version",
            &mut self.helm_kube_version,
            "Kubernetes version used by Helm for Capabilities.KubeVersion",
        );
        flags.add(
            "helm-debug",
            &mut self.helm_debug,
            "Enable debug output from the Helm chart inflator generator.",
        );
    }
}

#[async_trait(?Send)]
impl Run for KustomizeOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let folder = match &arguments[..] {
            [] => ".",
            [folder] => folder,
            _ => return Err(message!("specify one path to kustomization.yaml")),
        };
        if !matches!(self.load_restrictor.as_str(), ROOT_ONLY | NONE | "") {
            return Err(message!(
                "illegal flag value --load-restrictor {}; legal values: [{ROOT_ONLY} {NONE}]",
                self.load_restrictor
            ));
        }
        if !matches!(self.reorder.as_str(), "none" | "legacy") {
            return Err(message!(
                "illegal flag value --reorder {}; legal values: [legacy none]",
                self.reorder
            ));
        }
        let managed_by = std::env::var("KUSTOMIZE_ENABLE_MANAGEDBY_LABEL").is_ok_and(|value| value == "on");
        let options = kustomize::Options {
            load_anywhere: self.load_restrictor == NONE,
            managed_by_label: self.managed_by_label || managed_by,
            helm: self.enable_helm,
            unsorted: self.reorder == "none",
        };
        let built = kustomize::build(Path::new(folder), options);
        for warning in &built.warnings {
            context.streams.err.print(format!("{warning}\n"))?;
        }
        let objects = built.objects.map_err(|error| message!("{error}"))?;
        let output = Path::new(&self.output);
        if self.output.is_empty() {
            return Ok(context.streams.out.print(kustomize::to_yaml(&objects))?);
        }
        if !output.is_dir() {
            return Ok(std::fs::write(output, kustomize::to_yaml(&objects))?);
        }
        for (name, object) in kustomize::file_names(&objects).iter().zip(&objects) {
            std::fs::write(output.join(name), kustomize::to_yaml(std::slice::from_ref(object)))?;
        }
        Ok(())
    }
}
