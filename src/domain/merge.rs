//! Two accounts of one person become one (F12, `docs/adr/0045`).

use serde::{Deserialize, Serialize};

use super::{
    assurance::Level,
    id::{AccountId, SessionId},
    link::NotLinked,
    own::FRESH,
    proof::Opening,
    session::Session,
    time::Timestamp,
    words::words,
};

words! {
    /// Why two accounts stay two.
    NotMerged {
        /// It is one account.
        Same = "same_account",
        /// Neither is opened by DigiD: nothing says that they are one person's.
        NoDigid = "no_digid",
        /// Each is opened by a DigiD of its own.
        TwoDigids = "two_digids",
        /// DigiD did not come first.
        WithoutDigid = "without_digid",
        /// An owner works at the desk, or did: what was done there must stay theirs.
        Staff = "staff",
        /// One of them is, or may be, a child's.
        Child = "child",
        /// They are known as two people.
        TwoPeople = "two_people",
        /// A proof has ended, or another request was first.
        Late = "late",
    }
}

impl From<NotLinked> for NotMerged {
    fn from(why: NotLinked) -> Self {
        match why {
            NotLinked::ChildsDigid | NotLinked::ChildsAccount | NotLinked::TooYoung => Self::Child,
            NotLinked::BornApart | NotLinked::AnotherPerson => Self::TwoPeople,
        }
    }
}

/// What somebody proved of one account before they log in to the other, in the same browser. It is worth what the session was in which
/// they proved it, and ends with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstProof {
    /// The account, as it was then.
    pub opening: Opening,
    /// In which session.
    pub sid: SessionId,
    /// What the proof is worth.
    pub level: Level,
    /// When it was given.
    pub at: Timestamp,
}

impl FirstProof {
    /// What a session proves of its account; nothing where DigiD did not open it: DigiD comes first, so that the code of the other account
    /// comes last, and its mail says what it does.
    pub fn of(session: &Session) -> Option<Self> {
        session.level.needs_digid().then(|| Self {
            opening: Opening { account: session.account.clone(), era: session.era },
            sid: session.sid.clone(),
            level: session.level,
            at: session.auth_time,
        })
    }

    /// From when on it proves nothing: it is as fresh as whatever changes the ways in takes.
    pub fn ends(&self) -> Timestamp {
        self.at.plus(FRESH)
    }
}

/// One of the two, as it was proven.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Which account.
    pub account: &'a AccountId,
    /// Whether DigiD opens it.
    pub has_digid: bool,
    /// What was proven of it.
    pub level: Level,
}

/// Whether two accounts may become one, as far as their ways in go: the first goes, which DigiD has just opened, and the second remains, with
/// its password, as if its owner had linked DigiD to it at once (F9). The other way round a login that somebody was lured into would do: its
/// code was mailed before anybody spoke of DigiD.
pub fn fit(first: Side<'_>, second: Side<'_>) -> Result<(), NotMerged> {
    if first.account == second.account {
        return Err(NotMerged::Same);
    }
    match (first.has_digid, second.has_digid) {
        (true, false) if first.level.needs_digid() => Ok(()),
        (true, false) | (false, true) => Err(NotMerged::WithoutDigid),
        (true, true) => Err(NotMerged::TwoDigids),
        (false, false) => Err(NotMerged::NoDigid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::tests::session;

    #[test]
    fn what_was_proven_first_is_worth_its_session_and_ten_minutes_from_its_login() {
        let session =
            Session { era: 7, level: Level::Hoog, auth_time: Timestamp::from_epoch(50), ..session() };
        let first = FirstProof::of(&session).unwrap();
        assert_eq!(first.ends(), Timestamp::from_epoch(650));
        assert_eq!(first.opening, Opening { account: session.account, era: 7 });
        assert_eq!((first.sid, first.level, first.at), (session.sid, Level::Hoog, Timestamp::from_epoch(50)));
        assert_eq!(
            FirstProof::of(&Session { level: Level::Local, ..crate::domain::session::tests::session() }),
            None
        );
    }

    #[test]
    fn the_one_with_the_password_remains_and_the_one_with_digid_was_proven_with_it() {
        let (one, other) = (AccountId::from_stored("one"), AccountId::from_stored("other"));
        let side = |account, has_digid, level| Side { account, has_digid, level };
        for level in [Level::Midden, Level::Substantieel, Level::Hoog] {
            let (local, digid) = (side(&one, false, Level::Local), side(&other, true, level));
            assert_eq!(fit(digid, local), Ok(()), "{level:?}");
            assert_eq!(fit(local, digid), Err(NotMerged::WithoutDigid), "DigiD first: {level:?}");
        }
        let (local, weak) = (side(&one, false, Level::Local), side(&other, true, Level::Local));
        assert_eq!(fit(weak, local), Err(NotMerged::WithoutDigid));
        let strong = side(&other, true, Level::Midden);
        assert_eq!(fit(strong, side(&one, true, Level::Midden)), Err(NotMerged::TwoDigids));
        assert_eq!(fit(local, side(&other, false, Level::Local)), Err(NotMerged::NoDigid));
        assert_eq!(fit(strong, strong), Err(NotMerged::Same));
    }

    #[test]
    fn what_keeps_a_digid_from_an_account_keeps_two_accounts_apart() {
        for (why, expected) in [
            (NotLinked::ChildsDigid, NotMerged::Child),
            (NotLinked::ChildsAccount, NotMerged::Child),
            (NotLinked::TooYoung, NotMerged::Child),
            (NotLinked::BornApart, NotMerged::TwoPeople),
            (NotLinked::AnotherPerson, NotMerged::TwoPeople),
        ] {
            assert_eq!(NotMerged::from(why), expected);
        }
    }
}
