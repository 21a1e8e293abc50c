//! The reader that every target reads with.

use std::{fs, path::Path};

use namens::{saml::door::Reader, simulator::pki::Pki};

/// It trusts whoever signed the corpus.
pub fn reader() -> Reader {
    // A key of our own, to decrypt with: what the corpus holds is for another, which nobody has.
    let folder = std::env::temp_dir().join(format!("namens-fuzz-{}", std::process::id()));
    let pki = Pki::create(&folder).expect("keys");
    let read = |path: &Path| fs::read_to_string(path).expect("a key");
    let (key, certificate) = (read(&pki.sp_saml.key), read(&pki.sp_saml.certificate));
    fs::remove_dir_all(folder).expect("the keys are gone");
    Reader::new(include_str!("../digid.crt"), key, certificate).expect("a reader")
}
