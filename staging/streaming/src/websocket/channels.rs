//! The channel protocols: each message begins with the number of the channel that it belongs to.
//!
//! Corresponds to `wsstream.Conn` on the server and to the WebSocket executor of client-go on the
//! client. One task carries the messages of a socket; channels are byte streams with bounded
//! buffers, and a slow reader of one channel holds up the socket, as upstream.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use tokio_util::sync::{CancellationToken, PollSender};

use super::Socket;
use crate::connections::{Connections, LINGER};

/// The channel number that, in version 5, says that the channel named by the next byte is closed.
pub const CLOSE_SIGNAL: u8 = 255;

/// The most bytes of one received message that are handed on at once, and of one sent message.
const PIECE: usize = 32 * 1024;

/// Pieces that wait for a channel's reader.
const READ_AHEAD: usize = 8;

/// Messages that wait for the socket.
const WRITE_AHEAD: usize = 8;

/// How the bytes of a channel are put into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// A byte with the channel's number, then the data.
    Binary,
    /// A digit with the channel's number, then the data in base64.
    Base64,
}

/// What a received message means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Data of a channel.
    Data(u8, Bytes),
    /// The peer closes a channel.
    Close(u8),
    /// Nothing: an empty message, one for a channel that is not there, or one that does not decode.
    Nothing,
}

/// A close signal that is not one, which ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DemuxError {
    /// The signal is not followed by exactly one byte.
    #[error("single channel byte should follow stream close signal, got {0}")]
    CloseLength(usize),
    /// The signal names a channel that is not there.
    #[error("close is targeted for channel {0} that is not valid")]
    CloseChannel(u8),
}

/// Takes a received message apart, for a connection of `channels` channels.
///
/// # Errors
/// The connection has to be closed.
pub fn demux(codec: Codec, stream_close: bool, channels: usize, mut message: Bytes) -> Result<Event, DemuxError> {
    let Some(&first) = message.first() else {
        return Ok(Event::Nothing);
    };
    if stream_close && first == CLOSE_SIGNAL {
        return match message[1..] {
            [channel] if usize::from(channel) < channels => Ok(Event::Close(channel)),
            [channel] => Err(DemuxError::CloseChannel(channel)),
            ref rest => Err(DemuxError::CloseLength(rest.len())),
        };
    }
    message.advance(1);
    let channel = match codec {
        Codec::Binary => first,
        Codec::Base64 => first.wrapping_sub(b'0'),
    };
    if usize::from(channel) >= channels {
        return Ok(Event::Nothing);
    }
    let data = match codec {
        Codec::Binary => message,
        Codec::Base64 => match STANDARD.decode(&message) {
            Ok(data) => data.into(),
            Err(_) => return Ok(Event::Nothing),
        },
    };
    Ok(Event::Data(channel, data))
}

/// A message for a channel.
fn mux(codec: Codec, channel: u8, data: &[u8]) -> Message {
    match codec {
        Codec::Binary => {
            let mut message = BytesMut::with_capacity(data.len() + 1);
            message.put_u8(channel);
            message.put_slice(data);
            Message::Binary(message.freeze())
        }
        Codec::Base64 => {
            let mut message = String::with_capacity(data.len() * 4 / 3 + 5);
            message.push(char::from(b'0' + channel));
            STANDARD.encode_string(data, &mut message);
            Message::Text(message.into())
        }
    }
}

/// What a connection of channels is like.
pub(crate) struct Config {
    pub(crate) codec: Codec,
    /// Whether a received close signal is one: on the server, in version 5.
    pub(crate) stream_close: bool,
    /// Whether writers announce their end by the signal: on the client. Upstream's clients do not know it.
    pub(crate) announce_close: bool,
    /// For each channel, whether what is received on it is wanted.
    pub(crate) readable: Vec<bool>,
    /// Closes the connection when nothing is sent or received for so long.
    pub(crate) idle_timeout: Option<Duration>,
    /// Sends pings so often and expects a sign of life within so long.
    pub(crate) heartbeat: Option<(Duration, Duration)>,
}

/// The receiving end of a channel.
pub(crate) struct ChannelReader {
    pieces: mpsc::Receiver<Bytes>,
    current: Bytes,
    end: Arc<Mutex<Option<String>>>,
}

/// The sending end of a channel. Shutting it down sends the close signal on a client.
pub(crate) struct ChannelWriter {
    channel: u8,
    outbox: PollSender<Outgoing>,
    announce_close: bool,
    closed: bool,
}

enum Outgoing {
    Data(u8, Bytes),
    Close(u8),
}

/// A running connection. Dropping it closes the socket after what was written.
pub(crate) struct Channels {
    outbox: mpsc::Sender<Outgoing>,
    announce_close: bool,
    finish: CancellationToken,
    ended: CancellationToken,
}

impl Channels {
    /// Runs a socket; gives the readers of its readable channels.
    pub(crate) fn start(
        socket: Socket,
        config: Config,
        connections: &Connections,
    ) -> (Self, Vec<Option<ChannelReader>>) {
        let (outbox, messages) = mpsc::channel(WRITE_AHEAD);
        let end = Arc::new(Mutex::new(None));
        let (mut senders, mut readers) = (Vec::new(), Vec::new());
        for readable in &config.readable {
            let (sender, pieces) = mpsc::channel(READ_AHEAD);
            senders.push(readable.then_some(sender));
            readers.push(readable.then(|| ChannelReader {
                pieces,
                current: Bytes::new(),
                end: Arc::clone(&end),
            }));
        }
        let channels = Self {
            outbox,
            announce_close: config.announce_close,
            finish: CancellationToken::new(),
            ended: CancellationToken::new(),
        };
        let driver = Driver {
            config,
            senders,
            finish: channels.finish.clone(),
            active: Mutex::new(Instant::now()),
        };
        let ended = channels.ended.clone().drop_guard();
        connections.spawn_until_stop(async move {
            let _ended = ended;
            driver.run(socket, messages, &end).await;
        });
        (channels, readers)
    }

    /// The writer of a channel.
    pub(crate) fn writer(&self, channel: u8) -> ChannelWriter {
        ChannelWriter {
            channel,
            outbox: PollSender::new(self.outbox.clone()),
            announce_close: self.announce_close,
            closed: false,
        }
    }

    /// Sends a message without data, by which a server tells that it is there.
    pub(crate) async fn greet(&self, channel: u8) {
        // A connection that has ended is noticed by its readers and writers.
        let _ = self.outbox.send(Outgoing::Data(channel, Bytes::new())).await;
    }

    /// Cancelled when the connection has ended.
    pub(crate) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for Channels {
    fn drop(&mut self) {
        self.finish.cancel();
    }
}

struct Driver {
    config: Config,
    senders: Vec<Option<mpsc::Sender<Bytes>>>,
    finish: CancellationToken,
    active: Mutex<Instant>,
}

impl Driver {
    async fn run(mut self, socket: Socket, messages: mpsc::Receiver<Outgoing>, end: &Mutex<Option<String>>) {
        let (mut sink, mut stream) = socket.split();
        let mut senders = std::mem::take(&mut self.senders);
        let driver = &self;
        let finished = tokio::select! {
            received = driver.receive(&mut stream, &mut senders) => {
                if let Err(reason) = received {
                    *end.lock() = Some(reason);
                }
                false
            }
            sent = driver.send(&mut sink, messages) => {
                if let Err(error) = &sent {
                    *end.lock() = Some(error.to_string());
                }
                sent.is_ok()
            }
            () = driver.idle() => {
                *end.lock() = Some("i/o timeout".to_owned());
                false
            }
        };
        let close = async {
            let frame = CloseFrame {
                code: CloseCode::Normal,
                reason: "".into(),
            };
            // The peer may have gone; there is nobody else to tell.
            if sink.send(Message::Close(Some(frame))).await.is_ok() && finished {
                // Until the peer's answer, or its end.
                while matches!(stream.next().await, Some(Ok(_))) {}
            }
            // Flushes the answer to the peer's close, if there is one.
            let _ = sink.close().await;
        };
        // A peer that does not answer is left.
        let _ = timeout(LINGER, close).await;
    }

    fn touch(&self) {
        *self.active.lock() = Instant::now();
    }

    async fn idle(&self) {
        let Some(limit) = self.config.idle_timeout else {
            return std::future::pending().await;
        };
        loop {
            let due = *self.active.lock() + limit;
            if due <= Instant::now() {
                return;
            }
            sleep_until(due).await;
        }
    }

    /// Receives until the peer's close. The error says what else ended it.
    async fn receive(
        &self,
        stream: &mut SplitStream<Socket>,
        senders: &mut [Option<mpsc::Sender<Bytes>>],
    ) -> Result<(), String> {
        loop {
            let next = match self.config.heartbeat {
                Some((_, limit)) => timeout(limit, stream.next())
                    .await
                    .map_err(|_| "i/o timeout".to_owned())?,
                None => stream.next().await,
            };
            self.touch();
            let data = match next {
                Some(Ok(Message::Binary(data))) => data,
                Some(Ok(Message::Text(text))) => text.into(),
                Some(Ok(Message::Close(frame))) => {
                    return match frame.map(|frame| frame.code) {
                        Some(CloseCode::Normal) | None => Ok(()),
                        Some(code) => Err(format!("websocket: close {code}")),
                    };
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("websocket: close 1006 (abnormal closure): unexpected EOF".to_owned()),
            };
            let event = demux(self.config.codec, self.config.stream_close, senders.len(), data)
                .map_err(|error| error.to_string())?;
            match event {
                Event::Nothing => {}
                Event::Close(channel) => senders[usize::from(channel)] = None,
                Event::Data(channel, data) => {
                    hand_on(&mut senders[usize::from(channel)], data).await;
                }
            }
        }
    }

    async fn send(
        &self,
        sink: &mut SplitSink<Socket, Message>,
        mut messages: mpsc::Receiver<Outgoing>,
    ) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        let period = self.config.heartbeat.map(|(period, _)| period);
        let mut ping_due = period.map(|period| Instant::now() + period);
        loop {
            let ping = async {
                match ping_due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let message = tokio::select! {
                biased;
                Some(message) = messages.recv() => match message {
                    Outgoing::Data(channel, data) => mux(self.config.codec, channel, &data),
                    Outgoing::Close(channel) => {
                        Message::Binary(Bytes::copy_from_slice(&[CLOSE_SIGNAL, channel]))
                    }
                },
                () = self.finish.cancelled() => return Ok(()),
                () = ping => {
                    ping_due = period.map(|period| Instant::now() + period);
                    Message::Ping(Bytes::new())
                }
            };
            sink.send(message).await?;
            self.touch();
        }
    }
}

/// Gives data to a channel's reader, who may have gone.
async fn hand_on(sender: &mut Option<mpsc::Sender<Bytes>>, mut data: Bytes) {
    while let Some(to) = sender
        && !data.is_empty()
    {
        let piece = data.split_to(data.len().min(PIECE));
        if to.send(piece).await.is_err() {
            *sender = None;
        }
    }
}

impl AsyncRead for ChannelReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.current.is_empty() {
            match ready!(self.pieces.poll_recv(cx)) {
                Some(piece) => self.current = piece,
                None => {
                    return Poll::Ready(match &*self.end.lock() {
                        None => Ok(()),
                        Some(reason) => Err(io::Error::new(
                            io::ErrorKind::ConnectionAborted,
                            format!("next reader: {reason}"),
                        )),
                    });
                }
            }
        }
        let length = self.current.len().min(buf.remaining());
        buf.put_slice(&self.current.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ChannelWriter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.closed {
            return Poll::Ready(Err(closed()));
        }
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.outbox.poll_reserve(cx)).map_err(|_| closed())?;
        let data = &data[..data.len().min(PIECE)];
        let message = Outgoing::Data(self.channel, Bytes::copy_from_slice(data));
        self.outbox.send_item(message).map_err(|_| closed())?;
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection's task sends and flushes by itself.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.announce_close && !self.closed && ready!(self.outbox.poll_reserve(cx)).is_ok() {
            let message = Outgoing::Close(self.channel);
            self.outbox.send_item(message).map_err(|_| closed())?;
        }
        self.closed = true;
        Poll::Ready(Ok(()))
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "write on closed channel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_apart() {
        let data = |channel, data: &'static [u8]| Ok(Event::Data(channel, Bytes::from_static(data)));
        type Case = (Codec, bool, &'static [u8], Result<Event, DemuxError>);
        let cases: [Case; 12] = [
            (Codec::Binary, false, b"", Ok(Event::Nothing)),
            (Codec::Binary, false, b"\x00in", data(0, b"in")),
            (Codec::Binary, false, b"\x02", data(2, b"")),
            (Codec::Binary, false, b"\x05x", Ok(Event::Nothing)),
            (Codec::Binary, false, b"\xff\x00", Ok(Event::Nothing)),
            (Codec::Binary, true, b"\xff\x00", Ok(Event::Close(0))),
            (Codec::Binary, true, b"\xff", Err(DemuxError::CloseLength(0))),
            (Codec::Binary, true, b"\xff\x00\x00", Err(DemuxError::CloseLength(2))),
            (Codec::Binary, true, b"\xff\x05", Err(DemuxError::CloseChannel(5))),
            (Codec::Base64, false, b"0Zm9v", data(0, b"foo")),
            (Codec::Base64, false, b"0Zm9", Ok(Event::Nothing)),
            (Codec::Base64, false, b"/Zm9v", Ok(Event::Nothing)),
        ];
        for (codec, stream_close, message, expected) in cases {
            let got = demux(codec, stream_close, 5, Bytes::from_static(message));
            assert_eq!(got, expected, "{codec:?} {stream_close} {message:?}");
        }
    }

    #[test]
    fn what_is_put_together_is_taken_apart() {
        for codec in [Codec::Binary, Codec::Base64] {
            for data in [&b""[..], b"a", b"ab", &[0, 255, 128]] {
                let message = mux(codec, 4, data).into_data();
                let expected = Event::Data(4, Bytes::copy_from_slice(data));
                assert_eq!(demux(codec, true, 5, message), Ok(expected));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken_apart(message: Vec<u8>, channels in 0..256_usize, close: bool) {
            for codec in [Codec::Binary, Codec::Base64] {
                if let Ok(Event::Data(channel, _) | Event::Close(channel)) =
                    demux(codec, close, channels, message.clone().into())
                {
                    proptest::prop_assert!(usize::from(channel) < channels);
                }
            }
        }
    }
}
