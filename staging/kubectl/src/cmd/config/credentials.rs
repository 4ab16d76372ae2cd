//! `set-credentials`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags, StringArray};
use serde_json::{Value, json};

use cli_runtime::{Result, message};
use client_go::config::kubeconfig::{AuthInfo, ExecConfig, ExecEnvVar};
use k8s_api::primitives::quote;

use super::set::check_file;
use super::{Files, words};
use crate::frame::{Arguments, Command, Completion, Context, Run};

/// `set-credentials`.
pub(super) static SET_CREDENTIALS: Command = Command {
    name: "set-credentials",
    usage: "NAME [--client-certificate=path/to/certfile] [--client-key=path/to/keyfile] [--token=bearer_token] [--username=basic_user] [--password=basic_password] [--auth-provider=provider_name] [--auth-provider-arg=key=value] [--exec-command=exec_command] [--exec-api-version=exec_api_version] [--exec-arg=arg] [--exec-env=key=value]",
    short: "Set a user entry in kubeconfig",
    long: "Set a user entry in kubeconfig.\n\n Of a user that is there already, only what is given is changed. A user has a client certificate (--client-certificate, --client-key), a bearer token (--token) or a name and password (--username, --password); a token and a password exclude each other.",
    examples: "# The key of the user cluster-admin, and nothing else
kubectl config set-credentials cluster-admin --client-key=~/.kube/admin.key

# A name and a password
kubectl config set-credentials cluster-admin --username=admin --password=secret

# Put the client's certificate into the file
kubectl config set-credentials cluster-admin --client-certificate=~/.kube/admin.crt --embed-certs=true

# A program that gives credentials
kubectl config set-credentials cluster-admin --exec-command=/path/to/program --exec-api-version=client.authentication.k8s.io/v1

# Arguments and environment of that program; a name with a dash behind it is removed
kubectl config set-credentials cluster-admin --exec-arg=arg1 --exec-env=key1=value1 --exec-env=other-",
    options: Some(|| Box::new(SetCredentials::default())),
    completion: Completion::Users,
    ..Command::EMPTY
};

#[derive(Default)]
struct SetCredentials {
    client_certificate: Option<String>,
    client_key: Option<String>,
    token: Option<String>,
    username: Option<String>,
    password: Option<String>,
    auth_provider: Option<String>,
    auth_provider_args: Vec<String>,
    exec_command: Option<String>,
    exec_api_version: Option<String>,
    exec_interactive_mode: Option<String>,
    exec_provide_cluster_info: Option<bool>,
    exec_args: Vec<String>,
    exec_env: StringArray,
    embed_certs: bool,
}

impl Flags for SetCredentials {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "client-certificate",
            &mut self.client_certificate,
            "Path to client-certificate file for the user entry in kubeconfig",
        );
        flags.add(
            "client-key",
            &mut self.client_key,
            "Path to client-key file for the user entry in kubeconfig",
        );
        flags.add("token", &mut self.token, "token for the user entry in kubeconfig");
        flags.add(
            "username",
            &mut self.username,
            "username for the user entry in kubeconfig",
        );
        flags.add(
            "password",
            &mut self.password,
            "password for the user entry in kubeconfig",
        );
        flags.add(
            "auth-provider",
            &mut self.auth_provider,
            "Auth provider for the user entry in kubeconfig",
        );
        flags.add(
            "auth-provider-arg",
            &mut self.auth_provider_args,
            "'key=value' arguments for the auth provider",
        );
        flags.add(
            "exec-command",
            &mut self.exec_command,
            "Command for the exec credential plugin for the user entry in kubeconfig",
        );
        flags.add(
            "exec-api-version",
            &mut self.exec_api_version,
            "API version of the exec credential plugin for the user entry in kubeconfig",
        );
        flags.add(
            "exec-interactive-mode",
            &mut self.exec_interactive_mode,
            "InteractiveMode of the exec credentials plugin for the user entry in kubeconfig",
        );
        flags.add(
            "exec-provide-cluster-info",
            &mut self.exec_provide_cluster_info,
            "ProvideClusterInfo of the exec credentials plugin for the user entry in kubeconfig",
        );
        flags.add(
            "exec-arg",
            &mut self.exec_args,
            "New arguments for the exec credential plugin command for the user entry in kubeconfig",
        );
        flags.add(
            "exec-env",
            &mut self.exec_env,
            "'key=value' environment values for the exec credential plugin",
        );
        flags.add(
            "embed-certs",
            &mut self.embed_certs,
            "Embed client cert/key for the user entry in kubeconfig",
        );
    }
}

/// `key=value` to set, `key-` to remove.
type Pairs = (Vec<(String, String)>, Vec<String>);

fn pairs(words: &[String], flag: &str) -> Result<Pairs> {
    let (mut set, mut removed, mut invalid) = (Vec::new(), Vec::new(), Vec::new());
    for word in words {
        match (word.split_once('='), word.strip_suffix('-')) {
            (Some(("", _)), _) => invalid.push(word.as_str()),
            (Some((key, value)), _) => set.push((key.to_owned(), value.to_owned())),
            (None, Some(key)) => removed.push(key.to_owned()),
            (None, None) => invalid.push(word),
        }
    }
    if invalid.is_empty() {
        return Ok((set, removed));
    }
    Err(message!("invalid {flag} format: {}", invalid.join(", ")))
}

impl SetCredentials {
    fn check(&self, name: &str) -> Result<()> {
        let filled = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        if name.is_empty() {
            return Err(message!("you must specify a non-empty user name"));
        }
        if filled(&self.token) && (filled(&self.username) || filled(&self.password)) {
            return Err(message!(
                "you cannot specify more than one authentication method at the same time: --token, --username/--password"
            ));
        }
        if self.embed_certs {
            if !filled(&self.client_certificate) && !filled(&self.client_key) {
                return Err(message!(
                    "you must specify a --client-certificate or --client-key to embed"
                ));
            }
            for (flag, path) in [
                ("client-certificate", &self.client_certificate),
                ("client-key", &self.client_key),
            ] {
                if let Some(path) = path.as_deref().filter(|path| !path.is_empty()) {
                    check_file(flag, path)?;
                }
            }
        }
        let modes = ["IfAvailable", "Always", "Never"];
        if self
            .exec_interactive_mode
            .as_deref()
            .is_some_and(|mode| !modes.contains(&mode))
        {
            return Err(message!(
                "invalid interactive mode type, can be only IfAvailable, Never, Always"
            ));
        }
        Ok(())
    }

    fn files(&self, files: &Files, user: &mut AuthInfo) -> Result<()> {
        let origin = user.location_of_origin.clone();
        for (given, path, data) in [
            (
                &self.client_certificate,
                &mut user.client_certificate,
                &mut user.client_certificate_data,
            ),
            (&self.client_key, &mut user.client_key, &mut user.client_key_data),
        ] {
            let Some(given) = given else { continue };
            if self.embed_certs {
                *data = std::fs::read(given)?.into();
                path.clear();
            } else {
                *path = files.stored_path(given, origin.as_ref())?;
                if !path.is_empty() {
                    *data = Vec::new().into();
                }
            }
        }
        Ok(())
    }

    /// A token and a password exclude each other.
    fn secrets(&self, user: &mut AuthInfo) {
        let take = |given: &Option<String>, member: &mut String| {
            given.as_ref().is_some_and(|given| {
                member.clone_from(given);
                !given.is_empty()
            })
        };
        let token = take(&self.token, &mut user.token);
        let username = take(&self.username, &mut user.username);
        let password = take(&self.password, &mut user.password);
        if token && !(username || password) {
            user.username.clear();
            user.password.clear();
        }
        if (username || password) && !token {
            user.token.clear();
        }
    }

    fn provider(&self, user: &mut AuthInfo) -> Result<()> {
        if let Some(name) = &self.auth_provider {
            let same = user
                .auth_provider
                .as_ref()
                .is_some_and(|provider| provider["name"] == name.as_str());
            if !same {
                user.auth_provider = Some(json!({"name": name, "config": {}}));
            }
        }
        let (set, removed) = pairs(&self.auth_provider_args, "auth-provider-arg")?;
        let Some(Value::Object(provider)) = &mut user.auth_provider else {
            return Ok(());
        };
        let config = provider.entry("config").or_insert_with(|| json!({}));
        if let Some(config) = config.as_object_mut() {
            removed.iter().for_each(|key| drop(config.remove(key)));
            config.extend(set.into_iter().map(|(key, value)| (key, value.into())));
        }
        Ok(())
    }

    fn exec(&self, user: &mut AuthInfo) -> Result<()> {
        if let Some(command) = &self.exec_command {
            let exec = user.exec.get_or_insert_with(ExecConfig::default);
            exec.command.clone_from(command);
            exec.args.clear();
        }
        let (set, removed) = pairs(&self.exec_env, "exec-env")?;
        let Some(exec) = &mut user.exec else { return Ok(()) };
        if let Some(version) = &self.exec_api_version {
            exec.api_version.clone_from(version);
        }
        if !self.exec_args.is_empty() {
            exec.args.clone_from(&self.exec_args);
        }
        if let Some(mode) = &self.exec_interactive_mode {
            exec.interactive_mode.clone_from(mode);
        }
        if let Some(provide) = self.exec_provide_cluster_info {
            exec.provide_cluster_info = provide;
        }
        exec.env.retain(|variable| !removed.contains(&variable.name));
        for (name, value) in set {
            match exec.env.iter_mut().find(|variable| variable.name == name) {
                Some(variable) => variable.value = value,
                None => exec.env.push(ExecEnvVar { name, value }),
            }
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Run for SetCredentials {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let [name] = arguments.words.as_slice() else {
            return Err(context.help_error(&format!("unexpected args: {}", words(arguments))));
        };
        self.check(name)?;
        let mut files = Files::load(context)?;
        let mut user = files.config.auth_infos.get(name).cloned().unwrap_or_default();
        self.files(&files, &mut user)?;
        self.secrets(&mut user);
        self.provider(&mut user)?;
        self.exec(&mut user)?;
        files.config.auth_infos.insert(name.clone(), user);
        files.write()?;
        Ok(context.streams.out.print(format!("User {} set.\n", quote(name)))?)
    }
}
