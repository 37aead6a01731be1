//! Figures of Linux about processes and the machine.

use std::{ffi::OsStr, fs, os::unix::fs::MetadataExt, process::Command};

use crate::console::Result;

/// Clock tick of `/proc` in microseconds, the same on every current Linux.
const TICK: u64 = 10_000;

/// Returns the CPU time of a process so far, in microseconds.
pub(crate) fn cpu_time(pid: u32) -> Result<u64> {
    Ok(cpu_times(pid)?.0)
}

/// Returns the CPU time of a process so far, and of its children that have ended, in microseconds.
fn cpu_times(pid: u32) -> Result<(u64, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let Some([user, system, user_of_children, system_of_children]) = fields.get(11..15) else {
        return Err(format!("/proc/{pid}/stat has an unknown form").into());
    };
    let sum = |user: &str, system: &str| -> Result<u64> {
        Ok((user.parse::<u64>()? + system.parse::<u64>()?) * TICK)
    };
    Ok((
        sum(user, system)?,
        sum(user_of_children, system_of_children)?,
    ))
}

/// CPU time of PostgreSQL so far: of sessions in databases whose names begin with `databases`, of processes
/// that serve all databases, and of all that have ended. At its end wrk hangs up in the middle of requests,
/// and the server then closes their sessions.
pub(crate) fn postgres_cpu_time(databases: &str) -> u64 {
    let own = postgres().filter(|(_, title)| !is_session(title) || title.contains(databases));
    // The process may have ended.
    own.filter_map(|(pid, _)| cpu_times(pid).ok())
        .map(|(own, ended)| own + ended)
        .sum()
}

/// Process ids of sessions in databases whose names begin with `databases`.
pub(crate) fn postgres_sessions(databases: &'static str) -> impl Iterator<Item = u32> {
    let own = postgres().filter(move |(_, title)| is_session(title) && title.contains(databases));
    own.map(|(pid, _)| pid)
}

/// Returns true if this process may pin PostgreSQL's to a core: those of its own user, and root's all.
pub(crate) fn may_pin_postgres() -> bool {
    let user = |pid: &str| fs::metadata(format!("/proc/{pid}")).map_or(u32::MAX, |of| of.uid());
    let own = user("self");
    own == 0 || postgres().all(|(pid, _)| user(&pid.to_string()) == own)
}

/// Processes of PostgreSQL with their titles, which name database and client in those of sessions.
fn postgres() -> impl Iterator<Item = (u32, String)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let process = entry.path();
        let name = fs::read_to_string(process.join("comm")).ok()?;
        let title = fs::read(process.join("cmdline")).ok()?;
        let pid = entry.file_name().to_string_lossy().parse().ok()?;
        let title = String::from_utf8_lossy(&title).into_owned();
        (name == "postgres\n").then_some((pid, title))
    })
}

fn is_session(title: &str) -> bool {
    title.contains('(') || title.contains("[local]")
}

/// Resets the peak that [`peak_memory`] returns.
pub(crate) fn reset_peak_memory(pid: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// Returns the peak memory of a process, in KiB.
pub(crate) fn peak_memory(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM:")
}

/// Returns the resident memory of a process, in KiB.
pub(crate) fn resident_memory(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, what: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(value(&status, what)
        .and_then(|value| value.split_whitespace().next())
        .ok_or("/proc shows no memory of the process")?
        .parse()?)
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

/// Returns the cores that this process may use.
fn cores() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ranges = value(&status, "Cpus_allowed_list:").unwrap_or("0").trim();
    let cores = ranges.split(',').flat_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let core = |text: &str| text.parse::<usize>().unwrap_or_default();
        core(first)..=core(last)
    });
    cores.map(|core| core.to_string()).collect()
}

/// Cores of the servers and of wrk, as taskset names them.
pub(crate) struct Placement {
    pub server: String,
    pub wrk: String,
}

impl Placement {
    /// One core for all with a single connection: waking an idle core costs more than a small
    /// request. Halves of the cores with more, or all for both of fewer than 4.
    pub(crate) fn of(connections: u64) -> Self {
        let cores = cores();
        let (server, wrk) = match cores.len() {
            count if connections == 1 => (&cores[count - 1..], &cores[count - 1..]),
            ..4 => (&cores[..], &cores[..]),
            count => cores.split_at(count / 2),
        };
        Self {
            server: server.join(","),
            wrk: wrk.join(","),
        }
    }
}

/// Returns a command that runs on these cores only.
pub(crate) fn on_cores(cores: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", cores]).arg(program);
    command
}

/// Moves a running process with all of its threads to these cores.
pub(crate) fn move_to(cores: &str, pid: u32) -> Result<()> {
    let pid = pid.to_string();
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", cores, &pid]);
    // A thread that ends in between is an error.
    let mut attempts = (0..10).map(|_| taskset.output());
    match attempts.any(|output| output.is_ok_and(|output| output.status.success())) {
        true => Ok(()),
        false => Err(format!("taskset cannot move process {pid} to cores {cores}").into()),
    }
}

/// Describes the machine in one line.
pub(crate) fn description() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu =
        value(&cpu, "model name").map_or("", |model| model.trim_start_matches([' ', '\t', ':']));
    let memory = read("/proc/meminfo");
    let memory = value(&memory, "MemTotal:").and_then(|value| value.split_whitespace().next());
    let memory: u64 = memory.and_then(|kib| kib.parse().ok()).unwrap_or_default();
    format!(
        "{cpu}, {} cores, {} GiB, Linux {}",
        cores().len(),
        (memory + (1 << 19)) >> 20,
        read("/proc/sys/kernel/osrelease").trim()
    )
}

/// Returns the output of a program, or `None` if it is missing.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}

/// Returns an error with the remedy if a program is missing.
pub(crate) fn need(program: &str) -> Result<()> {
    match Command::new(program).arg("--version").output() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "{program} is not installed: `apt-get install {program}`, or what your system has for it"
        )
        .into()),
    }
}
