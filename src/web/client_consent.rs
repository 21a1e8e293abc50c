//! What a portal of somebody else wants to know: "Toestaan" or "Weigeren" (OpenID Connect Core, section 3.1.2.4).

use askama::Template;
use axum::{extract::Path, response::Response};
use serde::Deserialize;

use super::{
    error::{Failed, refused},
    form::Form,
    form_post::answered,
    page::{self, Frame},
    steps,
    visit::Visit,
};
use crate::{
    app::App,
    domain::{
        ask::Ask,
        client_consent::{Item, host_of},
        fault::Fault,
        login::AsksConsent,
        profile::Claim,
        scope::Scope,
    },
    flows::client_consent::{allow, refuse, wanted},
};

/// Lists what the portal wants to know.
#[derive(Template)]
#[template(path = "client_consent.html")]
pub struct ClientConsentPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where the user is sent back to: the host of the portal, which its name need not tell.
    pub host: String,
    /// What it wants to know: the keys of the messages.
    pub items: Vec<&'static str>,
    /// The APIs for which it wants tokens, as people call them.
    pub apis: Vec<String>,
}

page::rendered!(ClientConsentPage);

impl ClientConsentPage {
    /// The page of a request.
    pub async fn of(app: &App, frame: Frame, ask: &Ask) -> Result<Self, Fault> {
        let host = host_of(&ask.redirect_uri).unwrap_or_default();
        let (wanted, apis) = wanted(app, ask).await?;
        Ok(Self { frame, host, items: worded(wanted.items()), apis })
    }
}

/// What people call them: the keys of the messages.
pub(super) fn worded(items: Vec<Item>) -> Vec<&'static str> {
    items.into_iter().map(words).collect()
}

/// What a person calls it.
const fn words(item: Item) -> &'static str {
    match item {
        Item::Scope(Scope::Openid) => "consent-scope-openid",
        Item::Scope(Scope::Profile) => "consent-scope-profile",
        Item::Scope(Scope::ActAs) => "consent-scope-act_as",
        Item::Scope(Scope::OfflineAccess) => "consent-scope-offline_access",
        Item::Scope(Scope::Email) | Item::Claim(Claim::Email | Claim::EmailVerified) => "consent-scope-email",
        Item::Scope(Scope::Address) | Item::Claim(Claim::Address) => "consent-scope-address",
        Item::Scope(Scope::Phone) | Item::Claim(Claim::PhoneNumber | Claim::PhoneNumberVerified) => {
            "consent-scope-phone"
        }
        Item::Claim(Claim::Name) => "consent-claim-name",
        Item::Claim(Claim::GivenName) => "consent-claim-given_name",
        Item::Claim(Claim::FamilyName) => "consent-claim-family_name",
        Item::Claim(Claim::MiddleName) => "consent-claim-middle_name",
        Item::Claim(Claim::Nickname) => "consent-claim-nickname",
        Item::Claim(Claim::PreferredUsername) => "consent-claim-preferred_username",
        Item::Claim(Claim::Profile) => "consent-claim-profile",
        Item::Claim(Claim::Picture) => "consent-claim-picture",
        Item::Claim(Claim::Website) => "consent-claim-website",
        Item::Claim(Claim::Gender) => "consent-claim-gender",
        Item::Claim(Claim::Birthdate) => "consent-claim-birthdate",
        Item::Claim(Claim::Zoneinfo) => "consent-claim-zoneinfo",
        Item::Claim(Claim::Locale) => "consent-claim-locale",
        Item::Claim(Claim::UpdatedAt) => "consent-claim-updated_at",
    }
}

/// What the form brings.
#[derive(Deserialize)]
pub struct ConsentForm {
    csrf: String,
    answer: Choice,
}

/// What the user answers.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Choice {
    Allow,
    Refuse,
}

/// `POST /login/{id}/consent`
pub async fn post(
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form<ConsentForm>,
) -> Result<Response, Failed> {
    let (held, _) = steps::at::<AsksConsent>(&visit, &id, &form.csrf).await?;
    let session = visit.session().await?;
    let (app, now) = (&visit.app, visit.now);
    Ok(match form.answer {
        Choice::Allow => match allow(app, held, session.as_ref(), now).await? {
            Ok(answer) => answered(&visit, answer),
            Err(error) => refused(&visit, error),
        },
        Choice::Refuse => refused(&visit, refuse(app, held, session.as_ref(), now).await?),
    })
}
