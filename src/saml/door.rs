//! A door for the fuzz target (`fuzz/`) and for the kept corpus (`docs/saml.md`): the road of an answer from its bytes to a
//! login, without a network and without a store. Not in a production build.

use openssl::x509::X509;

use super::assertion::Verified;
use super::decrypt;
use super::failure::Failure;
use super::keys::TrustedCertificate;
use super::response::{self, Asked};
use super::routing::Routing;
use super::settings::{Given, NamedPem, Pem, RoutingService, SettingsError};
use super::strict::{self, Advice, Signatures};
use super::verify::{self, Signed};
use super::{Expected, xml};
use crate::domain::assurance::Level;
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
        let found = |id: &str| {
            let mut found = None;
            envelope.walk(&mut |element| {
                if element.attribute("ID") == Some(id) {
                    found = Some(element.clone());
                }
            });
            found.ok_or(Failure::Broken("a signed element that is not there"))
        };
        let signed = Signed { answer: found(answer)?, assertion: assertion.map(found).transpose()? };
        response::read(&signed, &self.asked(side), self.now)
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
