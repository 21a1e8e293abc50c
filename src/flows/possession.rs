//! What a request to the token endpoint showed that it possesses, and to which the tokens of its answer are bound: the key of a `DPoP`
//! proof (RFC 9449 section 5), a client certificate (RFC 8705 section 3), or both.

use super::dpop;
use crate::{
    oidc::{access_token::Confirmation, dpop::Proof, error::Error},
    store::Store,
};

/// The key and the certificate, as far as there are any.
#[derive(Debug, Default)]
pub(super) struct Possession {
    /// The proof of a key: checked, not spent.
    pub(super) proof: Option<Proof>,
    /// The SHA-256 of the certificate, where this client's tokens are bound to one.
    pub(super) x5t_s256: Option<String>,
}

impl Possession {
    /// Whether there is nothing that a token could be bound to.
    pub(super) fn is_nothing(&self) -> bool {
        self.proof.is_none() && self.x5t_s256.is_none()
    }

    /// The thumbprint of the key.
    pub(super) fn jkt(&self) -> Option<&str> {
        self.proof.as_ref().map(|proof| proof.jkt.as_str())
    }

    /// What a token says that is bound to it.
    pub(super) fn confirmation(&self) -> Option<Confirmation> {
        let [jkt, x5t_s256] = [self.jkt(), self.x5t_s256.as_deref()].map(|one| one.map(str::to_owned));
        (!self.is_nothing()).then_some(Confirmation { jkt, x5t_s256 })
    }

    /// Whether it is all that something is bound to, which may be nothing.
    pub(super) fn covers(&self, jkt: Option<&str>, x5t_s256: Option<&str>) -> bool {
        (jkt.is_none() || jkt == self.jkt()) && (x5t_s256.is_none() || x5t_s256 == self.x5t_s256.as_deref())
    }

    /// Spends the proof: as late as can be, so that what comes to nothing anyway leaves no mark; before anything is signed.
    pub(super) async fn spend(&self, store: &Store) -> Result<(), Error> {
        match &self.proof {
            Some(proof) => dpop::spend(store, proof).await,
            None => Ok(()),
        }
    }
}
