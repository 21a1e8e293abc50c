//! `namens clients`: portals that are added by command. Those of the configuration file stand there.

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    By,
    client_registration::{self, Invite},
    word,
};
use crate::{
    app,
    config::{Config, client::read_jwks},
    domain::{
        api::AdminScope,
        assurance::Level,
        client::{AuthMethod, Client, KeyEncryption, Registration},
        client_registration::Wishes,
        fault::Fault,
        jwk::JwkSet,
        key::Algorithm,
        line::Operator,
        mtls::CertificateName,
        policy::Policy,
        scope::Scope,
        secret::Secret,
        time::Timestamp,
    },
    flows::{
        admin_clients::as_json,
        client_secret::{self, NewSecret, renew},
    },
    store::Store,
};

/// The portals that people log in to
#[derive(Debug, Args)]
pub struct ClientsCommand {
    #[command(subcommand)]
    act: Act,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Add a client. Its secret is made here and shown once
    Add(Box<Add>),
    /// List the clients of the configuration and those that were added
    List,
    /// Show one client
    Show {
        /// Its `client_id`
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Remove a client that was added: it can get no token any more
    Remove {
        /// Its `client_id`
        #[arg(allow_hyphen_values = true)]
        id: String,
        #[command(flatten)]
        by: By,
    },
    /// Give a client that was added a new secret. It is shown once
    Secret {
        /// Its `client_id`
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// For how many seconds the secret of before goes on to work, up to thirty days; 0 ends it at once
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..=client_secret::LONGEST))]
        keep_old_seconds: i64,
        #[command(flatten)]
        by: By,
    },
    /// Make an initial access token, with which clients register themselves. It is shown once
    Invite(Box<Invite>),
    /// List the initial access tokens: what they fix, and how often they were used
    Invitations,
    /// End an initial access token. Its clients stay
    Uninvite {
        /// The invitation
        #[arg(allow_hyphen_values = true)]
        id: String,
        #[command(flatten)]
        by: By,
    },
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
struct Add {
    /// Its `client_id`
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// What pages call it
    #[arg(long)]
    name: String,
    /// By which rules it lives: nlgov, basic or fapi2
    #[arg(long, default_value = "nlgov", value_parser = word::<Policy>)]
    policy: Policy,
    /// Where answers may go; may be given more than once
    #[arg(long = "redirect-uri", value_name = "URL", required_unless_present_any = ["service_scopes", "serves"])]
    redirect_uris: Vec<String>,
    /// Where the browser may go after signing out; may be given more than once
    #[arg(long = "post-logout-redirect-uri", value_name = "URL")]
    post_logout_redirect_uris: Vec<String>,
    /// Where it hears that a session ended
    #[arg(long, value_name = "URL")]
    backchannel_logout_uri: Option<String>,
    /// Where it says what it does with what it knows: pages lead there
    #[arg(long, value_name = "URL")]
    policy_uri: Option<String>,
    /// Where its terms of service are: pages lead there
    #[arg(long, value_name = "URL")]
    tos_uri: Option<String>,
    /// How it proves who it is: none, `client_secret_basic`, `client_secret_post`, `private_key_jwt`, `tls_client_auth` or
    /// `self_signed_tls_client_auth`
    #[arg(long, default_value = "private_key_jwt", value_parser = word::<AuthMethod>)]
    auth: AuthMethod,
    /// A file with its JSON Web Key Set, for `private_key_jwt`, `self_signed_tls_client_auth` and what is encrypted to it
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Where it tells that set, instead of a file
    #[arg(long, value_name = "URL", conflicts_with = "jwks")]
    jwks_uri: Option<String>,
    /// The name of its certificate, for `tls_client_auth`: `subject_dn`, `san_dns`, `san_uri`, `san_ip` or `san_email`, `=`, and the name
    #[arg(long, value_name = "KIND=NAME")]
    certificate_name: Option<CertificateName>,
    /// Bind its tokens to the certificate that it shows
    #[arg(long)]
    certificate_bound_tokens: bool,
    /// What it may ask for, beside `openid`: `profile`, `email`, `address`, `phone`, `act_as`, `offline_access`; may be given more than once
    #[arg(long = "scope", value_name = "SCOPE", value_parser = word::<Scope>)]
    scopes: Vec<Scope>,
    /// An API for which its users' access tokens may be; may be given more than once
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// An API that it is itself: it may ask what tokens for it are worth; may be given more than once
    #[arg(long, value_name = "URI")]
    serves: Vec<String>,
    /// What a program may do at the admin API: clients, accounts, mandates, keys, audit; may be given more than once
    #[arg(long = "service-scope", value_name = "SCOPE", value_parser = word::<AdminScope>)]
    service_scopes: Vec<AdminScope>,
    /// The sector it shares pairwise subjects with; its redirect host when left out
    #[arg(long, conflicts_with = "public_subjects")]
    sector: Option<String>,
    /// Give it the same subjects as every other client that has this
    #[arg(long)]
    public_subjects: bool,
    /// How its ID tokens are signed: RS256, PS256, ES256 or `EdDSA`; RS256 when left out, and PS256 under the policy fapi2
    #[arg(long, value_name = "ALG", value_parser = word::<Algorithm>)]
    id_token_alg: Option<Algorithm>,
    /// How signed answers to its authorization requests are signed; as its ID tokens when left out
    #[arg(long, value_name = "ALG", value_parser = word::<Algorithm>)]
    authorization_signed_response_alg: Option<Algorithm>,
    /// It signs each of its authorization requests: others are refused
    #[arg(long)]
    require_signed_request_object: bool,
    /// The level below which nobody logs in to it: local, midden, substantieel or hoog
    #[arg(long, value_name = "LEVEL", default_value = "local", value_parser = word::<Level>)]
    minimum_level: Level,
    /// It may know how a representative is related to the person
    #[arg(long)]
    sees_relation: bool,
    /// How `UserInfo` is signed for it: RS256, PS256, ES256 or `EdDSA`; in plain JSON when left out
    #[arg(long, value_name = "ALG", value_parser = word::<Algorithm>)]
    userinfo_signed_response_alg: Option<Algorithm>,
    /// How a signed `UserInfo` is encrypted to its RSA key in `--jwks`: RSA-OAEP-256
    #[arg(long, value_name = "ALG", value_parser = word::<KeyEncryption>)]
    userinfo_encrypted_response_alg: Option<KeyEncryption>,
    /// It is somebody else's: users must agree to what it may know
    #[arg(long)]
    third_party: bool,
    #[command(flatten)]
    by: By,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum NotDone {
    #[error("there is no client {0}: see `namens clients list`")]
    Unknown(String),
    #[error("client {0} stands in the configuration: change it there")]
    Configured(String),
    #[error("there is a client {0} already: remove it first, or choose another id")]
    Taken(String),
}

impl ClientsCommand {
    /// Runs the command and writes its answer to `out`.
    pub async fn run(
        self,
        config: &Config,
        store: &Store,
        out: &mut impl Write,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let configured = app::clients(config)?;
        match self.act {
            Act::Add(add) => {
                if configured.contains_key(&add.id) {
                    return Err(NotDone::Configured(add.id).into());
                }
                let by = add.by.name()?;
                let (client, secret) = add.read()?;
                config.check_added(&client)?;
                if !store.add_client(&client, Some(Operator::Staff(&by)), now).await? {
                    return Err(NotDone::Taken(client.id).into());
                }
                added(out, self.json, &client, secret.as_ref())
            }
            Act::List => {
                let mut clients: Vec<(Client, bool)> =
                    configured.into_values().map(|client| (client, true)).collect();
                clients.sort_by(|a, b| a.0.id.cmp(&b.0.id));
                clients.extend(store.clients().await?.into_iter().map(|client| (client, false)));
                list(out, self.json, &clients)
            }
            Act::Show { id } => {
                let (client, configured) = match configured.get(&id) {
                    Some(client) => (client.clone(), true),
                    None => (store.client(&id).await?.ok_or(NotDone::Unknown(id))?, false),
                };
                show(out, self.json, &client, configured)
            }
            Act::Secret { id, keep_old_seconds, by } => {
                let by = by.name()?;
                let found = store.client_to_change(&id).await?;
                let found = match found.filter(|_| !configured.contains_key(&id)) {
                    Some(found) => found,
                    None if configured.contains_key(&id) => return Err(NotDone::Configured(id).into()),
                    None => return Err(NotDone::Unknown(id).into()),
                };
                let by = Some(Operator::Staff(&by));
                renewed(out, self.json, &id, &renew(store, found, keep_old_seconds, by, now).await?)
            }
            Act::Invite(invite) => invite.run(config, store, (out, self.json), now).await,
            Act::Invitations => client_registration::list(store, (out, self.json), now).await,
            Act::Uninvite { id, by } => {
                client_registration::end(id, &by.name()?, store, (out, self.json), now).await
            }
            Act::Remove { id, by } => {
                let by = by.name()?;
                if !store.remove_client(&id, None, Some(Operator::Staff(&by)), now).await? {
                    let known = configured.contains_key(&id);
                    return Err(if known { NotDone::Configured(id) } else { NotDone::Unknown(id) }.into());
                }
                if self.json {
                    writeln!(out, "{}", json!({ "removed": id }))?;
                } else {
                    writeln!(out, "Client {id} is removed.")?;
                }
                Ok(())
            }
        }
    }
}

impl Add {
    /// The checked client and, where it needs one, its new secret.
    fn read(self) -> Result<(Client, Option<Secret>), Fault> {
        let told = Registration::<JwkSet> {
            policy: Some(self.policy),
            auth: Some(self.auth),
            jwks_uri: self.jwks_uri,
            sector: self.sector,
            public_subjects: self.public_subjects.then_some(true),
            id_token_alg: self.id_token_alg,
            minimum_level: Some(self.minimum_level),
            userinfo_signed_response_alg: self.userinfo_signed_response_alg,
            userinfo_encrypted_response_alg: self.userinfo_encrypted_response_alg,
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            backchannel_logout_uri: self.backchannel_logout_uri,
            policy_uri: self.policy_uri,
            tos_uri: self.tos_uri,
            certificate_name: self.certificate_name,
            certificate_bound_tokens: self.certificate_bound_tokens,
            scopes: self.scopes.into_iter().collect(),
            resources: self.resources,
            serves: self.serves,
            service_scopes: self.service_scopes.into_iter().collect(),
            authorization_signed_response_alg: self.authorization_signed_response_alg,
            require_signed_request_object: self.require_signed_request_object,
            sees_relation: self.sees_relation,
            third_party: self.third_party,
            ..Registration::new(self.id, self.name)
        };
        let (auth, secret) = told.method().after(None);
        let jwks = self.jwks.as_deref().map(|path| read_jwks("--jwks", path)).transpose()?;
        let client = told.with_openid().client(auth, jwks, Wishes::default())?;
        Ok((client, secret))
    }
}

/// Tells of the new client and, this one time, its secret.
fn added(out: &mut impl Write, json: bool, client: &Client, secret: Option<&Secret>) -> Result<(), Fault> {
    if json {
        let mut answer = as_json(client, false);
        if let (Value::Object(members), Some(secret)) = (&mut answer, secret) {
            members.insert("client_secret".to_owned(), json!(secret.expose()));
        }
        writeln!(out, "{answer:#}")?;
        return Ok(());
    }
    show(out, false, client, false)?;
    if let Some(secret) = secret {
        writeln!(out, "secret          {}", secret.expose())?;
        writeln!(out, "\nKeep the secret now: only its hash is stored, and it is never shown again.")?;
    }
    Ok(())
}

/// Tells, this one time, of a new secret.
fn renewed(out: &mut impl Write, json: bool, id: &str, new: &NewSecret) -> Result<(), Fault> {
    let old_ends = new.old_ends.map(Timestamp::rfc3339);
    if json {
        let told =
            json!({ "client_id": id, "client_secret": new.secret.expose(), "old_secret_ends": old_ends });
        writeln!(out, "{told:#}")?;
        return Ok(());
    }
    writeln!(out, "secret          {}", new.secret.expose())?;
    match old_ends {
        Some(ends) => writeln!(out, "\nThe secret of before works until {ends}.")?,
        None => writeln!(out, "\nThe secret of before works no more.")?,
    }
    writeln!(out, "Keep the new one now: only its hash is stored, and it is never shown again.")?;
    Ok(())
}

fn place(configured: bool) -> &'static str {
    if configured { "configuration" } else { "store" }
}

fn list(out: &mut impl Write, json: bool, clients: &[(Client, bool)]) -> Result<(), Fault> {
    if json {
        let all: Value = clients.iter().map(|(client, configured)| as_json(client, *configured)).collect();
        writeln!(out, "{all:#}")?;
        return Ok(());
    }
    writeln!(out, "{:24}  {:19}  {:13}  NAME", "CLIENT", "AUTH", "STANDS IN")?;
    for (client, configured) in clients {
        let (auth, place) = (client.auth.method().as_str(), place(*configured));
        writeln!(out, "{:24}  {auth:19}  {place:13}  {}", client.id, client.name)?;
    }
    Ok(())
}

fn show(out: &mut impl Write, json: bool, client: &Client, configured: bool) -> Result<(), Fault> {
    if json {
        writeln!(out, "{:#}", as_json(client, configured))?;
        return Ok(());
    }
    writeln!(out, "client_id       {}", client.id)?;
    writeln!(out, "name            {}", client.name)?;
    writeln!(out, "policy          {}", client.policy)?;
    for uri in &client.redirect_uris {
        writeln!(out, "redirect uri    {uri}")?;
    }
    for uri in &client.post_logout_redirect_uris {
        writeln!(out, "after sign-out  {uri}")?;
    }
    if let Some(uri) = &client.backchannel_logout_uri {
        writeln!(out, "hears of ends   {uri}")?;
    }
    if let Some(uri) = &client.policy_uri {
        writeln!(out, "its policy      {uri}")?;
    }
    if let Some(uri) = &client.tos_uri {
        writeln!(out, "its terms       {uri}")?;
    }
    writeln!(out, "auth            {}", client.auth.method())?;
    if let Some(uri) = client.keys.uri() {
        writeln!(out, "tells keys at   {uri}")?;
    }
    if let Some(name) = &client.certificate_name {
        writeln!(out, "certificate     {name}")?;
    }
    if client.certificate_bound_tokens {
        writeln!(out, "tokens          bound to its certificate")?;
    }
    writeln!(out, "scopes          {}", client.scopes)?;
    for uri in &client.resources {
        writeln!(out, "tokens for      {uri}")?;
    }
    for uri in &client.serves {
        writeln!(out, "is the API      {uri}")?;
    }
    if !client.service_scopes.is_empty() {
        writeln!(out, "admin API       {}", client.service_scopes)?;
    }
    writeln!(out, "sector          {}", client.sector)?;
    writeln!(out, "ID tokens       {}", client.id_token_alg.name())?;
    if client.require_signed_request_object {
        writeln!(out, "requests        signed")?;
    }
    let level = client.minimum_level;
    writeln!(out, "minimum level   {} ({})", level.word(), level.acr())?;
    writeln!(out, "sees relation   {}", if client.sees_relation { "yes" } else { "no" })?;
    if client.sees_bsn {
        writeln!(out, "sees BSN        yes")?;
    }
    if let Some(alg) = client.userinfo.signed() {
        let encrypted = client.userinfo.encrypted().map_or("", KeyEncryption::as_str);
        writeln!(out, "UserInfo        {} {encrypted}", alg.name())?;
    }
    writeln!(out, "third party     {}", if client.third_party { "yes" } else { "no" })?;
    writeln!(out, "stands in       {}", place(configured))?;
    Ok(())
}
