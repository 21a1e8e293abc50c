//! Signature wrapping (Somorovsky and others, *On Breaking SAML*, 2012): a signed element is moved to where its
//! signature still finds it by ID, while a forged one takes its place.

/// A signed element in its two parts.
#[derive(Debug)]
pub struct Signed {
    /// The element without its signature.
    pub bare: String,
    /// The signature.
    pub signature: String,
}

impl Signed {
    /// The signature, with the element it covers as its last child.
    pub fn inside_signature(&self) -> String {
        self.signature.replacen("</ds:Signature>", &format!("{}</ds:Signature>", self.bare), 1)
    }

    /// The signature, with the element it covers in an Object.
    pub fn inside_object(&self) -> String {
        let object = format!("<ds:Object>{}</ds:Object></ds:Signature>", self.bare);
        self.signature.replacen("</ds:Signature>", &object, 1)
    }

    /// The element, then its signature.
    pub fn bare_first(&self) -> String {
        format!("{}{}", self.bare, self.signature)
    }
}
