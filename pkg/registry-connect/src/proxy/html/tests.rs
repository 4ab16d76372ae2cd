//! Pages before and behind the proxy, in one piece and in many, packed and not.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use component_base::serving::Body;
use flate2::{Compression, read, write};
use futures::stream;
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use super::{Place, rewrite};

const PREFIX: &str = "/api/v1/namespaces/n/services/s:80/proxy";

/// What is sent, and what comes out; `P` is the path of the proxy.
const PAGES: &[(&str, &str)] = &[
    (
        r#"<a href="/x?a=1&amp;b=2#c">t</a>"#,
        r#"<a href="P/x?a=1&amp;b=2#c">t</a>"#,
    ),
    ("<A HREF='/x' id=i>", r#"<A HREF="P/x" id=i>"#),
    ("<a href=/x>", r#"<a href="P/x">"#),
    (r#"<a href="&#x2f;x&quot;y">"#, r#"<a href="P/x%22y">"#),
    (
        r#"<a href="relative/x" title="/y">"#,
        r#"<a href="relative/x" title="/y">"#,
    ),
    (r#"<a href="http://elsewhere/x">"#, r#"<a href="http://elsewhere/x">"#),
    (r#"<a href="http://10.0.0.1:80/x/">"#, r#"<a href="P/x/">"#),
    (
        r#"<a href="https://server:6443/x">"#,
        r#"<a href="https://server:6443P/x">"#,
    ),
    (r#"<a href="P/x">"#, r#"<a href="P/x">"#),
    (r#"<a href="/%zz">"#, r#"<a href="/%zz">"#),
    (r#"<a href="javascript:go('/x')">"#, r#"<a href="javascript:go('/x')">"#),
    (
        r#"<img src="/i.png" longdesc="/l" usemap="/m" alt="/a"/>"#,
        r#"<img src="P/i.png" longdesc="P/l" usemap="P/m" alt="/a" />"#,
    ),
    (
        r#"<object classid="/a" codebase="/b" data="/c" usemap="/d">"#,
        r#"<object classid="P/a" codebase="P/b" data="P/c" usemap="P/d">"#,
    ),
    (r#"<video poster="/p" src="/s">"#, r#"<video poster="P/p" src="P/s">"#),
    (
        r#"<input src="/a" usemap="/b" formaction="/c" value="/d">"#,
        r#"<input src="P/a" usemap="P/b" formaction="P/c" value="/d">"#,
    ),
    (
        r#"<form action="/f"><button formaction="/b">"#,
        r#"<form action="P/f"><button formaction="P/b">"#,
    ),
    (
        r#"<script src="/s.js">a = '<a href="/x">';</script>"#,
        r#"<script src="P/s.js">a = '<a href="/x">';</script>"#,
    ),
    (
        r#"<!-- <a href="/x"> -->&nbsp;<p>"#,
        r#"<!-- <a href="/x"> -->&nbsp;<p>"#,
    ),
    (r#"<div href="/x" src="/y">"#, r#"<div href="/x" src="/y">"#),
    (r#"<a href="/ä">ö</a>"#, r#"<a href="P/%C3%A4">ö</a>"#),
    (
        "<!DOCTYPE html>\r\n<html manifest=/m><head profile=/p><base href=\"/\"><link  href='/c.css'  rel=x>",
        "<!DOCTYPE html>\r\n<html manifest=\"P/m\"><head profile=\"P/p\"><base href=\"P/\"><link href=\"P/c.css\" rel=x>",
    ),
];

fn place() -> Place {
    let path = format!("{PREFIX}/page");
    Place::new(&path, 1, "10.0.0.1:80".to_owned(), "server:6443".to_owned())
}

fn headers(content_type: &'static str, encoding: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("1"));
    if !encoding.is_empty() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    headers
}

fn pieces(bytes: &[u8], length: usize) -> Body {
    let frames: Vec<Result<_, std::io::Error>> = bytes
        .chunks(length)
        .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    Body::boxed(StreamBody::new(stream::iter(frames)))
}

async fn rewritten(headers: &mut HeaderMap, body: Body) -> Bytes {
    rewrite(headers, body, place())
        .collect()
        .await
        .expect("a page")
        .to_bytes()
}

fn pack(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => {
            let mut encoder = write::GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).expect("memory");
            encoder.finish().expect("memory")
        }
        "deflate" => {
            let mut encoder = write::DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).expect("memory");
            encoder.finish().expect("memory")
        }
        _ => bytes.to_vec(),
    }
}

fn unpack(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    match encoding {
        "gzip" => read::MultiGzDecoder::new(bytes).read_to_end(&mut unpacked),
        "deflate" => read::DeflateDecoder::new(bytes).read_to_end(&mut unpacked),
        _ => std::io::Cursor::new(bytes).read_to_end(&mut unpacked),
    }
    .expect("packed bytes");
    unpacked
}

#[tokio::test]
async fn links_lead_through_the_proxy() {
    for encoding in ["", "gzip", "deflate"] {
        for (page, expected) in PAGES {
            let (page, expected) = (
                page.replace("\"P/", &format!("\"{PREFIX}/")),
                expected.replace("P/", &format!("{PREFIX}/")),
            );
            for length in [1, 7, 1 << 20] {
                let mut headers = headers("text/html; charset=utf-8", encoding);
                let body = pieces(&pack(encoding, page.as_bytes()), length);
                let got = unpack(encoding, &rewritten(&mut headers, body).await);
                assert_eq!(String::from_utf8_lossy(&got), expected, "{encoding} {length}");
                assert!(!headers.contains_key(header::CONTENT_LENGTH));
            }
        }
    }
}

#[tokio::test]
async fn bytes_outside_the_attributes_stay() {
    let page = b"<p title='\xe4'>\xff\x00</p><a href=\"/x\" title='\xe4'>\xf6";
    let got = rewritten(&mut headers("text/html", ""), pieces(page, 3)).await;
    let expected = [
        &b"<p title='\xe4'>\xff\x00</p><a href=\""[..],
        PREFIX.as_bytes(),
        b"/x\" title='\xe4'>\xf6",
    ];
    assert_eq!(got, expected.concat());
}

#[tokio::test]
async fn what_is_no_page_passes() {
    let link = br#"<a href="/x">"#;
    for (content_type, encoding) in [
        ("text/plain", ""),
        ("application/xhtml+xml", ""),
        ("TEXT/HTML", ""),
        ("text/html", "br"),
        ("text/html", "gzip, gzip"),
    ] {
        let mut headers = headers(content_type, encoding);
        assert_eq!(
            rewritten(&mut headers, pieces(link, 4)).await,
            &link[..],
            "{content_type} {encoding}"
        );
        assert!(
            headers.contains_key(header::CONTENT_LENGTH),
            "{content_type} {encoding}"
        );
    }
}

#[tokio::test]
async fn nothing_stays_nothing() {
    for encoding in ["", "gzip", "deflate"] {
        for body in [Body::empty(), pieces(b"", 1)] {
            let got = rewritten(&mut headers("text/html", encoding), body).await;
            assert!(got.is_empty(), "{encoding}: {got:?}");
        }
    }
}

#[tokio::test]
async fn pieces_are_sent_as_they_come() {
    for encoding in ["", "gzip", "deflate"] {
        let (sender, receiver) = futures::channel::mpsc::unbounded::<Result<Frame<Bytes>, std::io::Error>>();
        let mut encoder = super::Rewriting::new(
            match encoding {
                "gzip" => super::Packing::Gzip,
                "deflate" => super::Packing::Deflate,
                _ => super::Packing::Identity,
            },
            place(),
        )
        .packed;
        let first = encoder.pack(b"<p>first</p>").expect("memory");
        sender.unbounded_send(Ok(Frame::data(first))).expect("a reader");
        let mut body = rewrite(
            &mut headers("text/html", encoding),
            Body::boxed(StreamBody::new(receiver)),
            place(),
        );
        let frame = body
            .frame()
            .await
            .expect("a frame")
            .expect("data")
            .into_data()
            .expect("data");
        assert!(!frame.is_empty(), "{encoding}");
        drop(sender);
    }
}

#[tokio::test]
async fn what_is_not_packed_as_it_says_ends_the_answer() {
    for encoding in ["gzip", "deflate"] {
        let body = pieces(b"<a href=\"/x\"> that nobody packed", 5);
        let answer = rewrite(&mut headers("text/html", encoding), body, place());
        let error = answer.collect().await.expect_err("an error");
        let error = error.downcast_ref::<std::io::Error>().expect("of the decoder");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{encoding}: {error}");
    }
}
