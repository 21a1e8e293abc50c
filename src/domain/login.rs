//! A login under way: a value that moves through types. Each step carries its own data and has only its own transitions,
//! so the wrong order does not compile; what is kept between two requests is a [`Login<Step>`].

mod app;
mod chooser;
mod code;
mod consent;
mod digid;
mod email;
mod link;
mod recover;
mod register;

use serde::{Deserialize, Serialize};

pub use self::{
    app::AppAsked,
    chooser::AsksForWhom,
    code::{ByCode, Coded, MailedCode, Tried},
    consent::{AsksConsent, OfSession},
    digid::{AsksDigid, AtDigid, Question, SentRequest, Unknown},
    email::{AsksPassword, ByPassword, LogIn},
    link::{Link, Linking, Pair},
    recover::{NewPassword, RecoverDigid, Recovering},
    register::{Register, Registering},
};
use super::{
    ask::Ask,
    assurance::Level,
    id::{AccountId, LoginId, PersonId},
    merge::FirstProof,
    proof::{Digid, Local, Opening, Proof},
    representation::ParentalAuthority,
    secret::{Hashed, Secret},
    time::Timestamp,
};

/// How long a login may take, in seconds, from the portal's request to its answer.
pub const LIFE: i64 = 1800;

/// A login at step `S`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Login<S = Step> {
    /// Which; it stands in URLs.
    pub id: LoginId,
    /// What the portal asked.
    pub ask: Ask,
    /// The browser it belongs to: the hash of its cookie. Without that cookie it does not exist.
    pub browser: Hashed,
    /// When it ends, however far it got.
    pub ends: Timestamp,
    /// The account of the session that is to be worth more: this login opens no other.
    #[serde(default)]
    pub keeps: Option<AccountId>,
    /// What was proven just before of another account, which is to become one with the account of this login (F12).
    #[serde(default)]
    pub first: Option<FirstProof>,
    /// The hash of its tie: the cookie that this login alone has in its browser, since something was proven in it. Without that
    /// one, too, it does not exist (`docs/adr/0051`).
    #[serde(default)]
    pub tie: Option<Hashed>,
    /// What `tie` becomes if the request that holds this login proves something.
    #[serde(skip)]
    pub fresh: Option<Hashed>,
    /// How far it got.
    pub step: S,
}

/// Every step at which a login can be found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Step {
    /// Choosing a way in.
    Choose(Choose),
    /// Away to DigiD to log in.
    AtDigid(AtDigid<Choose>),
    /// A code was mailed after the right password.
    CodeSent(Coded<LogIn>),
    /// A code of the app is asked after the right password.
    AppCode(AppAsked<LogIn>),
    /// DigiD vouched for somebody we do not know: "Heeft u al een account?"
    Question(Question),
    /// "Ik heb een account".
    Link(Link),
    /// A code was mailed to the account that is to be linked.
    LinkCode(Coded<Linking>),
    /// A code of the app of the account that is to be linked is asked.
    LinkApp(AppAsked<Linking>),
    /// Making an account.
    Register(Register),
    /// A code was mailed to the new account's address.
    RegisterCode(Coded<Registering>),
    /// A code was mailed to somebody who forgot the password.
    RecoverCode(Coded<Recovering>),
    /// The forgotten password's account has DigiD, which must be shown first.
    RecoverDigid(RecoverDigid),
    /// Away to DigiD to show that a forgotten password is one's own.
    RecoverAtDigid(AtDigid<RecoverDigid>),
    /// The forgotten password's account has an app, whose code is asked first.
    RecoverApp(AppAsked<NewPassword>),
    /// May choose a new password.
    NewPassword(NewPassword),
    /// Proven; a word to the user before going back.
    Done(Done),
    /// In; "Voor wie wilt u inloggen?"
    ForWhom(AsksForWhom),
    /// In; a portal of somebody else is not told before the user agrees.
    Consent(AsksConsent),
}

impl Step {
    /// Whether something was proven on the way here: by DigiD, by a password, or by a code that came back. It takes more than
    /// a stranger has, and is counted or queued where it happens, so such a login need not give way to others
    /// (`docs/adr/0017`).
    ///
    /// A code that was only asked for proves nothing, whether or not its address has an account: the answer must not tell.
    pub const fn is_proven(&self) -> bool {
        match self {
            // Of the last two one session makes as many as it likes with requests alone. It stays, and answers the next one.
            Self::Choose(_)
            | Self::AtDigid(_)
            | Self::RecoverCode(_)
            | Self::ForWhom(_)
            | Self::Consent(_) => false,
            Self::Register(register) => register.has_digid(),
            Self::RegisterCode(coded) => coded.then.has_digid(),
            Self::CodeSent(_)
            | Self::Question(_)
            | Self::Link(_)
            | Self::LinkCode(_)
            | Self::RecoverDigid(_)
            | Self::RecoverAtDigid(_)
            | Self::NewPassword(_)
            | Self::AppCode(_)
            | Self::LinkApp(_)
            | Self::RecoverApp(_)
            | Self::Done(_) => true,
        }
    }
}

/// Choosing a way in.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Choose {
    /// What to tell first.
    pub notice: Option<Notice>,
}

/// What a page tells first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// The user cancelled at DigiD.
    DigidCancelled,
    /// The user was to say at DigiD for which child, and named nobody.
    NobodyChosen,
    /// The password was changed; now log in with it.
    PasswordChanged,
}

/// Proven. What it is worth follows from the proofs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Done {
    /// The account that was opened.
    pub opening: Opening,
    /// Whose it is.
    pub person: PersonId,
    digid: Option<Proof<Digid>>,
    local: Option<Proof<Local>>,
    #[serde(default)]
    by_app: bool,
}

impl Done {
    /// The level that the proofs are worth.
    pub fn level(&self) -> Level {
        self.digid.as_ref().map_or(Level::Local, |proof| proof.of().level)
    }

    /// When the user proved who they are (`auth_time`).
    pub fn auth_time(&self) -> Timestamp {
        let at = |digid: &Proof<Digid>| digid.at();
        let local = self.local.as_ref().map_or(Timestamp::from_epoch(0), Proof::at);
        self.digid.as_ref().map_or(local, at)
    }

    /// Whether password and a code of the authenticator app were given here, and nothing less.
    pub const fn is_by_app(&self) -> bool {
        self.by_app
    }

    /// What DigiD vouched for, if it was asked.
    pub fn digid(&self) -> Option<&Proof<Digid>> {
        self.digid.as_ref()
    }

    /// For which child the user logged in, by the word of the register.
    pub fn authority(&self) -> Option<&ParentalAuthority> {
        self.digid.as_ref().and_then(|proof| proof.of().authority.as_ref())
    }

    /// Whether DigiD was linked to an account in this login: the user is told.
    pub fn was_linked(&self) -> bool {
        self.digid.is_some() && self.local.is_some()
    }
}

impl Login<Choose> {
    /// A new login for a valid request of a browser.
    pub fn start(ask: Ask, browser: Hashed, now: Timestamp) -> Self {
        Self {
            id: LoginId::random(),
            ask,
            browser,
            ends: now.plus(LIFE),
            keeps: None,
            first: None,
            tie: None,
            fresh: None,
            step: Choose::default(),
        }
    }

    /// A login that adds to what the session of `account` is worth.
    #[must_use]
    pub fn keeping(self, account: AccountId) -> Self {
        Self { keeps: Some(account), ..self }
    }
}

impl<S> Login<S> {
    fn with<T>(self, next: impl FnOnce(S) -> T) -> Login<T> {
        let Self { id, ask, browser, ends, keeps, first, tie, fresh, step } = self;
        Login { id, ask, browser, ends, keeps, first, tie, fresh, step: next(step) }
    }

    /// The same where something was just proven, and nothing was done for it yet.
    #[must_use]
    pub fn renewed(self) -> Self {
        self.proving(|step| step)
    }

    /// The next step where something was just proven: from here on the login has another tie.
    fn proving<T>(mut self, next: impl FnOnce(S) -> T) -> Login<T> {
        self.tie = self.fresh.take().or(self.tie);
        self.with(next)
    }

    /// The same login as it is kept.
    pub fn any(self) -> Login<Step>
    where
        S: Into<Step>,
    {
        self.with(Into::into)
    }
}

impl Login {
    /// Whether it is found by who brings the browser's cookie and, perhaps, a tie. Where something was proven a tie is always asked, so
    /// that a proof which forgot to draw one is lost, and not given away.
    pub fn is_of(&self, browser: &Secret, tie: Option<&Secret>) -> bool {
        let tied = match (&self.tie, tie) {
            (Some(hash), Some(tie)) => hash.is_of(tie),
            (Some(_), None) => false,
            (None, _) => !self.step.is_proven(),
        };
        self.browser.is_of(browser) && tied
    }
}

macro_rules! steps {
    ($($variant:ident($state:ty)),* $(,)?) => {$(
        impl From<$state> for Step {
            fn from(state: $state) -> Self {
                Self::$variant(state)
            }
        }

        impl TryFrom<Login<Step>> for Login<$state> {
            /// The login as it stands: at another step.
            type Error = Box<Login<Step>>;

            fn try_from(login: Login<Step>) -> Result<Self, Self::Error> {
                let Login { id, ask, browser, ends, keeps, first, tie, fresh, step } = login;
                match step {
                    Step::$variant(step) => {
                        Ok(Login { id, ask, browser, ends, keeps, first, tie, fresh, step })
                    }
                    step => Err(Box::new(Login { id, ask, browser, ends, keeps, first, tie, fresh, step })),
                }
            }
        }
    )*};
}

steps! {
    Choose(Choose),
    AtDigid(AtDigid<Choose>),
    CodeSent(Coded<LogIn>),
    Question(Question),
    Link(Link),
    LinkCode(Coded<Linking>),
    Register(Register),
    RegisterCode(Coded<Registering>),
    RecoverCode(Coded<Recovering>),
    RecoverDigid(RecoverDigid),
    RecoverAtDigid(AtDigid<RecoverDigid>),
    NewPassword(NewPassword),
    Done(Done),
    ForWhom(AsksForWhom),
    Consent(AsksConsent),
    AppCode(AppAsked<LogIn>),
    LinkApp(AppAsked<Linking>),
    RecoverApp(AppAsked<NewPassword>),
}

#[cfg(test)]
mod tests;
