//! The cookies: one ties logins to a browser, one holds its session, one outlives both and says which addresses logged in
//! there. A login in which something was proven has one of its own, its tie (`docs/adr/0051`). All are `__Host-` cookies over https, so that no sister domain can plant or read them.

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};

use crate::domain::{id::LoginId, login::LIFE, secret::Secret};

/// From the last login on. The other two end with the browser.
const A_YEAR: &str = "; Max-Age=31536000";

/// A cookie of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// Which browser: random, made at its first login, kept until it is closed.
    Browser,
    /// Its session: `sid.secret`.
    Session,
    /// The addresses that logged in there, as marks that only we can read (`flows::guesses`). Opens nothing.
    Device,
}

impl Cookie {
    const fn name(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Browser, true) => "__Host-namens-browser",
            (Self::Browser, false) => "namens-browser",
            (Self::Session, true) => "__Host-namens-session",
            (Self::Session, false) => "namens-session",
            (Self::Device, true) => "__Host-namens-device",
            (Self::Device, false) => "namens-device",
        }
    }

    /// Its value in a request. When there are two of the name, neither: somebody planted one.
    pub fn read(self, headers: &HeaderMap, https: bool) -> Option<Secret> {
        value(headers, self.name(https))
    }

    /// The header that sets it. `Lax`: DigiD and portals send the browser here from elsewhere.
    pub fn set(self, value: &Secret, https: bool) -> Option<HeaderValue> {
        let life = if self == Self::Device { A_YEAR } else { "" };
        self.header(value.expose(), life, https)
    }

    /// The header that removes it.
    pub fn clear(self, https: bool) -> Option<HeaderValue> {
        clear(self.name(https), https)
    }

    fn header(self, value: &str, extra: &str, https: bool) -> Option<HeaderValue> {
        header(self.name(https), value, extra, https)
    }
}

/// The most ties that a browser keeps: so many logins in which something was proven and that are not done. The oldest goes first.
const TIES: usize = 8;

/// The cookie of one login, from the first proof in it on.
#[derive(Debug)]
pub struct Tie<'a> {
    /// Which login.
    pub login: &'a LoginId,
    /// Whether the issuer is at https.
    pub https: bool,
}

impl Tie<'_> {
    const fn prefix(https: bool) -> &'static str {
        if https { "__Host-namens-login-" } else { "namens-login-" }
    }

    fn name(&self) -> String {
        format!("{}{}", Self::prefix(self.https), self.login)
    }

    /// Its value in a request. When there are two of the name, neither: somebody planted one.
    pub fn read(&self, headers: &HeaderMap) -> Option<Secret> {
        value(headers, &self.name())
    }

    /// The headers that set it, and let go of the oldest of too many that the request brought: browsers name the oldest first (RFC 6265
    /// section 5.4). It ends when the login does.
    pub fn set(&self, tie: &Secret, headers: &HeaderMap) -> Vec<HeaderValue> {
        let (name, prefix) = (self.name(), Self::prefix(self.https));
        let others: Vec<&str> = pairs(headers)
            .map(|(other, _)| other)
            .filter(|other| other.starts_with(prefix) && *other != name)
            .collect();
        let surplus = (others.len() + 1).saturating_sub(TIES);
        let gone = others.into_iter().take(surplus).filter_map(|other| clear(other, self.https));
        let life = format!("; Max-Age={LIFE}");
        header(&name, tie.expose(), &life, self.https).into_iter().chain(gone).collect()
    }

    /// The header that removes it.
    pub fn clear(&self) -> Option<HeaderValue> {
        clear(&self.name(), self.https)
    }
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

fn value(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let mut found = pairs(headers).filter(|(n, value)| *n == name && !value.is_empty());
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(Secret::new(value)),
        _ => None,
    }
}

fn clear(name: &str, https: bool) -> Option<HeaderValue> {
    header(name, "", "; Max-Age=0", https)
}

fn header(name: &str, value: &str, extra: &str, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{extra}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &'static str) -> Option<String> {
        let headers = [(COOKIE, HeaderValue::from_static(line))].into_iter().collect();
        Cookie::Session.read(&headers, true).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn reads_its_own_and_refuses_two() {
        assert_eq!(read("a=b; __Host-namens-session=s.t; c=d"), Some("s.t".into()));
        assert_eq!(read("namens-session=s.t"), None, "without the prefix a sister domain could have set it");
        assert_eq!(read("__Host-namens-session=1; __Host-namens-session=2"), None);
        assert_eq!(read("__Host-namens-session="), None);
    }

    #[test]
    fn a_browser_keeps_eight_ties_and_the_oldest_goes_first() {
        let ids: Vec<LoginId> = (0..9).map(|n| LoginId::from_stored(format!("id{n}"))).collect();
        let line: Vec<String> = ids.iter().map(|id| format!("__Host-namens-login-{id}=t")).collect();
        let set = |line: &[String]| {
            let lines = format!("a=b; {}; __Host-namens-browser=b", line.join("; "));
            let headers = [(COOKIE, HeaderValue::from_str(&lines).unwrap())].into_iter().collect();
            let tie = Tie { login: &ids[8], https: true };
            let set = tie.set(&Secret::new("x"), &headers);
            set.iter().map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let ours = "__Host-namens-login-id8=x; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=1800";
        assert_eq!(set(&line[..7]), [ours]);
        assert_eq!(set(&line[1..]), [ours], "its own older one is no other");
        let gone = "__Host-namens-login-id0=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0";
        assert_eq!(set(&line[..8]), [ours, gone]);
    }

    #[test]
    fn is_bound_to_this_host_and_hidden_from_scripts() {
        let header = Cookie::Browser.set(&Secret::new("x"), true).unwrap();
        assert_eq!(header, "__Host-namens-browser=x; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(header.is_sensitive());
        let header = Cookie::Device.set(&Secret::new("x"), true).unwrap();
        assert_eq!(
            header,
            "__Host-namens-device=x; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=31536000"
        );
    }
}
