//! `kubectl certificate`.

use async_trait::async_trait;
use client_go::api::{DynamicObject, WriteOptions};
use component_base::flags::{FlagSet, Flags};
use k8s_api::primitives::Time;
use kubectl_objects::json::object_at;
use serde_json::{Value, json};

use cli_runtime::resource::{group_kind, text_at};
use cli_runtime::{FilenameOptions, Info, PrintFlags, Result, message};

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::visit;

/// The command.
pub static COMMAND: Command = Command {
    name: "certificate",
    usage: "SUBCOMMAND",
    short: "Modify certificate resources",
    long: "Modify certificate resources.",
    group: Group::ClusterManagement,
    options: Some(|| Box::new(NoSubcommand)),
    subcommands: &[&APPROVE, &DENY],
    ..Command::EMPTY
};

static APPROVE: Command = Command {
    name: "approve",
    usage: "(-f FILENAME | NAME)",
    short: "Approve a certificate signing request",
    long: "Approve a certificate signing request.\n\n A cluster admin approves a certificate signing request (CSR) so that a certificate signing controller issues a certificate with the attributes requested in it.\n\n SECURITY NOTICE: Depending on the requested attributes, the issued certificate can potentially grant a requester access to cluster resources or to authenticate as a requested identity. Before approving a CSR, ensure you understand what the signed certificate can do.",
    examples: "# The CSR 'csr-sqgzp'
kubectl certificate approve csr-sqgzp",
    options: Some(|| Box::new(DecideOptions::new(&APPROVED))),
    completion: Completion::Names("certificatesigningrequests"),
    ..Command::EMPTY
};

static DENY: Command = Command {
    name: "deny",
    usage: "(-f FILENAME | NAME)",
    short: "Deny a certificate signing request",
    long: "Deny a certificate signing request.\n\n A cluster admin denies a certificate signing request (CSR) so that no certificate signing controller issues a certificate to the requester.",
    examples: "# The CSR 'csr-sqgzp'
kubectl certificate deny csr-sqgzp",
    options: Some(|| Box::new(DecideOptions::new(&DENIED))),
    completion: Completion::Names("certificatesigningrequests"),
    ..Command::EMPTY
};

/// How often a decision is sent again after somebody else changed the request.
const RETRIES: u32 = 10;

/// What is decided of a request.
struct Decision {
    operation: &'static str,
    condition: &'static str,
    /// The condition that a request may not have.
    opposite: &'static str,
    reason: &'static str,
    message: &'static str,
    force: &'static str,
}

static APPROVED: Decision = Decision {
    operation: "approved",
    condition: "Approved",
    opposite: "Denied",
    reason: "KubectlApprove",
    message: "This CSR was approved by kubectl certificate approve.",
    force: "Update the CSR even if it is already approved.",
};

static DENIED: Decision = Decision {
    operation: "denied",
    condition: "Denied",
    opposite: "Approved",
    reason: "KubectlDeny",
    message: "This CSR was denied by kubectl certificate deny.",
    force: "Update the CSR even if it is already denied.",
};

impl Decision {
    /// Adds the condition; false if the request has it already.
    fn add_to(&self, request: &mut Value, now: &str) -> Result<bool> {
        let conditions = request["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let mut has = false;
        for condition in &conditions {
            let kind = text_at(condition, &["type"]);
            if kind == self.opposite {
                let name = text_at(request, &["metadata", "name"]);
                return Err(message!("certificate signing request {name:?} is already {kind}"));
            }
            has |= kind == self.condition;
        }
        if has {
            return Ok(false);
        }
        let mut conditions = conditions;
        conditions.push(json!({
            "type": self.condition,
            "status": "True",
            "reason": self.reason,
            "message": self.message,
            "lastUpdateTime": now,
        }));
        object_at(request, &["status"]).insert("conditions".to_owned(), conditions.into());
        Ok(true)
    }
}

/// The help, whatever is written behind the command.
struct NoSubcommand;

impl Flags for NoSubcommand {
    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}
}

#[async_trait(?Send)]
impl Run for NoSubcommand {
    async fn run(&mut self, context: &Context, _arguments: &Arguments) -> Result<()> {
        context.print_help()
    }
}

struct DecideOptions {
    decision: &'static Decision,
    print: PrintFlags,
    files: FilenameOptions,
    force: bool,
}

impl DecideOptions {
    fn new(decision: &'static Decision) -> Self {
        Self {
            decision,
            print: PrintFlags::new(decision.operation),
            files: FilenameOptions::new("identifying the resource to update"),
            force: false,
        }
    }
}

impl Flags for DecideOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        flags.add("force", &mut self.force, self.decision.force);
        self.files.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for DecideOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.print.to_printer()?;
        if arguments.is_empty() && self.files.is_empty() {
            return Err(message!(
                "one or more CSRs must be specified as <name> or -f <filename>"
            ));
        }
        let found = context
            .builder()
            .continue_on_error()
            .filenames(false, &self.files)
            .resource_names("certificatesigningrequests", arguments)
            .flatten()
            .latest()
            .find()
            .await?;
        let nothing = found.infos.is_empty();
        visit(found, async |info| self.one(context, info).await).await?;
        if nothing {
            context.streams.out.print("No resources found\n")?;
        }
        Ok(())
    }
}

impl DecideOptions {
    async fn one(&self, context: &Context, info: Info) -> Result<()> {
        let (group, kind) = group_kind(info.object());
        if (group, kind) != ("certificates.k8s.io", "CertificateSigningRequest") {
            let dot = if group.is_empty() { "" } else { "." };
            return Err(message!(
                "can only handle CertificateSigningRequest.certificates.k8s.io objects, got {kind}{dot}{group}"
            ));
        }
        let mapping = context.factory.mapping("certificates.k8s.io/v1", kind).await?;
        let api = context.factory.dynamic(&mapping, "")?;
        let mut retries = 0;
        loop {
            let mut request = match api.get(&info.name).await {
                Err(error) if error.is_not_found() => {
                    return Err(message!("could not find v1 version of {}: {error}", info.name));
                }
                outcome => outcome?.0,
            };
            let added = self.decision.add_to(&mut request, &Time::now().to_string())?;
            if !added && !self.force {
                break;
            }
            let sent = api
                .replace(&DynamicObject(request), Some("approval"), &WriteOptions::default())
                .await;
            match sent {
                Err(error) if error.is_conflict() && retries < RETRIES => retries += 1,
                outcome => {
                    outcome?;
                    break;
                }
            }
        }
        self.print.to_printer()?.print(info.object(), &mut &context.streams.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_made_once() {
        let request = |conditions: Value| json!({"metadata": {"name": "r"}, "status": {"conditions": conditions}});
        let made = json!([{"type": "Approved", "status": "True", "reason": "KubectlApprove",
            "message": "This CSR was approved by kubectl certificate approve.", "lastUpdateTime": "now"}]);
        for (before, expected, after) in [
            (Value::Null, Ok(true), made.clone()),
            (made.clone(), Ok(false), made),
            (
                json!([{"type": "Denied"}]),
                Err("certificate signing request \"r\" is already Denied"),
                json!([{"type": "Denied"}]),
            ),
        ] {
            let mut object = request(before);
            let outcome = APPROVED.add_to(&mut object, "now").map_err(|error| error.to_string());
            assert_eq!(outcome, expected.map_err(str::to_owned));
            assert_eq!(object["status"]["conditions"], after);
        }
    }
}
