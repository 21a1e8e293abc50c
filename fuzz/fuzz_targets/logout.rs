//! What strangers may send to the door by which DigiD logs people out, over SOAP and by a browser's way back: nobody is
//! logged out but by what DigiD signed, and nothing panics.
#![no_main]

use std::{io::Write as _, sync::OnceLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::DeflateEncoder};
use libfuzzer_sys::fuzz_target;
use namens::saml::door::{Reader, named, says_whole};

mod reader;

/// The one request of the corpus that logs somebody out.
const GOOD: &[u8] = include_bytes!("../corpus/logout/request-good.xml");

/// The reader, and what it says of the good request.
fn reader() -> &'static (Reader, String) {
    static READER: OnceLock<(Reader, String)> = OnceLock::new();
    READER.get_or_init(|| {
        let reader = reader::reader();
        let right = named(&reader.read_logout(GOOD).expect("a request"));
        (reader, right)
    })
}

fuzz_target!(|body: &[u8]| {
    let (reader, right) = reader();
    if let Ok(request) = reader.read_logout(body) {
        assert_eq!(named(&request), *right);
    }
    let _ = reader.read_logout_unsigned(body);
    // By the browser: as it comes, and as the document that the parameter packs.
    says_whole(&String::from_utf8_lossy(body));
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(body).expect("memory");
    says_whole(&STANDARD.encode(deflate.finish().expect("memory")));
});
