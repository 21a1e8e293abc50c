//! What the lines before told: who comes twice, and who would have authority over themselves. Bounded by [`MOST_LINES`](super::MOST_LINES); of each
//! is kept a number of eight bytes under a key of this value alone, and of who is born on a day that nobody told before that day.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
};

use crate::domain::{birth::BirthDate, id::PersonId, mandate::Relation};

/// How many people are looked at when a circle is looked for. Authority ends after a step or two: who is under it has none themselves.
const STEPS: usize = 1000;

/// The lines before.
#[derive(Default)]
pub struct Seen {
    key: RandomState,
    lines: HashMap<u64, u64>,
    authority: HashMap<u64, Vec<u64>>,
    births: HashMap<u64, BirthDate>,
}

impl Seen {
    /// Whether an earlier line told of that person: which.
    pub fn person(&mut self, line: u64, bsn: Option<&[u8]>, number: Option<&str>) -> Option<u64> {
        let by_bsn = bsn.and_then(|bsn| self.first(line, ("bsn", bsn)));
        let by_number = number.and_then(|number| self.first(line, ("number", number)));
        by_bsn.or(by_number)
    }

    /// Whether an earlier line told of such a mandate between these two: which.
    pub fn mandate(&mut self, line: u64, who: &PersonId, whom: &PersonId, relation: Relation) -> Option<u64> {
        self.first(line, (who, whom, relation))
    }

    /// Whether an earlier line told another first date of birth of that person.
    pub fn tells_otherwise(&mut self, whom: &PersonId, birth: BirthDate) -> bool {
        *self.births.entry(self.key.hash_one(whom)).or_insert(birth) != birth
    }

    fn first(&mut self, line: u64, what: impl Hash) -> Option<u64> {
        let found = *self.lines.entry(self.key.hash_one(what)).or_insert(line);
        (found != line).then_some(found)
    }

    /// Whether somebody would have authority over who has it over them, by these lines. An express grant is no authority: two adults may give it
    /// to each other (M6).
    pub fn closes_a_circle(&mut self, who: &PersonId, whom: &PersonId, relation: Relation) -> bool {
        if relation == Relation::Authorised {
            return false;
        }
        let (who, whom) = (self.key.hash_one(who), self.key.hash_one(whom));
        let (mut next, mut steps) = (vec![whom], 0);
        while let Some(one) = next.pop() {
            steps += 1;
            if one == who || steps > STEPS {
                return true;
            }
            next.extend(self.authority.get(&one).into_iter().flatten().take(STEPS));
        }
        self.authority.entry(who).or_default().push(whom);
        false
    }
}
