//! Who is this client? Asked first at every endpoint that clients call themselves.

use crate::{
    app::{App, client_keys::Wanted},
    domain::{
        client::{Client, ClientAuth},
        mtls::Certificate,
        time::Timestamp,
    },
    oidc::{
        assertion::USED,
        client_auth::{Vouched, check, read},
        error::Error,
        params::Params,
    },
};

/// What a client brings beside its form.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The certificate that it showed (RFC 8705).
    pub certificate: Option<&'a Certificate>,
}

/// The client that sent `form`, after its proof. An assertion is spent by that: it proves nothing a second time.
pub async fn authenticate(
    app: &App,
    caller: Caller<'_>,
    form: &Params,
    now: Timestamp,
) -> Result<Client, Error> {
    let presented = read(caller.authorization, form)?;
    let registered = match app.client(&presented.client_id).await? {
        Some(client) => {
            let wanted = match client.auth {
                ClientAuth::PrivateKeyJwt => presented.assertion().map(Wanted::SignerOf),
                ClientAuth::SelfSignedTlsClientAuth => caller.certificate.map(Wanted::KeyOf),
                _ => None,
            };
            match wanted {
                Some(wanted) => Some(app.with_keys(client, wanted, now).await),
                None => Some(client),
            }
        }
        None => None,
    };
    let vouched = Vouched { certificate: caller.certificate, authorities: app.authorities.as_ref() };
    let authenticated = check(&presented, registered, vouched, app.config.issuer(), now)?;
    if let Some(mark) = authenticated.once
        && !app.store.spend_client_assertion(&mark.name, mark.ends).await?
    {
        return Err(USED);
    }
    Ok(authenticated.client)
}
