//! A browser without a screen: it keeps cookies and takes one hop at a time, so that a test sees each.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use reqwest::{Method, StatusCode, header::LOCATION, redirect::Policy};
use scraper::{ElementRef, Html, Selector};
use url::Url;

/// A browser of one person.
#[derive(Clone)]
pub struct Browser {
    http: reqwest::Client,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where it came from.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body.
    pub body: String,
}

impl Browser {
    /// A fresh one, without cookies.
    pub fn new() -> Self {
        Self::finding(&[])
    }

    /// One that finds these hosts at an address of its own, as DNS would tell it.
    pub fn finding(hosts: &[(&str, SocketAddr)]) -> Self {
        let http = Self::builder();
        let http = hosts.iter().fold(http, |http, (name, at)| http.resolve(name, *at));
        Self { http: http.build().unwrap() }
    }

    /// One that sits at this address of this machine.
    pub fn at(ip: [u8; 4]) -> Self {
        Self { http: Self::builder().local_address(IpAddr::from(ip)).build().unwrap() }
    }

    /// One of which a proxy says that it sits there.
    pub fn behind_proxy(ip: &str) -> Self {
        let headers = [("x-forwarded-for".parse().unwrap(), ip.parse().unwrap())].into_iter().collect();
        Self { http: Self::builder().default_headers(headers).build().unwrap() }
    }

    /// One that trusts this authority (PEM) and no other.
    pub fn trusting(ca: &[u8]) -> Self {
        let ca = reqwest::Certificate::from_pem(ca).unwrap();
        let http = Self::builder().tls_certs_only([ca]);
        Self { http: http.build().unwrap() }
    }

    /// The server closes a connection on which nothing was asked for 75 seconds; none is taken up that is nearly so old.
    fn builder() -> reqwest::ClientBuilder {
        let http = reqwest::Client::builder().cookie_store(true).redirect(Policy::none());
        http.timeout(Duration::from_secs(40)).pool_idle_timeout(Duration::from_secs(30))
    }

    /// One GET, no redirect followed.
    pub async fn get(&self, url: &str) -> Page {
        self.send(self.http.get(url)).await
    }

    /// One POST of a form, as the page's own origin would.
    pub async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        let origin = Url::parse(url).unwrap().origin().ascii_serialization();
        self.send(self.http.post(url).header("origin", origin).form(fields)).await
    }

    /// Any request.
    pub fn request(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Page {
        let answer = request.send().await.unwrap();
        let (url, status, headers) = (answer.url().clone(), answer.status(), answer.headers().clone());
        Page { url, status, headers, body: answer.text().await.unwrap() }
    }

    /// GET, and every redirect after it but one to `stop`.
    pub async fn visit(&self, url: &str, stop: &str) -> Page {
        let page = self.get(url).await;
        self.follow(page, stop).await
    }

    /// Follows redirects until there is a page or the way leads to `stop`.
    pub async fn follow(&self, mut page: Page, stop: &str) -> Page {
        for _ in 0..12 {
            match page.location() {
                Some(next) if !next.as_str().starts_with(stop) => page = self.get(next.as_str()).await,
                _ => return page,
            }
        }
        panic!("one redirect after another: {}", page.url)
    }

    /// Fills in the form with that id and submits it with its only or first button, or the one named. Follows nothing.
    pub async fn submit(&self, page: &Page, form: &str, typed: &[(&str, &str)]) -> Page {
        let (action, mut fields) = page.form(form);
        for (name, value) in typed {
            fields.insert((*name).to_owned(), (*value).to_owned());
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        self.post(page.url.join(&action).unwrap().as_str(), &fields).await
    }
}

impl Page {
    /// Where it redirects to.
    pub fn location(&self) -> Option<Url> {
        let to = self.headers.get(LOCATION)?.to_str().ok()?;
        self.status.is_redirection().then(|| self.url.join(to).unwrap())
    }

    /// The text of the element with that id, white space folded.
    pub fn text(&self, id: &str) -> Option<String> {
        let html = Html::parse_document(&self.body);
        let selector = Selector::parse(&format!("#{id}")).unwrap();
        html.select(&selector).next().map(|element| folded(&element))
    }

    /// Where the link with that id leads.
    pub fn link(&self, id: &str) -> Option<Url> {
        let html = Html::parse_document(&self.body);
        let selector = Selector::parse(&format!("a#{id}")).unwrap();
        html.select(&selector).next().map(|a| self.url.join(a.attr("href").unwrap()).unwrap())
    }

    /// The heading.
    pub fn heading(&self) -> String {
        let html = Html::parse_document(&self.body);
        html.select(&Selector::parse("h1").unwrap()).next().map(|h1| folded(&h1)).unwrap_or_default()
    }

    /// Action and hidden or filled fields of the form with that id.
    pub fn form(&self, id: &str) -> (String, BTreeMap<String, String>) {
        let html = Html::parse_document(&self.body);
        let form = html.select(&Selector::parse(&format!("form#{id}")).unwrap()).next();
        let form = form
            .unwrap_or_else(|| panic!("no form {id} at {} ({}): {}", self.url, self.status, self.heading()));
        let inputs = Selector::parse("input[name]").unwrap();
        let fields = form.select(&inputs);
        let value = |field: ElementRef<'_>| {
            let name = field.attr("name").unwrap().to_owned();
            (name, field.attr("value").unwrap_or_default().to_owned())
        };
        (form.attr("action").unwrap_or_default().to_owned(), fields.map(value).collect())
    }
}

fn folded(element: &ElementRef<'_>) -> String {
    element.text().flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}
