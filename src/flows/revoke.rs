//! A client gives a token back (RFC 7009): whichever of a family it brings, the whole family ends.

use super::{
    client_auth::{Caller, authenticate},
    own_token::{Own, presented, read},
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
    let found = read(app, &client, presented(form)?, now).await?;
    let grant = match found.filter(|found| found.is_of(&client)) {
        Some(Own::Access(_, grant)) => grant.id,
        Some(Own::Refresh(_, found)) => found.family.grant.id,
        // There is no family: it ends by itself.
        Some(Own::Program(claims)) => {
            app.store.revoke_program_token(&claims.jti, claims.exp).await?;
            return Ok(());
        }
        None => return Ok(()),
    };
    Ok(app.store.revoke_grant(&grant, "client.revoked", now).await?)
}
