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

/// Checks a proof that `client` brings with `request`. It is not spent by that: what comes to nothing anyway leaves no mark.
pub(super) fn check(
    app: &App,
    client: &Client,
    proof: &str,
    request: &Request<'_>,
    now: Timestamp,
) -> Result<Proof, Error> {
    let proof = dpop::check(proof, request, now)?;
    let fresh = match &proof.nonce {
        Some(nonce) => app.store.is_dpop_nonce(nonce, now),
        None => !client.policy.requires_dpop(),
    };
    if fresh { Ok(proof) } else { Err(USE_NONCE) }
}

/// Spends it: of all who bring it at once, one hears that it counts.
pub(super) async fn spend(store: &Store, proof: &Proof) -> Result<(), Error> {
    let first = store.spend_dpop_proof(&proof.mark.name, proof.mark.ends).await?;
    if first { Ok(()) } else { Err(USED) }
}
