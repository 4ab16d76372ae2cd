//! What of a message's head is for the next hop only, and what must say where the client asked.

use std::net::IpAddr;

use apimachinery::status::StatusError;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use k8s_api::primitives::quote;

use super::place::Place;

/// What belongs to one connection.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

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
    ] {
        headers.remove(name);
    }
}

/// The headers that the back end gets. The client's credentials are not among them.
pub(super) fn forwarded(headers: &HeaderMap, place: &Place, client: Option<IpAddr>) -> HeaderMap {
    let takes_trailers = headers.get_all(header::TE).iter().any(|value| {
        let value = value.to_str().unwrap_or_default();
        value
            .split(',')
            .any(|token| token.trim().eq_ignore_ascii_case("trailers"))
    });
    let mut headers = headers.clone();
    remove_hop_by_hop(&mut headers);
    if takes_trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    headers.remove(header::AUTHORIZATION);
    if !headers.contains_key(header::HOST) {
        // A request over HTTP/2 has its host elsewhere.
        let host = match place.client_host.as_str() {
            "" => &place.authority,
            host => host,
        };
        if let Ok(host) = HeaderValue::from_str(host) {
            headers.insert(header::HOST, host);
        }
    }
    if let Ok(uri) = HeaderValue::from_bytes(&place.forwarded_uri()) {
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

/// A redirect within the back end leads through the proxy. Says whether there is one at all.
///
/// # Errors
/// The redirect is no URL.
pub(super) fn rewrite_location(headers: &mut HeaderMap, place: &Place) -> Result<bool, StatusError> {
    let location = headers.get(header::LOCATION).map(HeaderValue::as_bytes);
    let Some(location) = location.filter(|location| !location.is_empty()) else {
        return Ok(false);
    };
    let rewritten = place.through_proxy(location).map_err(|error| {
        let location = quote(&String::from_utf8_lossy(location));
        StatusError::internal_error(format!(
            "error trying to parse Location header: parse {location}: {error}"
        ))
    })?;
    if let Some(rewritten) = rewritten {
        let value = HeaderValue::from_str(&rewritten).map_err(StatusError::internal_error)?;
        headers.insert(header::LOCATION, value);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{Place, forwarded, rewrite_location};

    fn place() -> Place {
        let path = "/api/v1/namespaces/n/pods/p/proxy/x";
        Place::new(path, 1, "10.0.0.1:80".to_owned(), "server:6443".to_owned())
    }

    #[test]
    fn redirects() {
        for (location, expected, is_redirect) in [
            ("/login", "/api/v1/namespaces/n/pods/p/proxy/login", true),
            ("https://elsewhere/x", "https://elsewhere/x", true),
            ("", "", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, HeaderValue::from_static(location));
            let redirects = rewrite_location(&mut headers, &place()).expect("a URL");
            assert_eq!(redirects, is_redirect, "{location}");
            assert_eq!(headers.get(header::LOCATION).expect("a location"), expected);
        }
        let mut headers = HeaderMap::new();
        assert!(!rewrite_location(&mut headers, &place()).expect("nothing to parse"));
        headers.insert(header::LOCATION, HeaderValue::from_static("/%zz"));
        let error = rewrite_location(&mut headers, &place()).expect_err("no URL");
        assert_eq!(
            error.status().message,
            "Internal error occurred: error trying to parse Location header: parse \"/%zz\": invalid URL escape \"%zz\""
        );
    }

    #[test]
    fn credentials_and_hops_stay_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer x"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip, trailers"),
            ("x-forwarded-for", "1.1.1.1"),
            ("accept", "text/plain"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let sent = forwarded(&headers, &place(), Some([2, 2, 2, 2].into()));
        assert_eq!(sent.get("x-forwarded-for").expect("a chain"), "1.1.1.1, 2.2.2.2");
        assert_eq!(sent.get(header::ACCEPT).expect("kept"), "text/plain");
        assert_eq!(sent.get(header::HOST).expect("a host"), "server:6443");
        assert_eq!(sent.get(header::TE).expect("what the client takes"), "trailers");
        let uri = sent.get("x-forwarded-uri").expect("where the client asked");
        assert_eq!(uri, "/api/v1/namespaces/n/pods/p/proxy/x");
        for gone in ["authorization", "connection", "proxy-connection", "x-hop"] {
            assert!(!sent.contains_key(gone), "{gone}");
        }
    }
}
