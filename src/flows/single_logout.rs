//! Single logout with DigiD: who signed out here signs out there too, and the other way round. A session has ended before
//! DigiD is asked anything, so nothing that comes back decides about one (`docs/adr/0013-single-logout.md`).

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Refused, Stop};
use crate::{
    app::{App, digid::Connection, knocks::Knock},
    domain::{
        bsn::Bsn, fault::Fault, proof::Digid, secret::Secret, single_logout::LogoutRequest, time::Timestamp,
    },
    observe::{self, Asking},
    saml::{Failure, ServiceProvider},
    store::audit::Event,
};

/// How long a browser may take to DigiD and back, in seconds.
const PATIENCE: i64 = 900;

/// How many of DigiD's sessions one request names at most. A browser has one at a time there; the others are what it was
/// called earlier.
const NAMED: usize = 10;

/// Who may be logged in at DigiD in the browser from which somebody signed out.
pub enum AtDigid {
    /// Nobody.
    Nobody,
    /// Somebody whom DigiD cannot be asked to log out from here.
    Perhaps,
    /// Whoever signed out.
    Theirs(StillIn),
}

/// Whoever signed out, as DigiD knows them.
pub struct StillIn {
    bsn: Bsn,
    /// What DigiD called their sessions, the newest first.
    sessions: Vec<String>,
    /// Whether there is more in this browser, of which DigiD is not told.
    somebody_else: bool,
}

impl AtDigid {
    /// From what DigiD said at each login of the one whose session ended, the newest first. A request is for one person, and
    /// `others` in that browser are not asked for, because their BSN would stand in a page of another.
    pub(super) fn of(ended: Vec<Result<Digid, Fault>>, others: bool) -> Self {
        let all = ended.len();
        let known = ended.into_iter().filter_map(|digid| {
            digid.inspect_err(|fault| tracing::error!(%fault, "DigiD is not told of a session")).ok()
        });
        let mut theirs: Vec<Digid> = known.collect();
        let bsn = theirs.first().map(|digid| digid.bsn.clone());
        // A BSN that was put right since is another's to DigiD.
        theirs.retain(|digid| Some(&digid.bsn) == bsn.as_ref());
        let somebody_else = others || theirs.len() < all;
        match bsn {
            Some(bsn) => {
                let sessions = theirs.into_iter().filter_map(|digid| digid.session).take(NAMED).collect();
                Self::Theirs(StillIn { bsn, sessions, somebody_else })
            }
            None if somebody_else => Self::Perhaps,
            None => Self::Nobody,
        }
    }
}

/// The way to DigiD, as a form that the browser posts.
pub struct Departure {
    /// Where to.
    pub action: Url,
    /// The signed request.
    pub saml_request: String,
    /// What DigiD gives back as it is.
    pub relay_state: String,
}

/// What is kept while the browser is away.
#[derive(Serialize, Deserialize)]
struct Leaving {
    /// The `ID` of our request.
    request: String,
    /// Where the portal wants the browser afterwards.
    back: Option<String>,
    /// What was done that signed them out, as the key of a message.
    #[serde(default)]
    done: Option<String>,
    /// Whether DigiD was not told of everybody.
    #[serde(default)]
    somebody_else: bool,
}

/// A browser that is back from DigiD.
pub struct Arrival {
    /// Where the portal wants it.
    pub back: Option<String>,
    /// What was done that signed its user out, as it was given to [`depart`].
    pub done: Option<String>,
    /// Whether DigiD says that its user is out everywhere.
    pub whole: bool,
}

/// Whether it is in use here.
pub fn is_on(app: &App) -> bool {
    provider(app).is_ok()
}

/// Asks DigiD to log somebody out whose session here has ended; `back` is where the portal wants the browser afterwards, and `done` what is
/// told then of what signed them out. That DigiD cannot be asked is written down: they may still be logged in there.
pub async fn depart(
    app: &App,
    who: &StillIn,
    (back, done): (Option<String>, Option<&str>),
    now: Timestamp,
) -> Result<Departure, Refused<Failure>> {
    let outgoing = match provider(app)?.logout_request(&who.bsn, &who.sessions, now).await {
        Ok(outgoing) => outgoing,
        Err(failure) => {
            let (outcome, detail) = (failure.audit_code(), failure.reason());
            app.store
                .audit(&Event { event: "logout.digid", outcome, detail, ..Event::default() }, now)
                .await?;
            return Err(Refused::Because(failure));
        }
    };
    let relay_state = Secret::token("");
    let done = done.map(str::to_owned);
    let leaving = Leaving { request: outgoing.id, back, done, somebody_else: who.somebody_else };
    app.store.begin_leaving(&relay_state.hashed(), &leaving, now.plus(PATIENCE)).await?;
    let relay_state = relay_state.expose().to_owned();
    Ok(Departure { action: outgoing.action, saml_request: outgoing.saml_request, relay_state })
}

/// Takes a browser that comes back, once. `None` when nobody of that RelayState is away.
pub async fn arrive(
    app: &App,
    relay_state: &str,
    saml_response: &str,
    now: Timestamp,
) -> Result<Option<Arrival>, Fault> {
    let sp = provider(app)?;
    let name = Secret::new(relay_state).hashed();
    // Anybody can come with any: only one that is known costs a write.
    if !app.store.is_away(&name, now).await? {
        return Ok(None);
    }
    let left: Option<Leaving> = app.store.end_leaving(&name, now).await?;
    Ok(left.map(|left| {
        let whole = !left.somebody_else && sp.says_whole(saml_response, &left.request);
        Arrival { whole, back: left.back, done: left.done }
    }))
}

/// Carries out DigiD's request to log somebody out, and gives the signed answer. One that fails a check, or came before,
/// ends nobody's session.
pub async fn hear(app: &App, body: Vec<u8>, now: Timestamp) -> Result<String, Refused<Failure>> {
    let sp = provider(app)?;
    match carried_out(app, &sp, body, now).await {
        // Their session has ended: what fails from here on is ours.
        Ok(request) => Ok(sp.logout_response(&request, now).await.map_err(Stop::from)?),
        Err(Refused::Because(failure)) => {
            tell(app, failure, now).await?;
            Err(Refused::Because(failure))
        }
        Err(Refused::Stopped(stop)) => Err(Refused::Stopped(stop)),
    }
}

/// Writes down that a request was refused, as long as that is no flood: anybody can send them.
async fn tell(app: &App, failure: Failure, now: Timestamp) -> Result<(), Fault> {
    // Nobody looked at it: it may have been DigiD's, and somebody may still be logged in here. A write for it would make
    // the press greater.
    let unread = failure == Failure::Busy;
    if unread {
        observe::digid_busy(Asking::Logout);
    }
    let knock = app.knocks.count(now);
    if knock == Knock::Untold {
        return Ok(());
    }
    tracing::warn!(code = failure.audit_code(), %failure, "DigiD's request to log out refused");
    if knock == Knock::LastTold {
        tracing::warn!("many requests to log out are refused: for a minute no more of them are told");
    }
    if unread {
        return Ok(());
    }
    let outcome = failure.audit_code();
    app.store.audit(&Event { event: "logout.digid", outcome, ..Event::default() }, now).await
}

async fn carried_out(
    app: &App,
    sp: &ServiceProvider,
    body: Vec<u8>,
    now: Timestamp,
) -> Result<LogoutRequest, Refused<Failure>> {
    let request = sp.read_logout(body, now).await.map_err(Refused::Because)?;
    match app.store.end_digid_sessions(&request, now).await? {
        Some(_) => Ok(request),
        None => Err(Refused::Because(Failure::Hostile("a LogoutRequest that came before"))),
    }
}

fn provider(app: &App) -> Result<ServiceProvider, Fault> {
    let digid = app.digid.as_ref().map(Connection::current).filter(ServiceProvider::has_logout);
    digid.ok_or_else(|| Fault::because("single logout with DigiD is not configured"))
}

#[cfg(test)]
mod tests;
