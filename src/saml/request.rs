//! The `AuthnRequest`: how a person is sent to DigiD.

use std::fmt;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::message::{Message, new_id};
use super::metadata::HTTP_ARTIFACT;
use super::service_provider::{Inner, ServiceProvider};
use super::signer::RSA_SHA256;
use super::xml::escape;
use super::{Failure, level};
use crate::config::digid::Binding;
use crate::domain::assurance::Level;
use crate::domain::time::Timestamp;

/// The most a RelayState may be (SAML 2.0 bindings, section 3.4.3), in bytes.
const RELAY_STATE: usize = 80;

/// A request on its way.
#[derive(Debug)]
pub struct Outgoing {
    /// The `ID` of the request, to keep with the login: the answer must name it.
    pub id: String,
    /// How to send the browser.
    pub how: Delivery,
}

/// How the browser carries the request. `Debug` prints no RelayState.
pub enum Delivery {
    /// Redirect there.
    Redirect(Url),
    /// Post a form there. Whoever writes the form must escape the values.
    Post {
        /// The address of the form.
        action: Url,
        /// The field `SAMLRequest`, in base64.
        saml_request: String,
        /// The field `RelayState`.
        relay_state: String,
    },
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redirect(_) => "Redirect(…)",
            Self::Post { .. } => "Post(…)",
        })
    }
}

/// What is asked of DigiD.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// The least level. The routing service is not told: there, the level is registered with the service.
    pub required: Level,
    /// Ask again, although the person is still logged in there.
    pub force_authn: bool,
    /// Ask for whom they act.
    pub representation: bool,
}

/// Why no request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Only the routing service asks people for whom they act, and only if our settings name its providers.
    #[error("nobody can be represented by this connection")]
    NoRepresentation,
    /// The level needs no DigiD, so DigiD has no class for it.
    #[error("this level is not one of DigiD's")]
    NotDigid,
    /// A RelayState of more than 80 bytes.
    #[error("the RelayState is longer than 80 bytes")]
    RelayState,
    /// The signing lane is full or the signature failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl ServiceProvider {
    /// Makes a signed request. `relay_state` comes back with the artifact: an opaque handle, never an address.
    pub async fn request(
        &self,
        wish: Wish,
        relay_state: &str,
        now: Timestamp,
    ) -> Result<Outgoing, RequestError> {
        let class = level::class(wish.required).ok_or(RequestError::NotDigid)?;
        if wish.representation && !self.knows_representation() {
            return Err(RequestError::NoRepresentation);
        }
        if relay_state.len() > RELAY_STATE {
            return Err(RequestError::RelayState);
        }
        let id = new_id()?;
        let (sp, relay_state) = (self.inner.clone(), relay_state.to_owned());
        let draft = Draft { id: id.clone(), class, wish, relay_state, now };
        let how = self.inner.lanes.strangers.run(move || match sp.binding {
            Binding::Redirect => redirect(&sp, &draft),
            Binding::Post => post(&sp, draft),
        });
        Ok(Outgoing { id, how: how.await? })
    }
}

struct Draft {
    id: String,
    class: &'static str,
    wish: Wish,
    relay_state: String,
    now: Timestamp,
}

impl Draft {
    fn message(&self, sp: &Inner, destination: &Url) -> Message {
        // DigiD refuses a request with both; with an index, the binding stands in our metadata.
        let consumer = match sp.acs_index {
            Some(index) => format!("AssertionConsumerServiceIndex=\"{index}\""),
            None => format!(
                "AssertionConsumerServiceURL=\"{}\" ProtocolBinding=\"{HTTP_ARTIFACT}\"",
                escape(sp.acs_url.as_str())
            ),
        };
        let content = match &sp.routing {
            None => format!(
                "<samlp:RequestedAuthnContext Comparison=\"minimum\">\
                 <saml:AuthnContextClassRef>{}</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>",
                self.class
            ),
            Some(routing) => routing.extensions(&sp.entity_id) + &routing.scoping(self.wish.representation),
        };
        let destination = escape(destination.as_str());
        let force = self.wish.force_authn;
        let attributes = format!("Destination=\"{destination}\" ForceAuthn=\"{force}\" {consumer}");
        Message { name: "AuthnRequest", id: self.id.clone(), attributes, content, now: self.now }
    }
}

/// SAML 2.0 bindings, section 3.4.4: the signature covers the query exactly as it is sent.
fn redirect(sp: &Inner, draft: &Draft) -> Result<Delivery, Failure> {
    let mut url = sp.digid.redirect.clone().ok_or(Failure::Broken("no address for HTTP-Redirect"))?;
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate
        .write_all(draft.message(sp, &url).bare(sp)?.as_bytes())
        .map_err(|_| Failure::Broken("compression"))?;
    let deflated = deflate.finish().map_err(|_| Failure::Broken("compression"))?;
    let mut query = format!("SAMLRequest={}", encode(&STANDARD.encode(deflated)));
    if !draft.relay_state.is_empty() {
        query = format!("{query}&RelayState={}", encode(&draft.relay_state));
    }
    query = format!("{query}&SigAlg={}", encode(RSA_SHA256));
    let signature = sp.signers.at(draft.now).sign_query(&query).map_err(|_| Failure::Broken("signing"))?;
    query = format!("{query}&Signature={}", encode(&signature));
    if let Some(own) = url.query() {
        query = format!("{own}&{query}");
    }
    url.set_query(Some(&query));
    Ok(Delivery::Redirect(url))
}

/// SAML 2.0 bindings, section 3.5.4: the signature is inside.
fn post(sp: &Inner, draft: Draft) -> Result<Delivery, Failure> {
    let action = sp.digid.post.clone().ok_or(Failure::Broken("no address for HTTP-POST"))?;
    let signed = draft.message(sp, &action).signed(sp)?;
    Ok(Delivery::Post { action, saml_request: STANDARD.encode(signed), relay_state: draft.relay_state })
}

fn encode(value: &str) -> String {
    byte_serialize(value.as_bytes()).collect()
}
