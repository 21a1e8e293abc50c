//! What can be told of a log that is not as it was written.

use std::fmt;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// About the lines of a node, from one to another.
    Lines {
        /// Of which node.
        node: String,
        /// The first of them.
        from: i64,
        /// The last of them.
        to: i64,
        /// What is wrong with each.
        wrong: Wrong,
    },
    /// A checkpoint that was kept elsewhere was not signed here.
    Kept,
    /// The name of that pseudonym was not written here.
    Name(String),
    /// The name of that pseudonym is gone, and no line says that it was erased.
    Nameless(String),
}

impl Finding {
    pub(super) fn lines(node: &str, (from, to): (i64, i64), wrong: Wrong) -> Self {
        Self::Lines { node: node.to_owned(), from, to, wrong }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines { node, from, to, wrong } if from == to => {
                write!(f, "node {node} line {from} {wrong}")
            }
            Self::Lines { node, from, to, wrong } => {
                write!(f, "node {node} lines {from} to {to}: each {wrong}")
            }
            Self::Kept => write!(f, "a checkpoint that was kept was not signed here, or was altered"),
            Self::Name(pseudonym) => write!(f, "pseudonym {pseudonym}: its name was altered or forged"),
            Self::Nameless(pseudonym) => write!(
                f,
                "pseudonym {pseudonym}: its name was removed, and no line says that it was forgotten"
            ),
        }
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It says something else than was written, or was not written by us.
    Altered,
    /// Its neighbour is another one than when it was written.
    Moved,
    /// It is not there.
    Removed,
    /// It is not there, at the end.
    Cut,
    /// Nothing accounts for it.
    Behind,
    /// The head says something else than it, the last line.
    Head,
    /// Its chain has no head.
    NoHead,
    /// Its checkpoint was signed by somebody else, or moved.
    Forged,
    /// Its checkpoint was made of another one.
    Rewritten,
    /// Its checkpoint is not there.
    Unmarked,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Altered => "was altered, moved here, or inserted",
            Self::Moved => "does not follow the line before it: one of the two is of another copy of the log",
            Self::Removed => "was removed",
            Self::Cut => "was cut off",
            Self::Behind => {
                "stands behind the head of the chain: the line was inserted, or the head was set back"
            }
            Self::Head => "is not what the head of the chain says: the head was altered",
            Self::NoHead => "is of a chain whose head is gone",
            Self::Forged => "has a checkpoint that was not signed here, or was altered",
            Self::Rewritten => "is not the line of which the checkpoint was made: the log was written anew",
            Self::Unmarked => "had a checkpoint, which was removed",
        })
    }
}
