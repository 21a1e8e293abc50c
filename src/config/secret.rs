//! Where a secret comes from: a file or an environment variable.

use std::{
    env::{self, VarError},
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::Error as _};
use toml::Value;

use super::BadConfig;
use crate::domain::secret::Secret;

/// `{ file = "…" }` or `{ env = "…" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The text of this file; its group and the world must not be able to read it.
    File(PathBuf),
    /// The value of this environment variable.
    Env(String),
}

/// By hand, because what serde derives would say a secret again that stands here itself.
impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written = Value::deserialize(from)?;
        let mut entries = written.as_table().into_iter().flatten();
        match (entries.next(), entries.next()) {
            (Some((key, Value::String(path))), None) if key == "file" => Ok(Self::File(path.into())),
            (Some((key, Value::String(name))), None) if key == "env" => Ok(Self::Env(name.clone())),
            _ => Err(D::Error::custom(
                "a secret never stands here itself: write { file = \"PATH\" } or { env = \"NAME\" }",
            )),
        }
    }
}

impl SecretSource {
    /// Reads the secret, without the space around it, and refuses an empty one. `line` is where the configuration names it, for the
    /// error.
    pub fn read(&self, line: &str, folder: &Path) -> Result<Secret, BadConfig> {
        let secret = self.text(line, folder)?;
        if secret.expose().is_empty() {
            let place = self.place(folder);
            return Err(BadConfig::Value(format!("{line}: {place} is empty: put the secret there")));
        }
        Ok(secret)
    }

    /// Where it stands, for an error.
    pub fn place(&self, folder: &Path) -> String {
        match self {
            Self::File(path) => folder.join(path).display().to_string(),
            Self::Env(name) => format!("the environment variable {name}"),
        }
    }

    /// The same as [`SecretSource::read`] for who says what to do about an empty file.
    pub fn text(&self, line: &str, folder: &Path) -> Result<Secret, BadConfig> {
        match self {
            Self::File(path) => {
                let path = folder.join(path);
                let named = |error: BadConfig| BadConfig::value(format_args!("{line}: {error}"));
                refuse_open_file(&path).map_err(named)?;
                let text = fs::read_to_string(&path).map_err(|error| named(unreadable(&path, &error)))?;
                Ok(Secret::new(text.trim()))
            }
            Self::Env(name) => read_env(name).map(Secret::new).map_err(|how| {
                BadConfig::Value(format!(
                    "{line}: the environment variable {name} is {how}: set it for the process that runs Namens (under systemd \
                     with EnvironmentFile=), or name a file: {{ file = \"PATH\" }}"
                ))
            }),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is src/config")]
fn read_env(name: &str) -> Result<String, &'static str> {
    match env::var(name) {
        Ok(text) if text.trim().is_empty() => Err("empty"),
        Ok(text) => Ok(text.trim().to_owned()),
        Err(VarError::NotPresent) => Err("not set"),
        Err(VarError::NotUnicode(_)) => Err("no text (UTF-8)"),
    }
}

fn unreadable(path: &Path, why: &io::Error) -> BadConfig {
    let path = path.display();
    BadConfig::value(format_args!(
        "cannot read the secret in {path}: {why}. Put it there, or configure where it is"
    ))
}

/// Refuses a file that others than its owner can read.
pub fn refuse_open_file(path: &Path) -> Result<(), BadConfig> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let meta = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if meta.permissions().mode() & 0o077 != 0 {
            let path = path.display();
            return Err(BadConfig::Value(format!("others can read {path}: run `chmod 600 {path}`")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_file_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(crate::domain::id::random::<8>());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("key"), " abc \n").unwrap();
        let source = SecretSource::File("key".into());
        fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(source.read("x", &folder).unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(source.read("x", &folder).unwrap().expose(), "abc");
        fs::write(folder.join("key"), " \n").unwrap();
        let empty = source.read("x", &folder).unwrap_err().to_string();
        assert!(empty.starts_with("x: ") && empty.contains("key is empty"), "{empty}");
        fs::remove_dir_all(folder).unwrap();
    }
}
