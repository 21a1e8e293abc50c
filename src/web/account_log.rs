//! "Wie heeft iets gewijzigd": the log, as its person is shown it.

use askama::Template;
use axum::{extract::RawQuery, response::Response};

use super::{
    account::{enter, frame},
    desk_words::role,
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

/// What each event is called, as the key of a message.
const WHATS: &[(&str, &str)] = &[
    ("account.closed", "log-account-closed"),
    ("account.created", "log-account-created"),
    ("account.exported", "log-account-exported"),
    ("account.merged", "log-account-merged"),
    ("account.profile", "log-account-profile"),
    ("account.signed_out", "log-account-signed_out"),
    ("act_as", "log-act_as"),
    ("act_as.told", "log-act_as-told"),
    ("app.recovery_code", "log-app-recovery_code"),
    ("app.removed", "log-app-removed"),
    ("app.set", "log-app-set"),
    ("consent.given", "log-consent-given"),
    ("consent.withdrawn", "log-consent-withdrawn"),
    ("digid.linked", "log-digid-linked"),
    ("digid.unlinked", "log-digid-unlinked"),
    ("email.changed", "log-email-changed"),
    ("grant.revoked", "log-grant-revoked"),
    ("login.digid", "log-login-digid"),
    ("login.local", "log-login-local"),
    ("mandate.accepted", "log-mandate-accepted"),
    ("mandate.agreed", "log-mandate-agreed"),
    ("mandate.approved", "log-mandate-approved"),
    ("mandate.ended", "log-mandate-ended"),
    ("mandate.given_up", "log-mandate-given_up"),
    ("mandate.granted", "log-mandate-granted"),
    ("mandate.lapsed", "log-mandate-lapsed"),
    ("mandate.offer_ended", "log-mandate-offer_ended"),
    ("mandate.offered", "log-mandate-offered"),
    ("mandate.refused", "log-mandate-refused"),
    ("mandate.registered", "log-mandate-registered"),
    ("mandate.revoked", "log-mandate-revoked"),
    ("mandate.special_attested", "log-mandate-special_attested"),
    ("mandate.special_confirmed", "log-mandate-special_confirmed"),
    ("mandate.special_ended", "log-mandate-special_ended"),
    ("mandate.stopped", "log-mandate-stopped"),
    ("mandate.suspended", "log-mandate-suspended"),
    ("mandate.withdrawn", "log-mandate-withdrawn"),
    ("password.changed", "log-password-changed"),
    ("password.reset", "log-password-reset"),
    ("person.birth", "log-person-birth"),
    ("person.corrected", "log-person-corrected"),
    ("person.correction_proposed", "log-person-correction_proposed"),
    ("person.correction_withdrawn", "log-person-correction_withdrawn"),
    ("person.merge_proposed", "log-person-merge_proposed"),
    ("person.merge_withdrawn", "log-person-merge_withdrawn"),
    ("person.merged", "log-person-merged"),
    ("person.registered", "log-person-registered"),
    ("token.exchanged", "log-token-exchanged"),
];

/// What else may stand in the log of somebody who asks for all that is kept of them.
const MORE: &[(&str, &str)] = &[
    ("bsn.told", "log-bsn-told"),
    ("code", "log-code"),
    ("consent", "log-consent"),
    ("login", "log-login"),
    ("logout", "log-logout"),
    ("logout.digid", "log-logout-digid"),
    ("logout.notice", "log-logout-notice"),
    ("mandate.answered", "log-mandate-answered"),
    ("mandate.consent", "log-mandate-answered"),
    ("person.found", "log-person-found"),
    ("person.shown", "log-person-shown"),
    ("staff.added", "log-staff-added"),
    ("staff.approved", "log-staff-approved"),
    ("staff.ended", "log-staff-ended"),
    ("staff.proposed", "log-staff-proposed"),
];

/// What an event is called, as the key of a message.
pub(super) fn called(event: &str) -> &'static str {
    let found = WHATS.iter().chain(MORE).find(|(what, _)| *what == event);
    found.map_or("log-other", |(_, key)| key)
}

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
        let what = WHATS.iter().find(|(what, _)| *what == line.what);
        let what = self.frame.say(what.map_or("log-unknown", |(_, key)| key));
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
            Who::Member(roles, department) => {
                let roles: Vec<String> = roles.each().iter().map(|one| self.frame.say(role(*one))).collect();
                let values = [("department", department.as_str().into()), ("roles", roles.join(", ").into())];
                self.frame.lang.text_with("log-staff-of", &values)
            }
            Who::Program(name) if name.is_empty() => self.frame.say("log-program"),
            Who::Program(name) => self.frame.say_with("log-program-named", "name", name.as_str()),
            Who::System => self.frame.say("log-system"),
            Who::Unknown => self.frame.say("log-unknown"),
        }
    }

    fn at(&self, line: &Told) -> String {
        told(line.at, self.frame.lang)
    }
}

/// `GET /account/log`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let guest = enter(&visit, OwnPage::Log, query.as_deref()).await?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::{InOwnLog, shown};

    #[test]
    fn every_event_that_is_shown_has_its_words() {
        let said = ["mandate.agreed", "mandate.refused", "mandate.withdrawn"];
        let shown = shown(InOwnLog::OfAccount).chain(shown(InOwnLog::OfMandates)).chain(said);
        let mut shown: Vec<&str> =
            shown.filter(|what| !["mandate.answered", "mandate.consent"].contains(what)).collect();
        shown.sort_unstable();
        assert_eq!(shown, WHATS.iter().map(|(what, _)| *what).collect::<Vec<_>>());
    }
}
