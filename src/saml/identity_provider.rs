//! DigiD's own metadata: signed by whom we pinned, and everything that is wrong with it said at once.

use std::collections::BTreeMap;
use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::keys::TrustedCertificate;
use super::metadata::{HTTP_POST, HTTP_REDIRECT, SOAP_BINDING};
use super::settings::{SettingsError, is_safe};
use super::verify::Verifiable;
use super::xml::{self, DS, Element, MD, Reason, SAMLP};
use super::{expiry, strict};
use crate::config::digid::Binding;
use crate::domain::finding::{Report, Verdict};
use crate::domain::time::Timestamp;

const ABOUT: &str = "DigiD's metadata";
/// What to do about most of it: Namens cannot mend what somebody else signed.
const AGAIN: &str = "get the file from Logius again, and leave it as it is";

/// DigiD as its metadata describes it.
pub(super) struct IdentityProvider {
    pub(super) entity_id: String,
    pub(super) redirect: Option<Url>,
    pub(super) post: Option<Url>,
    /// Where people are logged out, by HTTP-POST: by HTTP-Redirect, the BSN would stand in the address.
    pub(super) logout: Option<Url>,
    /// Where artifacts are resolved, by the endpoint index an artifact carries.
    pub(super) artifact_resolution: BTreeMap<u16, Url>,
    /// Never empty. Each counts while it is valid: a rollover brings two.
    pub(super) certificates: Vec<TrustedCertificate>,
    /// When the metadata ends, if it does: nothing of it counts any more.
    pub(super) valid_until: Option<Timestamp>,
}

impl IdentityProvider {
    /// Whether the metadata still counts (SAML 2.0 metadata, section 2.3.2).
    pub(super) fn counts_at(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|end| now < end)
    }
}

/// By what DigiD's metadata is known to be DigiD's.
pub(super) struct Trust<'a> {
    pub(super) entity_id: &'a str,
    /// Whoever holds the key of one of these may sign it.
    pub(super) pinned: &'a [TrustedCertificate],
    pub(super) needs: Needs,
}

/// For what there must be an address in DigiD's metadata.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// How our requests travel.
    pub binding: Binding,
    /// Whether single logout is in use.
    pub single_logout: bool,
}

/// Reads metadata for use: all of it is right, or an error tells the first thing that is not, and how many more there are.
pub(super) fn read(text: &str, trust: &Trust<'_>, now: Timestamp) -> Result<IdentityProvider, SettingsError> {
    let mut report = Report::default();
    let read = inspect(text.as_bytes(), trust, &mut report, now);
    let mut errors = report.of(Verdict::Error).map(|finding| finding.says.clone());
    match (errors.next(), read) {
        (None, Some(provider)) => Ok(provider),
        (first, _) => Err(SettingsError::Metadata {
            first: first.unwrap_or_else(|| AGAIN.to_owned()),
            more: errors.count(),
        }),
    }
}

/// Looks at metadata and says all there is to say. `None` exactly when there was an error; only what was signed is read then.
pub(super) fn inspect(
    bytes: &[u8],
    trust: &Trust<'_>,
    report: &mut Report,
    now: Timestamp,
) -> Option<IdentityProvider> {
    let mut look = Look { report };
    let unverified = match xml::parse(bytes) {
        Ok(root) if root.is(MD, "EntityDescriptor") => root,
        Ok(_) => {
            look.error(
                "its root element is no EntityDescriptor: use the file of DigiD alone, not a list of several",
            );
            return None;
        }
        Err(reason) => {
            look.error(format_args!("it cannot be read ({reason}): {AGAIN}"));
            return None;
        }
    };
    let signed = match verified(bytes, &unverified, trust.pinned) {
        Ok(signed) => {
            look.ok("its signature is that of the pinned certificate");
            Some(signed)
        }
        Err(reason) => {
            look.error(format_args!(
                "it is not signed by the certificate in `metadata_certificate` ({reason}): {AGAIN}; if Logius signs with \
                 another certificate now, make sure by telephone that it is theirs, and add it to that file"
            ));
            None
        }
    };
    // What nobody signed is looked at too, so that everything wrong is said at once; nothing of it is used.
    let root = signed.as_ref().unwrap_or(&unverified);
    look.entity(root, trust.entity_id);
    let Ok(idp) = root.one(MD, "IDPSSODescriptor", "") else {
        look.error(
            "it has not exactly one IDPSSODescriptor: use DigiD's metadata, not that of a service provider",
        );
        return None;
    };
    look.protocol(idp);
    let valid_until = look.valid_until(root, idp, now);
    let certificates = look.certificates(idp, now);
    let artifact_resolution = look.artifact_resolution(idp);
    let (sign_on, Needs { binding, single_logout }) = ("SingleSignOnService", trust.needs);
    let redirect = look.front_channel(idp, (sign_on, HTTP_REDIRECT), binding == Binding::Redirect);
    let post = look.front_channel(idp, (sign_on, HTTP_POST), binding == Binding::Post);
    let logout = look.front_channel(idp, ("SingleLogoutService", HTTP_POST), single_logout);
    let wrong = report.is_wrong(ABOUT);
    // What has ended was said above.
    let alive = certificates.iter().any(|certificate| certificate.valid_at(now));
    let certificates_alive = if alive { certificates.as_slice() } else { &[] };
    let last = |all: &[TrustedCertificate]| all.iter().map(|certificate| certificate.dates.not_after).max();
    expiry::digid(report, last(certificates_alive), valid_until.filter(|end| now < *end), now);
    expiry::pinned(report, last(trust.pinned), now);
    let entity_id = trust.entity_id.to_owned();
    let provider = IdentityProvider {
        entity_id,
        redirect,
        post,
        logout,
        artifact_resolution,
        certificates,
        valid_until,
    };
    signed.filter(|_| !wrong).map(|_| provider)
}

/// The root as it was digested for the one signature in the document, which is the root's own.
fn verified(bytes: &[u8], root: &Element, pinned: &[TrustedCertificate]) -> Result<Element, Reason> {
    let id = strict::metadata_signature(root)?;
    let keys = pinned.iter().map(|certificate| certificate.der.as_slice());
    Verifiable::parse(bytes, keys.collect())?.read(id, MD, "EntityDescriptor")
}

/// A look at one document.
struct Look<'r> {
    report: &'r mut Report,
}

impl Look<'_> {
    fn ok(&mut self, says: impl Display) {
        self.report.ok(ABOUT, says);
    }

    fn warning(&mut self, says: impl Display) {
        self.report.warning(ABOUT, says);
    }

    fn error(&mut self, says: impl Display) {
        self.report.error(ABOUT, says);
    }

    fn entity(&mut self, root: &Element, expected: &str) {
        match root.attribute("entityID").map(str::trim) {
            Some(found) if found == expected => self.ok(format_args!("it is of {found}")),
            found => self.error(format_args!(
                "it is of {found:.200}, and `metadata_entity_id` says {expected}: use the file of the right environment, \
                 or mend that line",
                found = found.unwrap_or("nobody")
            )),
        }
    }

    fn protocol(&mut self, idp: &Element) {
        let protocols = idp.attribute("protocolSupportEnumeration").unwrap_or_default();
        if !protocols.split_ascii_whitespace().any(|protocol| protocol == SAMLP) {
            self.error(format_args!("its IDPSSODescriptor does not speak SAML 2.0: {AGAIN}"));
        }
    }

    /// The earlier end of the whole and of the part that we use.
    fn valid_until(&mut self, root: &Element, idp: &Element, now: Timestamp) -> Option<Timestamp> {
        let mut first = None;
        for text in [root, idp].into_iter().filter_map(|element| element.attribute("validUntil")) {
            match Timestamp::parse_rfc3339(text) {
                Some(end) => first = Some(first.map_or(end, |first: Timestamp| first.min(end))),
                None => self.error(format_args!("its validUntil is no time: {AGAIN}")),
            }
        }
        if let Some(end) = first.filter(|end| *end <= now) {
            let on = end.rfc3339();
            self.error(format_args!(
                "it ended on {on} (validUntil): get the file that follows it from Logius"
            ));
        }
        first
    }

    /// Every RSA certificate that may sign: only this list decides, never a message's `KeyInfo`.
    fn certificates(&mut self, idp: &Element, now: Timestamp) -> Vec<TrustedCertificate> {
        let signing =
            idp.all(MD, "KeyDescriptor").filter(|key| matches!(key.attribute("use"), None | Some("signing")));
        let texts = signing
            .flat_map(|key| key.all(DS, "KeyInfo"))
            .flat_map(|info| info.all(DS, "X509Data"))
            .flat_map(|data| data.all(DS, "X509Certificate"));
        let mut certificates = Vec::new();
        for text in texts {
            let base64: String = text.text().split_ascii_whitespace().collect();
            match STANDARD.decode(base64).ok().and_then(|der| TrustedCertificate::from_der(&der)) {
                Some(certificate) => certificates.push(certificate),
                None => self.warning(
                    "one of its signing certificates is left out: it cannot be read, or its key is no RSA of at least \
                     2048 bits",
                ),
            }
        }
        for certificate in &certificates {
            let (begins, ends) =
                (certificate.dates.not_before.rfc3339(), certificate.dates.not_after.rfc3339());
            let says = format!("it names a signing certificate that counts from {begins} to {ends}");
            if certificate.dates.not_after < now { self.warning(says) } else { self.ok(says) }
        }
        if !certificates.iter().any(|certificate| certificate.valid_at(now)) {
            self.error(
                "it names no signing certificate that is valid now, with an RSA key of at least 2048 bits, so no answer \
                 of DigiD could be checked: get the newest file from Logius",
            );
        }
        certificates
    }

    fn artifact_resolution(&mut self, idp: &Element) -> BTreeMap<u16, Url> {
        let mut services = BTreeMap::new();
        let soap = |service: &&Element| service.attribute("Binding") == Some(SOAP_BINDING);
        for service in idp.all(MD, "ArtifactResolutionService").filter(soap) {
            let index = service.attribute("index").and_then(|index| index.trim().parse().ok());
            let url = location(service).filter(|url| url.scheme() == "https");
            match (index, url) {
                (Some(index), Some(url)) => {
                    if services.insert(index, url).is_some() {
                        self.error(format_args!(
                            "two of its ArtifactResolutionServices have one index: {AGAIN}"
                        ));
                    }
                }
                _ => self.error(format_args!(
                    "an ArtifactResolutionService has no index, or is at no https URL: {AGAIN}"
                )),
            }
        }
        if services.is_empty() {
            self.error(format_args!("it holds no ArtifactResolutionService for SOAP: {AGAIN}"));
        }
        services
    }

    /// Where browsers bring requests to this service by this binding; an error when there is no address and `needed`.
    fn front_channel(
        &mut self,
        idp: &Element,
        (service, binding): (&'static str, &str),
        needed: bool,
    ) -> Option<Url> {
        let mut services =
            idp.all(MD, service).filter(|service| service.attribute("Binding") == Some(binding));
        let name = binding.rsplit(':').next().unwrap_or(binding);
        let Some(found) = services.next() else {
            if needed {
                let other = if service == "SingleLogoutService" {
                    "leave out `single_logout`"
                } else {
                    "choose the other `binding`"
                };
                self.error(format_args!(
                    "it holds no {service} for {name}, by which our requests travel: {other}, or {AGAIN}"
                ));
            }
            return None;
        };
        let url = location(found).filter(is_safe);
        if url.is_none() {
            self.error(format_args!("its {service} for {name} is at no https URL: {AGAIN}"));
        }
        url
    }
}

fn location(service: &Element) -> Option<Url> {
    Url::parse(service.attribute("Location")?.trim()).ok()
}
