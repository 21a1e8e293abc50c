//! The `claims` parameter (OpenID Connect Core, section 5.5): single claims that a client asks for, for the ID token and for
//! `UserInfo`. What is not known here, or not this client's to know, is left out, essential or not (section 5.5.1).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

use crate::domain::{
    assurance::Level,
    claims::Represents,
    json::writes_nul,
    profile::{Claim, Claims},
};

/// What a client asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClaimsRequest {
    /// The levels that it names: one of them must be reached when that is essential.
    pub acr: Option<Acr>,
    /// The values that it gives for `sub`: the answer must be about one of them (section 5.5.1).
    pub subjects: Vec<BTreeSet<String>>,
    /// The values that it gives for `represents`: the user must have logged in for one of them.
    pub represents: Option<Vec<Represents>>,
    /// Whether it wants to know for whom the user may act or has logged in, in either place.
    pub act_as: bool,
    /// Whether it wants to know by what means the user proved who they are: in the ID token, whose claim that is (section 2).
    pub amr: bool,
    /// Whether it wants BSNs: of `UserInfo` only, for an ID token has no place for them.
    pub bsn: bool,
    /// The standard claims that it wants in the ID token.
    pub id_token: Claims,
    /// The same of `UserInfo`.
    pub userinfo: Claims,
}

/// A request for `acr` with values (section 5.5.1.1).
#[derive(Debug, PartialEq, Eq)]
pub struct Acr {
    /// Those of the values that are known here.
    pub levels: BTreeSet<Level>,
    /// Whether the login fails when none of them is reached.
    pub essential: bool,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    id_token: Option<BTreeMap<String, Option<One>>>,
    #[serde(default)]
    userinfo: Option<BTreeMap<String, Option<One>>>,
}

/// What is asked of one claim. It is an object: a list of the same values is none.
struct One(Wish);

impl<'de> Deserialize<'de> for One {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Value::Object(Map::deserialize(deserializer)?);
        serde_json::from_value(members).map(Self).map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
struct Wish {
    #[serde(default)]
    essential: bool,
    #[serde(default)]
    value: Option<Value>,
    #[serde(default)]
    values: Option<Vec<Value>>,
}

impl One {
    /// The persons among the values; `None` when no value is asked for.
    fn represented(&self) -> Option<Vec<Represents>> {
        let given = self.0.value.iter().chain(self.0.values.iter().flatten());
        let persons = given.filter_map(|value| Represents::deserialize(value).ok()).collect();
        (self.0.value.is_some() || self.0.values.is_some()).then_some(persons)
    }

    /// The values that are texts; `None` when no value is asked for.
    fn texts(&self) -> Option<BTreeSet<String>> {
        let given = self.0.value.iter().chain(self.0.values.iter().flatten());
        let texts = given.filter_map(Value::as_str).map(str::to_owned).collect();
        (self.0.value.is_some() || self.0.values.is_some()).then_some(texts)
    }
}

impl ClaimsRequest {
    /// Reads the parameter; `None` when it is not what section 5.5 says.
    pub fn read(text: &str) -> Option<Self> {
        // A list of two would be read as the two members.
        let plain = text.starts_with('{') && !writes_nul(text.as_bytes());
        let whole: Whole = plain.then(|| serde_json::from_str(text).ok()).flatten()?;
        let mut read = Self::default();
        let of_id_token = whole.id_token.unwrap_or_default();
        let of_userinfo = whole.userinfo.unwrap_or_default();
        if let Some(Some(acr)) = of_id_token.get("acr")
            && let Some(texts) = acr.texts()
        {
            let levels = texts.iter().filter_map(|text| Level::from_acr(text)).collect();
            read.acr = Some(Acr { levels, essential: acr.0.essential });
        }
        for sub in [of_id_token.get("sub"), of_userinfo.get("sub")].into_iter().flatten().flatten() {
            read.subjects.extend(sub.texts());
        }
        for one in
            [of_id_token.get("represents"), of_userinfo.get("represents")].into_iter().flatten().flatten()
        {
            let Some(values) = one.represented() else { continue };
            read.represents = Some(match read.represents.take() {
                Some(already) => already.into_iter().filter(|value| values.contains(value)).collect(),
                None => values,
            });
        }
        read.amr = of_id_token.contains_key("amr");
        read.bsn = of_userinfo.contains_key("bsn");
        let known = |name: &String| name.parse::<Claim>().ok();
        read.id_token = of_id_token.keys().filter_map(known).collect();
        read.userinfo = of_userinfo.keys().filter_map(known).collect();
        let places = [&of_id_token, &of_userinfo];
        read.act_as =
            ["act_as", "represents"].iter().any(|name| places.iter().any(|place| place.contains_key(*name)));
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_known_and_leaves_out_the_rest() {
        let read = ClaimsRequest::read(
            r#"{"id_token": {"email": null, "acr": {"essential": true, "values": ["urn:namens:acr:local", "x"]},
                "sub": {"value": "a"}, "bsn": {"essential": true}},
                "userinfo": {"represents": {"essential": true, "unheard": 1}, "sub": {"values": ["a", "b", 7]}, "x": null, "name": null},
                "other": 1}"#,
        )
        .unwrap();
        assert_eq!(read.acr, Some(Acr { levels: [Level::Local].into(), essential: true }));
        assert_eq!(read.subjects, [["a".to_owned()].into(), ["a".to_owned(), "b".to_owned()].into()]);
        assert_eq!((read.id_token, read.userinfo), ([Claim::Email].into(), [Claim::Name].into()));
        assert!(read.act_as && read.represents.is_none() && !read.amr);
        let bsn =
            |place: &str| ClaimsRequest::read(&format!(r#"{{"{place}": {{"bsn": null}}}}"#)).unwrap().bsn;
        assert!(bsn("userinfo") && !bsn("id_token") && !read.bsn);
        let amr =
            |place: &str| ClaimsRequest::read(&format!(r#"{{"{place}": {{"amr": null}}}}"#)).unwrap().amr;
        assert!(amr("id_token") && !amr("userinfo"));
        for nothing in ["{}", r#"{"id_token": null, "userinfo": {"sub": null, "unheard": null}}"#] {
            assert_eq!(ClaimsRequest::read(nothing), Some(ClaimsRequest::default()));
        }
    }

    #[test]
    fn of_represents_only_whole_persons_count_and_both_places_must_agree() {
        let read = |text: &str| ClaimsRequest::read(text).unwrap().represents;
        let person = |sub: &str| Represents { sub: sub.to_owned(), iss: "i".to_owned() };
        let one = r#"{"represents": {"value": {"sub": "a", "iss": "i"}}}"#;
        assert_eq!(read(&format!(r#"{{"id_token": {one}}}"#)), Some(vec![person("a")]));
        let more = r#"{"represents": {"values": [{"sub": "b", "iss": "i"}, {"sub": "a", "iss": "i"}, {"sub": "c"}]}}"#;
        assert_eq!(read(&format!(r#"{{"userinfo": {more}}}"#)), Some(vec![person("b"), person("a")]));
        for (first, second) in [(one, more), (more, one)] {
            assert_eq!(
                read(&format!(r#"{{"id_token": {first}, "userinfo": {second}}}"#)),
                Some(vec![person("a")])
            );
        }
        assert_eq!(read(r#"{"id_token": {"represents": {"value": "a"}}}"#), Some(vec![]));
        assert_eq!(read(r#"{"id_token": {"represents": {"essential": true}}}"#), None);
    }

    #[test]
    fn what_is_no_request_for_claims_is_refused() {
        for bad in [
            "",
            "x",
            "[1]",
            "[]",
            "[null, null]",
            r#"{"id_token": {"acr": []}}"#,
            "null",
            r#"{"id_token": 1}"#,
            r#"{"id_token": ["acr"]}"#,
            r#"{"id_token": {"acr": true}}"#,
            r#"{"userinfo": {"email": {"essential": "yes"}}}"#,
            r#"{"userinfo": {"email": {"values": "x"}}}"#,
            r#"{"id_token": {}, "id_token": {}}"#,
        ] {
            assert_eq!(ClaimsRequest::read(bad), None, "{bad}");
        }
        assert_eq!(ClaimsRequest::read(&"[".repeat(4096)), None);
    }
}
