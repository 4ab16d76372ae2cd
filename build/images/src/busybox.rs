//! The layer made of Debian's busybox-static: one program, a link for each of its applets, and the files a shell expects.

use std::path::Path;
use std::process::Command;

use crate::error::{Error, Result};
use crate::layer::Layer;

/// Where Debian's package puts the program.
pub const BUSYBOX: &str = "/bin/busybox";

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n";
const GROUP: &str = "root:x:0:\nusers:x:100:\nnogroup:x:65534:\n";

/// Packs `program` with its applets.
///
/// # Errors
/// [`Error::NoBusybox`] if it is missing or needs shared libraries.
pub fn layer(program: &Path) -> Result<Layer> {
    let missing = || Error::NoBusybox(program.to_owned());
    let content = std::fs::read(program).map_err(|_| missing())?;
    if !is_static(&content) {
        return Err(missing());
    }
    let list = Command::new(program)
        .arg("--list")
        .output()
        .map_err(|source| Error::Run {
            program: program.display().to_string(),
            source,
        })?;
    let mut layer = Layer::new();
    layer.file("/bin/busybox", 0o755, content)?;
    for applet in String::from_utf8_lossy(&list.stdout)
        .lines()
        .filter(|applet| *applet != "busybox")
    {
        layer.symlink(&format!("/bin/{applet}"), "busybox")?;
    }
    layer
        .symlink("/usr/bin/env", "../../bin/busybox")?
        .directory("/tmp", 0o1777)?
        .directory("/root", 0o700)?
        .directory("/home", 0o755)?
        .directory("/var/run", 0o755)?
        .file("/etc/passwd", 0o644, PASSWD)?
        .file("/etc/group", 0o644, GROUP)?;
    Ok(layer)
}

/// Whether an ELF program asks for no interpreter, which a program with shared libraries does.
pub fn is_static(program: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, size: usize| -> Option<usize> {
        let bytes = program.get(at..at + size)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |value, byte| value << 8 | usize::from(*byte)),
        )
    };
    let interpreted = || -> Option<bool> {
        let (offset, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        for header in 0..count {
            if number(offset + header * size, 4)? == PT_INTERP as usize {
                return Some(true);
            }
        }
        Some(false)
    };
    // 64-bit little-endian ELF, which is what Linux on amd64 and arm64 runs.
    program.starts_with(b"\x7fELF\x02\x01") && interpreted() == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debians_busybox_becomes_a_layer() {
        let layer = layer(Path::new(BUSYBOX)).expect("busybox-static is installed");
        let packed = layer.pack().expect("packs");
        let mut archive = tar::Archive::new(packed.as_slice());
        let links: Vec<_> = archive
            .entries()
            .expect("entries")
            .filter_map(|entry| {
                let entry = entry.expect("entry");
                let target = entry.link_name().expect("link")?.display().to_string();
                Some((entry.path().expect("path").display().to_string(), target))
            })
            .collect();
        assert!(links.contains(&("bin/sh".to_owned(), "busybox".to_owned())));
        assert!(links.len() > 100, "{} applets", links.len());
    }

    #[test]
    fn a_program_with_shared_libraries_is_refused() {
        let own = std::env::current_exe().expect("own path");
        assert!(matches!(layer(&own), Err(Error::NoBusybox(path)) if path == own));
        let error = layer(Path::new("/nonexistent/busybox")).expect_err("missing");
        assert_eq!(
            error.to_string(),
            "/nonexistent/busybox is missing or not static: apt-get install busybox-static"
        );
    }
}
