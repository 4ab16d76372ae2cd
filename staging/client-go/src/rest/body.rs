//! Reading responses: whole, or as they come.

use std::io::{self, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;

use super::Error;
use crate::transport::{ResponseBody, TransportError};

/// A response as it comes, chunk by chunk: logs, watches.
#[derive(Debug)]
pub struct ByteStream {
    body: ResponseBody,
}

impl ByteStream {
    pub(super) fn new(body: ResponseBody) -> Self {
        Self { body }
    }

    /// The stream as a reader.
    pub fn into_reader(self) -> impl tokio::io::AsyncBufRead + Send + Unpin {
        tokio_util::io::StreamReader::new(self.map(|chunk| chunk.map_err(io::Error::other)))
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// The whole body. One that comes in a single chunk is not copied.
pub(super) async fn read(mut body: ResponseBody, gzip: bool) -> Result<Bytes, Error> {
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Error::Body)?.into_data() else {
            continue;
        };
        match first.take() {
            None if all.is_empty() => first = Some(data),
            None => all.extend_from_slice(&data),
            Some(before) => {
                all.reserve(expected.max(before.len() + data.len()));
                all.extend_from_slice(&before);
                all.extend_from_slice(&data);
            }
        }
    }
    let bytes = first.unwrap_or_else(|| all.freeze());
    if !gzip {
        return Ok(bytes);
    }
    let mut plain = Vec::with_capacity(bytes.len() * 4);
    flate2::read::MultiGzDecoder::new(&bytes[..])
        .read_to_end(&mut plain)
        .map_err(|error| Error::Decode(format!("gzip: {error}")))?;
    Ok(plain.into())
}
