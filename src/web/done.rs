//! A word to the user before going back to the portal.

use askama::Template;
use axum::{extract::Path, http::header::SET_COOKIE, response::Response};

use super::{
    cookies::Cookie,
    error::{Failed, refused, see_other, to_login},
    form::Form,
    form_post::answered,
    page::{self, Frame},
    steps::{self, Token},
    visit::Visit,
};
use crate::{
    domain::login::Done,
    flows::{
        Held,
        finish::{self, Finish, Finished, Onward},
        guesses,
    },
};

/// The user is in, and goes back to the portal from here. Told why when DigiD was just linked: either way opens the same
/// account from now on (F9, F11).
#[derive(Template)]
#[template(path = "done.html")]
pub struct DonePage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whether DigiD was linked in this login.
    pub linked: bool,
}

page::rendered!(DonePage);

/// `POST /login/{id}/continue`: the user has read that DigiD is linked.
pub async fn post(visit: Visit, Path(id): Path<String>, Form(form): Form<Token>) -> Result<Response, Failed> {
    let (held, _) = steps::at::<Done>(&visit, &id, &form.csrf).await?;
    finish(&visit, held).await
}

/// Sends the browser back to the portal with its new session and the portal's code.
pub(super) async fn finish(visit: &Visit, held: Held<Done>) -> Result<Response, Failed> {
    let older = visit.session().await?;
    let login = held.login.id.clone();
    let lang = visit.lang(Some(&held.login.ask));
    let finished =
        match finish::finish(&visit.app, held, older.as_ref(), (visit.device_word(), lang), visit.now).await?
        {
            Finish::In(finished) => *finished,
            Finish::AnotherUser(told) => return Ok(refused(visit, told)),
        };
    let Finished { cookie, onward, address } = finished;
    let mut response = match onward {
        Onward::Portal(answer) => answered(visit, answer),
        Onward::Asked(id) => to_login(&id),
        Onward::Refused(told) => refused(visit, told),
        Onward::Own(page) => see_other(page.as_str()),
    };
    let device = guesses::remember(&visit.app, visit.device.as_ref(), &address);
    for (kind, value) in [(Cookie::Session, cookie), (Cookie::Device, device)] {
        if let Some(cookie) = kind.set(&value, visit.app.config.is_https()) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response.headers_mut().extend(visit.tie(&login).clear().map(|cookie| (SET_COOKIE, cookie)));
    Ok(response)
}
