//! Why nothing was registered, in words of ours: nothing of what was sent is said again.

use serde_json::{Map, Value};

use super::Metadata;
use crate::domain::{
    client::Why,
    json::{is_object, writes_nul},
};

/// Why nothing was registered (RFC 7591 section 3.2.2), and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// `invalid_redirect_uri`.
    RedirectUri(String),
    /// `invalid_client_metadata`.
    Metadata(String),
}

impl Refused {
    /// The code on the wire.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::RedirectUri(_) => "invalid_redirect_uri",
            Self::Metadata(_) => "invalid_client_metadata",
        }
    }

    /// What is wrong, in ASCII (RFC 7591 section 3.2.2), and of that what a description of RFC 6749 section 5.2 may hold too.
    pub fn description(&self) -> String {
        let (Self::RedirectUri(why) | Self::Metadata(why)) = self;
        let plain = |c: char| match c {
            '"' | '\\' => '\'',
            c if c == ' ' || c.is_ascii_graphic() => c,
            _ => '?',
        };
        why.chars().map(plain).collect()
    }
}

pub(super) fn bad<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Metadata(why.into()))
}

/// What is wrong with a client, without the name that it will never have and without the addresses that it gave.
pub(super) fn refused(why: &Why) -> Refused {
    let address = "must be https (http only on 127.0.0.1 or [::1]), without a fragment or user name";
    match why {
        Why::NoRedirectUri | Why::RedirectUri(_) | Why::Localhost { .. } => {
            Refused::RedirectUri(format!("each of redirect_uris and post_logout_redirect_uris {address}"))
        }
        Why::BackchannelUri(_) => Refused::Metadata(format!("backchannel_logout_uri {address}")),
        Why::JwksUri(_) => Refused::Metadata(format!("jwks_uri {address}")),
        other => Refused::Metadata(other.to_string()),
    }
}

impl Metadata {
    /// Reads a body.
    pub fn read(body: &[u8]) -> Result<Self, Refused> {
        if writes_nul(body) {
            return bad("no text of the client metadata may hold the character U+0000");
        }
        // A list would be read as the members in their order.
        if !is_object(body) {
            return bad(unreadable(body));
        }
        serde_json::from_slice(body).or_else(|_| bad(unreadable(body)))
    }
}

/// What is wrong with a body that is no metadata. A member that has a wrong type is one that we know, so its name is a word of ours.
fn unreadable(body: &[u8]) -> String {
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return "the client metadata must be one JSON object (RFC 8259), not nested deeper than 100"
            .to_owned();
    };
    let wrong = members.into_iter().find_map(|(name, value)| {
        let alone = Map::from_iter([(name.clone(), value)]);
        serde_json::from_value::<Metadata>(Value::Object(alone)).is_err().then_some(name)
    });
    match wrong {
        Some(name) => format!("{name} is of another type than the standards give it (RFC 7591 section 2)"),
        None => "each member of the client metadata may stand there once".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> String {
        Metadata::read(body.as_bytes()).map_err(|why| why.description()).unwrap_err()
    }

    #[test]
    fn what_cannot_be_read_is_told_by_the_name_of_its_member_and_by_nothing_else() {
        assert!(
            said(r#"{"x": 1, "client_name": "a", "scope": [7]}"#).starts_with("scope is of another type")
        );
        assert!(said(r#"{"scope": "openid", "scope": "openid"}"#).contains("once"));
        for body in ["", "{", "[]", "7", "{}x", "\u{feff}{}", &"[".repeat(10_000)] {
            assert!(said(body).contains("one JSON object"), "{body:.20}");
        }
        let deep = format!("{{\"jwks\": {}{}}}", "[".repeat(200), "]".repeat(200));
        assert!(said(&deep).contains("not nested"), "{deep:.20}");
        assert!(
            Metadata::read(br#"{"x": {"y": [null]}, "x": 2, "scope": null}"#).is_ok(),
            "unknown members are ignored"
        );
    }

    #[test]
    fn a_description_is_plain_ascii() {
        let why = Refused::Metadata("a \"b\" \\ \u{e9}\u{202e}\n\0".to_owned());
        assert_eq!(why.description(), "a 'b' ' ????");
    }
}
