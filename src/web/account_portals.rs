//! Portals and apps at "Mijn account": what each may know, and the devices on which it stays logged in (F14).

use askama::Template;
use axum::{extract::RawQuery, response::Response};
use serde::Deserialize;

use super::{
    account::{enter, frame, posted},
    client_consent::worded,
    error::{Failed, see_other},
    form::Form,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{calendar::told, id::GrantId, lang::Lang, own::OwnPage},
    flows::account_portals::{Device, Portal, disconnect, end_device, portals},
};

/// "Portalen en apps".
#[derive(Template)]
#[template(path = "account_portals.html")]
pub struct PortalsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Each of them.
    pub portals: Vec<PortalRow>,
}

/// A portal, as the owner of an account sees it.
pub struct PortalRow {
    /// Which.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Since when, in words.
    pub since: String,
    /// What it may know: the keys of the messages.
    pub items: Vec<&'static str>,
    /// The APIs for which it may have tokens.
    pub apis: Vec<String>,
    /// Where it stays logged in.
    pub devices: Vec<DeviceRow>,
}

/// Where an app stays logged in, as the owner of an account sees it.
pub struct DeviceRow {
    /// What it was given.
    pub grant: String,
    /// Since when, in words.
    pub since: String,
    /// When it was used last, in words.
    pub used: String,
}

page::rendered!(PortalsPage);

/// `GET /account/portals`
pub async fn show(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    let guest = enter(&visit, OwnPage::Portals, query.as_deref()).await?;
    let frame = frame(&visit, &guest);
    let all = portals(&visit.app, &guest.account, visit.now).await?;
    let portals = all.into_iter().map(|portal| row(portal, frame.lang)).collect();
    Ok(PortalsPage { frame, portals }.render())
}

fn row(portal: Portal, lang: Lang) -> PortalRow {
    let device = |Device { grant, since, used }: Device| DeviceRow {
        grant: grant.to_string(),
        since: told(since, lang),
        used: told(used, lang),
    };
    PortalRow {
        id: portal.id,
        name: portal.name,
        since: told(portal.since, lang),
        items: worded(portal.items),
        apis: portal.apis,
        devices: portal.devices.into_iter().map(device).collect(),
    }
}

/// What the form beside a portal brings back.
#[derive(Deserialize)]
pub struct PortalForm {
    csrf: String,
    client: String,
}

/// `POST /account/portals/withdraw`
pub async fn withdraw(visit: Visit, Form(form): Form<PortalForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Portals, &form.csrf).await?;
    disconnect(&visit.app, &guest, &form.client, visit.now).await?;
    Ok(see_other(OwnPage::Portals.as_str()))
}

/// What the form beside a device brings back.
#[derive(Deserialize)]
pub struct DeviceForm {
    csrf: String,
    grant: String,
}

/// `POST /account/portals/device`
pub async fn remove(visit: Visit, Form(form): Form<DeviceForm>) -> Result<Response, Failed> {
    let guest = posted(&visit, OwnPage::Portals, &form.csrf).await?;
    end_device(&visit.app, &guest, &GrantId::from_stored(form.grant), visit.now).await?;
    Ok(see_other(OwnPage::Portals.as_str()))
}
