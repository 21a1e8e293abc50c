//! Another process: started on one core, watched through `/proc`.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    process::{self, Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::RequestBuilder;
use url::form_urlencoded;

/// A form as a browser posts it; the program itself posts none, so its HTTP client has no help with it.
pub fn form(post: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    post.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// An address for the server of that number: on an IP of this process's own, so that nobody else takes the port meanwhile.
pub fn address(number: u8) -> String {
    let [_, _, high, low] = process::id().to_be_bytes();
    let free = TcpListener::bind((Ipv4Addr::new(127, 100 + number, high, low), 0)).unwrap();
    free.local_addr().unwrap().to_string()
}

/// The core of the server, as taskset calls it: the first that this process may use. The load comes from another, if there
/// is one.
pub fn core() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    allowed.trim().split(['-', ',']).next().unwrap().to_owned()
}

/// A server under measurement.
pub struct Process {
    child: Child,
    /// What it said when it was ready.
    pub line: String,
    /// How long that took.
    pub start: Duration,
}

impl Process {
    /// Starts a command, on `cores` when given (a list for taskset), and waits for its first line.
    pub fn start(mut command: Command, cores: Option<&str>) -> Self {
        if let Some(cores) = cores {
            let mut pinned = Command::new("taskset");
            pinned.args(["-c", cores]).arg(command.get_program()).args(command.get_args());
            command = pinned;
        }
        let begin = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the server did not start");
        Self { child, line, start: begin.elapsed() }
    }

    /// Processor seconds used so far.
    pub fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        // utime and stime, in ticks of a hundredth of a second (proc(5)).
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    /// Resident memory in MB.
    pub fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
