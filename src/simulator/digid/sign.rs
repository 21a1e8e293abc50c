//! Signing with nothing but OpenSSL: every text is written in exclusive canonical form from the start, so it can be
//! digested as it stands. That libxmlsec, at the other end, agrees is the proof that it is canonical.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{PKey, Private, Public};
use openssl::sign::Signer;
use openssl::x509::X509;

use super::names::DS;

/// A signing key with its certificate.
#[derive(Debug, Clone)]
pub struct SigningKey {
    key: PKey<Private>,
    certificate: X509,
    /// The certificate's SHA-1 fingerprint in hex: what DigiD writes in `KeyName`, to tell its certificates apart.
    pub name: String,
}

/// What the signature refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refers {
    /// The element by its ID: enveloped signature, then exclusive canonicalization. What DigiD does.
    Element,
    /// The same, with an XSLT transform (one that copies) in between.
    ThroughXslt,
    /// The same, with an `XPath` transform (one that keeps everything) in between.
    ThroughXpath,
    /// The text of the element, decoded from base64 (RFC 2045, section 6.8): what is no letter of base64 does not count.
    ThroughBase64,
    /// The same, by canonicalization with comments. Where there are none, the outcome is the same.
    WithComments,
    /// The element, and once more the element.
    Twice,
    /// The element, whose canonical form is taken for nothing.
    ToNothing,
}

/// How to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA and digest with SHA-256. What DigiD does.
    RsaSha256,
    /// RSA and digest with SHA-1.
    RsaSha1,
    /// RSA with SHA-256 over a SHA-1 digest.
    Sha1Digest,
    /// RSA and digest with MD5.
    RsaMd5,
    /// HMAC-SHA256, keyed with the public key that everybody knows.
    HmacWithPublicKey,
}

/// What the signature says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyInfo {
    /// The name of the key. What DigiD does.
    Name,
    /// The whole certificate.
    Certificate,
}

const ENVELOPED: &str =
    r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>"#;
const XSLT: &str = concat!(
    r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116">"#,
    r#"<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">"#,
    r#"<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"></xsl:apply-templates>"#,
    r"</xsl:copy></xsl:template></xsl:stylesheet></ds:Transform>",
);
const XPATH: &str = concat!(
    r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">"#,
    "<ds:XPath>true()</ds:XPath></ds:Transform>",
);
const BASE64: &str = r#"<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"></ds:Transform>"#;

/// Exclusive canonicalization as DigiD asks for it.
fn canonical(comments: &str) -> String {
    format!(
        concat!(
            r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#{}">"#,
            r#"<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#""#,
            r#" PrefixList="ds saml samlp xs"></ec:InclusiveNamespaces></ds:Transform>"#,
        ),
        comments
    )
}

/// One `Reference` to `uri`, in canonical form.
fn reference(
    uri: &str,
    transforms: &str,
    content: &[u8],
    algorithm: Algorithm,
) -> Result<String, ErrorStack> {
    let (digest, name) = match algorithm {
        Algorithm::RsaSha1 | Algorithm::Sha1Digest => {
            (MessageDigest::sha1(), "http://www.w3.org/2000/09/xmldsig#sha1")
        }
        Algorithm::RsaMd5 => (MessageDigest::md5(), "http://www.w3.org/2001/04/xmldsig-more#md5"),
        Algorithm::RsaSha256 | Algorithm::HmacWithPublicKey => {
            (MessageDigest::sha256(), "http://www.w3.org/2001/04/xmlenc#sha256")
        }
    };
    let transforms = match transforms {
        "" => String::new(),
        some => format!("<ds:Transforms>{some}</ds:Transforms>"),
    };
    let value = STANDARD.encode(hash(digest, content)?);
    Ok(format!(
        concat!(
            r#"<ds:Reference URI="{}">{}<ds:DigestMethod Algorithm="{}"></ds:DigestMethod>"#,
            r"<ds:DigestValue>{}</ds:DigestValue></ds:Reference>",
        ),
        uri, transforms, name, value
    ))
}

/// What the texts in `element` decode to (RFC 2045, section 6.8; XML signatures, section 6.6.2): tags and foreign letters are
/// left out, and the first `=` ends it.
fn decoded_text(element: &str) -> Vec<u8> {
    let texts = element.split('<').filter_map(|piece| piece.split_once('>').map(|(_, text)| text));
    let letter = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/');
    let letters: Vec<u8> = texts.flat_map(str::bytes).take_while(|c| *c != b'=').filter(letter).collect();
    let whole = letters.len() - letters.len() % 4;
    letters.get(..whole).and_then(|whole| STANDARD.decode(whole).ok()).unwrap_or_default()
}

impl SigningKey {
    /// A key with its certificate, both PEM.
    pub fn from_pem(key: &[u8], certificate: &[u8]) -> Result<Self, ErrorStack> {
        let certificate = X509::from_pem(certificate)?;
        let name = base16ct::lower::encode_string(&certificate.digest(MessageDigest::sha1())?);
        Ok(Self { key: PKey::private_key_from_pem(key)?, certificate, name })
    }

    /// The public key.
    pub fn public_key(&self) -> Result<PKey<Public>, ErrorStack> {
        self.certificate.public_key()
    }

    /// The certificate in base64 of DER, as `X509Certificate` has it.
    pub fn certificate_base64(&self) -> Result<String, ErrorStack> {
        Ok(STANDARD.encode(self.certificate.to_der()?))
    }

    /// DigiD's signature over the element with this ID, whose canonical text (without the signature) is `canonical`.
    /// It is to stand in that element, where the prefix `ds` is declared.
    pub fn sign(&self, id: &str, canonical: &str) -> Result<String, ErrorStack> {
        self.sign_as(id, canonical, Algorithm::RsaSha256, Refers::Element, KeyInfo::Name)
    }

    /// The same with a choice of wrong ways.
    pub fn sign_as(
        &self,
        id: &str,
        canonical_text: &str,
        algorithm: Algorithm,
        refers: Refers,
        key_info: KeyInfo,
    ) -> Result<String, ErrorStack> {
        let (enveloped, plain) = (ENVELOPED, canonical(""));
        let transforms = match refers {
            Refers::Element | Refers::Twice | Refers::ToNothing => format!("{enveloped}{plain}"),
            Refers::ThroughXslt => format!("{enveloped}{XSLT}{plain}"),
            Refers::ThroughXpath => format!("{enveloped}{XPATH}{plain}"),
            Refers::ThroughBase64 => format!("{enveloped}{BASE64}"),
            Refers::WithComments => enveloped.to_owned() + &canonical("WithComments"),
        };
        let content = match refers {
            Refers::ToNothing => Vec::new(),
            Refers::ThroughBase64 => decoded_text(canonical_text),
            _ => canonical_text.into(),
        };
        let one = reference(&format!("#{id}"), &transforms, &content, algorithm)?;
        let references = if refers == Refers::Twice { one.repeat(2) } else { one };
        self.close(&references, algorithm, key_info)
    }

    /// The detached signature over a query, as DigiD makes it at the end of a logout: with SHA-1.
    pub fn sign_query(&self, query: &str) -> Result<String, ErrorStack> {
        Ok(STANDARD.encode(self.value(query.as_bytes(), Algorithm::RsaSha1)?))
    }

    /// A signature that is right in itself, over something else: the bytes that `url` serves.
    pub fn sign_external(&self, url: &str, content: &[u8]) -> Result<String, ErrorStack> {
        let reference = reference(url, "", content, Algorithm::RsaSha256)?;
        self.close(&reference, Algorithm::RsaSha256, KeyInfo::Name)
    }

    /// One over the whole document in which it will stand, whose canonical text without it is `document`.
    pub fn sign_whole(&self, document: &str) -> Result<String, ErrorStack> {
        let transforms = ENVELOPED.to_owned() + &canonical("");
        let reference = reference("", &transforms, document.as_bytes(), Algorithm::RsaSha256)?;
        self.close(&reference, Algorithm::RsaSha256, KeyInfo::Name)
    }

    fn close(&self, references: &str, algorithm: Algorithm, key_info: KeyInfo) -> Result<String, ErrorStack> {
        let method = match algorithm {
            Algorithm::RsaSha256 | Algorithm::Sha1Digest => {
                "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
            }
            Algorithm::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Algorithm::RsaMd5 => "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
            Algorithm::HmacWithPublicKey => "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        };
        let inner = format!(
            concat!(
                r#"<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">"#,
                r#"</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{}"></ds:SignatureMethod>"#,
                "{}</ds:SignedInfo>",
            ),
            method, references
        );
        // Canonicalized on its own, SignedInfo carries the declaration that it inherits where it stands.
        let canonical = format!(r#"<ds:SignedInfo xmlns:ds="{DS}">{inner}"#);
        let value = self.value(canonical.as_bytes(), algorithm)?;
        let key = match key_info {
            KeyInfo::Name => format!("<ds:KeyName>{}</ds:KeyName>", self.name),
            KeyInfo::Certificate => format!(
                "<ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>",
                self.certificate_base64()?
            ),
        };
        Ok(format!(
            concat!(
                "<ds:Signature><ds:SignedInfo>{}<ds:SignatureValue>{}</ds:SignatureValue>",
                "<ds:KeyInfo>{}</ds:KeyInfo></ds:Signature>",
            ),
            inner,
            STANDARD.encode(value),
            key
        ))
    }

    fn value(&self, bytes: &[u8], algorithm: Algorithm) -> Result<Vec<u8>, ErrorStack> {
        let secret;
        let mut signer = match algorithm {
            Algorithm::RsaSha256 | Algorithm::Sha1Digest => Signer::new(MessageDigest::sha256(), &self.key)?,
            Algorithm::RsaMd5 => Signer::new(MessageDigest::md5(), &self.key)?,
            Algorithm::RsaSha1 => Signer::new(MessageDigest::sha1(), &self.key)?,
            Algorithm::HmacWithPublicKey => {
                secret = PKey::hmac(&self.certificate.public_key()?.public_key_to_der()?)?;
                Signer::new(MessageDigest::sha256(), &secret)?
            }
        };
        signer.update(bytes)?;
        signer.sign_to_vec()
    }
}
