//! A parent logs in for a child by the word of the register of representation (M14, `docs/adr/0015`).

use super::{Over, finish, logins};
use crate::{
    app::App,
    domain::{
        ask::Ask,
        fault::Fault,
        id::PersonId,
        login::Login,
        representation::{NotRepresented, ParentalAuthority},
        scope::Scope,
        session::Session,
        time::Timestamp,
    },
    saml::{self, Legal},
    store::{Store, audit::Event},
};

/// Whether a parent can say for which child: the routing service is told whom to ask, and the portal asks for whom its users
/// act. Another portal would see a parent and believe that they came for themselves.
pub fn offers_child(app: &App, ask: &Ask) -> bool {
    ask.scope.contains(Scope::ActAs)
        && app.digid.as_ref().is_some_and(|digid| digid.current().knows_representation())
}

/// Whether the request can be answered for the child, if any, for whom the user logged in (`represents` in the `claims`
/// parameter, OpenID Connect Core section 5.5.1).
pub(super) async fn is_wanted(
    app: &App,
    ask: &Ask,
    authority: Option<&ParentalAuthority>,
) -> Result<bool, Fault> {
    let Some(wanted) = &ask.represents else { return Ok(true) };
    let Some(authority) = authority else { return Ok(false) };
    let sector = finish::client(app, ask).await?.sector;
    for person in wanted.iter().filter(|person| person.iss == app.config.issuer()) {
        if app.store.person_of_subject(&sector, &person.sub).await?.as_ref() == Some(&authority.child) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The register's word, about a person of ours; `None` when nobody here has that BSN. From here on nobody holds the child's
/// BSN any more.
pub(super) async fn authority(store: &Store, legal: &Legal) -> Result<Option<ParentalAuthority>, Fault> {
    match legal.representation {
        saml::Representation::ParentalAuthorityInCare => {}
    }
    let child = store.person_by_bsn(&legal.bsn).await?;
    Ok(child.map(|child| ParentalAuthority::over(child.id, store.bsn_index(&legal.bsn))))
}

/// Until when the register's word counts for `parent`, or what they may hear of why it does not. `None` is a parent whom
/// nobody here knows yet.
pub(super) async fn counts(
    store: &Store,
    authority: &ParentalAuthority,
    parent: Option<&PersonId>,
    now: Timestamp,
) -> Result<Result<Timestamp, NotRepresented>, Fault> {
    let record = store.record_of(parent, authority, now).await?;
    Ok(authority.counts(parent, &record, now))
}

/// Whether a session still is what its user asked for, before it answers a portal. What tokens tell is asked of
/// [`super::act_as::for_whom`] in the same breath as whether they may be given.
pub(super) async fn still_stands(app: &App, session: &Session, now: Timestamp) -> Result<bool, Fault> {
    match &session.authority {
        Some(_) if session.level < app.config.mandate_level => Ok(false),
        Some(authority) => Ok(counts(&app.store, authority, Some(&session.person), now).await?.is_ok()),
        None => Ok(true),
    }
}

/// Ends a login of a parent for a child for whom they may not act here.
pub(super) async fn refuse<S>(
    app: &App,
    login: &Login<S>,
    (parent, child): (Option<&PersonId>, Option<&PersonId>),
    why: NotRepresented,
    now: Timestamp,
) -> Result<Over, Fault> {
    logins::end(app, login, now).await?;
    app.store.audit(&not_represented(login, parent, child, why), now).await?;
    Ok(Over::NotRepresented(why))
}

/// The line in the log about a login for a child that is refused. It says no more of the reason than the page does: it stands
/// in the parent's own log, where a block must not show (M9).
pub(super) fn not_represented<'a, S>(
    login: &'a Login<S>,
    parent: Option<&'a PersonId>,
    child: Option<&'a PersonId>,
    why: NotRepresented,
) -> Event<'a> {
    Event {
        event: "login.digid",
        outcome: "not_represented",
        actor: parent.map(PersonId::as_str),
        represented: child.map(PersonId::as_str),
        client: Some(&login.ask.client_id),
        detail: Some(why.as_str()),
        ..Event::default()
    }
}
