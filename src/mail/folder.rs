//! Mail as files: for a demo, a test, or a mail program that picks them up.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tokio::task::spawn_blocking;

use crate::domain::{id::random, time::Timestamp};

/// Writes `.eml` files that sort by time.
pub(super) struct Folder {
    /// Where.
    pub(super) path: PathBuf,
}

impl Folder {
    /// Writes a mail under a name that no reader sees before it is whole. `number` orders mails of one second.
    pub(super) async fn write(&self, at: Timestamp, number: u64, mail: Vec<u8>) -> io::Result<()> {
        let name = format!("{:012}-{number:06}-{}.eml", at.epoch(), random::<6>());
        let (draft, file) = (self.path.join(format!(".{name}.part")), self.path.join(name));
        // All steps on one thread: tokio's own file functions would change threads for each.
        off_the_async_threads(move || {
            let written = write_new(&draft, &mail).and_then(|()| fs::rename(&draft, file));
            if written.is_err() {
                // The draft may not even exist; the first error is the one to tell.
                let _ = fs::remove_file(&draft);
            }
            written
        })
        .await
    }

    /// How many files there are. None when the folder cannot be read: `check` tells why.
    pub(super) fn count(&self) -> u64 {
        fs::read_dir(&self.path).map_or(0, |files| files.count() as u64)
    }

    /// Whether mail can be written: by writing some.
    pub(super) async fn check(&self) -> io::Result<()> {
        let trial = self.path.join(format!(".trial-{}.part", random::<6>()));
        off_the_async_threads(move || {
            write_new(&trial, b"")?;
            fs::remove_file(trial)
        })
        .await
    }
}

async fn off_the_async_threads(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    spawn_blocking(work).await?
}

/// A new file that only its owner can read: mails hold codes.
fn write_new(path: &Path, mail: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(mail)
}
