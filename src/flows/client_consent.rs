//! The user agrees to what a portal of somebody else may know, or refuses (OpenID Connect Core, section 3.1.2.4). The provider's
//! own portals skip it. It is asked of a session that is all that the portal wanted, so a login that ends begins its session
//! first; no code exists before the user has agreed.

use std::collections::BTreeSet;

use super::{
    Held, Stop,
    chooser::{NOT_FOR_THEM, named},
    finish, logins,
    representation::still_stands,
};
use crate::{
    app::App,
    domain::{
        ask::Ask,
        client::Client,
        client_consent::{ClientConsent, Wanted, host_of},
        fault::Fault,
        grant::Grant,
        id::AccountId,
        login::{AsksConsent, OfSession},
        profile::Claim,
        session::Session,
        time::Timestamp,
    },
    oidc::{
        authorize::refusal,
        error::{Code, Error},
        oxide,
        response_mode::AuthorizationResponse,
    },
    store::{Store, audit::Event, client_consents::Agreed, logins::Ending},
};

/// Whether the user must be asked before the request is answered.
pub(super) async fn is_needed(
    store: &Store,
    client: &Client,
    ask: &Ask,
    account: &AccountId,
) -> Result<bool, Fault> {
    if !client.third_party {
        return Ok(false);
    }
    // At another host than the page named, somebody else may answer: what was agreed to counts where it was given.
    let Some(host) = host_of(&ask.redirect_uri) else { return Ok(true) };
    let given = store.client_consent(account, &client.id, &host).await?;
    Ok(ask.asks_consent || !given.is_some_and(|given| given.covers(&Wanted::by(ask, client))))
}

/// What a request wants, and what people call the APIs among that: by the name of the client that serves each, or as they are
/// where none does.
pub async fn wanted(app: &App, ask: &Ask) -> Result<(Wanted, Vec<String>), Fault> {
    let wanted = Wanted::by(ask, &finish::client(app, ask).await?);
    let names = called(app, &wanted.resources).await?;
    Ok((wanted, names))
}

/// What people call these APIs.
pub(super) async fn called(app: &App, apis: &BTreeSet<String>) -> Result<Vec<String>, Fault> {
    if apis.is_empty() {
        return Ok(Vec::new());
    }
    let stored = app.store.clients().await?;
    let all = || app.configured().chain(&stored);
    let serving = |api: &String| all().filter(|one| one.serves.contains(api)).min_by_key(|one| &one.id);
    let called = |api: &String| serving(api).map_or_else(|| api.clone(), |client| client.name.clone());
    Ok(apis.iter().map(called).collect())
}

/// Whether the user agreed that `client` has tokens for these APIs, where `grant` was given.
pub(super) async fn reaches(
    store: &Store,
    client: &Client,
    grant: &Grant,
    apis: &[String],
) -> Result<bool, Fault> {
    let covers = |given: ClientConsent| apis.iter().all(|api| given.resources.contains(api));
    Ok(!client.third_party || has_consent(store, grant, covers).await?)
}

/// Whether what a code is redeemed for, or what outlived its session, is agreed to still: nothing is given by what outlived the
/// user's word, or was given before the client became one that needs it. The last may be at a host that the user agreed to nothing at,
/// so this asks where the code went.
pub(super) async fn holds(
    store: &Store,
    client: &Client,
    grant: &Grant,
    in_id_token: impl IntoIterator<Item = Claim>,
) -> Result<bool, Fault> {
    if !client.third_party {
        return Ok(true);
    }
    let wanted = Wanted::of(&grant.scope, grant.claims.iter().copied().chain(in_id_token));
    let wanted = wanted.at(&grant.resources, client);
    has_consent(store, grant, |given| given.covers(&wanted)).await
}

/// Whether the user agreed to what `grant` was given for at the host where its code went.
async fn has_consent(
    store: &Store,
    grant: &Grant,
    covers: impl Fn(ClientConsent) -> bool,
) -> Result<bool, Fault> {
    let Some(host) = host_of(&grant.redirect_uri) else { return Ok(false) };
    Ok(store.client_consent(&grant.account, &grant.client_id, &host).await?.is_some_and(covers))
}

/// "Toestaan": remembers it and answers the portal, both or neither, once. The session must be the one whose owner was asked,
/// and still be all that the portal wanted; another account's owner, in another tab, agrees to nothing here.
pub async fn allow(
    app: &App,
    held: Held<AsksConsent>,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Result<AuthorizationResponse, Error>, Stop> {
    let Some(session) = still_answers(app, &held, session, now).await? else {
        return Ok(Err(stale(app, &held, now).await?));
    };
    let (mut login, version) = held.open();
    let client = finish::client(app, &login.ask).await?;
    // Whom the request names is looked up only now: before, the answer would have told.
    let named = named(app, &client, &mut login.ask, session, now).await?;
    let ask = &login.ask;
    let wanted = Wanted::by(ask, &client);
    let drawn = if named { Some(oxide::draw(&app.store, &client, ask, session, now)?) } else { None };
    let (code, good_for) = drawn.unzip();
    let host = host_of(&ask.redirect_uri).ok_or_else(|| Fault::because("a redirect URI without a host"))?;
    let (client, to) = (client.id.as_str(), wanted.line(&host));
    let agreed = Agreed { account: &session.account, wanted: &wanted, client, host: &host };
    let event = Event { detail: Some(&to), ..event("ok", session, client) };
    let ending = Ending {
        pushed: ask.pushed.as_deref(),
        agreed: Some(agreed),
        ..version.ending(&login.id, None, event, good_for.into_iter().collect())
    };
    logins::finish(app, &ending, now).await?;
    let refused = || refusal(ask, app.config.issuer(), Code::AccessDenied, NOT_FOR_THEM);
    Ok(code.map(|code| finish::back(app, ask, &code)).ok_or_else(refused))
}

/// "Weigeren": the portal hears `access_denied`. The user stays logged in, here and at other portals.
pub async fn refuse(
    app: &App,
    held: Held<AsksConsent>,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Error, Fault> {
    if let Some(session) = session {
        let ask = &held.login.ask;
        // A client that was removed meanwhile is refused all the same.
        let client = app.client(&ask.client_id).await?;
        let to = client.and_then(|client| Some(Wanted::by(ask, &client).line(&host_of(&ask.redirect_uri)?)));
        let event = Event { detail: to.as_deref(), ..event("refused", session, &ask.client_id) };
        app.store.audit(&event, now).await?;
    }
    logins::abandon(app, held, now).await
}

/// The session whose owner is asked, if it still is all that the portal wanted.
pub(super) async fn still_answers<'a, S: AsRef<OfSession>>(
    app: &App,
    held: &Held<S>,
    session: Option<&'a Session>,
    now: Timestamp,
) -> Result<Option<&'a Session>, Fault> {
    let login = &held.login;
    let Some(session) = session.filter(|session| login.step.as_ref().is_of(session)) else { return Ok(None) };
    let suffices = session.level >= login.ask.level
        && finish::may_enter(&app.store, &session.person, now).await?
        && still_stands(app, session, now).await?;
    Ok(suffices.then_some(session))
}

/// The session that was to answer has ended, or is another's, or is worth less than it was.
pub(super) async fn stale<S>(app: &App, held: &Held<S>, now: Timestamp) -> Result<Error, Fault> {
    logins::end(app, &held.login, now).await?;
    let why = "the session that was to answer has ended";
    Ok(refusal(&held.login.ask, app.config.issuer(), Code::LoginRequired, why))
}

fn event<'a>(outcome: &'a str, session: &'a Session, client: &'a str) -> Event<'a> {
    let actor = Some(session.person.as_str());
    Event { event: "consent.given", outcome, actor, client: Some(client), ..Event::default() }
}

#[cfg(test)]
mod tests;
