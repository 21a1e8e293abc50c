//! All that a connection rests on, in one list: every key, certificate and party, of ours with their turns. What the doctor and
//! the log say of dates, what metrics show, whether one key does the work of two, and what a new configuration lacks follow
//! from it: a file that was cut off while it was copied may read as a good one with less in it.

use std::collections::BTreeSet;

use openssl::{sha::sha256, x509::X509};

use super::{
    expiry::{self, Dates},
    identity_provider::IdentityProvider,
    keys::{KeyPair, TrustedCertificate, identity},
    routing::Routing,
    service_provider::{ServiceProvider, TlsClient},
    settings::{Interface, Settings},
    signer::Signer,
    succession::{Succession, Turn},
};
use crate::domain::{
    finding::{Ending, Report},
    time::Timestamp,
};

/// What something is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    SamlSigning,
    TlsClient,
    SamlEncryption,
    Authority,
    DigidSigning,
    MetadataSigning,
    Metadata,
    Register,
}

impl Kind {
    /// In the words of the doctor, and in those of a list.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::SamlSigning => ("SAML signing", "the SAML signing key"),
            Self::TlsClient => ("TLS client", "the TLS client certificate"),
            Self::SamlEncryption => ("SAML encryption", "the encryption key"),
            Self::Authority => ("authority", "the authority of the back channel"),
            Self::DigidSigning => ("DigiD signing", "DigiD's signing certificate"),
            Self::MetadataSigning => ("metadata", "the certificate of who signs DigiD's metadata"),
            Self::Metadata => ("metadata", "the metadata of"),
            Self::Register => ("register", "the register of representation"),
        }
    }

    /// As metrics call it. What is not here has no end that we watch.
    const fn metric(self) -> Option<&'static str> {
        Some(match self {
            Self::SamlSigning => "saml_signing",
            Self::TlsClient => "tls_client",
            Self::SamlEncryption => "saml_encryption",
            Self::DigidSigning => "digid_signing",
            Self::MetadataSigning => "digid_metadata_signing",
            Self::Metadata => "digid_metadata",
            Self::Authority | Self::Register => return None,
        })
    }
}

/// One thing that it rests on.
pub(super) struct Part {
    kind: Kind,
    /// The key's name in our metadata, the certificate's subject, or an entity id.
    name: String,
    /// A certificate's serial number; empty where the name says enough, and for what is none.
    serial: String,
    /// From when to when it counts, where we watch that.
    dates: Option<Dates>,
    /// When its turn begins and ends.
    turn: (Option<Timestamp>, Option<Timestamp>),
    /// The SHA-256 of the public key, of a key of ours.
    key: Option<[u8; 32]>,
}

impl Part {
    fn named(kind: Kind, name: &str) -> Self {
        let name = name.to_owned();
        Self { kind, name, serial: String::new(), dates: None, turn: (None, None), key: None }
    }

    fn certificate(kind: Kind, certificate: &X509, dates: Option<Dates>) -> Self {
        let (name, serial) = identity(certificate);
        Self { serial, dates, ..Self::named(kind, &name) }
    }

    /// A key of ours with its certificate; under its own name, where it has one.
    fn ours(
        kind: Kind,
        name: Option<&str>,
        pair: &KeyPair,
        turn: (Option<Timestamp>, Option<Timestamp>),
    ) -> Self {
        let (subject, serial) = identity(pair.certificate());
        let key = pair.key().public_key_to_der().ok().map(|der| sha256(&der));
        let dates = Some(pair.dates());
        Self { serial, dates, turn, key, ..Self::named(kind, name.unwrap_or(&subject)) }
    }

    /// In words for the log. A certificate goes by its serial number as in metrics, so that one can be found by the other; a
    /// key by its name alone.
    fn told(&self) -> String {
        let (kind, name, serial) = (self.kind.words().1, &self.name, &self.serial);
        match self.kind {
            Kind::TlsClient | Kind::Authority | Kind::DigidSigning | Kind::MetadataSigning => {
                format!("{kind} {name} (serial {serial})")
            }
            _ => format!("{kind} {name}"),
        }
    }
}

/// What of it is ours.
pub(super) struct Own<'a> {
    pub(super) signers: &'a Succession<Signer>,
    pub(super) clients: &'a Succession<TlsClient>,
    pub(super) routing: Option<&'a Routing>,
}

/// The list.
pub(super) fn list(
    settings: &Settings,
    own: &Own<'_>,
    digid: &IdentityProvider,
    pinned: &[TrustedCertificate],
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    parts.extend(own.signers.turns().map(|Turn { from, until, of }| {
        Part::ours(Kind::SamlSigning, Some(of.key_name()), of.pair(), (from, until))
    }));
    parts.extend(
        own.clients
            .turns()
            .map(|Turn { from, until, of }| Part::ours(Kind::TlsClient, None, &of.pair, (from, until))),
    );
    let keys = own.routing.iter().flat_map(|routing| routing.keys());
    parts.extend(keys.map(|(name, pair)| Part::ours(Kind::SamlEncryption, Some(name), pair, (None, None))));
    // What stands beside a TLS client's own certificate ends by its authority's care.
    let tls = [&settings.tls].into_iter().chain(settings.next_tls.iter().map(|(_, next)| next));
    let beside = tls.flat_map(|pem| read(&pem.certificate.text).into_iter().skip(1));
    parts.extend(beside.map(|certificate| Part::certificate(Kind::TlsClient, &certificate, None)));
    let roots = read(&settings.ca_roots.text);
    parts.extend(roots.iter().map(|certificate| Part::certificate(Kind::Authority, certificate, None)));
    for (kind, trusted) in
        [(Kind::DigidSigning, digid.certificates.as_slice()), (Kind::MetadataSigning, pinned)]
    {
        parts.extend(trusted.iter().filter_map(|trusted| {
            let certificate = X509::from_der(&trusted.der).ok()?;
            Some(Part::certificate(kind, &certificate, Some(trusted.dates)))
        }));
    }
    let always = Timestamp::from_epoch(i64::MIN);
    let dates = digid.valid_until.map(|end| Dates { not_before: always, not_after: end });
    parts.push(Part { dates, ..Part::named(Kind::Metadata, &digid.entity_id) });
    if let Interface::RoutingService(service) = &settings.interface {
        let register = service.providers.iter().map(|parties| &parties.representation);
        parts.extend(register.map(|register| Part::named(Kind::Register, register)));
    }
    parts
}

fn read(pem: &str) -> Vec<X509> {
    X509::stack_from_pem(pem.as_bytes()).unwrap_or_default()
}

impl ServiceProvider {
    /// Every key, certificate and party that counts, in words for the log.
    pub fn parts(&self) -> BTreeSet<String> {
        self.inner.parts.iter().map(Part::told).collect()
    }

    /// Every certificate, ours and DigiD's, and its metadata, with their ends: of ours those that serve or will.
    pub fn endings(&self, now: Timestamp) -> Vec<Ending> {
        let counts = |part: &&Part| part.turn.1.is_none_or(|until| now < until);
        let ending = |part: &Part| {
            let (what, Dates { not_after: at, .. }) = (part.kind.metric()?, part.dates?);
            Some(Ending { what, name: part.name.clone(), serial: part.serial.clone(), at })
        };
        self.inner.parts.iter().filter(counts).filter_map(ending).collect()
    }

    /// Until when each kind of them serves, with what takes over in time, by the name that metrics have for it.
    pub fn lasting(&self, now: Timestamp) -> Vec<(&'static str, Timestamp)> {
        let turned = [Kind::SamlSigning, Kind::TlsClient];
        let turned = turned.map(|kind| (kind, without_gap(self.turns(kind), now)));
        let at_once = [Kind::SamlEncryption, Kind::DigidSigning, Kind::MetadataSigning, Kind::Metadata];
        let at_once = at_once.map(|kind| (kind, self.last(kind)));
        turned.into_iter().chain(at_once).filter_map(|(kind, end)| Some((kind.metric()?, end?))).collect()
    }

    /// Of one kind, what has dates.
    fn turns(&self, kind: Kind) -> impl Iterator<Item = Turn<'_, Dates>> {
        let of = self.inner.parts.iter().filter(move |part| part.kind == kind);
        of.filter_map(|Part { dates, turn: (from, until), .. }| {
            Some(Turn { from: *from, until: *until, of: dates.as_ref()? })
        })
    }

    /// The last end of a kind.
    fn last(&self, kind: Kind) -> Option<Timestamp> {
        self.turns(kind).map(|turn| turn.of.not_after).max()
    }

    /// What the dates of all certificates mean, ours and DigiD's, and those of its metadata, for `namens doctor` and the
    /// log.
    pub fn dates(&self, report: &mut Report, now: Timestamp) {
        expiry::ours(report, Kind::SamlSigning.words().0, self.turns(Kind::SamlSigning), now);
        // One after another, without a fixed moment in between.
        if let Some(last) = self.last(Kind::SamlEncryption) {
            expiry::ends(report, "SAML encryption certificate", last, now);
        }
        expiry::ours(report, Kind::TlsClient.words().0, self.turns(Kind::TlsClient), now);
        expiry::digid(report, self.last(Kind::DigidSigning), self.last(Kind::Metadata), now);
        expiry::pinned(report, self.last(Kind::MetadataSigning), now);
    }

    /// Whether one key of ours does the work of two, for `namens doctor`.
    pub fn shared_keys(&self, report: &mut Report) {
        let ours: Vec<_> = self.inner.parts.iter().filter(|part| part.key.is_some()).collect();
        let mut told = BTreeSet::new();
        for (place, one) in ours.iter().enumerate() {
            let later = ours.iter().skip(place);
            for other in later.filter(|other| other.kind != one.kind && other.key == one.key) {
                if told.insert((one.kind, other.kind)) {
                    let (one, other) = (one.kind.words().0, other.kind.words().0);
                    report.warning(
                        "certificates",
                        format_args!(
                            "{one} and {other} use one key: whoever gets hold of it has both, and they can only be replaced \
                             together. Use a key and a certificate for each"
                        ),
                    );
                }
            }
        }
    }
}

/// When the first gap begins in which the one whose turn it is does not count.
fn without_gap<'a>(turns: impl Iterator<Item = Turn<'a, Dates>>, now: Timestamp) -> Option<Timestamp> {
    let mut turns = turns.filter(|turn| turn.until.is_none_or(|until| now < until));
    turns.find_map(|Turn { from, until, of }| {
        let begins = from.map_or(now, |from| from.max(now));
        if begins < of.not_before {
            return Some(begins);
        }
        let ends = from.map_or(of.not_after, |from| from.max(of.not_after));
        // Its successor is there in time.
        if until.is_some_and(|until| until <= ends) { None } else { Some(ends) }
    })
}
