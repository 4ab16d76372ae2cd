//! Any bytes are an object, a watch event or an error; what decodes can be encoded, and stays the same then.
#![no_main]

use apimachinery::codec::protobuf::{Envelope, ProtobufCodec, decode_watch_event, next_frame};
use k8s_api::reflect::TypeId;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Envelope::decode(data);
    let _ = decode_watch_event(data);
    if let Ok(Some((frame, taken))) = next_frame(data, 1 << 20) {
        assert!(frame.len() + 4 == taken && taken <= data.len());
    }
    let Some((selector, message)) = data.split_first_chunk::<2>() else {
        return;
    };
    let codec = ProtobufCodec::builtin();
    let ty = TypeId(u32::from(u16::from_le_bytes(*selector)) % codec.schema().types.len() as u32);
    let Ok(value) = codec.decode_message(ty, message) else {
        return;
    };
    let encoded = codec.encode_message(ty, &value).expect("what was decoded can be encoded");
    // What the sender left out is written as its zero value, and stays.
    let complete = codec.decode_message(ty, &encoded).expect("what was encoded can be decoded");
    assert_eq!(codec.encode_message(ty, &complete), Ok(encoded));
});
