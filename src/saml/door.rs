//! A door for the fuzz targets (`fuzz/`) and for the kept corpus (`docs/saml.md`): the road of an answer from its bytes to a
//! login, and of what DigiD sends to log somebody out, without a network and without a store. Not in a production build.

use openssl::x509::X509;
use url::Url;

use super::assertion::Verified;
use super::decrypt;
use super::failure::Failure;
use super::keys::TrustedCertificate;
use super::response::{self, Asked};
use super::routing::Routing;
use super::settings::{Given, NamedPem, Pem, RoutingService, SettingsError};
use super::single_logout;
use super::strict::{self, Advice, Signatures};
use super::verify::{self, Signed};
use super::xml::{self, Element};
use super::{Expected, LOGOUT_PATH};
use crate::domain::assurance::Level;
use crate::domain::single_logout::LogoutRequest;
use crate::domain::time::Timestamp;

/// DigiD's entity id.
pub const DIGID: &str = "https://digid.test/saml/idp/metadata";
/// Ours.
pub const SP: &str = "https://sp.test/saml/metadata";
/// Our assertion consumer service.
pub const ACS: &str = "https://sp.test/digid/acs";
/// The ID of the ArtifactResolve that every answer answers.
pub const RESOLVE: &str = "_resolve";
/// The ID of the AuthnRequest.
pub const REQUEST: &str = "_request";
/// The ID of our LogoutRequest.
pub const LOGOUT: &str = "_logout";
/// Our service in the catalogue of the routing service.
pub const SERVICE: &str = "375b1cb1-14b7-12e9-3534-16cc4d8997b0";
/// What our metadata calls the key that identities are encrypted for.
pub const KEY_NAME: &str = "namens-encryption-1";

/// Which of the two interfaces an answer is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// DigiD 3.x.
    Digid,
    /// The routing service.
    Routing,
}

/// Reads answers at one fixed moment: an hour after DigiD's certificate begins to count.
pub struct Reader {
    trusted: [TrustedCertificate; 1],
    routing: Routing,
    expected: Expected,
    now: Timestamp,
}

impl Reader {
    /// Trusts this certificate as DigiD's; identities are encrypted for this key. All PEM.
    pub fn new(digid: &str, key: String, certificate: String) -> Result<Self, SettingsError> {
        super::libxmlsec::harden();
        let digid = X509::from_pem(digid.as_bytes()).and_then(|digid| digid.to_der());
        let trusted = digid.ok().and_then(|der| TrustedCertificate::from_der(&der));
        let trusted = trusted.ok_or_else(|| SettingsError::Certificate { at: "DigiD's".to_owned() })?;
        let given = |text: String| Given { text: text.into(), at: "ours".to_owned() };
        let routing = Routing::new(&RoutingService {
            service_uuid: SERVICE.to_owned(),
            encryption: NamedPem {
                name: KEY_NAME.to_owned(),
                pem: Pem { key: given(key), certificate: given(certificate) },
            },
            next_encryption: Vec::new(),
            providers: None,
        })?;
        let now = trusted.dates.not_before.plus(3600);
        let expected = Expected {
            request_id: REQUEST.to_owned(),
            required: Level::Midden,
            force_authn: false,
            representation: false,
            asked_at: now,
        };
        Ok(Self { trusted: [trusted], routing, expected, now })
    }

    /// The moment of reading, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.now.epoch()
    }

    /// The whole road, signatures included.
    pub fn read(&self, side: Side, body: &[u8]) -> Result<Verified, Failure> {
        let signed = verify::signed(body, advice(side), &self.trusted, self.now)?;
        response::read(&signed, &self.asked(side), self.now)
    }

    /// The same as if every signature held: what comes after them is otherwise hidden from whoever cannot sign.
    pub fn read_unsigned(&self, side: Side, body: &[u8]) -> Result<Verified, Failure> {
        let envelope = xml::parse(body).map_err(Failure::Hostile)?;
        let Signatures { answer, assertion } =
            strict::check(&envelope, advice(side)).map_err(Failure::Hostile)?;
        let found = |id: &str| found(&envelope, id);
        let signed = Signed { answer: found(answer)?, assertion: assertion.map(found).transpose()? };
        response::read(&signed, &self.asked(side), self.now)
    }

    /// DigiD's request to log somebody out: the whole road, its signature included.
    pub fn read_logout(&self, body: &[u8]) -> Result<LogoutRequest, Failure> {
        self.logout(&verify::signed_logout(body, &self.trusted, self.now)?)
    }

    /// The same as if the signature held.
    pub fn read_logout_unsigned(&self, body: &[u8]) -> Result<LogoutRequest, Failure> {
        let envelope = xml::parse(body).map_err(Failure::Hostile)?;
        let id = strict::check_logout(&envelope).map_err(Failure::Hostile)?;
        self.logout(&found(&envelope, id)?)
    }

    fn logout(&self, request: &Element) -> Result<LogoutRequest, Failure> {
        let ours = Url::parse(&format!("https://sp.test{LOGOUT_PATH}"));
        let ours = ours.map_err(|_| Failure::Broken("no address"))?;
        single_logout::read(request, DIGID, &ours, self.now).map_err(Failure::Hostile)
    }

    fn asked(&self, side: Side) -> Asked<'_> {
        Asked {
            digid: DIGID,
            audience: SP,
            acs: ACS,
            resolve_id: RESOLVE,
            routing: (side == Side::Routing).then_some(&self.routing),
            expected: &self.expected,
        }
    }
}

/// Whether what a browser brings back from DigiD says that all is done.
pub fn says_whole(saml_response: &str) -> bool {
    single_logout::whole(DIGID, saml_response, LOGOUT).unwrap_or(false)
}

/// All that a request to log out says, to hold it against another.
pub fn named(request: &LogoutRequest) -> String {
    let LogoutRequest { id, bsn, session, issued } = request;
    format!("{} {id} {session:?} {issued:?}", bsn.digits())
}

fn found(envelope: &Element, id: &str) -> Result<Element, Failure> {
    let mut found = None;
    envelope.walk(&mut |element| {
        if element.attribute("ID") == Some(id) {
            found = Some(element.clone());
        }
    });
    found.ok_or(Failure::Broken("a signed element that is not there"))
}

/// The content of an identity as it comes out of the cipher, with its padding. Gives the BSN in it.
pub fn identity(plain: &[u8]) -> Option<String> {
    decrypt::identity(plain).map(|bsn| bsn.digits().to_owned())
}

/// All that a login says, to hold it against another.
pub fn told(login: &Verified) -> String {
    format!(
        "{} {:?} {:?} {:?} {} {:?} {:?}",
        login.bsn().digits(),
        login.legal(),
        login.level(),
        login.authn_instant(),
        login.assertion_id(),
        login.session_index(),
        login.address()
    )
}

const fn advice(side: Side) -> Advice {
    match side {
        Side::Digid => Advice::Refused,
        Side::Routing => Advice::Unread,
    }
}
