//! What of a message's head is for the next hop only, and what must say where the client asked.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What belongs to one connection.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Where a proxied request stands.
pub(super) struct Place<'a> {
    /// The path up to that of the back end.
    pub(super) prefix: &'a str,
    /// Host and port of the back end.
    pub(super) authority: String,
    /// The host that the client named.
    pub(super) client_host: &'a str,
}

/// Removes what belongs to one connection, and what that connection's headers name.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// A back end does not decide who may use this server from other origins.
pub(super) fn remove_cors(headers: &mut HeaderMap) {
    for name in [
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        header::ACCESS_CONTROL_MAX_AGE,
    ] {
        headers.remove(name);
    }
}

/// The headers that the back end gets. The client's credentials are not among them.
pub(super) fn forwarded(headers: &HeaderMap, place: &Place<'_>, path: &str, client: Option<IpAddr>) -> HeaderMap {
    let mut headers = headers.clone();
    remove_hop_by_hop(&mut headers);
    headers.remove(header::AUTHORIZATION);
    if !headers.contains_key(header::HOST) {
        // A request over HTTP/2 has its host elsewhere.
        if let Ok(host) = HeaderValue::from_str(&place.authority) {
            headers.insert(header::HOST, host);
        }
    }
    if let Ok(uri) = HeaderValue::from_str(path) {
        headers.insert("x-forwarded-uri", uri);
    }
    if let Some(client) = client {
        let chain = headers.get_all("x-forwarded-for").iter();
        let mut chain: Vec<String> = chain
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        chain.push(client.to_string());
        if let Ok(chain) = HeaderValue::from_str(&chain.join(", ")) {
            headers.insert("x-forwarded-for", chain);
        }
    }
    headers
}

/// A redirect within the back end leads through the proxy.
pub(super) fn rewrite_location(headers: &mut HeaderMap, place: &Place<'_>) {
    let location = headers
        .get(header::LOCATION)
        .and_then(|location| location.to_str().ok());
    let Some(location) = location else { return };
    if let Ok(location) = HeaderValue::from_str(&through_proxy(location, place)) {
        headers.insert(header::LOCATION, location);
    }
}

/// A URL of the back end as one of this server; others stay.
fn through_proxy(url: &str, place: &Place<'_>) -> String {
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            rest.split_at(end)
        }
        None => ("", url),
    };
    let elsewhere = !host.is_empty() && host != place.authority && host != place.client_host;
    if elsewhere || !path.starts_with('/') {
        return url.to_owned();
    }
    if path.starts_with(place.prefix) {
        return path.to_owned();
    }
    format!("{}{path}", place.prefix)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{Place, forwarded, through_proxy};

    fn place() -> Place<'static> {
        Place {
            prefix: "/api/v1/namespaces/n/pods/p/proxy",
            authority: "10.0.0.1:80".to_owned(),
            client_host: "server:6443",
        }
    }

    #[test]
    fn redirects() {
        let cases = [
            ("/login?a=b", "/api/v1/namespaces/n/pods/p/proxy/login?a=b"),
            ("http://10.0.0.1:80/x/", "/api/v1/namespaces/n/pods/p/proxy/x/"),
            ("https://server:6443/x", "/api/v1/namespaces/n/pods/p/proxy/x"),
            ("https://elsewhere/x", "https://elsewhere/x"),
            ("relative", "relative"),
            (
                "/api/v1/namespaces/n/pods/p/proxy/y",
                "/api/v1/namespaces/n/pods/p/proxy/y",
            ),
        ];
        for (url, expected) in cases {
            assert_eq!(through_proxy(url, &place()), expected);
        }
    }

    #[test]
    fn credentials_and_hops_stay_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer x"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("x-forwarded-for", "1.1.1.1"),
            ("accept", "text/plain"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let sent = forwarded(&headers, &place(), "/p", Some([2, 2, 2, 2].into()));
        assert_eq!(sent.get("x-forwarded-for").expect("a chain"), "1.1.1.1, 2.2.2.2");
        assert_eq!(sent.get(header::ACCEPT).expect("kept"), "text/plain");
        assert_eq!(sent.get(header::HOST).expect("a host"), "10.0.0.1:80");
        for gone in ["authorization", "connection", "x-hop"] {
            assert!(!sent.contains_key(gone), "{gone}");
        }
    }
}
