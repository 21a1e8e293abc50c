//! Hostile answers from the back channel: nobody but whom DigiD signed for is logged in, and nothing panics.
#![no_main]

use std::{fs, path::Path, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use namens::{
    saml::door::{Reader, Side, identity, told},
    simulator::pki::Pki,
};

/// The one answer of the corpus that logs somebody in.
const GOOD: &[u8] = include_bytes!("../corpus/digid-good.xml");

/// The reader, and what it says of the good answer.
fn reader() -> &'static (Reader, String) {
    static READER: OnceLock<(Reader, String)> = OnceLock::new();
    READER.get_or_init(|| {
        // A key of our own, to decrypt with: what the corpus holds is for another, which nobody has.
        let folder = std::env::temp_dir().join(format!("namens-fuzz-{}", std::process::id()));
        let pki = Pki::create(&folder).expect("keys");
        let read = |path: &Path| fs::read_to_string(path).expect("a key");
        let (key, certificate) = (read(&pki.sp_saml.key), read(&pki.sp_saml.certificate));
        fs::remove_dir_all(folder).expect("the keys are gone");
        let reader = Reader::new(include_str!("../digid.crt"), key, certificate).expect("a reader");
        let right = told(&reader.read(Side::Digid, GOOD).expect("a login"));
        (reader, right)
    })
}

fuzz_target!(|body: &[u8]| {
    let (reader, right) = reader();
    for side in [Side::Digid, Side::Routing] {
        if let Ok(login) = reader.read(side, body) {
            assert_eq!(told(&login), *right);
        }
        let _ = reader.read_unsigned(side, body);
    }
    let _ = identity(body);
});
