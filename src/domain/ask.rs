//! What a client asked for: an authorization request after all its checks (OpenID Connect Core, section 3.1.2.1).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    assurance::Level, claims::Represents, id::PersonId, key::Algorithm, profile::Claims, scope::Scopes,
    time::Timestamp, words::words,
};

words! {
    /// How the answer travels.
    #[derive(Default)]
    ResponseMode {
        /// In the query of a redirect (RFC 6749 section 4.1.2). The default of the code flow.
        #[default]
        Query = "query",
        /// In a form that the browser posts (OAuth 2.0 Form Post Response Mode, section 2).
        FormPost = "form_post",
    }
}

impl ResponseMode {
    /// Reads `response_mode`: how the answer travels, and whether it is signed (JARM, section 2.3). `jwt` is the default of the
    /// code flow, signed.
    pub fn read(text: &str) -> Option<(Self, bool)> {
        match (text, text.strip_suffix(".jwt")) {
            ("jwt", _) => Some((Self::default(), true)),
            (_, Some(mode)) => Some((mode.parse().ok()?, true)),
            (mode, None) => Some((mode.parse().ok()?, false)),
        }
    }
}

/// A valid authorization request. Made only by `oidc::authorize`, so its redirect URI is registered and may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Who asks.
    pub client_id: String,
    /// Under what it was pushed, if it was (RFC 9126): good for one answer.
    pub pushed: Option<String>,
    /// Where the answer goes: exactly one of the client's registered URIs, or a public client's loopback one with the
    /// port of the moment (RFC 8252 section 7.3).
    pub redirect_uri: String,
    /// How it travels.
    pub response_mode: ResponseMode,
    /// With what it is signed, where the client asked for a signed one (JARM, section 2).
    #[serde(default)]
    pub response_alg: Option<Algorithm>,
    /// Given back untouched.
    pub state: Option<String>,
    /// Given back in the ID token.
    pub nonce: Option<String>,
    /// What is asked for, within what the client may ask for.
    pub scope: Scopes,
    /// The APIs for which access tokens are asked (RFC 8707 section 2.1), within those of the client; none for `UserInfo` alone.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The S256 challenge (RFC 7636 section 4.2), `None` only where the client's policy asks for none.
    pub code_challenge: Option<String>,
    /// The thumbprint of the key that must be shown for the code (RFC 9449 section 10).
    #[serde(default)]
    pub dpop_jkt: Option<String>,
    /// The lowest level that satisfies both the client's registration and the request's `acr_values`.
    pub level: Level,
    /// The levels of which one must be told, where the request says so (`acr` as an essential claim, section 5.5.1.1).
    pub levels: BTreeSet<Level>,
    /// The claims that the first ID token tells too (the `claims` parameter, section 5.5).
    pub in_id_token: Claims,
    /// The single claims that `UserInfo` tells beside those of the scopes (the same parameter).
    #[serde(default)]
    pub in_userinfo: Claims,
    /// For whom the user must have logged in: one of these (`represents` in the same parameter).
    #[serde(default)]
    pub represents: Option<Vec<Represents>>,
    /// For whom the user is to act (`act_as`), where the request says so.
    #[serde(default)]
    pub act_as: Option<ActFor>,
    /// What came of it: whom the user acts for in the answer, or the user themselves. `None` is whom the session is for.
    #[serde(default)]
    pub chosen: Option<PersonId>,
    /// Whether the first ID token tells by what means the user proved who they are (`amr` in the same parameter).
    #[serde(default)]
    pub amr: bool,
    /// Whether `UserInfo` tells BSNs (`bsn` in the same parameter).
    #[serde(default)]
    pub bsn: bool,
    /// Whom the answer must be about.
    pub whom: Whom,
    /// Whether a session may answer.
    pub prompt: Prompt,
    /// Whether the user must agree again to what a portal of somebody else may know (`prompt=consent`).
    #[serde(default)]
    pub asks_consent: bool,
    /// How old, in seconds, the session's login may be.
    pub max_age: Option<i64>,
    /// The wanted languages, best first.
    pub ui_locales: Vec<String>,
    /// An address to fill in for the user.
    pub login_hint: Option<String>,
}

/// For whom the user is to act: the parameter `act_as`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActFor {
    /// Whoever the user chooses, themselves among them.
    Choose,
    /// This person, as the client knows them (`sub`).
    One(String),
}

/// The `prompt` parameter, as far as it changes what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// A session answers when there is one that suffices.
    Unset,
    /// Only a session may answer; without one, `login_required`.
    None,
    /// The user must log in again (`login`, and `select_account`: logging in again is how one selects).
    Login,
}

/// Whom an answer must be about (`id_token_hint`, and `sub` in the `claims` parameter; sections 3.1.2.1 and 5.5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// Anybody.
    #[default]
    Anybody,
    /// Somebody, but nobody can say any more who: no session answers, and whoever logs in anew is taken.
    Unknown,
    /// One of these, as the client knows them (`sub`).
    OneOf(BTreeSet<String>),
}

impl Whom {
    /// Narrows it down to some of `subs`.
    pub fn narrow(&mut self, subs: BTreeSet<String>) {
        *self = match std::mem::take(self) {
            Self::OneOf(already) => Self::OneOf(already.intersection(&subs).cloned().collect()),
            Self::Anybody | Self::Unknown => Self::OneOf(subs),
        };
    }

    /// Whether no user can be meant.
    pub fn is_nobody(&self) -> bool {
        matches!(self, Self::OneOf(subs) if subs.is_empty())
    }
}

impl Ask {
    /// A request that asks for nothing in particular. Nothing is checked here: that the client may be answered there is for
    /// whoever calls it to know.
    pub fn blank(client_id: String, redirect_uri: String) -> Self {
        Self {
            client_id,
            pushed: None,
            redirect_uri,
            response_mode: ResponseMode::default(),
            response_alg: None,
            state: None,
            nonce: None,
            scope: Scopes::default(),
            resources: Vec::new(),
            code_challenge: None,
            dpop_jkt: None,
            level: Level::Local,
            levels: BTreeSet::new(),
            in_id_token: Claims::new(),
            in_userinfo: Claims::new(),
            represents: None,
            act_as: None,
            chosen: None,
            amr: false,
            bsn: false,
            whom: Whom::Anybody,
            prompt: Prompt::Unset,
            asks_consent: false,
            max_age: None,
            ui_locales: Vec::new(),
            login_hint: None,
        }
    }

    /// The level that is told of a login that reached `reached`: the highest of those that the request wants told.
    pub fn level_told(&self, reached: Level) -> Level {
        self.levels.iter().filter(|level| **level <= reached).max().copied().unwrap_or(reached)
    }

    /// Asks for `least` or more. `false` when only lower levels may be told of the login, so that nothing can be.
    pub fn raise(&mut self, least: Level) -> bool {
        let any = self.levels.is_empty();
        self.levels.retain(|level| *level >= least);
        self.level = self.level.max(least).max(self.levels.first().copied().unwrap_or(least));
        any || !self.levels.is_empty()
    }

    /// Whether a login at `level` since `auth_time` is enough at `now` without asking the user anything.
    pub fn is_answered_by(&self, level: Level, auth_time: Timestamp, now: Timestamp) -> bool {
        // No login is young enough for `max_age=0`: it is another word for `prompt=login` (section 3.1.2.1).
        let fresh = self.max_age.is_none_or(|age| age > 0 && now.since(auth_time) <= age);
        self.prompt != Prompt::Login && level >= self.level && fresh
    }

    /// Whether DigiD must ask the user again rather than rely on a session of its own (`ForceAuthn`).
    pub fn forces_login(&self) -> bool {
        self.prompt == Prompt::Login || self.max_age.is_some()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request that asks for nothing in particular.
    pub(crate) fn ask() -> Ask {
        Ask::blank("portal".into(), "https://p.example/cb".into())
    }

    #[test]
    fn an_answer_is_signed_where_the_mode_says_so() {
        let read = ResponseMode::read;
        assert_eq!(read("query"), Some((ResponseMode::Query, false)));
        assert_eq!(read("form_post"), Some((ResponseMode::FormPost, false)));
        assert_eq!((read("jwt"), read("query.jwt")), (Some((ResponseMode::Query, true)), read("jwt")));
        assert_eq!(read("form_post.jwt"), Some((ResponseMode::FormPost, true)));
        for none in ["fragment", "fragment.jwt", ".jwt", "jwt.jwt", "JWT", "query.jwt ", ""] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn a_session_answers_while_it_is_young_enough_and_never_for_max_age_0() {
        let at = Timestamp::from_epoch;
        let answered = |max_age, now| Ask { max_age, ..ask() }.is_answered_by(Level::Local, at(100), at(now));
        assert!(answered(None, 10_000) && answered(Some(60), 160) && !answered(Some(60), 161));
        assert!(!answered(Some(0), 100) && !answered(Some(0), 101));
    }

    #[test]
    fn the_level_told_is_one_of_those_wanted_and_never_above_what_was_reached() {
        let told = |levels: &[Level], reached| {
            Ask { levels: levels.iter().copied().collect(), ..ask() }.level_told(reached)
        };
        assert_eq!(told(&[], Level::Hoog), Level::Hoog);
        assert_eq!(told(&[Level::Local, Level::Midden], Level::Substantieel), Level::Midden);
        assert_eq!(told(&[Level::Midden, Level::Hoog], Level::Substantieel), Level::Midden);
    }

    #[test]
    fn a_request_that_needs_a_level_is_told_no_lower_one() {
        let raised = |level, levels: &[Level]| {
            let mut ask = Ask { level, levels: levels.iter().copied().collect(), ..ask() };
            let can = ask.raise(Level::Midden);
            (can, ask.level, ask.levels.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(raised(Level::Local, &[]), (true, Level::Midden, vec![]));
        assert_eq!(raised(Level::Hoog, &[]), (true, Level::Hoog, vec![]));
        assert_eq!(
            raised(Level::Local, &[Level::Local, Level::Hoog]),
            (true, Level::Hoog, vec![Level::Hoog])
        );
        assert!(!raised(Level::Local, &[Level::Local]).0);
    }

    #[test]
    fn two_wishes_for_a_user_must_agree() {
        let subs = |list: &[&str]| list.iter().map(|sub| (*sub).to_owned()).collect::<BTreeSet<_>>();
        let mut whom = Whom::Unknown;
        whom.narrow(subs(&["a", "b"]));
        whom.narrow(subs(&["b", "c"]));
        assert_eq!(whom, Whom::OneOf(subs(&["b"])));
        assert!(!whom.is_nobody() && !Whom::Unknown.is_nobody());
        whom.narrow(subs(&["a"]));
        assert!(whom.is_nobody());
    }

    #[test]
    fn digid_must_ask_again_when_the_portal_wants_a_login_or_a_young_one() {
        let forces = |prompt, max_age| Ask { prompt, max_age, ..ask() }.forces_login();
        assert!(forces(Prompt::Login, None) && forces(Prompt::Unset, Some(3600)));
        assert!(!forces(Prompt::Unset, None) && !forces(Prompt::None, None));
    }
}
