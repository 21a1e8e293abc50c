//! A client gets a new secret, while the one that it has goes on to work for as long as it takes to hand the new one over.

use super::admin_clients::{NotDone, changeable};
use crate::{
    app::App,
    domain::{
        client::{Client, ClientAuth},
        fault::Fault,
        line::Operator,
        secret::Secret,
        time::Timestamp,
    },
    store::{Store, admin::ToChange},
};

/// For how long the secret before may go on to work, in seconds: thirty days.
pub const LONGEST: i64 = 30 * 86_400;

/// What a new secret came to.
#[derive(Debug)]
pub struct NewSecret {
    /// Told this one time: only its hash is kept.
    pub secret: Secret,
    /// Until when the one before works too; `None` when it ended at once.
    pub old_ends: Option<Timestamp>,
}

/// Why a client got no new secret. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NotRenewed {
    /// Its method needs none.
    #[error("this client proves who it is without a secret")]
    NoSecret,
    /// Somebody else was there in between.
    #[error("somebody else changed this client just now: try again")]
    Changed,
    /// Ours.
    #[error("{0}")]
    Fault(Fault),
}

/// The same, as it is told of every change of a client.
fn not_done(why: NotRenewed) -> NotDone {
    match why {
        NotRenewed::NoSecret => NotDone::NoSecret,
        NotRenewed::Changed => NotDone::Changed,
        NotRenewed::Fault(fault) => NotDone::Fault(fault),
    }
}

/// Gives the client `id` a new secret for `caller`. The one that it has works for `keep` seconds more, at most [`LONGEST`].
pub async fn renew_for(
    app: &App,
    caller: &Client,
    id: &str,
    keep: i64,
    now: Timestamp,
) -> Result<NewSecret, NotDone> {
    let found = changeable(app, caller, id).await?;
    renew(&app.store, found, keep, Some(Operator::Program(&caller.id)), now).await.map_err(not_done)
}

/// The same of a client that was read to be changed; `by` is who does it. A secret that ends at once may be in
/// other hands, and so may the registration access token that was told beside it (RFC 7592 section 3): that ends with it.
pub async fn renew(
    store: &Store,
    (mut client, read): ToChange,
    keep: i64,
    by: Option<Operator<'_>>,
    now: Timestamp,
) -> Result<NewSecret, NotRenewed> {
    let keep = keep.clamp(0, LONGEST);
    let secret = Secret::token("nms_cs_");
    match &mut client.auth {
        ClientAuth::ClientSecretBasic(held) | ClientAuth::ClientSecretPost(held) => {
            *held = held.renewed(&secret, keep, now);
        }
        _ => return Err(NotRenewed::NoSecret),
    }
    if store.renew_client_secret(&client, (&read, keep == 0), by, now).await.map_err(NotRenewed::Fault)? {
        Ok(NewSecret { secret, old_ends: (keep > 0).then(|| now.plus(keep)) })
    } else {
        Err(NotRenewed::Changed)
    }
}
