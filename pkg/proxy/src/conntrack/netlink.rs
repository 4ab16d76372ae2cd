//! ctnetlink over a raw netlink socket: dump the flows of a family, delete single ones.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt, socket,
    sockopt,
};

use super::{Conntrack, Flow, unmapped};
use crate::types::IpFamily;

const HEADER: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const FLAG_REQUEST: u16 = 0x1;
const FLAG_ACK: u16 = 0x4;
const FLAG_DUMP: u16 = 0x300;
const FLAG_DUMP_INTERRUPTED: u16 = 0x10;
const GET: u16 = 0x101;
const DELETE: u16 = 0x102;

const TUPLE_ORIG: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const ID: u16 = 12;
const ZONE: u16 = 18;
const TUPLE_IP: u16 = 1;
const TUPLE_PROTO: u16 = 2;
const TYPE_MASK: u16 = 0x3fff;
const IPPROTO_UDP: u8 = 17;

/// How often a dump that the kernel calls interrupted is taken again.
const DUMP_ATTEMPTS: usize = 3;

/// The real table, in the network namespace of the thread that made the value.
#[derive(Debug)]
pub struct NetlinkConntrack {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl NetlinkConntrack {
    /// Opens the socket.
    ///
    /// # Errors
    /// When the kernel has no ctnetlink or permission is missing.
    pub fn new() -> std::io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkNetFilter,
        )?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        // A dump of a large table comes in bursts.
        if let Err(error) = setsockopt(&socket, sockopt::RcvBufForce, &(4 << 20)) {
            tracing::debug!(%error, "cannot enlarge the netlink receive buffer");
        }
        Ok(Self {
            socket,
            sequence: 0,
            buffer: vec![0; 64 << 10],
        })
    }

    fn request(&mut self, kind: u16, flags: u16, family: IpFamily, attributes: &[u8]) -> std::io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = HEADER + 4 + attributes.len();
        let mut message = Vec::with_capacity(length);
        message.extend(u32::try_from(length).map_err(Error::other)?.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend((FLAG_REQUEST | flags).to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend(0u32.to_ne_bytes());
        let family = match family {
            IpFamily::V4 => AddressFamily::Inet,
            IpFamily::V6 => AddressFamily::Inet6,
        };
        message.extend([family as i32 as u8, 0, 0, 0]);
        message.extend(attributes);
        send(self.socket.as_raw_fd(), &message, MsgFlags::empty())?;
        Ok(())
    }

    /// Receives answers to the last request until it is done; hands each message's payload to `each`. Returns whether
    /// the kernel said that the table changed meanwhile.
    fn answers(&mut self, mut each: impl FnMut(&[u8])) -> std::io::Result<bool> {
        let mut interrupted = false;
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Err(nix::Error::EINTR) => continue,
                result => result?,
            };
            let mut rest = &self.buffer[..length];
            while let Some((kind, flags, sequence, payload, next)) = message(rest) {
                rest = next;
                if sequence != self.sequence {
                    continue;
                }
                interrupted |= flags & FLAG_DUMP_INTERRUPTED != 0;
                match kind {
                    NLMSG_DONE => return Ok(interrupted),
                    NLMSG_ERROR => {
                        let code = payload.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
                        return if code == 0 {
                            Ok(interrupted)
                        } else {
                            Err(Error::from_raw_os_error(-code))
                        };
                    }
                    _ => each(payload),
                }
            }
        }
    }
}

impl Conntrack for NetlinkConntrack {
    fn list_udp(&mut self, family: IpFamily) -> std::io::Result<Vec<Flow>> {
        let mut flows = Vec::new();
        for _ in 0..DUMP_ATTEMPTS {
            flows.clear();
            self.request(GET, FLAG_DUMP, family, &[])?;
            if !self.answers(|payload| flows.extend(payload.get(4..).and_then(parse_flow)))? {
                break;
            }
            tracing::debug!("the conntrack table changed during the dump");
        }
        Ok(flows)
    }

    fn delete(&mut self, family: IpFamily, flows: &[Flow]) -> std::io::Result<usize> {
        let mut deleted = 0;
        for flow in flows {
            self.request(DELETE, FLAG_ACK, family, &flow.handle)?;
            match self.answers(|_| {}) {
                Ok(_) => deleted += 1,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(deleted)
    }
}

type Message<'a> = (u16, u16, u32, &'a [u8], &'a [u8]);

/// Splits the first message off: type, flags, sequence, payload, rest.
fn message(bytes: &[u8]) -> Option<Message<'_>> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let header = bytes.get(..HEADER)?;
    let payload = bytes.get(HEADER..length)?;
    let kind = u16::from_ne_bytes([header[4], header[5]]);
    let flags = u16::from_ne_bytes([header[6], header[7]]);
    let sequence = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
    Some((
        kind,
        flags,
        sequence,
        payload,
        bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]),
    ))
}

/// The attributes of a payload: type, value, and the whole attribute with header and padding.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8], &[u8])> {
    std::iter::from_fn(move || {
        let length = u16::from_ne_bytes(*bytes.first_chunk()?) as usize;
        let kind = u16::from_ne_bytes([*bytes.get(2)?, *bytes.get(3)?]) & TYPE_MASK;
        let value = bytes.get(4..length)?;
        let end = length.next_multiple_of(4).min(bytes.len());
        let (whole, rest) = bytes.split_at(end);
        bytes = rest;
        Some((kind, value, whole))
    })
}

#[derive(Default)]
struct Tuple {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    protocol: u8,
    source_port: u16,
    destination_port: u16,
}

fn parse_tuple(bytes: &[u8]) -> Tuple {
    let mut tuple = Tuple::default();
    let v4 = |value: &[u8]| value.first_chunk::<4>().map(|bytes| IpAddr::V4(Ipv4Addr::from(*bytes)));
    let v6 = |value: &[u8]| {
        value
            .first_chunk::<16>()
            .map(|bytes| unmapped(IpAddr::V6(Ipv6Addr::from(*bytes))))
    };
    let port = |value: &[u8]| value.first_chunk::<2>().map_or(0, |bytes| u16::from_be_bytes(*bytes));
    for (kind, value, _) in attributes(bytes) {
        match kind {
            TUPLE_IP => {
                for (kind, value, _) in attributes(value) {
                    match kind {
                        1 => tuple.source = v4(value),
                        2 => tuple.destination = v4(value),
                        3 => tuple.source = v6(value),
                        4 => tuple.destination = v6(value),
                        _ => {}
                    }
                }
            }
            TUPLE_PROTO => {
                for (kind, value, _) in attributes(value) {
                    match kind {
                        1 => tuple.protocol = value.first().copied().unwrap_or(0),
                        2 => tuple.source_port = port(value),
                        3 => tuple.destination_port = port(value),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    tuple
}

/// Reads one entry; `None` for other protocols and for what cannot be understood.
fn parse_flow(bytes: &[u8]) -> Option<Flow> {
    let (mut original, mut reply, mut handle) = (Tuple::default(), Tuple::default(), Vec::new());
    for (kind, value, whole) in attributes(bytes) {
        match kind {
            TUPLE_ORIG => {
                original = parse_tuple(value);
                if original.protocol != IPPROTO_UDP {
                    return None;
                }
            }
            TUPLE_REPLY => reply = parse_tuple(value),
            ID | ZONE => {}
            _ => continue,
        }
        if kind != TUPLE_REPLY {
            handle.extend_from_slice(whole);
        }
    }
    Some(Flow {
        original_destination: SocketAddr::new(original.destination?, original.destination_port),
        reply_source: SocketAddr::new(reply.source?, reply.source_port),
        handle,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_no_flow() {
        for length in 0..64u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            assert!(parse_flow(&bytes).is_none());
            let _ = message(&bytes);
        }
    }
}
