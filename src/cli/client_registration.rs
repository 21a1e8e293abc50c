//! `namens clients invite` and its neighbours: initial access tokens, with which clients register themselves (RFC 7591).

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::{By, unnamed, word};
use crate::{
    config::Config,
    domain::{
        assurance::Level,
        client::Client,
        client_registration::{Invitation, Terms},
        fault::Fault,
        id::random,
        line::{Operator, one_line},
        policy::Policy,
        scope::Scope,
        secret::Secret,
        time::Timestamp,
    },
    oidc::path,
    store::Store,
};

#[derive(Debug, Args)]
pub(super) struct Invite {
    /// For whom it is
    name: String,
    /// By which rules its clients live: nlgov, basic or fapi2
    #[arg(long, default_value = "nlgov", value_parser = word::<Policy>)]
    policy: Policy,
    /// What they may ask for, beside `openid`; may be given more than once
    #[arg(long = "scope", value_name = "SCOPE", value_parser = word::<Scope>)]
    scopes: Vec<Scope>,
    /// The sector that all of them share pairwise subjects with; each chooses its own when left out
    #[arg(long, conflicts_with = "public_subjects")]
    sector: Option<String>,
    /// All of them have public subjects
    #[arg(long)]
    public_subjects: bool,
    /// The level below which nobody logs in to them: local, midden, substantieel or hoog
    #[arg(long, value_name = "LEVEL", default_value = "local", value_parser = word::<Level>)]
    minimum_level: Level,
    /// They are the provider's own: users are not asked what they may know
    #[arg(long)]
    own: bool,
    /// How many clients it is for
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=Invitation::MOST))]
    uses: i64,
    /// For how many days it is good
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(i64).range(1..=Invitation::LONGEST))]
    days: i64,
    #[command(flatten)]
    by: By,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum NotDone {
    #[error(
        "clients cannot register themselves here: put `registration = true` in the configuration, and start again"
    )]
    Closed,
    #[error("there is no invitation {0}, or it has ended: see `namens clients invitations`")]
    Unknown(String),
}

impl Invite {
    /// Makes the invitation, and shows its token this one time.
    pub(super) async fn run(
        self,
        config: &Config,
        store: &Store,
        (out, json): (&mut impl Write, bool),
        now: Timestamp,
    ) -> Result<(), Fault> {
        if !config.registration {
            return Err(NotDone::Closed.into());
        }
        let by = self.by.name()?;
        let terms = Terms {
            name: one_line(&self.name).map_err(unnamed)?,
            policy: self.policy,
            scopes: self.scopes.into_iter().chain([Scope::Openid]).collect(),
            sector: self.sector.or(self.public_subjects.then(|| Client::PUBLIC_SECTOR.to_owned())),
            minimum_level: self.minimum_level,
            third_party: !self.own,
        };
        let ends = now.plus(self.days.saturating_mul(86_400));
        let invitation = Invitation { id: random::<6>(), terms, uses: self.uses, used: 0, ends };
        let token = Secret::token("nms_iat_");
        store.add_invitation(&invitation, &token.hashed(), Operator::Staff(&by), now).await?;
        if json {
            let mut told = as_json(&invitation, now);
            if let Value::Object(members) = &mut told {
                members.insert("initial_access_token".to_owned(), token.expose().into());
            }
            writeln!(out, "{told:#}")?;
            return Ok(());
        }
        let Invitation { id, uses, .. } = &invitation;
        writeln!(out, "invitation           {id}")?;
        writeln!(out, "initial access token {}", token.expose())?;
        writeln!(out, "register at          {}", config.endpoint(path::REGISTER))?;
        writeln!(out, "good for             {uses} client(s), until {}", ends.rfc3339())?;
        writeln!(out, "\nKeep the token now: only its hash is stored, and it is never shown again.")?;
        Ok(())
    }
}

/// Lists the invitations.
pub(super) async fn list(
    store: &Store,
    (out, json): (&mut impl Write, bool),
    now: Timestamp,
) -> Result<(), Fault> {
    let all = store.invitations().await?;
    if json {
        let all: Value = all.iter().map(|one| as_json(one, now)).collect();
        writeln!(out, "{all:#}")?;
        return Ok(());
    }
    writeln!(out, "{:10}  {:6}  {:9}  {:20}  OPEN  FOR", "INVITATION", "POLICY", "USED", "ENDS")?;
    for one in &all {
        let (used, ends) = (format!("{} of {}", one.used, one.uses), one.ends.rfc3339());
        let open = if one.is_open(now) { "yes" } else { "no" };
        let (policy, name) = (one.terms.policy.as_str(), &one.terms.name);
        writeln!(out, "{:10}  {policy:6}  {used:9}  {ends:20}  {open:4}  {name}", one.id)?;
    }
    Ok(())
}

/// Takes an invitation back. The clients that came of it stay.
pub(super) async fn end(
    id: String,
    by: &str,
    store: &Store,
    (out, json): (&mut impl Write, bool),
    now: Timestamp,
) -> Result<(), Fault> {
    if !store.end_invitation(&id, Operator::Staff(by), now).await? {
        return Err(NotDone::Unknown(id).into());
    }
    if json {
        writeln!(out, "{}", json!({ "ended": id }))?;
    } else {
        writeln!(
            out,
            "Invitation {id} is worth nothing any more. Its clients stay: see `namens clients list`."
        )?;
    }
    Ok(())
}

fn as_json(one: &Invitation, now: Timestamp) -> Value {
    json!({
        "invitation": one.id,
        "name": one.terms.name,
        "policy": one.terms.policy,
        "scopes": one.terms.scopes,
        "sector": one.terms.sector,
        "minimum_level": one.terms.minimum_level,
        "third_party": one.terms.third_party,
        "uses": one.uses,
        "used": one.used,
        "ends": one.ends.rfc3339(),
        "open": one.is_open(now),
    })
}
