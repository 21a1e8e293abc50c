//! "Wie heeft iets gewijzigd": the log, as its person is shown it.

use askama::Template;
use axum::{extract::RawQuery, response::Response};

use super::{
    account::{enter, frame},
    error::Failed,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{calendar::told, own::OwnPage, time::Timestamp},
    flows::account_log::{Told, Who, page},
    oidc::params::Params,
    store::audit::Place,
};

/// "Wie heeft iets gewijzigd".
#[derive(Template)]
#[template(path = "account_log.html")]
pub struct LogPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The lines, newest first.
    pub lines: Vec<Told>,
    /// Behind which place the next page begins.
    pub older: Option<String>,
    /// Whether mandates are left out in this session.
    pub without_mandates: bool,
}

page::rendered!(LogPage);

impl LogPage {
    fn what(&self, line: &Told) -> String {
        let what = self.frame.say(&format!("log-{}", line.what.replace('.', "-")));
        match &line.whom {
            Some(name) => {
                let values = [("what", what.as_str().into()), ("name", name.as_str().into())];
                self.frame.lang.text_with("log-for", &values)
            }
            None => what,
        }
    }

    fn who(&self, line: &Told) -> String {
        match &line.who {
            Who::Oneself => self.frame.say("log-oneself"),
            Who::Person(name) if name.is_empty() => self.frame.say("log-person"),
            Who::Person(name) => name.clone(),
            Who::Staff => self.frame.say("log-staff"),
            Who::Program(name) if name.is_empty() => self.frame.say("log-program"),
            Who::Program(name) => self.frame.say_with("log-program-named", "name", name.as_str()),
            Who::Unknown => self.frame.say("log-unknown"),
        }
    }

    fn at(&self, line: &Told) -> String {
        told(line.at, self.frame.lang)
    }
}

/// `GET /account/log`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let guest = match enter(&visit, OwnPage::Log, query.as_deref()).await? {
        Ok(guest) => guest,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let before = params.get("before").and_then(place);
    let told = page(&visit.app, &guest, before).await?;
    let page = LogPage {
        frame: frame(&visit, &guest),
        lines: told.lines,
        older: told.older.map(|(at, id)| format!("{}.{id}", at.epoch())),
        without_mandates: told.without_mandates,
    };
    Ok(page.render())
}

/// A place as the link to an older page tells it; the newest where it is none.
fn place(text: &str) -> Option<Place> {
    let (at, id) = text.split_once('.')?;
    let at: i64 = at.parse().ok()?;
    let is_id =
        id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    (at >= 0 && is_id).then(|| (Timestamp::from_epoch(at), id.to_owned()))
}
