//! The back channel to DigiD: nobody but the right server, under the right name, is asked, and it answers nobody but us.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
};

use reqwest::StatusCode;
use tokio::net::TcpStream;

use crate::{
    browser::Browser,
    digid_metadata::{bare, pki, sign, with},
    digid_return::FAILED,
    digid_steps::{audit, bsn, calls, has_session, register_with_digid, through_digid},
    house::{House, Options},
    portal::{code_of, redeem},
};

#[tokio::test]
async fn a_strangers_certificate_on_the_back_channel_gets_no_answer() {
    let mut house = House::start_with(Options { wrong_tls: true, ..Options::default() }).await;
    let browser = Browser::new();
    let (_, page) = through_digid(&house, &browser, &bsn(1), &[], &[]).await;
    assert_eq!((page.status, page.heading().as_str()), (StatusCode::BAD_GATEWAY, FAILED));
    assert_eq!(audit(&house), ["login.digid digid_unreachable"]);
    assert_eq!(calls(&house).await, (0, 0), "the handshake already fails");
    assert!(!has_session(&house, &browser).await);
    // The twin, with our own.
    house.reconfigure("/pki/wrong-tls.", "/pki/sp-tls.");
    let (_, page) = through_digid(&house, &Browser::new(), &bsn(1), &[], &[]).await;
    assert_eq!(page.heading(), "Heeft u al een account?");
    assert_eq!(calls(&house).await, (1, 0));
}

/// Passes on what comes to that loopback address, to another.
fn forward(from: [u8; 4], to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(SocketAddr::from((from, 0))).unwrap();
    listener.set_nonblocking(true).unwrap();
    let at = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(to).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    at
}

#[tokio::test]
async fn a_back_channel_of_another_host_is_not_believed() {
    let mut house = House::start().await;
    let (bsn, good, pair) = (bsn(1), bare(&house), pki(&house).digid_saml);
    let sub = register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await.sub().to_owned();
    let there = good.split_once("Location=\"https://").unwrap().1.split_once('/').unwrap().0.to_owned();
    // The very server, under an address that its certificate names, and under one that it does not name.
    for (from, reached) in [([127, 0, 0, 1], 1), ([127, 0, 0, 2], 0)] {
        let at = forward(from, there.parse().unwrap());
        house.kill();
        fs::write(house.folder.join("digid.xml"), sign(&with(&good, &there, &at.to_string()), &pair))
            .unwrap();
        house.open_doors();
        let ((soap, _), logged, browser) = (calls(&house).await, house.log().len(), Browser::new());
        let (_, page) = through_digid(&house, &browser, &bsn, &[], &[]).await;
        assert_eq!((page.status, page.heading().as_str()), (StatusCode::BAD_GATEWAY, FAILED), "{at}");
        assert_eq!(audit(&house).last().unwrap(), "login.digid digid_unreachable", "{at}");
        assert!(!has_session(&house, &browser).await, "{at}");
        // Where the certificate is believed, DigiD itself refuses: the question says that it is for another address.
        let why = ["no connection (network, TLS or certificate)", "HTTP status 4xx or other"][reached];
        assert!(house.log()[logged..].contains(why), "{at}: {}", house.log());
        assert_eq!(calls(&house).await.0, soap + reached as u64, "{at}");
    }
    house.kill();
    fs::write(house.folder.join("digid.xml"), sign(&good, &pair)).unwrap();
    house.open_doors();
    let (request, page) = through_digid(&house, &Browser::new(), &bsn, &[], &[]).await;
    assert_eq!(redeem(&house, &request, &code_of(&page)).await.sub(), sub);
}

#[tokio::test]
async fn a_back_channel_of_another_authority_is_not_believed() {
    let mut house = House::start().await;
    let bsn = bsn(1);
    let sub = register_with_digid(&house, &bsn, "jansen@voorbeeld.nl", "").await.sub().to_owned();
    let (soap, _) = calls(&house).await;
    house.reconfigure("/pki/ca.crt", "/pki/wrong-ca.crt");
    let browser = Browser::new();
    let (_, page) = through_digid(&house, &browser, &bsn, &[], &[]).await;
    assert_eq!((page.status, page.heading().as_str()), (StatusCode::BAD_GATEWAY, FAILED));
    assert_eq!(audit(&house).last().unwrap(), "login.digid digid_unreachable");
    assert!(house.log().contains("no connection (network, TLS or certificate)"));
    assert!(!has_session(&house, &browser).await);
    assert_eq!(calls(&house).await.0, soap, "the handshake already fails");
    // The twin, in a browser that knows of no connection to the server before.
    house.reconfigure("/pki/wrong-ca.crt", "/pki/ca.crt");
    let (request, page) = through_digid(&house, &Browser::new(), &bsn, &[], &[]).await;
    assert_eq!(redeem(&house, &request, &code_of(&page)).await.sub(), sub);
}
