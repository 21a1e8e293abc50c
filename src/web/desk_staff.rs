//! Who works at the desk: proposed by a privacy officer, approved by somebody else, ended by one. It takes a login of just now.

use askama::Template;
use axum::{
    extract::{Path, RawQuery},
    response::Response,
};
use serde::Deserialize;

use super::{
    account::StoppedPage,
    desk::{enter, frame, posted},
    desk_words::role as role_key,
    error::{Failed, see_other},
    form::Form,
    page::{self, Frame},
    steps::Token,
    visit::Visit,
};
use crate::{
    domain::{
        calendar::told,
        email::Email,
        id::StaffId,
        own::OwnPage,
        staff::{Act, Member, Role, Roles, department},
    },
    flows::{
        desk::{AtDesk, shown},
        desk_staff::{self, NotDone},
    },
    oidc::params::Params,
};

/// "Medewerkers".
#[derive(Template)]
#[template(path = "desk_staff.html")]
pub struct StaffPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Who works here, and who waits to.
    pub rows: Vec<StaffRow>,
    /// Whether this member may propose and end.
    pub may_propose: bool,
    /// What was filled in.
    pub email: String,
    /// What was filled in.
    pub department: String,
    /// What was wrong: the key of the message.
    pub error: Option<&'static str>,
}

/// One of them.
pub struct StaffRow {
    /// Which membership.
    pub id: String,
    /// The address of the account.
    pub email: String,
    /// In which roles: the keys of their messages.
    pub roles: Vec<&'static str>,
    /// Where.
    pub department: String,
    /// Who proposed them, and when.
    pub proposed: (String, String),
    /// Until when they wait for somebody else, in words.
    pub waits_until: Option<String>,
    /// Whether this member may approve them.
    pub may_approve: bool,
}

page::rendered!(StaffPage, |page| page.error.is_some());

/// `GET /desk/staff`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let params = Params::parse(query.as_deref().unwrap_or_default().as_bytes()).unwrap_or_default();
    if params.has("error") {
        return Ok(StoppedPage { frame: Frame::desk(visit.lang(None), String::new()) }.render());
    }
    let at = enter(&visit, Act::ApproveStaff).await?;
    page(&visit, &at, (String::new(), String::new()), None).await
}

/// Who is proposed.
#[derive(Deserialize)]
pub struct StaffForm {
    csrf: String,
    email: String,
    department: String,
    #[serde(default)]
    registrar: Option<String>,
    #[serde(default)]
    approver: Option<String>,
    #[serde(default)]
    officer: Option<String>,
    #[serde(default)]
    auditor: Option<String>,
}

impl StaffForm {
    fn roles(&self) -> Vec<Role> {
        let all = [&self.registrar, &self.approver, &self.officer, &self.auditor];
        Role::ALL.iter().zip(all).filter(|(_, chosen)| chosen.is_some()).map(|(role, _)| *role).collect()
    }
}

/// `POST /desk/staff`: proposes somebody.
pub async fn propose(visit: Visit, Form(form): Form<StaffForm>) -> Result<Response, Failed> {
    let at = posted(&visit, Act::Staff, &form.csrf).await?;
    let wrong = match (Email::parse(&form.email), department(&form.department), Roles::of(&form.roles())) {
        (Ok(email), Ok(department), Ok(roles)) => {
            let (store, by) = (&visit.app.store, at.member.name());
            match desk_staff::propose(store, &email, (&roles, &department), &by, visit.now).await {
                Ok(()) => return Ok(see_other(OwnPage::DeskStaff.as_str())),
                Err(NotDone::Fault(fault)) => return Err(fault.into()),
                Err(why) => key(&why),
            }
        }
        (Err(_), ..) => "desk-staff-no-account",
        (_, Err(_), _) => "desk-staff-department-wrong",
        (.., Err(_)) => "desk-staff-no-role",
    };
    page(&visit, &at, (form.email, form.department), Some(wrong)).await
}

/// Whom the second pair of eyes mean.
#[derive(Deserialize)]
pub struct SecondForm {
    csrf: String,
    email: String,
}

/// `POST /desk/staff/{id}/approve`
pub async fn approve(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<SecondForm>,
) -> Result<Response, Failed> {
    let at = posted(&visit, Act::ApproveStaff, &form.csrf).await?;
    let done = match Email::parse(&form.email) {
        Ok(email) => {
            let (id, by) = (StaffId::from_stored(id), at.member.name());
            desk_staff::approve(&visit.app.store, &id, &email, &by, visit.now).await
        }
        Err(_) => Err(NotDone::SomebodyElse),
    };
    after(&visit, &at, done).await
}

/// `POST /desk/staff/{id}/end`: at once, by one.
pub async fn end(visit: Visit, Path(id): Path<String>, Form(form): Form<Token>) -> Result<Response, Failed> {
    let at = posted(&visit, Act::Staff, &form.csrf).await?;
    let (id, by) = (StaffId::from_stored(id), at.member.name());
    let done = desk_staff::end(&visit.app.store, &id, &by, visit.now).await;
    after(&visit, &at, done).await
}

async fn after(visit: &Visit, at: &AtDesk, done: Result<(), NotDone>) -> Result<Response, Failed> {
    match done {
        Ok(()) => Ok(see_other(OwnPage::DeskStaff.as_str())),
        Err(NotDone::Fault(fault)) => Err(fault.into()),
        Err(why) => page(visit, at, (String::new(), String::new()), Some(key(&why))).await,
    }
}

const fn key(why: &NotDone) -> &'static str {
    match why {
        NotDone::NoAccount => "desk-staff-no-account",
        NotDone::NoApp => "desk-staff-no-app",
        NotDone::Already => "desk-staff-already",
        NotDone::SomebodyElse => "desk-staff-somebody-else",
        _ => "desk-staff-over",
    }
}

async fn page(
    visit: &Visit,
    at: &AtDesk,
    (email, department): (String, String),
    error: Option<&'static str>,
) -> Result<Response, Failed> {
    let (frame, store, by) = (frame(visit, at), &visit.app.store, at.member.name());
    let mut rows = Vec::new();
    for member in store.members(visit.now).await? {
        let waits_until = member.waits_until();
        let may_approve = waits_until.is_some() && member.proposed_by != by && member.name() != by;
        let Member { id, email, roles, department, proposed_by, proposed_at, .. } = member;
        rows.push(StaffRow {
            id: id.to_string(),
            email,
            roles: roles.each().iter().map(|role| role_key(*role)).collect(),
            department,
            proposed: (shown(store, &proposed_by).await?, told(proposed_at, frame.lang)),
            waits_until: waits_until.map(|end| told(end, frame.lang)),
            may_approve,
        });
    }
    let may_propose = at.member.roles.open(Act::Staff);
    Ok(StaffPage { frame, rows, may_propose, email, department, error }.render())
}
