//! Who is this client? Asked first at every endpoint that clients call themselves.

use std::net::IpAddr;

use crate::{
    app::{App, client_keys::Wanted, guesses::Whom, knocks::Knock, origins::is_origin_of},
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
    store::audit::Event,
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
    /// The web page that makes a browser call, as the browser tells it (`Origin`, RFC 6454 section 7); other programs send none.
    pub origin: Option<&'a str>,
    /// Whether a browser says that it calls for another site (`Sec-Fetch-Site`, Fetch Metadata section 2.4).
    pub is_cross_site: bool,
}

impl Caller<'_> {
    /// Whether a page of somebody else makes its visitor's browser call in the name of `client`.
    fn is_page_of_another(&self, client: Option<&Client>) -> bool {
        match self.origin {
            Some(origin) => !client.is_some_and(|client| is_origin_of(client, origin)),
            None => self.is_cross_site,
        }
    }
}

/// Nothing was checked: what a page sends is no word of who sits at its visitor's address, so it counts for nothing there.
const ANOTHERS_PAGE: Error = Error::Json(
    Code::InvalidClient,
    "this came from a web page that is not at the origin of one of the client's redirect_uris: call from your server or app",
);

/// The client that sent `form`, after its proof. An assertion is spent by that: it proves nothing a second time. Who fails too often
/// has to wait first ([`crate::app::guesses`]), and is told so before anything is checked. In the name of a public client
/// there is nothing to guess at, so nobody waits there.
pub async fn authenticate(
    app: &App,
    caller: Caller<'_>,
    form: &Params,
    now: Timestamp,
) -> Result<Client, Error> {
    let presented = read(caller.authorization, form)?;
    let known = app.client(&presented.client_id).await?;
    if caller.is_page_of_another(known.as_ref()) {
        return Err(ANOTHERS_PAGE);
    }
    let guessed_at = !known.as_ref().is_some_and(Client::is_public);
    let whom = guessed_at.then(|| app.client_guesses.whom(&presented.client_id, caller.from));
    let named = known.as_ref().map(|client| client.id.clone());
    may_try(app, whom, named.as_deref(), now).await?;
    let registered = match known {
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
    may_try(app, whom, named.as_deref(), now).await?;
    let checked = check(&presented, registered, vouched, app.config.issuer(), now);
    if let (Err(Error::Json(Code::InvalidClient, _)), Some(whom)) = (&checked, whom) {
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

/// Errors: whoever must wait, for how long. The log tells of them, of which client where there is such, as long as that is no flood.
async fn may_try(app: &App, whom: Option<Whom>, client: Option<&str>, now: Timestamp) -> Result<(), Error> {
    let Some(seconds) = whom.and_then(|whom| app.client_guesses.wait(whom, now)) else { return Ok(()) };
    let knock = app.guess_knocks.count(now);
    if knock != Knock::Untold {
        let is_last = knock == Knock::LastTold;
        tracing::warn!(
            client,
            seconds,
            is_last,
            "somebody failed so often to prove that they are this client that they must wait; after the last of a minute no more are told"
        );
        let event = Event { event: "client.refused", outcome: "must_wait", client, ..Event::default() };
        if let Err(fault) = app.store.audit(&event, now).await {
            tracing::error!(%fault, "a line of the audit log could not be written");
        }
    }
    Err(Error::Wait(seconds))
}
