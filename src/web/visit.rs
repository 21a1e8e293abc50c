//! One request of a browser: read once, passed down as a value.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use axum::{
    extract::FromRequestParts,
    http::{
        HeaderMap, HeaderName,
        header::{ACCEPT_LANGUAGE, ORIGIN, SET_COOKIE, USER_AGENT},
        request::Parts,
    },
    response::{IntoResponse, Response},
};

use super::{
    cookies::{Cookie, Tie},
    error::{Failed, to_login},
    page::{self, Aside, Frame, Link},
    proxy,
};
use crate::{
    app::App,
    domain::{
        ask::Ask, device::known_as, fault::Fault, id::LoginId, lang::Lang, secret::Secret, session::Session,
        time::Timestamp,
    },
    flows::{
        Held,
        logins::{self, Keys},
    },
    oidc::{
        authorize::refusal,
        error::{Code, Error},
    },
    store::sessions::Visited,
};

pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who visits, when, from where.
#[derive(Clone)]
pub struct Visit {
    /// The application.
    pub app: Arc<App>,
    /// This moment: the one reading of the clock for this request.
    pub now: Timestamp,
    /// The browser's own cookie.
    pub browser: Option<Secret>,
    /// The cookie of a browser that has logged in here before.
    pub device: Option<Secret>,
    /// The address of who sent it, as far as known.
    pub address: Option<IpAddr>,
    is_own_address: bool,
    brought: Option<Secret>,
    /// Whether this browser was found to have the login that it asks for.
    has_login: Arc<AtomicBool>,
    session: Option<Secret>,
    headers: HeaderMap,
    aside: Aside,
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let https = app.config.is_https();
        Ok(Self {
            app: app.clone(),
            now: app.clock.now(),
            browser: Cookie::Browser.read(&parts.headers, https),
            device: Cookie::Device.read(&parts.headers, https),
            address: proxy::address(app, parts),
            is_own_address: proxy::tells_addresses(app, parts),
            brought: None,
            has_login: Arc::default(),
            session: Cookie::Session.read(&parts.headers, https),
            headers: parts.headers.clone(),
            aside: parts.extensions.get().cloned().unwrap_or_default(),
        })
    }
}

impl Visit {
    /// The address by which wrong tries are counted: none where all come from that of a proxy that nobody named.
    pub fn counted_from(&self) -> Option<IpAddr> {
        self.address.filter(|_| self.is_own_address)
    }

    /// The browser's session, if it lives.
    pub async fn session(&self) -> Result<Option<Session>, Fault> {
        Ok(self.visited().await?.map(|visited| visited.session))
    }

    /// The same, with what was read of its user.
    pub async fn visited(&self) -> Result<Option<Visited>, Fault> {
        match &self.session {
            Some(cookie) => {
                self.app.store.visit_session(cookie, self.app.config.session.idle(), self.now).await
            }
            None => Ok(None),
        }
    }

    /// What this browser is, in a word or two.
    pub fn device_word(&self) -> Option<String> {
        self.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).and_then(known_as)
    }

    /// The login of that id, if it is this browser's.
    pub async fn login(&self, id: &str) -> Result<Held, Failed> {
        let Some(browser) = &self.browser else { return Err(Failed::LoginGone) };
        let id = LoginId::from_stored(id);
        let (tie, fresh) = (self.tie(&id).read(&self.headers), self.fresh(&id, browser));
        let keys = Keys { browser, tie: tie.as_ref(), fresh: fresh.as_ref() };
        let held = logins::find(&self.app, &id, keys, self.now).await?.ok_or(Failed::LoginGone)?;
        self.has_login.store(true, Relaxed);
        Ok(held)
    }

    /// The same visit with a password, a code or an artifact of DigiD: what may prove something. Its answer is [`Self::tied`].
    #[must_use]
    pub fn bringing(self, brought: &Secret) -> Self {
        Self { brought: Some(brought.clone()), ..self }
    }

    /// The answer to a visit that brought something to the login of that id. Where that proved something the login has another tie,
    /// which the browser gets here, whatever else the answer says. So does a browser that brings the same once more because it lost the
    /// first answer: it is led to where the login stands.
    pub async fn tied(&self, id: &str, done: Result<Response, Failed>) -> Response {
        let id = LoginId::from_stored(id.to_owned());
        let guesses = !self.has_login.load(Relaxed);
        // Refused before anybody looked, as a form without its token is: it learns nothing here either.
        if guesses && !matches!(done, Err(Failed::LoginGone)) {
            return done.into_response();
        }
        let fresh = self.browser.as_ref().and_then(|browser| Some((browser, self.fresh(&id, browser)?)));
        let Some((browser, fresh)) = fresh else { return done.into_response() };
        match logins::is_tied_by(&self.app, &id, (browser, &fresh), guesses, self.now).await {
            Err(fault) => Failed::from(fault).into_response(),
            Ok(false) => done.into_response(),
            Ok(true) => {
                // Found when the visit began, and tied by another request that brought the same meanwhile: it is led on as well.
                let lost = guesses || matches!(done, Err(Failed::LoginGone));
                let mut response = if lost { to_login(&id) } else { done.into_response() };
                for cookie in self.tie(&id).set(&fresh, &self.headers) {
                    response.headers_mut().append(SET_COOKIE, cookie);
                }
                response
            }
        }
    }

    /// The cookie of one login.
    pub fn tie<'a>(&self, login: &'a LoginId) -> Tie<'a> {
        Tie { login, https: self.app.config.is_https() }
    }

    fn fresh(&self, id: &LoginId, browser: &Secret) -> Option<Secret> {
        let older = self.tie(id).read(&self.headers).unwrap_or_default();
        self.brought.as_ref().map(|brought| self.app.store.login_tie(id, (browser, &older), brought))
    }

    /// The language of a page: the portal's wish, then the browser's.
    pub fn lang(&self, ask: Option<&Ask>) -> Lang {
        self.lang_among(ask.map_or(&[][..], |ask| &ask.ui_locales))
    }

    /// The language of a page for which a portal sent these `ui_locales`.
    pub fn lang_among(&self, wishes: &[String]) -> Lang {
        Lang::choose(wishes, self.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()))
    }

    /// What surrounds a page of a login.
    pub async fn frame(&self, id: &LoginId, ask: &Ask) -> Result<Frame, Fault> {
        let lang = self.lang(Some(ask));
        let client = if ask.own_page().is_some() { None } else { self.app.client(&ask.client_id).await? };
        let links = client.as_ref().map(Link::of).unwrap_or_default();
        let portal = match ask.own_page() {
            Some(page) => lang.text(page.title()),
            None => client.map(|client| client.name).unwrap_or_default(),
        };
        // Browsers hold the redirects after a form against this list: the last form of a login is answered with a way
        // back to the portal, and one with the way to DigiD.
        let back = ask.redirect_uri.parse().ok();
        let digid = self.app.digid.as_ref().and_then(|digid| digid.current().login_address().cloned());
        let way_back =
            match refusal(ask, self.app.config.issuer(), Code::AccessDenied, "the login was not completed") {
                Error::Redirect(redirect) => Some(redirect.answer().sealed(&self.app.keyring(), self.now)?),
                _ => None,
            };
        let frame = Frame {
            lang,
            links,
            portal,
            login: id.to_string(),
            csrf: self.csrf(id.as_str()),
            form_origins: [back, digid].into_iter().flatten().map(|url| page::form_origin(&url)).collect(),
            way_back,
            scripted: false,
        };
        // A second frame of one request would be the same.
        let _ = self.aside.set(frame.clone());
        Ok(frame)
    }

    /// The token that forms of `what` must bring back: bound to the browser's cookie and to one login.
    pub fn csrf(&self, what: &str) -> String {
        let browser = self.browser.as_ref().map_or("", Secret::expose);
        self.app.store.form_token(what, browser)
    }

    /// Refuses a form that another site posted, or that lacks its token.
    pub fn check_form(&self, what: &str, token: &str) -> Result<(), Failed> {
        let every = |name, wanted: &str| self.headers.get_all(name).iter().all(|value| value == wanted);
        let ours = every(ORIGIN, self.app.config.issuer());
        let same_site = every(SEC_FETCH_SITE, "same-origin");
        let fits = self.browser.is_some() && Secret::new(self.csrf(what)).matches(&Secret::new(token));
        if ours && same_site && fits { Ok(()) } else { Err(Failed::Forbidden) }
    }
}
