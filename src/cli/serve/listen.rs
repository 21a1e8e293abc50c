//! Connections: bounded in number and in every wait, and finished in peace when the server stops.

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo, http::StatusCode, middleware::from_fn};
use hyper::server::conn::http1::Builder;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tower_http::timeout::TimeoutLayer;

use super::tls::{Door, shown};
use crate::{domain::mtls::Certificate, web::error};

/// How long to pause when no connection can be taken: most often the process has too many files open.
const BREATH: Duration = Duration::from_millis(100);

/// How much of a request's headers is read, in bytes; hyper's own bound is six times as much. The longest query that is read fits,
/// and leaves room for the rest.
const HEADERS: usize = 64 * 1024;

/// What the server bears.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many connections are open at once; more wait in the system's queue.
    pub connections: usize,
    /// How long a connection may take until TLS is spoken.
    pub handshake: Duration,
    /// How long a connection may take to bring the next request's headers. Longer than the minute for which proxies
    /// keep an idle connection, or it could close under a request.
    pub headers: Duration,
    /// How long a request may take from its headers to its answer.
    pub request: Duration,
    /// How long a connection lives: whoever asks and never reads the answers would keep its place for ever.
    pub life: Duration,
    /// How long the requests under way may go on when the server stops, or their connection has had its time.
    pub last: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connections: 4096,
            handshake: seconds(10),
            headers: seconds(75),
            request: seconds(30),
            life: seconds(600),
            last: seconds(20),
        }
    }
}

/// What every connection of a listener shares.
struct Shared {
    router: Router,
    limits: Limits,
    door: Option<Door>,
}

/// Serves HTTP/1.1 until `stop`, then lets what is under way finish. Every request knows its peer (`ConnectInfo`).
pub async fn listen(listener: TcpListener, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
    listen_at(listener, None, router, limits, stop).await;
}

/// The same over TLS, where there is a `door` for that. A request knows the certificate that was shown, if one was.
pub async fn listen_at(
    listener: TcpListener,
    door: Option<Door>,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let give_up = TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, limits.request);
    let router = router.layer(give_up).layer(from_fn(error::late));
    let shared = Arc::new(Shared { router, limits, door });
    let places = Arc::new(Semaphore::new(limits.connections));
    let (closing, close) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = &mut stop => break,
            next = accept(&listener, &places) => next,
        };
        connections.spawn(connection(stream, peer, shared.clone(), close.clone(), place));
        while connections.try_join_next().is_some() {}
    }
    drop((listener, closing));
    let finish = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.last, finish).await.is_err() {
        tracing::warn!("stopped before every request was answered");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there is always a permit in the end.
    let place = places.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                sleep(BREATH).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    mut close: watch::Receiver<()>,
    _place: Option<OwnedSemaphorePermit>,
) {
    // Answers are small and written at once: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(door) = &shared.door else { return talk(stream, (peer, None), &shared, close).await };
    let shaken = tokio::select! {
        shaken = timeout(shared.limits.handshake, door.shake(stream)) => shaken,
        _ = close.changed() => return,
    };
    // Who speaks no TLS, or too slowly, is their own affair.
    if let Ok(Ok(stream)) = shaken {
        let certificate = shown(&stream);
        talk(stream, (peer, certificate), &shared, close).await;
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    (peer, certificate): (SocketAddr, Option<Arc<Certificate>>),
    shared: &Shared,
    mut close: watch::Receiver<()>,
) {
    let limits = shared.limits;
    let service = shared.router.clone().map_request(move |mut request: axum::http::Request<_>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        request
    });
    // HTTP/1.1 only: to tell it from HTTP/2, hyper would read the first bytes without any time limit.
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.headers).max_buf_size(HEADERS);
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    tokio::select! {
        // A broken connection is the peer's own affair.
        _ = served.as_mut() => return,
        _ = close.changed() => {}
        () = sleep(limits.life) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = timeout(limits.last, served).await;
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Bytes,
        extract::State,
        routing::{get, post},
    };
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::{Notify, oneshot},
        task::JoinHandle,
        time::Instant,
    };

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    /// Longer than anything here takes on the slowest machine.
    const LONG: Duration = Duration::from_mins(1);

    /// A request that is slow: it tells that it has begun, and goes on until it may end.
    #[derive(Clone, Default)]
    struct Slow {
        begun: Arc<Notify>,
        may_end: Arc<Notify>,
    }

    /// A server on a free port, what stops it, and the task that ends with it.
    async fn serve(limits: Limits, slow: Slow) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let answer_slowly = async |State(slow): State<Slow>| {
            slow.begun.notify_one();
            slow.may_end.notified().await;
        };
        let router = Router::new()
            .route(
                "/peer",
                get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
            )
            .route("/slow", get(answer_slowly))
            .route("/token", post(async |_: Bytes| "told"))
            .route("/form", post(async |_: Bytes| "read"))
            .with_state(slow);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { drop(stopped.await) };
        (address, stop, tokio::spawn(listen(listener, router, limits, stopped)))
    }

    async fn say(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Everything until the server closes.
    async fn hear(mut stream: TcpStream) -> String {
        let mut text = String::new();
        timeout(LONG, stream.read_to_string(&mut text)).await.expect("the server closes").unwrap();
        text
    }

    fn get_of(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    }

    #[tokio::test]
    async fn a_request_knows_its_peer_and_a_slow_one_is_given_up() {
        let (address, _stop, _server) = serve(Limits::default(), Slow::default()).await;
        assert!(hear(say(address, &get_of("/peer")).await).await.ends_with("127.0.0.1"));
        let (address, _stop, _server) =
            serve(Limits { request: SHORT, ..Limits::default() }, Slow::default()).await;
        let given_up = hear(say(address, &get_of("/slow")).await).await;
        assert!(given_up.starts_with("HTTP/1.1 503") && given_up.contains("Het is erg druk"), "{given_up}");
        assert_eq!(Limits::default().request, Duration::from_secs(30), "longer than this nobody waits");
    }

    /// A form of nine bytes, of which these are sent.
    fn form(path: &str, language: &str, sent: &str) -> String {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept-language: {language}\r\n\
             content-length: 9\r\n\r\n{sent}"
        )
    }

    #[tokio::test]
    async fn who_is_given_up_hears_so_as_a_person_or_as_a_program_and_is_counted() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let _counting = metrics::set_default_local_recorder(&recorder);
        let (address, _stop, _server) =
            serve(Limits { request: SHORT, ..Limits::default() }, Slow::default()).await;
        let talk = async |path: &str, language: &str, sent: &str| {
            hear(say(address, &form(path, language, sent)).await).await
        };
        for (language, title) in [("nl", "Het is erg druk"), ("en", "It is very busy")] {
            let late = talk("/form", language, "client").await;
            assert!(late.starts_with("HTTP/1.1 503"), "{late}");
            for part in [
                format!("<h1 class=\"nl-heading\">{title}</h1>"),
                format!("content-language: {language}\r\n"),
                "retry-after: 10\r\n".into(),
                "cache-control: no-store\r\n".into(),
            ] {
                assert!(late.contains(&part), "{part}: {late}");
            }
        }
        let late = talk("/token", "nl", "client").await;
        for part in [
            "HTTP/1.1 503",
            "content-type: application/json\r\n",
            "retry-after: 10\r\n",
            "cache-control: no-store\r\n",
            "{\"error\":\"temporarily_unavailable\",",
        ] {
            assert!(late.contains(part), "{part}: {late}");
        }
        let counted = recorder.handle().render();
        for (route, count) in [("/form", 2), ("/token", 1)] {
            let line = format!("namens_http_requests_total{{route=\"{route}\",status=\"503\"}} {count}\n");
            assert!(counted.contains(&line), "{line}: {counted}");
        }
    }

    /// The twins say all that they promised.
    #[tokio::test]
    async fn who_is_in_time_is_answered() {
        let (address, _stop, _server) = serve(Limits::default(), Slow::default()).await;
        for (path, answer) in [("/form", "read"), ("/token", "told")] {
            let told = hear(say(address, &form(path, "nl", "client_id")).await).await;
            assert!(told.starts_with("HTTP/1.1 200") && told.ends_with(answer), "{told}");
        }
    }

    #[tokio::test]
    async fn who_dawdles_over_the_headers_or_says_nothing_is_let_go() {
        let (address, _stop, _server) =
            serve(Limits { headers: SHORT, ..Limits::default() }, Slow::default()).await;
        for text in ["", "GET /peer HTTP/1.1\r\nhost:"] {
            let begun = Instant::now();
            hear(say(address, text).await).await;
            assert!(begun.elapsed() >= SHORT / 2);
        }
    }

    #[tokio::test]
    async fn who_asks_and_never_reads_is_let_go_and_who_is_being_served_is_not() {
        let limits = Limits { life: SHORT, last: 50 * SHORT, ..Limits::default() };
        let answer = Slow::default();
        let (address, _stop, _server) = serve(limits, answer.clone()).await;
        let slow = say(address, &get_of("/slow")).await;
        let mut deaf = TcpStream::connect(address).await.unwrap();
        answer.begun.notified().await;
        sleep(2 * SHORT).await;
        answer.may_end.notify_one();
        assert!(hear(slow).await.starts_with("HTTP/1.1 200"));
        let many = "GET /peer HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
        // Until the server lets go it takes all that its buffers hold, and then no more.
        let asked = async { while deaf.write_all(many.as_bytes()).await.is_ok() {} };
        timeout(LONG, asked).await.expect("it is let go");
    }

    #[tokio::test]
    async fn past_the_limit_a_connection_waits_for_its_turn() {
        let (address, _stop, _server) =
            serve(Limits { connections: 1, ..Limits::default() }, Slow::default()).await;
        let first = say(address, "").await;
        sleep(SHORT).await;
        let mut second = say(address, &get_of("/peer")).await;
        let mut byte = [0];
        assert!(timeout(SHORT, second.read(&mut byte)).await.is_err(), "served past the limit");
        drop(first);
        assert!(hear(second).await.ends_with("127.0.0.1"));
    }

    #[tokio::test]
    async fn what_is_under_way_is_finished_and_what_is_idle_is_not_waited_for() {
        let limits = Limits { headers: 2 * LONG, last: 2 * LONG, ..Limits::default() };
        let answer = Slow::default();
        let (address, stop, server) = serve(limits, answer.clone()).await;
        let idle = say(address, "").await;
        let slow = say(address, &get_of("/slow")).await;
        answer.begun.notified().await;
        stop.send(()).unwrap();
        let closed = async { while TcpStream::connect(address).await.is_ok() {} };
        timeout(LONG, closed).await.expect("the door is shut");
        answer.may_end.notify_one();
        assert!(hear(slow).await.starts_with("HTTP/1.1 200"));
        timeout(LONG, server).await.expect("the server ends").unwrap();
        assert_eq!(hear(idle).await, "");
    }
}
