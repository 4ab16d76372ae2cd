//! A WebSocket whose binary messages carry one byte stream: SPDY, for `SPDY/3.1+...` subprotocols.
//!
//! Corresponds to `TunnelingConnection` of client-go. The boundaries of messages mean nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Socket;

/// The longest message sent.
const WRITE: usize = 64 * 1024;

/// See the module.
pub(crate) struct Tunnel {
    socket: Socket,
    received: Bytes,
    over: bool,
}

impl Tunnel {
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket,
            received: Bytes::new(),
            over: false,
        }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.received.is_empty() {
            if self.over {
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                None | Some(Err(Error::ConnectionClosed)) => self.over = true,
                Some(Ok(Message::Binary(payload))) => self.received = payload,
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "invalid message type received",
                    )));
                }
                Some(Ok(Message::Close(frame))) => {
                    self.over = true;
                    if let Some(frame) = frame.filter(|frame| frame.code != CloseCode::Normal) {
                        return Poll::Ready(Err(io::Error::new(
                            io::ErrorKind::ConnectionAborted,
                            format!("websocket: close {}", frame.code),
                        )));
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
            }
        }
        let length = self.received.len().min(buf.remaining());
        buf.put_slice(&self.received[..length]);
        self.received.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut socket = Pin::new(&mut self.socket);
        // Flushing before the next message keeps at most one message in memory.
        ready!(socket.as_mut().poll_flush(cx)).map_err(io_error)?;
        ready!(socket.as_mut().poll_ready(cx)).map_err(io_error)?;
        let data = &data[..data.len().min(WRITE)];
        let message = Message::Binary(Bytes::copy_from_slice(data));
        socket.start_send(message).map_err(io_error)?;
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(io_error)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.socket).poll_close(cx)) {
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(io_error(error))),
        }
    }
}

pub(super) fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}
