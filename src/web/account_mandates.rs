//! "Machtigingen" (M4, M5, M12): for whom I may act, who may act for me, and what I do about it.

use askama::Template;
use axum::{extract::RawQuery, response::Response};
use fluent::FluentValue;
use serde::Deserialize;

use super::{
    account::{enter, frame, posted},
    account_offers::Answer,
    error::{Failed, see_other},
    form::Form,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{
        assurance::Level,
        calendar::told,
        consent::Word,
        email::Email,
        fault::Fault,
        id::MandateId,
        mandate::{Given, Held, Relation, offer::CannotGrant},
        own::OwnPage,
        time::Timestamp,
    },
    flows::{
        account::Guest,
        account_mandates::{GivenMandate, HeldMandate, Overview, answer, overview, stop},
        account_offers::{Offers, offers},
    },
    store::mandates::offers::Offer,
};

/// "Machtigingen".
#[derive(Template)]
#[template(path = "account_mandates.html")]
pub struct MandatesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What is there.
    pub overview: Overview,
    /// Whether the login is of just now: who agrees must have logged in then.
    pub fresh: bool,
    /// What they offer of their own record, and what others offer them.
    pub offers: Offers,
    /// What came of the form about those, if one was sent.
    pub answer: Answer,
}

page::rendered!(MandatesPage, |page| page.answer.wrong.is_some());

/// What a representative is called, as the key of a message.
pub(super) const fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::Parent => "mandates-parent",
        Relation::Guardian => "mandates-guardian",
        Relation::Curator => "mandates-curator",
        Relation::Mentor => "mandates-mentor",
        Relation::Authorised => "mandates-authorised",
    }
}

impl MandatesPage {
    /// A text for everybody else, or the one for a child.
    fn say(&self, key: &str, childs: &str) -> String {
        self.worded([key, childs], &[])
    }

    fn worded(&self, [key, childs]: [&str; 2], values: &[(&'static str, FluentValue<'_>)]) -> String {
        self.frame.lang.text_with(if self.overview.age.is_some() { childs } else { key }, values)
    }

    fn who(&self, row: &GivenMandate) -> String {
        if row.name.is_empty() { self.frame.say("mandates-nameless") } else { row.name.clone() }
    }

    /// That who was stopped has access by another mandate.
    fn still(&self, name: &str) -> String {
        let name = if name.is_empty() { self.frame.say("mandates-nameless") } else { name.to_owned() };
        self.worded(["mandates-still", "mandates-still-child"], &[("name", name.into())])
    }

    fn named(&self, row: &GivenMandate) -> String {
        let relation = self.frame.say(relation(row.relation));
        let values = [("name", self.who(row).into()), ("relation", relation.into())];
        self.frame.lang.text_with("mandates-named", &values)
    }

    fn whom(&self, row: &HeldMandate) -> String {
        // No number to fluent: it would group the digits of a year.
        let (name, born) = (row.name.as_str(), row.born.as_str());
        let lang = self.frame.lang;
        match (name, born) {
            ("", "") => lang.text("mandates-nameless"),
            ("", _) => lang.text_with("mandates-born", &[("born", born.into())]),
            (_, "") => name.to_owned(),
            _ => lang.text_with("mandates-whom", &[("name", name.into()), ("year", born.into())]),
        }
    }

    /// Whether there is somebody in whose record they may look now: where that is, is a portal and not this page.
    fn may_look(&self) -> bool {
        self.overview.held.iter().any(|row| matches!(row.shown, Held::Counts(_)))
    }

    fn stands(&self, row: &HeldMandate) -> String {
        match row.shown {
            Held::Counts(None) => self.say("mandates-counts", "mandates-counts-child"),
            Held::Counts(Some(at)) => {
                self.worded(["mandates-counts-until", "mandates-counts-until-child"], &[self.until(at)])
            }
            Held::WaitsForYou => self.say("mandates-waits-you", "mandates-waits-you-child"),
            Held::WaitsForThem => self.say("mandates-waits-them", "mandates-waits-them-child"),
            Held::WaitsForDesk => self.say("mandates-waits-desk", "mandates-waits-desk-child"),
            Held::Later => self.say("mandates-later", "mandates-later-child"),
        }
    }

    fn is_given(&self, row: &GivenMandate) -> String {
        match row.shown {
            Given::Counts(None) => self.say("mandates-looks", "mandates-looks-child"),
            Given::Counts(Some(at)) => {
                self.worded(["mandates-looks-until", "mandates-looks-until-child"], &[self.until(at)])
            }
            Given::WaitsForThem => self.say("mandates-waits-other", "mandates-waits-other-child"),
            Given::WaitsForDesk => self.say("mandates-waits-desk", "mandates-waits-desk-child"),
            Given::Later => self.say("mandates-later", "mandates-later-child"),
            Given::Asked => self.asked(row),
            Given::Refused => self.say("mandates-refused", "mandates-refused-child"),
        }
    }

    fn asked(&self, row: &GivenMandate) -> String {
        let age = self.overview.age.unwrap_or_default().to_string();
        self.frame.lang.text_with("mandates-asked", &[("age", age.into()), ("name", self.who(row).into())])
    }

    fn until(&self, at: Timestamp) -> (&'static str, FluentValue<'static>) {
        ("until", told(at, self.frame.lang).into())
    }

    /// What the reader is asked who typed a code: by whom, and for how long.
    fn offered(&self, one: &Offer) -> String {
        let who = one.other.as_ref().map(|other| match other.name.as_str() {
            "" => Email::parse(&other.email).map(|email| email.masked()).unwrap_or_default(),
            name => name.to_owned(),
        });
        self.frame.lang.text_with(
            "offer-offered",
            &[("name", who.unwrap_or_default().into()), ("days", one.days.to_string().into())],
        )
    }

    /// Who typed the code and said yes, as the grantor is told it: that was told to them before.
    fn accepted(&self, one: &Offer) -> Option<String> {
        let other = one.other.as_ref().filter(|_| one.accepted)?;
        let name = match other.name.as_str() {
            "" => self.frame.say("mandates-nameless"),
            name => name.to_owned(),
        };
        let values = [("name", name.into()), ("email", other.email.as_str().into())];
        Some(self.frame.lang.text_with("offer-accepted", &values))
    }

    /// How an offer stands to which nobody has said yes.
    fn waits(&self, one: &Offer) -> String {
        let key = if one.other.is_some() { "offer-typed" } else { "offer-waits" };
        self.frame.lang.text_with(key, &[self.until(one.ends)])
    }

    /// Whether the reader is told that they can give access at the desk only.
    fn is_for_the_desk(&self) -> bool {
        matches!(self.offers.cannot, Some(CannotGrant::NoBirthDate | CannotGrant::DoesNotDecide))
    }

    fn waits_for_me(row: &HeldMandate) -> bool {
        row.shown == Held::WaitsForYou
    }

    /// Whether the reader can say yes: they have not.
    fn may_agree(row: &GivenMandate) -> bool {
        row.has_a_say && matches!(row.shown, Given::Asked | Given::Refused)
    }

    /// Whether the reader can say no: they have not.
    fn may_refuse(row: &GivenMandate) -> bool {
        row.has_a_say && row.shown != Given::Refused
    }
}

/// `GET /account/mandates`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let guest = enter(&visit, OwnPage::Mandates, query.as_deref()).await?;
    Ok(page_of(&visit, &guest, Answer::default()).await?.render())
}

/// `GET /account/mandates/agree`: after a new login for it, back to where the forms are.
pub async fn proven(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    enter(&visit, OwnPage::Agree, query.as_deref()).await?;
    Ok(back().await)
}

/// The address of another form, opened by hand.
pub async fn back() -> Response {
    see_other(OwnPage::Mandates.as_str())
}

/// What each of the forms brings back.
#[derive(Deserialize)]
pub struct MandateForm {
    pub(super) csrf: String,
    pub(super) mandate: String,
}

/// `POST /account/mandates/agree`: it gives access, and takes a login of just now.
pub async fn agree(visit: Visit, Form(form): Form<MandateForm>) -> Result<Response, Failed> {
    said(&visit, &form, OwnPage::Agree, Word::Agreed).await
}

/// `POST /account/mandates/refuse`
pub async fn refuse(visit: Visit, Form(form): Form<MandateForm>) -> Result<Response, Failed> {
    said(&visit, &form, OwnPage::Mandates, Word::Withdrawn).await
}

async fn said(visit: &Visit, form: &MandateForm, page: OwnPage, word: Word) -> Result<Response, Failed> {
    let guest = posted(visit, page, &form.csrf).await?;
    let id = MandateId::from_stored(form.mandate.clone());
    answer(&visit.app, &guest, &id, word, visit.now).await?;
    Ok(back().await)
}

/// `POST /account/mandates/stop`
pub async fn stopped(visit: Visit, Form(form): Form<MandateForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Mandates, &form.csrf).await?;
    let id = MandateId::from_stored(form.mandate);
    match stop(&visit.app, &guest, &id, visit.lang(None), visit.now).await? {
        None => Ok(back().await),
        still => {
            let answer = Answer { still, ..Answer::default() };
            Ok(page_of(&visit, &guest, answer).await?.render())
        }
    }
}

pub(super) async fn page_of(visit: &Visit, guest: &Guest, answer: Answer) -> Result<MandatesPage, Fault> {
    let offers = offers(&visit.app, guest, visit.now).await?;
    let overview = overview(&visit.app, guest, visit.now).await?;
    let fresh = guest.session.is_fresh(Level::Local, visit.now);
    Ok(MandatesPage { frame: frame(visit, guest), overview, fresh, offers, answer })
}
