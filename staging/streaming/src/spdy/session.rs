//! A session: the task that carries frames between a transport and the streams.
//!
//! Corresponds to `spdystream.Connection` and its wrapper in `k8s.io/streaming`. The task runs in
//! the caller's [`Connections`] and ends when the session does: by GOAWAY from either side, by the
//! end of the transport, by a malformed frame, by the idle timeout, or when [`Session`] is dropped.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::frame::{Decoder, Encoder, Frame};
use super::headers::Headers;
use super::state::{Outgoing, SessionError, Shared};
use super::stream::{IncomingStream, Stream};
use crate::connections::{Connections, LINGER, discard_until_eof};

/// How long the peer may take to answer a new stream.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes asked of the transport at once.
const READ_BUFFER: usize = 64 * 1024;

/// Pieces below this are copied, so that a few bytes do not keep a whole read buffer alive.
const COPY_BELOW: usize = 8 * 1024;

/// Frames below this are gathered before they are written.
const GATHER_BELOW: usize = 8 * 1024;

/// A session's timers; the default has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// Closes the session when no frame is sent or received for so long.
    pub idle_timeout: Option<Duration>,
    /// Sends a ping so often, to keep the connection alive in load balancers.
    pub ping_period: Option<Duration>,
}

/// One end of a connection. Dropping it closes the connection.
pub struct Session {
    shared: Arc<Shared>,
}

/// The streams that the peer opens. Dropping it refuses further ones.
pub struct Incoming {
    streams: mpsc::UnboundedReceiver<IncomingStream>,
}

impl Incoming {
    /// The next stream; `None` when the session is over. Cancel safe.
    pub async fn next(&mut self) -> Option<IncomingStream> {
        self.streams.recv().await
    }
}

impl Session {
    /// The end that sent the upgrade request.
    pub fn client<I>(io: I, config: Config, connections: &Connections) -> Self
    where
        I: AsyncRead + AsyncWrite + Send + 'static,
    {
        Self::start(io, true, config, connections).0
    }

    /// The end that answered the upgrade request.
    pub fn server<I>(io: I, config: Config, connections: &Connections) -> (Self, Incoming)
    where
        I: AsyncRead + AsyncWrite + Send + 'static,
    {
        Self::start(io, false, config, connections)
    }

    fn start<I>(io: I, client: bool, config: Config, connections: &Connections) -> (Self, Incoming)
    where
        I: AsyncRead + AsyncWrite + Send + 'static,
    {
        let shared = Arc::new(Shared::new(client));
        let (sender, streams) = mpsc::unbounded_channel();
        let stop = connections.stopping();
        let driven = Arc::clone(&shared);
        connections.spawn(async move {
            tokio::select! {
                () = drive(Arc::clone(&driven), io, config, sender) => {}
                () = stop.cancelled() => driven.end(SessionError::Closed),
            }
        });
        (Self { shared }, Incoming { streams })
    }

    /// Opens a stream and waits until the peer has accepted it.
    ///
    /// # Errors
    /// The peer refused it or did not answer within 30 seconds, or the session is over.
    pub async fn open(&self, headers: Headers) -> Result<Stream, SessionError> {
        let (id, replied) = self.shared.open(&headers)?;
        let stream = Stream::opened(Arc::clone(&self.shared), id, headers);
        match timeout(REPLY_TIMEOUT, replied).await {
            Ok(Ok(Ok(()))) => Ok(stream),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(SessionError::Closed),
            Err(_) => Err(SessionError::ReplyTimeout),
        }
    }

    /// Resets all streams and says GOAWAY. What was written before still goes out.
    pub fn close(&self) {
        self.shared.close(SessionError::Closed);
    }

    /// Cancelled when the session has ended.
    pub(crate) fn ended(&self) -> CancellationToken {
        self.shared.ended.clone()
    }

    /// Waits for the session's end and says why it ended. Cancel safe.
    pub async fn closed(&self) -> SessionError {
        self.shared.ended.cancelled().await;
        self.shared.end_reason().unwrap_or(SessionError::Closed)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

async fn drive<I>(shared: Arc<Shared>, io: I, config: Config, incoming: mpsc::UnboundedSender<IncomingStream>)
where
    I: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut reader, mut writer) = tokio::io::split(io);
    let timers = {
        let shared = Arc::clone(&shared);
        async move {
            tokio::select! {
                () = idle(&shared, config.idle_timeout) => shared.close(SessionError::Idle),
                () = ping(&shared, config.ping_period) => {}
            }
        }
    };
    let receive = async {
        let reason = match receive(&shared, &mut reader, incoming).await {
            Ok(()) => SessionError::Closed,
            Err(error) => error,
        };
        match reason {
            SessionError::Frame(_) => shared.close(reason),
            reason => shared.end(reason),
        }
    };
    let local_end = async {
        tokio::select! {
            () = receive => {}
            () = timers => {}
            () = shared.ended.cancelled() => {}
        }
    };
    let mut send = std::pin::pin!(send(&shared, &mut writer));
    let sent = {
        let mut local_end = std::pin::pin!(local_end);
        let sent = tokio::select! {
            sent = &mut send => Some(sent),
            () = &mut local_end => None,
        };
        if let Some(Err(_)) = &sent {
            // The peer takes nothing any more. What it had sent before is received all the same; the time may run out.
            let _ = tokio::time::timeout(LINGER, &mut local_end).await;
        }
        sent
    };
    let sent = match (sent, shared.end_reason()) {
        (Some(sent), _) => sent,
        // The transport is gone, and with it what was not sent.
        (None, Some(SessionError::Lost(_))) => return,
        // Everything that was queued goes out, while what still comes in is thrown away.
        (None, _) => tokio::select! {
            sent = send => sent,
            () = discard(&mut reader) => Ok(()),
            () = idle(&shared, config.idle_timeout) => Ok(()),
        },
    };
    match sent {
        Ok(()) => discard_until_eof(&mut reader, LINGER).await,
        Err(error) => shared.end(SessionError::Lost(error.to_string())),
    }
}

/// Reads and forgets, also after the peer's end: only the writer knows when it is done.
async fn discard<I: AsyncRead>(reader: &mut ReadHalf<I>) {
    discard_until_eof(reader, Duration::MAX).await;
    std::future::pending().await
}

async fn idle(shared: &Shared, limit: Option<Duration>) {
    let Some(limit) = limit else {
        return std::future::pending().await;
    };
    loop {
        let due = shared.last_active() + limit;
        if due <= Instant::now() {
            return;
        }
        sleep_until(due).await;
    }
}

async fn ping(shared: &Shared, period: Option<Duration>) {
    let Some(period) = period else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(period).await;
        shared.send_ping();
    }
}

/// Reads frames until GOAWAY.
async fn receive<I: AsyncRead>(
    shared: &Arc<Shared>,
    reader: &mut ReadHalf<I>,
    incoming: mpsc::UnboundedSender<IncomingStream>,
) -> Result<(), SessionError> {
    let mut decoder = Decoder::new();
    let mut input = BytesMut::new();
    loop {
        while let Some(frame) = decoder.decode(&mut input)? {
            shared.touch();
            if dispatch(shared, frame, &incoming).await {
                return Ok(());
            }
        }
        input.reserve(READ_BUFFER);
        let read = reader
            .read_buf(&mut input)
            .await
            .map_err(|error| SessionError::Lost(error.to_string()))?;
        if read == 0 {
            return Err(SessionError::Lost("unexpected EOF".to_owned()));
        }
    }
}

/// Handles one frame; true after GOAWAY.
async fn dispatch(shared: &Arc<Shared>, frame: Frame, incoming: &mpsc::UnboundedSender<IncomingStream>) -> bool {
    match frame {
        Frame::Data { id, fin, payload } => {
            let mut payload = if payload.len() < COPY_BELOW {
                Bytes::copy_from_slice(&payload)
            } else {
                payload
            };
            while let Err(back) = shared.on_data(id, payload, fin) {
                payload = back;
                shared.room.notified().await;
            }
        }
        Frame::SynStream {
            id,
            fin,
            unidirectional,
            headers,
        } => {
            if shared.on_syn_stream(id, fin, unidirectional) {
                // Nobody accepts any more: dropping the stream refuses it.
                let _ = incoming.send(IncomingStream::new(Arc::clone(shared), id, headers));
            }
        }
        Frame::SynReply { id, fin } => shared.on_syn_reply(id, fin),
        Frame::RstStream { id, .. } => shared.on_rst_stream(id),
        Frame::Ping { id } => shared.on_ping(id),
        Frame::Headers { id, fin: true } => shared.on_fin(id),
        Frame::GoAway { .. } => return true,
        Frame::Headers { fin: false, .. } | Frame::Settings | Frame::WindowUpdate { .. } => {}
    }
    false
}

/// Writes what is queued until the session has ended and the queue is empty, then the end of the transport.
async fn send<I: AsyncWrite>(shared: &Shared, writer: &mut WriteHalf<I>) -> io::Result<()> {
    let mut batch = VecDeque::new();
    let mut gathered = BytesMut::new();
    loop {
        let over = shared.ended.is_cancelled();
        shared.take_outbox(&mut batch);
        if batch.is_empty() {
            if over {
                return writer.shutdown().await;
            }
            shared.outbox_ready.notified().await;
            continue;
        }
        for frame in batch.drain(..) {
            match frame {
                Outgoing::Control(frame) => gathered.extend_from_slice(&frame),
                Outgoing::Data { id, payload } => {
                    let length = payload.len();
                    gathered.extend_from_slice(&Encoder::data_head(id, false, length));
                    if length < GATHER_BELOW {
                        gathered.extend_from_slice(&payload);
                    } else {
                        writer.write_all_buf(&mut (&mut gathered).chain(payload)).await?;
                    }
                    shared.sent(length);
                }
            }
            if gathered.len() >= GATHER_BELOW {
                writer.write_all_buf(&mut gathered).await?;
            }
        }
        writer.write_all_buf(&mut gathered).await?;
        writer.flush().await?;
        shared.touch();
    }
}
