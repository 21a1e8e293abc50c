//! A login that waits for a code of the authenticator app, or a recovery code (F6).

use serde::{Deserialize, Serialize};

use super::{AsksPassword, Login, NewPassword, Opening, Recovering, Step};
use crate::domain::{authenticator::TRIES, code::WrongCode};

/// A code of the app is asked; when it is right the login goes on as `P`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AppAsked<P> {
    /// Whose app.
    pub opening: Opening,
    /// The name of a browser in which its owner logged in before: what is asked there counts apart.
    #[serde(default)]
    pub known_browser: Option<String>,
    wrong: u8,
    pub(super) then: P,
}

impl<P> AppAsked<P> {
    const fn new(opening: Opening, known_browser: Option<String>, then: P) -> Self {
        Self { opening, known_browser, wrong: 0, then }
    }
}

impl<P> Login<AppAsked<P>> {
    /// The code was right, and was spent.
    pub fn right(self) -> Login<P> {
        self.proving(|asked| asked.then)
    }

    /// It was not: what is left, and whether that was one too many, which ends the login.
    pub fn wrong(mut self) -> (Self, WrongCode, bool) {
        self.step.wrong = self.step.wrong.saturating_add(1);
        let left = TRIES.saturating_sub(self.step.wrong);
        (self, WrongCode::Again { left }, left == 0)
    }
}

impl<S: AsksPassword> Login<S> {
    /// The password was right, and the account has an app, whose code is asked in place of a mailed one.
    pub fn opened_with_app(
        self,
        opening: Opening,
        known_browser: Option<String>,
    ) -> Login<AppAsked<S::Then>> {
        self.proving(|step| AppAsked::new(opening.clone(), known_browser, step.opens(opening)))
    }
}

impl Login<Recovering> {
    /// The address is proven, and the account has an app: a mailbox alone replaces no password of such a one (F13). `None` without an
    /// account.
    pub fn proven_but_app(self) -> Option<Login<AppAsked<NewPassword>>> {
        let opening = self.opening()?.clone();
        Some(self.proving(|_| AppAsked::new(opening.clone(), None, NewPassword::by_app(opening))))
    }
}

impl Step {
    /// Whether this step waits for a code of the app.
    pub const fn asks_app(&self) -> bool {
        matches!(self, Self::AppCode(_) | Self::LinkApp(_) | Self::RecoverApp(_))
    }

    /// Whether it does so in a browser in which the app's owner logged in before.
    pub const fn asks_app_of_known_browser(&self) -> bool {
        let known_browser = match self {
            Self::AppCode(asked) => &asked.known_browser,
            Self::LinkApp(asked) => &asked.known_browser,
            Self::RecoverApp(asked) => &asked.known_browser,
            _ => return false,
        };
        known_browser.is_some()
    }
}
