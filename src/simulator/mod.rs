//! A DigiD, a portal and a mailbox for the demo and the tests. Never in a production build.
//!
//! It stands beside the house and knows it by HTTP alone: not one line is shared with `crate::saml` or any other
//! floor, so an error made there is not made here once more and hidden by it. DigiD's side is written from Logius'
//! *Koppelvlakspecificatie DigiD SAML 3.7*, with a signer of its own: texts are written in canonical form and signed
//! by OpenSSL, where the house verifies with libxmlsec.
//!
//! | file | what it is |
//! |---|---|
//! | [`pki`] | keys and certificates of a development set-up, made once into a folder |
//! | [`digid`] | the identity provider, and all the ways it can be made to lie |
//! | [`portal`] | a relying party on the `openidconnect` crate |
//! | [`mailbox`] | shows the mails that were written to a folder |
//! | [`family`] | who there is in the demo |
//! | [`walk`] | a tiny browser that tells what it does |
//! | [`clock`] | the simulator's own clock |
//!
//! Each part is started on a listener that is already bound, so that a test or the demo takes a free port first and
//! writes its configuration after. Each refuses to start on, or to talk to, anything but this machine itself.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use tokio::task::JoinHandle;
use url::{Host, Url};

pub mod clock;
pub mod digid;
pub mod family;
pub mod mailbox;
pub mod pki;
pub mod portal;
#[cfg(test)]
mod testing;
pub mod walk;

/// Why a part of the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// A URL or a listener reaches beyond this machine.
    #[error(
        "the simulator serves this machine only: {0} is not a loopback address (use 127.0.0.1 or localhost)"
    )]
    NotLoopback(String),
    /// A URL that is none.
    #[error("{0} is not a URL: {1}")]
    Url(String, url::ParseError),
    /// A file or a socket failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path or address.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// OpenSSL would not make or read a key or certificate.
    #[error("{what}: {source}")]
    Crypto {
        /// What was being done.
        what: String,
        /// What OpenSSL said.
        source: openssl::error::ErrorStack,
    },
    /// The TLS certificate, key or CA does not fit.
    #[error("the back channel's TLS set-up is refused: {0}")]
    Tls(String),
    /// A folder holds half of a key pair.
    #[error("{0} is there without its other half; remove it, and the pair is made anew")]
    HalfAPair(String),
}

impl SimulatorError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    fn crypto(what: impl Into<String>) -> impl FnOnce(openssl::error::ErrorStack) -> Self {
        let what = what.into();
        move |source| Self::Crypto { what, source }
    }
}

/// A part that runs until it is stopped or dropped. Dropping cuts its connections; [`Running::stop`] lets them end.
#[derive(Debug)]
pub struct Running {
    servers: Vec<(Handle<SocketAddr>, JoinHandle<io::Result<()>>)>,
}

impl Running {
    /// Stops taking connections, gives the open ones a second to end, and waits for that.
    pub async fn stop(mut self) {
        for (handle, _) in &self.servers {
            handle.graceful_shutdown(Some(Duration::from_secs(1)));
        }
        for (_, task) in &mut self.servers {
            // A server that failed has been reported by its own log line; there is nothing left to stop.
            let _ended = tokio::time::timeout(Duration::from_secs(3), task).await;
        }
    }

    /// Both parts as one.
    #[must_use]
    pub fn and(mut self, mut other: Self) -> Self {
        self.servers.append(&mut other.servers);
        self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (handle, task) in &self.servers {
            handle.shutdown();
            task.abort();
        }
    }
}

/// Serves `router` in plain HTTP on `listener`. Must be called within a tokio runtime.
fn serve_plain(listener: TcpListener, router: Router) -> Result<Running, SimulatorError> {
    prepare(&listener)?;
    let handle = Handle::new();
    let server = axum_server::from_tcp(listener)
        .map_err(SimulatorError::io("taking over the listener"))?
        .handle(handle.clone());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    Ok(Running { servers: vec![(handle, tokio::spawn(server.serve(service)))] })
}

/// What tokio wants of a listener made by the standard library; and that it is bound to loopback.
fn prepare(listener: &TcpListener) -> Result<(), SimulatorError> {
    let address = listener.local_addr().map_err(SimulatorError::io("asking the listener for its address"))?;
    if !address.ip().is_loopback() {
        return Err(SimulatorError::NotLoopback(address.to_string()));
    }
    listener.set_nonblocking(true).map_err(SimulatorError::io("making the listener non-blocking"))
}

/// Reads a URL and refuses all but this machine. The name `localhost` is taken for loopback (RFC 6761, section 6.3).
fn loopback_url(text: &str) -> Result<Url, SimulatorError> {
    let url = Url::parse(text).map_err(|e| SimulatorError::Url(text.to_owned(), e))?;
    let here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if here { Ok(url) } else { Err(SimulatorError::NotLoopback(text.to_owned())) }
}

/// `bytes` random bytes as hex: for ids, tickets and cookies. OpenSSL's generator does not fail once seeded; should it,
/// the request ends in an error instead of a guessable value.
fn random_hex(bytes: usize) -> Result<String, openssl::error::ErrorStack> {
    let mut room = vec![0u8; bytes];
    openssl::rand::rand_bytes(&mut room)?;
    Ok(base16ct::lower::encode_string(&room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_served() {
        for here in ["http://127.0.0.1:8080", "https://localhost/soap", "http://[::1]:1/", "http://127.9.9.9"]
        {
            assert!(loopback_url(here).is_ok(), "{here}");
        }
        for there in
            ["https://id.example.nl", "http://10.0.0.1", "http://localhost.example.nl", "mailto:a@b.nl"]
        {
            assert!(matches!(loopback_url(there), Err(SimulatorError::NotLoopback(_))), "{there}");
        }
    }

    /// Whoever takes the simulator for DigiD, or for a portal, can only be on this machine.
    #[tokio::test]
    async fn nothing_starts_for_another_machine() {
        let folder = testing::scratch("loopback");
        let pki = pki::Pki::create(&folder).unwrap();
        let (here, there) = ("http://127.0.0.1:8080", "https://id.example.nl");
        let listener = |at: &str| TcpListener::bind(at).unwrap();
        let digid = |base: &str, sp: &str, back: &str| {
            let config = digid::Config {
                entity_id: "urn:digid".to_owned(),
                base_url: base.to_owned(),
                pki: pki.clone(),
                sp: digid::registry::SpMetadata::Url(sp.parse().unwrap()),
                people: Vec::new(),
            };
            digid::start(config, listener("127.0.0.1:0"), listener(back))
        };
        let portal = |issuer: &str, base: &str, at: &str| {
            let config = portal::Config {
                name: "Portal".to_owned(),
                issuer: issuer.to_owned(),
                client_id: "portal".to_owned(),
                client_secret: None,
                base_url: base.to_owned(),
            };
            portal::start(config, listener(at))
        };
        let (ours, all) = ("127.0.0.1:0", "0.0.0.0:0");
        for refused in [
            digid(there, here, ours),
            digid(here, there, ours),
            digid(here, here, all),
            portal(there, here, ours),
            portal(here, there, ours),
            portal(here, here, all),
        ] {
            assert!(matches!(refused, Err(SimulatorError::NotLoopback(_))));
        }
        for running in [digid(here, here, ours), portal(here, here, ours)] {
            running.unwrap().stop().await;
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
