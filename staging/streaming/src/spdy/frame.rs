//! SPDY/3.1 frames: an incremental decoder and the encoder.
//!
//! The decoder holds at most one control frame ([`MAX_CONTROL_FRAME`] bytes); the payload of a DATA
//! frame, which may claim 16 MiB, is handed on in the pieces in which it arrives. Malformed input is
//! a [`FrameError`], after which the decoder must not be used again: header compression has state.
//! Corresponds to the framer of spdystream, which is the peer that everything here must talk to.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::headers::{Deflater, Headers, Inflater};

/// The longest control frame that is taken, without its 8 bytes of head.
pub const MAX_CONTROL_FRAME: usize = 64 * 1024;

/// The largest stream id.
pub const MAX_STREAM_ID: u32 = 0x7fff_ffff;

const HEAD: usize = 8;
const VERSION: u16 = 3;
const FLAG_FIN: u8 = 1;
const FLAG_UNIDIRECTIONAL: u8 = 2;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const SETTINGS: u16 = 4;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;
const WINDOW_UPDATE: u16 = 9;

/// Headers that HTTP/1.1 has and SPDY forbids on a stream's opening.
const FORBIDDEN: [&str; 5] = [
    "connection",
    "host",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
];

/// What is wrong with a received frame. Each of these ends the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A control frame of another protocol version.
    #[error("unsupported SPDY version {0}")]
    Version(u16),
    /// A control frame type that SPDY/3 does not have.
    #[error("unknown control frame type {0}")]
    UnknownType(u16),
    /// A control frame longer than [`MAX_CONTROL_FRAME`].
    #[error("control frame of {0} bytes is too large")]
    TooLarge(usize),
    /// A control frame whose length, flags or fields do not fit its type.
    #[error("invalid control frame")]
    InvalidControlFrame,
    /// A frame that belongs to a stream and names stream 0.
    #[error("stream id is zero")]
    ZeroStreamId,
    /// A header block that is no continuation of the direction's zlib stream.
    #[error("invalid header compression")]
    Compression,
    /// A header block that decompresses to more than 64 KiB.
    #[error("header block is too large")]
    HeadersTooLarge,
    /// A header block whose lengths do not add up.
    #[error("invalid header block")]
    HeaderBlock,
    /// A header name that is not in lower case.
    #[error("header was not lowercased")]
    HeaderNameCase,
    /// A header name that occurs twice.
    #[error("multiple headers with same name")]
    DuplicateHeader,
    /// A header that belongs to HTTP/1.1.
    #[error("invalid header in stream")]
    ForbiddenHeader,
}

/// One received frame, or a piece of a DATA frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Opens a stream.
    SynStream {
        /// The new stream's id.
        id: u32,
        /// The sender will send nothing more.
        fin: bool,
        /// The receiver must send nothing.
        unidirectional: bool,
        /// What the stream is for.
        headers: Headers,
    },
    /// Accepts a stream.
    SynReply {
        /// The stream's id.
        id: u32,
        /// The sender will send nothing more.
        fin: bool,
    },
    /// Ends a stream in both directions.
    RstStream {
        /// The stream's id.
        id: u32,
        /// Why, never 0.
        status: u32,
    },
    /// Settings, of which none concerns us.
    Settings,
    /// A ping or its echo.
    Ping {
        /// Odd when the client began it, even when the server did.
        id: u32,
    },
    /// The session ends.
    GoAway {
        /// The last stream that the sender accepted.
        last_good_id: u32,
        /// 0 when all is well.
        status: u32,
    },
    /// Further headers of a stream, which Kubernetes has no use for.
    Headers {
        /// The stream's id.
        id: u32,
        /// The sender will send nothing more.
        fin: bool,
    },
    /// Credit for the sender of data; see the session for why it is not needed.
    WindowUpdate {
        /// The stream's id, 0 for the session.
        id: u32,
        /// How many bytes more.
        delta: u32,
    },
    /// A piece of data.
    Data {
        /// The stream's id.
        id: u32,
        /// The sender will send nothing more.
        fin: bool,
        /// The bytes.
        payload: Bytes,
    },
}

/// The rest of a DATA frame whose head has been read.
struct OpenData {
    id: u32,
    fin: bool,
    rest: usize,
}

/// Turns received bytes into frames.
pub struct Decoder {
    inflater: Inflater,
    open: Option<OpenData>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder for a new connection.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inflater: Inflater::new(),
            open: None,
        }
    }

    /// Takes the next frame off `input`; `None` asks for more bytes.
    ///
    /// # Errors
    /// A malformed frame. The connection has to be given up.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        if self.open.is_some() {
            return Ok(self.continue_data(input));
        }
        let Some(head) = input.get(..HEAD) else {
            return Ok(None);
        };
        let mut head = head;
        let (word, flags_and_length) = (head.get_u32(), head.get_u32());
        let length = (flags_and_length & 0x00ff_ffff) as usize;
        let [flags, ..] = flags_and_length.to_be_bytes();
        if word & 0x8000_0000 == 0 {
            if word == 0 {
                return Err(FrameError::ZeroStreamId);
            }
            input.advance(HEAD);
            self.open = Some(OpenData {
                id: word,
                fin: flags & FLAG_FIN != 0,
                rest: length,
            });
            return Ok(self.continue_data(input));
        }
        let (version, kind) = ((word >> 16 & 0x7fff) as u16, (word & 0xffff) as u16);
        check_control_head(version, kind, length)?;
        if input.len() < HEAD + length {
            return Ok(None);
        }
        input.advance(HEAD);
        let body = input.split_to(length);
        self.control(kind, flags, &body).map(Some)
    }

    fn continue_data(&mut self, input: &mut BytesMut) -> Option<Frame> {
        let open = self.open.as_mut()?;
        if input.is_empty() && open.rest > 0 {
            return None;
        }
        let payload = input.split_to(open.rest.min(input.len())).freeze();
        open.rest -= payload.len();
        let (id, last) = (open.id, open.rest == 0);
        let fin = open.fin && last;
        if last {
            self.open = None;
        }
        Some(Frame::Data { id, fin, payload })
    }

    fn control(&mut self, kind: u16, flags: u8, mut body: &[u8]) -> Result<Frame, FrameError> {
        let fin = flags & FLAG_FIN != 0;
        let first = word(&mut body)?;
        match kind {
            SYN_STREAM => {
                word(&mut body)?;
                // Priority and credential slot.
                body.try_get_u16().map_err(|_| FrameError::InvalidControlFrame)?;
                let headers = self.stream_headers(first, body)?;
                Ok(Frame::SynStream {
                    id: first,
                    fin,
                    unidirectional: flags & FLAG_UNIDIRECTIONAL != 0,
                    headers,
                })
            }
            SYN_REPLY => {
                self.stream_headers(first, body)?;
                Ok(Frame::SynReply { id: first, fin })
            }
            HEADERS => {
                self.stream_headers(first, body)?;
                Ok(Frame::Headers { id: first, fin })
            }
            RST_STREAM => match (first, word(&mut body)?) {
                (0, _) => Err(FrameError::ZeroStreamId),
                (_, 0) => Err(FrameError::InvalidControlFrame),
                (id, status) => Ok(Frame::RstStream { id, status }),
            },
            SETTINGS if body.len() as u64 == u64::from(first) * 8 => Ok(Frame::Settings),
            PING if first == 0 => Err(FrameError::ZeroStreamId),
            PING if flags == 0 => Ok(Frame::Ping { id: first }),
            GOAWAY if flags == 0 => Ok(Frame::GoAway {
                last_good_id: first,
                status: word(&mut body)?,
            }),
            WINDOW_UPDATE if flags == 0 => Ok(Frame::WindowUpdate {
                id: first,
                delta: word(&mut body)?,
            }),
            _ => Err(FrameError::InvalidControlFrame),
        }
    }

    fn stream_headers(&mut self, id: u32, block: &[u8]) -> Result<Headers, FrameError> {
        let headers = self.inflater.block(block)?;
        if headers.iter().any(|(name, _)| FORBIDDEN.contains(&name)) {
            return Err(FrameError::ForbiddenHeader);
        }
        if id == 0 || id > MAX_STREAM_ID {
            return Err(FrameError::ZeroStreamId);
        }
        Ok(headers)
    }
}

fn word(body: &mut &[u8]) -> Result<u32, FrameError> {
    body.try_get_u32().map_err(|_| FrameError::InvalidControlFrame)
}

/// Refuses a control frame by its head alone, before its body is waited for.
fn check_control_head(version: u16, kind: u16, length: usize) -> Result<(), FrameError> {
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let fits = match kind {
        SYN_STREAM => length >= 10,
        SYN_REPLY | HEADERS | SETTINGS => length >= 4,
        RST_STREAM | GOAWAY | WINDOW_UPDATE => length == 8,
        PING => length == 4,
        _ => return Err(FrameError::UnknownType(kind)),
    };
    if length > MAX_CONTROL_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    if fits {
        Ok(())
    } else {
        Err(FrameError::InvalidControlFrame)
    }
}

/// Writes frames. Frames must go out in the order in which they were encoded.
pub struct Encoder {
    deflater: Deflater,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder for a new connection.
    #[must_use]
    pub fn new() -> Self {
        Self {
            deflater: Deflater::new(),
        }
    }

    /// A SYN_STREAM frame that leaves both directions open.
    pub fn syn_stream(&mut self, id: u32, headers: &Headers) -> Vec<u8> {
        let mut frame = control(SYN_STREAM, &[id, 0]);
        frame.put_u16(0);
        self.deflater.block(headers, &mut frame);
        seal(frame)
    }

    /// A SYN_REPLY frame without headers.
    pub fn syn_reply(&mut self, id: u32) -> Vec<u8> {
        let mut frame = control(SYN_REPLY, &[id]);
        self.deflater.block(&Headers::default(), &mut frame);
        seal(frame)
    }

    /// A RST_STREAM frame.
    #[must_use]
    pub fn rst_stream(id: u32, status: u32) -> Vec<u8> {
        seal(control(RST_STREAM, &[id, status]))
    }

    /// A PING frame.
    #[must_use]
    pub fn ping(id: u32) -> Vec<u8> {
        seal(control(PING, &[id]))
    }

    /// A GOAWAY frame.
    #[must_use]
    pub fn go_away(last_good_id: u32, status: u32) -> Vec<u8> {
        seal(control(GOAWAY, &[last_good_id, status]))
    }

    /// The head of a DATA frame of the given length, which must be below 16 MiB.
    #[must_use]
    pub fn data_head(id: u32, fin: bool, length: usize) -> [u8; HEAD] {
        let length = u32::try_from(length)
            .ok()
            .filter(|length| *length < 1 << 24)
            .expect("streams cut their data into small frames");
        let flags = if fin { u32::from(FLAG_FIN) << 24 } else { 0 };
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&id.to_be_bytes());
        head[4..].copy_from_slice(&(flags | length).to_be_bytes());
        head
    }
}

fn control(kind: u16, words: &[u32]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD + words.len() * 4);
    frame.put_u16(0x8000 | VERSION);
    frame.put_u16(kind);
    frame.put_u32(0);
    for word in words {
        frame.put_u32(*word);
    }
    frame
}

/// Writes the frame's length into its head.
fn seal(mut frame: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(frame.len() - HEAD).expect("control frames are short");
    frame[4..HEAD].copy_from_slice(&length.to_be_bytes());
    frame
}
