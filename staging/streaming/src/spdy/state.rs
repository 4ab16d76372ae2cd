//! What a session's tasks and its streams share: the stream table, the outbox, the buffers.
//!
//! One lock guards all of it and is never held across an await. Frames leave in the order in which
//! they are pushed, which header compression and the order of a stream's data and its end rely on.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::frame::{Encoder, FrameError};
use super::headers::Headers;

/// Bytes taken ahead of one stream's reader before the session stops reading.
pub(super) const STREAM_BUFFER: usize = 1024 * 1024;

/// Bytes taken ahead of all readers before the session stops reading.
pub(super) const SESSION_BUFFER: usize = 4 * 1024 * 1024;

/// Bytes of data that wait for the transport before writers are held back.
const OUTBOX_BYTES: usize = 256 * 1024;

/// Control frames that may wait for the transport. A peer that provokes more without reading is cut off.
const OUTBOX_CONTROL: usize = 8192;

/// The most data in one frame: what Go's copy loop sends.
const FRAME_DATA: usize = 32 * 1024;

/// Streams that a peer may have open.
const MAX_STREAMS: usize = 8192;

/// What a buffered piece costs beside its bytes.
const PIECE_OVERHEAD: usize = 64;

/// RST_STREAM statuses.
pub(super) const PROTOCOL_ERROR: u32 = 1;
pub(super) const REFUSED_STREAM: u32 = 3;
pub(super) const CANCEL: u32 = 5;

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// This side closed it, or the peer said GOAWAY.
    #[error("connection closed")]
    Closed,
    /// The transport ended without a GOAWAY.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The peer sent what is not SPDY.
    #[error("protocol error: {0}")]
    Frame(#[from] FrameError),
    /// Nothing was sent or received for the idle timeout.
    #[error("idle timeout")]
    Idle,
    /// The peer provoked answers and did not read them.
    #[error("peer does not read control frames")]
    Flood,
    /// The peer did not answer a new stream in time.
    #[error("timed out waiting for stream reply")]
    ReplyTimeout,
    /// The peer reset a new stream instead of accepting it.
    #[error("stream reset")]
    Reset,
    /// All stream ids are used up.
    #[error("unable to get new stream id")]
    StreamIds,
}

impl From<SessionError> for io::Error {
    fn from(error: SessionError) -> Self {
        let kind = match error {
            SessionError::Closed | SessionError::Reset => io::ErrorKind::BrokenPipe,
            SessionError::Idle | SessionError::ReplyTimeout => io::ErrorKind::TimedOut,
            SessionError::Frame(_) | SessionError::Flood => io::ErrorKind::InvalidData,
            SessionError::Lost(_) | SessionError::StreamIds => io::ErrorKind::ConnectionAborted,
        };
        io::Error::new(kind, error)
    }
}

/// A frame on its way out.
pub(super) enum Outgoing {
    Control(Vec<u8>),
    Data { id: u32, payload: Bytes },
}

#[derive(Default)]
struct StreamState {
    inbound: VecDeque<Bytes>,
    inbound_cost: usize,
    read_waker: Option<Waker>,
    write_waker: Option<Waker>,
    reply: Option<oneshot::Sender<Result<(), SessionError>>>,
    /// The peer sends no more (FIN, RST).
    remote_done: bool,
    /// We send no more (FIN, RST).
    local_done: bool,
    /// Received data is thrown away.
    discard: bool,
}

struct State {
    streams: HashMap<u32, StreamState>,
    encoder: Encoder,
    outbox: VecDeque<Outgoing>,
    outbox_data: usize,
    outbox_control: usize,
    /// Streams whose writer waits for room.
    waiting: Vec<u32>,
    inbound_cost: usize,
    next_id: u32,
    next_remote_id: u32,
    last_remote_id: u32,
    next_ping: u32,
    active: Instant,
    end: Option<SessionError>,
}

pub(super) struct Shared {
    state: Mutex<State>,
    /// Frames wait in the outbox, or the session has ended.
    pub(super) outbox_ready: Notify,
    /// A reader took data, so that receiving may go on.
    pub(super) room: Notify,
    /// Cancelled when the session has ended.
    pub(super) ended: CancellationToken,
    client: bool,
}

impl Shared {
    pub(super) fn new(client: bool) -> Self {
        let (next_id, next_remote_id) = if client { (1, 2) } else { (2, 1) };
        Self {
            state: Mutex::new(State {
                streams: HashMap::new(),
                encoder: Encoder::new(),
                outbox: VecDeque::new(),
                outbox_data: 0,
                outbox_control: 0,
                waiting: Vec::new(),
                inbound_cost: 0,
                next_id,
                next_remote_id,
                last_remote_id: 0,
                next_ping: next_id,
                active: Instant::now(),
                end: None,
            }),
            outbox_ready: Notify::new(),
            room: Notify::new(),
            ended: CancellationToken::new(),
            client,
        }
    }

    pub(super) fn touch(&self) {
        self.state.lock().active = Instant::now();
    }

    pub(super) fn last_active(&self) -> Instant {
        self.state.lock().active
    }

    pub(super) fn end_reason(&self) -> Option<SessionError> {
        self.state.lock().end.clone()
    }

    /// Ends the session: streams see their end, writers an error. The first reason stands.
    pub(super) fn end(&self, reason: SessionError) {
        let mut state = self.state.lock();
        self.end_locked(&mut state, reason);
    }

    fn end_locked(&self, state: &mut State, reason: SessionError) {
        if state.end.is_some() {
            return;
        }
        for stream in state.streams.values_mut() {
            stream.wake();
            if let Some(reply) = stream.reply.take() {
                // The opener may have given up already.
                let _ = reply.send(Err(reason.clone()));
            }
        }
        state.end = Some(reason);
        self.ended.cancel();
        self.outbox_ready.notify_one();
        self.room.notify_one();
    }

    /// Closes as Go does: resets what is open, says GOAWAY, and ends. What is queued still goes out.
    pub(super) fn close(&self, reason: SessionError) {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return;
        }
        let mut open: Vec<u32> = Vec::new();
        for (id, stream) in &mut state.streams {
            if !stream.local_done {
                stream.local_done = true;
                open.push(*id);
            }
        }
        for id in open {
            state
                .outbox
                .push_back(Outgoing::Control(Encoder::rst_stream(id, CANCEL)));
        }
        let last = state.last_remote_id;
        let status = u32::from(matches!(reason, SessionError::Frame(_) | SessionError::Flood));
        state
            .outbox
            .push_back(Outgoing::Control(Encoder::go_away(last, status)));
        self.end_locked(&mut state, reason);
    }

    fn push_control(&self, state: &mut State, frame: Vec<u8>) {
        if state.end.is_some() {
            return;
        }
        state.outbox_control += 1;
        state.outbox.push_back(Outgoing::Control(frame));
        if state.outbox_control > OUTBOX_CONTROL {
            self.end_locked(state, SessionError::Flood);
        }
        self.outbox_ready.notify_one();
    }

    pub(super) fn send_ping(&self) {
        let mut state = self.state.lock();
        let id = state.next_ping;
        state.next_ping = if id > 0x7fff_fffe { id - 0x7fff_fffe } else { id + 2 };
        self.push_control(&mut state, Encoder::ping(id));
    }

    /// Echoes a ping of the peer's; our own come back and need no answer.
    pub(super) fn on_ping(&self, id: u32) {
        if (id % 2 == 1) != self.client {
            self.push_control(&mut self.state.lock(), Encoder::ping(id));
        }
    }

    /// Takes everything that waits for the transport.
    pub(super) fn take_outbox(&self, into: &mut VecDeque<Outgoing>) {
        let mut state = self.state.lock();
        state.outbox_control = 0;
        std::mem::swap(&mut state.outbox, into);
    }

    /// Data has reached the transport: writers may go on.
    pub(super) fn sent(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.active = Instant::now();
        state.outbox_data -= bytes;
        if state.outbox_data <= OUTBOX_BYTES / 2 {
            let State { waiting, streams, .. } = &mut *state;
            for id in waiting.drain(..) {
                if let Some(waker) = streams.get_mut(&id).and_then(|s| s.write_waker.take()) {
                    waker.wake();
                }
            }
        }
    }

    /// Opens a stream of our own.
    pub(super) fn open(
        &self,
        headers: &Headers,
    ) -> Result<(u32, oneshot::Receiver<Result<(), SessionError>>), SessionError> {
        let mut state = self.state.lock();
        if let Some(end) = &state.end {
            return Err(end.clone());
        }
        let id = state.next_id;
        if id > super::frame::MAX_STREAM_ID {
            return Err(SessionError::StreamIds);
        }
        state.next_id += 2;
        let (reply, replied) = oneshot::channel();
        state.streams.insert(
            id,
            StreamState {
                reply: Some(reply),
                ..StreamState::default()
            },
        );
        let frame = state.encoder.syn_stream(id, headers);
        self.push_control(&mut state, frame);
        Ok((id, replied))
    }

    /// Registers a stream that the peer opens; false when it was refused.
    pub(super) fn on_syn_stream(&self, id: u32, fin: bool, unidirectional: bool) -> bool {
        let mut state = self.state.lock();
        let ours = (id % 2 == 1) == self.client;
        let refusal = if ours || id < state.next_remote_id {
            Some(PROTOCOL_ERROR)
        } else if state.streams.len() >= MAX_STREAMS {
            Some(REFUSED_STREAM)
        } else {
            None
        };
        if !ours && id >= state.next_remote_id {
            state.next_remote_id = id + 2;
        }
        if let Some(status) = refusal {
            self.push_control(&mut state, Encoder::rst_stream(id, status));
            return false;
        }
        state.last_remote_id = id;
        state.streams.insert(
            id,
            StreamState {
                remote_done: fin,
                local_done: unidirectional,
                ..StreamState::default()
            },
        );
        true
    }

    pub(super) fn on_syn_reply(&self, id: u32, fin: bool) {
        let mut state = self.state.lock();
        if let Some(stream) = state.streams.get_mut(&id) {
            if let Some(reply) = stream.reply.take() {
                // The opener may have given up already.
                let _ = reply.send(Ok(()));
            }
            if fin {
                stream.finish_remote();
            }
        }
    }

    pub(super) fn on_rst_stream(&self, id: u32) {
        let mut state = self.state.lock();
        if let Some(stream) = state.streams.get_mut(&id) {
            if let Some(reply) = stream.reply.take() {
                // The opener may have given up already.
                let _ = reply.send(Err(SessionError::Reset));
            }
            stream.local_done = true;
            stream.finish_remote();
        }
    }

    pub(super) fn on_fin(&self, id: u32) {
        if let Some(stream) = self.state.lock().streams.get_mut(&id) {
            stream.finish_remote();
        }
    }

    /// Hands received data to its stream; gives it back while there is no room for it.
    pub(super) fn on_data(&self, id: u32, payload: Bytes, fin: bool) -> Result<(), Bytes> {
        let mut state = self.state.lock();
        let full = state.inbound_cost >= SESSION_BUFFER;
        let over = state.end.is_some();
        let Some(stream) = state.streams.get_mut(&id) else {
            return Ok(());
        };
        let wanted = !(payload.is_empty() || stream.discard || stream.remote_done || over);
        let mut cost = 0;
        if wanted {
            if stream.inbound_cost >= STREAM_BUFFER || (full && stream.inbound_cost > 0) {
                return Err(payload);
            }
            cost = payload.len() + PIECE_OVERHEAD;
            stream.inbound_cost += cost;
            stream.inbound.push_back(payload);
            if let Some(waker) = stream.read_waker.take() {
                waker.wake();
            }
        }
        if fin {
            stream.finish_remote();
        }
        state.inbound_cost += cost;
        Ok(())
    }

    /// Accepts a stream of the peer's.
    pub(super) fn reply(&self, id: u32) -> Result<(), SessionError> {
        let mut state = self.state.lock();
        if let Some(end) = &state.end {
            return Err(end.clone());
        }
        let frame = state.encoder.syn_reply(id);
        self.push_control(&mut state, frame);
        Ok(())
    }

    /// Next received bytes; empty at the end.
    pub(super) fn poll_read(&self, id: u32, limit: usize, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut state = self.state.lock();
        let end = state.end.clone();
        let stream = state.streams.get_mut(&id).expect("a handle keeps its stream");
        let Some(front) = stream.inbound.front_mut() else {
            return match end {
                _ if stream.remote_done => Poll::Ready(Ok(Bytes::new())),
                Some(SessionError::Closed) => Poll::Ready(Ok(Bytes::new())),
                Some(error) => Poll::Ready(Err(error.into())),
                None => {
                    stream.read_waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            };
        };
        let mut freed = 0;
        let piece = if front.len() > limit {
            front.split_to(limit)
        } else {
            freed += PIECE_OVERHEAD;
            stream.inbound.pop_front().expect("the front is there")
        };
        freed += piece.len();
        stream.inbound_cost -= freed;
        state.inbound_cost -= freed;
        self.room.notify_one();
        Poll::Ready(Ok(piece))
    }

    /// Queues data, as much as one frame takes.
    pub(super) fn poll_write(&self, id: u32, data: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock();
        if let Some(end) = &state.end {
            return Poll::Ready(Err(end.clone().into()));
        }
        let full = state.outbox_data >= OUTBOX_BYTES;
        let stream = state.streams.get_mut(&id).expect("a handle keeps its stream");
        if stream.local_done {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, "write on closed stream")));
        }
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if full {
            if stream.write_waker.replace(cx.waker().clone()).is_none() {
                state.waiting.push(id);
            }
            return Poll::Pending;
        }
        let payload = Bytes::copy_from_slice(&data[..data.len().min(FRAME_DATA)]);
        let length = payload.len();
        state.outbox_data += length;
        state.outbox.push_back(Outgoing::Data { id, payload });
        self.outbox_ready.notify_one();
        Poll::Ready(Ok(length))
    }

    /// Sends FIN, once.
    pub(super) fn finish(&self, id: u32) {
        let mut state = self.state.lock();
        let stream = state.streams.get_mut(&id).expect("a handle keeps its stream");
        if !std::mem::replace(&mut stream.local_done, true) {
            let head = Encoder::data_head(id, true, 0);
            self.push_control(&mut state, head.to_vec());
        }
    }

    /// Ends both directions; what was received stays readable.
    pub(super) fn reset(&self, id: u32, status: u32) {
        let mut state = self.state.lock();
        let stream = state.streams.get_mut(&id).expect("a handle keeps its stream");
        let silent = stream.local_done && stream.remote_done;
        stream.local_done = true;
        stream.finish_remote();
        if !silent {
            self.push_control(&mut state, Encoder::rst_stream(id, status));
        }
    }

    /// Throws away what was and will be received.
    pub(super) fn discard(&self, id: u32) {
        let mut state = self.state.lock();
        let stream = state.streams.get_mut(&id).expect("a handle keeps its stream");
        stream.discard = true;
        stream.inbound.clear();
        let freed = std::mem::take(&mut stream.inbound_cost);
        state.inbound_cost -= freed;
        self.room.notify_one();
    }

    /// The last handle is gone: the peer learns it unless both directions have ended.
    pub(super) fn forget(&self, id: u32) {
        let mut state = self.state.lock();
        let Some(stream) = state.streams.remove(&id) else {
            return;
        };
        state.inbound_cost -= stream.inbound_cost;
        if !(stream.local_done && stream.remote_done) {
            self.push_control(&mut state, Encoder::rst_stream(id, CANCEL));
        }
        self.room.notify_one();
    }
}

impl StreamState {
    fn finish_remote(&mut self) {
        self.remote_done = true;
        self.wake();
    }

    fn wake(&mut self) {
        for waker in [self.read_waker.take(), self.write_waker.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}
