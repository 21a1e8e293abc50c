//! A small, strict XML reader and the escaping of what we write.
//!
//! The signature library parses leniently (it recovers from errors, loads entities, keeps what follows the
//! root), so every document passes here first and anything with two possible readings is refused: no DOCTYPE,
//! processing instruction, comment or CDATA, no entity beyond the five, no relative namespace, no mixed
//! content, one root and nothing after it. DigiD sends none of these. The tree that results is also what the
//! rest of this floor reads.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{NamespaceResolver, ResolveResult};
use quick_xml::reader::NsReader;

/// SAML 2.0 assertions.
pub(super) const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// SAML 2.0 protocol.
pub(super) const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// SAML 2.0 metadata.
pub(super) const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// XML Signature.
pub(super) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
/// SOAP 1.1 envelope.
pub(super) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// The largest document we read, in bytes. A DigiD answer is about 10 kB, its metadata about 20 kB.
pub(super) const MAX_BYTES: usize = 256 * 1024;
const MAX_DEPTH: usize = 32;
const MAX_ELEMENTS: usize = 2_000;
const MAX_ATTRIBUTES: usize = 32;

/// The prefix `xml` is always bound to this; only `xml:lang` has business in our documents.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Why a document was refused: a fixed phrase, never a piece of the document.
pub(super) type Reason = &'static str;

/// An element with its namespace resolved, its attributes, and either child elements or text.
#[cfg_attr(feature = "simulator", derive(Clone))]
pub(super) struct Element {
    namespace: String,
    name: String,
    attributes: Vec<Attribute>,
    children: Vec<Self>,
    text: String,
}

#[cfg_attr(feature = "simulator", derive(Clone))]
struct Attribute {
    namespace: Option<String>,
    name: String,
    value: String,
}

impl Element {
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace == namespace
    }

    /// The local name, whatever the namespace.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The value of an attribute in no namespace, as SAML's all are.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut named = self.attributes.iter().filter(|a| a.namespace.is_none() && a.name == name);
        named.next().map(|a| a.value.as_str())
    }

    /// Every value that any reader might take for this element's identifier, whatever its spelling or
    /// namespace.
    pub(super) fn identifiers(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().filter(|a| a.name.eq_ignore_ascii_case("id")).map(|a| a.value.as_str())
    }

    pub(super) fn children(&self) -> &[Self] {
        &self.children
    }

    /// The text of an element without children, trimmed: DigiD's examples hold newlines around values.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }

    pub(super) fn all(
        &self,
        namespace: &'static str,
        name: &'static str,
    ) -> impl Iterator<Item = &Self> + Clone {
        self.children.iter().filter(move |child| child.is(namespace, name))
    }

    /// The one child of this name; `None` when there is none, and an error when there are several.
    pub(super) fn at_most_one(
        &self,
        namespace: &'static str,
        name: &'static str,
        several: Reason,
    ) -> Result<Option<&Self>, Reason> {
        let mut found = self.all(namespace, name);
        match (found.next(), found.next()) {
            (one, None) => Ok(one),
            _ => Err(several),
        }
    }

    /// The one child of this name; any other number is refused for `reason`.
    pub(super) fn one(
        &self,
        namespace: &'static str,
        name: &'static str,
        reason: Reason,
    ) -> Result<&Self, Reason> {
        self.at_most_one(namespace, name, reason)?.ok_or(reason)
    }

    /// This element and everything below it, in document order. No deeper than `MAX_DEPTH`.
    pub(super) fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        for child in &self.children {
            child.walk(visit);
        }
    }
}

/// Reads a whole document, or says why it is refused.
pub(super) fn parse(bytes: &[u8]) -> Result<Element, Reason> {
    let text = checked_text(bytes)?;
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut budget = MAX_ELEMENTS;
    let mut first = true;
    loop {
        match reader.read_event().map_err(|_| "not well-formed XML")? {
            Event::Start(tag) => {
                begin(&mut budget, open.len(), root.is_some())?;
                open.push(element(&tag, reader.resolver())?);
            }
            Event::Empty(tag) => {
                begin(&mut budget, open.len(), root.is_some())?;
                close(element(&tag, reader.resolver())?, &mut open, &mut root)?;
            }
            Event::End(_) => {
                let done = open.pop().ok_or("not well-formed XML")?;
                close(done, &mut open, &mut root)?;
            }
            Event::Text(text) => {
                let text = text.xml10_content().map_err(|_| "not well-formed XML")?;
                if text.contains("]]>") {
                    return Err("not well-formed XML");
                }
                append(&text, &mut open)?;
            }
            Event::GeneralRef(reference) => {
                let raw = reference.decode().map_err(|_| "not well-formed XML")?;
                let text = quick_xml::escape::unescape(&format!("&{raw};"))
                    .map_err(|_| "unknown entity")?
                    .into_owned();
                append(legal(&text)?, &mut open)?;
            }
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().transpose().map_err(|_| "not well-formed XML")?;
                let utf8 = encoding.is_none_or(|name| name.eq_ignore_ascii_case(b"utf-8"));
                let one_dot_zero = declaration.version().is_ok_and(|version| *version == *b"1.0");
                if !first || !utf8 || !one_dot_zero {
                    return Err("misplaced or foreign XML declaration");
                }
            }
            Event::DocType(_) => return Err("DOCTYPE"),
            Event::PI(_) => return Err("processing instruction"),
            Event::Comment(_) => return Err("comment"),
            Event::CData(_) => return Err("CDATA section"),
            Event::Eof => break,
        }
        first = false;
    }
    if !open.is_empty() {
        return Err("unclosed element");
    }
    root.ok_or("no root element")
}

/// Bounds the size and refuses what is no UTF-8 or no XML 1.0 character (section 2.2), which parsers treat
/// differently.
fn checked_text(bytes: &[u8]) -> Result<&str, Reason> {
    if bytes.len() > MAX_BYTES {
        return Err("document too large");
    }
    legal(std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?)
}

fn legal(text: &str) -> Result<&str, Reason> {
    let illegal = |c: char| match c {
        '\t' | '\n' | '\r' => false,
        c => c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}'),
    };
    if text.contains(illegal) { Err("character that XML forbids") } else { Ok(text) }
}

fn begin(budget: &mut usize, depth: usize, root_closed: bool) -> Result<(), Reason> {
    if root_closed {
        return Err("content after the root element");
    }
    if depth >= MAX_DEPTH {
        return Err("nested too deeply");
    }
    *budget = budget.checked_sub(1).ok_or("too many elements")?;
    Ok(())
}

/// Hands a finished element to its parent, or makes it the root.
fn close(done: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), Reason> {
    if !done.children.is_empty() && !done.text.trim().is_empty() {
        return Err("text between elements");
    }
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None => *root = Some(done),
    }
    Ok(())
}

fn append(text: &str, open: &mut [Element]) -> Result<(), Reason> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("content outside the root element"),
    }
    Ok(())
}

fn element(tag: &BytesStart<'_>, resolver: &NamespaceResolver) -> Result<Element, Reason> {
    let (namespace, local) = resolver.resolve_element(tag.name());
    let namespace = match namespace {
        ResolveResult::Bound(namespace) => utf8(namespace.into_inner())?,
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(_) => return Err("undeclared namespace prefix"),
    };
    plain_name(tag.name().into_inner())?;
    let attributes = attributes(tag, resolver)?;
    Ok(Element {
        namespace,
        name: utf8(local.into_inner())?,
        attributes,
        children: Vec::new(),
        text: String::new(),
    })
}

fn attributes(tag: &BytesStart<'_>, resolver: &NamespaceResolver) -> Result<Vec<Attribute>, Reason> {
    let mut read: Vec<Attribute> = Vec::new();
    for (count, attribute) in tag.attributes().enumerate() {
        let attribute = attribute.map_err(|_| "malformed or repeated attribute")?;
        if count >= MAX_ATTRIBUTES {
            return Err("too many attributes");
        }
        if attribute.value.contains(&b'<') {
            return Err("not well-formed XML");
        }
        plain_name(attribute.key.into_inner())?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| "unknown entity")?;
        let value = legal(&value)?.to_owned();
        if attribute.key.as_namespace_binding().is_some() {
            absolute(&value)?;
            continue;
        }
        let (namespace, local) = resolver.resolve_attribute(attribute.key);
        let namespace = match namespace {
            ResolveResult::Bound(namespace) => Some(utf8(namespace.into_inner())?),
            ResolveResult::Unbound => None,
            ResolveResult::Unknown(_) => return Err("undeclared namespace prefix"),
        };
        let name = utf8(local.into_inner())?;
        if namespace.as_deref() == Some(XML) && name != "lang" {
            return Err("xml: attribute"); // xml:id and xml:base change what a reference means
        }
        // Of two namespaces too: some readers look at the local name alone.
        if read.iter().any(|a| a.name == name) {
            return Err("malformed or repeated attribute");
        }
        read.push(Attribute { namespace, name, value });
    }
    Ok(read)
}

/// A relative namespace name makes canonicalisation fail or yield nothing (CVE-2025-66568).
fn absolute(namespace: &str) -> Result<(), Reason> {
    let known = ["http://", "https://", "urn:"].iter().any(|scheme| namespace.starts_with(scheme));
    let plain = namespace.bytes().all(|b| b.is_ascii_graphic());
    if known && plain { Ok(()) } else { Err("relative namespace name") }
}

/// Names are ASCII with at most one colon; the reader below does not check this itself.
fn plain_name(name: &[u8]) -> Result<(), Reason> {
    let part = |part: &[u8]| {
        let initial = part.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
        initial && part.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    let mut parts = name.splitn(2, |b| *b == b':');
    if parts.all(part) { Ok(()) } else { Err("not well-formed XML") }
}

fn utf8(bytes: &[u8]) -> Result<String, Reason> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "not UTF-8")
}

/// A value made safe for text and for attributes in either kind of quotes.
pub(super) fn escape(value: &str) -> std::borrow::Cow<'_, str> {
    quick_xml::escape::escape(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ambiguity_is_refused_for_its_own_reason() {
        let deep = format!("{}{}", "<a>".repeat(33), "</a>".repeat(33));
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        let large = format!("<a>{}</a>", " ".repeat(MAX_BYTES));
        let many: Vec<_> = (0..=MAX_ATTRIBUTES).map(|n| format!("a{n}='1'")).collect();
        let many = format!("<a {}/>", many.join(" "));
        for (document, reason) in [
            ("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "DOCTYPE"),
            ("<a>&e;</a>", "unknown entity"),
            ("<a b='&e;'/>", "unknown entity"),
            ("<a>1<!-- -->2</a>", "comment"),
            ("<a><![CDATA[1]]></a>", "CDATA section"),
            ("<a><?php ?></a>", "processing instruction"),
            ("<a> <?xml version='1.0'?></a>", "misplaced or foreign XML declaration"),
            ("<?xml version='1.0' encoding='UTF-16'?><a/>", "misplaced or foreign XML declaration"),
            ("<a/><b/>", "content after the root element"),
            ("<a/>b", "content outside the root element"),
            ("<a><b></b>", "unclosed element"),
            ("<a></b>", "not well-formed XML"),
            ("<a>]]></a>", "not well-formed XML"),
            ("<a b='<'/>", "not well-formed XML"),
            ("<a:b:c xmlns:a='urn:a'/>", "not well-formed XML"),
            ("", "no root element"),
            ("<p:a/>", "undeclared namespace prefix"),
            ("<a p:b='1'/>", "undeclared namespace prefix"),
            ("<a xmlns='relative'/>", "relative namespace name"),
            ("<a xmlns=''/>", "relative namespace name"),
            ("<a b='1' b='2'/>", "malformed or repeated attribute"),
            ("<a xmlns:p='urn:x' xmlns:q='urn:x' p:b='1' q:b='2'/>", "malformed or repeated attribute"),
            ("<a xmlns:p='urn:x' b='1' p:b='2'/>", "malformed or repeated attribute"),
            ("<a xmlns:p='urn:x' p:b='1' b='1'/>", "malformed or repeated attribute"),
            ("<a xmlns:p='urn:x' xmlns:q='urn:y' p:b='1' q:b='2'/>", "malformed or repeated attribute"),
            ("<a xml:id='x'/>", "xml: attribute"),
            ("<a xmlns='urn:a b'/>", "relative namespace name"),
            ("<1a/>", "not well-formed XML"),
            ("<-a/>", "not well-formed XML"),
            ("<a b-='1' .c='1'/>", "not well-formed XML"),
            ("<?xml version='1.1'?><a/>", "misplaced or foreign XML declaration"),
            ("<a>\u{fffe}</a>", "character that XML forbids"),
            ("<a>\u{ffff}</a>", "character that XML forbids"),
            ("<a>1<b/></a>", "text between elements"),
            ("<a>\u{1}</a>", "character that XML forbids"),
            ("<a>&#1;</a>", "character that XML forbids"),
            (&deep, "nested too deeply"),
            (&wide, "too many elements"),
            (&large, "document too large"),
            (&many, "too many attributes"),
        ] {
            assert_eq!(parse(document.as_bytes()).err(), Some(reason), "{document:.80}");
        }
        assert_eq!(parse(b"<a>\xff</a>").err(), Some("not UTF-8"));
    }

    #[test]
    fn every_bound_is_the_last_that_is_read() {
        let deep = format!("{}{}", "<a>".repeat(MAX_DEPTH), "</a>".repeat(MAX_DEPTH));
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS - 1));
        let large = format!("<a>{}</a>", " ".repeat(MAX_BYTES - 7));
        let many: Vec<_> = (0..MAX_ATTRIBUTES).map(|n| format!("a{n}='1'")).collect();
        let many = format!("<a {}/>", many.join(" "));
        for document in [&deep, &wide, &large, &many, "\n<_a-.1 _b='1' xml:lang='nl'>\t\r</_a-.1>\n"] {
            assert_eq!(parse(document.as_bytes()).err(), None, "{document:.80}");
        }
    }

    #[test]
    fn values_read_back_as_they_were_escaped() {
        let hostile = "\"><script>&amp;'é";
        let document = format!("<p:a xmlns:p='urn:x' b=\"{0}\">\n {0} </p:a>", escape(hostile));
        let root = parse(document.as_bytes()).unwrap_or_else(|reason| panic!("{reason}"));
        assert!(root.is("urn:x", "a"));
        assert_eq!((root.attribute("b"), root.text()), (Some(hostile), hostile));
    }
}
