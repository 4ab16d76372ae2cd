//! Any bytes, in any pieces, are frames or an error: no panic, no endless loop, no payload out of nothing.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use streaming::spdy::{Decoder, Frame};

fuzz_target!(|data: &[u8]| {
    let Some((&piece, rest)) = data.split_first() else {
        return;
    };
    let mut decoder = Decoder::new();
    let mut input = BytesMut::new();
    let mut payload_bytes = 0;
    for part in rest.chunks(usize::from(piece).max(1)) {
        input.extend_from_slice(part);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(Frame::Data { payload, .. })) => payload_bytes += payload.len(),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    assert!(payload_bytes <= rest.len());
});
