//! One signature, by the node: the few calls into libxml2 and libxmlsec that `samael` does not offer.
//!
//! `samael` verifies every signature of a document or none, which is too much for the routing service, whose Assertion
//! carries another party's signed Assertion along. Here exactly the signature of the element that is consumed is
//! verified, with our keys only, and what comes back are the bytes that were digested: nothing else can be read.
//! See `docs/adr/0012-one-signature-by-its-node.md`.
//!
//! This file is the only one that may be unsafe. Each raw pointer has one owner here ([`Document`], [`Key`],
//! [`Context`], [`Registered`]) that frees it; none leaves the file.
#![expect(
    unsafe_code,
    reason = "calls into libxml2 and libxmlsec that samael does not expose; no other file may"
)]

use std::ffi::{CStr, CString, c_int, c_uint};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Once;

use samael::crypto::{Crypto, CryptoProvider};

use super::signer::{ENVELOPED, EXC_C14N};
use super::strict::{DIGESTS, SIGNATURES, is_name};
use super::xml::DS;

/// What `build.rs` reads from the headers of the installed libraries.
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::indexing_slicing,
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    reason = "written by a tool, in the libraries' own names, with all the fields and constants of what is used"
)]
mod sys {
    include!(concat!(env!("OUT_DIR"), "/libxmlsec.rs"));
}

static HARDENED: Once = Once::new();

/// Makes libxmlsec unable to open anything, and silent. A `Reference URI="file:…"` or `"http://…"` would be fetched
/// before any signature is checked: the strict reader refuses such documents first, this is the second wall. Only the
/// first call acts; it must come before any other use of `samael`, so
/// [`ServiceProvider::new`](super::ServiceProvider::new) begins with it.
pub(super) fn harden() {
    HARDENED.call_once(|| {
        let silence = || {
            // SAFETY: takes no pointer and sets one flag, which nobody else does: `HARDENED` lets one thread in.
            unsafe { sys::xmlSecErrorsDefaultCallbackEnableOutput(0) }
        };
        silence();
        // samael initialises the library, which registers the callbacks, on its first use: here, in vain.
        let _refused = Crypto::sign_xml("<x/>", b"no key");
        // Initialisation sets the error output again.
        silence();
        // SAFETY: takes no pointer; empties the list of callbacks, which is initialised and which no other thread reads
        // yet, since every use of the library begins here.
        unsafe { sys::xmlSecIOCleanupCallbacks() }
    });
}

/// A document as libxml2 reads it: well-formed or not at all, without network and without what it might refer to. To
/// be read by [`super::xml`] first. Stays on its thread, as everything of libxml2 must.
pub(super) struct Document {
    tree: NonNull<sys::xmlDoc>,
}

impl Document {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        harden();
        let length = c_int::try_from(bytes.len()).ok()?;
        let options = sys::xmlParserOption_XML_PARSE_NONET
            | sys::xmlParserOption_XML_PARSE_NOERROR
            | sys::xmlParserOption_XML_PARSE_NOWARNING;
        let options = c_int::try_from(options).ok()?;
        // SAFETY: `bytes` holds `length` bytes, which libxml2 reads and copies during the call. Address and encoding
        // may be null. The result is null or a tree that is ours alone.
        let tree =
            unsafe { sys::xmlReadMemory(bytes.as_ptr().cast(), length, ptr::null(), ptr::null(), options) };
        NonNull::new(tree).map(|tree| Self { tree })
    }

    /// The canonical form of the one element with this `ID`, as it was digested: without its signature, which stands
    /// directly in it, covers it and nothing else, and was made with the key of one of these certificates (DER). What
    /// the signature says of its own key is not read. `None` when any of this does not hold.
    pub(super) fn signed<'a>(
        &self,
        id: &str,
        certificates: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<Vec<u8>> {
        let (element, attribute) = self.only_element(id)?;
        let signature = element.only_signature()?;
        let _registered = self.register(id, attribute)?;
        // A key of another kind, or one that cannot be read, leaves the next its turn.
        certificates.into_iter().find_map(|der| Context::new(Key::of(der)?)?.digested(signature, id))
    }

    /// The element with this `ID`, and that attribute; `None` unless there is exactly one.
    fn only_element(&self, id: &str) -> Option<(Node<'_>, NonNull<sys::xmlAttr>)> {
        // SAFETY: the tree lives as long as `self`, and so does its root, if there is one.
        let root: Node<'_> = unsafe { Node::of(sys::xmlDocGetRootElement(self.tree.as_ptr())) }?;
        let mut found = root.within().filter_map(|node| Some((node, node.identified(id)?)));
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }

    /// Makes this attribute the document's only identifier, so that a reference can lead nowhere else.
    fn register(&self, id: &str, attribute: NonNull<sys::xmlAttr>) -> Option<Registered<'_>> {
        if !is_name(id) {
            return None;
        }
        let name = CString::new(id).ok()?;
        // SAFETY: tree and attribute live as long as `self`, and the attribute is of that tree. The name is copied.
        let added = unsafe {
            sys::xmlAddID(ptr::null_mut(), self.tree.as_ptr(), name.as_ptr().cast(), attribute.as_ptr())
        };
        (!added.is_null()).then_some(Registered { document: self, attribute })
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        // SAFETY: ours alone, freed once; every `Node` and `Registered` borrows from `self` and is gone.
        unsafe { sys::xmlFreeDoc(self.tree.as_ptr()) }
    }
}

/// An identifier that is registered in the document for as long as this lives.
struct Registered<'d> {
    document: &'d Document,
    attribute: NonNull<sys::xmlAttr>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        // SAFETY: document and attribute live, and the attribute was registered in this document.
        let _gone = unsafe { sys::xmlRemoveID(self.document.tree.as_ptr(), self.attribute.as_ptr()) };
    }
}

/// An element of a living document.
#[derive(Clone, Copy)]
struct Node<'d> {
    node: NonNull<sys::xmlNode>,
    document: PhantomData<&'d Document>,
}

impl<'d> Node<'d> {
    /// `None` for null, and for what is no element: text, for one.
    ///
    /// # Safety
    ///
    /// `node` is null or points into the tree of a document that lives for `'d`.
    unsafe fn of(node: *mut sys::xmlNode) -> Option<Self> {
        let node = Self { node: NonNull::new(node)?, document: PhantomData };
        (node.raw().type_ == sys::xmlElementType_XML_ELEMENT_NODE).then_some(node)
    }

    fn raw(self) -> &'d sys::xmlNode {
        // SAFETY: what `of` was promised. Nothing in this file changes a node.
        unsafe { self.node.as_ref() }
    }

    fn children(self) -> impl Iterator<Item = Self> {
        // SAFETY: the pointers of a living tree are null or point into it.
        let next = |node: &*mut sys::xmlNode| unsafe { node.as_ref() }.map(|node| node.next);
        // SAFETY: as above.
        std::iter::successors(Some(self.raw().children), next).filter_map(|node| unsafe { Self::of(node) })
    }

    /// This element and all below it. Never deeper than the strict reader lets a document be.
    fn within(self) -> Box<dyn Iterator<Item = Self> + 'd> {
        Box::new(std::iter::once(self).chain(self.children().flat_map(Self::within)))
    }

    fn is(self, namespace: &str, name: &str) -> bool {
        let raw = self.raw();
        // SAFETY: the name, the namespace (or null) and its address are of a living tree.
        unsafe { same(raw.name, name) && raw.ns.as_ref().is_some_and(|ns| same(ns.href, namespace)) }
    }

    /// The attribute `ID`, in no namespace, if this is its value.
    fn identified(self, id: &str) -> Option<NonNull<sys::xmlAttr>> {
        // SAFETY: the node lives, the name ends with a zero, and a null namespace stands for none.
        let found = unsafe { sys::xmlHasNsProp(self.node.as_ptr(), c"ID".as_ptr().cast(), ptr::null()) };
        let attribute = NonNull::new(found)?;
        // SAFETY: an attribute of a living tree; its value is null or one text, or several, which is refused.
        let same = unsafe {
            let value = attribute.as_ref().children.as_ref()?;
            value.next.is_null() && same(value.content, id)
        };
        same.then_some(attribute)
    }

    fn only_signature(self) -> Option<Self> {
        let mut signatures = self.children().filter(|child| child.is(DS, "Signature"));
        match (signatures.next(), signatures.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }
}

/// Compares a text of libxml2.
///
/// # Safety
///
/// `text` is null or points to a text that ends with a zero.
unsafe fn same(text: *const sys::xmlChar, expected: &str) -> bool {
    // SAFETY: not null, so it is what the caller promised.
    !text.is_null() && unsafe { CStr::from_ptr(text.cast()) }.to_bytes() == expected.as_bytes()
}

/// A public key.
struct Key(NonNull<sys::xmlSecKey>);

impl Key {
    /// The key of a certificate in DER; `None` when it cannot be read.
    fn of(certificate: &[u8]) -> Option<Self> {
        let length = c_uint::try_from(certificate.len()).ok()?;
        // SAFETY: `certificate` holds `length` bytes, read and copied during the call; there is no pass phrase, so the
        // other pointers may be null. The result is null or ours alone.
        let key = unsafe {
            sys::xmlSecCryptoAppKeyLoadMemory(
                certificate.as_ptr(),
                length,
                sys::xmlSecKeyDataFormat_xmlSecKeyDataFormatCertDer,
                ptr::null(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        NonNull::new(key).map(Self)
    }

    /// Hands the key over to whoever frees it from now on.
    fn into_raw(self) -> *mut sys::xmlSecKey {
        ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: ours alone, freed once: what `into_raw` gives away is not dropped.
        unsafe { sys::xmlSecKeyDestroy(self.0.as_ptr()) }
    }
}

/// One verification with one key.
struct Context(NonNull<sys::xmlSecDSigCtx>);

impl Context {
    /// With this key and no other, references into the same document only, and the algorithms of the strict reader:
    /// what it should ever let through, libxmlsec refuses.
    fn new(key: Key) -> Option<Self> {
        // SAFETY: null stands for no store of keys. The result is null or ours alone.
        let context = Self(NonNull::new(unsafe { sys::xmlSecDSigCtxCreate(ptr::null_mut()) })?);
        // SAFETY: valid and ours alone; a new context has no key yet, and frees the one it is given.
        unsafe {
            let fields = context.0.as_ptr();
            (*fields).flags |= sys::XMLSEC_DSIG_FLAGS_STORE_SIGNEDINFO_REFERENCES;
            (*fields).flags |= sys::XMLSEC_DSIG_FLAGS_IGNORE_MANIFESTS;
            (*fields).enabledReferenceUris = sys::xmlSecTransformUriTypeSameDocument;
            (*fields).signKey = key.into_raw();
        }
        for (algorithms, usage) in [
            (&[ENVELOPED, EXC_C14N][..], sys::xmlSecTransformUsageDSigTransform),
            (&DIGESTS[..], sys::xmlSecTransformUsageDigestMethod),
        ] {
            context.enable(algorithms, usage, sys::xmlSecDSigCtxEnableReferenceTransform)?;
        }
        for (algorithms, usage) in [
            (&[EXC_C14N][..], sys::xmlSecTransformUsageC14NMethod),
            (&SIGNATURES[..], sys::xmlSecTransformUsageSignatureMethod),
        ] {
            context.enable(algorithms, usage, sys::xmlSecDSigCtxEnableSignatureTransform)?;
        }
        Some(context)
    }

    fn enable(&self, algorithms: &[&str], usage: c_uint, enable: Enable) -> Option<()> {
        for algorithm in algorithms {
            let address = CString::new(*algorithm).ok()?;
            // SAFETY: the list is the library's own, filled once by its initialisation and only read since. The
            // address ends with a zero. What is found is null or lives as long as the library. `enable` is one of two
            // functions that take a valid context.
            let enabled = unsafe {
                let all = sys::xmlSecTransformIdsGet();
                let found = sys::xmlSecTransformIdListFindByHref(all, address.as_ptr().cast(), usage);
                !found.is_null() && enable(self.0.as_ptr(), found) >= 0
            };
            if !enabled {
                return None;
            }
        }
        Some(())
    }

    /// What the signature with its one reference, `#id`, was made over, if it was made with our key.
    fn digested(self, signature: Node<'_>, id: &str) -> Option<Vec<u8>> {
        // SAFETY: the context is valid and was not used before; the node is of a living document, which is read only.
        let done = unsafe { sys::xmlSecDSigCtxVerify(self.0.as_ptr(), signature.node.as_ptr()) };
        // SAFETY: valid, and nobody writes to it any more.
        let verified = unsafe { self.0.as_ref() };
        if done < 0 || verified.status != sys::xmlSecDSigStatus_xmlSecDSigStatusSucceeded {
            return None;
        }
        let references = (&raw const verified.signedInfoReferences).cast_mut();
        // SAFETY: the list and what it holds (references, as the flag in `new` has it) live as long as the context, and
        // the two functions only read it.
        let reference = unsafe {
            match sys::xmlSecPtrListGetSize(references) {
                1 => sys::xmlSecPtrListGetItem(references, 0).cast::<sys::xmlSecDSigReferenceCtx>(),
                _ => return None,
            }
        };
        // SAFETY: null or a reference of the living context, its address null or ended by a zero. The buffer and its
        // bytes are the reference's, and they are copied here.
        unsafe {
            let facts = reference.as_ref()?;
            let good = facts.status == sys::xmlSecDSigStatus_xmlSecDSigStatusSucceeded;
            let buffer = sys::xmlSecDSigReferenceCtxGetPreDigestBuffer(reference);
            if !good || !same(facts.uri, &format!("#{id}")) || buffer.is_null() {
                return None;
            }
            let (bytes, size) = (sys::xmlSecBufferGetData(buffer), sys::xmlSecBufferGetSize(buffer));
            let size = usize::try_from(size).ok()?;
            (!bytes.is_null()).then(|| std::slice::from_raw_parts(bytes, size).to_vec())
        }
    }
}

/// Either of libxmlsec's two lists of what is allowed.
type Enable = unsafe extern "C" fn(sys::xmlSecDSigCtxPtr, sys::xmlSecTransformId) -> c_int;

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: ours alone, freed once, with the key it was given.
        unsafe { sys::xmlSecDSigCtxDestroy(self.0.as_ptr()) }
    }
}
