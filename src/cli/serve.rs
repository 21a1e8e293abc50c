//! `namens serve`: the server.

pub mod listen;
pub mod tls;

use std::{
    future::{Future, pending},
    io::{ErrorKind, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use self::{
    listen::{Limits, listen, listen_at},
    tls::Door,
};
use crate::{
    app::App,
    config::{BadConfig, Config},
    domain::fault::Fault,
    flows::{boundaries::keep_looking, mandate_mails::keep_mailing, notify::keep_telling},
    observe::{self, Metrics, traces::Traces},
    web::{
        metrics,
        router::{clients, router},
    },
};

/// How many may read the numbers at once.
const SCRAPERS: usize = 16;
/// How long mail that is on its way may take when the server stops.
const LAST_MAIL: Duration = Duration::from_secs(10);

/// Serve people and portals until SIGTERM or SIGINT
#[derive(Debug, Args)]
pub struct Serve {}

impl Serve {
    /// Runs the server; writes one line to `out` when it can be reached.
    pub async fn run(self, config: Config, out: &mut impl Write) -> Result<(), Fault> {
        observe::start();
        // Before anything can be counted.
        let metrics =
            config.metrics.as_ref().map(|metrics| Metrics::start().map(|started| (metrics.listen, started)));
        let metrics = metrics.transpose()?;
        let traces = config.traces.as_ref().map(|traces| Traces::start(&traces.endpoint)).transpose()?;
        let app = App::build(config).await?;
        let listener = bind(app.config.listen, "`listen`").await?;
        let mtls = match app.config.mtls.as_ref().and_then(|mtls| mtls.listen) {
            Some(wanted) => Some(bind(wanted, "`listen` of [mtls]").await?),
            None => None,
        };
        let metrics = match metrics {
            Some((wanted, metrics)) => Some((bind(wanted, "`listen` of [metrics]").await?, metrics)),
            None => None,
        };
        // Before the line is written: whoever reads it may stop us at once.
        let stop = told_to_stop()?;
        let house = tokio::spawn(app.clone().keep_house());
        let telling = tokio::spawn(keep_telling(app.clone()));
        let looking = tokio::spawn(keep_looking(app.clone()));
        let mailing = tokio::spawn(keep_mailing(app.clone()));
        let counted = metrics.map(|(listener, metrics)| {
            let limits = Limits { connections: SCRAPERS, ..Limits::default() };
            tokio::spawn(listen(listener, metrics::router(app.clone(), metrics), limits, pending()))
        });
        let scheme = if app.tls.is_some() { "https" } else { "http" };
        writeln!(out, "namens listens on {scheme}://{}", listener.local_addr()?)?;
        out.flush()?;
        // It is large, and the future of every command would be as large as the largest.
        Box::pin(serve(&app, listener, mtls, stop)).await;
        house.abort();
        telling.abort();
        looking.abort();
        mailing.abort();
        counted.inspect(JoinHandle::abort);
        if !app.mailer.drain(LAST_MAIL).await {
            tracing::warn!("stopped before every mail was sent");
        }
        app.store.close().await;
        if let Some(traces) = traces {
            spawn_blocking(move || traces.stop()).await?;
        }
        Ok(())
    }
}

/// Serves at the front, and where clients show certificates, until `stop`.
async fn serve(
    app: &Arc<App>,
    front: TcpListener,
    mtls: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) {
    let turns = tls::turns();
    let (door, mtls_door) = match app.tls.clone() {
        Some(tls) => {
            let other = tls.clone();
            let mtls_door = Door::new(move || other.mtls(), turns.clone());
            (Some(Door::new(move || tls.front(), turns)), Some(mtls_door))
        }
        None => (None, None),
    };
    let (stopping, stopped) = watch::channel(());
    let until = |mut stopped: watch::Receiver<()>| async move { drop(stopped.changed().await) };
    let at_front = listen_at(front, door, router(app.clone()), Limits::default(), until(stopped.clone()));
    let at_mtls = async {
        if let Some(listener) = mtls {
            listen_at(listener, mtls_door, clients(app.clone()), Limits::default(), until(stopped)).await;
        }
    };
    let told = async move {
        stop.await;
        drop(stopping);
    };
    tokio::join!(at_front, at_mtls, told);
}

async fn bind(wanted: SocketAddr, line: &str) -> Result<TcpListener, BadConfig> {
    TcpListener::bind(wanted).await.map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AddrNotAvailable => "This machine has no such address:",
            ErrorKind::PermissionDenied => {
                "For a port below 1024 this user needs the capability CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=): give it, or"
            }
            _ => "Stop what listens there, or",
        };
        BadConfig::value(format_args!(
            "cannot listen on {wanted}: {error}. {remedy} change {line} in the configuration."
        ))
    })
}

/// Ends when the process is told to stop, by the system or by Ctrl-C.
pub(super) fn told_to_stop() -> Result<impl Future<Output = ()>, Fault> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}
