//! The functions of a program, out of its symbol table, and the names by which a linker finds them in any later build.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail, ensure};

/// Kinds of section and symbol, as ELF numbers them.
const SECTION_SYMBOLS: u32 = 2;
const SYMBOL_FUNCTION: u8 = 2;
const SYMBOL_FILE: u8 = 4;
/// Sizes of a section's header and of a symbol in a 64-bit file.
const SECTION_SIZE: usize = 64;
const SYMBOL_SIZE: usize = 24;

/// A program's functions: where each begins, and everything that is called so.
pub(super) struct Functions(BTreeMap<u64, Vec<Symbol>>);

/// One symbol of a function. Equal functions were folded: one place has many.
struct Symbol {
    /// The crate whose object it stands in; `None` of what is visible outside its object, and of what is not Rust.
    holder: Option<String>,
    name: String,
}

impl Functions {
    /// Where functions begin, in order, relative to where the program is loaded.
    pub(super) fn entries(&self) -> Vec<u64> {
        self.0.keys().copied().collect()
    }

    /// The lines of `text.order` for the function that begins there.
    pub(super) fn lines(&self, entry: u64) -> impl Iterator<Item = String> {
        self.0.get(&entry).into_iter().flatten().map(|symbol| {
            let holder = symbol.holder.as_deref().unwrap_or("*");
            format!("{holder} {}", stable_name(&symbol.name))
        })
    }
}

/// Reads the symbol table of a program.
///
/// # Errors
/// When it is no 64-bit ELF file, or stripped.
pub(super) fn read(program: &Path) -> Result<Functions> {
    let file = fs::read(program).with_context(|| format!("read {}", program.display()))?;
    ensure!(
        file.starts_with(b"\x7fELF\x02\x01"),
        "{} is not a 64-bit ELF file",
        program.display()
    );
    let sections = number(&file, 0x28, 8)?;
    let count = number(&file, 0x3c, 2)?;
    let header = |index: usize| sections + index * SECTION_SIZE;
    for index in 0..count {
        if u32::try_from(number(&file, header(index) + 4, 4)?)? == SECTION_SYMBOLS {
            let symbols = contents(&file, header(index))?;
            let names = contents(&file, header(number(&file, header(index) + 0x28, 4)?))?;
            return functions(symbols, names);
        }
    }
    bail!("{} has no symbols: it is stripped", program.display())
}

/// What lies in a section, given where its header is.
fn contents(file: &[u8], header: usize) -> Result<&[u8]> {
    let start = number(file, header + 0x18, 8)?;
    let length = number(file, header + 0x20, 8)?;
    file.get(start..start + length)
        .context("a section lies outside the file")
}

fn functions(symbols: &[u8], names: &[u8]) -> Result<Functions> {
    let mut functions = BTreeMap::<u64, Vec<Symbol>>::new();
    let mut holder = None;
    // The linker puts a file's own symbols behind the symbol that names the file, and those visible outside behind all files.
    for symbol in symbols.chunks_exact(SYMBOL_SIZE) {
        let name = names
            .get(number(symbol, 0, 4)?..)
            .context("a name lies outside its section")?;
        let name = String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
        let (local, kind) = (symbol[4] >> 4 == 0, symbol[4] & 0xf);
        let defined = number(symbol, 6, 2)? != 0;
        match kind {
            SYMBOL_FILE => holder = crate_of(&name),
            SYMBOL_FUNCTION if defined => {
                let holder = holder.clone().filter(|_| local);
                let entry = u64::try_from(number(symbol, 8, 8)?)?;
                functions.entry(entry).or_default().push(Symbol { holder, name });
            }
            _ => {}
        }
    }
    Ok(Functions(functions))
}

fn number(bytes: &[u8], at: usize, length: usize) -> Result<usize> {
    let bytes = bytes.get(at..at + length).context("the file ends early")?;
    Ok(bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// The crate of an object, which the compiler calls `tokio.60bd4b443b8da1a2-cgu.0`.
fn crate_of(file: &str) -> Option<String> {
    let (name, rest) = file.split_once('.')?;
    rest.contains("-cgu.").then(|| name.to_owned())
}

/// A symbol as a pattern which holds for the same function in another build: hashes and versions are left open.
pub(super) fn stable_name(symbol: &str) -> String {
    if symbol.starts_with("_ZN") {
        return match symbol.rfind("17h") {
            Some(hash) => format!("{}17h*", &symbol[..hash]),
            None => symbol.to_owned(),
        };
    }
    if symbol.starts_with("_R") {
        return open_hashes(symbol);
    }
    match symbol.strip_prefix("aws_lc_") {
        Some(versioned) => {
            let name = versioned.trim_start_matches(|character: char| character.is_ascii_digit() || character == '_');
            format!("aws_lc_*_{name}")
        }
        None => symbol.to_owned(),
    }
}

/// A crate in a name of the newer mangling is `Cs`, its hash in 62 digits, and `_`.
fn open_hashes(symbol: &str) -> String {
    let mut open = String::new();
    let mut rest = symbol;
    while let Some(start) = rest.find("Cs") {
        let (before, after) = rest.split_at(start + 2);
        open.push_str(before);
        let digits = after
            .find(|digit: char| !digit.is_ascii_alphanumeric())
            .unwrap_or(after.len());
        // A hash has ten digits or eleven; fewer are letters of some name.
        if digits >= 9 && after[digits..].starts_with('_') {
            open.push('*');
            rest = &after[digits..];
        } else {
            rest = after;
        }
    }
    open.push_str(rest);
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_in_another_build() {
        for (symbol, expected) in [
            (
                "_ZN5tokio7runtime4task3raw4poll17h06fd5ea8ba4ae8f1E",
                "_ZN5tokio7runtime4task3raw4poll17h*",
            ),
            (
                "_ZN4core3ops4call17h06fd5ea8ba4ae8f1E.llvm.123",
                "_ZN4core3ops4call17h*",
            ),
            (
                "_RNvMs5_NtNtCsjrHSEGnQ3l9_3std2io5errorNtB5_5Error4kind",
                "_RNvMs5_NtNtCs*_3std2io5errorNtB5_5Error4kind",
            ),
            ("aws_lc_0_47_0_SHA256_Init", "aws_lc_*_SHA256_Init"),
            ("mi_malloc", "mi_malloc"),
        ] {
            assert_eq!(stable_name(symbol), expected);
        }
    }

    #[test]
    fn an_object_of_the_compiler_names_its_crate() {
        assert_eq!(
            crate_of("tokio_util.8bcf720a83580ae7-cgu.0").as_deref(),
            Some("tokio_util")
        );
        assert_eq!(crate_of("crypto.c"), None);
        assert_eq!(crate_of("7it0ms821l0itufsf2jl9lb4b"), None);
    }

    #[test]
    fn the_functions_of_this_very_program_are_found() {
        let functions = read(&std::env::current_exe().expect("this program")).expect("its symbols");
        let lines: Vec<String> = functions
            .entries()
            .into_iter()
            .flat_map(|entry| functions.lines(entry))
            .collect();
        let expected = "text_order9functions4read17h*";
        assert!(lines.iter().any(|line| line.ends_with(expected)), "none is {expected}");
    }
}
