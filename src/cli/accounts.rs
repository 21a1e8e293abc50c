//! `namens accounts`: what is on record about those who log in, beside their login.

use std::{
    fs,
    io::{Read, Write, stdin},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{By, word};
use crate::{
    domain::{
        client_consent::ClientConsent,
        email::Email,
        fault::Fault,
        profile::{Changes, Claim},
        time::Timestamp,
    },
    store::{Store, accounts::Account},
};

/// The most that is read of a file, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// What is on record about those who log in
#[derive(Debug, Args)]
pub struct AccountsCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Show or change what portals with the scopes `profile`, `address` and `phone` are told of an account's owner
    Profile {
        /// The account's e-mail address
        email: String,
        /// A file with claims in JSON, or - for standard input; null forgets one
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// One claim, such as `given_name=Anna` (others on this machine may see it: use a file for what is private)
        #[arg(long, value_name = "CLAIM=VALUE")]
        set: Vec<String>,
        /// Forget one claim
        #[arg(long, value_name = "CLAIM", value_parser = word::<Claim>)]
        forget: Vec<Claim>,
        #[command(flatten)]
        by: By,
    },
    /// List what an account's owner agreed that portals of others may know
    Consents {
        /// The account's e-mail address
        email: String,
        #[command(flatten)]
        by: By,
    },
    /// Take back what an account's owner agreed to for one portal, at their wish: what it was given ends at once
    Withdraw {
        /// The account's e-mail address
        email: String,
        /// The portal's `client_id`
        #[arg(allow_hyphen_values = true)]
        client: String,
        #[command(flatten)]
        by: By,
    },
}

/// What the operator asked that cannot be done. No value is repeated: it is about a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum NotDone {
    #[error("no account has this e-mail address")]
    Unknown,
    #[error("this account's owner agreed to nothing for this client: see `namens accounts consents`")]
    NoConsent,
    #[error("--set takes CLAIM=VALUE, with a claim of section 5.1 of OpenID Connect Core")]
    Set,
    #[error(
        "the file must be a JSON object of at most 64 KiB, whose members are claims of section 5.1 of OpenID Connect Core"
    )]
    File,
}

impl AccountsCommand {
    /// Runs the command and writes its answer, in JSON, to `out`.
    pub async fn run(self, store: &Store, out: &mut impl Write, now: Timestamp) -> Result<(), Fault> {
        match self.act {
            Act::Profile { email, file, set, forget, by } => {
                let by = by.name()?;
                let account = account(store, &email).await?;
                let mut changes = file.as_deref().map(from_file).transpose()?.unwrap_or_default();
                for text in &set {
                    let (claim, value) = text.split_once('=').ok_or(NotDone::Set)?;
                    let claim: Claim = claim.parse().map_err(|_| NotDone::Set)?;
                    changes.insert(claim, Some(of_text(claim, value)));
                }
                changes.extend(forget.into_iter().map(|claim| (claim, None)));
                let profile = if changes.is_empty() {
                    store.note_shown(&by, &account.person, None, now).await?;
                    store.profile(&account.id).await?
                } else {
                    store.change_profile(&account, &changes, &by, now).await?
                };
                writeln!(out, "{:#}", serde_json::to_value(profile)?)?;
            }
            Act::Consents { email, by } => {
                let by = by.name()?;
                let account = account(store, &email).await?;
                store.note_shown(&by, &account.person, None, now).await?;
                let given = store.client_consents(&account.id).await?;
                let all: Value = given.iter().map(as_json).collect();
                writeln!(out, "{all:#}")?;
            }
            Act::Withdraw { email, client, by } => {
                let by = by.name()?;
                let account = account(store, &email).await?;
                if !store.withdraw_client_consent(&account, &client, &by, now).await? {
                    return Err(NotDone::NoConsent.into());
                }
                writeln!(out, "{:#}", json!({ "withdrawn": client }))?;
            }
        }
        Ok(())
    }
}

fn as_json(consent: &ClientConsent) -> Value {
    json!({
        "client_id": consent.client_id,
        "host": consent.host,
        "scopes": consent.scope,
        "claims": consent.claims,
        "resources": consent.resources,
        "given": consent.given,
    })
}

async fn account(store: &Store, email: &str) -> Result<Account, Fault> {
    Ok(store.account_by_email(&Email::parse(email)?).await?.ok_or(NotDone::Unknown)?)
}

/// A value as it is typed: JSON where the claim is no text.
fn of_text(claim: Claim, value: &str) -> Value {
    let json = matches!(claim, Claim::Address | Claim::PhoneNumberVerified);
    let read = json.then(|| serde_json::from_str(value).ok()).flatten();
    read.unwrap_or_else(|| value.into())
}

fn from_file(path: &Path) -> Result<Changes, Fault> {
    let mut text = Zeroizing::new(Vec::new());
    let read = if path == Path::new("-") {
        stdin().take(MAX_FILE + 1).read_to_end(&mut text)?
    } else {
        fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut text)?
    };
    let fits = u64::try_from(read).is_ok_and(|read| read <= MAX_FILE);
    let members: Map<String, Value> =
        fits.then(|| serde_json::from_slice(&text).ok()).flatten().ok_or(NotDone::File)?;
    let change = |(name, value): (String, Value)| {
        let claim = name.parse::<Claim>().map_err(|_| NotDone::File)?;
        Ok((claim, Some(value).filter(|value| !value.is_null())))
    };
    Ok(members.into_iter().map(change).collect::<Result<_, NotDone>>()?)
}
