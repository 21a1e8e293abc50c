//! Handshakes: bounded in time by the listener, and in number by turns. Signing is most of their work, and of a burst of them only
//! a few stand before the requests that wait for a processor.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use rustls::ServerConfig;
use tokio::{net::TcpStream, sync::Semaphore};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::domain::mtls::Certificate;

/// How many handshakes work at once.
const TURNS: usize = 2;

/// A listener's TLS, and the turns that it shares with the others.
#[derive(Clone)]
pub struct Door {
    config: Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>,
    turns: Arc<Semaphore>,
}

/// The turns of all listeners.
pub fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(TURNS))
}

impl Door {
    /// `config` is asked anew for each connection.
    pub fn new(
        config: impl Fn() -> Arc<ServerConfig> + Send + Sync + 'static,
        turns: Arc<Semaphore>,
    ) -> Self {
        Self { config: Arc::new(config), turns }
    }

    /// The handshake. A turn is held while it works and never while it waits for the other side, so that who says nothing keeps
    /// nobody's turn.
    pub async fn shake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut handshake = TlsAcceptor::from((self.config)()).accept(stream);
        loop {
            let turn = self.turns.acquire().await;
            let worked = poll_fn(|task| Poll::Ready(Pin::new(&mut handshake).poll(task))).await;
            drop(turn);
            if let Poll::Ready(done) = worked {
                return done;
            }
            // The handshake wakes this task when there is more to read.
            let mut slept = false;
            poll_fn(|_| if std::mem::replace(&mut slept, true) { Poll::Ready(()) } else { Poll::Pending })
                .await;
        }
    }
}

/// What the other side showed, if anything.
pub fn shown(stream: &TlsStream<TcpStream>) -> Option<Arc<Certificate>> {
    let (_, connection) = stream.get_ref();
    let mut all = connection.peer_certificates()?.iter().map(|one| one.as_ref().to_vec());
    Some(Arc::new(Certificate { der: all.next()?, chain: all.collect() }))
}
