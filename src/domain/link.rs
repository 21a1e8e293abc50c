//! Whether a DigiD may be tied to an account that exists (F9, `docs/adr/0010`).

use super::{
    birth::{BirthDate, DECIDES_ALONE, may_log_in},
    time::Timestamp,
};

/// Whom the desk knows by DigiD's BSN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nobody.
    Nobody,
    /// The account's own person.
    Owner,
    /// Somebody else, born then as far as known: linking would make the two one person.
    Another(Option<BirthDate>),
}

/// Why a DigiD and an account stay apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotLinked {
    /// DigiD's person is, or may be, under 16 and not known to own the account: whoever does would log in as the child.
    ChildsDigid,
    /// The account's person is, or may be, under 16, and nobody knows that this is their DigiD: else a parent could tie
    /// their own to a child's account through a shared mailbox.
    ChildsAccount,
    /// Two dates of birth that differ are two people.
    BornApart,
    /// The account's own person is under 12 (M13).
    TooYoung,
    /// The store knows them as two: another account or another BSN, or a mandate or a block between them.
    AnotherPerson,
}

impl NotLinked {
    /// The stable word of the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChildsDigid => "childs_digid",
            Self::ChildsAccount => "childs_account",
            Self::BornApart => "born_apart",
            Self::TooYoung => "too_young",
            Self::AnotherPerson => "another_person",
        }
    }
}

/// Whether an account whose person was born at `owner`, as far as known, may take the DigiD of whom the desk knows.
pub fn may_link(owner: Option<BirthDate>, digid: Known, now: Timestamp) -> Result<(), NotLinked> {
    let is_child =
        |born: Option<BirthDate>| born.is_some_and(|born| !born.has_surely_turned(DECIDES_ALONE, now));
    match digid {
        Known::Owner if may_log_in(owner, now) => Ok(()),
        Known::Owner => Err(NotLinked::TooYoung),
        // First, because the person who is told so has proven to be the child.
        Known::Another(born) if is_child(born) => Err(NotLinked::ChildsDigid),
        _ if is_child(owner) => Err(NotLinked::ChildsAccount),
        Known::Another(Some(born)) if owner.is_some_and(|owner| owner != born) => Err(NotLinked::BornApart),
        Known::Nobody | Known::Another(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On 1 July 2026.
    fn linked(owner: &str, digid: Known) -> Result<(), NotLinked> {
        may_link(owner.parse().ok(), digid, Timestamp::parse_rfc3339("2026-07-01T09:00:00Z").unwrap())
    }

    fn another(born: &str) -> Known {
        Known::Another(born.parse().ok())
    }

    #[test]
    fn a_childs_digid_goes_to_no_account_but_their_own() {
        for owner in ["", "1985-01-01", "2012-05-05"] {
            for born in ["2012-05-05", "2010-07-02", "2010-07", "2010"] {
                assert_eq!(linked(owner, another(born)), Err(NotLinked::ChildsDigid), "{owner} {born}");
            }
        }
        assert_eq!(linked("", another("2010-07-01")), Ok(()), "sixteen today");
        assert_eq!(linked("2012-05-05", Known::Owner), Ok(()));
        assert_eq!(linked("2018-05-05", Known::Owner), Err(NotLinked::TooYoung));
    }

    #[test]
    fn a_childs_account_takes_no_digid_but_their_own() {
        for digid in [Known::Nobody, another(""), another("1985-01-01")] {
            assert_eq!(linked("2012-05-05", digid), Err(NotLinked::ChildsAccount), "{digid:?}");
            assert_eq!(linked("2010-07", digid), Err(NotLinked::ChildsAccount), "{digid:?}");
        }
    }

    #[test]
    fn grown_ups_are_kept_apart_only_by_their_dates_of_birth() {
        assert_eq!(linked("1985-01-01", another("1986-01-01")), Err(NotLinked::BornApart));
        assert_eq!(linked("1985", another("1985-01-01")), Err(NotLinked::BornApart));
        for (owner, digid) in [("", "1985"), ("1985", ""), ("1985", "1985"), ("", "")]
            .map(|(owner, born)| (owner, another(born)))
        {
            assert_eq!(linked(owner, digid), Ok(()), "{owner} {digid:?}");
        }
        assert_eq!(linked("1985", Known::Nobody), Ok(()));
    }

    #[test]
    fn each_reason_has_its_word_in_the_audit_log() {
        let words = [
            (NotLinked::ChildsDigid, "childs_digid"),
            (NotLinked::ChildsAccount, "childs_account"),
            (NotLinked::BornApart, "born_apart"),
            (NotLinked::TooYoung, "too_young"),
            (NotLinked::AnotherPerson, "another_person"),
        ];
        for (why, word) in words {
            assert_eq!(why.as_str(), word);
        }
    }
}
