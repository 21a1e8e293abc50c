//! What a collector of OpenTelemetry hears of requests: where time goes, and nothing about anybody.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use tokio::net::TcpListener;

use crate::{browser::Browser, house::House};

type Heard = Arc<Mutex<Vec<u8>>>;

async fn hear(State(heard): State<Heard>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    heard.lock().unwrap().extend(body);
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

// The collector listens while the test waits for the server to stop.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_hears_of_each_request_before_the_server_stops_and_of_nobody() {
    let (heard, listener) = (Heard::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().route("/v1/traces", post(hear)).with_state(heard.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let tables = format!("[traces]\nendpoint = \"http://127.0.0.1:{port}/v1/traces\"\n");
    let mut house = House::with(tables).await;
    let browser = Browser::new();
    for path in
        ["/authorize?client_id=portal&login_hint=anna@example.nl", "/login/verborgen/email", "/nergens"]
    {
        browser.get(&format!("{}{path}", house.issuer)).await;
    }
    house.stop();
    let heard = heard.lock().unwrap();
    for told in ["GET /authorize", "GET /login/{id}/email", "GET none", "http.response.status_code", "namens"]
    {
        assert!(has(&heard, told), "{told}");
    }
    for kept in ["anna", "verborgen", "nergens", "client_id", "127.0.0.1"] {
        assert!(!has(&heard, kept), "{kept}");
    }
}

#[tokio::test]
async fn a_collector_that_is_not_there_holds_up_nobody() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let tables = format!("[traces]\nendpoint = \"http://{closed}/v1/traces\"\n");
    let mut house = House::with(tables).await;
    let page = Browser::new().get(&format!("{}/healthz", house.issuer)).await;
    assert_eq!(page.status, 200);
    house.stop();
}
