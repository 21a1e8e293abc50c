//! What a client asked for: an authorization request after all its checks (OpenID Connect Core, section 3.1.2.1).

use serde::{Deserialize, Serialize};

use super::{assurance::Level, scope::Scopes, time::Timestamp};

/// A valid authorization request. Made only by `oidc::authorize`, so its redirect URI is registered and may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes: exactly one of the client's registered URIs, or a public client's loopback one with the
    /// port of the moment (RFC 8252 section 7.3).
    pub redirect_uri: String,
    /// Given back untouched.
    pub state: Option<String>,
    /// Given back in the ID token.
    pub nonce: Option<String>,
    /// What is asked for, within what the client may ask for.
    pub scope: Scopes,
    /// The S256 challenge (RFC 7636 section 4.2).
    pub code_challenge: String,
    /// The lowest level that satisfies both the client's registration and the request's `acr_values`.
    pub level: Level,
    /// Whether a session may answer.
    pub prompt: Prompt,
    /// How old, in seconds, the session's login may be.
    pub max_age: Option<i64>,
    /// The wanted languages, best first.
    pub ui_locales: Vec<String>,
    /// An address to fill in for the user.
    pub login_hint: Option<String>,
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

impl Ask {
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
        Ask {
            client_id: "portal".into(),
            redirect_uri: "https://p.example/cb".into(),
            state: None,
            nonce: None,
            scope: Scopes::default(),
            code_challenge: String::new(),
            level: Level::Local,
            prompt: Prompt::Unset,
            max_age: None,
            ui_locales: Vec::new(),
            login_hint: None,
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
    fn digid_must_ask_again_when_the_portal_wants_a_login_or_a_young_one() {
        let forces = |prompt, max_age| Ask { prompt, max_age, ..ask() }.forces_login();
        assert!(forces(Prompt::Login, None) && forces(Prompt::Unset, Some(3600)));
        assert!(!forces(Prompt::Unset, None) && !forces(Prompt::None, None));
    }
}
