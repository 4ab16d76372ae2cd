//! Which requests are passed on (upstream: `kubectl/pkg/proxy.FilterServer`).

use regex::Regex;

use cli_runtime::{Result, message};

/// Lists of expressions; what is rejected is rejected even if it is accepted too.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    accept_paths: Vec<Regex>,
    reject_paths: Vec<Regex>,
    accept_hosts: Vec<Regex>,
    reject_methods: Vec<Regex>,
}

fn expressions(list: &str) -> Result<Vec<Regex>> {
    let parts = list.split(',').filter(|_| !list.is_empty());
    parts
        .map(|part| Regex::new(part).map_err(|error| message!("Error compiling re: {error}")))
        .collect()
}

fn any(expressions: &[Regex], text: &str) -> bool {
    expressions.iter().any(|expression| expression.is_match(text))
}

impl Filter {
    pub(super) fn new(
        accept_paths: &str,
        reject_paths: &str,
        accept_hosts: &str,
        reject_methods: &str,
    ) -> Result<Self> {
        Ok(Self {
            accept_paths: expressions(accept_paths)?,
            reject_paths: expressions(reject_paths)?,
            accept_hosts: expressions(accept_hosts)?,
            reject_methods: expressions(reject_methods)?,
        })
    }

    pub(super) fn accepts(&self, method: &str, path: &str, host: &str) -> bool {
        !any(&self.reject_paths, path)
            && !any(&self.reject_methods, method)
            && any(&self.accept_paths, path)
            && any(&self.accept_hosts, host_name(host))
    }
}

/// The host of a `Host` header, without its port.
fn host_name(header: &str) -> &str {
    match header.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() => host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host),
        _ => header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_filtered() {
        let filter = Filter::new(
            "^.*",
            "^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach",
            r"^localhost$,^127\.0\.0\.1$",
            "^$,POST",
        )
        .expect("expressions");
        for (method, path, host, expected) in [
            ("GET", "/api/v1/pods", "localhost:8001", true),
            ("GET", "/api/v1/pods", "127.0.0.1", true),
            ("GET", "/api/v1/pods", "example.com:8001", false),
            ("POST", "/api/v1/pods", "localhost", false),
            ("GET", "/api/v1/namespaces/a/pods/b/exec", "localhost", false),
        ] {
            assert_eq!(filter.accepts(method, path, host), expected, "{method} {path} {host}");
        }
        let error = Filter::new("(", "", "", "").expect_err("no expression");
        assert!(error.to_string().starts_with("Error compiling re: "));
    }
}
