//! Kernel settings that the proxy sets at start. Counterpart upstream: `conntrack/sysctls.go`.

use std::io;
use std::path::Path;

use component_base::GoDuration;

use crate::config::ConntrackConfiguration;

/// The largest table that is ever asked for.
const CONNTRACK_LIMIT: u64 = 1_048_576;

/// Reads a numeric setting, for example `net/ipv4/ip_forward`.
///
/// # Errors
/// When it is not there or no number.
pub fn get(name: &str) -> io::Result<i64> {
    let text = std::fs::read_to_string(Path::new("/proc/sys").join(name))?;
    text.trim()
        .parse()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {error}")))
}

/// Writes a numeric setting unless it has the value already.
///
/// # Errors
/// When it cannot be written; the message names the setting.
pub fn ensure(name: &str, value: i64) -> io::Result<()> {
    if get(name).is_ok_and(|present| present == value) {
        return Ok(());
    }
    tracing::info!(entry = name, value, "set sysctl");
    std::fs::write(Path::new("/proc/sys").join(name), value.to_string())
        .map_err(|error| io::Error::new(error.kind(), format!("can't set sysctl {name} to {value}: {error}")))
}

/// The size of the conntrack table that the configuration asks for; 0 leaves it as it is.
#[must_use]
pub fn conntrack_max(configuration: &ConntrackConfiguration, cpus: u64) -> u64 {
    let per_core = configuration
        .max_per_core
        .and_then(|value| u64::try_from(value).ok())
        .unwrap_or(0);
    if per_core == 0 {
        return 0;
    }
    let floor = configuration
        .min
        .and_then(|value| u64::try_from(value).ok())
        .unwrap_or(0);
    let scaled = per_core.saturating_mul(cpus);
    if scaled > CONNTRACK_LIMIT {
        CONNTRACK_LIMIT
    } else {
        scaled.max(floor)
    }
}

/// Sets the conntrack table's size and timeouts.
///
/// # Errors
/// When a setting cannot be written.
pub fn set_conntrack(configuration: &ConntrackConfiguration) -> io::Result<()> {
    let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let max = conntrack_max(configuration, cpus);
    if max > 0 {
        ensure("net/netfilter/nf_conntrack_max", i64::try_from(max).unwrap_or(i64::MAX))?;
        ensure_hash_size(max / 4)?;
    }
    for (name, timeout) in [
        (
            "nf_conntrack_tcp_timeout_established",
            configuration.tcp_established_timeout,
        ),
        (
            "nf_conntrack_tcp_timeout_close_wait",
            configuration.tcp_close_wait_timeout,
        ),
        ("nf_conntrack_udp_timeout", Some(configuration.udp_timeout)),
        (
            "nf_conntrack_udp_timeout_stream",
            Some(configuration.udp_stream_timeout),
        ),
    ] {
        if let Some(timeout) = timeout.filter(|timeout| *timeout > GoDuration::ZERO) {
            ensure(&format!("net/netfilter/{name}"), timeout.as_nanos() / 1_000_000_000)?;
        }
    }
    if configuration.tcp_be_liberal {
        ensure("net/netfilter/nf_conntrack_tcp_be_liberal", 1)?;
    }
    Ok(())
}

fn ensure_hash_size(wanted: u64) -> io::Result<()> {
    let path = "/sys/module/nf_conntrack/parameters/hashsize";
    let present: u64 = std::fs::read_to_string(path)?
        .trim()
        .parse()
        .map_err(io::Error::other)?;
    if present >= wanted {
        return Ok(());
    }
    tracing::info!(size = wanted, "setting conntrack hashsize");
    std::fs::write(path, wanted.to_string())
}
