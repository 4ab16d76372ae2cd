//! Any bytes are a line of a container's log or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for line in data.split(|byte| *byte == b'\n') {
        let _ = kubelet_logs::parse(line);
    }
});
