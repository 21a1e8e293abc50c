//! What a client says of itself when it registers (RFC 7591 section 2, OpenID Connect Registration section 2), and what it is
//! told. Members that are not read here are ignored, as RFC 7591 wants. Pages and logos of others are never fetched; to its terms and
//! its policy pages lead with a link.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::domain::{
    client::{AuthMethod, Client, ClientAuth, KeyEncryption, Registration, Why},
    client_registration::Terms,
    jwk::JwkSet,
    key::Algorithm,
    line::one_line,
    mtls::CertificateName,
    policy::Policy,
    scope::{Scope, Scopes},
    secret::Secret,
};

mod information;
mod refused;
mod wishes;

use self::refused::{bad, refused};
pub use self::{information::information, refused::Refused};

/// The most addresses of each kind, and values of `default_acr_values`.
const MOST: usize = 16;
/// The longest address, in bytes.
const LONGEST: usize = 512;

/// What the `client_id` of a client that registered itself begins with.
pub const PREFIX: &str = "dcr_";

/// The metadata as it is sent. A member that is `null` is left out (RFC 7592 section 2.2).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Whom a change is about (RFC 7592 section 2.2).
    pub client_id: Option<String>,
    /// The secret that a change repeats (the same section).
    pub client_secret: Option<Secret>,
    /// See RFC 7592 section 2.2: a change must not have these four.
    registration_access_token: Option<Value>,
    registration_client_uri: Option<Value>,
    client_secret_expires_at: Option<Value>,
    client_id_issued_at: Option<Value>,
    redirect_uris: Option<Vec<String>>,
    post_logout_redirect_uris: Option<Vec<String>>,
    backchannel_logout_uri: Option<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    client_name: Option<String>,
    scope: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    subject_type: Option<String>,
    /// A list of redirect URIs that are one sector's (OpenID Connect Core, section 8.1). To be fetched before [`Metadata::client`].
    pub sector_identifier_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    id_token_signed_response_alg: Option<String>,
    id_token_encrypted_response_alg: Option<Value>,
    userinfo_signed_response_alg: Option<String>,
    userinfo_encrypted_response_alg: Option<String>,
    userinfo_encrypted_response_enc: Option<String>,
    authorization_signed_response_alg: Option<String>,
    introspection_signed_response_alg: Option<String>,
    introspection_encrypted_response_alg: Option<Value>,
    introspection_encrypted_response_enc: Option<Value>,
    require_signed_request_object: Option<bool>,
    authorization_encrypted_response_alg: Option<Value>,
    token_endpoint_auth_signing_alg: Option<String>,
    request_object_signing_alg: Option<String>,
    request_object_encryption_alg: Option<Value>,
    default_max_age: Option<i64>,
    default_acr_values: Option<Vec<String>>,
    require_pushed_authorization_requests: Option<bool>,
    dpop_bound_access_tokens: Option<bool>,
    tls_client_certificate_bound_access_tokens: Option<bool>,
    tls_client_auth_subject_dn: Option<String>,
    tls_client_auth_san_dns: Option<String>,
    tls_client_auth_san_uri: Option<String>,
    tls_client_auth_san_ip: Option<String>,
    tls_client_auth_san_email: Option<String>,
}

/// What there is to choose from.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// What the initial access token fixes.
    pub terms: &'a Terms,
    /// With what we sign now.
    pub algs: &'a [Algorithm],
    /// Whether people can log in with DigiD.
    pub digid: bool,
}

impl Metadata {
    /// Checks what a change must repeat and must not have (RFC 7592 section 2.2). It names everything anew.
    pub fn check_change(&self, client: &Client) -> Result<(), Refused> {
        let answered = [
            &self.registration_access_token,
            &self.registration_client_uri,
            &self.client_secret_expires_at,
            &self.client_id_issued_at,
        ];
        if self.client_id.as_deref() != Some(&client.id) {
            return bad("client_id must be that of this client");
        }
        if answered.iter().any(|member| member.is_some()) {
            return bad(
                "leave out registration_access_token, registration_client_uri, client_secret_expires_at and client_id_issued_at",
            );
        }
        let same = |secret: &Secret| client.auth.secret().is_some_and(|held| held.is_newest(secret));
        match &self.client_secret {
            Some(secret) if !same(secret) => {
                bad("client_secret must be the one that was given, or be left out")
            }
            _ => Ok(()),
        }
    }

    /// The redirect URIs as sent.
    pub fn redirect_uris(&self) -> &[String] {
        self.redirect_uris.as_deref().unwrap_or_default()
    }

    /// The client, checked, and its secret where a new one was made. `kept` is what it was until now.
    pub fn client(
        self,
        id: String,
        kept: Option<&Client>,
        offer: Offer<'_>,
    ) -> Result<(Client, Option<Secret>), Refused> {
        self.check_fixed()?;
        let terms = offer.terms;
        let (auth, secret) = self.auth(kept.map(|kept| &kept.auth), terms.policy)?;
        let sector = self.sector(&id, kept.map(|kept| kept.sector.as_str()), terms)?;
        let jwks = self.jwks.as_ref().map(JwkSet::read).transpose();
        let jwks = jwks.or_else(|why| bad(format!("jwks: {why}")))?;
        let wishes = self.wishes(offer)?;
        let id_token_alg = self.id_token_alg(offer)?;
        self.check_introspection(id_token_alg)?;
        let told = Registration::<JwkSet> {
            redirect_uris: self.redirect_uris().to_vec(),
            certificate_name: self.certificate_name()?,
            certificate_bound_tokens: self.tls_client_certificate_bound_access_tokens.unwrap_or_default(),
            scopes: self.scopes(&terms.scopes)?,
            id_token_alg: Some(id_token_alg),
            authorization_signed_response_alg: offer.alg(
                "authorization_signed_response_alg",
                self.authorization_signed_response_alg.as_deref(),
            )?,
            require_signed_request_object: self.require_signed_request_object.unwrap_or_default(),
            userinfo_signed_response_alg: offer
                .alg("userinfo_signed_response_alg", self.userinfo_signed_response_alg.as_deref())?,
            userinfo_encrypted_response_alg: self.userinfo_encryption()?,
            // What only the operator tells, in the terms of the invitation.
            policy: Some(terms.policy),
            sector: Some(sector),
            minimum_level: Some(terms.minimum_level),
            third_party: terms.third_party,
            ..Registration::new(id, self.name()?)
        };
        let told = Registration {
            post_logout_redirect_uris: self.post_logout_redirect_uris.unwrap_or_default(),
            backchannel_logout_uri: self.backchannel_logout_uri,
            jwks_uri: self.jwks_uri,
            policy_uri: self.policy_uri,
            tos_uri: self.tos_uri,
            ..told
        };
        let client = told.client(auth, jwks, wishes).map_err(|wrong| refused(&wrong.why))?;
        Ok((client, secret))
    }

    /// What must be as it is here, and how much there may be.
    fn check_fixed(&self) -> Result<(), Refused> {
        let given = |list: &Option<Vec<String>>, all: &[&str], needed: &str| {
            list.as_ref().is_none_or(|list| {
                list.iter().any(|one| one == needed) && list.iter().all(|one| all.contains(&one.as_str()))
            })
        };
        if !given(&self.grant_types, &["authorization_code", "refresh_token"], "authorization_code") {
            return bad("grant_types must be authorization_code, and refresh_token if you like");
        }
        if !given(&self.response_types, &["code"], "code") {
            return bad("response_types must be code, and nothing else");
        }
        let encrypted = [
            &self.id_token_encrypted_response_alg,
            &self.authorization_encrypted_response_alg,
            &self.request_object_encryption_alg,
            &self.introspection_encrypted_response_alg,
            &self.introspection_encrypted_response_enc,
        ];
        if encrypted.iter().any(|alg| alg.is_some()) {
            return bad("only UserInfo can be encrypted: leave out the encryption of other tokens");
        }
        let lists = [&self.redirect_uris, &self.post_logout_redirect_uris, &self.default_acr_values];
        if lists.iter().any(|list| list.as_ref().is_some_and(|list| list.len() > MOST)) {
            return bad(format!(
                "give at most {MOST} addresses of each kind, and at most {MOST} default_acr_values"
            ));
        }
        let addresses = self.redirect_uris().iter().chain(self.post_logout_redirect_uris.iter().flatten());
        let calls = [&self.backchannel_logout_uri, &self.jwks_uri, &self.sector_identifier_uri];
        let others = calls.into_iter().chain([&self.policy_uri, &self.tos_uri]);
        if addresses.chain(others.flatten()).any(|uri| uri.len() > LONGEST) {
            return bad(format!("an address may have at most {LONGEST} characters"));
        }
        if self.redirect_uris().is_empty() {
            return Err(Refused::RedirectUri("give at least one address in redirect_uris".to_owned()));
        }
        Ok(())
    }

    /// A client that said nothing proves who it is by HTTP Basic (RFC 7591 section 2).
    fn auth(
        &self,
        kept: Option<&ClientAuth>,
        policy: Policy,
    ) -> Result<(ClientAuth, Option<Secret>), Refused> {
        let method = match self.token_endpoint_auth_method.as_deref() {
            None => AuthMethod::ClientSecretBasic,
            Some(method) => method
                .parse()
                .or_else(|_| bad("token_endpoint_auth_method: see token_endpoint_auth_methods_supported"))?,
        };
        let (auth, secret) = method.after(kept);
        if policy.allows_auth(&auth) {
            return Ok((auth, secret));
        }
        bad(format!(
            "token_endpoint_auth_method {} is not allowed under the policy {policy}, which the initial access token fixes: use \
             private_key_jwt",
            auth.method()
        ))
    }

    /// Whom its subjects are shared with (OpenID Connect Core, section 8.1). The list at `sector_identifier_uri` was checked.
    /// `kept` is the sector until now: users who have a `sub` keep it unless the change says otherwise.
    fn sector(&self, id: &str, kept: Option<&str>, terms: &Terms) -> Result<String, Refused> {
        let public = match self.subject_type.as_deref() {
            None => terms.sector.as_deref() == Some(Client::PUBLIC_SECTOR),
            Some("public") => true,
            Some("pairwise") => false,
            Some(_) => return bad("subject_type must be pairwise or public"),
        };
        if let Some(fixed) = &terms.sector {
            if public != (fixed == Client::PUBLIC_SECTOR) || self.sector_identifier_uri.is_some() {
                return bad(
                    "the initial access token fixes the sector: leave out subject_type and sector_identifier_uri",
                );
            }
            return Ok(fixed.clone());
        }
        let sector = match &self.sector_identifier_uri {
            _ if public => Client::PUBLIC_SECTOR.to_owned(),
            None => self.sector_of_hosts(id, kept)?,
            // It is kept as it stands, and a parser would silently drop a tab.
            Some(uri) if !uri.bytes().all(|byte| byte.is_ascii_graphic()) => String::new(),
            Some(uri) => {
                Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
            }
        };
        // A host of the one name would have the subjects of everybody, of the other those of another client.
        let taken = sector == Client::PUBLIC_SECTOR || sector.starts_with(PREFIX) && sector != id;
        if sector.is_empty() || taken && !public {
            return bad(
                "the host of sector_identifier_uri, or else that of the redirect URIs, must be one that can be a sector",
            );
        }
        let asked = self.sector_identifier_uri.is_some()
            || self.subject_type.is_some()
                && kept.is_some_and(|kept| public != (kept == Client::PUBLIC_SECTOR));
        if !asked && kept.is_some_and(|kept| kept != sector) {
            return bad(
                "this would give the users of this client another sub: leave subject_type and the host of the redirect URIs as they \
                 are, or give a sector_identifier_uri (at that host, and they keep theirs)",
            );
        }
        Ok(sector)
    }

    /// The sector where no list says it: the host, or, of several hosts, the client itself, which shares with nobody then. That
    /// stays so, since no host can claim its subjects; a client that shares those of a host proves others by a list.
    fn sector_of_hosts(&self, id: &str, kept: Option<&str>) -> Result<String, Refused> {
        let by_host = Client::sector_of(id, self.redirect_uris());
        match by_host {
            Ok(_) | Err(Why::Sector) if kept == Some(id) => Ok(id.to_owned()),
            Err(Why::Sector) if kept.is_none() && self.subject_type.is_none() => Ok(id.to_owned()),
            Err(Why::Sector) => bad(
                "the redirect URIs have several hosts: give a sector_identifier_uri that lists them, or, of a new client, leave out \
                 subject_type",
            ),
            other => other.map_err(|wrong| refused(&wrong)),
        }
    }

    /// What pages call it: its host where it has no name.
    fn name(&self) -> Result<String, Refused> {
        let host = || Url::parse(self.redirect_uris().first()?).ok()?.host_str().map(str::to_owned);
        let name = self.client_name.clone().or_else(host).unwrap_or_default();
        one_line(&name).or_else(|why| bad(format!("client_name: {why}")))
    }

    fn scopes(&self, most: &Scopes) -> Result<Scopes, Refused> {
        let Some(asked) = &self.scope else { return Ok(most.clone()) };
        let asked: Result<Scopes, _> =
            asked.split(' ').filter(|word| !word.is_empty()).map(str::parse).collect();
        match asked {
            Ok(asked) if asked.contains(Scope::Openid) && asked.are_within(most) => Ok(asked),
            _ => bad(format!(
                "scope must contain openid, and the initial access token allows no more than: {most}"
            )),
        }
    }

    fn id_token_alg(&self, offer: Offer<'_>) -> Result<Algorithm, Refused> {
        let said = self.id_token_signed_response_alg.as_deref();
        let said = said.or(Some(offer.terms.policy.usual_alg().name()));
        offer
            .alg("id_token_signed_response_alg", said)?
            .map_or_else(|| bad("id_token_signed_response_alg"), Ok)
    }

    /// Answers of introspection are signed as the ID tokens of the client that asks (RFC 9701 section 6). It would get those of another
    /// algorithm than it fixed, and refuse them.
    fn check_introspection(&self, id_token_alg: Algorithm) -> Result<(), Refused> {
        match self.introspection_signed_response_alg.as_deref() {
            Some(wished) if wished != id_token_alg.name() => bad(format!(
                "introspection_signed_response_alg can only be that of id_token_signed_response_alg, {}: leave it out, or give both alike",
                id_token_alg.name()
            )),
            _ => Ok(()),
        }
    }

    fn userinfo_encryption(&self) -> Result<Option<KeyEncryption>, Refused> {
        let Some(alg) = self.userinfo_encrypted_response_alg.as_deref() else {
            return match self.userinfo_encrypted_response_enc {
                None => Ok(None),
                Some(_) => bad("userinfo_encrypted_response_enc needs userinfo_encrypted_response_alg"),
            };
        };
        match (alg.parse(), self.userinfo_encrypted_response_enc.as_deref()) {
            (Ok(alg), None | Some("A256GCM")) => Ok(Some(alg)),
            _ => bad("UserInfo can be encrypted with RSA-OAEP-256 and A256GCM only"),
        }
    }

    /// Exactly one name of a certificate (RFC 8705 section 2.1.2), if any.
    fn certificate_name(&self) -> Result<Option<CertificateName>, Refused> {
        let all = [
            ("subject_dn", &self.tls_client_auth_subject_dn),
            ("san_dns", &self.tls_client_auth_san_dns),
            ("san_uri", &self.tls_client_auth_san_uri),
            ("san_ip", &self.tls_client_auth_san_ip),
            ("san_email", &self.tls_client_auth_san_email),
        ];
        let mut given = all.into_iter().filter_map(|(kind, name)| Some((kind, name.as_ref()?)));
        match (given.next(), given.next()) {
            (None, _) => Ok(None),
            (Some((kind, name)), None) => match format!("{kind}={name}").parse() {
                Ok(name) => Ok(Some(name)),
                Err(_) => bad(format!("tls_client_auth_{kind} is no such name")),
            },
            (Some(_), Some(_)) => {
                bad("give exactly one of the tls_client_auth_ names (RFC 8705 section 2.1.2)")
            }
        }
    }
}

impl Offer<'_> {
    /// The algorithm of that name, with which we sign.
    fn alg(&self, member: &str, name: Option<&str>) -> Result<Option<Algorithm>, Refused> {
        let Some(name) = name else { return Ok(None) };
        let fits = |alg: &Algorithm| alg.name() == name && self.terms.policy.allows_alg(*alg);
        if let Some(alg) = self.algs.iter().copied().find(fits) {
            return Ok(Some(alg));
        }
        let all = self.algs.iter().filter(|alg| self.terms.policy.allows_alg(**alg));
        let all: Vec<_> = all.map(|alg| alg.name()).collect();
        bad(format!("{member} must be one of: {}", all.join(" ")))
    }
}
