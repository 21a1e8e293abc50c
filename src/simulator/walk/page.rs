//! What is on a page: read once, with the parser of a browser engine, into plain values.

use std::collections::HashMap;

use scraper::{ElementRef, Html, Selector};

/// A page as a person meets it.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Its first heading, or its title.
    pub heading: String,
    forms: Vec<Form>,
    texts: HashMap<String, String>,
    links: HashMap<String, String>,
}

/// A form as its page has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// Whether it is posted.
    pub is_post: bool,
    /// The fields with what stands in them.
    pub fields: Vec<(String, String)>,
    buttons: Vec<Button>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Button {
    id: String,
    name: Option<String>,
    value: String,
}

impl Page {
    /// Reads a page. What is no HTML is a page without anything on it.
    pub fn read(html: &str) -> Self {
        let page = Html::parse_document(html);
        let first = |name: &str| all(&page, name).into_iter().map(text).find(|text| !text.is_empty());
        let id = |element: ElementRef<'_>| element.attr("id").map(str::to_owned);
        Self {
            heading: first("h1").or_else(|| first("title")).unwrap_or_default(),
            forms: all(&page, "form").into_iter().map(read_form).collect(),
            texts: all(&page, "[id]").into_iter().filter_map(|e| Some((id(e)?, text(e)))).collect(),
            links: all(&page, "a[id][href]")
                .into_iter()
                .filter_map(|link| Some((id(link)?, link.attr("href")?.to_owned())))
                .collect(),
        }
    }

    /// The text of the element with that id.
    pub fn text(&self, id: &str) -> Option<&str> {
        self.texts.get(id).map(String::as_str)
    }

    /// Whether there is an element with that id.
    pub fn has(&self, id: &str) -> bool {
        self.texts.contains_key(id)
    }

    /// Where the link with that id leads.
    pub fn link(&self, id: &str) -> Option<&str> {
        self.links.get(id).map(String::as_str)
    }

    /// What the page complains about, or says first.
    pub fn complaint(&self) -> &str {
        ["error", "problem", "notice"].into_iter().find_map(|id| self.text(id)).unwrap_or(&self.heading)
    }

    /// The form of the button with that id, filled in with `typed` and submitted by that button. The error names what
    /// the page lacks: nobody can type into a field that is not there.
    pub fn filled(&self, button: &str, typed: &[(&str, &str)]) -> Result<Form, String> {
        let of_button = |form: &&Form| form.buttons.iter().any(|b| b.id == button);
        let mut form = self.forms.iter().find(of_button).cloned().ok_or(format!("the button {button}"))?;
        for (name, value) in typed {
            let field = form.fields.iter_mut().find(|(field, _)| field == name);
            (*value).clone_into(&mut field.ok_or(format!("the field {name}"))?.1);
        }
        if let Some(Button { name: Some(name), value, .. }) = form.buttons.iter().find(|b| b.id == button) {
            form.fields.push((name.clone(), value.clone()));
        }
        Ok(form)
    }
}

fn read_form(form: ElementRef<'_>) -> Form {
    let owned = |element: ElementRef<'_>, name: &str| element.attr(name).map(str::to_owned);
    let fields = within(form, "input[name], select[name]").into_iter().filter_map(|field| {
        let first = || within(field, "option").into_iter().find_map(|option| owned(option, "value"));
        Some((owned(field, "name")?, owned(field, "value").or_else(first).unwrap_or_default()))
    });
    let buttons = within(form, "button[id]").into_iter().filter_map(|button| {
        Some(Button {
            id: owned(button, "id")?,
            name: owned(button, "name"),
            value: owned(button, "value").unwrap_or_default(),
        })
    });
    Form {
        action: owned(form, "action").unwrap_or_default(),
        is_post: form.attr("method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
        fields: fields.collect(),
        buttons: buttons.collect(),
    }
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    Selector::parse(selector).map(|selector| page.select(&selector).collect()).unwrap_or_default()
}

fn within<'a>(element: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    Selector::parse(selector).map(|selector| element.select(&selector).collect()).unwrap_or_default()
}

/// The text of an element as a person reads it: each run of white space is one space.
fn text(element: ElementRef<'_>) -> String {
    element.text().flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<title>T</title><h1> Vul de
        <b>code</b> in</h1><p id="error">Deze code &amp; klopt niet</p><a id="more" href="/x?a=1&amp;b=2">Meer</a>
        <form id="f" method="post" action="/login/1/code"><input type="hidden" name="csrf" value="a&quot;b">
        <input name="code"><select name="level"><option value="">-</option><option value="Basis">B</option></select>
        <button id="submit">Verder</button><button id="stop" name="answer" value="stop">Stop</button></form>
        <form action="/other"><button id="other"></button></form>"#;

    #[test]
    fn reads_what_a_person_meets() {
        let page = Page::read(PAGE);
        assert_eq!((page.heading.as_str(), page.complaint()), ("Vul de code in", "Deze code & klopt niet"));
        assert_eq!(page.link("more"), Some("/x?a=1&b=2"));
        assert!(page.has("f") && !page.has("g"));
    }

    #[test]
    fn fills_in_only_what_is_there_and_sends_the_button_pressed() {
        let page = Page::read(PAGE);
        let form = page.filled("stop", &[("code", "123 456"), ("level", "Basis")]).unwrap();
        let sent: Vec<_> = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(sent, [("csrf", "a\"b"), ("code", "123 456"), ("level", "Basis"), ("answer", "stop")]);
        assert_eq!((form.action.as_str(), form.is_post), ("/login/1/code", true));
        assert_eq!(page.filled("submit", &[]).unwrap().fields.len(), 3, "another button's value is not sent");
        assert!(!page.filled("other", &[]).unwrap().is_post);
        assert_eq!(page.filled("submit", &[("password", "x")]), Err("the field password".into()));
        assert_eq!(page.filled("gone", &[]), Err("the button gone".into()));
    }
}
