//! Watches: frames of JSON in an endless body.

use std::marker::PhantomData;

use apimachinery::status::StatusError;
use bytes::BytesMut;
use futures::StreamExt as _;
use k8s_api::meta::v1::Status;
use k8s_api::{HasMetadata, Kind as _};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ByteStream, Error};
use crate::api::ApiObject;

/// What happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent<T> {
    /// It came to be, or came to match the selectors.
    Added(T),
    /// It changed.
    Modified(T),
    /// It is gone, or matches the selectors no more; this is its last state.
    Deleted(T),
    /// Nothing happened up to this revision.
    Bookmark {
        /// The revision to resume from.
        resource_version: String,
        /// Whether the objects that were there at the start have all been sent.
        initial_events_end: bool,
    },
}

/// The annotation of the bookmark that ends the initial events.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// A running watch; dropping it ends it.
#[derive(Debug)]
pub struct Watch<T> {
    stream: ByteStream,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of a frame.
    searched: usize,
    marker: PhantomData<fn() -> T>,
}

impl<T: ApiObject> Watch<T> {
    pub(crate) fn new(stream: ByteStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            searched: 0,
            marker: PhantomData,
        }
    }

    /// The next event; `None` when the server has ended the watch. Cancel safe.
    ///
    /// # Errors
    /// What the server reports (410 among it), a broken connection, an event that cannot be read.
    pub async fn next(&mut self) -> Option<Result<WatchEvent<T>, Error>> {
        loop {
            while let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let end = self.searched + at + 1;
                match decode(&self.buffer[..end]) {
                    // Frames may contain line breaks; this one is not complete.
                    Decoded::Incomplete => self.searched = end,
                    Decoded::Nothing => {
                        let _ = self.buffer.split_to(end);
                        self.searched = 0;
                    }
                    Decoded::Event(event) => {
                        let _ = self.buffer.split_to(end);
                        self.searched = 0;
                        return Some(event);
                    }
                }
            }
            self.searched = self.buffer.len();
            match self.stream.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => return Some(Err(Error::Body(error))),
                None => return self.last(),
            }
        }
    }

    /// The last frame may lack its line break.
    fn last(&mut self) -> Option<Result<WatchEvent<T>, Error>> {
        let rest = self.buffer.split();
        self.searched = 0;
        match decode(&rest) {
            Decoded::Event(event) => Some(event),
            Decoded::Nothing => None,
            Decoded::Incomplete => Some(Err(Error::Decode("the watch ended within an event".to_owned()))),
        }
    }
}

enum Decoded<T> {
    Nothing,
    Incomplete,
    Event(Result<WatchEvent<T>, Error>),
}

/// What happened and the object, of a frame that is laid out as servers lay it out: the type first, and no blanks.
///
/// A frame that is not complete has braces left open, and so has what is taken here for the object: it does not decode.
fn usual_parts(frame: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = frame.strip_prefix(br#"{"type":""#)?;
    let (kind, rest) = rest.split_at(memchr::memchr(b'"', rest)?);
    let object = rest.strip_prefix(br#"","object":"#)?;
    Some((kind, object.trim_ascii_end().strip_suffix(b"}")?))
}

/// A change in a frame of the usual layout, read without going over the object twice.
fn decode_usual<T: ApiObject>(frame: &[u8]) -> Option<WatchEvent<T>> {
    let (kind, json) = usual_parts(frame)?;
    let wrap: fn(T) -> WatchEvent<T> = match kind {
        b"ADDED" => WatchEvent::Added,
        b"MODIFIED" => WatchEvent::Modified,
        b"DELETED" => WatchEvent::Deleted,
        _ => return None,
    };
    T::decode(json).ok().map(wrap)
}

fn decode<T: ApiObject>(bytes: &[u8]) -> Decoded<T> {
    if let Some(event) = decode_usual(bytes) {
        return Decoded::Event(Ok(event));
    }
    if bytes.trim_ascii().is_empty() {
        return Decoded::Nothing;
    }
    let frame: Frame<'_> = match serde_json::from_slice(bytes) {
        Ok(frame) => frame,
        Err(error) if error.is_eof() => return Decoded::Incomplete,
        Err(error) => return Decoded::Event(Err(undecodable(&error))),
    };
    let json = frame.object.get().as_bytes();
    let object = |wrap: fn(T) -> WatchEvent<T>| T::decode(json).map(wrap).map_err(|error| undecodable(&error));
    Decoded::Event(match frame.kind {
        "ADDED" => object(WatchEvent::Added),
        "MODIFIED" => object(WatchEvent::Modified),
        "DELETED" => object(WatchEvent::Deleted),
        "BOOKMARK" => bookmark(json),
        "ERROR" => Err(match Status::from_json(json) {
            Ok(status) => Error::Status(StatusError::from(status)),
            Err(error) => undecodable(&error),
        }),
        other => Err(Error::Decode(format!(
            "unknown watch event {}",
            k8s_api::primitives::quote(other)
        ))),
    })
}

fn undecodable(error: &serde_json::Error) -> Error {
    Error::Decode(format!("unable to decode an event from the watch stream: {error}"))
}

fn bookmark<T>(json: &[u8]) -> Result<WatchEvent<T>, Error> {
    let object = k8s_api::meta::v1::PartialObjectMetadata::from_json(json).map_err(|error| undecodable(&error))?;
    let metadata = object.metadata();
    Ok(WatchEvent::Bookmark {
        initial_events_end: metadata
            .annotations
            .get(INITIAL_EVENTS_END)
            .is_some_and(|value| value == "true"),
        resource_version: metadata.resource_version.clone(),
    })
}
