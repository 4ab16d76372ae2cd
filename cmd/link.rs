//! How released programs are linked; the build script of each.
//!
//! All of a program's pages that the kernel maps count as its memory, and a cluster runs six programs. Generic code comes
//! out of the compiler many times over: equal functions are folded into one. A table of relocations is read whole at
//! each start: packed it takes a fiftieth. And the kernel maps text in windows of 64 KiB, so that functions that run, spread
//! over all of it, bring nearly all of it into memory: those of `build/text-order` are laid side by side, before all others.
//! These are options of LLD, which Rust brings along on this one platform.

#![expect(clippy::print_stdout, reason = "that is how a build script talks to cargo")]

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=../link.rs");
    println!("cargo::rerun-if-changed=../../build/text-order");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let lld = is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu");
    if lld && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        let orders = ["rest", "work"].map(|name| {
            fs::read_to_string(Path::new("../../build/text-order").join(name)).expect("the orders lie beside this file")
        });
        // The folder bears the program's name; the package need not.
        let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo names the folder");
        let program = folder.rsplit('/').next().unwrap_or_default();
        let script = Path::new(&env::var_os("OUT_DIR").expect("cargo names a directory")).join("text.ld");
        fs::write(&script, linker_script(&orders, program)).expect("cargo's directory is there");
        println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    }
}

/// Crates, or `*` for any, and the functions whose sections in that crate's objects are called for.
type Functions<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// A script that leaves everything where it is but for the order of functions: first those that run in this program at rest, then
/// those that run when it works.
fn linker_script(orders: &[String], program: &str) -> String {
    let mut script = String::from("OVERWRITE_SECTIONS {\n.text : {\n");
    for (holder, names) in orders.iter().flat_map(|order| functions(order, program)) {
        // An object of the compiler is called so in a library and beside it.
        match holder {
            "*" => script.push('*'),
            holder => write!(script, "*.{holder}.*-cgu.*").expect("a string takes all"),
        }
        script.push_str("(\n");
        for name in names {
            // What the compiler takes for cold may run once all the same.
            writeln!(script, ".text.{name} .text.unlikely.{name}").expect("a string takes all");
        }
        script.push_str(")\n");
    }
    script.push_str("*(.text .text.*)\n}\n}\n");
    script
}

/// The functions of the program: sections of an order name programs in brackets.
fn functions<'a>(order: &'a str, program: &str) -> Functions<'a> {
    let mut functions = Functions::new();
    let mut is_own = false;
    for line in order.lines().filter(|line| !line.starts_with('#')) {
        if let Some(programs) = line.strip_prefix('[') {
            is_own = programs.trim_end_matches(']').split(' ').any(|name| name == program);
        } else if is_own && let Some((holder, name)) = line.split_once(' ') {
            functions.entry(holder).or_default().push(name);
        }
    }
    functions
}
