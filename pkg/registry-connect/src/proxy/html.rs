//! Pages of a back end lead through the proxy: the URLs in their attributes become this server's.
//!
//! A page streams through: what is kept of it is the tag that is being read. Only tags with an attribute that changes
//! are written anew, and only that attribute's text; every other byte stays. The page is taken for UTF-8.

use std::{
    borrow::Cow,
    io::{self, Write},
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use component_base::serving::{Body, BoxError};
use flate2::{
    Compression,
    write::{DeflateDecoder, DeflateEncoder, GzEncoder, MultiGzDecoder},
};
use http::{HeaderMap, HeaderValue, header};
use http_body::{Body as HttpBody, Frame};
use lol_html::{
    MemorySettings, OutputSink, Selector,
    send::{Element, ElementContentHandlers, HtmlRewriter, Settings},
};
use parking_lot::Mutex;

use super::place::Place;

/// The attributes that hold URLs, by the elements that have them.
const URL_ATTRIBUTES: [(&str, &[&str]); 25] = [
    ("a", &["href"]),
    ("applet", &["codebase"]),
    ("area", &["href"]),
    ("audio", &["src"]),
    ("base", &["href"]),
    ("blockquote", &["cite"]),
    ("body", &["background"]),
    ("button", &["formaction"]),
    ("command", &["icon"]),
    ("del", &["cite"]),
    ("embed", &["src"]),
    ("form", &["action"]),
    ("frame", &["longdesc", "src"]),
    ("head", &["profile"]),
    ("html", &["manifest"]),
    ("iframe", &["longdesc", "src"]),
    ("img", &["longdesc", "src", "usemap"]),
    ("input", &["src", "usemap", "formaction"]),
    ("ins", &["cite"]),
    ("link", &["href"]),
    ("object", &["classid", "codebase", "data", "usemap"]),
    ("q", &["cite"]),
    ("script", &["src"]),
    ("source", &["src"]),
    ("video", &["poster", "src"]),
];

/// The longest tag, with the images that may be written in it. A longer one ends the answer with an error.
const MAX_TAG: usize = 64 << 20;

static SELECTORS: LazyLock<Vec<(Selector, &[&str])>> = LazyLock::new(|| {
    let selector = |name: &str| name.parse().expect("the name of an element selects it");
    URL_ATTRIBUTES
        .map(|(name, attributes)| (selector(name), attributes))
        .into()
});

/// How a page is packed (`Content-Encoding`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Identity,
    Gzip,
    Deflate,
}

/// The packing of an answer that is a page, if it is a known one.
fn packing(headers: &HeaderMap) -> Option<Packing> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    if content_type.split(';').next()?.trim() != "text/html" {
        return None;
    }
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"") => Some(Packing::Identity),
        Some(b"gzip") => Some(Packing::Gzip),
        Some(b"deflate") => Some(Packing::Deflate),
        Some(encoding) => {
            let encoding = String::from_utf8_lossy(encoding);
            tracing::error!(%encoding, "a page of a back end has an unknown encoding, its links stay as they are");
            None
        }
    }
}

/// The body of an answer without a redirect, its URLs rewritten if it is a page.
pub(super) fn rewrite<B>(headers: &mut HeaderMap, body: B, place: Place) -> Body
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let Some(packing) = packing(headers) else {
        return Body::boxed(body);
    };
    headers.remove(header::CONTENT_LENGTH);
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::boxed(Page {
        body,
        rewriting: Some(Rewriting::new(packing, place)),
        trailers: None,
    })
}

/// A page on its way.
struct Page<B> {
    body: B,
    /// Absent once the page has ended.
    rewriting: Option<Rewriting>,
    trailers: Option<Frame<Bytes>>,
}

impl<B> HttpBody for Page<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let page = &mut *self;
        loop {
            let Some(rewriting) = &mut page.rewriting else {
                return Poll::Ready(page.trailers.take().map(Ok));
            };
            let rewritten = match ready!(Pin::new(&mut page.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => rewriting.write(&data),
                    Err(trailers) => {
                        page.trailers = Some(trailers);
                        Ok(Bytes::new())
                    }
                },
                Some(Err(error)) => {
                    page.rewriting = None;
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => match page.rewriting.take() {
                    Some(rewriting) => rewriting.finish(),
                    None => Ok(Bytes::new()),
                },
            };
            match rewritten {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(error) => {
                    tracing::error!(%error, "failed to rewrite the URLs of a page");
                    (page.rewriting, page.trailers) = (None, None);
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
        }
    }
}

/// Unpacks, rewrites and packs again.
struct Rewriting {
    unpacked: Unpacker,
    /// Whether anything has come: nothing is not even a packed nothing.
    begun: bool,
    rewritten: Output,
    packed: Packer,
}

impl Rewriting {
    fn new(packing: Packing, place: Place) -> Self {
        let rewritten = Output::default();
        let html = Html::new(Arc::new(place), rewritten.clone());
        let (unpacked, packed) = match packing {
            Packing::Identity => (Unpacker::Identity(html), Packer::Identity(Vec::new())),
            Packing::Gzip => (
                Unpacker::Gzip(MultiGzDecoder::new(html)),
                Packer::Gzip(GzEncoder::new(Vec::new(), Compression::default())),
            ),
            Packing::Deflate => (
                Unpacker::Deflate(DeflateDecoder::new(html)),
                Packer::Deflate(DeflateEncoder::new(Vec::new(), Compression::best())),
            ),
        };
        Self {
            unpacked,
            begun: false,
            rewritten,
            packed,
        }
    }

    /// Takes a piece; gives what can be sent by now.
    fn write(&mut self, data: &[u8]) -> io::Result<Bytes> {
        self.begun |= !data.is_empty();
        match &mut self.unpacked {
            Unpacker::Identity(html) => html.write_all(data),
            // Decoders hand on what they have when they are told to.
            Unpacker::Gzip(decoder) => decoder.write_all(data).and_then(|()| decoder.flush()),
            Unpacker::Deflate(decoder) => decoder.write_all(data).and_then(|()| decoder.flush()),
        }?;
        self.packed.pack(&self.rewritten.take())
    }

    fn finish(mut self) -> io::Result<Bytes> {
        if !self.begun {
            return Ok(Bytes::new());
        }
        match self.unpacked {
            Unpacker::Identity(html) => html,
            Unpacker::Gzip(decoder) => decoder.finish()?,
            Unpacker::Deflate(decoder) => decoder.finish()?,
        }
        .end()?;
        let last = self.packed.pack(&self.rewritten.take())?;
        let end = match self.packed {
            Packer::Identity(_) => Vec::new(),
            Packer::Gzip(encoder) => encoder.finish()?,
            Packer::Deflate(encoder) => encoder.finish()?,
        };
        Ok([last.as_ref(), &end].concat().into())
    }
}

enum Unpacker {
    Identity(Html),
    Gzip(MultiGzDecoder<Html>),
    Deflate(DeflateDecoder<Html>),
}

enum Packer {
    Identity(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(DeflateEncoder<Vec<u8>>),
}

impl Packer {
    /// Packs a piece so that it can be unpacked without the next.
    fn pack(&mut self, piece: &[u8]) -> io::Result<Bytes> {
        if piece.is_empty() {
            return Ok(Bytes::new());
        }
        let packed = match self {
            Self::Identity(buffer) => {
                buffer.write_all(piece)?;
                buffer
            }
            Self::Gzip(encoder) => {
                encoder.write_all(piece)?;
                encoder.flush()?;
                encoder.get_mut()
            }
            Self::Deflate(encoder) => {
                encoder.write_all(piece)?;
                encoder.flush()?;
                encoder.get_mut()
            }
        };
        Ok(std::mem::take(packed).into())
    }
}

/// What has been rewritten and not been taken yet.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock())
    }
}

impl OutputSink for Output {
    fn handle_chunk(&mut self, chunk: &[u8]) {
        self.0.lock().extend_from_slice(chunk);
    }
}

/// The rewriter of one page; absent once it has failed.
struct Html(Option<HtmlRewriter<'static, Output>>);

impl Html {
    fn new(place: Arc<Place>, output: Output) -> Self {
        let memory = MemorySettings::new().with_max_allowed_memory_usage(MAX_TAG);
        // Pages that a browser shows are rewritten, however odd.
        let mut settings = Settings::new_send().with_memory_settings(memory).with_strict(false);
        for (selector, attributes) in &*SELECTORS {
            let place = place.clone();
            let handler = move |element: &mut Element<'_, '_>| {
                for attribute in *attributes {
                    rewrite_attribute(element, attribute, &place)?;
                }
                Ok(())
            };
            let handlers = ElementContentHandlers::default().element(handler);
            settings = settings.append_element_content_handler((Cow::Borrowed(selector), handlers));
        }
        Self(Some(HtmlRewriter::new(settings, output)))
    }

    fn end(mut self) -> io::Result<()> {
        match self.0.take() {
            Some(rewriter) => rewriter.end().map_err(io::Error::other),
            None => Ok(()),
        }
    }
}

impl Write for Html {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        // Decoders write what they have left when they are dropped, also behind an error.
        let rewriter = self.0.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        if let Err(error) = rewriter.write(data) {
            self.0 = None;
            return Err(io::Error::other(error));
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Rewrites one attribute. What is no URL is left to the browser.
fn rewrite_attribute(
    element: &mut Element<'_, '_>,
    name: &str,
    place: &Place,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let Some(written) = element.get_attribute(name) else {
        return Ok(());
    };
    let url = html_escape::decode_html_entities(&written);
    if let Ok(Some(url)) = place.through_proxy(url.as_bytes()) {
        element.set_attribute(name, &html_escape::encode_double_quoted_attribute(&url))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
