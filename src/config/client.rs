//! `[[client]]`: a portal, as the operator writes it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{BadConfig, SecretSource};
use crate::domain::{
    client::{BadClient, Client, Registration},
    client_registration::Wishes,
    jwk::JwkSet,
};

/// The fewest bytes of a client's secret: 128 random bits in base64url (RFC 6749 section 10.10).
const LEAST: usize = 22;

/// One portal. Its keys are a file with its JSON Web Key Set, and its secret is in a file or in the environment.
pub type ClientEntry = Registration<PathBuf, SecretSource>;

impl ClientEntry {
    /// The checked client; its secret is read here and only its hash kept.
    pub fn read(&self, folder: &Path) -> Result<Client, BadConfig> {
        let line = format!("client {}: secret", self.id);
        let read = |source: &SecretSource| {
            let secret = source.read(&line, folder)?;
            if secret.expose().len() < LEAST {
                return Err(BadConfig::Value(format!(
                    "{line}: {} holds fewer than {LEAST} characters, which others guess: make one with `openssl rand -hex 32`, and \
                     give it to the portal too",
                    source.place(folder)
                )));
            }
            Ok(secret)
        };
        let secret = self.secret.as_ref().map(read).transpose()?;
        let auth = self.method().with(secret.map(|secret| secret.hashed()));
        let auth = auth.map_err(|why| BadConfig::value(BadClient { client: self.id.clone(), why }))?;
        let jwks = self.jwks.as_ref().map(|path| read_jwks("jwks", &folder.join(path))).transpose()?;
        self.clone().client(auth, jwks, Wishes::default()).map_err(BadConfig::value)
    }
}

/// The key set in a file; `named` is what names it, for the error.
pub fn read_jwks(named: &str, path: &Path) -> Result<JwkSet, BadConfig> {
    let wrong = |why: &dyn std::fmt::Display| {
        let path = path.display();
        BadConfig::value(format_args!(
            "{named}: cannot use {path}: {why}. Put the portal's JSON Web Key Set there"
        ))
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}
