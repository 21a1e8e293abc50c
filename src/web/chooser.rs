//! "Voor wie wilt u inloggen?" (M12)

use askama::Template;
use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    error::{Failed, refused, to_login},
    form::Form,
    form_post::answered,
    page::{self, Frame},
    steps,
    visit::Visit,
};
use crate::{
    domain::login::AsksForWhom,
    flows::{
        Held,
        chooser::{Candidate, Choice, Chose, candidates, choose},
    },
};

/// Nobody was chosen, as the key of the message.
const NOBODY: &str = "for-whom-nobody";
/// Somebody was chosen who cannot be, as the key of the message.
const NOT_THEM: &str = "for-whom-not-them";
/// What stands for the user among the answers. No `sub` is so short.
const ONESELF: &str = "self";

/// Asks for whom. Nobody is chosen before the user does.
#[derive(Template)]
#[template(path = "chooser.html")]
pub struct ChooserPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Who can be chosen beside the user.
    pub people: Vec<Candidate>,
    /// What was wrong with the last answer: the key of the message.
    pub error: Option<&'static str>,
}

page::rendered!(ChooserPage, |page| page.error.is_some());

impl ChooserPage {
    fn named(&self, person: &Candidate) -> String {
        // No number to fluent: it would group the digits of a year.
        let (name, born) = (person.name.as_str(), person.born.as_str());
        if name.is_empty() {
            return self.frame.lang.text_with("for-whom-nameless", &[("born", born.into())]);
        }
        self.frame.lang.text_with("for-whom-person", &[("name", name.into()), ("year", born.into())])
    }
}

/// Where a login asks for whom. Whoever has signed out meanwhile is sent back to the portal and sees no names.
pub(super) async fn show(
    visit: &Visit,
    held: &Held<AsksForWhom>,
    frame: Frame,
    error: Option<&'static str>,
) -> Result<Response, Failed> {
    let session = visit.session().await?;
    Ok(match candidates(&visit.app, held, session.as_ref(), visit.now).await? {
        Ok(people) => ChooserPage { frame, people, error }.render(),
        Err(told) => refused(visit, told),
    })
}

/// What the form brings; nothing beside the token where nobody was chosen.
#[derive(Deserialize)]
pub struct ChooserForm {
    csrf: String,
    whom: Option<String>,
}

/// `POST /login/{id}/for-whom`
pub async fn post(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<ChooserForm>,
) -> Result<Response, Failed> {
    let (held, frame) = steps::at::<AsksForWhom>(&visit, &id, &form.csrf).await?;
    let choice = match form.whom.as_deref() {
        None | Some("") => return show(&visit, &held, frame, Some(NOBODY)).await,
        Some(ONESELF) => Choice::Oneself,
        Some(sub) => Choice::One(sub.to_owned()),
    };
    let session = visit.session().await?;
    Ok(match choose(&visit.app, held, session.as_ref(), &choice, visit.now).await? {
        Chose::Answered(answer) => answered(&visit, answer),
        Chose::Stale(told) => refused(&visit, told),
        Chose::Asked(id) => to_login(&id),
        Chose::NotThem(held) => return show(&visit, &held, frame, Some(NOT_THEM)).await,
    })
}
