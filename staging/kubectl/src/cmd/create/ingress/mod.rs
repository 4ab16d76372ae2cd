//! `kubectl create ingress`.

mod rule;

use std::collections::BTreeMap;

use async_trait::async_trait;
use component_base::flags::{FlagSet, StringArray};
use serde_json::{Value, json};

use cli_runtime::{Result, message};

use super::generated::{Generated, Generator};
use crate::frame::{Command, Context};

use rule::Rule;

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "ingress",
    usage: "NAME --rule=host/path=service:port[,tls[=secret]] ",
    short: "Create an ingress with the specified name",
    long: "Create an ingress with the specified name.",
    examples: "# foo.com/bar leads to port 8080 of svc1, with the certificate of the secret my-cert
kubectl create ingress simple --rule=\"foo.com/bar=svc1:8080,tls=my-cert\"

# Any host, and an ingress class
kubectl create ingress catch-all --class=otheringress --rule=\"/path=svc:port\"

# With annotations
kubectl create ingress annotated --class=default --rule=\"foo.com/bar=svc:port\" \\
--annotation ingress.annotation1=foo \\
--annotation ingress.annotation2=bla

# Several paths of a host
kubectl create ingress multipath --class=default \\
--rule=\"foo.com/=svc:port\" \\
--rule=\"foo.com/admin/=svcadmin:portadmin\"

# Several hosts, and every path that begins with what is given
kubectl create ingress ingress1 --class=default \\
--rule=\"foo.com/path*=svc:8080\" \\
--rule=\"bar.com/admin*=svc2:http\"

# TLS with the ingress's own certificate
kubectl create ingress ingtls --class=default \\
--rule=\"foo.com/=svc:https,tls\" \\
--rule=\"foo.com/path/subpath*=othersvc:8080\"

# TLS with a certificate of a secret
kubectl create ingress ingsecret --class=default \\
--rule=\"foo.com/*=svc:8080,tls=secret1\"

# Where everything else leads to
kubectl create ingress ingdefault --class=default \\
--default-backend=defaultsvc:http \\
--rule=\"foo.com/*=svc:8080,tls=secret1\"",
    aliases: &["ing"],
    options: Some(Generated::<Ingress>::options),
    ..Command::EMPTY
};

#[derive(Default)]
struct Ingress {
    class: String,
    rules: StringArray,
    default_backend: String,
    annotations: StringArray,
}

#[async_trait(?Send)]
impl Generator for Ingress {
    const FAILURE: &'static str = "failed to create ingress: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("class", &mut self.class, "Ingress Class to be used");
        flags.add("rule", &mut self.rules, "Rule in format host/path=service:port[,tls=secretname]. Paths containing the leading character '*' are considered pathType=Prefix. tls argument is optional.");
        flags.add(
            "default-backend",
            &mut self.default_backend,
            "Default service for backend, in format of svcname:port",
        );
        flags.add(
            "annotation",
            &mut self.annotations,
            "Annotation to insert in the ingress object, in the format annotation=value",
        );
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        if self.default_backend.is_empty() && self.rules.is_empty() {
            return Err(message!(
                "not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)"
            ));
        }
        let rules = self
            .rules
            .iter()
            .map(|text| Rule::parse(text))
            .collect::<Result<Vec<_>>>()?;
        let annotations = self.annotations()?;
        let mut spec = json!({"tls": rule::tls(&rules), "rules": rule::rules(&rules)});
        if !self.class.is_empty() {
            spec["ingressClassName"] = self.class.as_str().into();
        }
        if !self.default_backend.is_empty() {
            let [service, port] = self.default_backend.split(':').collect::<Vec<_>>()[..] else {
                return Err(message!("default-backend should be in format servicename:serviceport"));
            };
            spec["defaultBackend"] = rule::backend(service, port);
        }
        Ok(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "annotations": annotations},
            "spec": spec,
        }))
    }
}

impl Ingress {
    fn annotations(&self) -> Result<BTreeMap<&str, &str>> {
        let pairs = self.annotations.iter().map(|annotation| {
            annotation
                .split_once('=')
                .ok_or_else(|| message!("annotation {annotation} is invalid and should be in format key=[value]"))
        });
        pairs.collect()
    }
}
