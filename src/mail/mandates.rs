//! What the mails about a mandate say: that it has begun, that it will end, that it has. Nothing of care, and of nobody's word but the
//! law's: who agreed or not, and a block, stand in no mail (M9). A child is spoken to as a child.

use askama::Template;

use super::letters::{Circumstances, Letter, letter, on_one_line};
use crate::domain::{
    calendar::told_day,
    lang::Lang,
    mandate::mails::{Cause, What},
    time::Timestamp,
};

/// What is told, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// What.
    pub what: What,
    /// When the mandate ends or has ended; `None` where it has begun.
    pub at: Option<Timestamp>,
    /// Why it ends then.
    pub cause: Cause,
    /// Whether the reader is the one for whom others act.
    pub is_represented: bool,
    /// Whether that one is a child.
    pub is_minor: bool,
    /// What the desk calls the other of the two.
    pub other: &'a str,
}

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Representative,
    Child,
    Adult,
}

#[derive(Template)]
#[template(path = "mail/mandate.txt", escape = "none")]
struct MandateText<'a> {
    c: &'a Circumstances,
    told: &'a Told<'a>,
    reader: Reader,
    other: String,
    day: String,
}

/// To one of the two people of a mandate.
pub fn told(about: &Circumstances, told: &Told<'_>) -> Letter {
    let reader = match (told.is_represented, told.is_minor) {
        (false, _) => Reader::Representative,
        (true, true) => Reader::Child,
        (true, false) => Reader::Adult,
    };
    let subjects = match (told.what, reader) {
        (What::Started, Reader::Representative) => ["Uw machtiging is begonnen", "Your mandate has begun"],
        (What::Ending, Reader::Representative) => {
            ["Uw machtiging stopt binnenkort", "Your mandate will end soon"]
        }
        (What::Ended, Reader::Representative) => ["Uw machtiging is gestopt", "Your mandate has ended"],
        (What::Started, Reader::Child) => {
            ["Een machtiging voor jou is begonnen", "A mandate for you has begun"]
        }
        (What::Started, Reader::Adult) => {
            ["Een machtiging voor u is begonnen", "A mandate for you has begun"]
        }
        (What::Ending, Reader::Child) => {
            ["Een machtiging voor jou stopt binnenkort", "A mandate for you will end soon"]
        }
        (What::Ending, Reader::Adult) => {
            ["Een machtiging voor u stopt binnenkort", "A mandate for you will end soon"]
        }
        (What::Ended, Reader::Child) => ["Een machtiging voor jou is gestopt", "A mandate for you has ended"],
        (What::Ended, Reader::Adult) => ["Een machtiging voor u is gestopt", "A mandate for you has ended"],
    };
    let other = match (on_one_line(told.other).trim(), about.lang) {
        ("", Lang::Nl) => "iemand".to_owned(),
        ("", Lang::En) => "somebody".to_owned(),
        (name, _) => name.to_owned(),
    };
    let day = told.at.map(|at| told_day(at, about.lang)).unwrap_or_default();
    letter(about, &MandateText { c: about, told, reader, other, day }, subjects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::letters::tests::about;

    const AT: &str = "2026-06-30T22:00:00Z";

    fn words(
        lang: Lang,
        what: What,
        cause: Cause,
        (is_represented, is_minor): (bool, bool),
    ) -> (String, String) {
        let at = (what != What::Started).then(|| Timestamp::parse_rfc3339(AT).unwrap());
        let other = if is_represented { "Anna" } else { "Sam" };
        let letter = told(&about(lang), &Told { what, at, cause, is_represented, is_minor, other });
        let lines: Vec<&str> = letter.text.lines().collect();
        assert!(lines.iter().all(|line| *line == line.trim_end()), "{lines:?}");
        assert!(!letter.text.contains("://") && !letter.text.contains("\n\n\n"), "{}", letter.text);
        (letter.subject.to_owned(), letter.text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    const FOOT: &str = "Deze mail is voor uw account Jansen+kind@voorbeeld.nl (Huisarts Zonnedael, 1 juli 2026 om 00:05 uur, \
                        kenmerk K7Q).";
    const CHILDS_FOOT: &str = "Deze mail is voor jouw account Jansen+kind@voorbeeld.nl (Huisarts Zonnedael, 1 juli 2026 om 00:05 \
                               uur, kenmerk K7Q).";
    const ENGLISH_FOOT: &str = "This mail is for your account Jansen+kind@voorbeeld.nl (Huisarts Zonnedael, 1 July 2026 at 00:05, \
                                reference K7Q).";

    /// Who reads: whether others act for them, and whether it is a child for whom they do.
    type Whom = (bool, bool);
    const PARENT: Whom = (false, true);
    const CHILD: Whom = (true, true);
    const GROWN: Whom = (true, false);

    const DUTCH: &[(What, Cause, Whom, &str, &str)] = &[
        (
            What::Started,
            Cause::End,
            PARENT,
            "Uw machtiging is begonnen",
            "U kunt nu inloggen voor Sam. Dat doet u met uw eigen account.",
        ),
        (
            What::Started,
            Cause::End,
            CHILD,
            "Een machtiging voor jou is begonnen",
            "Anna kan nu voor jou inloggen. Wil je dat niet meer? Zeg het aan de balie van je zorgverlener.",
        ),
        (
            What::Started,
            Cause::End,
            GROWN,
            "Een machtiging voor u is begonnen",
            "Anna kan nu voor u inloggen. Wilt u dat niet meer? Zeg het aan de balie van uw zorgverlener.",
        ),
        (
            What::Ending,
            Cause::Twelve,
            PARENT,
            "Uw machtiging stopt binnenkort",
            "Vanaf 1 juli 2026 kunt u niet meer inloggen voor Sam. Vanaf 12 jaar beslist een kind daar zelf over mee. Willen jullie allebei dat u voor Sam blijft inloggen? Zeg dat vanaf die dag samen aan de balie van uw zorgverlener.",
        ),
        (
            What::Ended,
            Cause::Twelve,
            PARENT,
            "Uw machtiging is gestopt",
            "Sinds 1 juli 2026 kunt u niet meer inloggen voor Sam. Vanaf 12 jaar beslist een kind daar zelf over mee. Willen jullie allebei dat u voor Sam blijft inloggen? Zeg dat samen aan de balie van uw zorgverlener.",
        ),
        (
            What::Ending,
            Cause::Twelve,
            CHILD,
            "Een machtiging voor jou stopt binnenkort",
            "Vanaf 1 juli 2026 kan Anna niet meer voor jou inloggen. Vanaf 12 jaar beslis je daar zelf over mee. Mag Anna het van jou wel? Zeg dat vanaf die dag aan de balie van je zorgverlener. Mag het niet? Dan hoef je niets te doen.",
        ),
        (
            What::Ended,
            Cause::Twelve,
            CHILD,
            "Een machtiging voor jou is gestopt",
            "Sinds 1 juli 2026 kan Anna niet meer voor jou inloggen. Vanaf 12 jaar beslis je daar zelf over mee. Mag Anna het van jou wel? Zeg dat aan de balie van je zorgverlener. Mag het niet? Dan hoef je niets te doen.",
        ),
        (
            What::Ending,
            Cause::Sixteen,
            PARENT,
            "Uw machtiging stopt binnenkort",
            "Vanaf 1 juli 2026 kunt u niet meer inloggen voor Sam. Vanaf 16 jaar beslist een kind alleen. Sam kan u vanaf die dag een nieuwe machtiging geven, aan de balie van de zorgverlener.",
        ),
        (
            What::Ended,
            Cause::Sixteen,
            CHILD,
            "Een machtiging voor jou is gestopt",
            "Sinds 1 juli 2026 kan Anna niet meer voor jou inloggen. Vanaf 16 jaar beslis je alleen. Mag Anna het van jou wel? Geef dan zelf een nieuwe machtiging, aan de balie van je zorgverlener. Mag het niet? Dan hoef je niets te doen.",
        ),
        (
            What::Ending,
            Cause::End,
            GROWN,
            "Een machtiging voor u stopt binnenkort",
            "Vanaf 1 juli 2026 kan Anna niet meer voor u inloggen. De machtiging was tot die dag. Is er een nieuwe nodig? Vraag die aan de balie van uw zorgverlener.",
        ),
        (
            What::Ended,
            Cause::End,
            CHILD,
            "Een machtiging voor jou is gestopt",
            "Sinds 1 juli 2026 kan Anna niet meer voor jou inloggen. De machtiging was tot die dag. Je hoeft niets te doen.",
        ),
    ];

    const ENGLISH: &[(What, Cause, Whom, &str, &str)] = &[
        (
            What::Started,
            Cause::End,
            PARENT,
            "Your mandate has begun",
            "You can now log in for Sam. You do so with your own account.",
        ),
        (
            What::Started,
            Cause::End,
            GROWN,
            "A mandate for you has begun",
            "Anna can now log in for you. Do you no longer want that? Say so at the desk of your care provider.",
        ),
        (
            What::Ending,
            Cause::Twelve,
            PARENT,
            "Your mandate will end soon",
            "From 1 July 2026 you can no longer log in for Sam. From the age of 12 a child has a say in that. Do you both want you to go on logging in for Sam? Say so together from that day on at the desk of your care provider.",
        ),
        (
            What::Ended,
            Cause::Twelve,
            CHILD,
            "A mandate for you has ended",
            "Since 1 July 2026 Anna can no longer log in for you. From the age of 12 you have a say in that. Is Anna allowed to, as far as you are concerned? Say so at the desk of your care provider. If not, you need not do anything.",
        ),
        (
            What::Ended,
            Cause::Sixteen,
            PARENT,
            "Your mandate has ended",
            "Since 1 July 2026 you can no longer log in for Sam. From the age of 16 a child decides alone. Sam can give you a new mandate at the desk of the care provider.",
        ),
        (
            What::Ending,
            Cause::Sixteen,
            CHILD,
            "A mandate for you will end soon",
            "From 1 July 2026 Anna can no longer log in for you. From the age of 16 you decide alone. Is Anna allowed to, as far as you are concerned? Then give a new mandate yourself from that day on, at the desk of your care provider. If not, you need not do anything.",
        ),
        (
            What::Ended,
            Cause::End,
            GROWN,
            "A mandate for you has ended",
            "Since 1 July 2026 Anna can no longer log in for you. The mandate was until that day. Is a new one needed? Ask for it at the desk of your care provider.",
        ),
    ];

    #[test]
    fn the_mails_of_a_mandate_say_what_was_agreed_to_the_letter() {
        for (what, cause, reader, subject, text) in DUTCH {
            let foot = if *reader == CHILD { CHILDS_FOOT } else { FOOT };
            let expected = ((*subject).to_owned(), format!("{text} {foot}"));
            assert_eq!(words(Lang::Nl, *what, *cause, *reader), expected);
        }
        for (what, cause, reader, subject, text) in ENGLISH {
            let expected = ((*subject).to_owned(), format!("{text} {ENGLISH_FOOT}"));
            assert_eq!(words(Lang::En, *what, *cause, *reader), expected);
        }
    }

    #[test]
    fn a_name_writes_no_lines_and_nobody_is_nameless() {
        let letter = |other| {
            let started = Told {
                what: What::Started,
                at: None,
                cause: Cause::End,
                is_represented: false,
                is_minor: true,
                other,
            };
            told(&about(Lang::Nl), &started).text
        };
        assert!(!letter("Sam\r\nBel 0900").lines().any(|line| line.starts_with("Bel")));
        assert!(letter(" ").contains("U kunt nu inloggen voor iemand."));
    }
}
