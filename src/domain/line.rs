//! Texts that people type for people: one line, not too long, nothing that moves a cursor.

/// The most characters of a line.
const LONGEST: usize = 200;

/// What turns the direction of the text around it (Unicode Standard Annex 9, section 2): a name with one would make a sentence of
/// ours read otherwise.
const TURNS: [char; 9] = [
    '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}',
    '\u{2069}',
];

/// A text that is missing, too long, or more than a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write something on one line of at most 200 characters")]
pub struct NotALine;

/// Whether a letter ends a line, moves a cursor or turns the direction of text. U+2028 and U+2029 end a line and are no control characters
/// (Unicode Standard Annex 14).
pub fn moves(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || TURNS.contains(&c)
}

/// The text without white space around it.
pub fn one_line(text: &str) -> Result<String, NotALine> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(moves);
    if fits { Ok(text.to_owned()) } else { Err(NotALine) }
}

/// What is no name of a member of staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "name the member of staff on one line of at most 200 characters, in letters a to z without accents, digits, spaces and \
     . - _ ' @: so that nobody is two people by writing it differently"
)]
pub struct NotStaff;

/// The name of a member of staff as it is compared and kept: small letters, single spaces, and ASCII only. What is written
/// alike is one person, in every database and on every machine; the rest of Unicode has many ways to write alike.
pub fn staff(name: &str) -> Result<String, NotStaff> {
    let folded = name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || " .-_'@".contains(c);
    let named = folded.chars().any(|c| c.is_ascii_alphanumeric());
    if named && name.len() <= LONGEST && folded.chars().all(plain) { Ok(folded) } else { Err(NotStaff) }
}

/// What the name of a program begins with. No name of a member of staff has a colon.
const PROGRAM: &str = "client:";

/// The name by which the program of that `client_id` does what members of staff do. No member of staff can have it, whatever they
/// are called.
pub fn program(client_id: &str) -> String {
    format!("{PROGRAM}{client_id}")
}

/// The `client_id` of the program that has this name; `None` of a member of staff.
pub fn program_of(name: &str) -> Option<&str> {
    name.strip_prefix(PROGRAM)
}

/// What the name of somebody who works at the desk with an account begins with.
const MEMBER: &str = "member:";

/// Through what they do so, in the log: no client can be called so, as `:` stands in no `client_id`.
const DESK: &str = "namens:desk";

/// The name by which the owner of that account does what members of staff do at the desk. Nobody who is named at a command can have it.
pub fn member(account: &str) -> String {
    format!("{MEMBER}{account}")
}

/// The account of who works at the desk under this name.
pub fn member_of(name: &str) -> Option<&str> {
    name.strip_prefix(MEMBER)
}

/// Through what somebody of this name acts: the program itself, or the desk; nothing where a command was typed.
pub fn through(name: &str) -> Option<&str> {
    program_of(name).or_else(|| member_of(name).map(|_| DESK))
}

/// Who runs the service, as lines about clients and keys name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator<'a> {
    /// A member of staff who typed a command, by the name that [`staff`] gives.
    Staff(&'a str),
    /// A program at the admin API, by its `client_id`.
    Program(&'a str),
}

impl<'a> Operator<'a> {
    /// The name of who did it.
    pub const fn name(self) -> &'a str {
        let (Self::Staff(name) | Self::Program(name)) = self;
        name
    }

    /// The client through which it was done: none where a command was typed.
    pub const fn client(self) -> Option<&'a str> {
        match self {
            Self::Staff(_) => None,
            Self::Program(id) => Some(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_some_text_of_at_most_200_characters_without_controls() {
        assert_eq!(one_line(" art. 1:247 BW ").as_deref(), Ok("art. 1:247 BW"));
        assert!(one_line(&"é".repeat(200)).is_ok());
        for bad in
            ["", "  ", "a\nb", "\u{1b}[2J", "a\u{202e}b", "a\u{2028}b", "\u{2067}a\u{2069}", &"x".repeat(201)]
        {
            assert_eq!(one_line(bad), Err(NotALine), "{bad:?}");
        }
    }

    #[test]
    fn no_member_of_staff_has_the_name_of_a_program() {
        let name = program("root");
        assert_eq!((program_of(&name), staff(&name)), (Some("root"), Err(NotStaff)));
        assert_eq!(staff("root").as_deref().map(program_of), Ok(None));
        let name = member("root");
        assert_eq!((member_of(&name), program_of(&name), staff(&name)), (Some("root"), None, Err(NotStaff)));
        assert_eq!(
            (through(&name), through("client:root"), through("root")),
            (Some(DESK), Some("root"), None)
        );
    }

    #[test]
    fn a_member_of_staff_is_one_name_however_it_is_typed() {
        for name in ["els de vries", "Els de Vries", " ELS  de\tVRIES "] {
            assert_eq!(staff(name).as_deref(), Ok("els de vries"), "{name:?}");
        }
        assert_eq!(staff("J.P. O'Neill-2_x@Zorg.nl").as_deref(), Ok("j.p. o'neill-2_x@zorg.nl"));
        // Capitals, two ways to write one accent, a letter of another script, and one that nobody sees.
        for name in [
            "zo\u{eb}",
            "ZO\u{cb}",
            "zoe\u{308}",
            "\u{435}ls",
            "els\u{200b}",
            "",
            " ",
            ".-",
            &"e".repeat(201),
        ] {
            assert_eq!(staff(name), Err(NotStaff), "{name:?}");
        }
        assert_eq!(staff(&"e".repeat(200)).map(|name| name.len()), Ok(200));
    }
}
