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
        /// The one with DigiD was opened without it.
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
    /// What a session proves of its account.
    pub fn of(session: &Session) -> Self {
        Self {
            opening: Opening { account: session.account.clone(), era: session.era },
            sid: session.sid.clone(),
            level: session.level,
            at: session.auth_time,
        }
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

/// Which of the two remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remains {
    /// The one that was proven first.
    First,
    /// The other.
    Second,
}

/// Which of two accounts remains: the one with the password, to which DigiD is linked, as it would have been had its owner done so at
/// once (F9). Exactly one of them has DigiD, and was proven with it.
pub fn remains(first: Side<'_>, second: Side<'_>) -> Result<Remains, NotMerged> {
    if first.account == second.account {
        return Err(NotMerged::Same);
    }
    let (goes, remains) = match (first.has_digid, second.has_digid) {
        (true, false) => (first, Remains::Second),
        (false, true) => (second, Remains::First),
        (true, true) => return Err(NotMerged::TwoDigids),
        (false, false) => return Err(NotMerged::NoDigid),
    };
    if goes.level.needs_digid() { Ok(remains) } else { Err(NotMerged::WithoutDigid) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::tests::session;

    #[test]
    fn what_was_proven_first_is_worth_its_session_and_ten_minutes_from_its_login() {
        let session =
            Session { era: 7, level: Level::Hoog, auth_time: Timestamp::from_epoch(50), ..session() };
        let first = FirstProof::of(&session);
        assert_eq!(first.ends(), Timestamp::from_epoch(650));
        assert_eq!(first.opening, Opening { account: session.account, era: 7 });
        assert_eq!((first.sid, first.level, first.at), (session.sid, Level::Hoog, Timestamp::from_epoch(50)));
    }

    #[test]
    fn the_one_with_the_password_remains_and_the_one_with_digid_was_proven_with_it() {
        let (one, other) = (AccountId::from_stored("one"), AccountId::from_stored("other"));
        let side = |account, has_digid, level| Side { account, has_digid, level };
        let of = |first, second| remains(first, second);
        for level in [Level::Midden, Level::Substantieel, Level::Hoog] {
            let (local, digid) = (side(&one, false, Level::Local), side(&other, true, level));
            assert_eq!(of(local, digid), Ok(Remains::First), "{level:?}");
            assert_eq!(of(digid, local), Ok(Remains::Second), "{level:?}");
        }
        let (local, weak) = (side(&one, false, Level::Local), side(&other, true, Level::Local));
        assert_eq!(of(local, weak), Err(NotMerged::WithoutDigid));
        assert_eq!(of(weak, local), Err(NotMerged::WithoutDigid));
        let strong = side(&other, true, Level::Midden);
        assert_eq!(of(strong, side(&one, true, Level::Midden)), Err(NotMerged::TwoDigids));
        assert_eq!(of(local, side(&other, false, Level::Local)), Err(NotMerged::NoDigid));
        assert_eq!(of(strong, strong), Err(NotMerged::Same));
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
