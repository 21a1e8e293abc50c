//! A portal's request arrives: a session answers it, or a login begins; a session that is worth too little is sent to DigiD.

use super::{
    Stop,
    chooser::{Left, NOT_FOR_THEM, left},
    client_consent::is_needed,
    digid, finish, logins,
    representation::{is_wanted, offers_child, still_stands},
};
use crate::{
    app::App,
    domain::{
        ask::{ActFor, Ask, Prompt},
        birth::may_log_in,
        client::Client,
        id::LoginId,
        login::{AsksConsent, AsksForWhom, Choose, Login, OfSession, Step},
        secret::Secret,
        session::Session,
        time::Timestamp,
    },
    oidc::{
        authorize::refusal,
        error::{Code, Error, PageError},
        response_mode::AuthorizationResponse,
    },
    saml::{Failure, Outgoing},
    store::sessions::Visited,
};

/// What came of a request.
#[derive(Debug)]
pub enum Started {
    /// A session answered: this is what the portal hears.
    Answered(AuthorizationResponse),
    /// The user must log in.
    Login(LoginId),
    /// The session is worth too little, and DigiD is the only way to more: send the user there.
    StepUp(Box<Login<Choose>>, Outgoing),
    /// The same, and DigiD cannot be asked, by a fault of our own: say so, and lead to the choice.
    DigidNotAsked(Box<Login<Choose>>, Failure),
    /// Nobody may be asked and no session suffices: tell the portal.
    Refused(Error),
}

/// Answers from the session, or begins a login bound to the browser.
pub async fn start(
    app: &App,
    mut ask: Ask,
    visited: Option<&Visited>,
    browser: &Secret,
    now: Timestamp,
) -> Result<Started, Stop> {
    if ask.represents.is_some() && !offers_child(app, &ask) {
        let why = "nobody can log in here for somebody else";
        return Ok(Started::Refused(refusal(&ask, app.config.issuer(), Code::AccessDenied, why)));
    }
    // Up to the level that this takes, before anything is looked up (M7).
    if (ask.represents.is_some() || ask.act_as.is_some()) && !ask.raise(app.config.mandate_level) {
        let (code, why) =
            (Code::UnmetAuthenticationRequirements, "acting for somebody needs a higher acr than these");
        return Ok(Started::Refused(refusal(&ask, app.config.issuer(), code, why)));
    }
    let visited = match visited {
        Some(visited) if finish::is_meant(app, &ask, &visited.session.person).await? => Some(visited),
        _ => None,
    };
    if let Some(Visited { session, born }) = visited
        && ask.is_answered_by(session.level, session.auth_time, now)
        && may_log_in(*born, now)
        && still_stands(app, session, now).await?
    {
        // A portal of somebody else may not hear from the error for which child the user is in: first what it may know.
        let client = finish::client(app, &ask).await?;
        if ask.represents.is_some()
            && ask.prompt == Prompt::None
            && is_needed(&app.store, &client, &ask, &session.account).await?
        {
            return Ok(Started::Refused(must_agree(app, &ask)));
        }
        if is_wanted(app, &ask, session.authority.as_ref()).await? {
            return answered(app, &client, ask, (session, browser), now).await;
        }
    }
    let refused = |code, why| Ok(Started::Refused(refusal(&ask, app.config.issuer(), code, why)));
    if ask.prompt == Prompt::None {
        let why = "nobody is logged in, or not the user that is meant, or not surely or recently enough";
        return refused(Code::LoginRequired, why);
    }
    if ask.level.needs_digid() && app.digid.is_none() {
        let why = "this provider has no DigiD, so it cannot reach that level";
        return refused(Code::UnmetAuthenticationRequirements, why);
    }
    let login = Login::start(ask, browser.hashed(), now);
    match visited {
        Some(Visited { session, .. }) if steps_up(app, &login.ask, session) => {
            step_up(app, login.keeping(session.account.clone()), now).await
        }
        _ => Ok(Started::Login(logins::begin(app, login).await?.login.id)),
    }
}

/// The session is all that the portal wants: it is answered, or its user is asked something first.
async fn answered(
    app: &App,
    client: &Client,
    mut ask: Ask,
    (session, browser): (&Session, &Secret),
    now: Timestamp,
) -> Result<Started, Stop> {
    let refused = |ask, code, why| Ok(Started::Refused(refusal(ask, app.config.issuer(), code, why)));
    if ask.prompt == Prompt::None && ask.act_as == Some(ActFor::Choose) {
        let why = "the user must choose first for whom they log in";
        return refused(&ask, Code::InteractionRequired, why);
    }
    let left = left(app, client, &mut ask, session, now).await?;
    match left {
        Left::Consent if ask.prompt == Prompt::None => return Ok(Started::Refused(must_agree(app, &ask))),
        Left::ForWhom => return asks::<AsksForWhom>(app, ask, session, browser, now).await,
        Left::Consent => return asks::<AsksConsent>(app, ask, session, browser, now).await,
        // Answers, which spend what was pushed.
        Left::Refused | Left::Nothing => {}
    }
    if let Some(name) = &ask.pushed
        && !app.store.answer_pushed(name).await?
    {
        return Ok(Started::Refused(PageError::RequestUri.into()));
    }
    if left == Left::Refused {
        return refused(&ask, Code::AccessDenied, NOT_FOR_THEM);
    }
    Ok(Started::Answered(finish::answer(app, &ask, session, now).await?))
}

/// What a portal of somebody else hears where its user may not be asked.
fn must_agree(app: &App, ask: &Ask) -> Error {
    let why = "the user must agree first to what this client may know";
    refusal(ask, app.config.issuer(), Code::ConsentRequired, why)
}

/// The session is all that the portal wants, but its user must be asked something first.
async fn asks<S>(
    app: &App,
    ask: Ask,
    session: &Session,
    browser: &Secret,
    now: Timestamp,
) -> Result<Started, Stop>
where
    S: From<OfSession> + Into<Step> + Clone,
{
    let login = Login::<S>::asking(ask, browser.hashed(), session, now);
    Ok(Started::Login(logins::begin(app, login).await?.login.id))
}

/// Whether DigiD is all that is missing. Where a parent can say for which child they log in, the choice is theirs.
fn steps_up(app: &App, ask: &Ask, session: &Session) -> bool {
    session.level < ask.level
        && ask.level.needs_digid()
        && ask.prompt == Prompt::Unset
        && !offers_child(app, ask)
}

/// Off to DigiD at once. Where it cannot be asked just now, the page with the choice is the place to try again.
pub(super) async fn step_up(app: &App, login: Login<Choose>, now: Timestamp) -> Result<Started, Stop> {
    let held = logins::begin(app, login.clone()).await?;
    let id = held.login.id.clone();
    match digid::depart(app, held, now).await {
        Ok(outgoing) => Ok(Started::StepUp(Box::new(login), outgoing)),
        Err(Stop::DigidNotAsked(_, failure)) => Ok(Started::DigidNotAsked(Box::new(login), failure)),
        Err(Stop::Fault(fault)) => Err(Stop::Fault(fault)),
        Err(_) => Ok(Started::Login(id)),
    }
}
