//! What a client wishes of its own requests.

use super::{Metadata, Offer, Refused, refused::bad};
use crate::domain::{assurance::Level, client_registration::Wishes, key::Algorithm};

/// The largest `default_max_age`, in seconds: ten years, as in a request.
const MAX_AGE: i64 = 10 * 366 * 86_400;

impl Metadata {
    pub(super) fn wishes(&self, offer: Offer<'_>) -> Result<Wishes, Refused> {
        if self.default_max_age.is_some_and(|age| !(0..=MAX_AGE).contains(&age)) {
            return bad("default_max_age must be a number of seconds, at most ten years");
        }
        let level = |acr: &String| Level::from_acr(acr).filter(|level| offer.digid || !level.needs_digid());
        let levels: Option<Vec<_>> = self.default_acr_values.iter().flatten().map(level).collect();
        let Some(levels) = levels else {
            return bad("default_acr_values: see acr_values_supported");
        };
        let read = |alg: &str| Algorithm::ALL.into_iter().find(|one| one.name() == alg);
        let signed = self.request_object_signing_alg.as_deref().map(|alg| {
            let alg = read(alg).filter(|alg| offer.terms.policy.allows_alg(*alg));
            alg.map_or_else(
                || bad("request_object_signing_alg: see request_object_signing_alg_values_supported"),
                Ok,
            )
        });
        Ok(Wishes {
            max_age: self.default_max_age,
            levels,
            request_object_alg: signed.transpose()?,
            dpop: self.dpop_bound_access_tokens.unwrap_or_default(),
            pushes: self.require_pushed_authorization_requests.unwrap_or_default(),
            sector_identifier_uri: self.sector_identifier_uri.clone(),
        })
    }
}
