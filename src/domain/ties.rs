//! Whose files a member of staff keeps out of at the desk, as far as their own account shows who they are (`docs/adr/0041`).

use super::id::PersonId;

/// Why a member keeps out of somebody's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// It is their own, or that of somebody they act or acted for: they know that. A block changes nothing of what they are told.
    Theirs,
    /// They are or were kept out of it, and nothing else ties the two: to say so would tell of the block (M9).
    KeptOut,
}

/// Whom the owner of an account has to do with.
#[derive(Debug, Default)]
pub struct Ties {
    theirs: Vec<PersonId>,
    kept_out: Vec<PersonId>,
}

impl Ties {
    /// Of somebody who is `own`, acts or acted for those, and is or was kept out of the files of these.
    pub fn new(own: PersonId, acts_for: Vec<PersonId>, kept_out: Vec<PersonId>) -> Self {
        let mut theirs = acts_for;
        theirs.push(own);
        Self { theirs, kept_out }
    }

    /// How they have to do with one of these; `None`: with nobody of them.
    pub fn of(&self, people: &[&str]) -> Option<Tie> {
        let among = |some: &[PersonId]| some.iter().any(|one| people.contains(&one.as_str()));
        if among(&self.theirs) {
            Some(Tie::Theirs)
        } else if among(&self.kept_out) {
            Some(Tie::KeptOut)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_who_is_known_to_act_for_somebody_changes_nothing_of_what_they_are_told() {
        let id = |id: &str| PersonId::from_stored(id.to_owned());
        let ties = |kept_out: &[&str]| {
            Ties::new(id("me"), vec![id("child")], kept_out.iter().map(|one| id(one)).collect())
        };
        for kept_out in [&[][..], &["child"]] {
            for whom in ["me", "child"] {
                assert_eq!(ties(kept_out).of(&["somebody", whom]), Some(Tie::Theirs), "{whom}");
            }
            assert_eq!(ties(kept_out).of(&["somebody"]), None);
        }
        assert_eq!(ties(&["other"]).of(&["other"]), Some(Tie::KeptOut));
        assert_eq!(ties(&["other"]).of(&["other", "child"]), Some(Tie::Theirs));
    }
}
