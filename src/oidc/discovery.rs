//! What clients are told about this provider (OpenID Connect Discovery section 3, RFC 8414 section 2): exactly what
//! works, nothing more.

use std::collections::BTreeMap;

use openidconnect::{
    AdditionalProviderMetadata, AuthUrl, AuthenticationContextClass, IssuerUrl, JsonWebKeySetUrl,
    LanguageTag, ProviderMetadata, RegistrationUrl, ResponseTypes, TokenUrl, UserInfoUrl,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
        CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};

use super::{dpop, path, resource::TOKEN_EXCHANGE, signing_key::core_alg};
use crate::domain::{assurance::Level, fault::Fault, key::Algorithm, profile::Claim, scope::Scope};

/// Members that openidconnect does not know.
#[expect(clippy::struct_excessive_bools, reason = "each is a member that a standard names")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    /// PKCE (RFC 7636): S256 only.
    pub code_challenge_methods_supported: Vec<String>,
    /// Every answer names its issuer (RFC 9207 section 3).
    pub authorization_response_iss_parameter_supported: bool,
    /// Where clients push their requests (RFC 9126 section 5).
    pub pushed_authorization_request_endpoint: String,
    /// Whether every client must: those of one policy must (RFC 9126 section 5).
    pub require_pushed_authorization_requests: bool,
    /// Whether every client must sign its requests: those that say so must (RFC 9101 section 10.5).
    pub require_signed_request_object: bool,
    /// Where a portal sends a user who signs out (OpenID Connect RP-Initiated Logout, section 2.1).
    pub end_session_endpoint: String,
    /// With what proofs of possession may be signed (RFC 9449 section 5.1).
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Where a client asks what a token is worth (RFC 8414 section 2, RFC 7662).
    pub introspection_endpoint: String,
    /// How it says who it is there.
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// With what it may sign that.
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// With what a signed answer is signed (RFC 9701 section 7).
    pub introspection_signing_alg_values_supported: Vec<String>,
    /// Where a client gives a token back (RFC 8414 section 2, RFC 7009).
    pub revocation_endpoint: String,
    /// How it says who it is there.
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// With what it may sign that.
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// Whether tokens can be bound to a client's certificate (RFC 8705 section 3.3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Where clients show certificates, by the name of the endpoint (RFC 8705 section 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtls_endpoint_aliases: Option<BTreeMap<String, String>>,
    /// With what an answer to an authorization request is signed, where that is asked for (JARM, section 4).
    pub authorization_signing_alg_values_supported: Vec<String>,
    /// Portals hear that a session ended (OpenID Connect Back-Channel Logout, section 2.1).
    pub backchannel_logout_supported: bool,
    /// They hear which: `sid` (the same section).
    pub backchannel_logout_session_supported: bool,
    /// The values of `prompt` that change something (OpenID Connect Prompt Create, section 4.2).
    pub prompt_values_supported: Vec<String>,
}

impl AdditionalProviderMetadata for Extra {}

/// The metadata, as openidconnect reads and writes it.
pub type Metadata = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// How a client that can keep a secret says who it is.
const CONFIDENTIAL: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

/// How clients may show certificates.
#[derive(Debug, Clone, Copy)]
pub struct Certificates<'a> {
    /// Where, if not at the issuer's own endpoints.
    pub aliases: Option<&'a str>,
    /// Whether there are authorities who vouch for them.
    pub vouched: bool,
}

impl Certificates<'_> {
    /// The methods that they make possible (RFC 8705 section 2).
    fn methods(self) -> impl Iterator<Item = &'static str> {
        self.vouched.then_some("tls_client_auth").into_iter().chain(["self_signed_tls_client_auth"])
    }

    fn aliases(&self) -> Option<BTreeMap<String, String>> {
        let all = [
            ("token_endpoint", path::TOKEN),
            ("revocation_endpoint", path::REVOKE),
            ("introspection_endpoint", path::INTROSPECT),
            ("pushed_authorization_request_endpoint", path::PAR),
            ("userinfo_endpoint", path::USERINFO),
        ];
        let base = self.aliases?;
        Some(all.iter().map(|(name, path)| ((*name).to_owned(), format!("{base}{path}"))).collect())
    }
}

/// The claims that our tokens and `UserInfo` can hold anywhere.
const CLAIMS: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "at_hash",
    "sid",
    "amr",
    "act_as",
];

/// What there is to tell of this provider.
#[derive(Debug, Clone, Copy)]
pub struct Provider<'a> {
    /// Who it is.
    pub issuer: &'a str,
    /// With what it signs.
    pub algs: &'a [Algorithm],
    /// The levels that it can reach.
    pub levels: &'a [Level],
    /// Whether people can log in for somebody else.
    pub representation: bool,
    /// Whether somebody may be told BSNs.
    pub tells_bsn: bool,
    /// How clients show certificates, where they can.
    pub certificates: Option<Certificates<'a>>,
    /// Whether clients may register themselves.
    pub registers: bool,
}

impl Provider<'_> {
    /// Its metadata.
    pub fn metadata(&self) -> Result<Metadata, Fault> {
        let metadata = Metadata::new(
            IssuerUrl::new(self.issuer.to_owned())?,
            AuthUrl::new(self.at(path::AUTHORIZE))?,
            JsonWebKeySetUrl::new(self.at(path::JWKS))?,
            vec![ResponseTypes::new(vec![CoreResponseType::Code])],
            vec![CoreSubjectIdentifierType::Pairwise, CoreSubjectIdentifierType::Public],
            self.signs(),
            self.extra(),
        );
        let register = self.registers.then(|| RegistrationUrl::new(self.at(path::REGISTER))).transpose()?;
        let metadata = self.authorization(metadata.set_registration_endpoint(register));
        self.userinfo(self.token(metadata)?)
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// With what it signs for whoever may choose, by the names of openidconnect.
    fn signs(&self) -> Vec<CoreJwsSigningAlgorithm> {
        self.algs.iter().map(|alg| core_alg(*alg)).collect()
    }

    /// What an authorization request may ask.
    fn authorization(&self, metadata: Metadata) -> Metadata {
        let scopes = Scope::ALL.iter().map(|scope| openidconnect::Scope::new(scope.to_string()));
        let levels = self.levels.iter().map(|level| AuthenticationContextClass::new(level.acr().to_owned()));
        // Every page fits all of them.
        let displays = vec![CoreAuthDisplay::Page, CoreAuthDisplay::Popup, CoreAuthDisplay::Touch];
        metadata
            .set_response_modes_supported(Some(response_modes()))
            .set_scopes_supported(Some(scopes.collect()))
            .set_claims_supported(Some(self.claims().map(CoreClaimName::new).collect()))
            .set_claims_parameter_supported(Some(true))
            .set_acr_values_supported(Some(levels.collect()))
            .set_ui_locales_supported(Some(words(&["nl", "en"]).into_iter().map(LanguageTag::new).collect()))
            .set_display_values_supported(Some(displays))
            .set_request_parameter_supported(Some(true))
            .set_request_object_signing_alg_values_supported(Some(Algorithm::ALL.map(core_alg).to_vec()))
            // Left out, this one would mean true.
            .set_request_uri_parameter_supported(Some(false))
    }

    fn claims(&self) -> impl Iterator<Item = String> {
        let here = [(self.representation, "represents"), (self.tells_bsn, "bsn")];
        let here = here.into_iter().filter(|(is, _)| *is).map(|(_, name)| name.to_owned());
        words(&CLAIMS).into_iter().chain(Claim::ALL.iter().map(ToString::to_string)).chain(here)
    }

    /// The token endpoint, and how clients say there who they are.
    fn token(&self, metadata: Metadata) -> Result<Metadata, Fault> {
        let confidential = [
            CoreClientAuthMethod::ClientSecretBasic,
            CoreClientAuthMethod::ClientSecretPost,
            CoreClientAuthMethod::PrivateKeyJwt,
        ];
        let by_certificate =
            self.by_certificate().map(|name| CoreClientAuthMethod::Extension(name.to_owned()));
        let methods = confidential.into_iter().chain(by_certificate).chain([CoreClientAuthMethod::None]);
        Ok(metadata
            .set_token_endpoint(Some(TokenUrl::new(self.at(path::TOKEN))?))
            .set_grant_types_supported(Some(grant_types()))
            .set_token_endpoint_auth_methods_supported(Some(methods.collect()))
            .set_token_endpoint_auth_signing_alg_values_supported(Some(
                Algorithm::ALL.map(core_alg).to_vec(),
            )))
    }

    /// `UserInfo`, and the forms that it can have.
    fn userinfo(&self, metadata: Metadata) -> Result<Metadata, Fault> {
        let (alg, enc) =
            (CoreJweKeyManagementAlgorithm::RsaOaepSha256, CoreJweContentEncryptionAlgorithm::Aes256Gcm);
        Ok(metadata
            .set_userinfo_endpoint(Some(UserInfoUrl::new(self.at(path::USERINFO))?))
            .set_userinfo_signing_alg_values_supported(Some(self.signs()))
            .set_userinfo_encryption_alg_values_supported(Some(vec![alg]))
            .set_userinfo_encryption_enc_values_supported(Some(vec![enc])))
    }

    fn by_certificate(&self) -> impl Iterator<Item = &'static str> {
        self.certificates.into_iter().flat_map(Certificates::methods)
    }

    fn extra(&self) -> Extra {
        let confidential: Vec<_> = CONFIDENTIAL.into_iter().chain(self.by_certificate()).collect();
        Extra {
            code_challenge_methods_supported: words(&["S256"]),
            authorization_response_iss_parameter_supported: true,
            pushed_authorization_request_endpoint: self.at(path::PAR),
            require_pushed_authorization_requests: false,
            require_signed_request_object: false,
            end_session_endpoint: self.at(path::LOGOUT),
            dpop_signing_alg_values_supported: names(&dpop::ALGS),
            introspection_endpoint: self.at(path::INTROSPECT),
            introspection_endpoint_auth_methods_supported: words(&confidential),
            introspection_endpoint_auth_signing_alg_values_supported: names(Algorithm::ALL.as_slice()),
            introspection_signing_alg_values_supported: names(self.algs),
            revocation_endpoint: self.at(path::REVOKE),
            revocation_endpoint_auth_methods_supported: words(&[confidential.as_slice(), &["none"]].concat()),
            revocation_endpoint_auth_signing_alg_values_supported: names(Algorithm::ALL.as_slice()),
            tls_client_certificate_bound_access_tokens: self.certificates.is_some(),
            mtls_endpoint_aliases: self.certificates.and_then(|certificates| certificates.aliases()),
            authorization_signing_alg_values_supported: names(self.algs),
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            prompt_values_supported: words(&["none", "login", "consent", "select_account"]),
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn names(algs: &[Algorithm]) -> Vec<String> {
    algs.iter().map(|alg| alg.name().to_owned()).collect()
}

/// For what tokens are given.
fn grant_types() -> Vec<CoreGrantType> {
    vec![
        CoreGrantType::AuthorizationCode,
        CoreGrantType::RefreshToken,
        CoreGrantType::ClientCredentials,
        CoreGrantType::Extension(TOKEN_EXCHANGE.to_owned()),
    ]
}

/// How answers can travel: each plainly and signed.
fn response_modes() -> Vec<CoreResponseMode> {
    let signed =
        ["jwt", "query.jwt", "form_post.jwt"].map(|mode| CoreResponseMode::Extension(mode.to_owned()));
    [CoreResponseMode::Query, CoreResponseMode::FormPost].into_iter().chain(signed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole document, so that nothing is promised by accident.
    #[test]
    fn promises_exactly_what_works() {
        let levels = [Level::Local, Level::Midden];
        let algs = [Algorithm::Rs256, Algorithm::Es256];
        let tell = |representation, tells_bsn, registers| {
            let provider = Provider {
                issuer: "https://id.example.nl",
                algs: &algs,
                levels: &levels,
                representation,
                tells_bsn,
                certificates: None,
                registers,
            };
            serde_json::to_value(provider.metadata().unwrap()).unwrap()
        };
        let told = |representation| tell(representation, false, false);
        let mut expected = serde_json::json!({
            "issuer": "https://id.example.nl",
            "authorization_endpoint": "https://id.example.nl/authorize",
            "token_endpoint": "https://id.example.nl/token",
            "userinfo_endpoint": "https://id.example.nl/userinfo",
            "jwks_uri": "https://id.example.nl/jwks",
            "scopes_supported": ["openid", "profile", "email", "address", "phone", "act_as", "offline_access"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post", "jwt", "query.jwt", "form_post.jwt"],
            "grant_types_supported": [
                "authorization_code", "refresh_token", "client_credentials",
                "urn:ietf:params:oauth:grant-type:token-exchange"
            ],
            "acr_values_supported": ["urn:namens:acr:local", "http://eidas.europa.eu/LoA/low"],
            "subject_types_supported": ["pairwise", "public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
            "ui_locales_supported": ["nl", "en"],
            "claims_parameter_supported": true,
            "display_values_supported": ["page", "popup", "touch"],
            "request_parameter_supported": true,
            "request_object_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
            "pushed_authorization_request_endpoint": "https://id.example.nl/par",
            "require_pushed_authorization_requests": false,
            "request_uri_parameter_supported": false,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "end_session_endpoint": "https://id.example.nl/logout",
            "dpop_signing_alg_values_supported": ["PS256", "ES256", "EdDSA"],
            "introspection_endpoint": "https://id.example.nl/introspect",
            "introspection_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "introspection_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
            "introspection_signing_alg_values_supported": ["RS256", "ES256"],
            "revocation_endpoint": "https://id.example.nl/revoke",
            "revocation_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
            "revocation_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
            "authorization_signing_alg_values_supported": ["RS256", "ES256"],
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
        });
        // Apart: the macro has a limit.
        let claims = "iss sub aud exp iat nbf jti auth_time nonce acr at_hash sid amr act_as name given_name family_name \
                      middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale \
                      updated_at email email_verified address phone_number phone_number_verified";
        expected["claims_supported"] = claims.split(' ').collect();
        expected["require_signed_request_object"] = false.into();
        expected["userinfo_signing_alg_values_supported"] = serde_json::json!(["RS256", "ES256"]);
        expected["userinfo_encryption_alg_values_supported"] = serde_json::json!(["RSA-OAEP-256"]);
        expected["userinfo_encryption_enc_values_supported"] = serde_json::json!(["A256GCM"]);
        assert_eq!(told(false), expected);
        expected["claims_supported"].as_array_mut().unwrap().push("represents".into());
        assert_eq!(told(true), expected);
        expected["registration_endpoint"] = "https://id.example.nl/register".into();
        assert_eq!(tell(true, false, true), expected);
        expected["claims_supported"].as_array_mut().unwrap().push("bsn".into());
        assert_eq!(tell(true, true, true), expected);
    }
}
