//! What every page has in common: the frame around it, its headers and the style sheet.

use std::sync::{Arc, LazyLock, OnceLock};

use askama::Template;
use aws_lc_rs::digest;
use axum::{
    extract::RawQuery,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
            REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use fluent::FluentValue;
use url::Url;

use super::i18n::Lang;
use crate::{
    domain::{client::Client, id::LoginId},
    oidc::response_mode::AuthorizationResponse,
};

/// Where the style sheet is served.
pub const STYLESHEET: &str = "/static/namens.css";

const CSS: &str = include_str!("../../templates/namens.css");

/// The start of the style sheet's SHA-256: a new style has a new address, so that an old one may be kept for ever.
static CSS_HASH: LazyLock<String> = LazyLock::new(|| {
    let hash = digest::digest(&digest::SHA256, CSS.as_bytes());
    URL_SAFE_NO_PAD.encode(hash).chars().take(16).collect()
});

/// What surrounds a page: in which language, for which portal, in which login.
#[derive(Clone)]
pub struct Frame {
    /// The reader's language.
    pub lang: Lang,
    /// What the portal is called.
    pub portal: String,
    /// The login's id, as it stands in the addresses of its forms.
    pub login: String,
    /// The login's token against forged forms.
    pub csrf: String,
    /// Where a form of this page may lead besides here (see [`form_origin`]): browsers follow `form-action` through the
    /// redirects after a form.
    pub form_origins: Vec<String>,
    /// The way back to the portal without a login, for a page at which the login is over.
    pub way_back: Option<AuthorizationResponse>,
    /// Whether the page has a script of ours, from a file of ours.
    pub scripted: bool,
    /// What people may read of the portal's own before they go on.
    pub links: Vec<Link>,
}

/// A page of the portal's own, at an address that it registered (RFC 7591 section 2): it is led to, and never fetched.
#[derive(Clone)]
pub struct Link {
    /// The key of the message that says what stands there; also its id on the page.
    pub key: &'static str,
    /// Where.
    pub uri: String,
    /// Whose host that is, as a reader is told.
    pub host: String,
}

impl Link {
    /// Those of a client.
    pub fn of(client: &Client) -> Vec<Self> {
        let all = [("portal-policy", &client.policy_uri), ("portal-terms", &client.tos_uri)];
        let link = |(key, uri): (&'static str, &Option<String>)| {
            let url = Url::parse(uri.as_ref()?).ok()?;
            Some(Self { key, host: url.host_str()?.to_owned(), uri: url.into() })
        };
        all.into_iter().filter_map(link).collect()
    }
}

/// Where a handler leaves the frame of the login it serves, so that what fails is told within it
/// (see [`super::error::pages`]).
pub type Aside = Arc<OnceLock<Frame>>;

impl Frame {
    /// Around a page that belongs to no login.
    pub fn bare(lang: Lang) -> Self {
        Self::named(lang, lang.text("site"))
    }

    /// Around a page of signing out, whatever login was there.
    pub fn leaving(lang: Lang) -> Self {
        Self::named(lang, lang.text("site-out"))
    }

    /// Around a page of our own, whose forms bring back `csrf`.
    pub fn own(lang: Lang, csrf: String) -> Self {
        Self { csrf, ..Self::named(lang, lang.text("account-title")) }
    }

    /// Around a page of the desk, whose forms bring back `csrf`.
    pub fn desk(lang: Lang, csrf: String) -> Self {
        Self { csrf, ..Self::named(lang, lang.text("desk-title")) }
    }

    fn named(lang: Lang, portal: String) -> Self {
        Self {
            lang,
            portal,
            login: String::new(),
            csrf: String::new(),
            form_origins: Vec::new(),
            way_back: None,
            scripted: false,
            links: Vec::new(),
        }
    }

    /// The text of a message, for the templates.
    pub fn say(&self, key: &str) -> String {
        self.lang.text(key)
    }

    /// The text of a message with one value, for the templates.
    pub fn say_with<'v>(&self, key: &str, name: &'static str, value: impl Into<FluentValue<'v>>) -> String {
        self.lang.text_with(key, &[(name, value.into())])
    }

    /// The address of the style sheet, with its hash.
    pub fn stylesheet(&self) -> String {
        format!("{STYLESHEET}?v={}", *CSS_HASH)
    }

    fn policy(&self) -> String {
        // Read from URLs by `form_origin`; what could end the directive or add a keyword is left out all the same.
        let plain = |origin: &&String| !origin.is_empty() && origin.bytes().all(is_source_byte);
        let origins =
            ["'self'"].into_iter().chain(self.form_origins.iter().filter(plain).map(String::as_str));
        let origins = origins.collect::<Vec<_>>().join(" ");
        let script = if self.scripted { "script-src 'self'; " } else { "" };
        format!(
            "default-src 'none'; {script}style-src 'self'; img-src 'self'; form-action {origins}; \
             frame-ancestors 'none'; base-uri 'none'"
        )
    }
}

fn is_source_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.:/[]+_".contains(&byte)
}

/// What `form-action` calls a URL's place: its origin, or for an app's own scheme `scheme:` (CSP3, section 2.3.1).
pub fn form_origin(url: &Url) -> String {
    match url.origin() {
        origin @ url::Origin::Tuple(..) => origin.ascii_serialization(),
        url::Origin::Opaque(_) => format!("{}:", url.scheme()),
    }
}

/// The address at which a login shows where it stands.
pub fn address(id: &LoginId) -> String {
    format!("/login/{id}")
}

/// Turns a page into a response with the headers that every page has (A10, A22).
pub fn render<T: Template>(frame: &Frame, status: StatusCode, page: &T) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page does not render");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let policy = HeaderValue::from_str(&frame.policy())
        .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    let fixed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
    let headers: HeaderMap = [
        fixed(CONTENT_TYPE, "text/html; charset=utf-8"),
        fixed(CONTENT_LANGUAGE, frame.lang.code()),
        (CONTENT_SECURITY_POLICY, policy),
        fixed(CACHE_CONTROL, "no-store"),
        // Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
        fixed(REFERRER_POLICY, "same-origin"),
        fixed(X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
    .into_iter()
    .collect();
    (status, headers, html).into_response()
}

/// Gives a page its `render`: status 200, or 422 when it is shown again because of what was typed.
macro_rules! rendered {
    ($page:ty) => {
        $crate::web::page::rendered!($page, |_| false);
    };
    ($page:ty, $again:expr) => {
        impl $page {
            /// The page as a response.
            pub fn render(&self) -> axum::response::Response {
                use axum::http::StatusCode;
                let again: fn(&Self) -> bool = $again;
                let status = if again(self) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
                $crate::web::page::render(&self.frame, status, self)
            }
        }
    };
}
pub(super) use rendered;

/// `GET /static/namens.css`. Kept for a year under its hashed address, asked after each time under another.
pub async fn stylesheet(RawQuery(query): RawQuery, request: HeaderMap) -> Response {
    let tag = format!("\"{}\"", *CSS_HASH);
    let hashed = query.as_deref().and_then(|q| q.strip_prefix("v=")) == Some(CSS_HASH.as_str());
    let keep = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let same = request.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8".to_owned()),
        (CACHE_CONTROL, keep.to_owned()),
        (ETAG, tag),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if same { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, CSS).into_response() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> String {
        form_origin(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_form_may_lead_to_the_origins_given_and_nowhere_else() {
        let mut frame = Frame::bare(Lang::Nl);
        frame.form_origins = vec![
            origin("https://portal.example.nl:8443/callback?x=1"),
            origin("nl.example.app:/callback"),
            "https://x.nl; script-src *".into(),
            "'unsafe-inline'".into(),
            "*".into(),
        ];
        assert_eq!(
            frame.policy(),
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' \
             https://portal.example.nl:8443 nl.example.app:; frame-ancestors 'none'; base-uri 'none'"
        );
    }

    #[tokio::test]
    async fn the_style_sheet_is_kept_for_ever_only_under_its_hash() {
        let get = async |query: Option<&str>, tag: Option<&HeaderValue>| {
            let headers = tag.map(|tag| (IF_NONE_MATCH, tag.clone())).into_iter().collect();
            stylesheet(RawQuery(query.map(str::to_owned)), headers).await
        };
        let address = Frame::bare(Lang::En).stylesheet();
        let hashed = get(address.split('?').nth(1), None).await;
        assert!(hashed.headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let other = get(Some("v=0"), None).await;
        assert_eq!(other.headers()[CACHE_CONTROL], "no-cache");
        assert_eq!(get(None, Some(&hashed.headers()[ETAG])).await.status(), StatusCode::NOT_MODIFIED);
    }
}
