//! A PostgreSQL server of one test.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// A running PostgreSQL server, which the test can stop, kill and freeze.
pub struct Postgres {
    directory: TempDir,
    bin: PathBuf,
    pub port: u16,
    /// User and group of the server, which does not run as root.
    user: Option<(u32, u32)>,
}

impl Postgres {
    /// Starts a server. Returns `None` where PostgreSQL is not installed or `TEST_DATABASE_URL` is not set.
    pub fn start() -> Option<Self> {
        std::env::var_os("TEST_DATABASE_URL")?;
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let bin = versions
            .filter_map(Result::ok)
            .map(|entry| entry.path().join("bin"))
            .max()?;
        let directory = tempfile::tempdir().unwrap();
        let user = is_root().then(|| (id("-u"), id("-g")));
        if let Some((user, group)) = user {
            chown(directory.path(), Some(user), Some(group)).unwrap();
        }
        // Below the ephemeral ports, so that no client takes the port while the server is down.
        static NUMBER: AtomicU16 = AtomicU16::new(0);
        let offset =
            || std::process::id() as u16 % 1_000 * 10 + NUMBER.fetch_add(1, Ordering::Relaxed);
        let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = std::iter::repeat_with(|| 20_000 + offset()).find(is_free)?;
        let postgres = Self {
            directory,
            bin,
            port,
            user,
        };
        let data = postgres.data();
        postgres.run(
            "initdb",
            &[
                "-D",
                &data,
                "-U",
                "roster",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "-N",
            ],
        );
        postgres.up();
        Some(postgres)
    }

    fn data(&self) -> String {
        self.directory.path().join("data").display().to_string()
    }

    pub fn url(&self) -> String {
        format!(
            "postgres://roster:hidden-password@127.0.0.1:{}/postgres",
            self.port
        )
    }

    pub fn up(&self) {
        let log = self.directory.path().join("log").display().to_string();
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=40",
            self.port
        );
        let data = self.data();
        let start = ["-D", &data, "-w", "-l", &log, "-o", &options, "start"];
        // The system may still be cleaning up after a server that was killed.
        for _ in 0..10 {
            if self.succeeds("pg_ctl", &start) {
                return;
            }
            thread::sleep(Duration::from_millis(300));
        }
        self.run("pg_ctl", &start);
    }

    pub fn down(&self, mode: &str) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", mode, "-w", "stop"]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let log = || fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        assert!(self.succeeds(program, arguments), "{program}: {}", log());
    }

    /// Runs a program in this directory as the user of the server, since PostgreSQL refuses root.
    pub fn as_its_user(&self, command: &mut Command, directory: &Path) {
        use std::os::unix::process::CommandExt;
        if let Some((user, group)) = self.user {
            chown(directory, Some(user), Some(group)).unwrap();
            command.uid(user).gid(group);
        }
    }

    fn succeeds(&self, program: &str, arguments: &[&str]) -> bool {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(self.bin.join(program));
        command
            .args(arguments)
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.status().unwrap().success()
    }

    /// The process ids of the server and its children.
    pub fn processes(&self) -> Vec<u32> {
        let pid = fs::read_to_string(Path::new(&self.data()).join("postmaster.pid")).unwrap();
        let parent: u32 = pid.lines().next().unwrap().parse().unwrap();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
            .unwrap_or_default();
        let children = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        [parent].into_iter().chain(children).collect()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if Path::new(&self.data()).join("postmaster.pid").exists() {
            for process in self.processes() {
                Command::new("kill")
                    .args(["-CONT", &process.to_string()])
                    .stderr(Stdio::null())
                    .status()
                    .ok();
            }
            let data = self.data();
            let mut command = Command::new(self.bin.join("pg_ctl"));
            command
                .args(["-D", &data, "-m", "immediate", "-w", "stop"])
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            if let Some((user, group)) = self.user {
                use std::os::unix::process::CommandExt;
                command.uid(user).gid(group).current_dir("/");
            }
            command.status().ok();
        }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn id(which: &str) -> u32 {
    let output = Command::new("id")
        .args([which, "postgres"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}
