//! What the simulator's own tests share: a service provider made by hand, with samael for its XML signatures and
//! OpenSSL for the Redirect binding.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::x509::X509;
use samael::crypto::{Crypto, CryptoProvider};
use url::form_urlencoded::Serializer;

use super::digid::names::{HTTP_ARTIFACT, Level, MD, SAML, SAMLP};
use super::digid::registry::SpMetadata;
use super::digid::{Config, Person, start};
use super::pki::{Pair, Pki};
use super::{Running, clock, random_hex};

/// The service provider's entityID.
pub const SP: &str = "https://sp.test/saml/metadata";
/// Its assertion consumer service.
pub const ACS: &str = "http://127.0.0.1:9/digid/acs";
/// DigiD's entityID.
pub const IDP: &str = "https://digid.test/saml/idp/metadata";

/// A new empty folder under the system's temporary one. The test removes it.
pub fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("namens-{name}-{}", random_hex(8).unwrap()));
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// A running DigiD with a service provider in front of it.
pub struct Stand {
    pub folder: PathBuf,
    pub pki: Pki,
    pub base: String,
    pub soap: String,
    pub running: Running,
    pub browser: reqwest::Client,
}

impl Stand {
    pub fn new(name: &str) -> Self {
        let folder = scratch(name);
        let pki = Pki::create(&folder).unwrap();
        let (front, back) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let base = format!("http://{}", front.local_addr().unwrap());
        let soap = format!("https://{}/soap", back.local_addr().unwrap());
        let config = Config {
            entity_id: IDP.into(),
            base_url: base.clone(),
            pki: pki.clone(),
            sp: SpMetadata::Text(sp_metadata(&pki)),
            people: vec![Person {
                name: "Anna Bakker".into(),
                bsn: "111222333".into(),
                level: Level::Midden,
            }],
        };
        let running = start(config, front, back).unwrap();
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { folder, pki, base, soap, running, browser }
    }

    /// The URL of a signed Redirect.
    pub fn redirect_url(&self, request: &str, relay_state: &str) -> String {
        let mut deflater = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::default());
        deflater.write_all(request.as_bytes()).unwrap();
        let query = Serializer::new(String::new())
            .append_pair("SAMLRequest", &STANDARD.encode(deflater.finish().unwrap()))
            .append_pair("RelayState", relay_state)
            .append_pair("SigAlg", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")
            .finish();
        let key = PKey::private_key_from_pem(&std::fs::read(&self.pki.sp_saml.key).unwrap()).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        signer.update(query.as_bytes()).unwrap();
        let signature = STANDARD.encode(signer.sign_to_vec().unwrap());
        let signature = Serializer::new(String::new()).append_pair("Signature", &signature).finish();
        format!("{}/sso?{query}&{signature}", self.base)
    }

    /// From the AuthnRequest to the artifact, with these fields on the login page.
    pub async fn log_in(&self, fields: &[(&str, &str)]) -> String {
        let page =
            self.browser.get(self.redirect_url(&authn_request("_r1", ""), "relay")).send().await.unwrap();
        let ticket = ticket(&page.text().await.unwrap());
        let mut form = vec![("ticket", ticket.as_str())];
        form.extend_from_slice(fields);
        let sent = self.browser.post(format!("{}/login", self.base)).form(&form).send().await.unwrap();
        assert_eq!(sent.status(), 303, "{}", sent.text().await.unwrap());
        artifact(sent.headers()["location"].to_str().unwrap())
    }

    /// A back-channel client that shows this certificate, or none.
    pub fn back_channel(&self, pair: Option<&Pair>) -> reqwest::Client {
        let ca = reqwest::Certificate::from_pem(&std::fs::read(&self.pki.ca.certificate).unwrap()).unwrap();
        let builder =
            reqwest::Client::builder().tls_certs_only([ca]).redirect(reqwest::redirect::Policy::none());
        let Some(pair) = pair else { return builder.build().unwrap() };
        let pem = [std::fs::read(&pair.key).unwrap(), std::fs::read(&pair.certificate).unwrap()].concat();
        builder.identity(reqwest::Identity::from_pem(&pem).unwrap()).build().unwrap()
    }

    /// Resolves an artifact: status and body.
    pub async fn resolve(&self, artifact: &str) -> (u16, String) {
        let body = self.signed_resolve(artifact);
        let sent =
            self.back_channel(Some(&self.pki.sp_tls)).post(&self.soap).body(body).send().await.unwrap();
        (sent.status().as_u16(), sent.text().await.unwrap())
    }

    /// A signed ArtifactResolve in SOAP.
    pub fn signed_resolve(&self, artifact: &str) -> String {
        soap(&sign(&artifact_resolve(artifact, &template("_a1")), &self.pki.sp_saml))
    }

    pub async fn end(self) {
        self.running.stop().await;
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

pub fn ticket(page: &str) -> String {
    let after = page.split_once(r#"name="ticket" value=""#).expect(page).1;
    after.split_once('"').unwrap().0.to_owned()
}

pub fn artifact(location: &str) -> String {
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().find(|(k, _)| k == "SAMLart").unwrap().1.into_owned()
}

/// An AuthnRequest of now. `signature` is empty or a template.
pub fn authn_request(id: &str, signature: &str) -> String {
    authn_request_at(id, signature, clock::now())
}

pub fn authn_request_at(id: &str, signature: &str, at: chrono::DateTime<chrono::Utc>) -> String {
    format!(
        concat!(
            r#"<samlp:AuthnRequest xmlns:samlp="{}" xmlns:saml="{}" ID="{}" Version="2.0" IssueInstant="{}" "#,
            r#"AssertionConsumerServiceIndex="0" ProviderName="Huisarts &amp; Zn">"#,
            r#"<saml:Issuer>{}</saml:Issuer>{}<samlp:RequestedAuthnContext Comparison="minimum">"#,
            "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract",
            "</saml:AuthnContextClassRef></samlp:RequestedAuthnContext></samlp:AuthnRequest>",
        ),
        SAMLP,
        SAML,
        id,
        clock::stamp(at),
        SP,
        signature
    )
}

pub fn artifact_resolve(artifact: &str, signature: &str) -> String {
    format!(
        concat!(
            r#"<samlp:ArtifactResolve xmlns:samlp="{}" xmlns:saml="{}" ID="_a1" Version="2.0" IssueInstant="{}">"#,
            "<saml:Issuer>{}</saml:Issuer>{}<samlp:Artifact>{}</samlp:Artifact></samlp:ArtifactResolve>",
        ),
        SAMLP,
        SAML,
        clock::stamp(clock::now()),
        SP,
        signature,
        artifact
    )
}

pub fn soap(message: &str) -> String {
    format!(
        concat!(
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>"#
        ),
        message
    )
}

/// What samael fills in.
pub fn template(id: &str) -> String {
    format!(
        concat!(
            r##"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>"##,
            r##"<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"##,
            r##"<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>"##,
            r##"<ds:Reference URI="#{}"><ds:Transforms>"##,
            r##"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>"##,
            r##"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>"##,
            r##"<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/>"##,
            r##"</ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>"##,
        ),
        id
    )
}

/// Signs by samael, and takes off the XML declaration.
pub fn sign(xml: &str, pair: &Pair) -> String {
    let key = PKey::private_key_from_pem(&std::fs::read(&pair.key).unwrap()).unwrap();
    let signed = Crypto::sign_xml(xml, &key.private_key_to_der().unwrap()).unwrap();
    signed.split_once("?>").unwrap().1.trim().to_owned()
}

pub fn der(certificate: &Path) -> Vec<u8> {
    X509::from_pem(&std::fs::read(certificate).unwrap()).unwrap().to_der().unwrap()
}

fn sp_metadata(pki: &Pki) -> String {
    let certificate = STANDARD.encode(der(&pki.sp_saml.certificate));
    let text = format!(
        concat!(
            r#"<md:EntityDescriptor xmlns:md="{md}" ID="_m1" entityID="{sp}">{template}"#,
            r#"<md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true" "#,
            r#"protocolSupportEnumeration="{samlp}"><md:KeyDescriptor use="signing">"#,
            r#"<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{cert}"#,
            "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
            r#"<md:AssertionConsumerService Binding="{artifact}" Location="{acs}" index="0"/>"#,
            "</md:SPSSODescriptor></md:EntityDescriptor>",
        ),
        md = MD,
        sp = SP,
        template = template("_m1"),
        samlp = SAMLP,
        cert = certificate,
        artifact = HTTP_ARTIFACT,
        acs = ACS
    );
    sign(&text, &pki.sp_saml)
}
