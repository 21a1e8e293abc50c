//! "Heeft u al een account?" (F8)

use askama::Template;
use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    error::{Failed, refused, to_login},
    form::Form,
    page::{self, Frame},
    steps::{self, Token},
    visit::Visit,
};
use crate::{
    domain::login::Question,
    flows::{
        logins,
        question::{go_back, has_account, has_none},
    },
};

/// Asked after a first login with an unknown DigiD.
#[derive(Template)]
#[template(path = "question.html")]
pub struct QuestionPage {
    /// What surrounds it.
    pub frame: Frame,
}

page::rendered!(QuestionPage);

/// What the form brings.
#[derive(Deserialize)]
pub struct QuestionForm {
    csrf: String,
    answer: Answer,
}

/// What the user answers.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Have,
    New,
    Stop,
}

/// `POST /login/{id}/question`
pub async fn post(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<QuestionForm>,
) -> Result<Response, Failed> {
    let (held, _) = steps::at::<Question>(&visit, &id, &form.csrf).await?;
    let id = held.login.id.clone();
    match form.answer {
        Answer::Have => has_account(&visit.app, held).await?,
        Answer::New => has_none(&visit.app, held).await?,
        Answer::Stop => {
            return Ok(refused(&visit, logins::abandon(&visit.app, held, visit.now).await?));
        }
    }
    Ok(to_login(&id))
}

/// `POST /login/{id}/back`: from "Ik heb een account" or "Ik heb nog geen account" back to the question.
pub async fn back(visit: Visit, Path(id): Path<String>, Form(form): Form<Token>) -> Result<Response, Failed> {
    let (held, _) = steps::form(&visit, &id, &form.csrf).await?;
    let id = held.login.id.clone();
    go_back(&visit.app, held).await?;
    Ok(to_login(&id))
}
