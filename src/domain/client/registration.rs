//! From what is told of a client to the client.

use serde::{Deserialize, Deserializer, de::Error};

use super::{AuthMethod, BadClient, Client, ClientAuth, Registration, Why};
use crate::domain::{client_registration::Wishes, jwk::JwkSet, line::one_line, scope::Scope};

/// A secret that nobody tells, because it is made here.
#[derive(Debug, Clone, Copy)]
pub enum Unsaid {}

impl<'de> Deserialize<'de> for Unsaid {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("leave out the secret: it is made here, and told in the answer"))
    }
}

/// A member that is told or left out, and never null.
pub(super) fn told<'de, D: Deserializer<'de>>(member: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(member).map(Some)
}

impl<J, S> Registration<J, S> {
    /// How it proves who it is.
    pub fn method(&self) -> AuthMethod {
        self.auth.unwrap_or(AuthMethod::PrivateKeyJwt)
    }

    /// The same with the scope `openid` for whom people log in to: it goes without saying, except in the configuration.
    #[must_use]
    pub fn with_openid(mut self) -> Self {
        if !self.redirect_uris.is_empty() {
            self.scopes.insert(Scope::Openid);
        }
        self
    }

    /// The client, checked. `auth` is what was made of its way to prove who it is, and `jwks` its keys as they were read.
    pub fn client(self, auth: ClientAuth, jwks: Option<JwkSet>, wishes: Wishes) -> Result<Client, BadClient> {
        let id = self.id.clone();
        let client = self.kept(auth, jwks, wishes).map_err(|why| BadClient { client: id, why })?;
        client.check()?;
        Ok(client)
    }

    pub(super) fn sector(&self) -> Result<String, Why> {
        match (&self.sector, self.public_subjects) {
            (Some(_), Some(true)) => Err(Why::SectorOfPublic),
            (Some(sector), Some(false)) if sector.trim() == Client::PUBLIC_SECTOR => Err(Why::PublicAndNot),
            (None, Some(true)) => Ok(Client::PUBLIC_SECTOR.to_owned()),
            (Some(sector), _) => one_line(sector).map_err(|_| Why::NoSector),
            (None, _) => Client::sector_of(&self.id, &self.redirect_uris),
        }
    }
}
