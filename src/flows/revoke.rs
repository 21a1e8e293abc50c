//! A client gives a token back (RFC 7009): whichever of a family it brings, the whole family ends.

use super::{
    client_auth::{Caller, authenticate},
    own_token::{own, presented},
};
use crate::{
    app::App,
    domain::time::Timestamp,
    oidc::{error::Error, params::Params},
};

/// Ends the family of the token in `form`, if it is one of the client's. Who brings anything else hears the same: there is
/// nothing they could do about it (RFC 7009 section 2.2).
pub async fn revoke(app: &App, caller: Caller<'_>, form: &Params, now: Timestamp) -> Result<(), Error> {
    let client = authenticate(app, caller, form, now).await?;
    if let Some(own) = own(app, &client, presented(form)?, now).await? {
        app.store.revoke_grant(&own.grant().id, "client.revoked", now).await?;
    }
    Ok(())
}
