//! `kubectl create token`.

use async_trait::async_trait;
use client_go::Api;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags, StringArray};
use k8s_api::Kind as _;
use k8s_api::authentication::v1::TokenRequest;
use k8s_api::core::v1::ServiceAccount;
use serde_json::{Value, json};

use cli_runtime::resource::text_at;
use cli_runtime::{PrintFlags, Result, message};

use super::generated::one_name;
use crate::frame::{Arguments, Command, Completion, Context, Run};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "token",
    usage: "SERVICE_ACCOUNT_NAME",
    short: "Request a service account token",
    long: "Request a service account token.",
    examples: "# A token for the API server, of the account of the current namespace
kubectl create token myapp

# Of another namespace
kubectl create token myapp --namespace myns

# For ten minutes
kubectl create token myapp --duration 10m

# For another audience
kubectl create token myapp --audience https://example.com

# Good as long as a secret exists
kubectl create token myapp --bound-object-kind Secret --bound-object-name mysecret

# Good as long as that very secret exists
kubectl create token myapp --bound-object-kind Secret --bound-object-name mysecret --bound-object-uid 0d4691ed-659b-4935-a832-355f77ee47cc",
    options: Some(|| Box::new(TokenOptions::default())),
    completion: Completion::OneName("serviceaccounts"),
    ..Command::EMPTY
};

/// The kinds that a token can be bound to; all of `v1`.
const BOUND_KINDS: [&str; 3] = ["Node", "Pod", "Secret"];

struct TokenOptions {
    print: PrintFlags,
    audiences: StringArray,
    duration: GoDuration,
    bound_kind: String,
    bound_name: String,
    bound_uid: String,
}

impl Default for TokenOptions {
    fn default() -> Self {
        Self {
            print: PrintFlags {
                declared: true,
                ..PrintFlags::new("created")
            },
            audiences: StringArray::default(),
            duration: GoDuration::ZERO,
            bound_kind: String::new(),
            bound_name: String::new(),
            bound_uid: String::new(),
        }
    }
}

impl Flags for TokenOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        flags.add("audience", &mut self.audiences, "Audience of the requested token. If unset, defaults to requesting a token for use with the Kubernetes API server. May be repeated to request a token valid for multiple audiences.");
        flags.add("duration", &mut self.duration, "Requested lifetime of the issued token. If not set or if set to 0, the lifetime will be determined by the server automatically. The server may return a token with a longer or shorter lifetime.");
        flags.add(
            "bound-object-kind",
            &mut self.bound_kind,
            format!(
                "Kind of an object to bind the token to. Supported kinds are {}. If set, --bound-object-name must be provided.",
                BOUND_KINDS.join(", ")
            ),
        );
        flags.add("bound-object-name", &mut self.bound_name, "Name of an object to bind the token to. The token will expire when the object is deleted. Requires --bound-object-kind.");
        flags.add("bound-object-uid", &mut self.bound_uid, "UID of an object to bind the token to. Requires --bound-object-kind and --bound-object-name. If unset, the UID of the existing object is used.");
    }
}

#[async_trait(?Send)]
impl Run for TokenOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let name = one_name(context, arguments)?;
        let mut printer = self.print.to_printer()?;
        self.check(name)?;
        let response = self.request(context, name).await?;
        let token = text_at(&response, &["status", "token"]);
        if token.is_empty() {
            return Err(message!("failed to create token: no token in server response"));
        }
        let out = &context.streams.out;
        if !self.print.output.is_empty() {
            return printer.print(&response, &mut { out });
        }
        let end = if out.is_terminal() { "\n" } else { "" };
        Ok(out.print(format!("{token}{end}"))?)
    }
}

impl TokenOptions {
    fn check(&self, name: &str) -> Result<()> {
        if name.is_empty() {
            return Err(message!("service account name is required"));
        }
        if self.duration < GoDuration::ZERO {
            return Err(message!("--duration must be greater than or equal to 0"));
        }
        if self.duration.to_std().subsec_nanos() != 0 {
            return Err(message!("--duration cannot be expressed in units less than seconds"));
        }
        if self.audiences.iter().any(String::is_empty) {
            return Err(message!("--audience must not be an empty string"));
        }
        match (self.bound_kind.as_str(), &self.bound_name, &self.bound_uid) {
            ("", name, _) if !name.is_empty() => Err(message!(
                "--bound-object-name can only be set if --bound-object-kind is provided"
            )),
            ("", _, uid) if !uid.is_empty() => Err(message!(
                "--bound-object-uid can only be set if --bound-object-kind is provided"
            )),
            ("", ..) => Ok(()),
            (kind, ..) if !BOUND_KINDS.contains(&kind) => Err(message!(
                "supported --bound-object-kind values are {}",
                BOUND_KINDS.join(", ")
            )),
            (_, name, _) if name.is_empty() => Err(message!(
                "--bound-object-name is required if --bound-object-kind is provided"
            )),
            _ => Ok(()),
        }
    }

    async fn request(&self, context: &Context, name: &str) -> Result<Value> {
        let mut spec = json!({"audiences": *self.audiences});
        let seconds = self.duration.to_std().as_secs();
        if seconds > 0 {
            spec["expirationSeconds"] = seconds.into();
        }
        if !self.bound_kind.is_empty() {
            spec["boundObjectRef"] = json!({
                "kind": self.bound_kind,
                "apiVersion": "v1",
                "name": self.bound_name,
                "uid": self.bound_uid,
            });
        }
        let failure = |error: &dyn std::fmt::Display| message!("failed to create token: {error}");
        let request = TokenRequest::from_value(json!({"spec": spec})).map_err(|error| failure(&error))?;
        let (namespace, _) = context.factory.namespace()?;
        let accounts: Api<ServiceAccount> = context.factory.client()?.namespaced(namespace);
        let response = accounts
            .create_token(name, &request)
            .await
            .map_err(|error| failure(&error))?;
        Ok(response.to_value())
    }
}
