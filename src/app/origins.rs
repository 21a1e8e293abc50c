//! From where scripts in a browser may read what clients are told: the origins of public clients, which have no server that
//! could ask in their place.

use std::collections::BTreeSet;

use tokio::sync::Mutex;
use url::{Origin, Url};

use super::App;
use crate::domain::{client::Client, fault::Fault, time::Timestamp};

/// For how many seconds the origins that were read last are believed. Whoever comes from elsewhere makes us read them no more
/// often than that.
const KEPT: i64 = 5;

/// The origins of public clients, as last read.
#[derive(Debug, Default)]
pub struct Origins(Mutex<Option<(Timestamp, BTreeSet<String>)>>);

impl App {
    /// Whether an `Origin` header names the origin of a redirect URI of a public client. A client that was added or removed
    /// counts within seconds. An app's own scheme has no origin, so that `null` is none of anybody's.
    pub async fn is_origin_of_public_client(&self, origin: &str, now: Timestamp) -> Result<bool, Fault> {
        let mut read = self.origins.0.lock().await;
        if let Some((at, known)) = &*read
            && (0..KEPT).contains(&now.since(*at))
        {
            return Ok(known.contains(origin));
        }
        let added = self.store.clients().await?;
        let known = public_origins(self.configured.values().chain(&added));
        let found = known.contains(origin);
        *read = Some((now, known));
        Ok(found)
    }
}

/// Whether an `Origin` header names the origin of one of the redirect URIs of `client`, public or not.
pub fn is_origin_of(client: &Client, origin: &str) -> bool {
    origins_of(&client.redirect_uris).any(|known| known == origin)
}

/// As browsers write them (Fetch, section 3.1): scheme, host and a port that is not the scheme's own.
fn origins_of<'a>(uris: impl IntoIterator<Item = &'a String>) -> impl Iterator<Item = String> {
    let origins = uris.into_iter().filter_map(|uri| Some(Url::parse(uri).ok()?.origin()));
    origins.filter(Origin::is_tuple).map(|origin| origin.ascii_serialization())
}

/// Those of the public ones among `clients`.
fn public_origins<'a>(clients: impl Iterator<Item = &'a Client>) -> BTreeSet<String> {
    origins_of(clients.filter(|client| client.is_public()).flat_map(|client| &client.redirect_uris)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{client::ClientAuth, secret::Hashed},
        oidc::oxide::tests::client,
    };

    #[test]
    fn only_a_public_client_has_origins_and_they_are_written_as_browsers_write_them() {
        let with = |auth: ClientAuth, uris: &[&str]| Client {
            auth,
            redirect_uris: uris.iter().map(|uri| (*uri).to_owned()).collect(),
            ..client("x")
        };
        let secret = ClientAuth::ClientSecretBasic(Hashed::from_stored(vec![1; 32]).into());
        let uris = ["https://App.example.nl:443/cb?x=1", "http://127.0.0.1:9/cb", "nl.example.app:/cb"];
        let clients = [with(ClientAuth::None, &uris), with(secret, &["https://portal.example.nl/cb"])];
        let found = public_origins(clients.iter());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["http://127.0.0.1:9", "https://app.example.nl"]);
    }
}
