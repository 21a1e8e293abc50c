//! Makes answers of the routing service, with identities encrypted by nothing but OpenSSL.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::{PKey, Public};
use openssl::rand::rand_bytes;
use openssl::rsa::Padding;
use openssl::symm::{Cipher, Crypter, Mode};

use super::forge::{self, ACS, DIGID, Pair, RESOLVE_ID, SP, keys, replace};
use crate::config::digid::Binding;
use crate::saml::{Expected, Interface, Providers, RoutingService, ServiceProvider, Settings};

/// Our service in the catalogue.
pub(super) const SERVICE: &str = "375b1cb114b7-12e9-3534-16cc-4d8997b0";
/// What our metadata calls the key that identities are encrypted for.
pub(super) const KEY_NAME: &str = "encryption <1>";
/// Who logs in, and the child they may act for.
pub(super) const PARENT: &str = "111222333";
pub(super) const CHILD: &str = "999990019";

/// The parties behind the routing service.
pub(super) const PROVIDERS: [&str; 2] =
    ["urn:nl-eid-gdi:1.0:AD:1:entities:0000", "urn:nl-eid-gdi:1.0:BVD:1:entities:0000"];

pub(super) fn settings() -> Settings {
    let ours = &keys().ours;
    let providers = PROVIDERS.map(str::to_owned);
    let [login, representation] = providers;
    Settings {
        binding: Binding::Post,
        interface: Interface::RoutingService(Box::new(RoutingService {
            service_uuid: SERVICE.to_owned(),
            encryption: ours.named(KEY_NAME),
            next_encryption: Vec::new(),
            providers: Some(Providers { login, representation }),
        })),
        ..forge::settings()
    }
}

pub(super) fn sp() -> ServiceProvider {
    ServiceProvider::new(&settings(), forge::now()).expect("good settings")
}

pub(super) fn expected(representation: bool) -> Expected {
    Expected { representation, ..forge::expected() }
}

/// An identity before it is encrypted.
pub(super) fn name_id(bsn: &str) -> String {
    format!(
        "<saml2:NameID xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
         Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\" \
         NameQualifier=\"urn:nl-eid-gdi:1.0:id:legacy-BSN\">{bsn}</saml2:NameID>"
    )
}

/// How an identity is encrypted; right by default.
pub(super) struct Envelope {
    /// The content with its padding.
    pub(super) padded: Vec<u8>,
    /// The content key: 32 bytes.
    pub(super) content_key: Vec<u8>,
    /// For whose key.
    pub(super) key: PKey<Public>,
    /// What becomes of the cipher text: vector and blocks.
    pub(super) change: fn(&mut Vec<u8>),
}

/// Fills the last block, and tells with how much; the rest of the padding is anything.
pub(super) fn padded(content: &str) -> Vec<u8> {
    let length = 16 - content.len() % 16;
    let mut bytes = content.as_bytes().to_vec();
    bytes.resize(content.len() + length - 1, 0xa5);
    bytes.push(u8::try_from(length).unwrap());
    bytes
}

impl Envelope {
    pub(super) fn of(content: &str) -> Self {
        let mut content_key = vec![0; 32];
        rand_bytes(&mut content_key).unwrap();
        Self {
            padded: padded(content),
            content_key,
            key: keys().ours.certificate.public_key().unwrap(),
            change: |_| {},
        }
    }

    fn cipher(&self) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        rand_bytes(&mut bytes).unwrap();
        // A key of another length still makes some cipher text of the right shape.
        let mut key = self.content_key.clone();
        key.resize(32, 0);
        let mut aes = Crypter::new(Cipher::aes_256_cbc(), Mode::Encrypt, &key, Some(&bytes)).unwrap();
        aes.pad(false);
        let mut blocks = vec![0; self.padded.len() + 16];
        let length = aes.update(&self.padded, &mut blocks).unwrap();
        bytes.extend_from_slice(&blocks[..length]);
        (self.change)(&mut bytes);
        bytes
    }

    fn wrapped(&self) -> Vec<u8> {
        let rsa = self.key.rsa().unwrap();
        let mut wrapped = vec![0; rsa.size() as usize];
        rsa.public_encrypt(&self.content_key, &mut wrapped, Padding::PKCS1_OAEP).unwrap();
        wrapped
    }

    /// The `EncryptedID`, laid out as the routing service's examples are.
    pub(super) fn encrypted(&self, id: &str) -> String {
        let key_name = quick_xml::escape::escape(KEY_NAME);
        let entity_id = quick_xml::escape::escape(SP);
        let (cipher, wrapped) = (STANDARD.encode(self.cipher()), STANDARD.encode(self.wrapped()));
        let (cipher_start, cipher_end) = cipher.split_at(cipher.len() / 2);
        format!(
            r##"<saml2:EncryptedID>
<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Id="_data{id}" Type="http://www.w3.org/2001/04/xmlenc#Element">
 <xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/>
 <ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:RetrievalMethod Type="http://www.w3.org/2001/04/xmlenc#EncryptedKey" URI="#_key{id}"/></ds:KeyInfo>
 <xenc:CipherData><xenc:CipherValue>{cipher_start}
{cipher_end}</xenc:CipherValue></xenc:CipherData>
</xenc:EncryptedData>
<xenc:EncryptedKey xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Id="_key{id}" Recipient="{entity_id}">
 <xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"><ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/></xenc:EncryptionMethod>
 <ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:KeyName>{key_name}</ds:KeyName></ds:KeyInfo>
 <xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData>
 <xenc:ReferenceList><xenc:DataReference URI="#_data{id}"/></xenc:ReferenceList>
</xenc:EncryptedKey>
</saml2:EncryptedID>"##
        )
    }
}

/// An attribute whose one value is this.
pub(super) fn attribute(name: &str, value: &str) -> String {
    format!(
        "<saml2:Attribute Name=\"{name}\"><saml2:AttributeValue>{value}</saml2:AttributeValue></saml2:Attribute>"
    )
}

pub(super) fn service() -> String {
    attribute("urn:nl-eid-gdi:1.0:ServiceUUID", SERVICE)
}

pub(super) fn acting(encrypted: &str) -> String {
    attribute("urn:nl-eid-gdi:1.0:ActingSubjectID", encrypted)
}

pub(super) fn legal(encrypted: &str) -> String {
    attribute("urn:nl-eid-gdi:1.0:LegalSubjectID", encrypted)
}

pub(super) fn kind(urn: &str) -> String {
    attribute("urn:nl-eid-gdi:1.1:RepresentationType", urn)
}

/// The attributes of a parent who logs in for themselves, and those of one who acts for their child.
pub(super) fn alone() -> String {
    service() + &acting(&Envelope::of(&name_id(PARENT)).encrypted("a"))
}

pub(super) fn for_child() -> String {
    let kind = kind("urn:nl-eid-gdi:1.1:RT:Zorg_Volledig_Gezag_Kind");
    alone() + &legal(&Envelope::of(&name_id(CHILD)).encrypted("l")) + &kind
}

/// What the party behind told the routing service: signed by its own key, and about somebody else, so that whoever read
/// it would be found out.
pub(super) fn told() -> String {
    let signature = forge::signature("_told");
    let identity = acting(&Envelope::of(&name_id(CHILD)).encrypted("t"));
    keys().stranger.sign(&format!(
        r#"<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="_told" Version="2.0" IssueInstant="2026-11-22T12:00:00Z"><saml2:Issuer>{}</saml2:Issuer>{signature}<saml2:AttributeStatement>{}{identity}</saml2:AttributeStatement></saml2:Assertion>"#,
        PROVIDERS[0],
        service(),
    ))
}

/// An ArtifactResponse of the routing service with these attributes, its two own signatures still empty.
pub(super) fn template(attributes: &str) -> String {
    let (outer, inner, told) = (forge::signature("_answer"), forge::signature("_assertion"), told());
    format!(
        r#"<saml2p:ArtifactResponse xmlns:saml2p="urn:oasis:names:tc:SAML:2.0:protocol" ID="_answer" InResponseTo="{RESOLVE_ID}" IssueInstant="2026-11-22T12:00:01.018Z" Version="2.0">
<saml2:Issuer xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">
 {DIGID}
</saml2:Issuer>{outer}<saml2p:Status><saml2p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></saml2p:Status>
<saml2p:Response Destination="{ACS}" ID="_response" InResponseTo="_request" IssueInstant="2026-11-22T12:00:00Z" Version="2.0">
<saml2:Issuer xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion">{DIGID}</saml2:Issuer>
<saml2p:Status><saml2p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></saml2p:Status>
<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="_assertion" IssueInstant="2026-11-22T12:00:00Z" Version="2.0"><saml2:Issuer>{DIGID}</saml2:Issuer>{inner}<saml2:Subject>
<saml2:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient">
 45e376c5-78a7
</saml2:NameID>
<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml2:SubjectConfirmationData InResponseTo="_request" NotOnOrAfter="2026-11-22T12:02:00Z" Recipient="{ACS}"/></saml2:SubjectConfirmation></saml2:Subject>
<saml2:Conditions NotBefore="2026-11-22T11:58:00Z" NotOnOrAfter="2026-11-22T12:02:00Z"><saml2:AudienceRestriction><saml2:Audience>urn:nl-eid-gdi:1.0:LC:1:entities:0000</saml2:Audience><saml2:Audience>{audience}</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions>
<saml2:Advice>{told}</saml2:Advice>
<saml2:AuthnStatement AuthnInstant="2026-11-22T12:00:00.018Z" SessionIndex="45e376c5-78a7"><saml2:AuthnContext><saml2:AuthnContextClassRef>http://eidas.europa.eu/LoA/low</saml2:AuthnContextClassRef><saml2:AuthenticatingAuthority>{}</saml2:AuthenticatingAuthority></saml2:AuthnContext></saml2:AuthnStatement>
<saml2:AttributeStatement>{attributes}</saml2:AttributeStatement></saml2:Assertion></saml2p:Response></saml2p:ArtifactResponse>"#,
        PROVIDERS[0],
        audience = quick_xml::escape::escape(SP),
    )
}

/// The same with changes, signed by the routing service.
pub(super) fn signed(attributes: &str, changes: &[(&str, &str)]) -> String {
    let document = changes.iter().fold(template(attributes), |document, change| replace(&document, *change));
    sign(&document, &keys().digid)
}

pub(super) fn sign(document: &str, pair: &Pair) -> String {
    forge::sign(document, pair)
}
