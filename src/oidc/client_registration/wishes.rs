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
        let read = |member: &str, alg: &Option<String>| {
            let Some(alg) = alg.as_deref() else { return Ok(None) };
            match Algorithm::from_name(alg).filter(|alg| offer.terms.policy.allows_alg(*alg)) {
                Some(alg) => Ok(Some(alg)),
                None => {
                    bad(format!("{member}: see {member}_values_supported, as far as the policy allows it"))
                }
            }
        };
        Ok(Wishes {
            max_age: self.default_max_age,
            levels,
            assertion_alg: read("token_endpoint_auth_signing_alg", &self.token_endpoint_auth_signing_alg)?,
            request_object_alg: read("request_object_signing_alg", &self.request_object_signing_alg)?,
            dpop: self.dpop_bound_access_tokens.unwrap_or_default(),
            pushes: self.require_pushed_authorization_requests.unwrap_or_default(),
            sector_identifier_uri: self.sector_identifier_uri.clone(),
        })
    }
}
