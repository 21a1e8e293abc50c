//! Requests as the machines of oxide-auth read them.

use std::borrow::Cow;

use oxide_auth::code_grant::{accesstoken, authorization, refresh};

use crate::{
    domain::{ask::Ask, client::Client},
    oidc::params::Params,
};

/// A checked ask, as the machine reads requests.
pub(super) struct AuthorizationRequest<'a>(pub(super) &'a Ask, pub(super) String);

impl authorization::Request for AuthorizationRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.0.client_id))
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.1))
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.0.redirect_uri))
    }
    fn state(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn response_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("code"))
    }
    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// A form of an authenticated client, as the machines read requests.
pub(super) struct TokenRequest<'a>(pub(super) &'a Client, pub(super) &'a Params);

impl TokenRequest<'_> {
    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        self.1.get(name).map(Cow::Borrowed)
    }
}

impl accesstoken::Request for TokenRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn code(&self) -> Option<Cow<'_, str>> {
        self.field("code")
    }
    fn authorization(&self) -> accesstoken::Authorization<'_> {
        accesstoken::Authorization::Username(Cow::Borrowed(&self.0.id))
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.field("redirect_uri")
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.field("grant_type")
    }
    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

impl refresh::Request for TokenRequest<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        self.field("refresh_token")
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        self.field("scope")
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        self.field("grant_type")
    }
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((Cow::Borrowed(&self.0.id), Cow::Borrowed(&[])))
    }
    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}
