//! Mailed codes: ten minutes, five tries, single use, bound to one login (F5).

use serde::{Deserialize, Serialize};

use super::{id::random_below, secret::Secret, time::Timestamp};

/// How long a code works, in seconds.
pub const LIFE: i64 = 600;
/// How many tries a code allows.
const TRIES: u8 = 5;
/// How many wrong tries a login allows, over all its codes; one more ends it.
const TRIES_OF_A_LOGIN: u8 = 9;
/// How many codes one login mails at most.
const MAILS_OF_A_LOGIN: u8 = 5;
/// Seconds between two mails of one login.
const BETWEEN_MAILS: i64 = 20;
/// What people can read and type without mistaking one for another; no vowels, so that no words come out.
const LETTERS: &[u8; 23] = b"BCDFGHJKLMNPQRTVWXY3479";
/// How many letters a long code has: 45 bits.
const LONG: usize = 10;

/// What a mailed code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeFor {
    /// To log in, after the right password.
    LogIn,
    /// To link DigiD, after the right password.
    Link,
    /// To make an account: the address is proven.
    Register,
    /// To replace a forgotten password.
    Recover,
}

impl CodeFor {
    /// Whether anybody can ask for it, without knowing a password.
    pub const fn is_unasked(self) -> bool {
        matches!(self, Self::Register | Self::Recover)
    }

    /// A random code. After a password six digits do (F5). Where the code stands alone it is longer: who begins at a hundred
    /// thousand addresses and guesses ten times at each would find one code of six digits, and with it replace somebody's
    /// password, or hold an account with somebody's verified address.
    pub fn draw(self) -> Secret {
        if self.is_unasked() { draw_long() } else { Secret::new(format!("{:06}", random_below(1_000_000))) }
    }
}

/// A random code that stands alone, of letters and digits that nobody mistakes for one another.
pub fn draw_long() -> Secret {
    Secret::new(letters(LONG))
}

/// What a person typed: small letters are as good as capitals, and whatever the mail or habit puts between the
/// characters does not count.
pub fn tidy(typed: &str) -> Secret {
    let plain = typed.chars().filter(char::is_ascii_alphanumeric).take(16);
    Secret::new(plain.map(|c| c.to_ascii_uppercase()).collect::<String>())
}

/// Three characters that tell one mail from another; not a secret.
pub fn draw_reference() -> String {
    letters(3)
}

fn letters(count: usize) -> String {
    let letter = || LETTERS.get(random_below(23) as usize).copied().map_or('X', char::from);
    (0..count).map(|_| letter()).collect()
}

/// A code that was mailed, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentCode {
    /// Its keyed hash. Empty when no code can be right: the page must look the same for an address that has no account.
    hash: Vec<u8>,
    /// What mail and page call it.
    pub reference: String,
    sent: Timestamp,
    wrong: u8,
    wrong_in_login: u8,
    mails: u8,
    /// Whether it was right once: somebody acts on it.
    spent: bool,
}

/// Why a code was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongCode {
    /// It is not the code.
    Again {
        /// Tries left for this code.
        left: u8,
    },
    /// The code has ended, by time or by tries: a new one may be asked for.
    Ended,
}

/// Why no new code is mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoResend {
    /// Wait so many seconds.
    Wait(i64),
    /// This login has had its share.
    NoMore,
}

impl SentCode {
    /// The first code of a login. `hash` is its keyed hash; empty for a code that can never be right.
    pub fn first(hash: Vec<u8>, reference: String, now: Timestamp) -> Self {
        Self { hash, reference, sent: now, wrong: 0, wrong_in_login: 0, mails: 1, spent: false }
    }

    /// A newer code, which replaces this one.
    pub fn resend(&self, hash: Vec<u8>, reference: String, now: Timestamp) -> Result<Self, NoResend> {
        if self.mails >= MAILS_OF_A_LOGIN {
            return Err(NoResend::NoMore);
        }
        match now.since(self.sent) {
            waited if waited < BETWEEN_MAILS => Err(NoResend::Wait(BETWEEN_MAILS - waited)),
            _ => Ok(Self {
                hash,
                reference,
                sent: now,
                wrong: 0,
                wrong_in_login: self.wrong_in_login,
                mails: self.mails + 1,
                spent: false,
            }),
        }
    }

    /// Marks a right code, before anything is done for it.
    pub fn spend(&mut self) {
        self.spent = true;
    }

    /// Whether it was right once: it never is again.
    pub fn is_spent(&self) -> bool {
        self.spent
    }

    /// Whether this is a code that can never be right.
    pub fn is_hollow(&self) -> bool {
        self.hash.is_empty()
    }

    /// Tries a code by its keyed hash, and counts. The caller must keep what this changed before it acts on the answer.
    pub fn attempt(&mut self, offered: &[u8], now: Timestamp) -> Result<(), WrongCode> {
        let live = self.wrong < TRIES && now.since(self.sent) < LIFE;
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(&self.hash, offered).is_ok();
        if live && same && !self.spent && !self.is_hollow() {
            return Ok(());
        }
        self.wrong = self.wrong.saturating_add(1);
        self.wrong_in_login = self.wrong_in_login.saturating_add(1);
        if live && self.wrong < TRIES {
            Err(WrongCode::Again { left: TRIES - self.wrong })
        } else {
            Err(WrongCode::Ended)
        }
    }

    /// Whether its login has seen too many wrong tries, over all its codes: then it ends.
    pub fn ends_login(&self) -> bool {
        self.wrong_in_login > TRIES_OF_A_LOGIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_epoch(seconds)
    }

    fn sent() -> SentCode {
        SentCode::first(vec![1], "K7Q".into(), at(0))
    }

    #[test]
    fn the_right_code_works_until_the_last_second_and_no_longer() {
        // Ten minutes (F5), and not what a constant says.
        assert_eq!(sent().attempt(&[1], at(599)), Ok(()));
        assert_eq!(sent().attempt(&[1], at(600)), Err(WrongCode::Ended));
    }

    #[test]
    fn after_five_wrong_tries_even_the_right_code_fails() {
        let mut code = sent();
        let tries: Vec<_> = (0..5).map(|_| code.attempt(&[2], at(1)).unwrap_err()).collect();
        let left = |left| WrongCode::Again { left };
        assert_eq!(tries, [left(4), left(3), left(2), left(1), WrongCode::Ended]);
        assert_eq!(code.attempt(&[1], at(1)), Err(WrongCode::Ended));
    }

    #[test]
    fn the_tenth_wrong_try_over_all_codes_ends_the_login() {
        let mut code = sent();
        for _ in 0..5 {
            code.attempt(&[2], at(1)).unwrap_err();
        }
        let mut newer = code.resend(vec![3], "ABC".into(), at(30)).unwrap();
        let older = newer.attempt(&[1], at(30));
        assert_eq!(older, Err(WrongCode::Again { left: 4 }), "the older code is dead");
        for _ in 0..3 {
            newer.attempt(&[2], at(30)).unwrap_err();
        }
        assert!(!newer.ends_login());
        newer.attempt(&[2], at(30)).unwrap_err();
        assert!(newer.ends_login());
    }

    #[test]
    fn mails_are_spaced_and_counted() {
        let mut code = sent();
        assert_eq!(code.resend(vec![2], String::new(), at(5)), Err(NoResend::Wait(15)));
        assert_eq!(code.resend(vec![2], String::new(), at(19)), Err(NoResend::Wait(1)));
        assert!(code.resend(vec![2], String::new(), at(20)).is_ok());
        for n in 1..i64::from(MAILS_OF_A_LOGIN) {
            code = code.resend(vec![2], String::new(), at(n * 100)).unwrap();
        }
        assert_eq!(code.resend(vec![2], String::new(), at(10_000)), Err(NoResend::NoMore));
    }

    #[test]
    fn a_hollow_code_is_never_right() {
        assert_eq!(
            SentCode::first(vec![], String::new(), at(0)).attempt(&[], at(1)),
            Err(WrongCode::Again { left: 4 })
        );
    }

    #[test]
    fn six_digits_after_a_password_and_ten_letters_where_the_code_stands_alone() {
        for what in [CodeFor::LogIn, CodeFor::Link] {
            let code = what.draw();
            assert!(code.expose().len() == 6 && code.expose().bytes().all(|b| b.is_ascii_digit()));
        }
        for what in [CodeFor::Register, CodeFor::Recover] {
            let code = what.draw();
            assert!(code.expose().len() == 10 && code.expose().bytes().all(|b| LETTERS.contains(&b)));
            assert_eq!(tidy(&code.expose().to_lowercase()).expose(), code.expose());
        }
        assert_eq!(tidy(" 482 913\u{a0}").expose(), "482913");
        assert_eq!(tidy("kdfhg-kmnp3.").expose(), "KDFHGKMNP3");
        assert_eq!(draw_reference().len(), 3);
    }

    #[test]
    fn every_letter_is_drawn_and_no_other() {
        let drawn: std::collections::BTreeSet<u8> = letters(2000).into_bytes().into_iter().collect();
        assert_eq!(drawn, LETTERS.iter().copied().collect());
    }

    #[test]
    fn a_spent_code_is_never_right_again_and_a_newer_one_is() {
        let at = Timestamp::from_epoch;
        let mut code = SentCode::first(vec![1], "K7Q".into(), at(0));
        assert_eq!(code.attempt(&[1], at(1)), Ok(()));
        code.spend();
        assert!(code.is_spent() && code.attempt(&[1], at(1)).is_err());
        let mut newer = code.resend(vec![2], "K7R".into(), at(60)).unwrap();
        assert!(!newer.is_spent() && newer.attempt(&[2], at(61)).is_ok());
    }
}
