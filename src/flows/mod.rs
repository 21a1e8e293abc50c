//! What happens, in order: one file a story. A flow takes a login at the step it needs and says where it goes; whatever keeps
//! it from there is one error, [`Refused`] or [`Stop`].

pub mod account;
pub mod account_app;
pub mod account_digid;
pub mod account_email;
pub mod account_erase;
pub mod account_export;
pub mod account_log;
pub mod account_mandates;
pub mod account_merge;
pub mod account_offers;
pub mod account_password;
pub mod account_portals;
pub mod act_as;
pub mod admin_access;
pub mod admin_accounts;
pub mod admin_audit;
pub mod admin_clients;
pub mod admin_mandates;
pub mod admin_persons;
pub mod app_code;
mod authorization_code;
pub mod boundaries;
mod bsn;
pub mod chooser;
pub mod client_auth;
pub mod client_consent;
mod client_credentials;
pub mod client_registration;
pub mod client_secret;
pub mod code;
pub mod corrections;
pub mod desk;
pub mod desk_ahead;
pub mod desk_register;
pub mod desk_staff;
pub mod digid;
mod dpop;
pub mod email;
pub mod finish;
#[cfg(test)]
mod full_queue;
pub mod guesses;
pub mod import;
pub mod introspect;
pub mod keys;
pub mod link;
pub mod logins;
pub mod logout;
pub mod mandate_mails;
pub mod notify;
mod offline;
mod own_token;
pub mod par;
mod possession;
pub mod question;
pub mod recover;
pub mod redeem;
mod refresh_token;
pub mod register;
pub mod representation;
pub mod revoke;
pub mod single_logout;
mod standard_claims;
pub mod start;
pub mod stray;
mod token_exchange;
mod tokens;
pub mod userinfo;

pub use logins::Held;

use crate::{
    domain::{assurance::Level, fault::Fault, id::LoginId, login::Done, representation::NotRepresented},
    password::NotHashed,
    saml::Failure,
};

/// As many others do this at this moment as may: it is a matter of seconds.
#[derive(Debug)]
pub struct Busy;

/// Where a login goes from here.
#[derive(Debug)]
pub enum Next {
    /// The user is in: [`finish::finish`] it.
    In(Held<Done>),
    /// To its next page.
    Page(LoginId),
    /// Back to the page from which it left, with nothing.
    Back(LoginId),
}

/// Why what a user did was not taken: `W` says what is wrong with it, and the page may be shown again.
#[derive(Debug)]
pub enum Refused<W> {
    /// The user's to mend.
    Because(W),
    /// Not about what the user did.
    Stopped(Stop),
}

/// Why a flow stopped without an answer of its own. What each means for a browser is decided in one place.
#[derive(Debug)]
pub enum Stop {
    /// The login moved on meanwhile, in another tab or by a second click: show where it stands.
    Elsewhere(LoginId),
    /// The address of this login has had many mails: wait, and go on there.
    TooManyMails(LoginId),
    /// An account was asked for codes of its app very often today: wait, and go on there.
    TooManyCodes(LoginId),
    /// The login is over.
    Over(Over),
    /// A lane is full: try again in a while.
    Busy,
    /// An address has had many tries: try again in a minute. Nothing was checked.
    TooManyTries(LoginId),
    /// DigiD cannot be asked, by a fault of our own that stands in the audit log. The login stands where it stood.
    DigidNotAsked(LoginId, Failure),
    /// An inner failure.
    Fault(Fault),
}

/// Why a login is over. Nothing of it was kept but a line in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Too many wrong codes.
    WrongCodes,
    /// The person is known to be under twelve (M13).
    TooYoung,
    /// DigiD at a level below this one, which is needed (F7).
    LevelTooLow(Level),
    /// DigiD ended its session while the login was under way.
    LoggedOut,
    /// This account and this DigiD, or this address, cannot come together. It does not say why: that would tell of another
    /// person.
    NotLinked,
    /// A new password was to be chosen, and DigiD showed somebody else than the account's owner (F13).
    AnotherDigid,
    /// DigiD's own person is under 16, and the account somebody else's as far as known.
    ChildsDigid,
    /// The request was answered before, by another login that its handle began (RFC 9126 section 7.3).
    RequestAnswered,
    /// The register of representation named a child for whom the user may not act here (M14).
    NotRepresented(NotRepresented),
}

impl<E: Into<Fault>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Over> for Stop {
    fn from(over: Over) -> Self {
        Self::Over(over)
    }
}

/// A login that is not at the wanted step.
impl From<Box<Held>> for Stop {
    fn from(held: Box<Held>) -> Self {
        Self::Elsewhere(held.login.id)
    }
}

impl<W, E: Into<Stop>> From<E> for Refused<W> {
    fn from(stop: E) -> Self {
        Self::Stopped(stop.into())
    }
}

impl Stop {
    /// What became of a hash that was not made.
    pub(crate) fn not_hashed(error: NotHashed) -> Self {
        match error {
            NotHashed::Busy => Self::Busy,
            other => Self::Fault(other.into()),
        }
    }
}
