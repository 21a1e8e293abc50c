//! A client asks about the user with an access token (OpenID Connect Core, section 5.3).

use openidconnect::{
    AdditionalClaims, EndUserEmail, StandardClaims, SubjectIdentifier, UserInfoClaims, core::CoreGenderClaim,
};
use serde::{Deserialize, Serialize};

use super::act_as::{Asking, for_whom};
use super::dpop;
use super::finish::may_enter;
use crate::{
    app::App,
    domain::{
        claims::{ActAs, Represents},
        client::Client,
        scope::Scope,
        time::Timestamp,
    },
    oidc::{
        access_token::{AccessClaims, Confirmation, REFUSED},
        dpop::{MISSING, Request},
        error::{Code, Error},
        userinfo_audience,
    },
};

/// What ours says beyond the standard claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Extra {
    /// Whom the user may act for. Always an array when the scope was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act_as: Option<Vec<ActAs>>,
    /// For whom the user logged in, if for somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub represents: Option<Represents>,
}

impl AdditionalClaims for Extra {}

/// What is told.
pub type UserInfo = UserInfoClaims<Extra, CoreGenderClaim>;

/// How a token is shown.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// As anybody could who has it (RFC 6750).
    Bearer,
    /// With a proof that its key is there too (RFC 9449 section 7).
    Dpop {
        /// The proof.
        proof: Option<&'a str>,
        /// The method of the request.
        method: &'a str,
    },
}

/// Tells what the token's scope allows, as it stands at `now`. The token counts only while its grant lives.
pub async fn userinfo(app: &App, token: &str, shown: Shown<'_>, now: Timestamp) -> Result<UserInfo, Error> {
    let issuer = app.config.issuer();
    let claims = AccessClaims::read(&app.keyring(), issuer, token, now)?;
    let grant = app.store.grant(&claims.grant).await?.filter(|grant| grant.is_live(now)).ok_or(REFUSED)?;
    let client = app.client(&grant.client_id).await?.ok_or(REFUSED)?;
    let url = userinfo_audience(issuer);
    check_key(app, &client, (token, claims.cnf.as_ref()), shown, &url, now).await?;
    if !claims.scope.contains(Scope::Openid) {
        return Err(Error::Json(Code::InsufficientScope, "the access token needs the scope openid"));
    }
    if !may_enter(&app.store, &grant.person, now).await? {
        return Err(REFUSED);
    }
    let (mut act_as, mut represents) = (None, None);
    if claims.scope.contains(Scope::ActAs) {
        // Only the session knows whether its user came for a child: without it nothing true can be said.
        let session = app.store.session_by_sid(&grant.sid, app.config.session.idle(), now).await?;
        let session = session.ok_or(REFUSED)?;
        let (authority, required) = (session.authority.as_ref(), app.config.mandate_level);
        let asking = Asking { grant: &grant, authority, required, client: &client, issuer };
        let told = for_whom(&app.store, &asking, now).await.map_err(|untold| untold.or(REFUSED))?;
        (act_as, represents) = (Some(told.act_as), told.represents);
    }
    let mut standard = StandardClaims::new(SubjectIdentifier::new(claims.sub.clone()));
    if claims.scope.contains(Scope::Email) {
        let account = app.store.account(&grant.account).await?.ok_or(REFUSED)?;
        // An account is made, or its address changed, only with the address proven.
        standard = standard.set_email(Some(EndUserEmail::new(account.email))).set_email_verified(Some(true));
    }
    Ok(UserInfo::new(standard, Extra { act_as, represents }))
}

/// Whether who shows the token may: one that is bound to a key is nobody's who has only the token, and one that is not bound
/// is not shown as if it were (RFC 9449 sections 7.1 and 7.2). `url` is where it is shown.
pub(super) async fn check_key(
    app: &App,
    client: &Client,
    (token, cnf): (&str, Option<&Confirmation>),
    shown: Shown<'_>,
    url: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let (cnf, proof, method) = match (cnf, shown) {
        (None, Shown::Bearer) => return Ok(()),
        (Some(cnf), Shown::Dpop { proof, method }) => (cnf, proof.ok_or(MISSING)?, method),
        (None, Shown::Dpop { .. }) | (Some(_), Shown::Bearer) => return Err(REFUSED),
    };
    let request = Request { method, url, access_token: Some(token) };
    let proof = dpop::check(app, client, proof, &request, now)?;
    if proof.jkt != cnf.jkt {
        return Err(REFUSED);
    }
    dpop::spend(&app.store, &proof).await
}

#[cfg(test)]
pub(super) mod tests;
