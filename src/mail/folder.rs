//! Mail as files: for a demo, a test, or a mail program that picks them up.

use std::{io, path::PathBuf};

use tokio::{fs, io::AsyncWriteExt};

use crate::domain::{id::random, time::Timestamp};

/// Writes `.eml` files that sort by time.
pub(super) struct Folder {
    /// Where.
    pub(super) path: PathBuf,
}

impl Folder {
    /// Writes a mail under a name that no reader sees before it is whole. `number` orders mails of one second.
    pub(super) async fn write(&self, at: Timestamp, number: u64, mail: &[u8]) -> io::Result<()> {
        let name = format!("{:012}-{number:06}-{}.eml", at.epoch(), random::<6>());
        let draft = self.path.join(format!(".{name}.part"));
        let written = write_new(&draft, mail).await;
        match written {
            Ok(()) => fs::rename(&draft, self.path.join(name)).await,
            Err(error) => {
                // The draft may not even exist; the first error is the one to tell.
                let _ = fs::remove_file(&draft).await;
                Err(error)
            }
        }
    }

    /// How many files there are. None when the folder cannot be read: `check` tells why.
    pub(super) fn count(&self) -> u64 {
        std::fs::read_dir(&self.path).map_or(0, |files| files.count() as u64)
    }

    /// Whether mail can be written: by writing some.
    pub(super) async fn check(&self) -> io::Result<()> {
        let trial = self.path.join(format!(".trial-{}.part", random::<6>()));
        write_new(&trial, b"").await?;
        fs::remove_file(trial).await
    }
}

/// A new file that only its owner can read: mails hold codes.
async fn write_new(path: &std::path::Path, mail: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(path).await?;
    file.write_all(mail).await?;
    file.flush().await
}
