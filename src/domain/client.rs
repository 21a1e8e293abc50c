//! Clients: the portals and apps that delegate login to Namens (RFC 6749 section 2). What is told of one is a [`Registration`],
//! whoever tells it; what comes of that is a [`Client`].

use serde::{Deserialize, Serialize};

use super::{
    api::AdminScopes, assurance::Level, client_registration::Wishes, jwk::JwkSet, key::Algorithm,
    line::one_line, mtls::CertificateName, policy::Policy, scope::Scopes,
};

mod auth;
mod bad;
mod check;
mod keys;
mod registration;
mod userinfo;

pub use self::{
    auth::{AuthMethod, ClientAuth},
    bad::{BadClient, Why},
    check::{is_loopback, may_be_id},
    keys::Keys,
    registration::Unsaid,
    userinfo::{KeyEncryption, UserinfoForm},
};

/// Declares [`Registration`] and [`Client`]. A member that is kept as it is told is one line of the list that stands below: it is
/// read from the configuration and by the admin API, kept, and told again by that.
macro_rules! members {
    ($($(#[$about:meta])* $member:ident: $kind:ty,)*) => {
        /// A client's metadata, as whoever registers it tells them: in the configuration, on the command line, to the admin API,
        /// or, translated from the names of RFC 7591, the client itself. What is left out is the safe choice.
        ///
        /// `J` is how its key set is written and `S` how its secret is: in the configuration both are files.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Registration<J = JwkSet, S = Unsaid> {
            /// Its `client_id`.
            #[serde(rename = "client_id", alias = "id")]
            pub id: String,
            /// What pages call it: "Inloggen bij {name}".
            pub name: String,
            /// By which rules it lives: `nlgov` when left out.
            pub policy: Option<Policy>,
            /// How it proves who it is: `private_key_jwt` when left out.
            pub auth: Option<AuthMethod>,
            /// Its secret, where its way to prove who it is has one and somebody chose it.
            #[serde(skip_serializing)]
            pub secret: Option<S>,
            /// The keys that it signs with, and those that are encrypted to.
            pub jwks: Option<J>,
            /// Where it tells them, instead.
            pub jwks_uri: Option<String>,
            /// Whom it shares pairwise subjects with; when left out, its redirect host, or in a replacement what it was.
            pub sector: Option<String>,
            /// Whether its subjects are public: the same for every client that asks so. Left out, the sector says it.
            #[serde(default, skip_serializing, deserialize_with = "registration::told")]
            pub public_subjects: Option<bool>,
            /// How its ID tokens are signed; as is usual under its policy when left out.
            pub id_token_alg: Option<Algorithm>,
            /// The level below which nobody logs in to it: `local` when left out.
            pub minimum_level: Option<Level>,
            /// How `UserInfo` is signed for it; not at all when left out.
            pub userinfo_signed_response_alg: Option<Algorithm>,
            /// How a signed `UserInfo` is encrypted to it; not at all when left out.
            pub userinfo_encrypted_response_alg: Option<KeyEncryption>,
            $($(#[$about])* #[serde(default)] pub $member: $kind,)*
        }

        /// A registered client, as every floor sees it: already checked, whether it came from configuration or from the store.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Client {
            /// The `client_id`.
            pub id: String,
            /// What pages call it: "Inloggen bij {name}".
            pub name: String,
            /// By which rules it lives.
            pub policy: Policy,
            /// How it proves who it is at the token endpoint.
            pub auth: ClientAuth,
            /// The keys that it signs with, and those that are encrypted to.
            #[serde(flatten)]
            pub keys: Keys,
            /// Whom its subjects are shared with: a host for pairwise subjects, [`Client::PUBLIC_SECTOR`] for public ones.
            pub sector: String,
            /// How its ID tokens are signed.
            pub id_token_alg: Algorithm,
            /// The level below which nobody logs in to it.
            pub minimum_level: Level,
            /// In which form it gets `UserInfo`.
            #[serde(flatten)]
            pub userinfo: UserinfoForm,
            /// What it registered of its own requests.
            #[serde(default)]
            pub wishes: Wishes,
            $($(#[$about])* #[serde(default)] pub $member: $kind,)*
        }

        impl<J, S> Registration<J, S> {
            /// One of that id and name, with all the rest left out.
            pub fn new(id: String, name: String) -> Self {
                Self {
                    id,
                    name,
                    policy: None,
                    auth: None,
                    secret: None,
                    jwks: None,
                    jwks_uri: None,
                    sector: None,
                    public_subjects: None,
                    id_token_alg: None,
                    minimum_level: None,
                    userinfo_signed_response_alg: None,
                    userinfo_encrypted_response_alg: None,
                    $($member: <$kind>::default(),)*
                }
            }

            /// What comes of it, unchecked. What is left out is chosen here, and nowhere else.
            fn kept(self, auth: ClientAuth, jwks: Option<JwkSet>, wishes: Wishes) -> Result<Client, Why> {
                let (sector, policy) = (self.sector()?, self.policy.unwrap_or(Policy::Nlgov));
                Ok(Client {
                    name: one_line(&self.name).map_err(|_| Why::Name)?,
                    policy,
                    auth,
                    keys: Keys::of(jwks, self.jwks_uri)?,
                    sector,
                    id_token_alg: self.id_token_alg.unwrap_or(policy.usual_alg()),
                    minimum_level: self.minimum_level.unwrap_or(Level::Local),
                    userinfo: UserinfoForm::of(
                        self.userinfo_signed_response_alg,
                        self.userinfo_encrypted_response_alg,
                    )?,
                    wishes,
                    id: self.id,
                    $($member: self.$member,)*
                })
            }
        }

        impl Client {
            /// What was told of it, with what was chosen where something was left out. Its secret, and what it wishes of its own
            /// requests, are told to nobody.
            pub fn registration(&self) -> Registration {
                Registration {
                    policy: Some(self.policy),
                    auth: Some(self.auth.method()),
                    jwks: self.keys.registered().cloned(),
                    jwks_uri: self.keys.uri().map(str::to_owned),
                    sector: Some(self.sector.clone()),
                    id_token_alg: Some(self.id_token_alg),
                    minimum_level: Some(self.minimum_level),
                    userinfo_signed_response_alg: self.userinfo.signed(),
                    userinfo_encrypted_response_alg: self.userinfo.encrypted(),
                    $($member: Clone::clone(&self.$member),)*
                    ..Registration::new(self.id.clone(), self.name.clone())
                }
            }
        }
    };
}

members! {
    /// Where answers may go: compared as exact strings (RFC 9700 section 2.1). Nowhere for a program.
    redirect_uris: Vec<String>,
    /// Where a browser may go after signing out (OpenID Connect RP-Initiated Logout, section 3.1).
    post_logout_redirect_uris: Vec<String>,
    /// Where it hears that a session ended (OpenID Connect Back-Channel Logout, section 2.2).
    backchannel_logout_uri: Option<String>,
    /// Where people read what it does with what it knows of them (RFC 7591 section 2): pages lead there.
    policy_uri: Option<String>,
    /// Where they read on which terms it serves them (the same section).
    tos_uri: Option<String>,
    /// The name that its certificate must have, where it proves who it is with one (RFC 8705 section 2.1.2).
    certificate_name: Option<CertificateName>,
    /// Whether its tokens are bound to the certificate that it shows (`tls_client_certificate_bound_access_tokens`, RFC 8705
    /// section 3.4).
    certificate_bound_tokens: bool,
    /// What it may ask for; `openid` among them.
    scopes: Scopes,
    /// The APIs for which its users' access tokens may be (RFC 8707): absolute URIs, compared as exact strings.
    resources: Vec<String>,
    /// The APIs that it is itself: it may ask what tokens for them are worth (RFC 7662 section 2).
    serves: Vec<String>,
    /// What it may do at the admin API in its own name (RFC 6749 section 4.4).
    service_scopes: AdminScopes,
    /// How answers to its authorization requests are signed, where it asks for signed ones; as its ID tokens when left out (JARM,
    /// section 3).
    authorization_signed_response_alg: Option<Algorithm>,
    /// Whether it signs each of its authorization requests, so that one without a signature is none of its (RFC 9101 section 10.5).
    require_signed_request_object: bool,
    /// Whether it may know how a representative is related to the person (guardianship is sensitive).
    sees_relation: bool,
    /// Whether it may have BSNs: of its users and of those for whom they act, in an encrypted `UserInfo` and nowhere else. Only the
    /// configuration says so.
    sees_bsn: bool,
    /// Whether it is somebody else's, so that users must agree to what it may know. The provider's own portals ask nothing.
    third_party: bool,
}

impl Client {
    /// The sector of clients with public subjects. No host has this name.
    pub const PUBLIC_SECTOR: &'static str = "public";

    /// With what an answer to its authorization request is signed, where it asks for that.
    pub fn response_alg(&self) -> Algorithm {
        self.authorization_signed_response_alg.unwrap_or(self.id_token_alg)
    }

    /// Whether it must show a certificate at the token endpoint.
    pub fn shows_certificate(&self) -> bool {
        let by_certificate =
            matches!(self.auth, ClientAuth::TlsClientAuth | ClientAuth::SelfSignedTlsClientAuth);
        by_certificate || self.certificate_bound_tokens
    }

    /// Whether nothing but PKCE ties a code to it.
    pub fn is_public(&self) -> bool {
        self.auth == ClientAuth::None
    }
}

#[cfg(test)]
pub(crate) mod tests;
