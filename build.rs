//! Writes the declarations of the few libxml2 and libxmlsec functions that `src/saml/libxmlsec.rs` calls, from the
//! headers of the version installed here: by hand, the layout of their structures would be a guess.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by the environment where to write"
)]

use std::{env, error::Error, path::Path, process::Command};

use bindgen::callbacks::{ItemInfo, ParseCallbacks};

const FUNCTIONS: [&str; 15] = [
    "xmlAddID",
    "xmlDocGetRootElement",
    "xmlFreeDoc",
    "xmlHasNsProp",
    "xmlReadMemory",
    "xmlRemoveID",
    "xmlSec(Crypto|OpenSSL)AppKeyLoadMemory",
    "xmlSecBufferGet(Data|Size)",
    "xmlSecDSigCtx(Create|Destroy|Verify)",
    "xmlSecDSigCtxEnable(Reference|Signature)Transform",
    "xmlSecDSigReferenceCtxGetPreDigestBuffer",
    "xmlSecErrorsDefaultCallbackEnableOutput|xmlSecIOCleanupCallbacks",
    "xmlSecKeyDestroy",
    "xmlSecPtrListGet(Item|Size)",
    "xmlSecTransformId(sGet|ListFindByHref)",
];
const CONSTANTS: [&str; 2] = [
    "XMLSEC_DSIG_FLAGS_(IGNORE_MANIFESTS|STORE_SIGNEDINFO_REFERENCES)",
    "xmlSecTransformU(sage.*|riTypeSameDocument)",
];

/// libxmlsec built for one crypto library names this function after it; built for several, after none.
#[derive(Debug)]
struct OneName;

impl ParseCallbacks for OneName {
    fn item_name(&self, item: ItemInfo) -> Option<String> {
        (item.name == "xmlSecOpenSSLAppKeyLoadMemory").then(|| "xmlSecCryptoAppKeyLoadMemory".to_owned())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let flags = Command::new("xmlsec1-config").arg("--cflags").output();
    let flags = flags.map_err(|e| format!("xmlsec1-config: {e}: is libxmlsec1-dev installed?"))?;
    let flags = String::from_utf8(flags.stdout)?;
    let headers =
        ["libxml/parser.h", "xmlsec/crypto.h", "xmlsec/errors.h", "xmlsec/io.h", "xmlsec/xmldsig.h"];
    let headers: String = headers.iter().map(|header| format!("#include <{header}>\n")).collect();
    let mut builder = bindgen::builder()
        .header_contents("libxmlsec.h", &headers)
        .clang_args(flags.split_whitespace())
        .parse_callbacks(Box::new(OneName))
        .allowlist_type("xmlParserOption|xmlSec(DSigCtx|DSigReferenceCtx|Key)")
        .generate_comments(false);
    for name in FUNCTIONS {
        builder = builder.allowlist_function(name);
    }
    for name in CONSTANTS {
        builder = builder.allowlist_var(name);
    }
    let out = env::var("OUT_DIR")?;
    builder.generate()?.write_to_file(Path::new(&out).join("libxmlsec.rs"))?;
    Ok(())
}
