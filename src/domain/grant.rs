//! Grants: what a client was given in a session, and what the refresh tokens that came of it are worth.

use super::{
    assurance::Level,
    client::{Client, ClientAuth},
    id::{AccountId, GrantId, PersonId, SessionId, random},
    profile::Claims,
    scope::Scopes,
    secret::{Hashed, Secret},
    time::Timestamp,
};

/// For so many seconds after its use a refresh token gives the same successor: an answer can get lost on the way.
const REPEAT: i64 = 30;
/// What a refresh token begins with.
const PREFIX: &str = "nms_rt_";
/// How many characters of it are its family's: 128 random bits.
const FAMILY: usize = 22;
/// How many are its own: 256 random bits.
const OWN: usize = 43;

/// One grant: the family of a code, its access tokens and its refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Which.
    pub id: GrantId,
    /// Who was given it.
    pub client_id: String,
    /// Which account gave it.
    pub account: AccountId,
    /// Whose that is.
    pub person: PersonId,
    /// In which session.
    pub sid: SessionId,
    /// What was granted.
    pub scope: Scopes,
    /// The single claims that `UserInfo` tells beside those of the scope (OpenID Connect Core, section 5.5).
    pub claims: Claims,
    /// Whether `UserInfo` was asked for BSNs.
    pub bsn: bool,
    /// The APIs for which it was granted (RFC 8707 section 2.1); none for `UserInfo` alone.
    pub resources: Vec<String>,
    /// For whom, where the request said so: a person for whom the user acts, or the user. `None` is whom the session is for.
    pub chosen: Option<PersonId>,
    /// For which other person its user acts: whom they chose, or the child for whom they logged in. Their portal hears when that ends.
    pub acts_for: Option<PersonId>,
    /// For whom its client was told that its user may act, by `act_as` (`docs/adr/0053`).
    pub told: Vec<PersonId>,
    /// Where its code went.
    pub redirect_uri: String,
    /// The level of the login.
    pub level: Level,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// When it began.
    pub created: Timestamp,
    /// When it ends: with the session, at the latest, unless it outlives that.
    pub ends: Timestamp,
    /// Whether it outlives its session (OpenID Connect Core, section 11).
    pub offline: Option<Offline>,
    /// The thumbprint of the key that must be shown with its refresh tokens, where they are bound to one (RFC 9449 section 5).
    pub dpop_jkt: Option<String>,
    /// The certificate that must be shown with them, where they are bound to one (`x5t#S256`, RFC 8705 section 4).
    pub x5t_s256: Option<String>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// What a grant that outlives its session depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offline {
    /// When the session ends at the latest.
    pub session_ends: Timestamp,
    /// The account's era in which it was given: a later one, begun by a new password, has ended it.
    pub era: i64,
}

impl Grant {
    /// The other person for whom it was given. It is worth something while the user may act for them, and otherwise nothing:
    /// it never becomes the user's own.
    pub fn represented(&self) -> Option<&PersonId> {
        self.chosen.as_ref().filter(|chosen| **chosen != self.person)
    }

    /// What it is worth while its session lives: it ends with that.
    #[must_use]
    pub fn in_session(self) -> Self {
        let ends = self.offline.as_ref().map_or(self.ends, |offline| offline.session_ends);
        Self { ends, ..self }
    }

    /// What it is worth after its session, where it outlives that: nothing of DigiD is left. `era` is that of its account.
    pub fn after_session(self, era: i64) -> Option<Self> {
        let lives = self.offline.as_ref().is_some_and(|offline| offline.era == era);
        lives.then_some(Self { level: Level::Local, ..self })
    }

    /// Whether this is not what a session makes it: then it names nobody for whom its user acts.
    pub fn is_beyond_session(&self) -> bool {
        self.offline.as_ref().is_some_and(|offline| self.ends > offline.session_ends)
    }

    /// Whether it counts at `now`. The session's life is a question of its own.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.ends
    }

    /// Whether its refresh tokens are worth nothing to a thief, so that they stay as they are: its client signs for who it is,
    /// or they are bound to a key (docs/adr/0020-what-is-sender-constrained.md).
    pub fn is_sender_constrained(&self, client: &Client) -> bool {
        let by_key = matches!(
            client.auth,
            ClientAuth::PrivateKeyJwt | ClientAuth::TlsClientAuth | ClientAuth::SelfSignedTlsClientAuth
        );
        by_key || self.dpop_jkt.is_some() || self.x5t_s256.is_some()
    }
}

/// A refresh token. A part of it is its family's and a secret too, so that one that was replaced long ago is known for what
/// it is although only the last two are kept, and nobody can invent one.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    family: Secret,
    text: Secret,
}

impl RefreshToken {
    /// The first of a new family.
    pub fn first() -> Self {
        Self::of(Secret::new(random::<16>()))
    }

    /// The one that takes the place of this one.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self::of(self.family.clone())
    }

    fn of(family: Secret) -> Self {
        Self { text: Secret::token(&format!("{PREFIX}{}", family.expose())), family }
    }

    /// One that was received; `None` when it cannot be one of ours.
    pub fn read(text: &str) -> Option<Self> {
        let (family, own) = text.strip_prefix(PREFIX)?.split_at_checked(FAMILY)?;
        (own.len() == OWN).then(|| Self { family: Secret::new(family), text: Secret::new(text) })
    }

    /// Under what its family is found.
    pub fn family(&self) -> Hashed {
        self.family.hashed()
    }

    /// What is stored instead of it.
    pub fn hashed(&self) -> Hashed {
        self.text.hashed()
    }

    /// The whole token.
    pub fn text(&self) -> &Secret {
        &self.text
    }
}

impl From<RefreshToken> for Secret {
    fn from(token: RefreshToken) -> Self {
        token.text
    }
}

/// A grant and its last two refresh tokens.
#[derive(Debug, Clone)]
pub struct Family {
    /// What was granted.
    pub grant: Grant,
    /// The one refresh token that may still be used.
    pub current: Hashed,
    /// The one before it, when there was one.
    pub replaced: Option<Replaced>,
}

/// A refresh token that the current one has replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Which.
    pub token: Hashed,
    /// When.
    pub at: Timestamp,
    /// The current token, sealed under this one.
    pub successor_sealed: Vec<u8>,
}

/// What a refresh token of a known family is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worth {
    /// It is the current one.
    Good,
    /// It was used a moment ago and its successor, which is sealed in here, was not: the answer got lost.
    Repeat(Vec<u8>),
    /// It was used before: one of two holders is a thief, and nobody can tell which (RFC 9700 section 4.14).
    Replayed,
}

impl Family {
    /// What `token`, which is one of the family's, is worth at `now`.
    pub fn worth(&self, token: &RefreshToken, now: Timestamp) -> Worth {
        if self.current.is_of(&token.text) {
            return Worth::Good;
        }
        match &self.replaced {
            Some(last) if last.token.is_of(&token.text) && now.since(last.at) <= REPEAT => {
                Worth::Repeat(last.successor_sealed.clone())
            }
            _ => Worth::Replayed,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::{client::tests::client, scope::Scope};

    /// A grant of nobody, from second 10 until second 1000.
    pub(crate) fn grant() -> Grant {
        let at = Timestamp::from_epoch;
        Grant {
            id: GrantId::random(),
            client_id: "portal".into(),
            account: AccountId::random(),
            person: PersonId::random(),
            sid: SessionId::random(),
            scope: [Scope::ActAs, Scope::Openid].into(),
            claims: Claims::new(),
            bsn: false,
            resources: vec![],
            chosen: None,
            acts_for: None,
            told: Vec::new(),
            redirect_uri: "https://p.example/cb".into(),
            level: Level::Midden,
            auth_time: at(5),
            created: at(10),
            ends: at(1000),
            offline: None,
            dpop_jkt: None,
            x5t_s256: None,
            revoked_at: None,
        }
    }

    #[test]
    fn who_is_represented_is_somebody_else_than_the_user() {
        let mine = grant();
        let child = PersonId::random();
        assert_eq!(mine.represented(), None);
        assert_eq!(Grant { chosen: Some(mine.person.clone()), ..mine.clone() }.represented(), None);
        assert_eq!(Grant { chosen: Some(child.clone()), ..mine }.represented(), Some(&child));
    }

    #[test]
    fn a_grant_lives_until_its_end_unless_it_is_revoked() {
        let at = Timestamp::from_epoch;
        assert!(grant().is_live(at(999)) && !grant().is_live(at(1000)));
        assert!(!Grant { revoked_at: Some(at(20)), ..grant() }.is_live(at(21)));
    }

    #[test]
    fn refresh_tokens_are_worth_nothing_to_a_thief_where_its_client_signs_or_a_key_is_shown_with_them() {
        let keyed =
            [ClientAuth::PrivateKeyJwt, ClientAuth::TlsClientAuth, ClientAuth::SelfSignedTlsClientAuth];
        for auth in keyed {
            assert!(grant().is_sender_constrained(&Client { auth: auth.clone(), ..client() }), "{auth:?}");
        }
        let secret = || Secret::new("x").hashed().into();
        for auth in [
            ClientAuth::None,
            ClientAuth::ClientSecretBasic(secret()),
            ClientAuth::ClientSecretPost(secret()),
        ] {
            let client = Client { auth, ..client() };
            assert!(!grant().is_sender_constrained(&client), "{:?}", client.auth);
            assert!(Grant { dpop_jkt: Some("x".into()), ..grant() }.is_sender_constrained(&client));
            assert!(Grant { x5t_s256: Some("x".into()), ..grant() }.is_sender_constrained(&client));
        }
    }

    #[test]
    fn what_outlives_its_session_is_local_then_and_only_in_its_era() {
        let at = Timestamp::from_epoch;
        let offline = Some(Offline { session_ends: at(500), era: 3 });
        let long = || Grant { offline: offline.clone(), ..grant() };
        let within = long().in_session();
        assert_eq!((within.ends, within.level, within.is_beyond_session()), (at(500), Level::Midden, false));
        let after = long().after_session(3).unwrap();
        assert_eq!((after.ends, after.level, after.is_beyond_session()), (at(1000), Level::Local, true));
        assert_eq!((long().after_session(4), grant().after_session(3)), (None, None));
        assert_eq!(grant().in_session().ends, at(1000));
        assert!(
            !grant().is_beyond_session() && long().is_beyond_session(),
            "as it is stored it names nobody"
        );
    }

    #[test]
    fn a_successor_is_another_token_of_the_same_family() {
        let first = RefreshToken::first();
        let next = first.successor();
        assert_eq!(first.family(), next.family());
        assert_ne!(first.hashed(), next.hashed());
        assert_ne!(first.family(), RefreshToken::first().family());
        let read = RefreshToken::read(next.text().expose()).unwrap();
        assert_eq!((read.family(), read.hashed()), (next.family(), next.hashed()));
        assert!(Secret::from(read).matches(next.text()), "what goes into the answer");
        assert_eq!(format!("{next:?}"), "RefreshToken { family: Secret(…), text: Secret(…) }");
    }

    #[test]
    fn what_has_not_the_form_of_a_token_is_none() {
        let text = RefreshToken::first().text().expose().to_owned();
        let (long, other) = (format!("{text}x"), text.replacen("nms_rt_", "nms_ac_", 1));
        let (cut, _) = text.split_at(text.len() - 1);
        for bad in ["", "x", "nms_rt_", cut, &long, &other, &format!("nms_rt_{}", "é".repeat(33))] {
            assert!(RefreshToken::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_the_last_two_tokens_are_worth_something_and_the_older_of_them_for_half_a_minute() {
        let at = Timestamp::from_epoch;
        let first = RefreshToken::first();
        let (second, third) = (first.successor(), first.successor());
        let mut family = Family { grant: grant(), current: first.hashed(), replaced: None };
        assert_eq!(family.worth(&first, at(20)), Worth::Good);
        assert_eq!(family.worth(&second, at(20)), Worth::Replayed);
        let mut replace = |old: &RefreshToken, new: &RefreshToken| {
            family.current = new.hashed();
            family.replaced =
                Some(Replaced { token: old.hashed(), at: at(20), successor_sealed: b"sealed".to_vec() });
            family.clone()
        };
        let family = replace(&first, &second);
        assert_eq!(family.worth(&second, at(20)), Worth::Good);
        assert_eq!(family.worth(&first, at(50)), Worth::Repeat(b"sealed".to_vec()));
        assert_eq!(family.worth(&first, at(51)), Worth::Replayed);
        let family = replace(&second, &third);
        assert_eq!(family.worth(&first, at(20)), Worth::Replayed, "its successor was used");
    }
}
