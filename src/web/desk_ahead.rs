//! What the desk looks ahead at, and what it hands out on paper.

use askama::Template;
use axum::response::Response;

use super::{
    desk::{enter, frame},
    error::Failed,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{birth::HAS_A_SAY, calendar::today, own::OwnPage, staff::Act},
    flows::desk_ahead::birthdays,
};

/// "Verjaardagen die iets veranderen".
#[derive(Template)]
#[template(path = "desk_ahead.html")]
pub struct AheadPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Of which department.
    pub department: String,
    /// Mandate, name, the key of what changes, and the day; the first one first.
    pub rows: Vec<(String, String, &'static str, String)>,
}

page::rendered!(AheadPage);

/// The leaflet.
#[derive(Template)]
#[template(path = "desk_leaflet.html")]
pub struct LeafletPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What it says.
    pub paragraphs: Vec<String>,
}

page::rendered!(LeafletPage);

/// `GET /desk/ahead`
pub async fn show(visit: Visit) -> Result<Response, Failed> {
    let at = match enter(&visit, OwnPage::Desk, Some(Act::Search), false).await? {
        Ok(at) => at,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let department = at.member.department.clone();
    let found = birthdays(&visit.app.store, &department, visit.now).await?.into_iter();
    let rows = found.map(|one| {
        let (mandate, day) = (one.mandate.id.to_string(), today(one.at).to_string());
        let what = if one.age == HAS_A_SAY { "desk-ahead-twelve" } else { "desk-ahead-sixteen" };
        (mandate, one.mandate.represented_name, what, day)
    });
    Ok(AheadPage { frame: frame(&visit, &at), department, rows: rows.collect() }.render())
}

/// `GET /desk/leaflet`: on a page of its own, to be printed.
pub async fn leaflet(visit: Visit) -> Result<Response, Failed> {
    let at = match enter(&visit, OwnPage::Desk, Some(Act::Register), false).await? {
        Ok(at) => at,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let frame = frame(&visit, &at);
    let paragraphs = match &visit.app.config.desk.leaflet {
        Some(text) => text.split("\n\n").map(|part| part.trim().to_owned()).collect(),
        None => ["desk-leaflet-1", "desk-leaflet-2", "desk-leaflet-3"].map(|key| frame.say(key)).into(),
    };
    Ok(LeafletPage { frame, paragraphs }.render())
}
