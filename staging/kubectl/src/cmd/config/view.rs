//! `kubectl config view`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use cli_runtime::{PrintFlags, Result, message};
use client_go::config::Kubeconfig;
use client_go::config::kubeconfig::{AuthInfo, Cluster, Context as Entry, Preferences};

use super::words;
use crate::frame::{Arguments, Command, Context, Run};

/// The command.
pub(super) static VIEW: Command = Command {
    name: "view",
    usage: "[flags]",
    short: "Display merged kubeconfig settings or a specified kubeconfig file",
    long: "Display merged kubeconfig settings or a specified kubeconfig file.\n\n Single values can be had with --output jsonpath={...}.",
    examples: "# The merged settings
kubectl config view

# With certificates and secrets
kubectl config view --raw

# The password of the user e2e
kubectl config view -o jsonpath='{.users[?(@.name == \"e2e\")].user.password}'",
    options: Some(|| Box::new(View::default())),
    ..Command::EMPTY
};

struct View {
    print: PrintFlags,
    merge: bool,
    raw: bool,
    flatten: bool,
    minify: bool,
}

impl Default for View {
    fn default() -> Self {
        let mut print = PrintFlags::new("");
        "yaml".clone_into(&mut print.output);
        Self {
            print,
            merge: true,
            raw: false,
            flatten: false,
            minify: false,
        }
    }
}

impl Flags for View {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        flags.add("merge", &mut self.merge, "Merge the full hierarchy of kubeconfig files");
        flags.add("raw", &mut self.raw, "Display raw byte data and sensitive data");
        flags.add("flatten", &mut self.flatten, "Flatten the resulting kubeconfig file into self-contained output (useful for creating portable kubeconfig files)");
        flags.add(
            "minify",
            &mut self.minify,
            "Remove all information not used by current-context from the output",
        );
    }
}

#[derive(Serialize)]
struct NamedCluster<'c> {
    name: &'c str,
    cluster: &'c Cluster,
}

#[derive(Serialize)]
struct NamedContext<'c> {
    name: &'c str,
    context: &'c Entry,
}

#[derive(Serialize)]
struct NamedUser<'c> {
    name: &'c str,
    user: &'c AuthInfo,
}

/// The file's members in the order in which Go writes them.
#[derive(Serialize)]
struct File<'c> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferences: Option<&'c Preferences>,
    clusters: Option<Vec<NamedCluster<'c>>>,
    users: Option<Vec<NamedUser<'c>>>,
    contexts: Option<Vec<NamedContext<'c>>>,
    #[serde(rename = "current-context")]
    current_context: &'c str,
}

fn file(config: &Kubeconfig) -> File<'_> {
    fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
        (!list.is_empty()).then_some(list)
    }
    File {
        kind: "Config",
        api_version: "v1",
        preferences: Some(&config.preferences).filter(|preferences| **preferences != Preferences::default()),
        clusters: some(
            config
                .clusters
                .iter()
                .map(|(name, cluster)| NamedCluster { name, cluster })
                .collect(),
        ),
        users: some(
            config
                .auth_infos
                .iter()
                .map(|(name, user)| NamedUser { name, user })
                .collect(),
        ),
        contexts: some(
            config
                .contexts
                .iter()
                .map(|(name, context)| NamedContext { name, context })
                .collect(),
        ),
        current_context: &config.current_context,
    }
}

impl View {
    fn config(&self, context: &Context) -> Result<Kubeconfig> {
        let rules = context.factory.flags().loading_rules();
        let mut config = match &rules.explicit {
            Some(path) if !path.exists() && self.merge => Kubeconfig::default(),
            _ => rules.load_raw()?,
        };
        if self.minify {
            let name = &context.factory.flags().context;
            if !name.is_empty() {
                config.current_context.clone_from(name);
            }
            config.minify()?;
        }
        if self.flatten {
            config.flatten()?;
        } else if !self.raw {
            redact(&mut config);
        }
        Ok(config)
    }
}

/// Secrets are hidden and long data left out.
fn redact(config: &mut Kubeconfig) {
    // Base64 of these bytes reads `DATA+OMITTED`.
    let omitted = [0x0c, 0x04, 0xc0, 0xf8, 0xe3, 0x08, 0x4d, 0x31, 0x03];
    for user in config.auth_infos.values_mut() {
        for secret in [&mut user.token, &mut user.password] {
            if !secret.is_empty() {
                "REDACTED".clone_into(secret);
            }
        }
        for data in [&mut user.client_certificate_data, &mut user.client_key_data] {
            if !data.is_empty() {
                *data = omitted.to_vec().into();
            }
        }
    }
    for cluster in config.clusters.values_mut() {
        if !cluster.certificate_authority_data.is_empty() {
            cluster.certificate_authority_data = omitted.to_vec().into();
        }
    }
}

#[async_trait(?Send)]
impl Run for View {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if !arguments.is_empty() {
            return Err(context.usage_error(&format!("unexpected arguments: {}", words(arguments))));
        }
        let explicit = !context.factory.flags().kubeconfig.is_empty();
        if explicit && !arguments.given("merge") {
            self.merge = false;
        }
        let mut printer = self.print.to_printer()?;
        if !self.merge && !explicit {
            return Err(message!("if merge==false a precise file must be specified"));
        }
        let config = self.config(context)?;
        let file = file(&config);
        if self.print.output == "json" {
            let mut bytes = Vec::new();
            let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
            file.serialize(&mut serializer).map_err(|error| message!("{error}"))?;
            bytes.push(b'\n');
            return Ok(context.streams.out.print(bytes)?);
        }
        let value: Value = serde_json::to_value(&file).map_err(|error| message!("{error}"))?;
        printer.print(&value, &mut &context.streams.out)
    }
}
