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
    domain::{birth::HAS_A_SAY, calendar::today, staff::Act},
    flows::desk_ahead::{Birthday, birthdays},
};

/// Mandate, name, the key of what changes, and the day.
pub type Row = (String, String, &'static str, String);

/// "Verjaardagen die iets veranderen".
#[derive(Template)]
#[template(path = "desk_ahead.html")]
pub struct AheadPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Of which department.
    pub department: String,
    /// What is ahead, the first one first.
    pub rows: Vec<Row>,
    /// The same of mandates of no department, which everybody sees.
    pub others: Vec<Row>,
    /// Whether there are more than stand in one of the two.
    pub is_cut: bool,
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
    let at = enter(&visit, Act::Search).await?;
    let department = at.member.department.clone();
    let store = &visit.app.store;
    let theirs = store.mandates_of_ties(&at.guest.account.person).await?;
    let rows = |found: Vec<Birthday>| rows(found.into_iter().filter(|one| !theirs.contains(&one.mandate.id)));
    let own = birthdays(store, Some(&department), visit.now).await?;
    let others = birthdays(store, None, visit.now).await?;
    let is_cut = own.is_cut || others.is_cut;
    let (own, others) = (rows(own.birthdays), rows(others.birthdays));
    Ok(AheadPage { frame: frame(&visit, &at), department, rows: own, others, is_cut }.render())
}

fn rows(found: impl Iterator<Item = Birthday>) -> Vec<Row> {
    let row = |one: Birthday| {
        let what = if one.age == HAS_A_SAY { "desk-ahead-twelve" } else { "desk-ahead-sixteen" };
        (one.mandate.id.to_string(), one.mandate.represented_name, what, today(one.at).to_string())
    };
    found.map(row).collect()
}

/// `GET /desk/leaflet`: on a page of its own, to be printed.
pub async fn leaflet(visit: Visit) -> Result<Response, Failed> {
    let at = enter(&visit, Act::Register).await?;
    let frame = frame(&visit, &at);
    let paragraphs = match &visit.app.config.desk.leaflet {
        Some(text) => text.paragraphs(frame.lang),
        None => ["desk-leaflet-1", "desk-leaflet-2", "desk-leaflet-3"].map(|key| frame.say(key)).into(),
    };
    Ok(LeafletPage { frame, paragraphs }.render())
}
