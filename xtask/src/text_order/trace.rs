//! A process that notes which functions of another one are entered, by a trap at the entry of each.
//!
//! The program to be watched is the parent, so that whoever started it holds the process that it expects. Programs that it
//! starts are let go: a fork gets its text back, what shares the program's memory is watched until it becomes another program.

#![expect(unsafe_code, reason = "tracing is system calls with addresses in them")]

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    os::unix::{fs::FileExt, process::CommandExt},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use libc::{c_int, c_void, pid_t};

/// What the processor stops at.
const TRAP: u8 = 0xcc;
const PAGE: u64 = 4096;
/// The entry of the auxiliary vector that says where the program's headers are, and how far behind its start they lie.
const PROGRAM_HEADERS: u64 = 3;
const HEADERS_BEHIND_START: u64 = 64;

/// Starts the watcher, and becomes the program once it is watched.
pub(super) fn become_traced(directory: &str, program: &str, arguments: &[&str]) -> Result<()> {
    let pid = std::process::id().to_string();
    let mut watcher = Command::new(std::env::current_exe()?)
        .args(["text-order", "watch", directory, program, &pid])
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .context("start the watcher")?;
    let mut answer = String::new();
    BufReader::new(watcher.stdout.take().context("the watcher's output")?).read_line(&mut answer)?;
    if answer.trim() != "watching" {
        bail!("the watcher has ended: {}", watcher.wait()?);
    }
    Err(Command::new(program).args(arguments).exec()).with_context(|| format!("run {program}"))
}

/// Watches the process from the moment at which it becomes the program until it ends; the functions that were entered.
pub(super) fn watch(process: pid_t, entries: Vec<u64>) -> Result<BTreeSet<u64>> {
    let options =
        libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACEVFORK | libc::PTRACE_O_TRACEEXEC;
    trace(libc::PTRACE_SEIZE, process, options as usize).context("trace the program")?;
    // It waits for this line, and stops when it becomes the program.
    writeln!(io::stdout(), "watching")?;
    io::stdout().flush()?;
    let mut text = None;
    let mut entered = BTreeSet::new();
    while let Some((thread, status)) = wait(-1)? {
        if !libc::WIFSTOPPED(status) {
            if thread == process {
                break;
            }
            continue;
        }
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        let mut deliver = 0;
        match event {
            libc::PTRACE_EVENT_EXEC if thread == process && text.is_none() => {
                text = Some(Text::set_traps(process, &entries)?);
            }
            libc::PTRACE_EVENT_EXEC => {
                trace(libc::PTRACE_DETACH, thread, 0)?;
                continue;
            }
            libc::PTRACE_EVENT_FORK => {
                if let Some(text) = &text {
                    let child = message(thread)?;
                    wait(child)?;
                    text.restore(child)?;
                    trace(libc::PTRACE_DETACH, child, 0)?;
                }
            }
            0 if signal == libc::SIGTRAP => match &text {
                Some(text) => entered.extend(text.step_back(thread)?),
                None => deliver = signal,
            },
            0 => deliver = signal,
            _ => {}
        }
        // A thread may have been killed since it stopped, and then says so next.
        match trace(libc::PTRACE_CONT, thread, deliver as usize) {
            Err(error) if error.raw_os_error() != Some(libc::ESRCH) => return Err(error).context("go on"),
            _ => {}
        }
    }
    Ok(entered)
}

/// The program's text in memory, with a trap at each function that has not been entered.
struct Text {
    memory: File,
    /// Where the program was loaded.
    base: u64,
    /// Where in it the copy begins.
    start: u64,
    /// The text as it is without traps.
    original: Vec<u8>,
    entries: Vec<u64>,
}

impl Text {
    fn set_traps(process: pid_t, entries: &[u64]) -> Result<Self> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            bail!("the program has no functions");
        };
        let base = load_address(process)?;
        let start = first & !(PAGE - 1);
        let end = (last & !(PAGE - 1)) + PAGE;
        let memory = memory(process)?;
        let mut original = vec![0; usize::try_from(end - start)?];
        memory
            .read_exact_at(&mut original, base + start)
            .context("read the program's text")?;
        let mut trapped = original.clone();
        for entry in entries {
            trapped[usize::try_from(entry - start)?] = TRAP;
        }
        memory.write_all_at(&trapped, base + start).context("set traps")?;
        Ok(Self {
            memory,
            base,
            start,
            original,
            entries: entries.to_vec(),
        })
    }

    /// Gives a fork of the program its text back.
    fn restore(&self, process: pid_t) -> Result<()> {
        memory(process)?
            .write_all_at(&self.original, self.base + self.start)
            .context("take traps away")
    }

    /// Takes the trap away at which the thread has stopped, which then goes on there; the function, if it was one.
    fn step_back(&self, thread: pid_t) -> Result<Option<u64>> {
        // SAFETY: the structure is plain numbers, for which zero is a value.
        let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        trace_with(libc::PTRACE_GETREGS, thread, (&raw mut registers).cast()).context("read registers")?;
        let entry = (registers.rip - 1).wrapping_sub(self.base);
        if self.entries.binary_search(&entry).is_err() {
            return Ok(None);
        }
        let first = self.original[usize::try_from(entry - self.start)?];
        self.memory
            .write_all_at(&[first], self.base + entry)
            .context("take a trap away")?;
        registers.rip -= 1;
        trace_with(libc::PTRACE_SETREGS, thread, (&raw mut registers).cast()).context("write registers")?;
        Ok(Some(entry))
    }
}

fn memory(process: pid_t) -> Result<File> {
    let path = format!("/proc/{process}/mem");
    File::options()
        .read(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("open {path}"))
}

/// Where the process has its program.
fn load_address(process: pid_t) -> Result<u64> {
    let vector = fs::read(format!("/proc/{process}/auxv")).context("read the auxiliary vector")?;
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let headers = vector
        .chunks_exact(16)
        .find(|entry| number(&entry[..8]) == PROGRAM_HEADERS);
    Ok(number(&headers.context("the program has no headers")?[8..]) - HEADERS_BEHIND_START)
}

/// Waits for a thread to stop or end; `None` when there is none left.
fn wait(thread: pid_t) -> Result<Option<(pid_t, c_int)>> {
    let mut status = 0;
    // SAFETY: the call writes the status, which outlives it.
    let changed = unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) };
    match changed {
        -1 if io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD) => Ok(None),
        -1 => Err(io::Error::last_os_error()).context("wait for the program"),
        thread => Ok(Some((thread, status))),
    }
}

/// What an event says beside itself: the new process.
fn message(thread: pid_t) -> Result<pid_t> {
    let mut process: libc::c_ulong = 0;
    trace_with(libc::PTRACE_GETEVENTMSG, thread, (&raw mut process).cast()).context("ask for the new process")?;
    Ok(pid_t::try_from(process)?)
}

fn trace(request: libc::c_uint, thread: pid_t, data: usize) -> io::Result<()> {
    trace_with(request, thread, data as *mut c_void)
}

fn trace_with(request: libc::c_uint, thread: pid_t, data: *mut c_void) -> io::Result<()> {
    // SAFETY: the data is a number, or what this request reads or writes and the caller holds.
    match unsafe { libc::ptrace(request, thread, std::ptr::null_mut::<c_void>(), data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
