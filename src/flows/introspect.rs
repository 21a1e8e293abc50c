//! A client asks what a token is worth now (RFC 7662): its own, or one for an API that it serves.
//! What is told is what stands at this moment: session, grant, account, and for whom the user may act (M4, M8, M9).

use super::{
    act_as::{Asking, ForWhom, Untold, for_whom},
    client_auth::{Caller, authenticate},
    finish::may_enter,
    offline::{self, standing},
    own_token::{Own, presented, read},
    representation::still_stands,
    tokens::signer,
};
use crate::{
    app::App,
    domain::{
        birth::may_log_in,
        claims::{ActAs, Represents},
        client::Client,
        fault::Fault,
        grant::{Grant, RefreshToken, Worth},
        scope::Scope,
        session::Session,
        time::Timestamp,
    },
    oidc::{
        access_token::{AccessClaims, Actor},
        client_auth::INVALID_CLIENT,
        error::Error,
        introspection::{Access, ActiveToken, IntrospectionResponse, ProgramToken},
        params::Params,
    },
    store::grounds::Refreshing,
};

/// What is said, and to whom.
pub struct Introspected {
    /// The client that asked.
    client: Client,
    /// What it hears.
    pub response: IntrospectionResponse,
}

/// Tells what the token in `form` is worth. Asked by a client that can keep a secret only: anybody could say that they are
/// another, and try tokens out (RFC 7662 section 2.1).
pub async fn introspect(
    app: &App,
    caller: Caller<'_>,
    form: &Params,
    now: Timestamp,
) -> Result<Introspected, Error> {
    let client = authenticate(app, caller, form, now).await?;
    if client.is_public() {
        return Err(INVALID_CLIENT);
    }
    let found = read(app, &client, presented(form)?, now).await?;
    let active = match found.filter(|found| found.is_of(&client) || found.is_for(&client)) {
        Some(Own::Access(claims, grant)) => access(app, &client, *claims, *grant, now).await?,
        Some(Own::Program(claims)) if claims.scope.are_within(&client.service_scopes) => {
            return Ok(Introspected {
                client,
                response: IntrospectionResponse::Program(Box::new(ProgramToken::new(*claims))),
            });
        }
        Some(Own::Refresh(token, found)) => refresh(app, &client, &token, *found, now).await?,
        Some(Own::Program(_)) | None => None,
    };
    let response = active
        .map_or(IntrospectionResponse::INACTIVE, |active| IntrospectionResponse::Active(Box::new(active)));
    Ok(Introspected { client, response })
}

impl Introspected {
    /// The answer signed with the client's algorithm (RFC 9701).
    pub fn signed(&self, app: &App, now: Timestamp) -> Result<String, Fault> {
        let ring = app.keyring();
        let key = signer(&ring, &self.client, now)?;
        self.response.sign(key, app.config.issuer(), &self.client.id, now)
    }
}

/// What is told of an access token is what its own client may know, and of relations only what who asks may know too.
async fn access(
    app: &App,
    asker: &Client,
    claims: AccessClaims,
    grant: Grant,
    now: Timestamp,
) -> Result<Option<ActiveToken>, Fault> {
    let Some(client) = app.client(&grant.client_id).await? else { return Ok(None) };
    let Some((grant, session)) = offline::found(app, &client, grant, now).await? else { return Ok(None) };
    // What was given in the session says what was true in it.
    if session.is_none() && (claims.acr != grant.level.acr() || claims.act.is_some()) {
        return Ok(None);
    }
    let claims = present_names(app, &client, claims).await?;
    // What the client is registered for at this moment.
    let claims = AccessClaims { scope: claims.scope.within(&client.scopes), ..claims };
    let client = Client { sees_relation: client.sees_relation && asker.sees_relation, ..client };
    if !may_enter(&app.store, &grant.person, now).await? || !stands(app, session.as_ref(), now).await? {
        return Ok(None);
    }
    let issuer = app.config.issuer();
    let represented = if claims.scope.contains(Scope::ActAs) || grant.represented().is_some() {
        let told = told(app, &client, &grant, session.as_ref(), now).await?;
        if told.is_none() {
            return Ok(None);
        }
        told
    } else {
        None
    };
    if claims.act.is_some() {
        return Ok(represented.and_then(|represented| for_one(issuer, &grant, claims, &represented)));
    }
    let boundary = represented.as_ref().and_then(|represented| represented.until);
    let exp = boundary.map_or(claims.exp, |boundary| boundary.min(claims.exp));
    // Only what is told here: a token about one person has its line since it was exchanged.
    if let Some(told) = &represented {
        app.store.tell_of(&grant, &told.people, now).await?;
    }
    let (act_as, represents) =
        represented.map_or((None, None), |represented| (Some(represented.act_as), represented.represents));
    Ok(Some(good(issuer, &grant, claims, exp, (act_as, represents))))
}

/// Whom the user may act for; `None` when the grant is worth nothing for that reason.
async fn told(
    app: &App,
    client: &Client,
    grant: &Grant,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Option<ForWhom>, Fault> {
    match for_whom(&app.store, &Asking::of(app, client, grant, session), now).await {
        Ok(told) => Ok(Some(told)),
        Err(Untold::Over) => Ok(None),
        Err(Untold::Fault(fault)) => Err(fault),
    }
}

/// The claims with the names by which the token's client knows people now: one that it was given before two persons became one may
/// be an alias since.
async fn present_names(app: &App, client: &Client, claims: AccessClaims) -> Result<AccessClaims, Fault> {
    let present = async |sub: String| {
        let found = app.store.present_subject(&client.sector, &sub).await?;
        Ok::<_, Fault>(found.unwrap_or(sub))
    };
    let act = match claims.act {
        Some(actor) => Some(Actor { sub: present(actor.sub).await? }),
        None => None,
    };
    Ok(AccessClaims { sub: present(claims.sub).await?, act, ..claims })
}

/// What is told of a token that was given for acting for one person: nothing, once the user may no longer (M4, M9).
fn for_one(issuer: &str, grant: &Grant, claims: AccessClaims, represented: &ForWhom) -> Option<ActiveToken> {
    let one = represented.act_as.iter().find(|one| one.sub == claims.sub)?;
    let exp = claims.exp.min(one.recheck);
    Some(good(issuer, grant, claims, exp, (None, None)))
}

/// What is told of an access token that is good until `exp`.
fn good(
    issuer: &str,
    grant: &Grant,
    claims: AccessClaims,
    exp: Timestamp,
    (act_as, represents): (Option<Vec<ActAs>>, Option<Represents>),
) -> ActiveToken {
    let access = Access {
        token_type: claims.token_type(),
        cnf: claims.cnf,
        iat: claims.iat,
        aud: claims.aud,
        jti: claims.jti,
        act: claims.act,
        act_as,
        represents,
    };
    let mut good = ActiveToken::new(issuer, grant, claims.sub, claims.scope, exp);
    good.access = Some(access);
    good
}

async fn refresh(
    app: &App,
    client: &Client,
    token: &RefreshToken,
    found: Refreshing,
    now: Timestamp,
) -> Result<Option<ActiveToken>, Fault> {
    // Asking about one that was used before harms nobody: it is only no longer good.
    let good = found.family.worth(token, now) == Worth::Good;
    let (grant, ends) = (found.family.grant.clone(), found.family.grant.ends);
    let session = found.ground.session.map(|session| session.value);
    let standing = standing(&app.store, client, grant, session, found.ground.era, now).await?;
    let standing = standing.filter(|_| good && may_log_in(found.ground.born, now));
    let Some((grant, session)) = standing else { return Ok(None) };
    if !stands(app, session.as_ref(), now).await? {
        return Ok(None);
    }
    if grant.represented().is_some() && told(app, client, &grant, session.as_ref(), now).await?.is_none() {
        return Ok(None);
    }
    let sub = match found.ground.sub {
        Some(sub) => sub,
        None => app.store.subject_for(&client.sector, &grant.person, now).await?,
    };
    Ok(Some(ActiveToken::new(app.config.issuer(), &grant, sub, grant.scope.within(&client.scopes), ends)))
}

/// Whether a session that was begun for a child still has the register's word: it ends with it. What outlived its session rests on
/// none.
async fn stands(app: &App, session: Option<&Session>, now: Timestamp) -> Result<bool, Fault> {
    match session {
        Some(session) => still_stands(app, session, now).await,
        None => Ok(true),
    }
}
