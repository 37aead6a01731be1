//! Figures of Linux about processes and the machine.

use std::{fs, process::Command, thread};

use crate::console::Result;

/// Clock tick of `/proc` in microseconds, the same on every current Linux.
const TICK: u64 = 10_000;

/// Returns the CPU time of a process so far, in microseconds.
pub(crate) fn cpu_time(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    match (fields.get(11), fields.get(12)) {
        (Some(user), Some(system)) => Ok((user.parse::<u64>()? + system.parse::<u64>()?) * TICK),
        _ => Err(format!("/proc/{pid}/stat has an unknown form").into()),
    }
}

/// CPU time of PostgreSQL so far: of sessions in databases whose names begin with `databases`, and
/// of processes that serve all databases.
pub(crate) fn postgres_cpu_time(databases: &str) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse() else {
            continue;
        };
        if fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "postgres\n")
            && !serves_others(
                &fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default(),
                databases,
            )
        {
            // The process may have ended.
            sum += cpu_time(pid).unwrap_or_default();
        }
    }
    Ok(sum)
}

/// True for a session in another database. Titles of sessions name the client.
fn serves_others(title: &[u8], databases: &str) -> bool {
    let title = String::from_utf8_lossy(title);
    let session = title.contains('(') || title.contains("[local]");
    session && !title.contains(databases)
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

/// Returns the number of cores.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// Returns the cores of the server and those of wrk; `None` if there are fewer than 4.
pub(crate) fn halves() -> Option<(String, String)> {
    let cores = cores();
    let half = cores / 2;
    (cores >= 4).then(|| (format!("0-{}", half - 1), format!("{half}-{}", cores - 1)))
}

/// Returns a command that runs on these cores only.
pub(crate) fn on_cores(cores: Option<&str>, program: impl AsRef<std::ffi::OsStr>) -> Command {
    match cores {
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", cores]).arg(program);
            command
        }
        None => Command::new(program),
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
        cores(),
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
