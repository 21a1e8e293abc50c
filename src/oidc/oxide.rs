//! The adapter to oxide-auth: its sans-IO state machines decide in which order an authorization code and a refresh token
//! are checked; clients, storage, time and answers stay ours. What must be known about them:
//!
//! * they know one clock, the system's, so a grant they see never ends for them: its end is checked here, against `now`;
//! * they compare redirect URIs after parsing, so the exact text is compared here first;
//! * they answer `invalid_request` for an unknown code, where RFC 6749 section 5.2 wants `invalid_grant`;
//! * clients are authenticated before they are asked, by `client_auth`.

mod refused;
mod requests;

use std::{borrow::Cow, collections::BTreeMap};

use oxide_auth::{
    code_grant::{
        accesstoken::{self, AccessToken},
        authorization::{self, Authorization},
        extensions::Pkce,
        refresh::{self, Refresh},
    },
    primitives::{
        grant::{Extensions, Grant as OxideGrant, GrantExtension, Value},
        registrar::{BoundClient, ExactUrl, PreGrant, RegisteredUrl},
        scope::Scope as OxideScope,
    },
};
use serde::{Deserialize, Serialize};

pub use self::refused::{BAD_CODE, BAD_REFRESH};
use self::{
    refused::{BAD_VERIFIER, NO_REDIRECT_URI, refused, surprise, worded},
    requests::{AuthorizationRequest, TokenRequest},
};
use super::{
    authorize::is_pkce_text,
    error::{Code, Error},
    params::Params,
};
use crate::{
    domain::{
        ask::Ask,
        assurance::Level,
        client::Client,
        fault::Fault,
        grant::Grant,
        id::{AccountId, PersonId, SessionId},
        profile::Claims,
        scope::{Scope, Scopes},
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    store::{Store, ephemeral::New},
};

/// How long an authorization code lives, in seconds.
pub const CODE_LIFE: i64 = 60;
/// What a code begins with.
const CODE_PREFIX: &str = "nms_ac_";

/// What the login proved, carried from code to token as a private extension of the grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// The account that was opened.
    pub account: AccountId,
    /// Whose it is.
    pub person: PersonId,
    /// The session it was opened in.
    pub sid: SessionId,
    /// What the proofs are worth.
    pub level: Level,
    /// When they were given.
    pub auth_time: Timestamp,
    /// When the session ends in any case.
    pub session_ends: Timestamp,
    /// What the authorization request brought for the ID token.
    pub nonce: Option<String>,
    /// The thumbprint of the key that must be shown for the code (RFC 9449 section 10).
    #[serde(default)]
    pub dpop_jkt: Option<String>,
    /// The APIs for which access tokens were asked (RFC 8707 section 2.1).
    #[serde(default)]
    pub resources: Vec<String>,
    /// For whom, where the request said so (`act_as`).
    #[serde(default)]
    pub chosen: Option<PersonId>,
    /// Whether the first ID token tells `amr` (the `claims` parameter, OpenID Connect Core, section 5.5).
    #[serde(default)]
    pub amr: bool,
    /// Whether `UserInfo` tells BSNs (the same parameter).
    #[serde(default)]
    pub bsn: bool,
    /// Whether nothing but a level of DigiD will do (`acr` as an essential claim, section 5.5.1.1).
    #[serde(default)]
    pub needs_digid: bool,
    /// The claims that the first ID token tells too (OpenID Connect Core, section 5.5).
    #[serde(default)]
    pub in_id_token: Claims,
    /// The single claims that `UserInfo` tells beside those of the scopes (the same section).
    #[serde(default)]
    pub in_userinfo: Claims,
}

/// A grant as oxide-auth sees it, in a form that can be kept (its own cannot), sealed under the code's hash.
#[derive(Serialize, Deserialize)]
struct Stored {
    client_id: String,
    redirect_uri: String,
    scope: String,
    private: BTreeMap<String, String>,
}

/// What a code is good for, after every check but one: whether it is spent, which only a write can tell.
#[derive(Debug)]
pub struct CodeGrant {
    /// What the login proved.
    pub proven: Proven,
    /// What was granted.
    pub scope: Scopes,
    /// Where the code went.
    pub redirect_uri: String,
    /// The code.
    pub code: Secret,
}

/// Names our private extension.
struct ProvenExtension;

impl GrantExtension for ProvenExtension {
    fn identifier(&self) -> &'static str {
        "namens"
    }
}

/// Gives `client` a code for what `ask` asked, in `session`. The caller has seen to it that the session suffices.
pub async fn issue(
    store: &Store,
    client: &Client,
    ask: &Ask,
    session: &Session,
    now: Timestamp,
) -> Result<Secret, Fault> {
    let (code, good_for) = draw(store, client, ask, session, now)?;
    store.keep(good_for).await?;
    Ok(code)
}

/// The code that [`issue`] gives, and what it is good for, to be kept with the session in which it is given.
pub fn draw(
    store: &Store,
    client: &Client,
    ask: &Ask,
    session: &Session,
    now: Timestamp,
) -> Result<(Secret, New), Fault> {
    let proven = Proven {
        account: session.account.clone(),
        person: session.person.clone(),
        sid: session.sid.clone(),
        level: ask.level_told(session.level),
        auth_time: session.auth_time,
        session_ends: session.ends,
        nonce: ask.nonce.clone(),
        dpop_jkt: ask.dpop_jkt.clone(),
        resources: ask.resources.clone(),
        chosen: ask.chosen.clone(),
        amr: ask.amr,
        bsn: ask.bsn,
        needs_digid: ask.levels.first().is_some_and(|least| least.needs_digid()),
        in_id_token: ask.in_id_token.clone(),
        in_userinfo: ask.in_userinfo.clone(),
    };
    let stored = authorized(client, ask, &proven)?;
    let code = Secret::token(CODE_PREFIX);
    let good_for = store.new_code(&code.hashed(), &stored, now.plus(CODE_LIFE))?;
    Ok((code, good_for))
}

/// Drives the authorization machine: client, redirect URI, response type, extensions, scope.
fn authorized(client: &Client, ask: &Ask, proven: &Proven) -> Result<Stored, Fault> {
    use authorization::{Input, Output};
    let request = AuthorizationRequest(ask, ask.scope.to_string());
    let mut machine = Authorization::new(&request);
    let mut input = Input::None;
    // Four steps lead to the end; the bound is for a machine that would turn in circles.
    for _ in 0..8 {
        input = match machine.advance(input) {
            Output::Bind { client_id, redirect_uri } => {
                let redirect_uri = redirect_uri.filter(|uri| uri.as_str() == ask.redirect_uri);
                let redirect_uri = redirect_uri.filter(|_| client_id == client.id).ok_or_else(surprise)?;
                Input::Bound { request: &request, bound_client: bound(client_id, redirect_uri) }
            }
            Output::Extend => Input::Extended(extensions(ask, proven)?),
            Output::Negotiate { bound_client, scope } => {
                let scope = scope.filter(|asked| {
                    asked.iter().all(|word| word.parse().is_ok_and(|scope| client.scopes.contains(scope)))
                });
                Input::Negotiated {
                    pre_grant: PreGrant {
                        client_id: bound_client.client_id.clone().into_owned(),
                        redirect_uri: bound_client.redirect_uri.clone().into_owned(),
                        scope: scope.ok_or_else(surprise)?,
                    },
                    state: None,
                }
            }
            Output::Ok { pre_grant, extensions, .. } => {
                return Ok(Stored {
                    client_id: pre_grant.client_id,
                    redirect_uri: pre_grant.redirect_uri.as_str().to_owned(),
                    scope: pre_grant.scope.to_string(),
                    private: (extensions.private())
                        .map(|(name, value)| (name.to_owned(), value.unwrap_or_default().to_owned()))
                        .collect(),
                });
            }
            Output::Err(_) => return Err(surprise()),
        };
    }
    Err(surprise())
}

fn bound(client_id: String, redirect_uri: ExactUrl) -> BoundClient<'static> {
    let redirect_uri = Cow::Owned(RegisteredUrl::Exact(redirect_uri));
    BoundClient { client_id: Cow::Owned(client_id), redirect_uri }
}

fn extensions(ask: &Ask, proven: &Proven) -> Result<Extensions, Fault> {
    let mut extensions = Extensions::new();
    // Whether one is required was decided when the request was checked.
    if let Some(challenge) = &ask.code_challenge {
        let (pkce, method) = (Pkce::required(), Some(Cow::Borrowed("S256")));
        let challenge = pkce.challenge(method, Some(Cow::Borrowed(challenge))).map_err(|()| surprise())?;
        extensions.set(&pkce, challenge.ok_or_else(surprise)?);
    }
    extensions.set(&ProvenExtension, Value::private(Some(serde_json::to_string(proven)?)));
    Ok(extensions)
}

/// Checks a code that `client`, already authenticated, presents: that it exists, is this client's and this redirect
/// URI's, and that the verifier fits. It is not spent by that: a stranger's attempt must not burn it. Every such error
/// is `invalid_grant`.
pub async fn check_code(
    store: &Store,
    client: &Client,
    form: &Params,
    now: Timestamp,
) -> Result<CodeGrant, Error> {
    use accesstoken::{Input, Output};
    let request = TokenRequest(client, form);
    let redirect_uri = form.get("redirect_uri").ok_or(NO_REDIRECT_URI)?;
    let mut machine = AccessToken::new(&request);
    let code = match machine.advance(Input::Authenticated) {
        Output::Recover { code } => Secret::new(code),
        Output::Err(error) => return Err(refused(*error)),
        _ => return Err(surprise().into()),
    };
    let found = store.code::<Stored>(&code.hashed(), now).await?;
    let Some(stored) = found.filter(|stored| stored.redirect_uri == redirect_uri) else {
        return Err(BAD_CODE);
    };
    let mut extensions = match machine.advance(Input::Recovered(Some(Box::new(stored.into_oxide()?)))) {
        Output::Extend { extensions } => std::mem::take(extensions),
        Output::Err(error) => return Err(refused(*error)),
        _ => return Err(surprise().into()),
    };
    let pkce = Pkce::required();
    match extensions.remove(&pkce) {
        Some(challenge) => {
            let verifier = form.get("code_verifier").filter(|text| is_pkce_text(text));
            pkce.verify(Some(challenge), verifier.map(Cow::Borrowed)).map_err(|()| BAD_VERIFIER)?;
        }
        // A verifier for a challenge that was never sent: somebody took it out on the way (RFC 9700 section 2.1.1).
        None if form.has("code_verifier") => return Err(BAD_VERIFIER),
        None => {}
    }
    match machine.advance(Input::Extended { access_extensions: extensions }) {
        // The machine stops here: its own answer reads the clock and knows no ID token.
        Output::Issue { grant } => {
            let mut extensions = grant.extensions.clone();
            let proven =
                extensions.remove(&ProvenExtension).and_then(|value| value.into_private_value().ok()?);
            let proven = proven.ok_or_else(surprise)?;
            Ok(CodeGrant {
                proven: serde_json::from_str(&proven).map_err(Fault::from)?,
                scope: grant.scope.to_string().parse().map_err(Fault::from)?,
                redirect_uri: redirect_uri.to_owned(),
                code,
            })
        }
        Output::Err(error) => Err(refused(*error)),
        _ => Err(surprise().into()),
    }
}

/// Checks a refresh token that `client`, already authenticated, presents, and gives the scope that it asks for: at most
/// what was granted (RFC 6749 section 6). `found` is the grant of its family; what the token is worth there is the
/// caller's to ask.
pub fn check_refresh(
    client: &Client,
    form: &Params,
    found: Option<&Grant>,
    now: Timestamp,
) -> Result<Scopes, Error> {
    use refresh::{Input, Output};
    let given = |scope| found.is_some_and(|grant| grant.scope.contains(scope));
    // As when it was first asked for: nobody is refused for it (OpenID Connect Core, section 11).
    let offered = |word: &&str| *word != Scope::OfflineAccess.as_str() || given(Scope::OfflineAccess);
    let asked = form.get("scope").map(|scope| scope.split(' ').filter(offered).collect::<Vec<_>>().join(" "));
    if asked.as_deref() == Some("") {
        return Err(Error::Json(Code::InvalidScope, "nothing of this scope was granted"));
    }
    let scope = || asked.clone().map(Cow::Owned);
    let mut machine = Refresh::new(&TokenRequest(client, form));
    let mut input = Input::None;
    for _ in 0..8 {
        input = match machine.advance(input) {
            Output::Unauthenticated { .. } => Input::Authenticated { scope: scope() },
            Output::RecoverRefresh { .. } => {
                let live = found.filter(|grant| grant.is_live(now));
                Input::Recovered { scope: scope(), grant: live.map(into_oxide).transpose()?.map(Box::new) }
            }
            Output::Refresh { grant, .. } => {
                return Ok(grant.scope.to_string().parse().map_err(Fault::from)?);
            }
            Output::Err(refresh::Error::Invalid(mut description)) => {
                return Err(worded(description.description().kind(), BAD_REFRESH));
            }
            Output::Err(_) | Output::Ok(_) => return Err(surprise().into()),
        };
    }
    Err(surprise().into())
}

impl Stored {
    fn into_oxide(self) -> Result<OxideGrant, Fault> {
        let mut extensions = Extensions::new();
        for (name, value) in self.private {
            extensions.set_raw(name, Value::private(Some(value)));
        }
        Ok(OxideGrant {
            owner_id: String::new(),
            client_id: self.client_id,
            scope: scope_of(&self.scope)?,
            redirect_uri: self.redirect_uri.parse()?,
            until: NEVER.utc(),
            extensions,
        })
    }
}

fn into_oxide(grant: &Grant) -> Result<OxideGrant, Fault> {
    Ok(OxideGrant {
        owner_id: grant.account.as_str().to_owned(),
        client_id: grant.client_id.clone(),
        scope: scope_of(&grant.scope.to_string())?,
        redirect_uri: grant.redirect_uri.parse()?,
        until: NEVER.utc(),
        extensions: Extensions::new(),
    })
}

/// The end of a grant that the machines see: they would measure it by another clock.
const NEVER: Timestamp = Timestamp::from_epoch(i64::MAX);

fn scope_of(text: &str) -> Result<OxideScope, Fault> {
    Ok(text.parse::<OxideScope>()?)
}

#[cfg(test)]
pub(crate) mod tests;
