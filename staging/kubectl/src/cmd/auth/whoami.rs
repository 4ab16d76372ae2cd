//! `kubectl auth whoami`.

use std::io::Write as _;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use http::Method;
use serde_json::{Value, json};

use cli_runtime::gotext::{TabWriter, go_value};
use cli_runtime::resource::text_at;
use cli_runtime::{PrintFlags, Result, message};

use crate::frame::{Arguments, Command, Context, Run};

/// The command.
pub(super) static WHOAMI: Command = Command {
    name: "whoami",
    short: "Experimental: Check self subject attributes",
    long: "Experimental: Check who you are and your attributes (groups, extra).\n\n It shows what the server makes of your credentials, which is not obvious where a webhook, a proxy or an identity provider has a say.",
    examples: "# Who am I?\nkubectl auth whoami\n\n# The same as JSON\nkubectl auth whoami -o json",
    options: Some(|| Box::new(WhoAmI::default())),
    ..Command::EMPTY
};

struct WhoAmI {
    print: PrintFlags,
}

impl Default for WhoAmI {
    fn default() -> Self {
        Self {
            print: PrintFlags::new(""),
        }
    }
}

impl Flags for WhoAmI {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
    }
}

async fn ask(context: &Context) -> Result<Value> {
    let client = context.factory.client()?;
    for version in ["v1", "v1beta1", "v1alpha1"] {
        let body = json!({"apiVersion": format!("authentication.k8s.io/{version}"), "kind": "SelfSubjectReview"});
        let path = format!("/apis/authentication.k8s.io/{version}/selfsubjectreviews");
        let request = client
            .request(Method::POST, path)
            .body("application/json", body.to_string());
        match request.send().await {
            Err(error) if error.is_not_found() => {}
            Err(error) if error.is_forbidden() => {
                return Err(message!(
                    "the selfsubjectreviews API is not enabled in the cluster or you do not have permission to call it"
                ));
            }
            outcome => {
                let response = outcome?;
                return serde_json::from_slice(&response.body)
                    .map_err(|error| message!("unable to decode the review: {error}"));
            }
        }
    }
    Err(message!("the selfsubjectreviews API is not enabled in the cluster"))
}

#[async_trait(?Send)]
impl Run for WhoAmI {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let printer = if arguments.given("output") {
            Some(self.print.to_printer()?)
        } else {
            None
        };
        let review = ask(context).await?;
        if let Some(mut printer) = printer {
            return printer.print(&review, &mut &context.streams.out);
        }
        let user = &review["status"]["userInfo"];
        let mut table = TabWriter::table();
        writeln!(table, "ATTRIBUTE\tVALUE")?;
        for (title, member) in [("Username", "username"), ("UID", "uid")] {
            let value = text_at(user, &[member]);
            if !value.is_empty() {
                writeln!(table, "{title}\t{value}")?;
            }
        }
        if user["groups"].as_array().is_some_and(|groups| !groups.is_empty()) {
            writeln!(table, "Groups\t{}", go_value(&user["groups"]))?;
        }
        for (key, value) in user["extra"].as_object().into_iter().flatten() {
            writeln!(table, "Extra: {key}\t{}", go_value(value))?;
        }
        Ok(table.flush_to(&mut &context.streams.out)?)
    }
}
