//! Passing requests on to the API server, upgrades included.

use std::path::PathBuf;

use client_go::rest::Client;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use super::files;
use super::filter::Filter;

/// A body that is made here or comes from the API server.
type Body = BoxBody<Bytes, hyper::Error>;
type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// What concerns one connection only.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
];

/// What is served under which path.
pub(super) struct Server {
    pub(super) client: Client,
    pub(super) authority: String,
    pub(super) server_path: String,
    pub(super) filter: Option<Filter>,
    pub(super) api_prefix: String,
    pub(super) files: Option<(String, PathBuf)>,
}

fn text(status: StatusCode, content_type: &'static str, content: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(content.into()).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn plain(status: StatusCode, content: String) -> Response<Body> {
    text(status, "text/plain; charset=utf-8", content)
}

impl Server {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if let Some((prefix, folder)) = &self.files
            && prefix.len() > self.api_prefix.len()
            && let Some(rest) = path.strip_prefix(prefix.as_str())
        {
            let answer = files::serve(folder, rest);
            return text(answer.status, answer.content_type, answer.content);
        }
        let Some(path) = self.api_path(&path) else {
            return plain(StatusCode::NOT_FOUND, "404 page not found\n".to_owned());
        };
        let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = header.unwrap_or_default().to_owned();
        if let Some(filter) = &self.filter
            && !filter.accepts(request.method().as_str(), &path, &host)
        {
            return plain(StatusCode::FORBIDDEN, "Forbidden\n".to_owned());
        }
        match self.forward(request, &path).await {
            Ok(response) => response,
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }

    /// The path at the API server; the prefix is kept where it is one of the API's.
    fn api_path(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.api_prefix.as_str())?;
        if self.api_prefix.starts_with("/api") {
            Some(path.to_owned())
        } else {
            Some(format!("/{rest}"))
        }
    }

    async fn forward(&self, request: Request<Incoming>, path: &str) -> Result<Response<Body>, BoxedError> {
        let connection = self.client.dial().await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(connection)).await?;
        tokio::spawn(async move {
            // What ends the connection ends the response too, where it is reported.
            let _ = connection.with_upgrades().await;
        });
        let (mut parts, body) = request.into_parts();
        let upgrade = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
        let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut outgoing = Request::new(body);
        *outgoing.method_mut() = parts.method;
        *outgoing.uri_mut() = format!("{}{path}{query}", self.server_path).parse()?;
        *outgoing.headers_mut() = self.headers(parts.headers).await?;
        let mut response = sender.send_request(outgoing).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(client_side) = upgrade
        {
            let server_side = hyper::upgrade::on(&mut response);
            tokio::spawn(async move {
                if let (Ok(client), Ok(server)) = (client_side.await, server_side.await) {
                    // Either side may go away at any time; then so does the other.
                    let _ = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(server)).await;
                }
            });
        } else {
            remove_hop_by_hop(response.headers_mut());
        }
        Ok(response.map(|body| body.boxed()))
    }

    /// The request's headers with the server's host and our identity.
    async fn headers(&self, mut headers: HeaderMap) -> Result<HeaderMap, BoxedError> {
        let upgrade = headers.get(UPGRADE).cloned();
        remove_hop_by_hop(&mut headers);
        if let Some(protocol) = upgrade {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, protocol);
        }
        headers.insert(HOST, HeaderValue::from_str(&self.authority)?);
        for (name, value) in &self.client.identity_headers().await? {
            // Credentials of the request itself go before ours, and so does what it calls itself.
            let own = (*name == AUTHORIZATION || *name == http::header::USER_AGENT) && headers.contains_key(name);
            if !own {
                headers.append(name, value.clone());
            }
        }
        Ok(headers)
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(HeaderName::from_static(name));
    }
}
