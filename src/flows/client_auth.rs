//! Who is this client? Asked first at every endpoint that clients call themselves.

use crate::{
    app::App,
    domain::{
        client::{Client, ClientAuth},
        time::Timestamp,
    },
    oidc::{
        assertion::USED,
        client_auth::{check, read},
        error::Error,
        params::Params,
    },
};

/// The client that sent `form`, after its proof. An assertion is spent by that: it proves nothing a second time.
pub async fn authenticate(
    app: &App,
    authorization: Option<&str>,
    form: &Params,
    now: Timestamp,
) -> Result<Client, Error> {
    let presented = read(authorization, form)?;
    let registered = match (app.client(&presented.client_id).await?, presented.assertion()) {
        (Some(client), Some(assertion)) if client.auth == ClientAuth::PrivateKeyJwt => {
            Some(app.with_keys(client, assertion, now).await)
        }
        (client, _) => client,
    };
    let authenticated = check(&presented, registered, app.config.issuer(), now)?;
    if let Some(mark) = authenticated.once
        && !app.store.spend_client_assertion(&mark.name, mark.ends).await?
    {
        return Err(USED);
    }
    Ok(authenticated.client)
}
