//! Who is this client? Asked first at every endpoint that clients call themselves.

use std::net::IpAddr;

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
        error::{Code, Error},
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
    /// The address that it calls from; `None` where nobody says.
    pub from: Option<IpAddr>,
}

/// The client that sent `form`, after its proof. An assertion is spent by that: it proves nothing a second time. Who fails too often
/// has to wait first ([`crate::app::client_guesses`]), and is told so before anything is looked up or checked.
pub async fn authenticate(
    app: &App,
    caller: Caller<'_>,
    form: &Params,
    now: Timestamp,
) -> Result<Client, Error> {
    let presented = read(caller.authorization, form)?;
    let whom = app.client_guesses.whom(&presented.client_id, caller.from);
    let may_try = || app.client_guesses.wait(whom, now).map_or(Ok(()), |seconds| Err(Error::Wait(seconds)));
    may_try()?;
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
    // Between this and the count nobody waits: of a flood at once no more are checked than there are processors.
    may_try()?;
    let checked = check(&presented, registered, vouched, app.config.issuer(), now);
    if let Err(Error::Json(Code::InvalidClient, _)) = checked {
        app.client_guesses.count(whom, now);
    }
    let authenticated = checked?;
    if let Some(mark) = authenticated.once
        && !app.store.spend_client_assertion(&mark.name, mark.ends).await?
    {
        return Err(USED);
    }
    Ok(authenticated.client)
}
