//! What a client says of itself when it registers (RFC 7591 section 2, OpenID Connect Registration section 2), and what it is
//! told. Members that are not read here are ignored, as RFC 7591 wants: logos and pages of others are never fetched nor shown.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::domain::{
    api::AdminScopes,
    assurance::Level,
    client::{BadClient, Client, ClientAuth, KeyEncryption},
    client_registration::{Terms, Wishes},
    jwk::JwkSet,
    key::Algorithm,
    line::one_line,
    mtls::CertificateName,
    policy::Policy,
    scope::{Scope, Scopes},
    secret::Secret,
    time::Timestamp,
};

/// The most addresses of each kind, and values of `default_acr_values`.
const MOST: usize = 16;
/// The longest address, in bytes.
const LONGEST: usize = 512;
/// The largest `default_max_age`, in seconds: ten years, as in a request.
const MAX_AGE: i64 = 10 * 366 * 86_400;

/// Why nothing was registered (RFC 7591 section 3.2.2), and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// `invalid_redirect_uri`.
    RedirectUri(String),
    /// `invalid_client_metadata`.
    Metadata(String),
}

impl Refused {
    /// The code on the wire.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::RedirectUri(_) => "invalid_redirect_uri",
            Self::Metadata(_) => "invalid_client_metadata",
        }
    }

    /// What is wrong, in ASCII (RFC 7591 section 3.2.2).
    pub fn description(&self) -> String {
        let (Self::RedirectUri(why) | Self::Metadata(why)) = self;
        let plain = |c: char| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' };
        why.chars().map(plain).collect()
    }
}

fn bad<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Metadata(why.into()))
}

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
    id_token_signed_response_alg: Option<String>,
    id_token_encrypted_response_alg: Option<Value>,
    userinfo_signed_response_alg: Option<String>,
    userinfo_encrypted_response_alg: Option<String>,
    userinfo_encrypted_response_enc: Option<String>,
    authorization_signed_response_alg: Option<String>,
    authorization_encrypted_response_alg: Option<Value>,
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
    /// Reads a body.
    pub fn read(body: &[u8]) -> Result<Self, Refused> {
        serde_json::from_slice(body)
            .or_else(|error| bad(format!("the client metadata cannot be read: {error}")))
    }

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
        let same = |secret: &Secret| match &client.auth {
            ClientAuth::ClientSecretBasic(hash) | ClientAuth::ClientSecretPost(hash) => {
                hash.is_newest(secret)
            }
            _ => false,
        };
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

    /// The client, checked, and its secret where a new one was made. `kept` is how it proved who it is until now.
    pub fn client(
        self,
        id: String,
        kept: Option<&ClientAuth>,
        offer: Offer<'_>,
    ) -> Result<(Client, Option<Secret>), Refused> {
        self.check_fixed()?;
        let terms = offer.terms;
        let (auth, secret) = self.auth(kept, terms.policy)?;
        let sector = self.sector(&id, terms)?;
        let redirect_uris = self.redirect_uris().to_vec();
        let client = Client {
            name: self.name()?,
            policy: terms.policy,
            auth,
            certificate_name: self.certificate_name()?,
            certificate_bound_tokens: self.tls_client_certificate_bound_access_tokens.unwrap_or_default(),
            scopes: self.scopes(&terms.scopes)?,
            sector,
            id_token_alg: self.id_token_alg(offer)?,
            authorization_signed_response_alg: offer.alg(
                "authorization_signed_response_alg",
                self.authorization_signed_response_alg.as_deref(),
            )?,
            userinfo_signed_response_alg: offer
                .alg("userinfo_signed_response_alg", self.userinfo_signed_response_alg.as_deref())?,
            userinfo_encrypted_response_alg: self.userinfo_encryption()?,
            wishes: self.wishes(offer)?,
            jwks: self
                .jwks
                .as_ref()
                .map(JwkSet::read)
                .transpose()
                .or_else(|why| bad(format!("jwks: {why}")))?,
            redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris.unwrap_or_default(),
            backchannel_logout_uri: self.backchannel_logout_uri,
            jwks_uri: self.jwks_uri,
            resources: Vec::new(),
            serves: Vec::new(),
            service_scopes: AdminScopes::default(),
            minimum_level: terms.minimum_level,
            sees_relation: false,
            third_party: terms.third_party,
            id,
        };
        client.check().map_err(|wrong| told(&client.id, &wrong))?;
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
            return bad("response_types must be [\"code\"]");
        }
        let encrypted = [
            &self.id_token_encrypted_response_alg,
            &self.authorization_encrypted_response_alg,
            &self.request_object_encryption_alg,
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
        let others = [&self.backchannel_logout_uri, &self.jwks_uri, &self.sector_identifier_uri];
        if addresses.chain(others.into_iter().flatten()).any(|uri| uri.len() > LONGEST) {
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
        let secret = Secret::token("nms_cs_");
        let (hash, new) = match kept {
            Some(ClientAuth::ClientSecretBasic(hash) | ClientAuth::ClientSecretPost(hash)) => {
                (hash.clone(), None)
            }
            _ => (secret.hashed().into(), Some(secret)),
        };
        let (auth, secret) = match self.token_endpoint_auth_method.as_deref() {
            None | Some("client_secret_basic") => (ClientAuth::ClientSecretBasic(hash), new),
            Some("client_secret_post") => (ClientAuth::ClientSecretPost(hash), new),
            Some("private_key_jwt") => (ClientAuth::PrivateKeyJwt, None),
            Some("tls_client_auth") => (ClientAuth::TlsClientAuth, None),
            Some("self_signed_tls_client_auth") => (ClientAuth::SelfSignedTlsClientAuth, None),
            Some("none") => (ClientAuth::None, None),
            Some(_) => {
                return bad("token_endpoint_auth_method: see token_endpoint_auth_methods_supported");
            }
        };
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
    fn sector(&self, id: &str, terms: &Terms) -> Result<String, Refused> {
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
        if public {
            return Ok(Client::PUBLIC_SECTOR.to_owned());
        }
        let sector = match &self.sector_identifier_uri {
            None => Client::sector_of(id, self.redirect_uris()).map_err(|wrong| match wrong {
                BadClient::Sector(_) => Refused::Metadata(
                    "the redirect URIs have several hosts: give a sector_identifier_uri that lists them"
                        .to_owned(),
                ),
                other => told(id, &other),
            })?,
            Some(uri) => {
                Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
            }
        };
        // A host of that name would have the subjects of everybody.
        if sector.is_empty() || sector == Client::PUBLIC_SECTOR {
            return bad(
                "the host of sector_identifier_uri, or else that of the redirect URIs, must be one that can be a sector",
            );
        }
        Ok(sector)
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
        let fitting = |alg: &Algorithm| offer.terms.policy.allows_alg(*alg);
        let usual = [Algorithm::Rs256, Algorithm::Ps256].into_iter().find(fitting);
        let said = self.id_token_signed_response_alg.as_deref().or(usual.map(Algorithm::name));
        offer
            .alg("id_token_signed_response_alg", said)?
            .map_or_else(|| bad("id_token_signed_response_alg"), Ok)
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

    fn wishes(&self, offer: Offer<'_>) -> Result<Wishes, Refused> {
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

/// What is wrong with a client, without the name that it will never have.
pub fn told(id: &str, wrong: &impl ToString) -> Refused {
    let why = wrong.to_string();
    let why = why.strip_prefix(&format!("client {id}: ")).map_or(why.clone(), str::to_owned);
    if why.starts_with("give at least one redirect URI")
        || why.contains("must be https (http only on 127.0.0.1, [::1] or localhost)")
    {
        return Refused::RedirectUri(format!("redirect_uris and post_logout_redirect_uris: {why}"));
    }
    Refused::Metadata(why)
}

/// All that is registered of a client, as it is told (RFC 7591 section 3.2.1, RFC 7592 section 3). `uri` is where it manages that
/// and `token` with what. The secret is told once.
pub fn information(
    client: &Client,
    secret: Option<&Secret>,
    (uri, token): (&str, &Secret),
    issued: Timestamp,
) -> Value {
    let public = client.sector == Client::PUBLIC_SECTOR;
    let acr = |level: &Level| level.acr();
    let mut all = json!({
        "client_id": client.id,
        "client_id_issued_at": issued.epoch(),
        "registration_access_token": token.expose(),
        "registration_client_uri": uri,
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "backchannel_logout_uri": client.backchannel_logout_uri,
        // Each notice names the session.
        "backchannel_logout_session_required": client.backchannel_logout_uri.as_ref().map(|_| true),
        "client_name": client.name,
        "token_endpoint_auth_method": client.auth.method(),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": client.scopes.to_string(),
        "jwks": client.jwks,
        "jwks_uri": client.jwks_uri,
        "subject_type": if public { "public" } else { "pairwise" },
        "sector_identifier_uri": client.wishes.sector_identifier_uri,
        "id_token_signed_response_alg": client.id_token_alg,
        "authorization_signed_response_alg": client.authorization_signed_response_alg,
        "userinfo_signed_response_alg": client.userinfo_signed_response_alg,
        "userinfo_encrypted_response_alg": client.userinfo_encrypted_response_alg,
        "userinfo_encrypted_response_enc": client.userinfo_encrypted_response_alg.map(|_| "A256GCM"),
        "request_object_signing_alg": client.wishes.request_object_alg,
        "default_max_age": client.wishes.max_age,
        // Every ID token has auth_time.
        "require_auth_time": true,
        "default_acr_values": client.wishes.levels.iter().map(acr).collect::<Vec<_>>(),
        "dpop_bound_access_tokens": client.policy.requires_dpop() || client.wishes.dpop,
        "require_pushed_authorization_requests": client.policy.requires_par() || client.wishes.pushes,
        "tls_client_certificate_bound_access_tokens": client.certificate_bound_tokens,
    });
    if let Value::Object(members) = &mut all {
        certificate(members, client);
        if let Some(secret) = secret {
            members.insert("client_secret".to_owned(), secret.expose().into());
            members.insert("client_secret_expires_at".to_owned(), 0.into());
        }
        members.retain(|_, value| !value.is_null());
    }
    all
}

fn certificate(members: &mut Map<String, Value>, client: &Client) {
    let name = client.certificate_name.as_ref().map(ToString::to_string);
    if let Some((kind, name)) = name.as_deref().and_then(|name| name.split_once('=')) {
        members.insert(format!("tls_client_auth_{kind}"), name.into());
    }
}
