//! `[mail]`: SMTP, or a folder of `.eml` files.

use std::path::PathBuf;

use serde::Deserialize;

use super::{BadConfig, SecretSource};
use crate::domain::line::moves;

/// How mail leaves: exactly one of `folder` and `smtp`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The sender, `Name <address>`.
    pub from: String,
    /// Write each mail as a file here instead of sending it.
    pub folder: Option<PathBuf>,
    /// The mail server.
    pub smtp: Option<Smtp>,
}

/// `[mail.smtp]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Its name, as in its certificate.
    pub host: String,
    /// Its port; 587 for STARTTLS and 465 for TLS when left out.
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: SmtpTls,
    /// A certificate authority of its own, as a PEM file.
    pub ca: Option<PathBuf>,
    /// The user name, where the server asks for one.
    pub user: Option<String>,
    /// The password that goes with it.
    pub password: Option<SecretSource>,
}

/// How the connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Starts in the clear and demands STARTTLS (RFC 3207).
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Tls,
}

impl Mail {
    pub(super) fn check(&self) -> Result<(), BadConfig> {
        if self.folder.is_some() == self.smtp.is_some() {
            return Err(BadConfig::value("[mail]: give either folder or smtp, not both and not neither"));
        }
        // It becomes a header of each mail, and ends of lines make headers of their own (RFC 5322 section 2.2).
        if self.from.contains(moves) {
            return Err(BadConfig::value(
                "[mail]: write from on one line, as Name <address@example.nl>, without control characters",
            ));
        }
        match &self.smtp {
            Some(smtp) if smtp.user.is_some() != smtp.password.is_some() => {
                Err(BadConfig::value("[mail.smtp]: user and password go together"))
            }
            _ => Ok(()),
        }
    }
}
