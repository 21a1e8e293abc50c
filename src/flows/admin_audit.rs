//! A program of the operator's searches the audit log. Each search looks at very many lines, so few are under way at once: the rest of the
//! readers of the database is for those who log in.

use serde_json::{Value, json};

use super::Busy;
use crate::{
    app::App,
    domain::fault::Fault,
    store::audit::{Line, Place, Search},
};

/// At most `limit` lines, oldest first, and behind which place to go on; or too many search already, and nothing was read.
pub async fn search(
    app: &App,
    search: &Search,
    limit: usize,
) -> Result<Result<(Vec<Line>, Option<Place>), Busy>, Fault> {
    let Ok(_searching) = app.searching.try_acquire() else { return Ok(Err(Busy)) };
    Ok(Ok(app.store.audit_lines(search, limit).await?))
}

/// A line, as programs and members of staff read it.
pub fn as_json(line: &Line) -> Value {
    json!({
        "node": line.node,
        "seq": line.seq,
        "id": line.id,
        "at": line.at.rfc3339(),
        "event": line.event,
        "outcome": line.outcome,
        "actor": line.actor,
        "role": line.role,
        "represented": line.represented,
        "purpose": line.purpose,
        "client": line.client,
        "detail": line.detail,
        "listed": line.listed.as_deref().unwrap_or_default().split_ascii_whitespace().collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::userinfo::tests::House;

    #[tokio::test]
    async fn who_searches_beside_as_many_as_may_is_turned_away_until_one_is_done() {
        let house = House::build().await;
        let ask = async || search(&house.app, &Search::default(), 1).await.unwrap();
        let first = house.app.searching.acquire().await.unwrap();
        assert!(ask().await.is_ok(), "there is room for another one");
        let second = house.app.searching.acquire().await.unwrap();
        assert!(matches!(ask().await, Err(Busy)));
        drop(first);
        assert!(ask().await.is_ok());
        drop(second);
    }
}
