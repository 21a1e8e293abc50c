//! Three cookies: one ties logins to a browser, one holds its session, one outlives both and says which addresses logged in
//! there. All are `__Host-` cookies over https, so that no sister domain can plant or read them.

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};

use crate::domain::secret::Secret;

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
        let name = self.name(https);
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut found = lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(n, value)| *n == name && !value.is_empty());
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(Secret::new(value)),
            _ => None,
        }
    }

    /// The header that sets it. `Lax`: DigiD and portals send the browser here from elsewhere.
    pub fn set(self, value: &Secret, https: bool) -> Option<HeaderValue> {
        let life = if self == Self::Device { A_YEAR } else { "" };
        self.header(value.expose(), life, https)
    }

    /// The header that removes it.
    pub fn clear(self, https: bool) -> Option<HeaderValue> {
        self.header("", "; Max-Age=0", https)
    }

    fn header(self, value: &str, extra: &str, https: bool) -> Option<HeaderValue> {
        let secure = if https { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{extra}", self.name(https));
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
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
