//! Texts that people type for people: one line, not too long, nothing that moves a cursor.

/// The most characters of a line.
const LONGEST: usize = 200;

/// A text that is missing, too long, or more than a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write something on one line of at most 200 characters")]
pub struct NotALine;

/// The text without spaces around it.
pub fn one_line(text: &str) -> Result<String, NotALine> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(NotALine) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_some_text_of_at_most_200_characters_without_controls() {
        assert_eq!(one_line(" art. 1:247 BW ").as_deref(), Ok("art. 1:247 BW"));
        assert!(one_line(&"é".repeat(200)).is_ok());
        for bad in ["", "  ", "a\nb", "\u{1b}[2J", &"x".repeat(201)] {
            assert_eq!(one_line(bad), Err(NotALine), "{bad:?}");
        }
    }
}
