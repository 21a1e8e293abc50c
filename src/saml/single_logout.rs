//! Single logout with DigiD 3.x, where its single sign-on is contracted (SAML 2.0 profiles, section 4.4; DigiD interface
//! specification 3.7, steps U1 to U5).
//!
//! Whoever logs out here carries our signed request to DigiD. Whoever logs out there, or at another service, is logged out
//! here by DigiD's signed request, over SOAP. What the browser brings back at the end is read without its signature, which
//! DigiD makes with SHA-1: nothing but the choice of a page may depend on it. See `docs/adr/0013-single-logout.md`.

use std::fmt;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use url::Url;

use super::assertion;
use super::identity_provider::IdentityProvider;
use super::message::{Message, in_soap, new_id};
use super::response::{self, SKEW, SUCCESS, not_in_the_future, time, version_and_issuer};
use super::service_provider::{Inner, ServiceProvider};
use super::xml::{self, Element, Reason, SAMLP, escape};
use super::{Failure, verify};
use crate::domain::bsn::Bsn;
use crate::domain::single_logout::LogoutRequest;
use crate::domain::time::Timestamp;

/// The largest LogoutResponse, in bytes. DigiD's has some hundreds.
const MAX_RESPONSE: usize = 16 * 1024;

/// Where requests to log out go.
pub(super) struct Logout {
    /// To us.
    pub(super) ours: Url,
    /// To DigiD.
    digid: Url,
}

impl Logout {
    /// `None` where DigiD's metadata has no address for it: a look at that metadata has refused it then.
    pub(super) fn new(ours: Url, digid: &IdentityProvider) -> Option<Self> {
        Some(Self { ours, digid: digid.logout.clone()? })
    }
}

/// Our request on its way: a form that the browser posts.
pub struct OutgoingLogout {
    /// The `ID` of the request, which the answer must name.
    pub id: String,
    /// The address of the form.
    pub action: Url,
    /// The field `SAMLRequest`, in base64. It holds a BSN, so it may stand in no address.
    pub saml_request: String,
}

impl fmt::Debug for OutgoingLogout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutgoingLogout(…)")
    }
}

impl ServiceProvider {
    /// Whether single logout is in use.
    pub fn has_logout(&self) -> bool {
        self.inner.logout.is_some()
    }

    /// Makes a signed request to log somebody out of DigiD (step U2), naming the sessions they came from, the newest first:
    /// one at least where DigiD named any (SAML 2.0 profiles, section 4.4.4.1), and who reads only one reads that.
    pub async fn logout_request(
        &self,
        bsn: &Bsn,
        sessions: &[String],
        now: Timestamp,
    ) -> Result<OutgoingLogout, Failure> {
        let action = self.logout()?.digid.clone();
        let (sp, id) = (self.inner.clone(), new_id()?);
        let attributes = format!("Destination=\"{}\"", escape(action.as_str()));
        let index = |index: &String| format!("<samlp:SessionIndex>{}</samlp:SessionIndex>", escape(index));
        let content = format!(
            "<saml:NameID>{}</saml:NameID>{}",
            assertion::name_id(bsn),
            sessions.iter().map(index).collect::<String>(),
        );
        let request = Message { name: "LogoutRequest", id: id.clone(), attributes, content, now };
        let saml_request = STANDARD.encode(self.inner.lanes.all.run(move || request.signed(&sp)).await?);
        Ok(OutgoingLogout { id, action, saml_request })
    }

    /// Reads what claims to be DigiD's request to log somebody out (step U3), a SOAP envelope. The caller must spend its
    /// id once only.
    pub async fn read_logout(&self, body: Vec<u8>, now: Timestamp) -> Result<LogoutRequest, Failure> {
        self.inner.check_metadata_counts(now)?;
        let (sp, ours) = (self.inner.clone(), self.logout()?.ours.clone());
        self.inner.lanes.strangers.run(move || accept(&sp, &body, &ours, now)).await
    }

    /// Our signed answer that it was done (step U4), in its SOAP envelope.
    pub async fn logout_response(&self, to: &LogoutRequest, now: Timestamp) -> Result<String, Failure> {
        let sp = self.inner.clone();
        let attributes = format!("InResponseTo=\"{}\"", escape(&to.id));
        let content = format!("<samlp:Status><samlp:StatusCode Value=\"{SUCCESS}\"/></samlp:Status>");
        let answer = Message { name: "LogoutResponse", id: new_id()?, attributes, content, now };
        self.inner.lanes.all.run(move || answer.signed(&sp).map(|it| in_soap(&it))).await
    }

    /// Whether what the browser brings back from DigiD (step U5) says that our request `id` was carried out everywhere.
    /// Its signature is not read: believe it no further than a sentence on a page.
    pub fn says_whole(&self, saml_response: &str, id: &str) -> bool {
        whole(&self.inner.digid.entity_id, saml_response, id).unwrap_or(false)
    }

    fn logout(&self) -> Result<&Logout, Failure> {
        self.inner.logout.as_ref().ok_or(Failure::Broken("single logout is not in use"))
    }
}

/// Shape, then signature, then every check of the content.
pub(super) fn accept(sp: &Inner, body: &[u8], ours: &Url, now: Timestamp) -> Result<LogoutRequest, Failure> {
    let request = verify::signed_logout(body, &sp.digid.certificates, now)?;
    read(&request, &sp.digid.entity_id, ours, now).map_err(Failure::Hostile)
}

/// Every check of what DigiD signed.
pub(super) fn read(
    request: &Element,
    digid: &str,
    ours: &Url,
    now: Timestamp,
) -> Result<LogoutRequest, Reason> {
    version_and_issuer(request, digid)?;
    not_in_the_future(request, now)?;
    let issued = time(request, "IssueInstant")?.ok_or("no IssueInstant")?;
    if issued < now.plus(-SKEW) {
        return Err("issued too long ago");
    }
    if time(request, "NotOnOrAfter")?.is_some_and(|end| now >= end.plus(SKEW)) {
        return Err("not valid any more");
    }
    // Over SOAP nobody needs to be named, and DigiD's example names nobody.
    match request.attribute("Destination") {
        Some(to) if !to.is_empty() && to != ours.as_str() => return Err("sent to another service"),
        _ => {}
    }
    let session = request.at_most_one(SAMLP, "SessionIndex", "several SessionIndexes")?;
    Ok(LogoutRequest {
        id: request.attribute("ID").ok_or("a LogoutRequest without ID")?.to_owned(),
        bsn: assertion::bsn(request)?,
        session: session.map(|session| session.text().to_owned()),
        issued,
    })
}

/// SAML 2.0 bindings, section 3.4.4.1, without the signature.
pub(super) fn whole(digid: &str, saml_response: &str, id: &str) -> Result<bool, Reason> {
    let deflated = STANDARD.decode(saml_response).map_err(|_| "no base64")?;
    let mut document = Vec::new();
    let inflated =
        DeflateDecoder::new(deflated.as_slice()).take(MAX_RESPONSE as u64).read_to_end(&mut document);
    if inflated.map_err(|_| "not deflated")? == MAX_RESPONSE {
        return Err("too large");
    }
    let response = xml::parse(&document)?;
    version_and_issuer(&response, digid)?;
    let ours = response.is(SAMLP, "LogoutResponse") && response.attribute("InResponseTo") == Some(id);
    Ok(ours && response::is_whole_success(&response)?)
}

/// What is said over SOAP instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The request is refused: sent again it would be refused again.
    Refused,
    /// It could not be carried out now.
    NotNow,
}

/// The SOAP 1.1 fault that says so (section 4.4).
pub fn fault(said: Said) -> String {
    let (code, text) = match said {
        Said::Refused => ("Client", "this LogoutRequest is refused"),
        Said::NotNow => ("Server", "not now, try again later"),
    };
    in_soap(&format!(
        "<soapenv:Fault><faultcode>soapenv:{code}</faultcode><faultstring>{text}</faultstring></soapenv:Fault>"
    ))
}
