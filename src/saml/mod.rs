//! DigiD as a SAML 2.0 service provider sees it: DigiD itself (interface specification 3.7), or the routing service
//! before it (ST-SAML 1.0). Either answers by artifact.
//!
//! The road of a login: [`ServiceProvider::request`] sends the browser to DigiD, it comes back with an
//! artifact, [`Artifact::parse`] reads that, and [`ServiceProvider::resolve`] exchanges it for a [`Verified`]
//! or a [`Failure`]. What the caller must see to: the request id is bound to one browser, and request,
//! artifact and assertion id are each spent once.
//!
//! | file | what it does |
//! |---|---|
//! | `settings`, `service_provider` | what the operator gives; what that makes, parsed and checked once |
//! | `metadata` | writes ours |
//! | `message` | what all our messages have in common, and their signature |
//! | `identity_provider` | reads DigiD's, and says all that is wrong with it |
//! | `inventory` | all that the connection rests on, and what follows from it |
//! | `succession`, `expiry` | which key of ours has its turn; what the dates of certificates mean |
//! | `request` | the `AuthnRequest` |
//! | `artifact` | the artifact and the back channel |
//! | `xml`, `strict` | refuse every document with two possible readings, before the signature library sees it |
//! | `verify`, `libxmlsec` | the signatures; what is read is what was signed |
//! | `response`, `assertion`, `level` | every check on what is signed |
//! | `routing`, `decrypt` | what the routing service says in another way, and for our eyes only |
//! | `single_logout` | single logout: our request and DigiD's, and the answers to both |
//! | `keys`, `signer` | keys, our signature |
//! | `door` | the same road for the fuzz target, in builds with the simulator only |

mod artifact;
mod assertion;
mod decrypt;
#[cfg(feature = "simulator")]
#[doc(hidden)]
pub mod door;
mod expiry;
mod failure;
mod identity_provider;
mod inventory;
mod keys;
mod level;
mod libxmlsec;
mod message;
mod metadata;
mod request;
mod response;
mod routing;
mod service_provider;
mod settings;
mod signer;
mod single_logout;
mod strict;
mod succession;
mod verify;
mod xml;

#[cfg(test)]
mod tests;

/// Where DigiD sends browsers back with an artifact: a path below the issuer.
pub const ACS_PATH: &str = "/digid/acs";
/// Where DigiD sends requests to log somebody out, and browsers back after ours.
pub const LOGOUT_PATH: &str = "/digid/logout";

pub use artifact::{Artifact, Expected};
pub use assertion::Verified;
pub use failure::Failure;
pub use identity_provider::Needs;
pub use keys::{dates as certificate_dates, identity as certificate_identity};
pub use request::{Delivery, Outgoing, RequestError, Wish};
pub use routing::{Legal, Representation};
pub use service_provider::{ServiceProvider, check_metadata};
pub use settings::{Given, Interface, NamedPem, Pem, Providers, RoutingService, Settings, SettingsError};
pub use single_logout::{OutgoingLogout, Said, fault};

/// A connection with single logout that counts at the moment beside it, for tests of the floors above.
#[cfg(test)]
pub(crate) fn with_logout() -> (Settings, crate::domain::time::Timestamp) {
    (tests::single_logout::with_logout(), tests::forge::now())
}
