//! [`Body`]: one type for request and response bodies, without a box where none is needed.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

/// Any error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A stream of bytes: nothing, bytes in memory, a connection's input, or something boxed.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Once(Bytes),
    Chunks {
        rest: VecDeque<Bytes>,
        length: u64,
    },
    Incoming(Incoming),
    Boxed(UnsyncBoxBody<Bytes, BoxError>),
}

impl Body {
    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// Slices that are sent one after the other as they are; the length of the whole is known beforehand.
    pub fn chunks(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let rest: VecDeque<_> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        let length = rest.iter().map(|chunk| chunk.len() as u64).sum();
        Self(Kind::Chunks { rest, length })
    }

    /// Another body, boxed.
    pub fn boxed<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Kind::Boxed(body.map_err(Into::into).boxed_unsync()))
    }

    /// Reads everything, at most `limit` bytes.
    ///
    /// # Errors
    /// The body fails, or it is larger.
    pub async fn collect_bytes(self, limit: usize) -> Result<Bytes, CollectError> {
        match self.0 {
            Kind::Empty => return Ok(Bytes::new()),
            Kind::Once(bytes) if bytes.len() <= limit => return Ok(bytes),
            Kind::Once(_) => return Err(CollectError::TooLarge(limit)),
            _ => {}
        }
        if self.size_hint().lower() > limit as u64 {
            return Err(CollectError::TooLarge(limit));
        }
        let mut limited = Limited::new(self, limit);
        let mut first: Option<Bytes> = None;
        let mut all = BytesMut::new();
        while let Some(frame) = limited.frame().await {
            let frame = frame.map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => CollectError::TooLarge(limit),
                Err(other) => CollectError::Failed(other),
            })?;
            let Ok(data) = frame.into_data() else { continue };
            match (first.take(), all.is_empty()) {
                // One frame is the common case and needs no copy.
                (None, true) => first = Some(data),
                (earlier, _) => {
                    all.extend_from_slice(&earlier.unwrap_or_default());
                    all.extend_from_slice(&data);
                }
            }
        }
        Ok(first.unwrap_or_else(|| all.freeze()))
    }
}

/// Why a body could not be read into memory.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// It is larger than this.
    #[error("request body is larger than {0} bytes")]
    TooLarge(usize),
    /// The connection failed, or the body is malformed.
    #[error("error reading the body")]
    Failed(#[source] BoxError),
}

impl fmt::Debug for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = self.size_hint();
        write!(out, "Body({}..{:?})", hint.lower(), hint.upper())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self(Kind::Once(bytes))
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<Incoming> for Body {
    fn from(incoming: Incoming) -> Self {
        Self(Kind::Incoming(incoming))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Once(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Chunks { rest, length } => match rest.pop_front() {
                Some(chunk) => {
                    *length -= chunk.len() as u64;
                    Poll::Ready(Some(Ok(Frame::data(chunk))))
                }
                None => Poll::Ready(None),
            },
            Kind::Incoming(incoming) => Pin::new(incoming).poll_frame(context).map_err(Into::into),
            Kind::Boxed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Once(_) => false,
            Kind::Chunks { rest, .. } => rest.is_empty(),
            Kind::Incoming(incoming) => incoming.is_end_stream(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Once(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Chunks { length, .. } => SizeHint::with_exact(*length),
            Kind::Incoming(incoming) => incoming.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streamed() -> Body {
        let frames = ["ab", "cd", "ef"].map(|text| Ok::<_, BoxError>(Frame::data(Bytes::from_static(text.as_bytes()))));
        Body::boxed(http_body_util::StreamBody::new(futures::stream::iter(frames)))
    }

    #[tokio::test]
    async fn reads_up_to_its_limit() {
        assert_eq!(streamed().collect_bytes(6).await.unwrap(), "abcdef");
        assert!(matches!(
            streamed().collect_bytes(5).await,
            Err(CollectError::TooLarge(5))
        ));
        assert!(matches!(
            Body::from("abc").collect_bytes(2).await,
            Err(CollectError::TooLarge(2))
        ));
        assert_eq!(Body::empty().collect_bytes(0).await.unwrap(), "");
    }

    #[tokio::test]
    async fn chunks_know_their_length_and_are_not_copied() {
        let first = Bytes::from_static(b"abc");
        let body = Body::chunks([first.clone(), Bytes::new(), Bytes::from_static(b"de")]);
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(body.collect_bytes(5).await.unwrap(), "abcde");
        let alone = Body::chunks([first.clone()]).collect_bytes(3).await.unwrap();
        assert_eq!(alone.as_ptr(), first.as_ptr());
    }
}
