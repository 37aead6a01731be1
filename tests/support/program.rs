//! The program itself, as a process of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// A running server process, killed when dropped.
pub struct Program {
    pub child: Child,
    pub url: String,
    log: Arc<Mutex<String>>,
}

impl Program {
    /// Starts `roster` with these arguments and variables. Waits until it serves.
    pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn(command(arguments, variables))
    }

    /// Starts this command. Waits until it serves.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        keep(log.clone(), BufReader::new(out));
        keep(log.clone(), BufReader::new(err));
        let start = Instant::now();
        let url = loop {
            let said = log.lock().unwrap().clone();
            let words = said
                .split_whitespace()
                .map(|word| word.trim_end_matches(','));
            let url = words
                .filter(|word| word.starts_with("http"))
                .find_map(|word| word.strip_suffix("/graphql"));
            if let Some(url) = url {
                break url.to_owned();
            }
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "it does not serve: {said}"
            );
            assert_eq!(child.try_wait().unwrap(), None, "it ended: {said}");
            thread::sleep(Duration::from_millis(20));
        };
        Self { child, url, log }
    }

    /// Starts `roster demo`: the lesson's data in a temporary database.
    pub fn demo(arguments: &[&str]) -> Self {
        Self::start(&[&["demo", "--port", "0"], arguments].concat(), &[])
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends a signal by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Returns the exit status; `None` if the process runs longer than this time.
    pub fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < within {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// The peak memory in bytes. Linux only.
    pub fn peak_memory(&self) -> Option<u64> {
        self.memory("VmHWM:")
    }

    /// The current memory in bytes. Linux only.
    pub fn memory_now(&self) -> Option<u64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .ok()
            .map(|kilobytes| kilobytes << 10)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Returns the command `roster` without the environment variables that it reads.
pub fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roster"));
    command.args(arguments);
    for name in [
        "DATABASE_URL",
        "PORT",
        "HOST",
        "JWT_SECRET",
        "RUST_LOG",
        "TRUSTED_DOCUMENTS",
    ] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command
}

pub fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .status();
    assert!(status.unwrap().success());
}

fn keep(log: Arc<Mutex<String>>, lines: impl BufRead + Send + 'static) {
    thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            log.lock().unwrap().push_str(&(line + "\n"));
        }
    });
}
