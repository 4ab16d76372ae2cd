//! How released programs are linked; the build script of each.
//!
//! All of a program's pages that the kernel maps count as its memory, and a cluster runs six programs. Generic code comes
//! out of the compiler many times over: equal functions are folded into one. A table of relocations is read whole at
//! each start: packed it takes a fiftieth. Both are options of LLD, which Rust brings along on this one platform.

#![expect(clippy::print_stdout, reason = "that is how a build script talks to cargo")]

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=../link.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let lld = is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu");
    if lld && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
