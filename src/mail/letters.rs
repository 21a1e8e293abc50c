//! What the mails say. Families share a mailbox, so every mail names the full address, the portal, the time and a short
//! reference (F3). No links, so that a link in a mail is never ours; no code in the subject, which lock screens show.

use std::fmt;

use askama::Template;

use crate::domain::{
    calendar::told, code::CodeFor, email::Email, lang::Lang, secret::Secret, time::Timestamp,
};

/// A mail that is ready to leave. `Debug` shows its reference only.
pub struct Letter {
    /// Where to; it is mailed as typed.
    pub to: Email,
    /// Its subject.
    pub subject: &'static str,
    /// Its plain text. It may hold a code.
    pub text: String,
    /// What page and mail call it, and what the log calls it.
    pub reference: String,
    /// When it was written.
    pub at: Timestamp,
    /// The language it is in.
    pub lang: Lang,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({})", self.reference)
    }
}

/// What every mail names.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The owner's address.
    pub to: Email,
    /// What the portal is called.
    pub portal: String,
    /// When it happened.
    pub at: Timestamp,
    /// What page and mail call it (*kenmerk*).
    pub reference: String,
    /// The reader's language.
    pub lang: Lang,
}

#[derive(Template)]
#[template(path = "mail/code.txt", escape = "none")]
struct CodeText<'a> {
    c: &'a Circumstances,
    code: String,
    what: CodeFor,
}

#[derive(Template)]
#[template(path = "mail/has_account.txt", escape = "none")]
struct HasAccountText<'a> {
    c: &'a Circumstances,
}

#[derive(Template)]
#[template(path = "mail/digid_linked.txt", escape = "none")]
struct DigidLinkedText<'a> {
    c: &'a Circumstances,
}

#[derive(Template)]
#[template(path = "mail/link_refused.txt", escape = "none")]
struct LinkRefusedText<'a> {
    c: &'a Circumstances,
}

#[derive(Template)]
#[template(path = "mail/password_changed.txt", escape = "none")]
struct PasswordChangedText<'a> {
    c: &'a Circumstances,
}

#[derive(Template)]
#[template(path = "mail/mandate_stopped.txt", escape = "none")]
struct MandateStoppedText<'a> {
    c: &'a Circumstances,
}

#[derive(Template)]
#[template(path = "mail/offer_accepted.txt", escape = "none")]
struct OfferAcceptedText<'a> {
    c: &'a Circumstances,
}

#[derive(Template)]
#[template(path = "mail/changed.txt", escape = "none")]
struct ChangedText<'a> {
    c: &'a Circumstances,
    change: Change,
}

#[derive(Template)]
#[template(path = "mail/address.txt", escape = "none")]
struct AddressText<'a> {
    c: &'a Circumstances,
    code: Option<String>,
}

/// What was changed of an account, or done with a way in that is rarely used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// An authenticator app was set up, or another one.
    AppSet,
    /// It was removed.
    AppRemoved,
    /// The account was erased.
    Erased,
    /// DigiD was unlinked.
    DigidUnlinked,
    /// Another account became part of it.
    Merged,
    /// It became part of another one: to its own address.
    MergedAway,
    /// It has another e-mail address: to the older one.
    AddressLeft,
    /// It has another e-mail address: to the new one.
    AddressCame,
    /// A recovery code was used.
    RecoveryCode {
        /// How many are left.
        left: i64,
    },
}

/// A code. What it does is said in the mail, because whoever was tricked into it must be able to see it (F9).
pub fn code(about: &Circumstances, code: &Secret, what: CodeFor) -> Letter {
    let subjects = match what {
        CodeFor::LogIn => ["Uw inlogcode", "Your login code"],
        CodeFor::Link => ["Uw code om DigiD te koppelen", "Your code to link DigiD"],
        CodeFor::Register => ["Uw code voor een nieuw account", "Your code for a new account"],
        CodeFor::Recover => ["Uw code voor een nieuw wachtwoord", "Your code for a new password"],
    };
    letter(about, &CodeText { c: about, code: grouped(code.expose()), what }, subjects)
}

/// To the owner of an address that somebody tried to register again (F1).
pub fn has_account(about: &Circumstances) -> Letter {
    letter(about, &HasAccountText { c: about }, ["U heeft al een account", "You already have an account"])
}

/// The code for another address of an account, to that address (F13).
pub fn address_code(about: &Circumstances, code: &Secret) -> Letter {
    let text = AddressText { c: about, code: Some(grouped(code.expose())) };
    letter(about, &text, ["Uw code voor een ander e-mailadres", "Your code for another email address"])
}

/// To the owner of an address that somebody wanted for another account (F1).
pub fn address_taken(about: &Circumstances) -> Letter {
    let text = AddressText { c: about, code: None };
    letter(about, &text, ["U heeft al een account", "You already have an account"])
}

/// To the owner: DigiD was linked (F9).
pub fn digid_linked(about: &Circumstances) -> Letter {
    letter(about, &DigidLinkedText { c: about }, ["DigiD is gekoppeld", "DigiD is linked"])
}

/// To the owner: somebody tried to link a DigiD that does not fit this account (F9).
pub fn link_refused(about: &Circumstances) -> Letter {
    let subjects = ["DigiD is niet gekoppeld", "DigiD was not linked"];
    letter(about, &LinkRefusedText { c: about }, subjects)
}

/// To the owner: the password was changed (F13).
pub fn password_changed(about: &Circumstances) -> Letter {
    let subjects = ["Uw wachtwoord is veranderd", "Your password has been changed"];
    letter(about, &PasswordChangedText { c: about }, subjects)
}

/// To the owner: what was changed (F6, F13).
pub fn changed(about: &Circumstances, change: Change) -> Letter {
    let subjects = match change {
        Change::AppSet => ["U logt voortaan in met een app", "You now log in with an app"],
        Change::AppRemoved => ["De app voor inloggen is verwijderd", "The app for logging in was removed"],
        Change::Erased => ["Uw account is verwijderd", "Your account was deleted"],
        Change::DigidUnlinked => ["DigiD is losgekoppeld", "DigiD was unlinked"],
        Change::Merged | Change::MergedAway => {
            ["Uw accounts zijn samengevoegd", "Your accounts have been merged"]
        }
        Change::AddressLeft | Change::AddressCame => {
            ["Uw e-mailadres is veranderd", "Your email address has been changed"]
        }
        Change::RecoveryCode { .. } => ["Er is een herstelcode gebruikt", "A recovery code was used"],
    };
    letter(about, &ChangedText { c: about, change }, subjects)
}

/// To both people of a mandate that one of them ended (M5): not whose it was, as families share a mailbox.
pub fn mandate_stopped(about: &Circumstances) -> Letter {
    letter(about, &MandateStoppedText { c: about }, ["Een machtiging is gestopt", "A mandate has ended"])
}

/// To who invited somebody to look into their record: somebody said yes (`docs/adr/0048`). Not who: they look at that page.
pub fn offer_accepted(about: &Circumstances) -> Letter {
    let subjects = ["Bevestig uw machtiging", "Confirm your mandate"];
    letter(about, &OfferAcceptedText { c: about }, subjects)
}

/// What our own pages are called in a mail, where another names a portal.
pub const fn own_pages(lang: Lang) -> &'static str {
    match lang {
        Lang::Nl => "Mijn account",
        Lang::En => "My account",
    }
}

/// `subjects` are the Dutch and the English one.
pub(super) fn letter(about: &Circumstances, template: &impl Template, subjects: [&'static str; 2]) -> Letter {
    let [dutch, english] = subjects;
    Letter {
        to: about.to.clone(),
        subject: match about.lang {
            Lang::Nl => dutch,
            Lang::En => english,
        },
        // Writing into a string cannot fail, and these templates call nothing that can.
        text: template.render().unwrap_or_default(),
        reference: about.reference.clone(),
        at: about.at,
        lang: about.lang,
    }
}

/// What others wrote, without line breaks.
pub(super) fn on_one_line(text: &str) -> String {
    text.split(|c: char| c.is_control()).collect::<Vec<_>>().join(" ")
}

/// `482 913`, `KDFHG KMNP3`: two groups are easier to carry over than one.
fn grouped(code: &str) -> String {
    let half = code.chars().count() / 2;
    let (left, right): (Vec<_>, Vec<_>) = code.chars().enumerate().partition(|(n, _)| *n < half);
    let text = |part: Vec<(usize, char)>| part.into_iter().map(|(_, c)| c).collect::<String>();
    format!("{} {}", text(left), text(right))
}

impl Circumstances {
    pub(super) fn address(&self) -> &str {
        self.to.typed()
    }

    /// The portal's name on one line, so that it cannot write paragraphs of its own.
    pub(super) fn portal(&self) -> String {
        on_one_line(&self.portal)
    }

    /// The time in the Netherlands, for people.
    pub(super) fn time(&self) -> String {
        told(self.at, self.lang)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::mail) fn about(lang: Lang) -> Circumstances {
        Circumstances {
            to: Email::parse("Jansen+kind@voorbeeld.nl").unwrap(),
            portal: "Huisarts Zonnedael".into(),
            at: Timestamp::parse_rfc3339("2026-06-30T22:05:00Z").unwrap(),
            reference: "K7Q".into(),
            lang,
        }
    }

    fn all(lang: Lang) -> Vec<Letter> {
        let about = about(lang);
        let coded = [CodeFor::LogIn, CodeFor::Link, CodeFor::Register, CodeFor::Recover]
            .map(|what| code(&about, &Secret::new("482913"), what));
        let told =
            [has_account, digid_linked, link_refused, password_changed, mandate_stopped, offer_accepted];
        let told = told.map(|letter| letter(&about));
        let changes = [
            Change::AppSet,
            Change::AppRemoved,
            Change::Erased,
            Change::DigidUnlinked,
            Change::Merged,
            Change::MergedAway,
            Change::AddressLeft,
            Change::AddressCame,
            Change::RecoveryCode { left: 9 },
            Change::RecoveryCode { left: 1 },
            Change::RecoveryCode { left: 0 },
        ];
        let changes = changes.map(|change| changed(&about, change));
        let address = [address_code(&about, &Secret::new("482913")), address_taken(&about)];
        coded.into_iter().chain(address).chain(told).chain(changes).collect()
    }

    #[test]
    fn the_code_mail_says_what_was_agreed_to_the_letter() {
        let letter = code(&about(Lang::Nl), &Secret::new("482913"), CodeFor::LogIn);
        let words = letter.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(letter.subject, "Uw inlogcode");
        assert!(
            words.contains(
                "Uw code is 482 913. De code werkt 10 minuten, alleen voor Jansen+kind@voorbeeld.nl bij Huisarts \
                 Zonnedael (1 juli 2026 om 00:05 uur, kenmerk K7Q). Geef deze code nooit aan iemand. Wij bellen of \
                 mailen nooit om uw code. Heeft u dit niet gedaan? Verander uw wachtwoord."
            ),
            "{words}"
        );
    }

    #[test]
    fn every_mail_can_be_told_apart_and_holds_no_link() {
        for lang in [Lang::Nl, Lang::En] {
            for letter in all(lang) {
                let time = ["1 juli 2026 om 00:05 uur", "1 July 2026 at 00:05"][lang as usize];
                for named in ["Jansen+kind@voorbeeld.nl", "Huisarts Zonnedael", "K7Q", time] {
                    assert!(letter.text.contains(named), "{}: {named}\n{}", letter.subject, letter.text);
                }
                assert!(!letter.text.contains("://") && !letter.text.contains("www"), "{}", letter.subject);
                assert!(!letter.subject.contains(char::is_numeric) && !format!("{letter:?}").contains("482"));
                assert!(letter.text.lines().all(|line| line == line.trim_end()));
            }
        }
    }

    #[test]
    fn whose_account_has_only_digid_is_not_told_of_a_password_of_theirs() {
        for (lang, own, way) in [
            (Lang::Nl, "uw wachtwoord", "met DigiD, of met"),
            (Lang::En, "your password and", "with DigiD, or with"),
        ] {
            let text = has_account(&about(lang)).text;
            assert!(!text.contains(own) && text.contains(way), "{text}");
        }
    }

    #[test]
    fn whose_recovery_codes_run_out_hears_how_to_get_new_ones() {
        for (lang, left, says, again) in [
            (Lang::Nl, 2, "U heeft nog 2 herstelcodes.", false),
            (Lang::Nl, 1, "U heeft nog 1 herstelcode. ", true),
            (Lang::Nl, 0, "U heeft geen herstelcodes meer.", true),
            (Lang::En, 2, "You have 2 recovery codes left.", false),
            (Lang::En, 1, "You have 1 recovery code left.", true),
            (Lang::En, 0, "You have no recovery codes left.", true),
        ] {
            let text = changed(&about(lang), Change::RecoveryCode { left }).text;
            let how = ["Stel uw app opnieuw in", "Set up your app again"][lang as usize];
            assert!(text.contains(says) && text.contains(how) == again, "{text}");
        }
    }

    #[test]
    fn a_portal_cannot_write_lines_of_its_own() {
        let about = Circumstances { portal: "A\r\n\r\nBel 0900".into(), ..about(Lang::Nl) };
        assert!(!has_account(&about).text.lines().any(|line| line.starts_with("Bel")));
    }
}
