//! A program of the operator's adds, changes and removes clients while the server runs. Those of the configuration stand there.

use std::{collections::BTreeMap, fmt::Display};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    config::client::AuthMethod,
    domain::{
        api::AdminScopes,
        assurance::Level,
        client::{Client, ClientAuth, KeyEncryption},
        fault::Fault,
        jwk::JwkSet,
        key::Algorithm,
        line::one_line,
        mtls::CertificateName,
        policy::Policy,
        scope::{Scope, Scopes},
        secret::Secret,
        time::Timestamp,
    },
};

/// A client as a program describes it. What is left out is the safe choice, as with `namens clients add`. It has no secret: that is
/// made here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each member is that of Client with the same name")]
pub struct Registration {
    pub client_id: String,
    pub name: String,
    pub policy: Option<Policy>,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    pub backchannel_logout_uri: Option<String>,
    pub auth: Option<AuthMethod>,
    pub jwks: Option<JwkSet>,
    pub jwks_uri: Option<String>,
    pub certificate_name: Option<CertificateName>,
    #[serde(default)]
    pub certificate_bound_tokens: bool,
    #[serde(default)]
    pub scopes: Scopes,
    #[serde(default)]
    pub resources: Vec<String>,
    #[serde(default)]
    pub serves: Vec<String>,
    #[serde(default)]
    pub service_scopes: AdminScopes,
    pub sector: Option<String>,
    pub id_token_alg: Option<Algorithm>,
    pub authorization_signed_response_alg: Option<Algorithm>,
    pub minimum_level: Option<Level>,
    #[serde(default)]
    pub sees_relation: bool,
    pub userinfo_signed_response_alg: Option<Algorithm>,
    pub userinfo_encrypted_response_alg: Option<KeyEncryption>,
    #[serde(default)]
    pub third_party: bool,
}

/// Why nothing was done.
#[derive(Debug)]
pub enum NotDone {
    /// There is no such client.
    Unknown,
    /// It stands in the configuration.
    Configured,
    /// The id is taken.
    Taken,
    /// Somebody else changed it in between.
    Changed,
    /// It proves who it is without a secret.
    NoSecret,
    /// It may do at the admin API, or is to, what the caller itself may not.
    TooPowerful,
    /// What is wrong with the registration.
    Bad(String),
    /// Ours.
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for NotDone {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

fn bad(why: impl Display) -> NotDone {
    NotDone::Bad(why.to_string())
}

/// A client that was added or replaced, and the secret that was made for it: told this one time.
pub type Written = (Client, Option<Secret>);

impl Registration {
    /// The client, where `kept` is how it was before: who needs a secret and has one keeps it, and what it wishes of its own
    /// requests stays.
    fn read(self, kept: Option<&Client>) -> Result<Written, NotDone> {
        let before = match kept.map(|client| &client.auth) {
            Some(ClientAuth::ClientSecretBasic(hash) | ClientAuth::ClientSecretPost(hash)) => {
                Some(hash.clone())
            }
            _ => None,
        };
        let fresh = before.is_none().then(|| Secret::token("nms_cs_"));
        let hash = || {
            let made = || fresh.as_ref().map(|secret| secret.hashed().into());
            before.clone().or_else(made).ok_or(NotDone::Unknown)
        };
        let auth = match self.auth.unwrap_or(AuthMethod::PrivateKeyJwt) {
            AuthMethod::None => ClientAuth::None,
            AuthMethod::PrivateKeyJwt => ClientAuth::PrivateKeyJwt,
            AuthMethod::TlsClientAuth => ClientAuth::TlsClientAuth,
            AuthMethod::SelfSignedTlsClientAuth => ClientAuth::SelfSignedTlsClientAuth,
            AuthMethod::ClientSecretBasic => ClientAuth::ClientSecretBasic(hash()?),
            AuthMethod::ClientSecretPost => ClientAuth::ClientSecretPost(hash()?),
        };
        let needs = matches!(auth, ClientAuth::ClientSecretBasic(_) | ClientAuth::ClientSecretPost(_));
        let sector = match self.sector {
            Some(sector) => one_line(&sector).map_err(|why| bad(format_args!("sector: {why}")))?,
            None => Client::sector_of(&self.client_id, &self.redirect_uris).map_err(bad)?,
        };
        let mut scopes = self.scopes;
        if !self.redirect_uris.is_empty() {
            scopes.insert(Scope::Openid);
        }
        let client = Client {
            id: self.client_id,
            name: one_line(&self.name).map_err(|why| bad(format_args!("name: {why}")))?,
            policy: self.policy.unwrap_or(Policy::Nlgov),
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            backchannel_logout_uri: self.backchannel_logout_uri,
            auth,
            jwks: self.jwks,
            jwks_uri: self.jwks_uri,
            certificate_name: self.certificate_name,
            certificate_bound_tokens: self.certificate_bound_tokens,
            scopes,
            resources: self.resources,
            serves: self.serves,
            service_scopes: self.service_scopes,
            sector,
            id_token_alg: self.id_token_alg.unwrap_or(Algorithm::Rs256),
            authorization_signed_response_alg: self.authorization_signed_response_alg,
            minimum_level: self.minimum_level.unwrap_or(Level::Local),
            sees_relation: self.sees_relation,
            userinfo_signed_response_alg: self.userinfo_signed_response_alg,
            userinfo_encrypted_response_alg: self.userinfo_encrypted_response_alg,
            third_party: self.third_party,
            wishes: kept.map(|client| client.wishes.clone()).unwrap_or_default(),
        };
        client.check().map_err(bad)?;
        Ok((client, fresh.filter(|_| needs)))
    }
}

/// Everything but the hash of the secret. `configured` tells that it stands in the configuration.
pub fn as_json(client: &Client, configured: bool) -> Value {
    json!({
        "client_id": client.id,
        "name": client.name,
        "policy": client.policy,
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "backchannel_logout_uri": client.backchannel_logout_uri,
        "auth": client.auth.method(),
        "jwks": client.jwks,
        "certificate_name": client.certificate_name,
        "certificate_bound_tokens": client.certificate_bound_tokens,
        "jwks_uri": client.jwks_uri,
        "scopes": client.scopes,
        "resources": client.resources,
        "serves": client.serves,
        "service_scopes": client.service_scopes,
        "sector": client.sector,
        "id_token_alg": client.id_token_alg,
        "authorization_signed_response_alg": client.authorization_signed_response_alg,
        "minimum_level": client.minimum_level,
        "sees_relation": client.sees_relation,
        "userinfo_signed_response_alg": client.userinfo_signed_response_alg,
        "userinfo_encrypted_response_alg": client.userinfo_encrypted_response_alg,
        "third_party": client.third_party,
        "configured": configured,
    })
}

/// One page of clients by id, those of the configuration among them, behind the id `after`; whether there are more.
pub async fn page(app: &App, after: &str, limit: usize) -> Result<(Vec<(Client, bool)>, bool), Fault> {
    let stored = app.store.clients_after(after, i64::try_from(limit)?.saturating_add(1)).await?;
    let mut all: BTreeMap<String, (Client, bool)> =
        stored.into_iter().map(|client| (client.id.clone(), (client, false))).collect();
    let configured = app.configured().filter(|client| client.id.as_str() > after);
    // Where both have an id, that of the configuration is the one that counts.
    all.extend(configured.map(|client| (client.id.clone(), (client.clone(), true))));
    let more = all.len() > limit;
    Ok((all.into_values().take(limit).collect(), more))
}

/// One client, and whether it stands in the configuration.
pub async fn one(app: &App, id: &str) -> Result<(Client, bool), NotDone> {
    let client = app.client(id).await?.ok_or(NotDone::Unknown)?;
    let configured = is_configured(app, id);
    Ok((client, configured))
}

fn is_configured(app: &App, id: &str) -> bool {
    app.configured().any(|client| client.id == id)
}

/// Nobody gives away, takes over or removes what they may not do themselves: a program with the scope `clients` and no other would
/// else have all of them, by registering a second self.
fn check_power(caller: &Client, client: &Client) -> Result<(), NotDone> {
    if client.service_scopes.are_within(&caller.service_scopes) { Ok(()) } else { Err(NotDone::TooPowerful) }
}

/// Adds a client for `caller`.
pub async fn add(app: &App, caller: &Client, told: Registration, now: Timestamp) -> Result<Written, NotDone> {
    if is_configured(app, &told.client_id) {
        return Err(NotDone::Configured);
    }
    let (client, secret) = told.read(None)?;
    app.config.check_added(&client).map_err(bad)?;
    check_power(caller, &client)?;
    if app.store.admin_add_client(&client, &caller.id, now).await? {
        Ok((client, secret))
    } else {
        Err(NotDone::Taken)
    }
}

/// Puts what is told in the place of the client `id`, whole. It keeps its secret where it goes on to need one.
pub async fn replace(
    app: &App,
    caller: &Client,
    id: &str,
    told: Registration,
    now: Timestamp,
) -> Result<Written, NotDone> {
    if told.client_id != id {
        return Err(bad("client_id must be that of the address: a client cannot be renamed"));
    }
    let (before, read) = changeable(app, caller, id).await?;
    let (client, secret) = told.read(Some(&before))?;
    app.config.check_added(&client).map_err(bad)?;
    check_power(caller, &client)?;
    if app.store.admin_replace_client(&client, &read, &caller.id, now).await? {
        Ok((client, secret))
    } else {
        Err(NotDone::Changed)
    }
}

/// Removes the client `id`: it can get no token any more.
pub async fn remove(app: &App, caller: &Client, id: &str, now: Timestamp) -> Result<(), NotDone> {
    let (_, read) = changeable(app, caller, id).await?;
    let removed = app.store.admin_remove_client(id, &read, &caller.id, now).await?;
    if removed { Ok(()) } else { Err(NotDone::Changed) }
}

pub(super) async fn changeable(app: &App, caller: &Client, id: &str) -> Result<(Client, String), NotDone> {
    if is_configured(app, id) {
        return Err(NotDone::Configured);
    }
    let (client, read) = app.store.client_to_change(id).await?.ok_or(NotDone::Unknown)?;
    check_power(caller, &client)?;
    Ok((client, read))
}
