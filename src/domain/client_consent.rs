//! What an account's owner agreed that a portal of somebody else may know (OpenID Connect Core, section 3.1.2.4).

use super::{
    ask::Ask,
    profile::{Claim, Claims},
    scope::{Scope, Scopes},
    time::Timestamp,
};

/// What one account's owner agreed to for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConsent {
    /// Which client.
    pub client_id: String,
    /// The scopes.
    pub scope: Scopes,
    /// The single claims beside them.
    pub claims: Claims,
    /// When, for the last time.
    pub given: Timestamp,
}

/// What a client asks to know: scopes, and the single claims that none of them has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The scopes.
    pub scope: Scopes,
    /// The single claims beside them.
    pub claims: Claims,
}

/// One thing that a page tells of what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// All that a scope has.
    Scope(Scope),
    /// One claim.
    Claim(Claim),
}

impl Wanted {
    /// What a request asks for, wherever it is to be told.
    pub fn by(ask: &Ask) -> Self {
        Self::of(&ask.scope, ask.in_userinfo.union(&ask.in_id_token).copied())
    }

    /// These scopes and claims.
    pub fn of(scope: &Scopes, claims: impl IntoIterator<Item = Claim>) -> Self {
        let single = |claim: &Claim| !scope.contains(claim.scope());
        Self { scope: scope.clone(), claims: claims.into_iter().filter(single).collect() }
    }

    /// What a page lists, each thing once. The two claims of an address or a number are one thing to a person.
    pub fn items(&self) -> Vec<Item> {
        let mut items: Vec<Item> = Scope::ALL
            .iter()
            .filter(|scope| self.scope.contains(**scope))
            .copied()
            .map(Item::Scope)
            .collect();
        for claim in &self.claims {
            let item = match claim.scope() {
                Scope::Profile => Item::Claim(*claim),
                scope => Item::Scope(scope),
            };
            if !items.contains(&item) {
                items.push(item);
            }
        }
        items
    }
}

impl ClientConsent {
    /// Whether all of it was agreed to.
    pub fn covers(&self, wanted: &Wanted) -> bool {
        wanted.scope.are_within(&self.scope)
            && wanted
                .claims
                .iter()
                .all(|claim| self.claims.contains(claim) || self.scope.contains(claim.scope()))
    }

    /// What is agreed to after this too: what was agreed to before stays.
    #[must_use]
    pub fn and(mut self, wanted: &Wanted, now: Timestamp) -> Self {
        Scope::ALL
            .iter()
            .filter(|scope| wanted.scope.contains(**scope))
            .for_each(|scope| self.scope.insert(*scope));
        self.claims.extend(&wanted.claims);
        Self { given: now, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent(scope: &str, claims: &[Claim]) -> ClientConsent {
        let (scope, claims) = (scope.parse().unwrap(), claims.iter().copied().collect());
        ClientConsent { client_id: "other".into(), scope, claims, given: Timestamp::from_epoch(1) }
    }

    fn wanted(scope: &str, claims: &[Claim]) -> Wanted {
        Wanted::of(&scope.parse().unwrap(), claims.iter().copied())
    }

    #[test]
    fn less_is_covered_and_anything_more_is_not() {
        let given = consent("openid email", &[Claim::Name]);
        for covered in
            [wanted("openid", &[]), wanted("openid email", &[Claim::Name]), wanted("openid", &[Claim::Email])]
        {
            assert!(given.covers(&covered), "{covered:?}");
        }
        for more in [
            wanted("openid phone", &[]),
            wanted("openid profile", &[]),
            wanted("openid", &[Claim::GivenName]),
            wanted("openid", &[Claim::Address]),
        ] {
            assert!(!given.covers(&more), "{more:?}");
            assert!(given.clone().and(&more, Timestamp::from_epoch(2)).covers(&more));
        }
        let both = given.clone().and(&wanted("openid phone", &[]), Timestamp::from_epoch(2));
        assert!(
            both.covers(&wanted("openid email phone", &[Claim::Name]))
                && both.given == Timestamp::from_epoch(2)
        );
    }

    #[test]
    fn a_page_lists_each_thing_once() {
        use Item::{Claim as One, Scope as All};
        let claims = [Claim::Email, Claim::Name, Claim::PhoneNumber, Claim::PhoneNumberVerified];
        assert_eq!(
            wanted("openid email", &claims).items(),
            [All(Scope::Openid), All(Scope::Email), One(Claim::Name), All(Scope::Phone)]
        );
    }
}
