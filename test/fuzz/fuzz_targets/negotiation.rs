//! Any header is negotiated or refused.
#![no_main]

use apimachinery::codec::negotiation::{
    Encoding, Endpoint, negotiate_input, negotiate_output, negotiate_watch, parse_accept, parse_media_type, route,
    should_gzip, wants_pretty,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let endpoint = Endpoint { standard: &[], table: true, metadata: true, server_version: Some("v1") };
    let clauses = parse_accept(data);
    assert!(clauses.len() <= data.len());
    let _ = parse_media_type(data);
    let _ = negotiate_input(data, Encoding::DEFAULT);
    let _ = negotiate_output(data, Encoding::DEFAULT, &endpoint);
    let _ = negotiate_watch(data, Encoding::DEFAULT, &endpoint);
    let _ = route::accepts(data, &["application/json"]);
    let _ = route::consumes("POST", data, &["application/json"]);
    let _ = should_gzip(data, data.len());
    let _ = wants_pretty(Some(data), data);
});
