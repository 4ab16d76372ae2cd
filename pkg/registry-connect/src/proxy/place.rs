//! Where a proxied request stands: the path here, the path at the back end, and URLs of the one as of the other.

use super::url::{Url, UrlError, clean_path, escape_path};

/// Where a proxied request stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The path up to that of the back end, decoded.
    pub(super) prefix: Vec<u8>,
    /// The path at the back end, decoded; empty if the request ends with the proxy itself.
    pub(super) path: Vec<u8>,
    /// Host and port of the back end.
    pub(super) authority: String,
    /// The host that the client named.
    pub(super) client_host: String,
}

/// The last `behind` segments of a path and what ends it, as they stand there.
pub(super) fn tail(raw_path: &str, behind: usize) -> &str {
    let trimmed = raw_path.trim_end_matches('/');
    let mut end = trimmed.len();
    for _ in 0..behind {
        end = trimmed[..end].rfind('/').unwrap_or(end);
    }
    &raw_path[end..]
}

impl Place {
    /// The place of a request whose raw path ends with `behind` segments that are the back end's.
    pub(super) fn new(raw_path: &str, behind: usize, authority: String, client_host: String) -> Self {
        let tail = tail(raw_path, behind).trim_end_matches('/');
        let rest: Vec<u8> = percent_encoding::percent_decode_str(tail).collect();
        let whole: Vec<u8> = percent_encoding::percent_decode_str(raw_path).collect();
        let mut path = clean_path(rest.strip_prefix(b"/").unwrap_or(&rest));
        if whole.ends_with(b"/") && !path.ends_with(b"/") {
            path.push(b'/');
        }
        // What has been cleaned is no end of the path, and then the whole path is the prefix.
        let prefix = whole.strip_suffix(path.as_slice()).unwrap_or(&whole);
        let prefix = match path.first() {
            None | Some(b'/') => prefix,
            Some(_) => prefix.strip_suffix(b"/").unwrap_or(prefix),
        };
        Self {
            prefix: prefix.to_vec(),
            path,
            authority,
            client_host,
        }
    }

    /// The path at the back end as it stands in a request.
    pub(super) fn backend_path(&self) -> String {
        let slash = if self.path.starts_with(b"/") { "" } else { "/" };
        format!("{slash}{}", escape_path(&self.path))
    }

    /// The path that the client asked for, as the back end is told.
    pub(super) fn forwarded_uri(&self) -> Vec<u8> {
        self.join(self.backend_path().as_bytes())
    }

    /// A path of the back end as one of this server.
    fn join(&self, path: &[u8]) -> Vec<u8> {
        let mut whole = clean_path(&[self.prefix.as_slice(), path].join(&b'/'));
        if path.ends_with(b"/") {
            whole.push(b'/');
        }
        whole
    }

    /// A URL of the back end as one that leads through the proxy; `None` if it stays as it is.
    ///
    /// A URL with the client's own host keeps it.
    pub(super) fn through_proxy(&self, url: &[u8]) -> Result<Option<String>, UrlError> {
        let url = Url::parse(url)?;
        let of_client = url.host == self.client_host.as_bytes();
        let elsewhere = !url.host.is_empty() && url.host != self.authority.as_bytes() && !of_client;
        if elsewhere || !url.path.starts_with(b"/") {
            return Ok(None);
        }
        let path = if url.path.starts_with(&self.prefix) {
            url.path.clone()
        } else {
            self.join(&url.path)
        };
        Ok(Some(url.with_path(path, of_client)))
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    const PREFIX: &str = "/api/v1/namespaces/n/pods/p/proxy";

    fn place(path: &str, behind: usize) -> Place {
        Place::new(
            &format!("{PREFIX}{path}"),
            behind,
            "10.0.0.1:80".to_owned(),
            "server:6443".to_owned(),
        )
    }

    #[test]
    fn paths() {
        // What the client asks for, how many segments that is, what the back end is asked for, and what it is told.
        for (asked, behind, sent, told) in [
            ("", 0, "/", "/"),
            ("/", 0, "/", "/"),
            ("/a/b", 2, "/a/b", "/a/b"),
            ("/a/b/", 2, "/a/b/", "/a/b/"),
            ("/a%2Fb", 1, "/a/b", "/a/b"),
            ("/a%20b", 1, "/a%20b", "/a%20b"),
            // What is not clean is no end of the path that was asked for.
            ("/a//b", 3, "/a/b", "/a/b/a/b"),
            ("/a/../b", 3, "/b", "/b"),
            ("/%C3%A4", 1, "/%C3%A4", "/%C3%A4"),
        ] {
            let place = place(asked, behind);
            assert_eq!(place.backend_path(), sent, "{asked}");
            let uri = String::from_utf8(place.forwarded_uri()).expect("text");
            assert_eq!(uri, format!("{PREFIX}{told}"), "{asked}");
        }
    }

    #[test]
    fn urls() {
        for (url, expected) in [
            ("/login?a=b#c", Some("/api/v1/namespaces/n/pods/p/proxy/login?a=b#c")),
            ("/a/../b//c/", Some("/api/v1/namespaces/n/pods/p/proxy/b/c/")),
            ("/", Some("/api/v1/namespaces/n/pods/p/proxy/")),
            ("http://10.0.0.1:80/x/", Some("/api/v1/namespaces/n/pods/p/proxy/x/")),
            ("//10.0.0.1:80/x", Some("/api/v1/namespaces/n/pods/p/proxy/x")),
            (
                "https://server:6443/x",
                Some("https://server:6443/api/v1/namespaces/n/pods/p/proxy/x"),
            ),
            (
                "/api/v1/namespaces/n/pods/p/proxy/y%2Fz",
                Some("/api/v1/namespaces/n/pods/p/proxy/y%2Fz"),
            ),
            (
                "http://10.0.0.1:80/api/v1/namespaces/n/pods/p/proxy/y",
                Some("/api/v1/namespaces/n/pods/p/proxy/y"),
            ),
            ("/a%2Fb c", Some("/api/v1/namespaces/n/pods/p/proxy/a/b%20c")),
            ("http://10.0.0.1:80", None),
            ("https://elsewhere/x", None),
            ("http://10.0.0.1/x", None),
            ("relative/x", None),
            ("?q=/x", None),
            ("#top", None),
            ("", None),
            ("javascript:void(0)", None),
            ("data:text/html,/x", None),
        ] {
            let got = place("/", 0).through_proxy(url.as_bytes());
            assert_eq!(got, Ok(expected.map(str::to_owned)), "{url}");
        }
    }
}
