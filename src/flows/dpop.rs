//! A client proves that it holds a key (RFC 9449): the proof is checked, its nonce is ours, and it is good once.

use crate::{
    app::App,
    domain::{client::Client, time::Timestamp},
    oidc::{
        dpop::{self, Proof, Request, USE_NONCE, USED},
        error::Error,
    },
    store::Store,
};

/// Checks the proof that `client` brings to the endpoint of ours at `path`, if it brings one. It is not spent by that: what comes
/// to nothing anyway leaves no mark.
pub(super) fn check(
    app: &App,
    client: &Client,
    proof: Option<&str>,
    path: &str,
    now: Timestamp,
) -> Result<Option<Proof>, Error> {
    proof.map(|proof| check_at(app, client, proof, ("POST", path, None), now)).transpose()
}

/// Checks the proof that comes with an access token, in a request of that method to what is protected at `path` (section 7.1), as
/// [`check`] does.
pub(super) fn check_with_token(
    app: &App,
    client: &Client,
    proof: &str,
    (method, path, access_token): (&str, &str, &str),
    now: Timestamp,
) -> Result<Proof, Error> {
    check_at(app, client, proof, (method, path, Some(access_token)), now)
}

fn check_at(
    app: &App,
    client: &Client,
    proof: &str,
    (method, path, access_token): (&str, &str, Option<&str>),
    now: Timestamp,
) -> Result<Proof, Error> {
    let (url, alias) = (format!("{}{path}", app.config.issuer()), app.config.alias(path));
    let request = Request { method, url: &url, alias: alias.as_deref(), access_token };
    let proof = dpop::check(proof, &request, now)?;
    let fresh = match &proof.nonce {
        Some(nonce) => app.store.is_dpop_nonce(nonce, now),
        None => !client.policy.requires_sender_constrained_tokens(),
    };
    if fresh { Ok(proof) } else { Err(USE_NONCE) }
}

/// Spends it: of all who bring it at once, one hears that it counts.
pub(super) async fn spend(store: &Store, proof: &Proof) -> Result<(), Error> {
    let first = store.spend_dpop_proof(&proof.mark.name, proof.mark.ends).await?;
    if first { Ok(()) } else { Err(USED) }
}
