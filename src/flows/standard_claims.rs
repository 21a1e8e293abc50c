//! The standard claims about an account's owner, wherever they are told: in an ID token or by `UserInfo`.

use serde_json::{Map, Value, json};

use crate::{
    domain::{
        fault::Fault,
        id::AccountId,
        profile::{Claim, Claims},
        scope::Scope,
    },
    store::Store,
};

/// What there is of the `wanted` claims of an account; `None` when the account is gone.
pub(super) async fn standard_claims(
    store: &Store,
    account: &AccountId,
    wanted: &Claims,
) -> Result<Option<Map<String, Value>>, Fault> {
    let mut found = Map::new();
    if wanted.iter().any(|claim| claim.scope() != Scope::Email) {
        found = store.profile(account).await?.told(wanted);
    }
    if wanted.iter().any(|claim| claim.scope() == Scope::Email) {
        let Some(account) = store.account(account).await? else { return Ok(None) };
        found.insert(Claim::Email.to_string(), json!(account.email));
        // An account is made, or its address changed, only with the address proven.
        found.insert(Claim::EmailVerified.to_string(), json!(true));
    }
    Ok(Some(found))
}
