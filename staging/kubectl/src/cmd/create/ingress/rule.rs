//! `HOST/PATH=SERVICE:PORT[,tls[=SECRET]]`.

use std::sync::LazyLock;

use kubectl_objects::numbers::int_or_string;
use regex::Regex;
use serde_json::{Value, json};

use cli_runtime::{Result, message};

/// What a rule has to begin with. What follows is as free as upstream leaves it.
static GRAMMAR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[0-9A-Za-z_*\-.]*/.*=[0-9A-Za-z_-]+:[0-9A-Za-z_-]+").expect("the pattern is one"));

/// A host, a path, where they lead to, and the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule<'r> {
    host: &'r str,
    path: String,
    is_prefix: bool,
    service: &'r str,
    port: &'r str,
    /// The secret of the certificate, empty for the default one; `None` without TLS.
    tls: Option<&'r str>,
}

impl<'r> Rule<'r> {
    /// Reads a rule.
    ///
    /// # Errors
    /// It does not follow the grammar.
    pub(super) fn parse(text: &'r str) -> Result<Self> {
        let malformed =
            || message!("rule {text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]");
        if !GRAMMAR.is_match(text) {
            return Err(malformed());
        }
        let tls = match text.split(',').collect::<Vec<_>>()[..] {
            [_, tls] => Some(tls.split('=').nth(1).unwrap_or_default()),
            _ => None,
        };
        let route = text.split(',').next().unwrap_or_default();
        let (host, route) = route.split_once('/').ok_or_else(malformed)?;
        let mut parts = route.split('=');
        let path = parts.next().unwrap_or_default();
        let mut backend = parts.next().ok_or_else(malformed)?.split(':');
        let (service, port) = (
            backend.next().unwrap_or_default(),
            backend.next().ok_or_else(malformed)?,
        );
        let (path, is_prefix) = match path.strip_suffix('*') {
            Some(path) => (path, true),
            None => (path, false),
        };
        Ok(Self {
            host,
            path: format!("/{path}"),
            is_prefix,
            service,
            port,
            tls,
        })
    }

    fn http_path(&self) -> Value {
        json!({
            "path": self.path,
            "pathType": if self.is_prefix { "Prefix" } else { "Exact" },
            "backend": backend(self.service, self.port),
        })
    }
}

/// A port of a service, by number or by name.
pub(super) fn backend(service: &str, port: &str) -> Value {
    let port = match int_or_string(port) {
        Value::Number(number) => json!({"number": number}),
        name => json!({"name": name}),
    };
    json!({"service": {"name": service, "port": port}})
}

/// The rules of an Ingress: the paths of a host stand together.
pub(super) fn rules(rules: &[Rule<'_>]) -> Value {
    let mut hosts: Vec<(&str, Vec<Value>)> = Vec::new();
    for rule in rules {
        match hosts.iter_mut().find(|(host, _)| *host == rule.host) {
            Some((_, paths)) => paths.push(rule.http_path()),
            None => hosts.push((rule.host, vec![rule.http_path()])),
        }
    }
    hosts
        .into_iter()
        .map(|(host, paths)| json!({"host": host, "http": {"paths": paths}}))
        .collect()
}

/// The certificates of an Ingress: the hosts of a secret stand together, each host once.
pub(super) fn tls(rules: &[Rule<'_>]) -> Value {
    let (mut secrets, mut seen): (Vec<(&str, Vec<&str>)>, Vec<&str>) = (Vec::new(), Vec::new());
    for Rule { host, tls, .. } in rules {
        let Some(secret) = tls.filter(|_| !seen.contains(host)) else {
            continue;
        };
        seen.push(host);
        match secrets.iter_mut().find(|(known, _)| *known == secret) {
            Some((_, hosts)) => hosts.push(host),
            None if host.is_empty() && secret.is_empty() => {}
            None => secrets.push((secret, Vec::from_iter((!host.is_empty()).then_some(*host)))),
        }
    }
    secrets
        .into_iter()
        .map(|(secret, hosts)| json!({"secretName": secret, "hosts": hosts}))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let rule = |host, path: &str, is_prefix, service, port, tls| Rule {
            host,
            path: path.to_owned(),
            is_prefix,
            service,
            port,
            tls,
        };
        for (text, expected) in [
            (
                "foo.com/bar=svc:80,tls=s",
                Ok(rule("foo.com", "/bar", false, "svc", "80", Some("s"))),
            ),
            ("/*=svc:http", Ok(rule("", "/", true, "svc", "http", None))),
            (
                "*.foo.com/a/b*=svc:1,tls",
                Ok(rule("*.foo.com", "/a/b", true, "svc", "1", Some(""))),
            ),
            ("foo.com=svc:80", Err("foo.com=svc:80")),
            ("foo.com/bar=svc", Err("foo.com/bar=svc")),
            ("foo.com/b,ar=svc:80", Err("foo.com/b,ar=svc:80")),
            ("foo bar/=svc:80", Err("foo bar/=svc:80")),
        ] {
            let found = Rule::parse(text).map_err(|error| error.to_string());
            let expected = expected.map_err(|text| {
                format!("rule {text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]")
            });
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn hosts_and_secrets_stand_together() {
        let texts = [
            "a/x=s:1,tls=one",
            "a/y=s:2,tls=two",
            "b/=s:h,tls=one",
            "/=s:1,tls",
            "c/=s:1",
        ];
        let parsed: Vec<Rule<'_>> = texts.iter().map(|text| Rule::parse(text).expect("a rule")).collect();
        assert_eq!(tls(&parsed), json!([{"secretName": "one", "hosts": ["a", "b"]}]));
        let rules = rules(&parsed);
        let hosts: Vec<(&Value, usize)> = rules
            .as_array()
            .expect("rules")
            .iter()
            .map(|rule| (&rule["host"], rule["http"]["paths"].as_array().map_or(0, Vec::len)))
            .collect();
        assert_eq!(
            hosts,
            [(&json!("a"), 2), (&json!("b"), 1), (&json!(""), 1), (&json!("c"), 1)]
        );
    }
}
