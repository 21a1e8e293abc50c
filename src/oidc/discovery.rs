//! What clients are told about this provider (OpenID Connect Discovery section 3, RFC 8414 section 2): exactly what
//! works, nothing more.

use std::collections::BTreeMap;

use openidconnect::{
    AdditionalProviderMetadata, AuthUrl, AuthenticationContextClass, IssuerUrl, JsonWebKeySetUrl,
    LanguageTag, ProviderMetadata, RegistrationUrl, ResponseTypes, TokenUrl, UserInfoUrl,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
        CoreSubjectIdentifierType,
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
    fn methods(&self) -> impl Iterator<Item = &'static str> {
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

/// The metadata of `issuer`, which signs with `algs` and can reach `levels`. `representation` is whether people can log in for
/// somebody else; `certificates` how clients show certificates, where they can; `registers` whether clients may register
/// themselves.
pub fn metadata(
    issuer: &str,
    algs: &[Algorithm],
    levels: &[Level],
    representation: bool,
    certificates: Option<Certificates<'_>>,
    registers: bool,
) -> Result<Metadata, Fault> {
    let at = |path: &str| format!("{issuer}{path}");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut claims = words(&CLAIMS);
    claims.extend(Claim::ALL.iter().map(ToString::to_string));
    claims.extend(representation.then(|| "represents".to_owned()));
    let by_certificate: Vec<_> = certificates.iter().flat_map(Certificates::methods).collect();
    let confidential = [CONFIDENTIAL.as_slice(), &by_certificate].concat();
    let by_certificate =
        by_certificate.into_iter().map(|name| CoreClientAuthMethod::Extension(name.to_owned()));
    let extra = Extra {
        code_challenge_methods_supported: words(&["S256"]),
        authorization_response_iss_parameter_supported: true,
        pushed_authorization_request_endpoint: at(path::PAR),
        require_pushed_authorization_requests: false,
        require_signed_request_object: false,
        end_session_endpoint: at(path::LOGOUT),
        dpop_signing_alg_values_supported: words(&dpop::ALGS.map(Algorithm::name)),
        introspection_endpoint: at(path::INTROSPECT),
        introspection_endpoint_auth_methods_supported: words(&confidential),
        introspection_endpoint_auth_signing_alg_values_supported: words(&Algorithm::ALL.map(Algorithm::name)),
        introspection_signing_alg_values_supported: algs.iter().map(|alg| alg.name().to_owned()).collect(),
        revocation_endpoint: at(path::REVOKE),
        revocation_endpoint_auth_methods_supported: words(&[confidential.as_slice(), &["none"]].concat()),
        revocation_endpoint_auth_signing_alg_values_supported: words(&Algorithm::ALL.map(Algorithm::name)),
        tls_client_certificate_bound_access_tokens: certificates.is_some(),
        mtls_endpoint_aliases: certificates.and_then(|certificates| certificates.aliases()),
        authorization_signing_alg_values_supported: algs.iter().map(|alg| alg.name().to_owned()).collect(),
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
        prompt_values_supported: words(&["none", "login", "consent", "select_account"]),
    };
    Ok(Metadata::new(
        IssuerUrl::new(issuer.to_owned())?,
        AuthUrl::new(at(path::AUTHORIZE))?,
        JsonWebKeySetUrl::new(at(path::JWKS))?,
        vec![ResponseTypes::new(vec![CoreResponseType::Code])],
        vec![CoreSubjectIdentifierType::Pairwise, CoreSubjectIdentifierType::Public],
        algs.iter().map(|alg| core_alg(*alg)).collect(),
        extra,
    )
    .set_token_endpoint(Some(TokenUrl::new(at(path::TOKEN))?))
    .set_registration_endpoint(registers.then(|| RegistrationUrl::new(at(path::REGISTER))).transpose()?)
    .set_userinfo_endpoint(Some(UserInfoUrl::new(at(path::USERINFO))?))
    .set_userinfo_signing_alg_values_supported(Some(algs.iter().map(|alg| core_alg(*alg)).collect()))
    .set_userinfo_encryption_alg_values_supported(Some(vec![CoreJweKeyManagementAlgorithm::RsaOaepSha256]))
    .set_userinfo_encryption_enc_values_supported(Some(vec![CoreJweContentEncryptionAlgorithm::Aes256Gcm]))
    .set_response_modes_supported(Some(response_modes()))
    .set_grant_types_supported(Some(grant_types()))
    .set_token_endpoint_auth_methods_supported(Some(
        [
            CoreClientAuthMethod::ClientSecretBasic,
            CoreClientAuthMethod::ClientSecretPost,
            CoreClientAuthMethod::PrivateKeyJwt,
        ]
        .into_iter()
        .chain(by_certificate)
        .chain([CoreClientAuthMethod::None])
        .collect(),
    ))
    .set_token_endpoint_auth_signing_alg_values_supported(Some(Algorithm::ALL.map(core_alg).to_vec()))
    .set_scopes_supported(Some(
        Scope::ALL.iter().map(|scope| openidconnect::Scope::new(scope.to_string())).collect(),
    ))
    .set_claims_supported(Some(claims.into_iter().map(CoreClaimName::new).collect()))
    .set_acr_values_supported(Some(
        levels.iter().map(|level| AuthenticationContextClass::new(level.acr().to_owned())).collect(),
    ))
    .set_ui_locales_supported(Some(words(&["nl", "en"]).into_iter().map(LanguageTag::new).collect()))
    .set_claims_parameter_supported(Some(true))
    // Every page fits all of them.
    .set_display_values_supported(Some(vec![
        CoreAuthDisplay::Page,
        CoreAuthDisplay::Popup,
        CoreAuthDisplay::Touch,
    ]))
    .set_request_parameter_supported(Some(true))
    .set_request_object_signing_alg_values_supported(Some(Algorithm::ALL.map(core_alg).to_vec()))
    // Left out, this one would mean true.
    .set_request_uri_parameter_supported(Some(false)))
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
        let tell = |representation, registers| {
            let told =
                metadata("https://id.example.nl", &algs, &levels, representation, None, registers).unwrap();
            serde_json::to_value(told).unwrap()
        };
        let told = |representation| tell(representation, false);
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
        assert_eq!(tell(true, true), expected);
    }
}
