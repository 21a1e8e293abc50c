//! A browser without a screen: it keeps cookies, reads forms, and takes one hop at a time.

use std::time::Duration;

use reqwest::{
    Method,
    header::{
        ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, ORIGIN,
    },
    redirect::Policy,
};
use serde_json::Value;
use url::Url;

use super::{
    Halt,
    page::Page,
    tell::{After, Tell},
};

/// More redirects in a row than any road here has.
const MAX_HOPS: usize = 12;
/// Longer than any page, even one that waits for DigiD's back channel.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser of one person.
pub struct Browser {
    http: reqwest::Client,
    at: Url,
    page: Page,
    /// Where a form of the page may lead, redirects included; anywhere when its policy says nothing of forms.
    form_action: Option<String>,
    /// A parameter of a redirect that is spoilt on its way, as a meddler could do.
    pub tampers_with: Option<&'static str>,
}

/// One request to be made.
struct Request {
    method: Method,
    url: Url,
    /// The fields of a form, and the page it stands on.
    form: Option<(Vec<(String, String)>, Url)>,
}

impl Browser {
    /// A fresh browser, without cookies. `start` is any address: nothing is asked of it.
    pub fn new(start: &Url) -> Result<Self, Halt> {
        let dutch = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static("nl"))]);
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .default_headers(dutch)
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(|error| Halt::Http { what: "a new browser".to_owned(), error })?;
        Ok(Self { http, at: start.clone(), page: Page::default(), form_action: None, tampers_with: None })
    }

    /// The page that is shown.
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// Types an address.
    pub async fn open(&mut self, tell: &mut Tell<'_>, url: Url) -> Result<(), Halt> {
        self.go(tell, Request { method: Method::GET, url, form: None }).await
    }

    /// Follows the link with that id.
    pub async fn click(&mut self, tell: &mut Tell<'_>, link: &str) -> Result<(), Halt> {
        let target = self.page.link(link).and_then(|href| self.at.join(href).ok());
        match target {
            Some(url) => self.open(tell, url).await,
            None => Err(tell.halt(&format!("a page with the link {link}"), &self.says())),
        }
    }

    /// Fills in the form of the button with that id, and presses it.
    pub async fn press(
        &mut self,
        tell: &mut Tell<'_>,
        button: &str,
        typed: &[(&str, &str)],
    ) -> Result<(), Halt> {
        let form = self.page.filled(button, typed);
        let form = form.map_err(|lacks| tell.halt(&format!("a page with {lacks}"), &self.says()))?;
        let url = self.at.join(&form.action);
        let mut url = url.map_err(|_| tell.halt("a form that leads somewhere", &self.says()))?;
        let request = if form.is_post {
            Request { method: Method::POST, url, form: Some((form.fields, self.at.clone())) }
        } else {
            url.query_pairs_mut().clear().extend_pairs(&form.fields);
            Request { method: Method::GET, url, form: None }
        };
        self.go(tell, request).await
    }

    /// Reads JSON from an address with this browser's cookies; `what` is printed in its place. The page stays.
    pub async fn json(&self, tell: &mut Tell<'_>, url: Url, what: &str) -> Result<Value, Halt> {
        let failed = |error| Halt::Http { what: format!("GET {}", url.path()), error };
        let answer = self.http.get(url.clone()).send().await.map_err(failed)?;
        tell.hop("GET", &url, answer.status().as_u16(), &After::Gives(what))?;
        answer.error_for_status().map_err(failed)?.json().await.map_err(failed)
    }

    /// Reads JSON without a word: what the storyteller looks up is no hop.
    pub async fn quiet_json(&self, url: Url) -> Result<Value, Halt> {
        let failed = |error| Halt::Http { what: format!("GET {}", url.path()), error };
        let answer = self.http.get(url.clone()).send().await.map_err(failed)?;
        answer.error_for_status().map_err(failed)?.json().await.map_err(failed)
    }

    /// Stops the walk unless the page has an element with this id.
    pub fn expect(&self, tell: &Tell<'_>, id: &str, what: &str) -> Result<(), Halt> {
        if self.page.has(id) { Ok(()) } else { Err(tell.halt(what, &self.says())) }
    }

    /// What the page says, for the sentence with which a walk stops.
    pub fn says(&self) -> String {
        match self.page.complaint() {
            "" => "the answer is no page".to_owned(),
            text => format!("the page says “{text}”"),
        }
    }

    /// One hop after another, until there is a page.
    async fn go(&mut self, tell: &mut Tell<'_>, mut request: Request) -> Result<(), Halt> {
        let policy = request.form.as_ref().and(self.form_action.clone());
        let from = self.at.clone();
        for _ in 0..MAX_HOPS {
            if policy.as_ref().is_some_and(|policy| !allows(policy, &from, &request.url)) {
                let found = format!(
                    "form-action lets no form lead to {}",
                    request.url.origin().ascii_serialization()
                );
                return Err(tell.halt("a way that a browser would go", &found));
            }
            match self.hop(tell, request).await? {
                Some(url) => request = Request { method: Method::GET, url, form: None },
                None => return Ok(()),
            }
        }
        Err(tell.halt("a page", "it is one redirect after another"))
    }

    async fn hop(&mut self, tell: &mut Tell<'_>, request: Request) -> Result<Option<Url>, Halt> {
        let Request { method, url, form } = request;
        let what = || format!("{method} {}", url.path());
        let mut builder = self.http.request(method.clone(), url.clone());
        if let Some((fields, from)) = form {
            let same = from.origin() == url.origin();
            builder = builder
                .header(ORIGIN, from.origin().ascii_serialization())
                .header("sec-fetch-site", if same { "same-origin" } else { "cross-site" })
                .form(&fields);
        }
        let answer = builder.send().await.map_err(|error| Halt::Http { what: what(), error })?;
        let status = answer.status();
        let location = answer.headers().get(LOCATION).and_then(|to| url.join(to.to_str().ok()?).ok());
        if let Some(to) = location.filter(|_| status.is_redirection()) {
            tell.hop(method.as_str(), &url, status.as_u16(), &After::Leads(&to))?;
            return Ok(Some(self.tampered(to)));
        }
        let is_page =
            answer.headers().get(CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/html"));
        let policy = answer.headers().get(CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
        self.form_action = policy.and_then(form_action);
        let body = answer.text().await.map_err(|error| Halt::Http { what: what(), error })?;
        self.page = if is_page { Page::read(&body) } else { Page::default() };
        tell.hop(method.as_str(), &url, status.as_u16(), &After::Shows(&self.page.heading))?;
        self.at = url;
        Ok(None)
    }

    /// The address as it was, or with one letter changed in the middle of the value that is tampered with.
    fn tampered(&self, mut url: Url) -> Url {
        let Some(victim) = self.tampers_with else { return url };
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if pairs.iter().any(|(name, _)| name == victim) {
            let spoil = |(name, value): (String, String)| {
                let value = if name == victim { with_one_change(&value) } else { value };
                (name, value)
            };
            url.query_pairs_mut().clear().extend_pairs(pairs.into_iter().map(spoil));
        }
        url
    }
}

/// What a policy says of forms (CSP3, section 6.4.1).
fn form_action(policy: &str) -> Option<String> {
    policy.split(';').find_map(|directive| directive.trim().strip_prefix("form-action ")).map(str::to_owned)
}

/// Whether a form of a page at `from` may lead to `to`. Browsers ask this of every redirect after it too.
fn allows(form_action: &str, from: &Url, to: &Url) -> bool {
    form_action.split_whitespace().any(|source| match source {
        "'self'" => from.origin() == to.origin(),
        origin => to.origin().ascii_serialization() == origin,
    })
}

/// Another letter three quarters of the way in: past what names the sender, within what must be secret.
fn with_one_change(value: &str) -> String {
    let place = value.len() * 3 / 4;
    let change = |(i, c)| match c {
        'A' if i == place => 'B',
        _ if i == place => 'A',
        c => c,
    };
    value.chars().enumerate().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obeys_the_policy_of_the_page_as_browsers_do() {
        let url = |text: &str| Url::parse(text).unwrap();
        let policy =
            form_action("default-src 'none'; form-action 'self' http://b.test:1; base-uri 'none'").unwrap();
        let from = url("http://a.test/x");
        assert!(
            allows(&policy, &from, &url("http://a.test/y"))
                && allows(&policy, &from, &url("http://b.test:1/z"))
        );
        assert!(
            !allows(&policy, &from, &url("http://b.test:2/z"))
                && !allows(&policy, &from, &url("https://a.test/"))
        );
        assert_eq!(form_action("default-src 'none'"), None);
    }

    #[test]
    fn tampers_with_the_one_value_and_leaves_the_rest() {
        let url = Url::parse("http://127.0.0.1/acs?SAMLart=AAQAAMFbLinlXaCM&RelayState=x").unwrap();
        let mut browser = Browser::new(&url).unwrap();
        assert_eq!(browser.tampered(url.clone()), url);
        browser.tampers_with = Some("SAMLart");
        let spoilt = browser.tampered(url.clone());
        assert_eq!(spoilt.query(), Some("SAMLart=AAQAAMFbLinlAaCM&RelayState=x"));
        browser.tampers_with = Some("code");
        assert_eq!(browser.tampered(url.clone()), url);
    }
}
