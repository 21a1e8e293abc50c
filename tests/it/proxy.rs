//! Proxies that the operator names are believed about where a request comes from, and nobody else is.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    response::{IntoResponse, Response},
};
use reqwest::{Client, Method, redirect::Policy};

use crate::{
    browser::Browser,
    config::refuses,
    digid_steps::{bsn, register_with_digid},
    house::House,
    portal::{code_of, redeem, request, to_digid},
};

/// A small reverse proxy, as nginx is one by the lines in docs/proxy.md: what clients send under its own header is continued, or
/// thrown away.
#[derive(Clone)]
struct Proxy {
    to: String,
    http: Client,
    appends: bool,
}

/// Puts one before a house that moves to another port. It calls from `from`.
async fn stand_before(house: &mut House, from: [u8; 4], appends: bool) {
    let at: SocketAddr = house.issuer.trim_start_matches("http://").parse().unwrap();
    let to = SocketAddr::new(at.ip(), 8081);
    house.reconfigure(&format!("listen = \"{at}\""), &format!("listen = \"{to}\""));
    let http = Client::builder().local_address(IpAddr::from(from)).redirect(Policy::none()).no_proxy();
    let proxy = Proxy { to: format!("http://{to}"), http: http.build().unwrap(), appends };
    let router = Router::new().fallback(pass).with_state(proxy);
    let listener = tokio::net::TcpListener::bind(at).await.unwrap();
    tokio::spawn(async move {
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
}

async fn pass(
    State(proxy): State<Proxy>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    let told: Vec<_> =
        headers.get_all("x-forwarded-for").iter().map(|v| v.to_str().unwrap().to_owned()).collect();
    let told = if proxy.appends && !told.is_empty() {
        format!("{}, {}", told.join(", "), peer.ip())
    } else {
        peer.ip().to_string()
    };
    headers.insert("x-forwarded-for", told.parse().unwrap());
    let path = parts.uri.path_and_query().unwrap();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let sent = proxy.http.request(parts.method, format!("{}{path}", proxy.to)).headers(headers).body(body);
    let answer = sent.send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    let body: Bytes = answer.bytes().await.unwrap();
    (status, headers, body).into_response()
}

/// Logs somebody in with DigiD, which sees them at 127.0.0.1; the way back brings this header. Whether DigiD and we differed.
async fn differs(house: &House, bsn: &str, header: Option<(&str, &str)>) -> bool {
    let noted = || house.log().matches("DigiD and we saw different addresses").count();
    let (before, browser, asked) = (noted(), Browser::new(), request(house, &[]));
    let page = to_digid(&browser, &asked).await;
    let typed = [("bsn", bsn), ("level", "Midden"), ("outcome", "login")];
    let back = browser.submit(&page, "digid", &typed).await.location().unwrap();
    let mut sent = browser.request(Method::GET, back.as_str());
    if let Some((name, value)) = header {
        sent = sent.header(name, value);
    }
    let page = browser.send(sent).await;
    redeem(house, &asked, &code_of(&page)).await;
    noted() > before
}

async fn trusting(table: &'static str) -> (House, String) {
    let (house, bsn) = (House::with(table).await, bsn(1));
    register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await;
    (house, bsn)
}

#[tokio::test]
async fn a24_who_is_no_proxy_of_ours_is_not_believed_about_addresses() {
    let (mut house, bsn) = trusting("[proxy]\nfrom = [\"127.0.0.8\", \"10.0.0.0/8\"]\n").await;
    let lie = Some(("x-forwarded-for", "192.0.2.9"));
    assert!(!differs(&house, &bsn, lie).await);
    assert!(!differs(&house, &bsn, Some(("forwarded", "for=192.0.2.9"))).await);
    // The twins: the same header from a proxy of ours.
    house.reconfigure("\"127.0.0.8\"", "\"127.0.0.0/30\"");
    assert!(differs(&house, &bsn, lie).await);
    assert!(!differs(&house, &bsn, Some(("forwarded", "for=192.0.2.9"))).await, "this header was not named");
    assert!(!differs(&house, &bsn, None).await, "nobody says where it came from");
    assert!(!differs(&house, &bsn, Some(("x-forwarded-for", "192.0.2.9, x"))).await, "nor does this");
    assert!(differs(&house, &bsn, Some(("x-forwarded-for", "127.0.0.1, 192.0.2.9, 127.0.0.2"))).await);
    house.reconfigure("[proxy]\n", "[proxy]\nclient_address = \"forwarded\"\n");
    assert!(!differs(&house, &bsn, lie).await);
    assert!(differs(&house, &bsn, Some(("forwarded", "for=\"[2001:db8::9]:4711\";proto=https"))).await);
    assert!(!house.log().contains("192.0.2.9"));
}

#[tokio::test]
async fn behind_a_proxy_that_is_named_the_right_most_stranger_is_who_digid_saw() {
    let (mut house, bsn) = trusting("[proxy]\nfrom = [\"127.0.0.5\"]\n").await;
    stand_before(&mut house, [127, 0, 0, 5], true).await;
    assert!(!differs(&house, &bsn, None).await);
    let lie = Some(("x-forwarded-for", "127.0.0.5, 192.0.2.9"));
    assert!(!differs(&house, &bsn, lie).await, "what a client wrote before it");
    // The twin: nobody named the proxy, so it is who we see.
    house.reconfigure("[proxy]\nfrom = [\"127.0.0.5\"]\n", "");
    assert!(differs(&house, &bsn, None).await);
}

#[tokio::test]
async fn a_proxy_that_is_everybody_or_nobody_is_refused() {
    let mut house = House::start().await;
    house.kill();
    let path = house.folder.join("namens.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    for (section, says) in [
        ("from = [\"0.0.0.0/0\"]", "never everybody"),
        ("from = []", "give 1 to 64"),
        ("from = [\"proxy.example.nl\"]", "give an IP address or a network"),
        ("from = [\"10.0.0.1\"]\nclient_address = \"x-real-ip\"", "x-forwarded-for or forwarded"),
        ("from = [\"10.0.0.1\"]\nclient_certificate = \"x-cert\"", "x-ssl-client-cert"),
    ] {
        std::fs::write(&path, format!("{text}[proxy]\n{section}\n")).unwrap();
        let told = refuses(&house);
        assert!(told.contains(says), "{section}: {told}");
    }
}
