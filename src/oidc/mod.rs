//! OpenID Connect: what clients say to us and what we answer. Pure checks and the making of tokens; only [`oxide`] waits,
//! for the store. The code flow with answers in the query or a form, and tokens for bearers or bound to a key.

pub mod access_token;
pub mod assertion;
pub mod audience;
pub mod authorize;
pub mod claims_request;
pub mod client_auth;
pub mod client_registration;
pub mod discovery;
pub mod dpop;
pub mod error;
pub mod id_token;
pub mod introspection;
pub mod jwe;
pub mod jws;
pub mod jwt;
pub mod keyring;
pub mod logout_token;
pub mod mtls;
pub mod oxide;
pub mod par;
pub mod params;
pub mod program_token;
pub mod request_object;
pub mod resource;
pub mod response_mode;
pub mod signed_userinfo;
pub mod signing_key;
pub mod successor;

/// Where the endpoints are, below the issuer. The router and the metadata both read this, so they cannot differ.
pub mod path {
    /// Authorization endpoint (RFC 6749 section 3.1).
    pub const AUTHORIZE: &str = "/authorize";
    /// Pushed authorization requests (RFC 9126 section 2).
    pub const PAR: &str = "/par";
    /// Token endpoint (RFC 6749 section 3.2).
    pub const TOKEN: &str = "/token";
    /// Introspection endpoint (RFC 7662 section 2).
    pub const INTROSPECT: &str = "/introspect";
    /// Revocation endpoint (RFC 7009 section 2).
    pub const REVOKE: &str = "/revoke";
    /// `UserInfo` endpoint (OpenID Connect Core, section 5.3).
    pub const USERINFO: &str = "/userinfo";
    /// Where programs ask, and hear errors in JSON (RFC 6749 section 5.2).
    pub const FOR_PROGRAMS: [&str; 7] = [TOKEN, USERINFO, PAR, INTROSPECT, REVOKE, REGISTER, REGISTERED];
    /// Client registration endpoint (RFC 7591 section 3).
    pub const REGISTER: &str = "/register";
    /// Client configuration endpoint (RFC 7592 section 2).
    pub const REGISTERED: &str = "/register/{id}";
    /// The admin API.
    pub const ADMIN: &str = "/admin/v1";
    /// Signing out (OpenID Connect RP-Initiated Logout, section 2).
    pub const LOGOUT: &str = "/logout";
    /// Key set (RFC 7517 section 5).
    pub const JWKS: &str = "/jwks";
    /// Metadata (OpenID Connect Discovery, section 4).
    pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
    /// The same metadata where OAuth clients look for it (RFC 8414 section 3).
    pub const OAUTH_SERVER: &str = "/.well-known/oauth-authorization-server";
}
