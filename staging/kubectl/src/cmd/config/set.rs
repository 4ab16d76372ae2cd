//! `set-cluster` and `set-context`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};

use cli_runtime::{Result, message};
use k8s_api::primitives::quote;

use super::{Files, words};
use crate::frame::{Arguments, Command, Completion, Context, Run};

/// `set-cluster`.
pub(super) static SET_CLUSTER: Command = Command {
    name: "set-cluster",
    usage: "NAME [--server=server] [--certificate-authority=path/to/certificate/authority] [--insecure-skip-tls-verify=true] [--tls-server-name=example.com]",
    short: "Set a cluster entry in kubeconfig",
    long: "Set a cluster entry in kubeconfig.\n\n Of a cluster that is there already, only what is given is changed.",
    examples: "# The server of the cluster e2e, and nothing else
kubectl config set-cluster e2e --server=https://1.2.3.4

# Put the authorities' certificates into the file
kubectl config set-cluster e2e --embed-certs --certificate-authority=~/.kube/e2e/kubernetes.ca.crt

# Do not check the server's certificate
kubectl config set-cluster e2e --insecure-skip-tls-verify=true

# The name that the server's certificate is checked against
kubectl config set-cluster e2e --tls-server-name=my-cluster-name

# Go through a proxy
kubectl config set-cluster e2e --proxy-url=https://1.2.3.4",
    options: Some(|| Box::new(SetCluster::default())),
    completion: Completion::Clusters,
    ..Command::EMPTY
};

/// `set-context`.
pub(super) static SET_CONTEXT: Command = Command {
    name: "set-context",
    usage: "[NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace]",
    short: "Set a context entry in kubeconfig",
    long: "Set a context entry in kubeconfig.\n\n Of a context that is there already, only what is given is changed.",
    examples: "# The user of the context gce, and nothing else\nkubectl config set-context gce --user=cluster-admin\n\n# The namespace of the current context\nkubectl config set-context --current --namespace=backend",
    options: Some(|| Box::new(SetContext::default())),
    completion: Completion::Contexts,
    ..Command::EMPTY
};

#[derive(Default)]
struct SetCluster {
    server: Option<String>,
    tls_server_name: Option<String>,
    insecure: bool,
    certificate_authority: Option<String>,
    embed_certs: bool,
    proxy_url: Option<String>,
}

impl Flags for SetCluster {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("server", &mut self.server, "server for the cluster entry in kubeconfig");
        flags.add(
            "tls-server-name",
            &mut self.tls_server_name,
            "tls-server-name for the cluster entry in kubeconfig",
        );
        flags.add(
            "insecure-skip-tls-verify",
            &mut self.insecure,
            "insecure-skip-tls-verify for the cluster entry in kubeconfig",
        );
        flags.add(
            "certificate-authority",
            &mut self.certificate_authority,
            "Path to certificate-authority file for the cluster entry in kubeconfig",
        );
        flags.add(
            "embed-certs",
            &mut self.embed_certs,
            "embed-certs for the cluster entry in kubeconfig",
        );
        flags.add(
            "proxy-url",
            &mut self.proxy_url,
            "proxy-url for the cluster entry in kubeconfig",
        );
    }
}

impl SetCluster {
    fn check(&self, name: &str) -> Result<()> {
        let authority = self.certificate_authority.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(message!("you must specify a non-empty cluster name"));
        }
        if self.insecure && !authority.is_empty() {
            return Err(message!(
                "you cannot specify a certificate authority and insecure mode at the same time"
            ));
        }
        if self.embed_certs {
            if authority.is_empty() {
                return Err(message!("you must specify a --certificate-authority to embed"));
            }
            check_file("certificate-authority", authority)?;
        }
        Ok(())
    }
}

/// Whether a file that a flag names is there.
pub(super) fn check_file(flag: &str, path: &str) -> Result<()> {
    if std::fs::metadata(path).is_err() {
        return Err(message!(
            "could not stat {flag} file {path}: stat {path}: no such file or directory"
        ));
    }
    Ok(())
}

#[async_trait(?Send)]
impl Run for SetCluster {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let [name] = arguments.words.as_slice() else {
            return Err(context.help_error(&format!("Unexpected args: {}", words(arguments))));
        };
        self.check(name)?;
        let mut files = Files::load(context)?;
        let mut cluster = files.config.clusters.get(name).cloned().unwrap_or_default();
        if let Some(server) = &self.server {
            cluster.server.clone_from(server);
            // The name belonged to the other server.
            cluster.tls_server_name.clear();
        }
        if let Some(name) = &self.tls_server_name {
            cluster.tls_server_name.clone_from(name);
        }
        if arguments.given("insecure-skip-tls-verify") {
            cluster.insecure_skip_tls_verify = self.insecure;
            if self.insecure {
                cluster.certificate_authority.clear();
                cluster.certificate_authority_data = Vec::new().into();
            }
        }
        if let Some(path) = &self.certificate_authority {
            if self.embed_certs {
                cluster.certificate_authority_data = std::fs::read(path)?.into();
                cluster.insecure_skip_tls_verify = false;
                cluster.certificate_authority.clear();
            } else {
                cluster.certificate_authority = files.stored_path(path, cluster.location_of_origin.as_ref())?;
                if !path.is_empty() {
                    cluster.insecure_skip_tls_verify = false;
                    cluster.certificate_authority_data = Vec::new().into();
                }
            }
        }
        if let Some(url) = &self.proxy_url {
            cluster.proxy_url.clone_from(url);
        }
        files.config.clusters.insert(name.clone(), cluster);
        files.write()?;
        Ok(context.streams.out.print(format!("Cluster {} set.\n", quote(name)))?)
    }
}

#[derive(Default)]
struct SetContext {
    current: bool,
    cluster: Option<String>,
    user: Option<String>,
    namespace: Option<String>,
}

impl Flags for SetContext {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("current", &mut self.current, "Modify the current context");
        flags.add(
            "cluster",
            &mut self.cluster,
            "cluster for the context entry in kubeconfig",
        );
        flags.add("user", &mut self.user, "user for the context entry in kubeconfig");
        flags
            .add(
                "namespace",
                &mut self.namespace,
                "namespace for the context entry in kubeconfig",
            )
            .shorthand('n');
    }
}

#[async_trait(?Send)]
impl Run for SetContext {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let name = match arguments.words.as_slice() {
            [] => "",
            [name] => name.as_str(),
            _ => return Err(context.help_error(&format!("Unexpected args: {}", words(arguments)))),
        };
        if name.is_empty() && !self.current {
            return Err(message!("you must specify a non-empty context name or --current"));
        }
        if !name.is_empty() && self.current {
            return Err(message!("you cannot specify both a context name and --current"));
        }
        let mut files = Files::load(context)?;
        let name = if self.current {
            files.config.current_context.clone()
        } else {
            name.to_owned()
        };
        if name.is_empty() {
            return Err(message!("no current context is set"));
        }
        let known = files.config.contexts.contains_key(&name);
        let entry = files.config.contexts.entry(name.clone()).or_default();
        for (member, given) in [
            (&mut entry.cluster, &self.cluster),
            (&mut entry.auth_info, &self.user),
            (&mut entry.namespace, &self.namespace),
        ] {
            if let Some(given) = given {
                member.clone_from(given);
            }
        }
        files.write()?;
        let done = if known { "modified" } else { "created" };
        Ok(context
            .streams
            .out
            .print(format!("Context {} {done}.\n", quote(&name)))?)
    }
}
