//! The program as a process: how it ends, and that it collects orphans as the first process of a pid namespace.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PAUSE: &str = env!("CARGO_BIN_EXE_pause");

/// Waits until `condition` holds, at most 10 seconds.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "not within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().expect("a pid"))
}

/// The children of a process.
fn children(pid: Pid) -> Vec<Pid> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace()
        .map(|pid| Pid::from_raw(pid.parse().expect("a pid")))
        .collect()
}

/// Whether the process sleeps in the kernel's wait for signals.
fn is_waiting(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/wchan")).is_ok_and(|place| place.starts_with("do_sigtimedwait"))
}

#[test]
fn prints_its_version() {
    for flag in ["-v", "-V"] {
        let output = Command::new(PAUSE).arg(flag).output().expect("runs");
        assert!(output.status.success());
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            format!("pause {}\n", env!("CARGO_PKG_VERSION"))
        );
    }
}

#[test]
fn ends_with_0_on_a_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let child = Command::new(PAUSE).stderr(Stdio::piped()).spawn().expect("starts");
        let id = pid(&child);
        wait_until("pause waits", || is_waiting(id));
        kill(id, signal).expect("signal");
        let output = child.wait_with_output().expect("ends");
        assert_eq!(output.status.code(), Some(0), "{signal}");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            words,
            format!("Warning: pause should be the first process\nShutting down, got signal: {signal}\n")
        );
    }
}

#[test]
fn reaps_orphans_as_the_first_process() {
    // Three processes lose their parent, which becomes pause; all end at once when their pipe is closed.
    let script = r#"exec 3<&0; for i in 1 2 3; do (read line <&3 &); done; exec "$0" </dev/null 3<&-"#;
    let mut outer = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "sh", "-c", script, PAUSE])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("unshare of util-linux starts (needs root)");
    let outer_id = pid(&outer);
    wait_until("the first process is there", || children(outer_id).len() == 1);
    let first = children(outer_id)[0];
    wait_until("pause waits", || is_waiting(first));
    drop(outer.stdin.take());
    wait_until("no child is left", || children(first).is_empty());
    assert!(is_waiting(first), "pause lives on");
    kill(first, Signal::SIGTERM).expect("signal");
    assert_eq!(outer.wait().expect("ends").code(), Some(0));
}
