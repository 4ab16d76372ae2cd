//! Any message is taken apart or refused, and never names a channel that is not there.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use streaming::websocket::channels::{Codec, Event, demux};

fuzz_target!(|input: (bool, bool, u8, Vec<u8>)| {
    let (base64, stream_close, channels, message) = input;
    let codec = if base64 { Codec::Base64 } else { Codec::Binary };
    let channels = usize::from(channels);
    if let Ok(Event::Data(channel, _) | Event::Close(channel)) =
        demux(codec, stream_close, channels, Bytes::from(message))
    {
        assert!(usize::from(channel) < channels);
    }
});
