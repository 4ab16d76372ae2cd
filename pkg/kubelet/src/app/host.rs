//! The machine: whether it fits, and what has to be set on it.

use std::fs;
use std::io;
use std::path::Path;

use kubelet_config::KubeletOptions;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};

use super::RunError;

/// Kernel settings that the kubelet counts on.
const TUNABLES: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// Refuses machines that the configuration does not allow.
pub(super) fn check(options: &KubeletOptions) -> Result<(), RunError> {
    let configuration = &options.configuration;
    let hierarchy = kubelet_cgroup::Hierarchy::detect()?;
    if !hierarchy.is_v2() {
        if configuration.fail_cgroup_v1 {
            return Err(RunError::Refused(
                "kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is unsupported and will be removed in a future release".to_owned(),
            ));
        }
        tracing::warn!("cgroup v1 support is unsupported and will be removed in a future release");
    }
    if configuration.fail_swap_on {
        let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
        let on: Vec<_> = swaps
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        if !on.is_empty() {
            return Err(RunError::Refused(format!(
                "running with swap on is not supported, please disable swap or set --fail-swap-on flag to false ({})",
                on.join(", ")
            )));
        }
    }
    if !configuration.cgroups_per_qos {
        return Err(RunError::Refused(
            "cgroupsPerQOS: false is not supported by this kubelet, whose pods have cgroups".to_owned(),
        ));
    }
    let options_of_none = &configuration.cpu_manager_policy_options;
    if !options_of_none.0.is_empty() {
        return Err(RunError::Refused(format!(
            "none policy: received unsupported options={:?}",
            options_of_none.0
        )));
    }
    for (policy, none, field) in [
        (&configuration.cpu_manager_policy, "none", "cpuManagerPolicy"),
        (&configuration.memory_manager_policy, "None", "memoryManagerPolicy"),
        (&configuration.topology_manager_policy, "none", "topologyManagerPolicy"),
    ] {
        if policy != none {
            return Err(RunError::Refused(format!(
                "{field} {policy:?} is not supported by this kubelet, only {none:?} is"
            )));
        }
    }
    if nix::unistd::geteuid().is_root() {
        Ok(())
    } else {
        Err(RunError::Refused("kubelet must be run as root".to_owned()))
    }
}

/// Where links to the logs of containers lie.
pub(super) const CONTAINER_LOGS: &str = "/var/log/containers";

/// Whether the kernel can keep swap from a cgroup of version 2.
pub(super) fn swap_is_limited() -> bool {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = own
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .unwrap_or_default();
    Path::new("/sys/fs/cgroup").join(path).join("memory.swap.max").exists()
        || Path::new("/sys/fs/cgroup/system.slice/memory.swap.max").exists()
}

/// The machine's swap in bytes.
pub(super) fn swap_capacity() -> i64 {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory.lines().find_map(|line| line.strip_prefix("SwapTotal:"));
    let kib = total.and_then(|rest| rest.split_whitespace().next()?.parse::<i64>().ok());
    kib.unwrap_or(0) * 1024
}

/// How many CPUs a list such as `0-3,8` names.
pub(super) fn count_cpus(list: &str) -> Result<i64, String> {
    let failed = || format!("Unable to parse reserved-cpus list, reservedSystemCPUs: {list:?}");
    let mut cpus = std::collections::BTreeSet::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| failed());
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(failed());
        }
        cpus.extend(first..=last);
    }
    Ok(i64::try_from(cpus.len()).unwrap_or(i64::MAX))
}

/// Makes directories, raises limits and sets the kernel's settings.
pub(super) fn prepare(options: &KubeletOptions) -> Result<(), RunError> {
    // Modes are given as they are meant.
    umask(Mode::empty());
    let root = Path::new(&options.flags.root_directory);
    let logs = Path::new(&options.configuration.pod_logs_dir);
    for (path, mode) in [
        (root.to_owned(), 0o750),
        (root.join("pods"), 0o750),
        (root.join("plugins"), 0o750),
        (root.join("plugins_registry"), 0o750),
        (root.join("pod-resources"), 0o750),
        (root.join("checkpoints"), 0o700),
        (logs.to_owned(), 0o750),
        (Path::new(CONTAINER_LOGS).to_owned(), 0o755),
    ] {
        make_directory(&path, mode).map_err(|error| RunError::io(format!("mkdir {}", path.display()), error))?;
    }
    raise_file_limit(options.configuration.max_open_files);
    lower_oom_score(options.configuration.oom_score_adj);
    tune_kernel(options.configuration.protect_kernel_defaults)
}

fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(mode).create(path)
}

fn raise_file_limit(wanted: i64) {
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    let raised = setrlimit(Resource::RLIMIT_NOFILE, wanted, wanted.max(hard))
        .or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard));
    if let Err(error) = raised {
        tracing::warn!(%error, soft, hard, wanted, "the number of open files stays as it is");
    }
}

/// Without the right to lower it the kubelet is as likely to be killed as others; that is no reason not to run.
fn lower_oom_score(score: i32) {
    if let Err(error) = fs::write("/proc/self/oom_score_adj", score.to_string()) {
        tracing::error!(%error, score, "Failed to set the OOM score adjustment of the kubelet");
    }
}

fn tune_kernel(only_check: bool) -> Result<(), RunError> {
    let mut wrong = Vec::new();
    for (name, wanted) in TUNABLES {
        let path = Path::new("/proc/sys").join(name);
        let Ok(present) = fs::read_to_string(&path) else {
            continue;
        };
        let present = present.trim();
        if present == wanted {
            continue;
        }
        if only_check {
            wrong.push(format!(
                "invalid kernel flag: {name}, expected value: {wanted}, actual value: {present}"
            ));
        } else if let Err(error) = fs::write(&path, wanted) {
            tracing::error!(%error, setting = name, wanted, present, "a kernel setting cannot be made");
        } else {
            tracing::info!(setting = name, wanted, present, "Updating kernel flag");
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(RunError::Refused(format!("[{}]", wrong.join(", "))))
    }
}

/// The node's name: what it is called by flag, or the host's name.
pub(super) fn hostname(overridden: &str) -> Result<String, RunError> {
    let name = if overridden.is_empty() {
        let name =
            nix::unistd::gethostname().map_err(|error| RunError::io("couldn't determine hostname", error.into()))?;
        name.to_string_lossy().into_owned()
    } else {
        overridden.to_owned()
    };
    let name = name.trim().to_lowercase();
    if name.is_empty() {
        return Err(RunError::Refused("empty hostname is invalid".to_owned()));
    }
    Ok(name)
}
