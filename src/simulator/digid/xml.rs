//! Reading a small XML document into a tree, strictly; and escaping what is written.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// Deeper than any SAML message of DigiD.
const MAX_DEPTH: usize = 32;
/// More elements than any SAML message or metadata of one service provider.
const MAX_ELEMENTS: usize = 2_000;

/// An element with its namespace resolved.
#[derive(Debug, Default)]
pub struct Element {
    /// The namespace's URI, empty when there is none.
    pub namespace: String,
    /// The local name.
    pub name: String,
    /// Attributes by the name they were written with.
    attributes: Vec<(String, String)>,
    /// Child elements in order.
    pub children: Vec<Element>,
    /// All text directly in this element, joined.
    text: String,
}

impl Element {
    /// True when this element has this namespace and local name.
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// An attribute without a namespace prefix.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The text, trimmed.
    pub fn text(&self) -> &str {
        self.text.trim()
    }

    /// All children of this name.
    pub fn all<'a>(&'a self, namespace: &'a str, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |c| c.is(namespace, name))
    }

    /// The only child of this name; `None` when there are none or several.
    pub fn only(&self, namespace: &str, name: &str) -> Option<&Self> {
        let mut found = self.children.iter().filter(|c| c.is(namespace, name));
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }

    /// This element and all below it, depth first.
    pub fn walk(&self) -> Vec<&Self> {
        let mut all = vec![self];
        for child in &self.children {
            all.extend(child.walk());
        }
        all
    }
}

/// Reads one document: one root, no DOCTYPE, no processing instruction, only the five predefined entities.
/// The error says what is wrong, in words for a log.
pub fn read(text: &str) -> Result<Element, String> {
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Element> = vec![];
    let mut root = None;
    let mut count = 0;
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(|e| format!("not well-formed: {e}"))?;
        match event {
            Event::Start(start) => {
                count += 1;
                if open.len() >= MAX_DEPTH || count > MAX_ELEMENTS {
                    return Err("too deep or too many elements".into());
                }
                open.push(element(&namespace, &start)?);
            }
            Event::Empty(start) => {
                count += 1;
                let empty = element(&namespace, &start)?;
                close(empty, &mut open, &mut root)?;
            }
            Event::End(_) => {
                let done = open.pop().ok_or("an end without a start")?;
                close(done, &mut open, &mut root)?;
            }
            Event::Text(t) => add_text(&t.xml10_content().map_err(|e| e.to_string())?, &mut open)?,
            Event::CData(t) => add_text(&t.xml10_content().map_err(|e| e.to_string())?, &mut open)?,
            Event::GeneralRef(name) => {
                let known = match name.resolve_char_ref().map_err(|e| e.to_string())? {
                    Some(c) => c.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(
                        &name.decode().map_err(|e| e.to_string())?,
                    )
                    .ok_or("an entity of its own")?
                    .to_owned(),
                };
                add_text(&known, &mut open)?;
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::PI(_) => return Err("a processing instruction".into()),
            Event::DocType(_) => return Err("a DOCTYPE".into()),
            Event::Eof => break,
        }
    }
    if open.is_empty() { root.ok_or_else(|| "empty".into()) } else { Err("an element is not closed".into()) }
}

fn element(namespace: &ResolveResult<'_>, start: &BytesStart<'_>) -> Result<Element, String> {
    let namespace = match namespace {
        ResolveResult::Bound(ns) => String::from_utf8_lossy(ns.as_ref()).into_owned(),
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(_) => return Err("a prefix without a namespace".into()),
    };
    let mut attributes = vec![];
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| format!("an attribute: {e}"))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|e| e.to_string())?;
        attributes.push((String::from_utf8_lossy(attribute.key.as_ref()).into_owned(), value.into_owned()));
    }
    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
    Ok(Element { namespace, name, attributes, ..Element::default() })
}

fn close(done: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), String> {
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None if root.is_none() => *root = Some(done),
        None => return Err("more than one root".into()),
    }
    Ok(())
}

fn add_text(text: &str, open: &mut [Element]) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("text outside the root".into()),
    }
    Ok(())
}

/// Text as canonical XML writes it, in an element or in an attribute (Canonical XML 1.0, section 2.3).
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\r', "&#xD;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_values_and_entities() {
        let root =
            read("<a:x xmlns:a='urn:a' k='1&amp;2'>\n <a:y>p&#65;&lt;<!-- c --><![CDATA[&]]></a:y></a:x>")
                .unwrap();
        assert!(root.is("urn:a", "x"));
        assert_eq!(root.attribute("k"), Some("1&2"));
        assert_eq!(root.only("urn:a", "y").unwrap().text(), "pA<&");
    }

    #[test]
    fn refuses_what_saml_never_needs() {
        for bad in ["", "<a>", "<a/><b/>", "<a/>x", "<!DOCTYPE a><a/>", "<?x y?><a/>", "<a>&b;</a>", "<b:a/>"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&("<a>".repeat(40) + &"</a>".repeat(40))).is_err());
    }
}
