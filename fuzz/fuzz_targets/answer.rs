//! Hostile answers from the back channel: nobody but whom DigiD signed for is logged in, and nothing panics.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use namens::saml::door::{Reader, Side, identity, told};

mod reader;

/// The one answer of the corpus that logs somebody in.
const GOOD: &[u8] = include_bytes!("../corpus/answer/digid-good.xml");

/// The reader, and what it says of the good answer.
fn reader() -> &'static (Reader, String) {
    static READER: OnceLock<(Reader, String)> = OnceLock::new();
    READER.get_or_init(|| {
        let reader = reader::reader();
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
