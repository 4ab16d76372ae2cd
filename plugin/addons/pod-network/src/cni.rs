//! The CNI configuration: a bridge, addresses of host-local, and port mappings.

use std::{
    io,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use serde_json::{Value, json};

/// The file's name: late in the order of names, so that another's configuration comes first.
const FILE: &str = "90-kubernox.conflist";
/// The network's name.
const NAME: &str = "kubernox";

/// Whether a file name is one that container runtimes read.
fn is_configuration(name: &str) -> bool {
    !name.starts_with('.') && [".conflist", ".conf", ".json"].iter().any(|end| name.ends_with(end))
}

/// The name of another's configuration in the directory, if there is one.
///
/// # Errors
/// The directory cannot be read; one that is not there has none.
pub(crate) fn foreign(directory: &Path) -> io::Result<Option<String>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name != FILE && is_configuration(name));
    Ok(names.into_iter().min())
}

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

/// Writes the configuration if it is not what is there; readers see the old or the new one, never a part.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(directory: &Path, bridge: &str, mtu: u32, ranges: &[IpNet]) -> io::Result<bool> {
    let text = format!("{:#}\n", configuration(bridge, mtu, ranges));
    if std::fs::read_to_string(path(directory)).is_ok_and(|present| present == text) {
        return Ok(false);
    }
    std::fs::create_dir_all(directory)?;
    let new = directory.join(format!(".{FILE}.new"));
    std::fs::write(&new, text)?;
    std::fs::rename(new, path(directory))?;
    Ok(true)
}

/// Takes our configuration away.
///
/// # Errors
/// The file is there and cannot be removed.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    match std::fs::remove_file(path(directory)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn configuration(bridge: &str, mtu: u32, ranges: &[IpNet]) -> Value {
    let subnets: Vec<Value> = ranges
        .iter()
        .map(|range| json!([{ "subnet": range.to_string() }]))
        .collect();
    let default = |range: &IpNet| if range.addr().is_ipv4() { "0.0.0.0/0" } else { "::/0" };
    let routes: Vec<Value> = ranges.iter().map(|range| json!({ "dst": default(range) })).collect();
    json!({
        "cniVersion": "0.4.0",
        "name": NAME,
        "plugins": [
            {
                "type": "bridge",
                "bridge": bridge,
                "isGateway": true,
                "ipMasq": false,
                "hairpinMode": true,
                "mtu": mtu,
                "ipam": { "type": "host-local", "ranges": subnets, "routes": routes },
            },
            { "type": "portmap", "capabilities": { "portMappings": true }, "snat": true },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_configuration_takes_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path();
        assert_eq!(foreign(&at.join("absent")).expect("read"), None);
        assert!(write(at, "cni0", 1500, &["10.1.0.0/24".parse().expect("a range")]).expect("written"));
        for ignored in [".hidden.conflist", "readme.txt"] {
            std::fs::write(at.join(ignored), "").expect("written");
        }
        assert_eq!(foreign(at).expect("read"), None);
        for other in ["99-z.conf", "10-a.conflist"] {
            std::fs::write(at.join(other), "{}").expect("written");
        }
        assert_eq!(foreign(at).expect("read").as_deref(), Some("10-a.conflist"));
        remove(at).expect("removed");
        remove(at).expect("there is nothing to remove");
        assert!(!path(at).exists());
    }

    #[test]
    fn the_same_configuration_is_written_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let ranges: Vec<IpNet> = ["10.1.0.0/24", "fd00:1::/64"]
            .iter()
            .map(|text| text.parse().expect("a range"))
            .collect();
        assert!(write(directory.path(), "cni0", 1450, &ranges).expect("written"));
        assert!(!write(directory.path(), "cni0", 1450, &ranges).expect("nothing to do"));
        let text = std::fs::read_to_string(path(directory.path())).expect("the file");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let bridge = &value["plugins"][0];
        assert_eq!(
            bridge["ipam"]["ranges"],
            json!([[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]])
        );
        assert_eq!(bridge["ipam"]["routes"], json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]));
        assert_eq!(bridge["mtu"], 1450);
    }
}
