//! The storyteller: one line a hop. Of an address it prints the names of its parameters, never their values, and the
//! start of an id, so that no code, token or BSN reaches the screen.

use std::io::{self, Write};

use url::Url;

use super::Halt;

/// How long a piece of a path may be before it is taken for an id.
const LONGEST_WORD: usize = 16;
/// How much of an id is shown.
const SHOWN: usize = 4;

/// Writes the story down, and knows at which hop it is.
pub struct Tell<'w> {
    out: &'w mut dyn Write,
    colour: bool,
    houses: Vec<(u16, &'static str)>,
    sections: u32,
    hops: u32,
    last: String,
}

impl<'w> Tell<'w> {
    /// A storyteller who knows each server by its port. `colour` for a terminal.
    pub fn new(out: &'w mut dyn Write, colour: bool, houses: Vec<(u16, &'static str)>) -> Self {
        Self { out, colour, houses, sections: 0, hops: 0, last: "the start".to_owned() }
    }

    /// Begins a part of the story.
    pub fn section(&mut self, title: &str) -> io::Result<()> {
        self.sections += 1;
        let title = self.paint("1", &format!("{}. {title}", self.sections));
        writeln!(self.out, "\n{title}")
    }

    /// What somebody does next.
    pub fn does(&mut self, what: &str) -> io::Result<()> {
        let what = self.paint("36", what);
        writeln!(self.out, "     {what}")
    }

    /// One request and its answer: `after` is where the answer leads, or what it shows.
    pub fn hop(&mut self, method: &str, url: &Url, status: u16, after: &After<'_>) -> io::Result<()> {
        self.hops += 1;
        let house = self.house(url);
        let place = place(url);
        let told = match after {
            After::Leads(to) if to.origin() == url.origin() => format!("→ {status} {}", self::place(to)),
            After::Leads(to) => format!("→ {status} {} {}", self.house(to), self::place(to)),
            After::Shows("") => format!("→ {status}"),
            After::Shows(heading) => format!("→ {status} “{heading}”"),
            After::Gives(what) => format!("→ {status} {what}"),
        };
        self.last = format!("{method} {place} {told}");
        let number = self.paint("2", &format!("{:>3}", self.hops));
        writeln!(self.out, "{number}  {house:<8}{method:<5}{place:<29} {told}")
    }

    /// Something that is as it should be.
    pub fn right(&mut self, what: &str) -> io::Result<()> {
        let tick = self.paint("32", "✓");
        writeln!(self.out, "   {tick} {what}")
    }

    /// Something that must be so after the last hop, or the walk stops there.
    pub fn check(&mut self, holds: bool, what: &str, found: impl FnOnce() -> String) -> Result<(), Halt> {
        if holds { Ok(self.right(what)?) } else { Err(self.halt(&format!("that {what}"), &found())) }
    }

    /// A text as it is, such as JSON.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// The walk stops at the last hop.
    pub fn halt(&self, expected: &str, found: &str) -> Halt {
        Halt::Differs {
            number: self.hops,
            hop: self.last.clone(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }

    /// How many hops there were.
    pub fn hops(&self) -> u32 {
        self.hops
    }

    fn house(&self, url: &Url) -> &'static str {
        let port = url.port_or_known_default();
        self.houses.iter().find(|(known, _)| Some(*known) == port).map_or("?", |(_, name)| name)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// What came after a request.
pub enum After<'a> {
    /// It leads elsewhere.
    Leads(&'a Url),
    /// A page with this heading.
    Shows(&'a str),
    /// Something else than a page.
    Gives(&'a str),
}

/// Path and names of parameters, ids shortened.
fn place(url: &Url) -> String {
    let pieces: Vec<String> = url.path().split('/').map(short).collect();
    let names: Vec<String> = url.query_pairs().map(|(name, _)| format!("{name}=…")).collect();
    let query = match names.as_slice() {
        [] => String::new(),
        [one] => format!("?{one}"),
        [one, ..] => format!("?{one}&…"),
    };
    format!("{}{query}", pieces.join("/"))
}

/// A word as it is; of an id, the start.
pub fn short(piece: &str) -> String {
    if piece.starts_with(".well-known")
        || piece.starts_with("openid-")
        || piece.chars().count() <= LONGEST_WORD
    {
        piece.to_owned()
    } else {
        piece.chars().take(SHOWN).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_no_code_token_or_id() {
        let mut out = vec![];
        let mut tell = Tell::new(&mut out, false, vec![(8080, "namens"), (8082, "portal")]);
        let at = Url::parse("http://127.0.0.1:8080/login/Zr1kq0c8d7f6e5d4c3/continue").unwrap();
        let to = Url::parse("http://127.0.0.1:8082/callback?code=SECRET&state=HIDDEN&iss=x").unwrap();
        tell.hop("POST", &at, 303, &After::Leads(&to)).unwrap();
        let halt = tell.halt("a page", "there is none").to_string();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("namens  POST /login/Zr1k…/continue"), "{text}");
        assert!(text.contains("→ 303 portal /callback?code=…&…"), "{text}");
        assert!(!text.contains("SECRET") && !text.contains("HIDDEN") && !text.contains("kq0c8d7"), "{text}");
        assert_eq!(
            halt,
            "stopped at hop 1, POST /login/Zr1k…/continue → 303 portal /callback?code=…&…: \
             expected a page, but there is none"
        );
    }
}
