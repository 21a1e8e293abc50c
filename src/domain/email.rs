//! E-mail addresses: unique on the lower-cased address with an IDNA domain, mailed to as typed (F1, F2).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An address as typed, with the key on which it is unique. `+` tags and dots are never stripped: they are other people.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    typed: String,
    key: String,
}

/// Why a text is no address we can mail to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an e-mail address")]
pub struct NotAnEmail;

impl Email {
    /// Reads an address: one `@`, a local part of 1 to 64 bytes without spaces or controls, and a domain name with a dot
    /// (RFC 5321 section 4.5.3.1 for the lengths). What a mail server may refuse later is not ours to guess.
    pub fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let typed = text.trim();
        let (typed_local, domain) = typed.rsplit_once('@').ok_or(NotAnEmail)?;
        // Some letters grow when lower-cased, so the lengths are those of the key.
        let local = typed_local.to_lowercase();
        // A letter of another script that becomes a Latin one (the Kelvin sign) makes a look-alike, never an address.
        if local.is_ascii() != typed_local.is_ascii() {
            return Err(NotAnEmail);
        }
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[]\\,;:\"@".contains(c);
        if local.is_empty() || local.len() > 64 || !local.chars().all(plain) {
            return Err(NotAnEmail);
        }
        if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
            return Err(NotAnEmail);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| NotAnEmail)?;
        let inner_dot = domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty());
        if !inner_dot || local.len() + 1 + domain.len() > 254 {
            return Err(NotAnEmail);
        }
        Ok(Self { typed: typed.to_owned(), key: format!("{local}@{domain}") })
    }

    /// The address as its owner typed it: where mail goes and what pages show.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// The text on which accounts are unique.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The mailbox that most mail servers deliver to: the key without a `+` tag. For counting mails only; the addresses stay
    /// different ones.
    pub fn mailbox(&self) -> String {
        let (local, domain) = self.key.rsplit_once('@').unwrap_or((&self.key, ""));
        format!("{}@{domain}", local.split('+').next().unwrap_or(local))
    }

    /// `j•••@x.nl`: enough for its owner to recognise, too little for a stranger to learn. Made from the key, so that it
    /// does not show whether somebody else once typed the address in other letters.
    pub fn masked(&self) -> String {
        let (local, domain) = self.key.rsplit_once('@').unwrap_or(("", &self.key));
        let (domain, _) = idna::domain_to_unicode(domain);
        format!("{}•••@{domain}", local.chars().next().unwrap_or('•'))
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_and_idna_fold_but_tags_and_dots_do_not() {
        let key = |text: &str| Email::parse(text).unwrap().key;
        assert_eq!(key("A@X.NL"), key("a@x.nl"));
        assert_eq!(key("a@bücher.nl"), key("a@xn--bcher-kva.nl"));
        assert_ne!(key("jansen+naam1@gmail.com"), key("jansen@gmail.com"));
        assert_ne!(key("j.ansen@gmail.com"), key("jansen@gmail.com"));
        assert_eq!(Email::parse(" Jan@X.nl ").unwrap().typed(), "Jan@X.nl");
    }

    #[test]
    fn refuses_what_cannot_be_mailed() {
        for bad in [
            "",
            "a",
            "@x.nl",
            "a@",
            "a@x",
            "a@.nl",
            "a@x.nl.",
            "a b@x.nl",
            "a@b@x.nl",
            "a\r\nBcc:z@x.nl",
            ".a@x.nl",
            "a.@x.nl",
            "a..b@x.nl",
            "<a>@x.nl",
            "mar\u{212a}@x.nl",
        ] {
            assert_eq!(Email::parse(bad).map(|e| e.key), Err(NotAnEmail), "{bad:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_key() {
        let local = |length| Email::parse(&format!("{}@x.nl", "a".repeat(length)));
        assert!(local(64).is_ok() && local(65).is_err());
        // Of this letter the capital has two bytes and the small one three.
        assert!(Email::parse(&format!("{}@x.nl", "\u{23a}".repeat(22))).is_err());
        let label = "b".repeat(61);
        let whole = |last| Email::parse(&format!("{0}@{label}.{label}.{last}.nl", "a".repeat(64)));
        assert_eq!(whole("c".repeat(62)).unwrap().key().len(), 254);
        assert!(whole("c".repeat(63)).is_err());
    }

    #[test]
    fn mails_are_counted_by_the_mailbox_without_its_tag() {
        let email = Email::parse("Jan.Sen+Naam1+x@X.nl").unwrap();
        assert_eq!((email.key(), email.mailbox().as_str()), ("jan.sen+naam1+x@x.nl", "jan.sen@x.nl"));
        assert_eq!(Email::parse("jansen@x.nl").unwrap().mailbox(), "jansen@x.nl");
    }

    #[test]
    fn masks_all_but_the_first_letter() {
        for typed in ["jansen@bücher.nl", "JANSEN@xn--bcher-kva.nl"] {
            let email = Email::parse(typed).unwrap();
            assert_eq!((email.masked(), format!("{email:?}")), ("j•••@bücher.nl".into(), email.masked()));
        }
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in "\\PC{0,40}@[a-zA-Z0-9é.-]{1,20}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(&Email::parse(email.key()).unwrap().key, &email.key);
            }
        }
    }
}
