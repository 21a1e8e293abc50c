//! The standard claims (OpenID Connect Core, sections 5.1 and 5.4), and what is on record of them for one account.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::{
    calendar::parse_day,
    line::one_line,
    scope::{Scope, Scopes},
    time::Timestamp,
    words::words,
};

words! {
    /// A standard claim about somebody (OpenID Connect Core, section 5.1).
    #[derive(PartialOrd, Ord)]
    Claim {
        /// The full name, as it is shown.
        Name = "name",
        /// First names.
        GivenName = "given_name",
        /// The family name.
        FamilyName = "family_name",
        /// Middle names.
        MiddleName = "middle_name",
        /// What friends say.
        Nickname = "nickname",
        /// What they like to be called at the portal. Nobody's alone: it identifies nobody.
        PreferredUsername = "preferred_username",
        /// A page about them.
        Profile = "profile",
        /// A picture of them.
        Picture = "picture",
        /// A page of theirs.
        Website = "website",
        /// In words of their choice.
        Gender = "gender",
        /// `2010-07-01`, `0000-07-01` without the year, or `2010`.
        Birthdate = "birthdate",
        /// A name of the time zone database.
        Zoneinfo = "zoneinfo",
        /// A language tag (RFC 5646).
        Locale = "locale",
        /// When any of these was changed, in seconds since the epoch.
        UpdatedAt = "updated_at",
        /// The account's address.
        Email = "email",
        /// Always true: an account has a proven address or none.
        EmailVerified = "email_verified",
        /// A postal address (section 5.1.1).
        Address = "address",
        /// A telephone number, beginning with `+` (E.164).
        PhoneNumber = "phone_number",
        /// Whether somebody made sure that it is theirs.
        PhoneNumberVerified = "phone_number_verified",
    }
}

/// Single claims.
pub type Claims = BTreeSet<Claim>;

/// The most characters of an address, or of a part of one.
const MAX_ADDRESS: usize = 500;
/// The longest URL, in bytes.
const MAX_URL: usize = 1000;
/// The parts of an address (OpenID Connect Core, section 5.1.1).
const ADDRESS: [&str; 6] = ["formatted", "street_address", "locality", "region", "postal_code", "country"];

impl Claim {
    /// The scope that asks for it (OpenID Connect Core, section 5.4).
    pub const fn scope(self) -> Scope {
        match self {
            Self::Email | Self::EmailVerified => Scope::Email,
            Self::Address => Scope::Address,
            Self::PhoneNumber | Self::PhoneNumberVerified => Scope::Phone,
            _ => Scope::Profile,
        }
    }

    /// Those that belong to `scopes`.
    pub fn of(scopes: &Scopes) -> impl Iterator<Item = Self> + '_ {
        Self::ALL.iter().copied().filter(|claim| scopes.contains(claim.scope()))
    }

    /// Whether a profile may hold that value under it.
    fn takes(self, value: &Value) -> bool {
        let text = value.as_str();
        let is = |fits: &dyn Fn(&str) -> bool| text.is_some_and(|text| one_line(text).is_ok() && fits(text));
        match self {
            Self::Name
            | Self::GivenName
            | Self::FamilyName
            | Self::MiddleName
            | Self::Nickname
            | Self::PreferredUsername
            | Self::Gender => is(&|_| true),
            Self::Profile | Self::Picture | Self::Website => text.is_some_and(is_web),
            Self::Birthdate => is(&is_birthdate),
            Self::Zoneinfo => is(&|text| text.parse::<chrono_tz::Tz>().is_ok()),
            Self::Locale => is(&is_tag),
            Self::Address => value.as_object().is_some_and(is_address),
            Self::PhoneNumber => is(&is_phone),
            Self::PhoneNumberVerified => value.is_boolean(),
            Self::UpdatedAt | Self::Email | Self::EmailVerified => false,
        }
    }
}

fn is_web(text: &str) -> bool {
    let url = Url::parse(text).ok().filter(|_| text.len() <= MAX_URL);
    url.is_some_and(|url| matches!(url.scheme(), "https" | "http"))
}

fn is_birthdate(text: &str) -> bool {
    parse_day(text).is_some() || (text.len() == 4 && text.chars().all(|c| c.is_ascii_digit()))
}

fn is_tag(text: &str) -> bool {
    text.len() <= 35 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// E.164, with spaces and hyphens for the eye, and an extension (RFC 3966).
fn is_phone(text: &str) -> bool {
    let (number, extension) = text.split_once(";ext=").unwrap_or((text, "0"));
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let plain = |c: char| c.is_ascii_digit() || " -".contains(c);
    number.strip_prefix('+').is_some_and(|rest| rest.chars().all(plain))
        && (6..=15).contains(&digits)
        && (1..=10).contains(&extension.len())
        && extension.chars().all(|c| c.is_ascii_digit())
}

fn is_address(parts: &Map<String, Value>) -> bool {
    // Only the whole of it may have lines (section 5.1.1).
    let plain = |c: char| !c.is_control() || c == '\n' || c == '\r';
    let fits = |text: &str| {
        !text.trim().is_empty() && text.chars().count() <= MAX_ADDRESS && text.chars().all(plain)
    };
    !parts.is_empty()
        && parts
            .iter()
            .all(|(name, value)| ADDRESS.contains(&name.as_str()) && value.as_str().is_some_and(fits))
}

/// What is wrong with a change of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProfile {
    /// No claim of that name, or the value does not fit it. The value is not repeated: it is about a person.
    #[error(
        "{0} does not take this value: see section 5.1 of OpenID Connect Core. A name is one line of at most 200 characters, \
         birthdate 2010-07-01 or 2010, phone_number +31 6 12345678, address a JSON object, phone_number_verified true or false"
    )]
    Value(Claim),
    /// Known here already, or kept by us.
    #[error(
        "{0} cannot be recorded: the address is the account's own, and the time of the last change is kept by itself"
    )]
    Ours(Claim),
    /// A number that is not there cannot have been verified.
    #[error("phone_number_verified needs a phone_number beside it")]
    NoPhone,
}

/// What is on record for one account. What is not there is not told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Profile(BTreeMap<Claim, Value>);

/// What is to be recorded: a value, or `None` to forget the one that is there.
pub type Changes = BTreeMap<Claim, Option<Value>>;

impl Profile {
    /// The profile after these changes at `now`. A number that changes is verified no more, unless that is said too.
    pub fn changed(mut self, changes: Changes, now: Timestamp) -> Result<Self, BadProfile> {
        if changes.contains_key(&Claim::PhoneNumber) {
            self.0.remove(&Claim::PhoneNumberVerified);
        }
        for (claim, value) in changes {
            if matches!(claim, Claim::UpdatedAt | Claim::Email | Claim::EmailVerified) {
                return Err(BadProfile::Ours(claim));
            }
            match value {
                Some(value) if claim.takes(&value) => drop(self.0.insert(claim, value)),
                Some(_) => return Err(BadProfile::Value(claim)),
                None => drop(self.0.remove(&claim)),
            }
        }
        if self.0.contains_key(&Claim::PhoneNumberVerified) && !self.0.contains_key(&Claim::PhoneNumber) {
            return Err(BadProfile::NoPhone);
        }
        self.0.insert(Claim::UpdatedAt, now.epoch().into());
        Ok(self)
    }

    /// What there is of `wanted`, as it stands in a token or an answer.
    pub fn told(&self, wanted: &Claims) -> Map<String, Value> {
        let there = self.0.iter().filter(|(claim, _)| wanted.contains(claim));
        there.map(|(claim, value)| (claim.to_string(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_epoch(seconds)
    }

    fn one(claim: Claim, value: Value) -> Changes {
        [(claim, Some(value))].into()
    }

    #[test]
    fn each_claim_belongs_to_the_scope_of_section_5_4() {
        let of = |scope: Scope| Claim::of(&[scope].into()).map(Claim::as_str).collect::<Vec<_>>().join(" ");
        assert_eq!(
            of(Scope::Profile),
            "name given_name family_name middle_name nickname preferred_username profile picture website gender \
             birthdate zoneinfo locale updated_at"
        );
        assert_eq!(of(Scope::Email), "email email_verified");
        assert_eq!(
            (of(Scope::Address), of(Scope::Phone)),
            ("address".into(), "phone_number phone_number_verified".into())
        );
        assert_eq!((of(Scope::Openid), of(Scope::ActAs)), (String::new(), String::new()));
    }

    fn fits(claim: Claim, good: Vec<Value>, bad: Vec<Value>) {
        for value in good {
            let kept = Profile::default().changed(one(claim, value.clone()), at(7)).unwrap();
            assert_eq!(kept.told(&[claim].into())[claim.as_str()], value);
        }
        for value in bad {
            let refused = Profile::default().changed(one(claim, value.clone()), at(7));
            assert_eq!(refused, Err(BadProfile::Value(claim)), "{value}");
        }
    }

    fn texts(texts: &[&str]) -> Vec<Value> {
        texts.iter().map(|text| json!(text)).collect()
    }

    #[test]
    fn a_value_fits_its_claim_or_is_refused() {
        let bad = vec![json!(""), json!(7), json!("a\nb"), json!("x".repeat(201))];
        fits(Claim::Name, texts(&["Anna de Vries"]), bad);
        let web = |length: usize| format!("https://a.nl/{}", "x".repeat(length - 13));
        let (longest, longer) = (web(MAX_URL), web(MAX_URL + 1));
        let bad = ["javascript:alert(1)", "a.nl", "ftp://a.nl/x", "https:///", &longer];
        fits(Claim::Website, texts(&["https://a.nl/x", "http://a.nl", &longest]), texts(&bad));
        let bad = ["2010-7-1", "2010-02-30", "10", "20x0", "02010"];
        fits(Claim::Birthdate, texts(&["2010-07-01", "0000-02-29", "2010"]), texts(&bad));
        fits(Claim::Zoneinfo, texts(&["Europe/Amsterdam"]), texts(&["Europe/Lutjebroek"]));
        let (longest, longer) = ("x".repeat(35), "x".repeat(36));
        fits(Claim::Locale, texts(&["nl-NL", "nl_NL", &longest]), texts(&["nl NL", &longer]));
        fits(Claim::PhoneNumberVerified, vec![], texts(&["true"]));
        for ours in [Claim::Email, Claim::EmailVerified, Claim::UpdatedAt] {
            assert_eq!(Profile::default().changed(one(ours, json!(1)), at(7)), Err(BadProfile::Ours(ours)));
        }
    }

    #[test]
    fn a_number_and_an_address_are_whole() {
        let ten = "+31201234567;ext=1234567890";
        let good = ["+31 6 1234-5678", "+31201234567;ext=12", ten, "+123456", "+123456789012345"];
        let bad = ["+12345", "+1234567890123456", "0612345678", "+31 6 x", "+31201234567;ext="];
        fits(Claim::PhoneNumber, texts(&good), texts(&bad));
        let (eleven, letter) = (format!("{ten}1"), "+31201234567;ext=x");
        fits(Claim::PhoneNumber, vec![], texts(&[&eleven, letter]));
        let whole = |length: usize| json!({"formatted": "é".repeat(length)});
        fits(
            Claim::Address,
            vec![
                json!({"formatted": "Dorpsstraat 1\r\n1234 AB Ons Dorp", "country": "NL"}),
                json!({"formatted": "Dorpsstraat 1\n1234 AB Ons Dorp"}),
                whole(MAX_ADDRESS),
            ],
            vec![
                whole(MAX_ADDRESS + 1),
                json!({"formatted": "Dorpsstraat\u{7} 1"}),
                json!({"country": "NL", "planet": "x"}),
                json!("Dorpsstraat 1"),
                json!({}),
                json!({"planet": "x"}),
                json!({"country": 1}),
                json!({"region": " "}),
            ],
        );
    }

    #[test]
    fn only_what_is_there_and_wanted_is_told_and_a_new_number_is_not_verified() {
        let changes =
            |list: &[(Claim, Value)]| list.iter().cloned().map(|(c, v)| (c, Some(v))).collect::<Changes>();
        let number = [(Claim::PhoneNumber, json!("+31201234567")), (Claim::PhoneNumberVerified, json!(true))];
        let profile = Profile::default().changed(changes(&number), at(7)).unwrap();
        let all: Claims = Claim::ALL.iter().copied().collect();
        assert_eq!(
            Value::from(profile.told(&all)),
            json!({"phone_number": "+31201234567", "phone_number_verified": true, "updated_at": 7})
        );
        assert!(profile.told(&[Claim::Name].into()).is_empty());
        let other = profile.changed(one(Claim::PhoneNumber, json!("+31207654321")), at(8)).unwrap();
        assert_eq!(Value::from(other.told(&all)), json!({"phone_number": "+31207654321", "updated_at": 8}));
        let verified = one(Claim::PhoneNumberVerified, json!(true));
        assert_eq!(Profile::default().changed(verified, at(7)), Err(BadProfile::NoPhone));
        let gone = other.changed([(Claim::PhoneNumber, None)].into(), at(9)).unwrap();
        assert_eq!(Value::from(gone.told(&all)), json!({"updated_at": 9}));
    }
}
