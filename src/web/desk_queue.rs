//! What waits at the desk for a second pair of eyes, with its clock (M10).

use askama::Template;
use axum::response::Response;

use super::{
    desk::{enter, frame},
    error::Failed,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{calendar::told, own::OwnPage, staff::Act, working_days::overdue_from},
    flows::desk::shown,
};

/// "Wat wacht op een collega".
#[derive(Template)]
#[template(path = "desk_queue.html")]
pub struct QueuePage {
    /// What surrounds it.
    pub frame: Frame,
    /// The oldest first.
    pub rows: Vec<QueueRow>,
}

/// A mandate that waits.
pub struct QueueRow {
    /// Which.
    pub id: String,
    /// Who will act.
    pub representative: String,
    /// For whom.
    pub represented: String,
    /// Who registered it, as colleagues know them.
    pub by: String,
    /// When.
    pub at: String,
    /// At which department.
    pub department: Option<String>,
    /// Until when there is time, in words.
    pub due: String,
    /// Whether there was.
    pub overdue: bool,
}

page::rendered!(QueuePage);

/// `GET /desk/queue`
pub async fn show(visit: Visit) -> Result<Response, Failed> {
    let at = match enter(&visit, OwnPage::Desk, Some(Act::Search), false).await? {
        Ok(at) => at,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let (frame, store) = (frame(&visit, &at), &visit.app.store);
    let mut rows = Vec::new();
    for one in store.waiting(visit.now).await? {
        let due = overdue_from(one.registered_at);
        rows.push(QueueRow {
            id: one.id.to_string(),
            representative: one.representative_name,
            represented: one.represented_name,
            by: shown(store, &one.registered_by).await?,
            at: told(one.registered_at, frame.lang),
            department: one.department,
            due: told(due, frame.lang),
            overdue: due <= visit.now,
        });
    }
    Ok(QueuePage { frame, rows }.render())
}
