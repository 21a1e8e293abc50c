//! Every check on DigiD's Assertion (SAML 2.0 profiles, section 4.1.4.3; DigiD interface specification 3.7),
//! one small function each. What comes out is the only evidence of a login with DigiD.

use std::fmt;
use std::net::IpAddr;

use super::Failure;
use super::level::{self, Asserted};
use super::response::{Asked, SKEW, not_in_the_future, not_older, time, version_and_issuer};
use super::routing::{self, Legal};
use super::xml::{Element, Reason, SAML};
use crate::domain::assurance::Level;
use crate::domain::bsn::Bsn;
use crate::domain::time::Timestamp;

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// The sector code of the BSN. The others (sofinummer, A-nummer, OEB) are no BSN and are refused.
const BSN_SECTOR: &str = "s00000000";

/// A login DigiD vouches for, after the last check. Nothing else in the program can make one. `Debug` prints
/// nothing.
pub struct Verified {
    bsn: Bsn,
    legal: Option<Legal>,
    level: Level,
    authn_instant: Timestamp,
    assertion_id: String,
    session_index: Option<String>,
    address: Option<IpAddr>,
}

impl Verified {
    /// Who logged in.
    pub fn bsn(&self) -> &Bsn {
        &self.bsn
    }

    /// For whom they act at this login, if they were asked and chose somebody. Never without the routing service.
    pub fn legal(&self) -> Option<&Legal> {
        self.legal.as_ref()
    }

    /// How sure DigiD is: at least the level required.
    pub fn level(&self) -> Level {
        self.level
    }

    /// When the person logged in at DigiD; earlier than the request when DigiD's single sign-on answered.
    pub fn authn_instant(&self) -> Timestamp {
        self.authn_instant
    }

    /// The `ID` of the Assertion, for the caller to accept once only.
    pub fn assertion_id(&self) -> &str {
        &self.assertion_id
    }

    /// DigiD's session, to name at logout.
    pub fn session_index(&self) -> Option<&str> {
        self.session_index.as_deref()
    }

    /// The address DigiD saw the person at, if it told one.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified(…)")
    }
}

/// Runs every check on a signed Assertion.
pub(super) fn read(assertion: &Element, asked: &Asked<'_>, now: Timestamp) -> Result<Verified, Failure> {
    let read = claims(assertion, asked, now).map_err(Failure::Hostile)?;
    let level = enough(&read.asserted, asked.expected.required)?;
    let Claims { bsn, legal, authn_instant, assertion_id, session_index, address, .. } = read;
    Ok(Verified { bsn, legal, level, authn_instant, assertion_id, session_index, address })
}

/// What an Assertion claims, all checked but the level.
struct Claims {
    bsn: Bsn,
    legal: Option<Legal>,
    asserted: Asserted,
    authn_instant: Timestamp,
    assertion_id: String,
    session_index: Option<String>,
    address: Option<IpAddr>,
}

fn claims(assertion: &Element, asked: &Asked<'_>, now: Timestamp) -> Result<Claims, Reason> {
    version_and_issuer(assertion, asked.digid)?;
    not_in_the_future(assertion, now)?;
    not_older(assertion, asked.expected.asked_at)?;
    conditions(assertion, asked, now)?;
    let subject = assertion.one(SAML, "Subject", "not exactly one Subject")?;
    confirmation(subject, asked, now)?;
    let statement = assertion.one(SAML, "AuthnStatement", "not exactly one AuthnStatement")?;
    let authn_instant = authn_instant(statement, asked, now)?;
    let (bsn, legal, session_index) = match asked.routing {
        None => (bsn(subject)?, None, statement.attribute("SessionIndex")),
        Some(routing) => {
            let session = routing::transient(subject, statement)?;
            let (acting, legal) =
                routing.subjects(assertion, asked.audience, asked.expected.representation)?;
            (acting, legal, Some(session))
        }
    };
    Ok(Claims {
        bsn,
        legal,
        asserted: asserted(statement, asked)?,
        authn_instant,
        assertion_id: assertion.attribute("ID").ok_or("an Assertion without ID")?.to_owned(),
        session_index: session_index.map(str::to_owned),
        address: address(statement)?,
    })
}

/// Both ends of the validity, and our audience: nobody else's, but for the routing service, which names all who may
/// pass the Assertion on. A condition we do not know makes an Assertion invalid
/// (SAML 2.0 core, section 2.5.1.1).
fn conditions(assertion: &Element, asked: &Asked<'_>, now: Timestamp) -> Result<(), Reason> {
    let conditions = assertion.one(SAML, "Conditions", "not exactly one Conditions")?;
    let begin = time(conditions, "NotBefore")?.ok_or("Conditions without NotBefore")?;
    let end = time(conditions, "NotOnOrAfter")?.ok_or("Conditions without NotOnOrAfter")?;
    if begin > now.plus(SKEW) {
        return Err("not valid yet");
    }
    if now >= end.plus(SKEW) {
        return Err("not valid any more");
    }
    let known =
        |c: &Element| ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"].iter().any(|k| c.is(SAML, k));
    if !conditions.children().iter().all(known) {
        return Err("an unknown condition");
    }
    let restriction = conditions.one(SAML, "AudienceRestriction", "not exactly one AudienceRestriction")?;
    let mut meant = restriction.all(SAML, "Audience");
    if asked.routing.is_none() && meant.clone().count() != 1 {
        return Err("not exactly one Audience");
    }
    let ours = meant.any(|audience| audience.text() == asked.audience);
    if ours { Ok(()) } else { Err("meant for another audience") }
}

/// Whoever bears this Assertion is its subject: only at our address, only for this request, only now.
fn confirmation(subject: &Element, asked: &Asked<'_>, now: Timestamp) -> Result<(), Reason> {
    let confirmation = subject.one(SAML, "SubjectConfirmation", "not exactly one SubjectConfirmation")?;
    if confirmation.attribute("Method") != Some(BEARER) {
        return Err("a confirmation by another method than bearer");
    }
    let data =
        confirmation.one(SAML, "SubjectConfirmationData", "not exactly one SubjectConfirmationData")?;
    if data.attribute("Recipient") != Some(asked.acs) {
        return Err("another Recipient");
    }
    if data.attribute("InResponseTo") != Some(&asked.expected.request_id) {
        return Err("a confirmation for another request");
    }
    let begin = time(data, "NotBefore")?;
    if begin.is_some() && asked.routing.is_some() {
        return Err("a confirmation with NotBefore");
    }
    if begin.is_some_and(|begin| begin > now.plus(SKEW)) {
        return Err("a confirmation not valid yet");
    }
    let end = time(data, "NotOnOrAfter")?.ok_or("a confirmation without NotOnOrAfter")?;
    if now >= end.plus(SKEW) { Err("a confirmation not valid any more") } else { Ok(()) }
}

/// The NameID is `sector:number`.
pub(super) fn name_id(bsn: &Bsn) -> String {
    format!("{BSN_SECTOR}:{}", bsn.digits())
}

/// Of whom a Subject or a LogoutRequest speaks.
pub(super) fn bsn(subject: &Element) -> Result<Bsn, Reason> {
    let name_id = subject.one(SAML, "NameID", "not exactly one NameID")?.text();
    let (sector, number) = name_id.split_once(':').ok_or("a NameID without sector")?;
    if sector != BSN_SECTOR {
        return Err("a NameID of another sector");
    }
    Bsn::parse(number).map_err(|_| "a NameID that is no BSN")
}

/// With `force_authn` an old login, kept alive by single sign-on, is not what we asked for.
fn authn_instant(statement: &Element, asked: &Asked<'_>, now: Timestamp) -> Result<Timestamp, Reason> {
    let at = time(statement, "AuthnInstant")?.ok_or("no AuthnInstant")?;
    if at > now.plus(SKEW) {
        return Err("logged in in the future");
    }
    if asked.expected.force_authn && at < asked.expected.asked_at.plus(-SKEW) {
        return Err("logged in before a new login was asked for");
    }
    Ok(at)
}

fn asserted(statement: &Element, asked: &Asked<'_>) -> Result<Asserted, Reason> {
    let context = statement.one(SAML, "AuthnContext", "not exactly one AuthnContext")?;
    let class = context.one(SAML, "AuthnContextClassRef", "not exactly one AuthnContextClassRef")?;
    Ok(if asked.routing.is_some() { level::read_eidas(class.text()) } else { level::read(class.text()) })
}

/// Higher than required is fine, lower ends the login, and an unknown class says nothing.
fn enough(asserted: &Asserted, required: Level) -> Result<Level, Failure> {
    match asserted {
        Asserted::Known(level) if *level >= required => Ok(*level),
        Asserted::Known(_) | Asserted::Basis => Err(Failure::LevelTooLow),
        Asserted::Unknown => Err(Failure::Hostile("an unknown level of assurance")),
    }
}

/// For the log only, so an address that is none counts as not told.
fn address(statement: &Element) -> Result<Option<IpAddr>, Reason> {
    let locality = statement.at_most_one(SAML, "SubjectLocality", "several SubjectLocalities")?;
    Ok(locality.and_then(|l| l.attribute("Address")).and_then(|address| address.trim().parse().ok()))
}
