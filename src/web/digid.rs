//! The way to DigiD and back.

use askama::Template;
use axum::{
    extract::{Path, Query, rejection::QueryRejection},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    error::{self, Failed, Told, see_other},
    error_page::Problem,
    form::Form,
    page::{self, Frame},
    steps::{self, Token},
    visit::Visit,
};
use crate::{
    app::digid::Connection,
    domain::{
        login::{Choose, RecoverDigid},
        secret::Secret,
    },
    flows::{
        Refused,
        digid::{arrive, depart, depart_for_child, turn},
        stray::{Stray, note},
    },
    saml::{Delivery, Outgoing},
};

/// What a form carries to DigiD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// The user logs in there.
    LogIn,
    /// "U bent hier uitgelogd, en bij DigiD nog niet." The request holds a BSN, so it may stand in no address.
    LogOut,
}

/// What the page of an errand says, as keys of the catalogue, and the id of its form.
pub struct Words {
    title: &'static str,
    text: &'static str,
    submit: &'static str,
    form: &'static str,
}

impl Errand {
    const fn words(self) -> Words {
        match self {
            Self::LogIn => {
                Words { title: "digid-title", text: "digid-text", submit: "digid-submit", form: "digid-form" }
            }
            Self::LogOut => Words {
                title: "digid-logout-title",
                text: "digid-logout-text",
                submit: "digid-logout-submit",
                form: "digid-logout-form",
            },
        }
    }
}

/// The HTTP-POST binding (SAML 2.0 bindings, section 3.5.4): a form that carries the request to DigiD. It waits for
/// the user's own press of the button, so that it works without a script.
#[derive(Template)]
#[template(path = "digid.html")]
pub struct DigidFormPage {
    /// What it carries.
    pub errand: Errand,
    /// What surrounds it; its `form_origins` must hold the origins of `action`, and of where DigiD sends the browser next.
    pub frame: Frame,
    /// Where DigiD takes requests.
    pub action: String,
    /// The signed request, in base64.
    pub saml_request: String,
    /// What DigiD gives back as it is.
    pub relay_state: String,
}

page::rendered!(DigidFormPage);

/// `POST /login/{id}/digid`: away to DigiD, to log in or to show that a password is one's own.
pub async fn post(visit: Visit, Path(id): Path<String>, Form(form): Form<Token>) -> Result<Response, Failed> {
    let (held, frame) = steps::form(&visit, &id, &form.csrf).await?;
    let outgoing = match held.at::<Choose>() {
        Ok(held) => depart(&visit.app, held, visit.now).await?,
        Err(held) => depart(&visit.app, held.at::<RecoverDigid>()?, visit.now).await?,
    };
    Ok(send(frame, outgoing))
}

/// `POST /login/{id}/child`: away to DigiD as a parent, who is asked there for which child.
pub async fn for_child(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<Token>,
) -> Result<Response, Failed> {
    let (held, frame) = steps::at::<Choose>(&visit, &id, &form.csrf).await?;
    Ok(send(frame, depart_for_child(&visit.app, held, visit.now).await?))
}

/// Carries a request to DigiD.
pub(super) fn send(mut frame: Frame, outgoing: Outgoing) -> Response {
    match outgoing.how {
        Delivery::Redirect(url) => see_other(url.as_str()),
        Delivery::Post { action, saml_request, relay_state } => {
            frame.form_origins = vec![page::form_origin(&action)];
            DigidFormPage { errand: Errand::LogIn, frame, action: action.into(), saml_request, relay_state }
                .render()
        }
    }
}

/// What DigiD's redirect brings. A doubled parameter is refused by the decoder: what is wrong then is what the browser
/// brought, and nobody asked DigiD anything.
#[derive(Deserialize)]
pub struct Arrival {
    #[serde(rename = "SAMLart")]
    artifact: Secret,
    #[serde(rename = "RelayState")]
    relay_state: String,
}

/// Without DigiD there is no such page.
fn in_use(visit: &Visit) -> Result<&Connection, Failed> {
    visit.app.digid.as_ref().ok_or(Failed::Page(Problem::NotFound, None))
}

/// `GET /digid/acs`: the assertion consumer service, HTTP-Artifact binding only.
pub async fn acs(visit: Visit, arrival: Result<Query<Arrival>, QueryRejection>) -> Result<Response, Failed> {
    in_use(&visit)?;
    let Ok(Query(arrival)) = arrival else {
        note(&visit.app, Stray::NoAnswer, None, visit.now).await;
        return Err(Failed::Page(Problem::BadReturn, None));
    };
    let visit = visit.bringing(&arrival.artifact);
    let done = arrived(&visit, &arrival).await;
    let gone = matches!(done, Err(Failed::LoginGone));
    let answer = visit.tied(&arrival.relay_state, done).await;
    // Who only lost the first answer is led on, and is no stray.
    if gone && !answer.status().is_redirection() {
        note(&visit.app, Stray::NoLogin, None, visit.now).await;
    }
    Ok(answer)
}

async fn arrived(visit: &Visit, arrival: &Arrival) -> Result<Response, Failed> {
    // Who belongs to no login waits for no turn; and what the login is, is what it is after the wait.
    visit.login(&arrival.relay_state).await?;
    let mut turn = turn(&visit.app).await?;
    let held = visit.login(&arrival.relay_state).await?;
    let (id, ask) = (held.login.id.clone(), held.login.ask.clone());
    let session = visit.session().await?;
    let brought = (arrival.artifact.expose(), visit.address);
    let arrived = arrive(&visit.app, held, brought, &mut turn, session.as_ref(), visit.now).await;
    let failed = match arrived {
        Ok(next) => match steps::go(visit, next).await {
            Err(failed) => failed,
            done => return done,
        },
        Err(Refused::Because(failure)) => Told::digid(&failure, &id).into(),
        Err(Refused::Stopped(stop)) => stop.into(),
    };
    // Only for the page that tells of it: the login itself may be over.
    visit.frame(&id, &ask).await?;
    Err(failed)
}

/// `/digid/acs` by any other method: DigiD posts no answers.
pub async fn acs_by_other_method(visit: Visit) -> Result<Response, Failed> {
    in_use(&visit)?;
    note(&visit.app, Stray::OtherMethod, None, visit.now).await;
    Err(error::method_not_allowed().await)
}

/// `GET /digid/metadata`: ours, signed, as registered with Logius.
pub async fn metadata(visit: Visit) -> Result<Response, Failed> {
    let text = in_use(&visit)?.current().metadata(visit.now).to_owned();
    Ok(([(CONTENT_TYPE, "application/samlmetadata+xml")], text).into_response())
}
