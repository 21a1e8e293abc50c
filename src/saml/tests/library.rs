//! The second wall: what libxmlsec does with a reference to the outside when nothing stands before it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha256;
use samael::crypto::{Crypto, CryptoProvider, ReduceMode};

use super::forge::{first_signature, keys, sp, template};

const BAIT: &str = "<x/>";

/// Hands the library a document with this signature straight away, as if the strict reader had let it
/// through, to verify and to sign. Signing needs the content of what is referred to, so a library that opens
/// it would succeed.
fn bypass(signature: &str) {
    let _hardened = sp();
    let digest = format!("<ds:DigestValue>{}</ds:DigestValue>", STANDARD.encode(sha256(BAIT.as_bytes())));
    let filled = signature.replace("<ds:DigestValue/>", &digest);
    let filled = filled.replace("<ds:SignatureValue/>", "<ds:SignatureValue>AAAA</ds:SignatureValue>");
    let certificate = keys().digid.certificate.to_der().unwrap().into();
    let mode = ReduceMode::ValidateAndMarkNoAncestors;
    assert!(Crypto::reduce_xml_to_signed(&document(&filled), &[certificate], mode).is_err());
    let key = keys().digid.key.private_key_to_der().unwrap();
    assert!(Crypto::sign_xml(document(signature), &key).is_err(), "it was opened");
}

fn document(signature: &str) -> String {
    format!("<a ID=\"_answer\">{signature}</a>")
}

/// A signature over what is found at `uri`.
fn over(uri: &str) -> String {
    let enveloped = "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
    first_signature(&template()).replace("#_answer", uri).replace(enveloped, "")
}

/// An address that serves the bait, and whether anyone called it.
fn baited_address() -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/x", listener.local_addr().unwrap());
    let called = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&called);
    thread::spawn(move || {
        for stream in listener.incoming() {
            flag.store(true, Ordering::SeqCst);
            let mut stream = stream.unwrap();
            let _request = stream.read(&mut [0; 1024]);
            let _gone =
                stream.write_all(format!("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n{BAIT}").as_bytes());
        }
    });
    (address, called)
}

#[test]
fn a_reference_opens_no_file() {
    let path = std::env::temp_dir().join(format!("namens-saml-{}.xml", std::process::id()));
    fs::write(&path, BAIT).unwrap();
    bypass(&over(&format!("file://{}", path.display())));
    bypass(&over(&path.display().to_string()));
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_reference_calls_no_address() {
    let (address, called) = baited_address();
    bypass(&over(&address));
    assert!(!called.load(Ordering::SeqCst));
}

/// The style-sheet library has its own refusal; this holds it to that.
#[test]
fn a_transform_calls_no_address() {
    let (address, called) = baited_address();
    let sheet = format!(
        "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\">\
         <xsl:stylesheet version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\">\
         <xsl:template match=\"/\"><xsl:copy-of select=\"document('{address}')\"/></xsl:template>\
         </xsl:stylesheet></ds:Transform></ds:Transforms>"
    );
    bypass(&first_signature(&template()).replace("</ds:Transforms>", &sheet));
    assert!(!called.load(Ordering::SeqCst));
}
