//! A payload of the embedded store's write-ahead log is an error, or comes out as it went in.
#![no_main]

use apiserver_storage::embedded::transcode_log_payload;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Ok(again) = transcode_log_payload(payload) {
        assert_eq!(again, payload);
    }
});
