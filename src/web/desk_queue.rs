//! What waits at the desk for a second pair of eyes, with its clock (M10).

use askama::Template;
use axum::response::Response;

use super::{
    desk::{enter, frame},
    desk_words as words,
    error::Failed,
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{
        calendar::told,
        id::{MandateId, PersonId},
        staff::Act,
        working_days::overdue_from,
    },
    flows::desk::{AtDesk, shown},
};

/// "Wat wacht op een collega".
#[derive(Template)]
#[template(path = "desk_queue.html")]
pub struct QueuePage {
    /// What surrounds it.
    pub frame: Frame,
    /// The oldest first.
    pub rows: Vec<QueueRow>,
    /// The special bases and corrections that this member may second, the oldest first.
    pub others: Vec<OtherRow>,
    /// What this member registered and a colleague refused, the newest first.
    pub refused: Vec<OtherRow>,
}

/// Something else that waits, or that was refused.
pub struct OtherRow {
    /// Where it is seen.
    pub href: String,
    /// Of whom.
    pub of: String,
    /// What it is, or why it was refused: the key of the message.
    pub what: &'static str,
    /// Who asked for it, or refused it.
    pub by: String,
    /// When.
    pub at: String,
    /// Until when there is time, in words, and whether there was none left; none of what was refused.
    pub due: Option<(String, bool)>,
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
    let at = enter(&visit, Act::Search).await?;
    let (frame, store) = (frame(&visit, &at), &visit.app.store);
    let theirs = store.mandates_of_ties(&at.guest.account.person).await?;
    let mut rows = Vec::new();
    let waiting = store.waiting(visit.now).await?;
    for one in waiting.into_iter().filter(|one| !theirs.contains(&one.id)) {
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
    let others = others(&visit, &at, &theirs).await?;
    let mut refused = Vec::new();
    for one in store.refused_of(&at.member.name(), visit.now).await? {
        if !theirs.contains(&one.id) {
            refused.push(OtherRow {
                href: format!("/desk/mandate/{}", one.id),
                of: format!("{} \u{2192} {}", one.representative_name, one.represented_name),
                what: words::refusal(one.why),
                by: shown(store, &one.refused.by).await?,
                at: told(one.refused.at, frame.lang),
                due: None,
            });
        }
    }
    Ok(QueuePage { frame, rows, others, refused }.render())
}

/// What waits beside mandates, for those who may be its second pair of eyes.
async fn others(visit: &Visit, at: &AtDesk, theirs: &[MandateId]) -> Result<Vec<OtherRow>, Failed> {
    let (store, by, lang, mut rows) = (&visit.app.store, at.member.name(), visit.lang(None), Vec::new());
    let due = |asked| {
        let due = overdue_from(asked);
        Some((told(due, lang), due <= visit.now))
    };
    if at.member.roles.open(Act::Approve) {
        for one in store.waiting_bases(&by, visit.now).await? {
            if !theirs.contains(&one.mandate) {
                rows.push(OtherRow {
                    href: format!("/desk/mandate/{}", one.mandate),
                    of: format!("{} \u{2192} {}", one.representative_name, one.represented_name),
                    what: "desk-special",
                    by: shown(store, &one.attested.by).await?,
                    at: told(one.attested.at, lang),
                    due: due(one.attested.at),
                });
            }
        }
    }
    if at.member.roles.open(Act::Correct) {
        for one in store.waiting_corrections(&by, visit.now).await? {
            let other = one.other.as_ref().map_or("", PersonId::as_str);
            if at.ties.of(&[one.person.as_str(), other]).is_none() {
                rows.push(OtherRow {
                    href: format!("/desk/person/{}", one.person),
                    of: one.name,
                    what: words::wrong_of(one.what),
                    by: shown(store, &one.proposed.by).await?,
                    at: told(one.proposed.at, lang),
                    due: due(one.proposed.at),
                });
            }
        }
    }
    Ok(rows)
}
