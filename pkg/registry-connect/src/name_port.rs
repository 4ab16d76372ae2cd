//! `name`, `name:port` and `scheme:name:port`, as proxies are asked for.

use apimachinery::names;

/// A part of a cluster that is asked for by name, with what of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NamePort<'a> {
    /// `http`, `https`, or empty for the default.
    pub(crate) scheme: &'a str,
    pub(crate) name: &'a str,
    /// Number or name; empty for the default.
    pub(crate) port: &'a str,
}

impl<'a> NamePort<'a> {
    /// Takes an identifier apart; `None` if it is none.
    pub(crate) fn parse(id: &'a str) -> Option<Self> {
        let parts: Vec<&str> = id.split(':').collect();
        let (scheme, name, port) = match parts[..] {
            [name] => ("", name, ""),
            [name, port] => ("", name, port),
            [scheme, name, port] => (scheme, name, port),
            _ => return None,
        };
        let named = !name.is_empty() && names::path_segment_name(name).is_empty();
        (matches!(scheme, "" | "http" | "https") && named).then_some(Self { scheme, name, port })
    }

    /// Whether the back end speaks TLS.
    pub(crate) fn is_secure(self) -> bool {
        self.scheme == "https"
    }
}

#[cfg(test)]
mod tests {
    use super::NamePort;

    #[test]
    fn identifiers() {
        let cases = [
            ("a", Some(("", "a", ""))),
            ("a:80", Some(("", "a", "80"))),
            ("a:http", Some(("", "a", "http"))),
            ("https:a:", Some(("https", "a", ""))),
            ("https:a:443", Some(("https", "a", "443"))),
            ("ftp:a:21", None),
            ("", None),
            (":80", None),
            ("a:b:c:d", None),
        ];
        for (id, expected) in cases {
            let seen = NamePort::parse(id).map(|it| (it.scheme, it.name, it.port));
            assert_eq!(seen, expected, "{id:?}");
        }
    }
}
