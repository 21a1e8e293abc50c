//! What an account's owner agreed that a portal of somebody else may know (OpenID Connect Core, section 3.1.2.4).

use std::collections::BTreeSet;

use url::Url;

use super::{
    ask::Ask,
    client::Client,
    profile::{Claim, Claims},
    scope::{Scope, Scopes},
    time::Timestamp,
};

/// What one account's owner agreed to for one client at one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConsent {
    /// Which client.
    pub client_id: String,
    /// The host that the page named ([`host_of`]).
    pub host: String,
    /// The scopes.
    pub scope: Scopes,
    /// The single claims beside them.
    pub claims: Claims,
    /// The APIs for which it may have tokens (RFC 8707).
    pub resources: BTreeSet<String>,
    /// When, for the last time.
    pub given: Timestamp,
}

/// What a client asks to know: scopes, the single claims that none of them has, and what it may learn from APIs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The scopes.
    pub scope: Scopes,
    /// The single claims beside them.
    pub claims: Claims,
    /// The APIs for which it wants tokens (RFC 8707).
    pub resources: BTreeSet<String>,
}

/// Where a page says that a portal is, and where what is agreed to on that page counts: the host of the redirect URI, without its port.
/// `None` for what is no redirect URI.
pub fn host_of(redirect_uri: &str) -> Option<String> {
    let url = Url::parse(redirect_uri).ok()?;
    url.host_str().filter(|host| !host.is_empty()).map(str::to_owned)
}

/// The host in such a line of the audit log ([`Wanted::line`]); those of before it was told have none.
pub fn host_in(line: &str) -> Option<&str> {
    line.split_once(": ").map(|(host, _)| host)
}

/// These APIs as one text: no name of one has a space in it.
pub fn spaced(resources: &BTreeSet<String>) -> String {
    resources.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
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
    /// What a request of `client` asks for, wherever it is to be told.
    pub fn by(ask: &Ask, client: &Client) -> Self {
        Self::of(&ask.scope, ask.in_userinfo.union(&ask.in_id_token).copied()).at(&ask.resources, client)
    }

    /// These scopes and claims, and no API.
    pub fn of(scope: &Scopes, claims: impl IntoIterator<Item = Claim>) -> Self {
        let single = |claim: &Claim| !scope.contains(claim.scope());
        let claims = claims.into_iter().filter(single).collect();
        Self { scope: scope.clone(), claims, resources: BTreeSet::new() }
    }

    /// And tokens for these APIs, as far as they are registered for `client`: `UserInfo` is none of them, it tells what scopes and
    /// claims say.
    #[must_use]
    pub fn at(self, resources: &[String], client: &Client) -> Self {
        let registered = resources.iter().filter(|api| client.resources.contains(api));
        Self { resources: registered.cloned().collect(), ..self }
    }

    /// This and the other.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let more = Scope::ALL.iter().filter(|scope| other.scope.contains(**scope));
        more.for_each(|scope| self.scope.insert(*scope));
        self.claims.extend(&other.claims);
        self.resources.extend(other.resources.iter().cloned());
        self
    }

    /// At which host what is wanted counts, the scopes and the APIs, as the audit log tells them.
    pub fn line(&self, host: &str) -> String {
        format!("{host}: {} {}", self.scope, spaced(&self.resources)).trim_end().to_owned()
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
            && wanted.resources.is_subset(&self.resources)
            && wanted
                .claims
                .iter()
                .all(|claim| self.claims.contains(claim) || self.scope.contains(claim.scope()))
    }

    /// Whether it lets the client know what is the account's own, and another's for another account: its address, or what is on record of
    /// its owner.
    pub fn tells_of_account(&self) -> bool {
        let told = [Scope::Profile, Scope::Email, Scope::Address, Scope::Phone];
        !self.claims.is_empty() || told.iter().any(|scope| self.scope.contains(*scope))
    }

    /// All of it, as something that is wanted.
    pub fn all(&self) -> Wanted {
        Wanted { scope: self.scope.clone(), claims: self.claims.clone(), resources: self.resources.clone() }
    }

    /// What is agreed to after this too: what was agreed to before stays.
    #[must_use]
    pub fn and(self, wanted: &Wanted, now: Timestamp) -> Self {
        let Wanted { scope, claims, resources } = self.all().and(wanted);
        Self { scope, claims, resources, given: now, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::tests::client;

    fn consent(scope: &str, claims: &[Claim]) -> ClientConsent {
        let (scope, claims) = (scope.parse().unwrap(), claims.iter().copied().collect());
        let (client_id, resources) = ("other".into(), ["urn:x:api".to_owned()].into());
        let (host, given) = ("portal.example".to_owned(), Timestamp::from_epoch(1));
        ClientConsent { client_id, host, scope, claims, resources, given }
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
    fn an_address_and_a_profile_are_an_accounts_own_and_a_name_at_a_portal_is_the_persons() {
        for persons in ["openid", "openid act_as", "openid offline_access"] {
            assert!(!consent(persons, &[]).tells_of_account(), "{persons}");
            assert!(consent(persons, &[Claim::Email]).tells_of_account(), "{persons}");
        }
        for accounts in ["openid profile", "openid email", "openid address", "openid phone"] {
            assert!(consent(accounts, &[]).tells_of_account(), "{accounts}");
        }
    }

    #[test]
    fn each_api_is_agreed_to_by_itself_and_userinfo_is_none() {
        let registered = |api: &&str| !api.ends_with("/userinfo");
        let wanted = |apis: &[&str]| {
            let all: Vec<_> = apis.iter().map(|api| (*api).to_owned()).collect();
            let resources = apis.iter().filter(|api| registered(api)).map(|api| (*api).to_owned()).collect();
            wanted("openid", &[]).at(&all, &Client { resources, ..client() })
        };
        let given = consent("openid", &[]);
        for covered in [&[][..], &["urn:x:api"], &["https://id.example.nl/userinfo", "urn:x:api"]] {
            assert!(given.covers(&wanted(covered)), "{covered:?}");
        }
        let more = wanted(&["urn:x:other", "urn:x:api"]);
        assert_eq!(
            (more.line("portal.example").as_str(), wanted(&[]).line("[::1]").as_str()),
            ("portal.example: openid urn:x:api urn:x:other", "[::1]: openid")
        );
        assert_eq!(
            (host_in(&more.line("[::1]")), host_in("openid urn:x:api urn:x:other")),
            (Some("[::1]"), None)
        );
        assert!(!given.covers(&more) && given.and(&more, Timestamp::from_epoch(2)).covers(&more));
    }

    #[test]
    fn a_portal_is_where_its_redirect_uri_leads_whatever_its_port_and_path() {
        for (uri, host) in [
            ("https://Portal.Example.nl/cb?x=1", Some("portal.example.nl")),
            ("https://portal.example.nl:8443/", Some("portal.example.nl")),
            ("https://a.portal.example.nl/", Some("a.portal.example.nl")),
            ("http://127.0.0.1:9/callback", Some("127.0.0.1")),
            ("http://[::1]:9/callback", Some("[::1]")),
            ("nl.example.app:/callback", None),
            ("portal.example.nl", None),
            ("", None),
        ] {
            assert_eq!(host_of(uri).as_deref(), host, "{uri}");
        }
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
