//! Facts of the machine, out of `/proc`, `/sys` and `/etc`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// What the machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// CPUs that are on.
    pub cores: i64,
    /// Memory in bytes.
    pub memory: i64,
    /// Swap in bytes.
    pub swap: i64,
    /// Huge pages in bytes by the size of a page (`2Mi`).
    pub huge_pages: BTreeMap<String, i64>,
    /// The id of the installation.
    pub machine_id: String,
    /// The id of the hardware.
    pub system_uuid: String,
    /// The id of this boot.
    pub boot_id: String,
    /// The kernel's release.
    pub kernel_version: String,
    /// The distribution, in its own words.
    pub os_image: String,
}

impl Machine {
    /// Looks at the machine below `root` (`/`, but for tests).
    ///
    /// # Errors
    /// If CPUs or memory cannot be read; ids that are not there are empty.
    pub fn read(root: &Path) -> io::Result<Self> {
        let text = |path: &str| fs::read_to_string(root.join(path));
        let line = |path: &str| text(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        let memory = text("proc/meminfo")?;
        let amount = |key: &str| -> Option<i64> {
            let rest = memory
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            let kilobytes: i64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kilobytes * 1024)
        };
        let missing = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{what} cannot be read"));
        let machine_id = ["etc/machine-id", "var/lib/dbus/machine-id"].map(line);
        let kernel = line("proc/sys/kernel/osrelease");
        Ok(Self {
            cores: online_cpus(&text("sys/devices/system/cpu/online")?).ok_or_else(|| missing("the list of CPUs"))?,
            memory: amount("MemTotal").ok_or_else(|| missing("MemTotal"))?,
            swap: amount("SwapTotal").unwrap_or_default(),
            huge_pages: huge_pages(&root.join("sys/kernel/mm/hugepages")),
            machine_id: machine_id.into_iter().find(|id| !id.is_empty()).unwrap_or_default(),
            system_uuid: ["sys/class/dmi/id/product_uuid", "etc/machine-id"]
                .map(line)
                .into_iter()
                .find(|id| !id.is_empty())
                .unwrap_or_default(),
            boot_id: line("proc/sys/kernel/random/boot_id"),
            kernel_version: kernel,
            os_image: ["etc/os-release", "usr/lib/os-release"]
                .iter()
                .find_map(|path| pretty_name(&text(path).ok()?))
                .unwrap_or_else(|| "Unknown".to_owned()),
        })
    }
}

/// How many CPUs `0-3,8` names.
fn online_cpus(list: &str) -> Option<i64> {
    let count = |part: &str| -> Option<i64> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(last.parse::<i64>().ok()? - first.parse::<i64>().ok()? + 1)
    };
    list.trim().split(',').map(count).sum()
}

fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

fn huge_pages(directory: &Path) -> BTreeMap<String, i64> {
    let mut pages = BTreeMap::new();
    let Ok(entries) = fs::read_dir(directory) else {
        return pages;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let size = name.strip_prefix("hugepages-").and_then(|it| it.strip_suffix("kB"));
        let Some(kilobytes) = size.and_then(|size| size.parse::<i64>().ok()) else {
            continue;
        };
        let count = fs::read_to_string(entry.path().join("nr_hugepages"));
        let count: i64 = count.ok().and_then(|text| text.trim().parse().ok()).unwrap_or_default();
        let shown = match kilobytes {
            it if it % (1 << 20) == 0 => format!("{}Gi", it >> 20),
            it if it % 1024 == 0 => format!("{}Mi", it >> 10),
            it => format!("{it}Ki"),
        };
        pages.insert(shown, count * kilobytes * 1024);
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_read() {
        let root = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write(
            "proc/meminfo",
            "MemTotal:       24576000 kB\nMemFree: 1 kB\nSwapTotal:       1024 kB\n",
        );
        write("sys/devices/system/cpu/online", "0-1,4\n");
        write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "3\n");
        write("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n");
        write("etc/machine-id", "0123\n");
        write(
            "etc/os-release",
            "NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
        );
        write("proc/sys/kernel/osrelease", "6.1.0\n");
        let machine = Machine::read(root.path()).expect("a machine");
        assert_eq!(
            (machine.cores, machine.memory, machine.swap),
            (3, 24_576_000 * 1024, 1024 * 1024)
        );
        assert_eq!(machine.huge_pages["2Mi"], 3 * 2048 * 1024);
        assert_eq!(machine.huge_pages["1Gi"], 0);
        assert_eq!(machine.os_image, "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(
            (machine.machine_id.as_str(), machine.system_uuid.as_str()),
            ("0123", "0123")
        );
        assert!(Machine::read(Path::new("/nonexistent")).is_err());
    }
}
