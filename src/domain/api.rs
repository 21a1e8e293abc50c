//! APIs beside our own endpoints: which of them tokens may be for, and what programs may do at ours in their own name.

use url::Url;

use super::{
    client::{Client, Why},
    scope::Scopes,
    words::words,
};

words! {
    /// What a program may do at the admin API, in its own name (RFC 6749 section 4.4).
    #[derive(PartialOrd, Ord)]
    AdminScope {
        /// The clients.
        Clients = "clients",
        /// The accounts.
        Accounts = "accounts",
        /// The mandates.
        Mandates = "mandates",
        /// The signing keys.
        Keys = "keys",
        /// The audit log.
        Audit = "audit",
    }
}

/// A set of them.
pub type AdminScopes = Scopes<AdminScope>;

/// The most APIs of each list of a client.
const MOST: usize = 16;
/// The longest name of an API, in bytes.
const LONGEST: usize = 512;

/// Whether a text can name an API: an absolute URI without a fragment (RFC 8707 section 2). Visible ASCII only: it is compared
/// and sent as it stands.
fn names_api(uri: &str) -> bool {
    let plain = uri.len() <= LONGEST && uri.chars().all(|c| c.is_ascii_graphic() && !"\"\\".contains(c));
    plain && Url::parse(uri).is_ok_and(|url| url.fragment().is_none())
}

impl Client {
    /// Whether people log in to it; otherwise it is a program that acts in its own name.
    pub fn logs_in(&self) -> bool {
        !self.redirect_uris.is_empty()
    }

    /// Checks what it registered of APIs, and that it is either a portal or a program: what it does in its own name and what
    /// for its users must not be taken for one another (RFC 9068 section 5).
    pub(super) fn check_apis(&self) -> Result<(), Why> {
        let program = !self.service_scopes.is_empty();
        if !self.logs_in() && !program && self.serves.is_empty() {
            return Err(Why::NoRedirectUri);
        }
        let of_portals = !self.scopes.is_empty()
            || !self.resources.is_empty()
            || !self.post_logout_redirect_uris.is_empty()
            || self.backchannel_logout_uri.is_some();
        if if self.logs_in() { program } else { of_portals } {
            return Err(Why::PortalAndProgram);
        }
        if self.is_public() && (program || !self.serves.is_empty()) {
            return Err(Why::PublicProgram);
        }
        if self.resources.len() > MOST || self.serves.len() > MOST {
            return Err(Why::ManyApis);
        }
        match self.resources.iter().chain(&self.serves).find(|uri| !names_api(uri)) {
            Some(uri) => Err(Why::Api(uri.clone())),
            None => Ok(()),
        }
    }

    /// An API that it names and that is ours: below `issuer`, where our own endpoints and their tokens are.
    pub fn claims_ours(&self, issuer: &str) -> Option<&String> {
        let ours = |uri: &&String| {
            uri.strip_prefix(issuer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        };
        self.resources.iter().chain(&self.serves).find(ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        client::{
            ClientAuth,
            tests::{client as portal, why},
        },
        policy::Policy,
        scope::Scope,
        secret::Secret,
    };

    fn program() -> Client {
        Client {
            policy: Policy::Basic,
            auth: ClientAuth::ClientSecretPost(Secret::new("x").hashed().into()),
            redirect_uris: vec![],
            scopes: Scopes::default(),
            service_scopes: [AdminScope::Mandates].into(),
            ..portal()
        }
    }

    #[test]
    fn a_client_is_a_portal_or_a_program_and_a_program_keeps_a_secret() {
        assert_eq!(program().check(), Ok(()));
        let api =
            Client { service_scopes: AdminScopes::default(), serves: vec!["urn:x:api".into()], ..program() };
        assert_eq!(api.check(), Ok(()));
        let nothing = Client { serves: vec![], ..api.clone() };
        assert!(matches!(why(&nothing), Why::NoRedirectUri));
        let both =
            Client { redirect_uris: portal().redirect_uris, scopes: [Scope::Openid].into(), ..program() };
        let scoped = Client { scopes: [Scope::Openid].into(), ..program() };
        let told = Client { backchannel_logout_uri: Some("https://a.nl/out".into()), ..program() };
        let back = Client { post_logout_redirect_uris: vec!["https://a.nl/".into()], ..program() };
        let asks = Client { resources: vec!["https://api.nl".into()], ..program() };
        for mixed in [both, scoped, told, back, asks] {
            assert!(matches!(why(&mixed), Why::PortalAndProgram), "{mixed:?}");
        }
        for public in [program(), api] {
            let public = Client { auth: ClientAuth::None, ..public };
            assert!(matches!(why(&public), Why::PublicProgram));
        }
    }

    #[test]
    fn an_api_is_named_by_an_absolute_uri_without_a_fragment_and_is_none_of_ours() {
        let of = |uri: &str| Client { resources: vec![uri.to_owned()], ..portal() };
        for good in ["https://api.nl", "https://api.nl/v1?x=1", "urn:example:api", "http://127.0.0.1:8000/a"]
        {
            assert_eq!(of(good).check(), Ok(()), "{good}");
        }
        let long = format!("https://api.nl/{}", "x".repeat(500));
        for bad in [
            "",
            "api",
            "/v1",
            "https://api.nl#x",
            "https://api.nl#",
            "https://api.nl/ x",
            "https://é.nl",
            &long,
        ] {
            assert!(matches!(why(&of(bad)), Why::Api(_)), "{bad}");
            let serves = Client { resources: vec![], serves: vec![bad.to_owned()], ..program() };
            assert!(matches!(why(&serves), Why::Api(_)), "{bad}");
        }
        let asks = |count| Client { resources: vec!["urn:x:y".into(); count], ..portal() };
        let serves = |count| Client { serves: vec!["urn:x:y".into(); count], ..program() };
        assert_eq!((asks(MOST).check(), serves(MOST).check()), (Ok(()), Ok(())));
        for many in [asks(MOST + 1), serves(MOST + 1), asks(MOST + 2), serves(MOST + 2)] {
            assert!(matches!(why(&many), Why::ManyApis));
        }
        let issuer = "https://id.nl";
        for ours in ["https://id.nl", "https://id.nl/userinfo", "https://id.nl/admin/v1", "https://id.nl?x"] {
            assert!(of(ours).claims_ours(issuer).is_some(), "{ours}");
        }
        assert_eq!(of("https://id.nl.example").claims_ours(issuer), None);
    }
}
