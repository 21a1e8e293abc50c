//! Rows of the database as grants and families.

use sqlx::{Row, any::AnyRow};

use crate::{
    domain::{
        assurance::Level,
        fault::Fault,
        grant::{Family, Grant, Offline, Replaced},
        id::{AccountId, GrantId, PersonId, SessionId},
        profile::Claims,
    },
    store::columns::Columns,
};

pub(in crate::store) fn read_grant(row: &AnyRow) -> Result<Grant, Fault> {
    let level = Level::from_acr(&row.text("level")?);
    Ok(Grant {
        id: GrantId::from_stored(row.text("id")?),
        client_id: row.text("client_id")?,
        account: AccountId::from_stored(row.text("account_id")?),
        person: PersonId::from_stored(row.text("person_id")?),
        sid: SessionId::from_stored(row.text("sid")?),
        scope: row.text("scope")?.parse()?,
        claims: (row.maybe_text("claims")?)
            .map_or_else(|| Ok(Claims::new()), |claims| serde_json::from_str(&claims))?,
        bsn: row.try_get::<i64, _>("bsn")? == 1,
        resources: row.text("resources")?.split_ascii_whitespace().map(str::to_owned).collect(),
        chosen: row.maybe_text("chosen")?.map(PersonId::from_stored),
        acts_for: row.maybe_text("acts_for")?.map(PersonId::from_stored),
        told: people(row.maybe_text("told")?.as_deref().unwrap_or_default()),
        redirect_uri: row.text("redirect_uri")?,
        level: level.ok_or_else(|| Fault::because("a grant was stored with a level that does not exist"))?,
        auth_time: row.time("auth_time")?,
        created: row.time("created")?,
        ends: row.time("ends")?,
        offline: read_offline(row)?,
        dpop_jkt: row.maybe_text("dpop_jkt")?,
        x5t_s256: row.maybe_text("x5t_s256")?,
        revoked_at: row.maybe_time("revoked_at")?,
    })
}

/// People, as one column keeps them: their ids hold no space.
pub(super) fn people(text: &str) -> Vec<PersonId> {
    text.split_ascii_whitespace().map(|id| PersonId::from_stored(id.to_owned())).collect()
}

/// The same the other way; nothing for nobody.
pub(super) fn in_one_column(people: &[PersonId]) -> Option<String> {
    let ids: Vec<&str> = people.iter().map(PersonId::as_str).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

fn read_offline(row: &AnyRow) -> Result<Option<Offline>, Fault> {
    let Some(session_ends) = row.maybe_time("session_ends")? else { return Ok(None) };
    Ok(Some(Offline { session_ends, era: row.try_get("offline_era")? }))
}

pub(in crate::store) fn read_family(row: &AnyRow) -> Result<Family, Fault> {
    let replaced = row
        .maybe_time("replaced_at")?
        .map(|at| {
            let (token, successor_sealed) = (row.hash("replaced_hash")?, row.try_get("successor_sealed")?);
            Ok::<_, Fault>(Replaced { token, at, successor_sealed })
        })
        .transpose()?;
    Ok(Family { grant: read_grant(row)?, current: row.hash("refresh_hash")?, replaced })
}
