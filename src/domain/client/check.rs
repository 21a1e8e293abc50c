//! What a client must be, beyond what its type says.

use std::collections::BTreeSet;

use url::{Host, Url};

use super::{AuthMethod, BadClient, Client, Keys, Why};
use crate::domain::{jwk::JwkSet, line::one_line, mtls::CertificateName, scope::Scope};

/// The longest link, in bytes.
const LONGEST_LINK: usize = 512;

impl Client {
    /// Checks id, name, addresses, keys and scopes, and what its policy allows.
    pub fn check(&self) -> Result<(), BadClient> {
        self.fits().map_err(|why| BadClient { client: self.id.clone(), why })
    }

    fn fits(&self) -> Result<(), Why> {
        if !may_be_id(&self.id) {
            return Err(Why::Id);
        }
        one_line(&self.name).map_err(|_| Why::Name)?;
        self.check_apis()?;
        for uri in self.redirect_uris.iter().chain(&self.post_logout_redirect_uris) {
            if !may_redirect_to(uri) {
                return Err(Why::RedirectUri(uri.clone()));
            }
            if names_localhost(uri) && !self.policy.allows_localhost() {
                return Err(Why::Localhost { policy: self.policy, uri: uri.clone() });
            }
        }
        if let Some(uri) = self.backchannel_logout_uri.as_ref().filter(|uri| !may_redirect_to(uri)) {
            return Err(Why::BackchannelUri(uri.clone()));
        }
        for (member, uri) in [("policy_uri", &self.policy_uri), ("tos_uri", &self.tos_uri)] {
            if uri.as_ref().is_some_and(|uri| !may_lead_to(uri)) {
                return Err(Why::Link { member });
            }
        }
        self.check_keys()?;
        let method = self.auth.method();
        let named = self.certificate_name.as_ref().map(CertificateName::is_whole);
        if named != (method == AuthMethod::TlsClientAuth).then_some(true) {
            return Err(Why::CertificateName);
        }
        let policy = self.policy;
        if !policy.allows_auth(&self.auth) {
            return Err(Why::Auth { policy, auth: method });
        }
        let algs = [Some(self.id_token_alg), Some(self.response_alg()), self.userinfo.signed()];
        if let Some(alg) = algs.into_iter().flatten().find(|alg| !policy.allows_alg(*alg)) {
            return Err(Why::Algorithm { policy, alg });
        }
        if self.sees_bsn && (self.userinfo.encrypted().is_none() || self.third_party) {
            return Err(Why::SeesBsn);
        }
        // What it tells at an address is not known before it is asked.
        let fits = self.keys.uri().is_some() || self.keys.registered().and_then(JwkSet::encrypting).is_some();
        if self.userinfo.encrypted().is_some() && !fits {
            return Err(Why::NoEncryptionKey);
        }
        let fits = self.scopes.contains(Scope::Openid) || !self.logs_in();
        if fits { Ok(()) } else { Err(Why::NoOpenid) }
    }

    /// Keys where it proves with them who it is, and an address of theirs that can be asked.
    fn check_keys(&self) -> Result<(), Why> {
        let by_key =
            matches!(self.auth.method(), AuthMethod::PrivateKeyJwt | AuthMethod::SelfSignedTlsClientAuth);
        match &self.keys {
            Keys::At { uri, .. } if !may_redirect_to(uri) => Err(Why::JwksUri(uri.clone())),
            Keys::None if by_key => Err(Why::NoKeys),
            Keys::None if self.require_signed_request_object => Err(Why::NoRequestKeys),
            _ => Ok(()),
        }
    }

    /// The host that all redirect URIs share: the sector when none is named. A program knows nobody, and has one of its own.
    pub fn sector_of(id: &str, redirect_uris: &[String]) -> Result<String, Why> {
        if redirect_uris.is_empty() {
            return Ok(id.to_owned());
        }
        // What may not be redirected to at all is the finding, not that it has no host to share.
        if let Some(uri) = redirect_uris.iter().find(|uri| !may_redirect_to(uri)) {
            return Err(Why::RedirectUri(uri.clone()));
        }
        let hosts: BTreeSet<String> = redirect_uris
            .iter()
            .filter_map(|uri| Url::parse(uri).ok()?.host_str().map(str::to_owned))
            .collect();
        match (hosts.len(), hosts.into_iter().next()) {
            (1, Some(host)) => Ok(host),
            _ => Err(Why::Sector),
        }
    }
}

/// Whether a client can have that `client_id`: what cannot be one is looked up nowhere.
pub fn may_be_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&id.len()) && id.bytes().all(plain)
}

/// https anywhere, http on this machine only; never a fragment, never a user name. Visible ASCII only: it is compared and
/// sent as it stands, and a parser would silently drop a tab or a space.
pub(super) fn may_redirect_to(uri: &str) -> bool {
    if !uri.chars().all(|c| c.is_ascii_graphic()) {
        return false;
    }
    let Ok(url) = Url::parse(uri) else { return false };
    let scheme_fits = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(&url),
        _ => false,
    };
    scheme_fits && url.fragment().is_none() && url.username().is_empty() && url.password().is_none()
}

/// Whether it names this machine by its name rather than by an address.
fn names_localhost(uri: &str) -> bool {
    let name = |url: Url| url.host_str().map(|host| host.trim_end_matches('.') == "localhost");
    Url::parse(uri).ok().and_then(name).unwrap_or(false)
}

/// Where a link of a page may lead: https, in visible ASCII, at a host that no user name hides.
fn may_lead_to(uri: &str) -> bool {
    let plain = uri.len() <= LONGEST_LINK && uri.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = |url: Url| {
        url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none()
    };
    plain && Url::parse(uri).is_ok_and(fits)
}

/// Whether a URL names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
