//! Where a webhook is: a URL or a service.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::primitives::quote;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::certificates::pem;

const FORM: &str = "; desired format: https://host[/path]";

/// The parts of a URL that webhooks are judged by.
#[derive(Debug, Default, PartialEq, Eq)]
struct Url<'a> {
    scheme: String,
    user: Option<&'a str>,
    host: &'a str,
    query: &'a str,
    fragment: &'a str,
}

/// Takes a URL apart as Go does; the error is Go's.
fn parse(text: &str) -> Result<Url<'_>, String> {
    let fault = |what: &str| format!("parse {}: {what}", quote(text));
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(fault("net/url: invalid control character in URL"));
    }
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    if rest.is_empty() && text.is_empty() {
        return Ok(Url::default());
    }
    let (scheme, rest) = split_scheme(rest).map_err(fault)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut url = Url {
        scheme,
        query,
        fragment,
        ..Url::default()
    };
    if !rest.starts_with('/') {
        let opaque = !url.scheme.is_empty();
        if !opaque && rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
            return Err(fault("first path segment in URL cannot contain colon"));
        }
        return Ok(url);
    }
    let path = if let Some(rest) = rest
        .strip_prefix("//")
        .filter(|_| !url.scheme.is_empty() || !rest.starts_with("///"))
    {
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (user, host) = authority
            .rsplit_once('@')
            .map_or((None, authority), |(user, host)| (Some(user), host));
        check_host(host).map_err(|what| fault(&what))?;
        (url.user, url.host) = (user, host);
        path
    } else {
        rest
    };
    check_escapes(path).map_err(|what| fault(&what))?;
    Ok(url)
}

fn split_scheme(text: &str) -> Result<(String, &str), &'static str> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme"),
            b':' => return Ok((text[..at].to_ascii_lowercase(), &text[at + 1..])),
            _ => break,
        }
    }
    Ok((String::new(), text))
}

fn check_host(host: &str) -> Result<(), String> {
    let port = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((_, port)) => port,
            None => return Err("missing ']' in host".into()),
        },
        None => host.find(':').map_or("", |at| &host[at..]),
    };
    let valid = port.strip_prefix(':').map_or(port.is_empty(), |digits| {
        digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if !valid {
        return Err(format!("invalid port {} after host", quote(port)));
    }
    if let Some(byte) = host
        .chars()
        .find(|byte| matches!(byte, ' ' | '<' | '>' | '"' | '\\' | '^' | '`' | '{' | '|' | '}'))
    {
        return Err(format!("invalid character {} in host name", quote(&byte.to_string())));
    }
    check_escapes(host)
}

fn check_escapes(text: &str) -> Result<(), String> {
    for (at, _) in text.match_indices('%') {
        let escape: String = text[at..].chars().take(3).collect();
        if escape.len() < 3 || !escape[1..].bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("invalid URL escape {}", quote(&escape)));
        }
    }
    Ok(())
}

/// Every fault of a webhook's URL.
fn validate_url(path: &Path<'_>, text: &str) -> ErrorList {
    let url = match parse(text) {
        Ok(url) => url,
        Err(fault) => return Error::required(path, format!("url must be a valid URL: {fault}{FORM}")).into(),
    };
    let mut errors = ErrorList::new();
    if url.scheme != "https" {
        let detail = format!("'https' is the only allowed URL scheme{FORM}");
        errors.push(Error::invalid(path, url.scheme, detail));
    }
    if url.host.is_empty() {
        errors.push(Error::invalid(path, "", format!("host must be specified{FORM}")));
    }
    if let Some(user) = url.user {
        errors.push(Error::invalid(
            path,
            user,
            "user information is not permitted in the URL",
        ));
    }
    if !url.fragment.is_empty() {
        errors.push(Error::invalid(
            path,
            url.fragment,
            "fragments are not permitted in the URL",
        ));
    }
    if !url.query.is_empty() {
        errors.push(Error::invalid(
            path,
            url.query,
            "query parameters are not permitted in the URL",
        ));
    }
    errors
}

/// A service, as the groups that have webhooks describe it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) path: Option<&'a str>,
    pub(crate) port: Option<i32>,
}

/// Every fault of a webhook's service. Upstream mixes up name and namespace when one is missing.
fn validate_service(path: &Path<'_>, service: Service<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if service.namespace.is_empty() {
        errors.push(Error::required(&path.child("name"), ""));
    }
    if service.name.is_empty() {
        errors.push(Error::required(&path.child("namespace"), ""));
    }
    let port = service.port.unwrap_or(0);
    let messages = names::port_number(port.into());
    if !messages.is_empty() {
        let detail = format!("port is not valid: {}", messages.join(", "));
        errors.push(Error::invalid(&path.child("port"), port, detail));
    }
    if let Some(text) = service.path {
        errors.append(validate_path(&path.child("path"), text));
    }
    errors
}

fn validate_path(path: &Path<'_>, text: &str) -> ErrorList {
    let mut errors = ErrorList::new();
    if matches!(text, "" | "/") {
        return errors;
    }
    if text == "//" {
        errors.push(Error::invalid(path, text, "segment[0] may not be empty"));
        return errors;
    }
    if !text.starts_with('/') {
        errors.push(Error::invalid(path, text, "must start with a '/'"));
    }
    let start = text.chars().next().map_or(0, char::len_utf8);
    let segments = &text[start..];
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    for (at, segment) in segments.split('/').enumerate() {
        if segment.is_empty() {
            errors.push(Error::invalid(path, text, format!("segment[{at}] may not be empty")));
            continue;
        }
        let messages = names::dns1123_subdomain(segment).into_iter();
        errors.invalid_each(path, text, messages.map(|message| format!("segment[{at}]: {message}")));
    }
    errors
}

/// Every fault of a client's configuration: exactly one of URL and service.
pub(crate) fn validate_client_config(path: &Path<'_>, url: Option<&str>, service: Option<Service<'_>>) -> ErrorList {
    match (url, service) {
        (Some(url), None) => validate_url(&path.child("url"), url),
        (None, Some(service)) => validate_service(&path.child("service"), service),
        _ => Error::required(path, "exactly one of url or service is required").into(),
    }
}

/// What is wrong with a bundle of authorities.
pub(crate) fn ca_bundle_fault(bundle: &[u8]) -> Option<String> {
    let mut rest = bundle;
    let mut usable = false;
    let mut fault = None;
    while !rest.is_empty() {
        let Some((block, following)) = pem::decode(rest) else {
            fault.get_or_insert("unable to parse bytes as PEM block");
            break;
        };
        rest = following;
        if block.label != "CERTIFICATE" || block.has_headers {
            continue;
        }
        if X509Certificate::from_der(&block.data).is_ok() {
            usable = true;
        } else {
            fault.get_or_insert("failed to parse certificate: x509: malformed certificate");
        }
    }
    let fault = fault.unwrap_or("no valid certificate authority data seen");
    (!usable).then(|| format!("unable to load root certificates: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> String {
        validate_url(&Path::new("url"), text).to_string()
    }

    #[test]
    fn urls() {
        let form = "; desired format: https://host[/path]";
        assert_eq!(url("https://hook.example.com:8443/x"), "");
        assert_eq!(
            url("http://h/x"),
            format!("url: Invalid value: \"http\": 'https' is the only allowed URL scheme{form}")
        );
        assert_eq!(
            url("https://u:p@h/x?a=b#c"),
            "[url: Invalid value: \"u:p\": user information is not permitted in the URL, url: Invalid value: \"c\": fragments are not permitted in the URL, url: Invalid value: \"a=b\": query parameters are not permitted in the URL]"
        );
        assert_eq!(
            url(""),
            format!(
                "[url: Invalid value: \"\": 'https' is the only allowed URL scheme{form}, url: Invalid value: \"\": host must be specified{form}]"
            )
        );
        assert_eq!(
            url("https://h:x/"),
            format!(
                "url: Required value: url must be a valid URL: parse \"https://h:x/\": invalid port \":x\" after host{form}"
            )
        );
    }

    #[test]
    fn services() {
        let check = |namespace, name, path, port, expected: &str| {
            let service = Service {
                namespace,
                name,
                path,
                port,
            };
            assert_eq!(validate_service(&Path::new("s"), service).to_string(), expected);
        };
        check("n", "s", Some("/a/b/"), Some(443), "");
        check("", "s", None, Some(443), "s.name: Required value");
        check("n", "", None, Some(443), "s.namespace: Required value");
        check(
            "n",
            "s",
            None,
            Some(0),
            "s.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive",
        );
        check(
            "n",
            "s",
            Some("/a//b"),
            Some(1),
            "s.path: Invalid value: \"/a//b\": segment[1] may not be empty",
        );
        check(
            "n",
            "s",
            Some("//"),
            Some(1),
            "s.path: Invalid value: \"//\": segment[0] may not be empty",
        );
    }
}
