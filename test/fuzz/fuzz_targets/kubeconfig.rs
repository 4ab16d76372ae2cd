//! Any text is a kubeconfig or an error.
#![no_main]

use client_go::config::Kubeconfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Kubeconfig::parse(text);
});
