//! The authenticator app (F6; TOTP, RFC 6238) and its recovery codes. Which time step was used last is kept with the account, and
//! moves on by one guarded statement, so that no code works twice.

use std::fmt;

use totp_rs::{Builder, Secret as Key, Totp};
use zeroize::Zeroizing;

use super::{
    code::{CodeFor, tidy},
    email::Email,
    fault::Fault,
    id::random_bytes,
    secret::Secret,
    time::Timestamp,
};

/// How many recovery codes somebody gets.
pub const RECOVERY_CODES: usize = 10;
/// How many wrong codes a login takes; the last ends it.
pub const TRIES: u8 = 5;
/// Bytes of a secret: as many as HMAC-SHA-1 gives (RFC 4226 section 4, R6).
pub const SECRET: usize = 20;

/// What an app and we share. `Debug` prints nothing of it.
#[derive(Clone)]
pub struct AppSecret(Zeroizing<[u8; SECRET]>);

impl AppSecret {
    /// A new one: 160 random bits.
    pub fn random() -> Self {
        Self(Zeroizing::new(random_bytes()))
    }

    /// One that was kept.
    pub fn from_stored(bytes: &[u8]) -> Result<Self, Fault> {
        Ok(Self(Zeroizing::new(bytes.try_into()?)))
    }

    /// Its bytes, to be sealed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// The time step, of 30 seconds, whose code was typed: this one, the one before or the next (RFC 6238 section 5.2).
    pub fn step_of(&self, typed: &Secret, now: Timestamp) -> Option<i64> {
        let now = u64::try_from(now.epoch()).ok()?;
        let step = self.totp(None).ok()?.check(tidy(typed.expose()).expose(), now)?;
        i64::try_from(step).ok()
    }

    /// As somebody types it into an app: base32 in groups of four.
    pub fn shown(&self) -> String {
        let text = Key::from(self.as_bytes()).to_base32();
        text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
    }

    /// As a link that an app opens.
    pub fn link(&self, email: &Email, host: &str) -> Result<String, Fault> {
        Ok(self.totp(Some((email.key(), host)))?.to_url()?)
    }

    fn totp(&self, whose: Option<(&str, &str)>) -> Result<Totp, Fault> {
        let builder = Builder::new().with_secret(Key::from(self.as_bytes()));
        let builder = match whose {
            Some((email, host)) => {
                let plain = |text: &str| text.replace(':', " ");
                builder.with_account_name(plain(email)).with_issuer(Some(plain(host)))
            }
            None => builder,
        };
        Ok(builder.build()?)
    }
}

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppSecret(…)")
    }
}

/// New recovery codes: each stands for the app once. Long, for they work until they are used.
pub fn draw_recovery_codes() -> Vec<Secret> {
    (0..RECOVERY_CODES).map(|_| CodeFor::Recover.draw()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// That of RFC 6238, appendix B: at 1 111 111 109 its code is 081804.
    pub(crate) fn secret() -> AppSecret {
        AppSecret::from_stored(b"12345678901234567890").unwrap()
    }

    /// The last six digits of the eight of RFC 6238, appendix B.
    #[test]
    fn the_codes_of_the_rfc_are_right_in_their_step_and_the_two_beside_it() {
        for (at, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let step = |later| secret().step_of(&Secret::new(code), Timestamp::from_epoch(at + later));
            assert_eq!(step(0), Some(at / 30));
            assert_eq!((step(-30), step(30)), (Some(at / 30), Some(at / 30)));
            assert_eq!((step(-60), step(60)), (None, None));
        }
        let spaced = Secret::new(" 287 082 ");
        assert_eq!(secret().step_of(&spaced, Timestamp::from_epoch(59)), Some(1));
        for none in ["", "28708", "2870820", "abcdef", "287083"] {
            assert_eq!(secret().step_of(&Secret::new(none), Timestamp::from_epoch(59)), None, "{none}");
        }
    }

    #[test]
    fn an_app_can_be_told_the_secret_by_hand_and_by_a_link() {
        assert_eq!(secret().shown(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let email = Email::parse("jansen+kind@x.nl").unwrap();
        let link = secret().link(&email, "[::1]:8080").unwrap();
        assert!(
            link.starts_with("otpauth://totp/") && link.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
        );
        assert_eq!(format!("{:?}", secret()), "AppSecret(…)");
    }

    #[test]
    fn ten_recovery_codes_are_drawn_and_no_two_are_the_same() {
        let codes = draw_recovery_codes();
        let different: std::collections::HashSet<_> = codes.iter().map(Secret::expose).collect();
        assert_eq!((codes.len(), different.len()), (10, 10));
    }
}
