//! What the mails about a mandate say: that it has begun, that it will end, that it has. Nothing of care, and of nobody's word but the
//! law's: who agreed or not, and a block, stand in no mail (M9). A child is spoken to as a child. Whom somebody authorised is named to
//! nobody: families share a mailbox (F3), and who looks into the record of an adult is their own.

use askama::Template;

use super::letters::{Circumstances, Letter, letter, on_one_line};
use crate::domain::{
    calendar::told_end,
    lang::Lang,
    mandate::{
        Relation,
        mails::{Cause, What},
    },
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
    /// What the other is of that one.
    pub relation: Relation,
    /// Whether that one is a child who has a say: they say at "Machtigingen" too what they want.
    pub has_a_say: bool,
    /// Whether its two people made it themselves: then they change it at "Machtigingen", and not at the desk.
    pub is_online: bool,
    /// What the desk calls the other of the two. Where one authorised the other it stands nowhere.
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

#[derive(Template)]
#[template(path = "mail/mandate_authorised.txt", escape = "none")]
struct AuthorisedText<'a> {
    c: &'a Circumstances,
    told: &'a Told<'a>,
    day: String,
}

/// To one of the two people of a mandate.
pub fn told(about: &Circumstances, told: &Told<'_>) -> Letter {
    let reader = match (told.is_represented, told.relation.is_parental()) {
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
    let day = told.at.map(|at| told_end(at, about.lang)).unwrap_or_default();
    if told.relation == Relation::Authorised {
        return letter(about, &AuthorisedText { c: about, told, day }, subjects);
    }
    let other = match (on_one_line(told.other).trim(), about.lang) {
        ("", Lang::Nl) => "iemand".to_owned(),
        ("", Lang::En) => "somebody".to_owned(),
        (name, _) => name.to_owned(),
    };
    letter(about, &MandateText { c: about, told, reader, other, day }, subjects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::letters::tests::about;

    const AT: &str = "2026-06-30T22:00:00Z";

    fn words(lang: Lang, what: What, cause: Cause, whom: Whom, at: &str) -> (String, String) {
        let at = (what != What::Started).then(|| Timestamp::parse_rfc3339(at).unwrap());
        let Whom { is_represented, relation, has_a_say, is_online } = whom;
        let other = if is_represented { "Anna" } else { "Sam" };
        let letter = told(
            &about(lang),
            &Told { what, at, cause, is_represented, relation, has_a_say, is_online, other },
        );
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

    /// Who reads, of what mandate.
    #[derive(Clone, Copy, PartialEq)]
    struct Whom {
        is_represented: bool,
        relation: Relation,
        has_a_say: bool,
        is_online: bool,
    }

    const PARENT: Whom =
        Whom { is_represented: false, relation: Relation::Parent, has_a_say: false, is_online: false };
    const CHILD: Whom = Whom { is_represented: true, ..PARENT };
    const TEENAGER: Whom = Whom { has_a_say: true, ..CHILD };
    const WARD: Whom = Whom { relation: Relation::Mentor, ..CHILD };
    const GROWN: Whom = Whom { relation: Relation::Authorised, ..CHILD };
    const AUTHORISED: Whom = Whom { is_represented: false, ..GROWN };
    const GRANTOR: Whom = Whom { is_online: true, ..GROWN };
    const GRANTEE: Whom = Whom { is_online: true, ..AUTHORISED };

    const DUTCH: &[(What, Cause, Whom, &str, &str)] = &[
        (
            What::Started,
            Cause::End,
            PARENT,
            "Uw machtiging is begonnen",
            "U kunt nu inloggen voor Sam. Dat doet u met uw eigen DigiD. Wilt u dat niet meer? Stop de toegang bij Mijn account > Machtigingen, of zeg het aan de balie van uw zorgverlener.",
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
            TEENAGER,
            "Een machtiging voor jou is begonnen",
            "Anna kan nu voor jou inloggen. Wil je dat niet meer? Zeg het bij Mijn account > Machtigingen, of aan de balie van je zorgverlener.",
        ),
        (
            What::Started,
            Cause::End,
            WARD,
            "Een machtiging voor u is begonnen",
            "Anna kan nu voor u inloggen. Wilt u dat niet meer? Zeg het aan de balie van uw zorgverlener.",
        ),
        (
            What::Ending,
            Cause::Twelve,
            PARENT,
            "Uw machtiging stopt binnenkort",
            "Vanaf 1 juli 2026 kunt u niet meer inloggen voor Sam. Vanaf 12 jaar beslist een kind daar zelf over mee. Willen jullie allebei dat u voor Sam blijft inloggen? Zeg dat vanaf die dag allebei bij Mijn account > Machtigingen, of samen aan de balie van uw zorgverlener.",
        ),
        (
            What::Ended,
            Cause::Twelve,
            PARENT,
            "Uw machtiging is gestopt",
            "Sinds 1 juli 2026 kunt u niet meer inloggen voor Sam. Vanaf 12 jaar beslist een kind daar zelf over mee. Willen jullie allebei dat u voor Sam blijft inloggen? Zeg dat allebei bij Mijn account > Machtigingen, of samen aan de balie van uw zorgverlener.",
        ),
        (
            What::Ending,
            Cause::Twelve,
            CHILD,
            "Een machtiging voor jou stopt binnenkort",
            "Vanaf 1 juli 2026 kan Anna niet meer voor jou inloggen. Vanaf 12 jaar beslis je daar zelf over mee. Mag Anna het van jou wel? Zeg dat vanaf die dag bij Mijn account > Machtigingen, of aan de balie van je zorgverlener. Mag het niet? Dan hoef je niets te doen.",
        ),
        (
            What::Ended,
            Cause::Twelve,
            CHILD,
            "Een machtiging voor jou is gestopt",
            "Sinds 1 juli 2026 kan Anna niet meer voor jou inloggen. Vanaf 12 jaar beslis je daar zelf over mee. Mag Anna het van jou wel? Zeg dat bij Mijn account > Machtigingen, of aan de balie van je zorgverlener. Mag het niet? Dan hoef je niets te doen.",
        ),
        (
            What::Ending,
            Cause::Sixteen,
            PARENT,
            "Uw machtiging stopt binnenkort",
            "Vanaf 1 juli 2026 kunt u niet meer inloggen voor Sam. Vanaf 16 jaar beslist een kind alleen. Sam kan u vanaf die dag een nieuwe machtiging geven, bij Mijn account > Machtigingen of aan de balie van de zorgverlener.",
        ),
        (
            What::Ended,
            Cause::Sixteen,
            CHILD,
            "Een machtiging voor jou is gestopt",
            "Sinds 1 juli 2026 kan Anna niet meer voor jou inloggen. Vanaf 16 jaar beslis je alleen. Mag Anna het van jou wel? Geef dan zelf een nieuwe machtiging, bij Mijn account > Machtigingen of aan de balie van je zorgverlener. Mag het niet? Dan hoef je niets te doen.",
        ),
        (
            What::Ending,
            Cause::End,
            WARD,
            "Een machtiging voor u stopt binnenkort",
            "Vanaf 1 juli 2026 kan Anna niet meer voor u inloggen. De machtiging geldt tot dan. Is er een nieuwe nodig? Vraag die aan de balie van uw zorgverlener.",
        ),
        (
            What::Started,
            Cause::End,
            GROWN,
            "Een machtiging voor u is begonnen",
            "Iemand anders kan nu voor u inloggen. Bij Mijn account > Machtigingen ziet u wie dat is. Wilt u dat niet meer? Stop de toegang daar, of zeg het aan de balie van uw zorgverlener.",
        ),
        (
            What::Ending,
            Cause::End,
            AUTHORISED,
            "Uw machtiging stopt binnenkort",
            "Vanaf 1 juli 2026 kunt u voor één persoon niet meer inloggen. De machtiging geldt tot dan. Bij Mijn account > Machtigingen ziet u voor wie. Is er een nieuwe nodig? Die persoon kan u opnieuw toegang geven, ook bij Machtigingen of aan de balie van de zorgverlener.",
        ),
        (
            What::Ended,
            Cause::End,
            CHILD,
            "Een machtiging voor jou is gestopt",
            "Sinds 1 juli 2026 kan Anna niet meer voor jou inloggen. De machtiging gold tot dan. Je hoeft niets te doen.",
        ),
        (
            What::Started,
            Cause::End,
            GRANTOR,
            "Een machtiging voor u is begonnen",
            "Iemand anders kan nu voor u inloggen. Bij Mijn account > Machtigingen ziet u wie dat is. Wilt u dat niet meer? Stop de toegang daar.",
        ),
        (
            What::Started,
            Cause::End,
            GRANTEE,
            "Uw machtiging is begonnen",
            "U kunt nu inloggen voor iemand anders. Dat doet u met uw eigen DigiD. Bij Mijn account > Machtigingen ziet u voor wie. Wilt u dat niet meer? Stop de toegang daar.",
        ),
        (
            What::Ending,
            Cause::End,
            GRANTOR,
            "Een machtiging voor u stopt binnenkort",
            "Vanaf 1 juli 2026 kan één persoon niet meer voor u inloggen. De machtiging geldt tot dan. Bij Mijn account > Machtigingen ziet u wie dat is. Is er een nieuwe nodig? Geef daar opnieuw toegang.",
        ),
        (
            What::Ended,
            Cause::End,
            GRANTEE,
            "Uw machtiging is gestopt",
            "Sinds 1 juli 2026 kunt u voor één persoon niet meer inloggen. De machtiging gold tot dan. Bij Mijn account > Machtigingen ziet u voor wie het nog wel kan. Is er een nieuwe nodig? Die persoon kan u opnieuw toegang geven, ook bij Machtigingen.",
        ),
    ];

    const ENGLISH: &[(What, Cause, Whom, &str, &str)] = &[
        (
            What::Started,
            Cause::End,
            PARENT,
            "Your mandate has begun",
            "You can now log in for Sam. You do so with your own DigiD. Do you no longer want that? Stop the access at My account > Mandates, or say so at the desk of your care provider.",
        ),
        (
            What::Started,
            Cause::End,
            WARD,
            "A mandate for you has begun",
            "Anna can now log in for you. Do you no longer want that? Say so at the desk of your care provider.",
        ),
        (
            What::Started,
            Cause::End,
            TEENAGER,
            "A mandate for you has begun",
            "Anna can now log in for you. Do you no longer want that? Say so at My account > Mandates, or at the desk of your care provider.",
        ),
        (
            What::Ending,
            Cause::End,
            GROWN,
            "A mandate for you will end soon",
            "From 1 July 2026 one person can no longer log in for you. The mandate is until then. At My account > Mandates you see who that is. Is a new one needed? Give access again there, or ask for it at the desk of your care provider.",
        ),
        (
            What::Ending,
            Cause::Twelve,
            PARENT,
            "Your mandate will end soon",
            "From 1 July 2026 you can no longer log in for Sam. From the age of 12 a child has a say in that. Do you both want you to go on logging in for Sam? Say so from that day on at My account > Mandates, each of you, or together at the desk of your care provider.",
        ),
        (
            What::Ended,
            Cause::Twelve,
            CHILD,
            "A mandate for you has ended",
            "Since 1 July 2026 Anna can no longer log in for you. From the age of 12 you have a say in that. Is Anna allowed to, as far as you are concerned? Say so at My account > Mandates, or at the desk of your care provider. If not, you need not do anything.",
        ),
        (
            What::Ended,
            Cause::Sixteen,
            PARENT,
            "Your mandate has ended",
            "Since 1 July 2026 you can no longer log in for Sam. From the age of 16 a child decides alone. Sam can give you a new mandate at My account > Mandates or at the desk of the care provider.",
        ),
        (
            What::Ending,
            Cause::Sixteen,
            CHILD,
            "A mandate for you will end soon",
            "From 1 July 2026 Anna can no longer log in for you. From the age of 16 you decide alone. Is Anna allowed to, as far as you are concerned? Then give a new mandate yourself from that day on, at My account > Mandates or at the desk of your care provider. If not, you need not do anything.",
        ),
        (
            What::Ended,
            Cause::End,
            WARD,
            "A mandate for you has ended",
            "Since 1 July 2026 Anna can no longer log in for you. The mandate was until then. Is a new one needed? Ask for it at the desk of your care provider.",
        ),
        (
            What::Started,
            Cause::End,
            GRANTOR,
            "A mandate for you has begun",
            "Somebody else can now log in for you. At My account > Mandates you see who that is. Do you no longer want that? Stop the access there.",
        ),
        (
            What::Started,
            Cause::End,
            GRANTEE,
            "Your mandate has begun",
            "You can now log in for somebody else. You do so with your own DigiD. At My account > Mandates you see for whom. Do you no longer want that? Stop the access there.",
        ),
        (
            What::Ending,
            Cause::End,
            GRANTEE,
            "Your mandate will end soon",
            "From 1 July 2026 you can no longer log in for one person. The mandate is until then. At My account > Mandates you see for whom. Is a new one needed? That person can give you access again, at Mandates too.",
        ),
        (
            What::Ended,
            Cause::End,
            GRANTOR,
            "A mandate for you has ended",
            "Since 1 July 2026 one person can no longer log in for you. The mandate was until then. At My account > Mandates you see who still can. Is a new one needed? Give access again there.",
        ),
    ];

    #[test]
    fn the_mails_of_a_mandate_say_what_was_agreed_to_the_letter() {
        for (what, cause, reader, subject, text) in DUTCH {
            let foot =
                if reader.is_represented && reader.relation.is_parental() { CHILDS_FOOT } else { FOOT };
            let expected = ((*subject).to_owned(), format!("{text} {foot}"));
            assert_eq!(words(Lang::Nl, *what, *cause, *reader, AT), expected);
        }
        for (what, cause, reader, subject, text) in ENGLISH {
            let expected = ((*subject).to_owned(), format!("{text} {ENGLISH_FOOT}"));
            assert_eq!(words(Lang::En, *what, *cause, *reader, AT), expected);
        }
    }

    #[test]
    fn whom_somebody_authorised_is_named_in_no_mail_and_others_are() {
        for lang in [Lang::Nl, Lang::En] {
            for what in [What::Started, What::Ending, What::Ended] {
                for whom in [GROWN, AUTHORISED, GRANTOR, GRANTEE] {
                    let (_, text) = words(lang, what, Cause::End, whom, AT);
                    assert!(!text.contains("Anna") && !text.contains("Sam"), "{text}");
                    assert_eq!(whom.is_online, !text.contains("balie") && !text.contains("desk"), "{text}");
                    assert!(
                        text.contains(
                            ["Mijn account > Machtigingen", "My account > Mandates"][lang as usize]
                        )
                    );
                }
                for (whom, name) in [(PARENT, "Sam"), (CHILD, "Anna"), (WARD, "Anna")] {
                    assert!(words(lang, what, Cause::End, whom, AT).1.contains(name));
                }
            }
        }
    }

    #[test]
    fn an_end_within_a_day_is_told_with_its_time() {
        let at = "2026-11-30T12:22:00Z";
        for (lang, what, says) in [
            (
                Lang::Nl,
                What::Ending,
                "Vanaf 30 november 2026 om 13:22 uur kan één persoon niet meer voor u inloggen.",
            ),
            (
                Lang::Nl,
                What::Ended,
                "Sinds 30 november 2026 om 13:22 uur kan één persoon niet meer voor u inloggen.",
            ),
            (
                Lang::En,
                What::Ending,
                "From 30 November 2026 at 13:22 one person can no longer log in for you.",
            ),
        ] {
            let (_, text) = words(lang, what, Cause::End, GRANTOR, at);
            assert!(text.starts_with(says), "{text}");
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
                relation: Relation::Parent,
                has_a_say: false,
                is_online: false,
                other,
            };
            told(&about(Lang::Nl), &started).text
        };
        assert!(!letter("Sam\r\nBel 0900").lines().any(|line| line.starts_with("Bel")));
        assert!(letter(" ").contains("U kunt nu inloggen voor iemand."));
    }
}
