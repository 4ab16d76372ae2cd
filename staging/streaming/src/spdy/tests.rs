//! Frames against bytes written by hand, malformed frames by their error, sessions over a pipe.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::frame::MAX_CONTROL_FRAME;
use super::state::{STREAM_BUFFER, SessionError};
use super::*;
use crate::connections::Connections;

fn decode_all(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut input = BytesMut::from(bytes);
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.decode(&mut input)? {
        frames.push(frame);
    }
    Ok(frames)
}

fn control_frame(version: u16, kind: u16, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.put_u16(0x8000 | version);
    frame.put_u16(kind);
    frame.put_u32(u32::from(flags) << 24 | u32::try_from(body.len()).unwrap());
    frame.put_slice(body);
    frame
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A SYN_STREAM frame with the given plain header block, compressed as a peer would.
fn syn_stream_with_block(block: &[u8]) -> Vec<u8> {
    let mut zlib = flate2::Compress::new(flate2::Compression::best(), true);
    zlib.set_dictionary(&dictionary::DICTIONARY).unwrap();
    let mut compressed = Vec::with_capacity(block.len() + 1024);
    zlib.compress_vec(block, &mut compressed, flate2::FlushCompress::Sync)
        .unwrap();
    let mut body = words(&[1, 0]);
    body.put_u16(0);
    body.extend(compressed);
    control_frame(3, 1, 0, &body)
}

fn block(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut block = words(&[u32::try_from(pairs.len()).unwrap()]);
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        block.put_u32(u32::try_from(text.len()).unwrap());
        block.put_slice(text.as_bytes());
    }
    block
}

/// One frame of each kind that a session sends, as one byte string.
fn sample() -> Vec<u8> {
    let mut encoder = Encoder::new();
    let mut bytes = encoder.syn_stream(1, &Headers::new([("streamType", "error"), ("port", "80")]));
    bytes.extend(encoder.syn_reply(1));
    bytes.extend(Encoder::data_head(1, true, 3));
    bytes.extend(b"abc");
    bytes.extend(Encoder::ping(2));
    bytes.extend(encoder.syn_stream(3, &Headers::new([("streamType", "data")])));
    bytes.extend(Encoder::rst_stream(3, 5));
    bytes.extend(Encoder::go_away(1, 0));
    bytes
}

fn sample_frames() -> Vec<Frame> {
    let syn_stream = |id, headers| Frame::SynStream {
        id,
        fin: false,
        unidirectional: false,
        headers,
    };
    vec![
        syn_stream(1, Headers::new([("streamtype", "error"), ("port", "80")])),
        Frame::SynReply { id: 1, fin: false },
        Frame::Data {
            id: 1,
            fin: true,
            payload: Bytes::from_static(b"abc"),
        },
        Frame::Ping { id: 2 },
        syn_stream(3, Headers::new([("streamtype", "data")])),
        Frame::RstStream { id: 3, status: 5 },
        Frame::GoAway {
            last_good_id: 1,
            status: 0,
        },
    ]
}

#[test]
fn dictionary_has_the_checksum_that_peers_name() {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in dictionary::DICTIONARY {
        a = (a + u32::from(byte)) % 65521;
        b = (b + a) % 65521;
    }
    assert_eq!(b << 16 | a, 0xe3c6_a7c2);
}

#[test]
fn frames_survive_the_wire() {
    assert_eq!(decode_all(&sample()).unwrap(), sample_frames());
}

#[test]
fn frames_survive_arriving_byte_by_byte() {
    let mut decoder = Decoder::new();
    let mut input = BytesMut::new();
    let mut frames = Vec::new();
    for byte in sample() {
        input.put_u8(byte);
        while let Some(frame) = decoder.decode(&mut input).unwrap() {
            frames.push(frame);
        }
    }
    let data: Vec<u8> = frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Data { payload, .. } => Some(payload.to_vec()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(data, b"abc");
    frames.retain(|frame| !matches!(frame, Frame::Data { fin: false, .. }));
    assert_eq!(frames.len(), sample_frames().len());
}

#[test]
fn control_frames_have_the_published_layout() {
    assert_eq!(Encoder::ping(7), [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7]);
    assert_eq!(
        Encoder::rst_stream(9, 5),
        [0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 5]
    );
    assert_eq!(
        Encoder::go_away(1, 0),
        [0x80, 3, 0, 7, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0]
    );
    assert_eq!(Encoder::data_head(5, true, 0x0102), [0, 0, 0, 5, 1, 0, 1, 2]);
}

#[test]
fn header_values_are_split_at_zero_bytes() {
    let frame = syn_stream_with_block(&block(&[("a", "1\u{0}2")]));
    let frames = decode_all(&frame).unwrap();
    let [Frame::SynStream { headers, .. }] = &frames[..] else {
        panic!("{frames:?}");
    };
    assert_eq!(headers.iter().collect::<Vec<_>>(), [("a", "1"), ("a", "2")]);
    assert_eq!(headers.get("A"), Some("1"));
}

#[test]
fn frames_that_are_not_needed_are_read() {
    let mut bytes = control_frame(3, 4, 0, &words(&[1, 4, 100]));
    bytes.extend(control_frame(3, 9, 0, &words(&[1, 65536])));
    assert_eq!(
        decode_all(&bytes).unwrap(),
        [Frame::Settings, Frame::WindowUpdate { id: 1, delta: 65536 }]
    );
}

#[test]
fn malformed_frames_are_refused() {
    let huge = "x".repeat(100 * 1024);
    let cases: Vec<(Vec<u8>, FrameError)> = vec![
        (control_frame(2, 6, 0, &words(&[1])), FrameError::Version(2)),
        (control_frame(3, 5, 0, &words(&[1])), FrameError::UnknownType(5)),
        (control_frame(3, 77, 0, &[]), FrameError::UnknownType(77)),
        (
            vec![0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff],
            FrameError::TooLarge(0x00ff_ffff),
        ),
        (control_frame(3, 6, 0, &[]), FrameError::InvalidControlFrame),
        (control_frame(3, 6, 1, &words(&[1])), FrameError::InvalidControlFrame),
        (control_frame(3, 6, 0, &words(&[0])), FrameError::ZeroStreamId),
        (control_frame(3, 3, 0, &words(&[1, 0])), FrameError::InvalidControlFrame),
        (control_frame(3, 3, 0, &words(&[0, 1])), FrameError::ZeroStreamId),
        (control_frame(3, 3, 0, &words(&[1])), FrameError::InvalidControlFrame),
        (control_frame(3, 7, 1, &words(&[1, 0])), FrameError::InvalidControlFrame),
        (
            control_frame(3, 4, 0, &words(&[9, 4, 100])),
            FrameError::InvalidControlFrame,
        ),
        (
            control_frame(3, 4, 0, &words(&[u32::MAX])),
            FrameError::InvalidControlFrame,
        ),
        (control_frame(3, 1, 0, &words(&[1, 0])), FrameError::InvalidControlFrame),
        (control_frame(3, 2, 0, b"\0\0\0\x01garbage"), FrameError::Compression),
        (vec![0; 8], FrameError::ZeroStreamId),
        (syn_stream_with_block(&block(&[("A", "1")])), FrameError::HeaderNameCase),
        (
            syn_stream_with_block(&block(&[("a", "1"), ("a", "2")])),
            FrameError::DuplicateHeader,
        ),
        (
            syn_stream_with_block(&block(&[("host", "h")])),
            FrameError::ForbiddenHeader,
        ),
        (syn_stream_with_block(&words(&[u32::MAX])), FrameError::HeaderBlock),
        (
            syn_stream_with_block(&words(&[1, u32::MAX, 0])),
            FrameError::HeaderBlock,
        ),
        (syn_stream_with_block(&words(&[0, 0])), FrameError::HeaderBlock),
        (
            syn_stream_with_block(&block(&[("a", &huge)])),
            FrameError::HeadersTooLarge,
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode_all(&bytes), Err(expected), "{:?}", &bytes[..bytes.len().min(32)]);
    }
    assert_eq!(MAX_CONTROL_FRAME, 64 * 1024);
}

/// Every truncation and many mutations of valid bytes decode or fail; none panics or loops.
#[test]
fn mutations_of_valid_bytes_do_no_harm() {
    let valid = sample();
    let (mut refused, mut accepted) = (0, 0);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for length in 0..valid.len() {
        assert!(
            decode_all(&valid[..length]).is_ok(),
            "a truncation at {length} waits for more"
        );
    }
    for round in 0..20_000 {
        let mut bytes = valid.clone();
        for _ in 0..=round % 4 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let at = usize::try_from(random % bytes.len() as u64).unwrap();
            let [byte, kind, ..] = random.to_be_bytes();
            match kind % 3 {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        match decode_all(&bytes) {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        refused > 1000 && accepted > 1000,
        "{refused} refused, {accepted} accepted"
    );
}

fn sessions(config: Config) -> (Session, Session, Incoming, Connections) {
    let connections = Connections::new();
    let (near, far) = duplex(64 * 1024);
    let client = Session::client(near, config, &connections);
    let (server, incoming) = Session::server(far, config, &connections);
    (client, server, incoming, connections)
}

async fn pair(client: &Session, incoming: &mut Incoming, kind: &str) -> (Stream, Stream) {
    let (near, far) = tokio::join!(client.open(Headers::new([("streamType", kind)])), async {
        incoming.next().await.unwrap().accept().unwrap()
    });
    (near.unwrap(), far)
}

#[tokio::test]
async fn streams_carry_data_and_half_closes() {
    let (client, server, mut incoming, connections) = sessions(Config::default());
    let (mut near, mut far) = pair(&client, &mut incoming, "data").await;
    assert_eq!((near.id(), far.id()), (1, 1));
    assert_eq!(far.headers().get("streamType"), Some("data"));
    near.write_all(b"question").await.unwrap();
    near.shutdown().await.unwrap();
    let mut question = String::new();
    far.read_to_string(&mut question).await.unwrap();
    assert_eq!(question, "question");
    far.write_all(b"answer").await.unwrap();
    far.shutdown().await.unwrap();
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "answer");
    let error = near.write_all(b"more").await.unwrap_err();
    assert_eq!(error.to_string(), "write on closed stream");
    drop((near, far));
    drop(server);
    assert_eq!(client.closed().await, SessionError::Closed);
    drop(client);
    connections.idle().await;
}

#[tokio::test]
async fn a_dropped_stream_is_reset_after_its_data() {
    let (client, _server, mut incoming, _connections) = sessions(Config::default());
    let (mut near, mut far) = pair(&client, &mut incoming, "data").await;
    far.write_all(b"last words").await.unwrap();
    drop(far);
    let mut words = String::new();
    near.read_to_string(&mut words).await.unwrap();
    assert_eq!(words, "last words");
    let error = near.write_all(b"x").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_refused_stream_is_an_error() {
    let (client, _server, mut incoming, _connections) = sessions(Config::default());
    let (refused, ()) = tokio::join!(client.open(Headers::default()), async {
        incoming.next().await.unwrap().refuse();
    });
    assert_eq!(refused.err(), Some(SessionError::Reset));
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_stream_times_out() {
    let connections = Connections::new();
    let (near, _far) = duplex(1024);
    let client = Session::client(near, Config::default(), &connections);
    let refused = client.open(Headers::default()).await;
    assert_eq!(refused.err(), Some(SessionError::ReplyTimeout));
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_ends_unless_it_is_pinged() {
    let idle = Config {
        idle_timeout: Some(Duration::from_secs(60)),
        ping_period: None,
    };
    let (client, server, _incoming, connections) = sessions(idle);
    let began = tokio::time::Instant::now();
    let ends = [client.closed().await, server.closed().await];
    // Both clocks run out at once; whoever is first says GOAWAY to the other.
    assert!(ends.contains(&SessionError::Idle), "{ends:?}");
    assert_eq!(began.elapsed().as_secs(), 60);
    drop((client, server));
    connections.idle().await;

    let pinged = Config {
        ping_period: Some(Duration::from_secs(5)),
        ..idle
    };
    let (client, _server, _incoming, _connections) = sessions(pinged);
    let ended = tokio::time::timeout(Duration::from_secs(600), client.closed()).await;
    assert!(ended.is_err(), "pings keep it alive: {ended:?}");
}

#[tokio::test]
async fn a_slow_reader_holds_the_writer_back() {
    let (client, _server, mut incoming, _connections) = sessions(Config::default());
    let (mut near, mut far) = pair(&client, &mut incoming, "data").await;
    let total = 64 * 1024 * 1024;
    let sender = async {
        let piece = vec![7; 1024 * 1024];
        let mut written = 0;
        while written < total {
            // Nobody reads yet: the writer must stop after the buffers on the way.
            let limit = Duration::from_millis(200);
            match tokio::time::timeout(limit, near.write(&piece)).await {
                Ok(count) => written += count.unwrap(),
                Err(_) => break,
            }
        }
        written
    };
    let written = sender.await;
    assert!(written > STREAM_BUFFER, "{written}");
    assert!(written < 2 * STREAM_BUFFER, "{written}");
    let mut read = vec![0; written];
    far.read_exact(&mut read).await.unwrap();
    assert!(read.iter().all(|byte| *byte == 7));
}

#[tokio::test]
async fn much_data_passes_both_ways_at_once() {
    let (client, _server, mut incoming, _connections) = sessions(Config::default());
    let (near, far) = pair(&client, &mut incoming, "data").await;
    let total: u64 = 64 * 1024 * 1024;
    let exchange = |stream: Stream, seed: u8| async move {
        let (mut reader, mut writer) = stream.into_split();
        let send = async move {
            let piece = vec![seed; 100_000];
            let mut rest = usize::try_from(total).unwrap();
            while rest > 0 {
                let length = rest.min(piece.len());
                writer.write_all(&piece[..length]).await.unwrap();
                rest -= length;
            }
            writer.shutdown().await.unwrap();
            writer
        };
        let receive = async move {
            let (mut count, mut buffer) = (0, vec![0; 64 * 1024]);
            loop {
                let read = reader.read(&mut buffer).await.unwrap();
                if read == 0 {
                    return count;
                }
                assert!(buffer[..read].iter().all(|byte| *byte == 3 - seed));
                count += read as u64;
            }
        };
        tokio::join!(send, receive).1
    };
    let counts = tokio::join!(exchange(near, 1), exchange(far, 2));
    assert_eq!(counts, (total, total));
}

fn raw_server() -> (DuplexStream, Session, Incoming, Connections) {
    let connections = Connections::new();
    let (near, far) = duplex(1024 * 1024);
    let (server, incoming) = Session::server(far, Config::default(), &connections);
    (near, server, incoming, connections)
}

#[tokio::test]
async fn a_lost_connection_is_not_the_end_of_the_data() {
    let (mut peer, server, mut incoming, connections) = raw_server();
    let mut encoder = Encoder::new();
    peer.write_all(&encoder.syn_stream(1, &Headers::default()))
        .await
        .unwrap();
    let mut stream = incoming.next().await.unwrap().accept().unwrap();
    peer.write_all(&Encoder::data_head(1, false, 2)).await.unwrap();
    peer.write_all(b"ab").await.unwrap();
    drop(peer);
    let mut read = Vec::new();
    let error = stream.read_to_end(&mut read).await.unwrap_err();
    assert_eq!(read, b"ab");
    assert_eq!(error.to_string(), "connection lost: unexpected EOF");
    drop((stream, server));
    connections.idle().await;
}

#[tokio::test]
async fn a_malformed_frame_ends_the_session_with_goaway() {
    let (mut peer, server, _incoming, _connections) = raw_server();
    peer.write_all(&[0; 8]).await.unwrap();
    assert_eq!(server.closed().await, SessionError::Frame(FrameError::ZeroStreamId));
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, Encoder::go_away(0, 1));
}

#[tokio::test]
async fn stream_ids_must_rise_and_be_the_peers() {
    let (mut peer, _server, mut incoming, _connections) = raw_server();
    let mut encoder = Encoder::new();
    for id in [3, 1, 3, 4] {
        peer.write_all(&encoder.syn_stream(id, &Headers::default()))
            .await
            .unwrap();
    }
    peer.write_all(&Encoder::ping(1)).await.unwrap();
    assert_eq!(incoming.next().await.unwrap().id(), 3);
    let mut expected = Vec::new();
    for id in [1, 3, 4] {
        expected.extend(Encoder::rst_stream(id, 1));
    }
    let mut answer = vec![0; expected.len()];
    peer.read_exact(&mut answer).await.unwrap();
    // The accepted stream was dropped by the test, which resets it at some point among the others.
    let resets = answer.chunks(16).filter(|frame| frame[15] == 1).count();
    assert!(resets >= 2, "{answer:?}");
}

#[tokio::test]
async fn pings_are_echoed_and_a_flood_that_is_not_read_is_cut_off() {
    let (mut peer, server, _incoming, _connections) = raw_server();
    peer.write_all(&Encoder::ping(1)).await.unwrap();
    let mut echo = [0; 12];
    peer.read_exact(&mut echo).await.unwrap();
    assert_eq!(echo.to_vec(), Encoder::ping(1));
    let flood: Vec<u8> = Encoder::ping(3).repeat(10_000);
    let ended = async {
        // The write fails when the server has gone.
        while peer.write_all(&flood).await.is_ok() {}
    };
    let reason = tokio::select! {
        reason = server.closed() => reason,
        () = ended => server.closed().await,
    };
    assert_eq!(reason, SessionError::Flood);
}
