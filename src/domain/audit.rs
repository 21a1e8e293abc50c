//! What the words of the audit log mean in the terms of NEN 7513 and ISO 27789 (after RFC 3881): in which role somebody acted, and to
//! what end. Both follow from the event; `docs/audit.md` has the table.

use super::{line::program_of, mandate::Refusal};

/// For how many years lines are kept at least: they are evidence.
pub const LEAST_YEARS: i64 = 5;
/// A year, in seconds: none is longer.
pub const YEAR: i64 = 366 * 86_400;

/// In which role the actor acted (RFC 3881, section 5.2: `RoleIDCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Somebody whose own record it is.
    Patient,
    /// Somebody who acts for another person.
    Representative,
    /// A member of staff, at the desk or at the command line.
    Staff,
    /// A client that acts for itself.
    Program,
    /// Namens.
    System,
    /// Nobody proved who it was.
    Unknown,
}

impl Role {
    /// The word that the log keeps.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Representative => "representative",
            Self::Staff => "staff",
            Self::Program => "program",
            Self::System => "system",
            Self::Unknown => "unknown",
        }
    }
}

/// To what end (ISO 27789: purpose of use; the terms are those of ISO/TS 14265).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A subject of care, or who represents one, uses their own data.
    SubjectOfCare,
    /// What a healthcare provider does in support of care: the desk's registers.
    SupportOfCare,
    /// Running the service: clients, keys, the log itself.
    ServiceManagement,
}

impl Purpose {
    /// The word that the log keeps.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SubjectOfCare => "subject_of_care",
            Self::SupportOfCare => "support_of_care",
            Self::ServiceManagement => "service_management",
        }
    }
}

/// Who does it, as far as the event alone can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A person; somebody unknown where nobody is named.
    Person,
    /// A person; the client itself where nobody is named.
    PersonOrClient,
    /// A member of staff, or a program that is named as one (`client:…`).
    Desk,
    /// The same, or somebody whose own it is.
    DeskOrOwner,
    /// A program, where one is named as the client; a member of staff at the command line where none is.
    ClientOrStaff,
    /// The owner of an account; a program where one is named as the client.
    OwnerOrClient,
    /// A client, named or not.
    Client,
    /// Namens itself.
    System,
}

/// Whether people find an event about them in their own log ("Wie heeft iets gewijzigd", `docs/adr/0042`). What is not shown there has its
/// reason; what is kept of it and may be told at all is in what they can download of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InOwnLog {
    /// In every session.
    OfAccount,
    /// Where the session has the level of mandates (M7).
    OfMandates,
    /// Not, because of that.
    No(NotShown),
}

/// Why people do not find an event in their own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotShown {
    /// It is about no person: about clients, keys, or the log.
    Nobodys,
    /// A block is silent (M9).
    Silent,
    /// Somebody looked, and changed nothing.
    Look,
    /// It comes with each visit of a portal, and what began it is shown.
    Often,
    /// It was not done; anybody may try.
    Try,
    /// Nobody is left to whom it could be shown.
    Gone,
    /// It is of somebody's work and not of them; of each person and mandate that an import brings there is a line of its own.
    Work,
}

impl InOwnLog {
    /// The word that `docs/audit.md` has for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OfAccount => "yes",
            Self::OfMandates => "at the level of mandates",
            Self::No(NotShown::Nobodys) => "nobody's",
            Self::No(NotShown::Silent) => "silent",
            Self::No(NotShown::Look) => "look",
            Self::No(NotShown::Often) => "often",
            Self::No(NotShown::Try) => "try",
            Self::No(NotShown::Gone) => "gone",
            Self::No(NotShown::Work) => "work",
        }
    }
}

const ACCOUNT: InOwnLog = InOwnLog::OfAccount;
const MANDATES: InOwnLog = InOwnLog::OfMandates;
const NOBODYS: InOwnLog = InOwnLog::No(NotShown::Nobodys);
const SILENT: InOwnLog = InOwnLog::No(NotShown::Silent);
const LOOK: InOwnLog = InOwnLog::No(NotShown::Look);
const OFTEN: InOwnLog = InOwnLog::No(NotShown::Often);
const TRY: InOwnLog = InOwnLog::No(NotShown::Try);
const GONE: InOwnLog = InOwnLog::No(NotShown::Gone);
const WORK: InOwnLog = InOwnLog::No(NotShown::Work);

use By::{Client, ClientOrStaff, Desk, DeskOrOwner, OwnerOrClient, Person, PersonOrClient, System};
use Purpose::{ServiceManagement, SubjectOfCare, SupportOfCare};

/// What those whom a line is about are told that happened, where its event alone would tell them something else: what waited and was refused
/// never counted, so nobody took it back. Why stands in the outcome, for the desk.
pub fn told_as<'a>(event: &'a str, outcome: &str) -> &'a str {
    let is_refused = event == "mandate.revoked" && outcome.parse::<Refusal>().is_ok();
    if is_refused { "mandate.refused" } else { event }
}

/// Whether anything is called so in the log.
pub fn is_event(name: &str) -> bool {
    EVENTS.iter().any(|(event, ..)| *event == name)
}

/// The events that people find in their own log, of those that are shown so.
pub fn shown(how: InOwnLog) -> impl Iterator<Item = &'static str> {
    EVENTS.iter().filter(move |(.., own)| *own == how).map(|(event, ..)| *event)
}

/// Every event, and whether whom it is about finds it in their own log.
const EVENTS: &[(&str, By, Purpose, InOwnLog)] = &[
    ("account.closed", ClientOrStaff, SupportOfCare, ACCOUNT),
    ("account.created", Person, SubjectOfCare, ACCOUNT),
    ("account.erased", Person, SubjectOfCare, GONE),
    ("account.exported", Person, SubjectOfCare, ACCOUNT),
    ("account.merged", Person, SubjectOfCare, ACCOUNT),
    ("account.profile", Desk, SupportOfCare, ACCOUNT),
    ("account.signed_out", OwnerOrClient, SupportOfCare, ACCOUNT),
    ("act_as", Person, SubjectOfCare, MANDATES),
    ("act_as.told", Person, SubjectOfCare, MANDATES),
    ("admin.refused", Client, ServiceManagement, TRY),
    ("app.recovery_code", Person, SubjectOfCare, ACCOUNT),
    ("app.removed", Person, SubjectOfCare, ACCOUNT),
    ("app.set", Person, SubjectOfCare, ACCOUNT),
    ("audit.adopted", System, ServiceManagement, NOBODYS),
    ("audit.checkpoint", System, ServiceManagement, NOBODYS),
    ("audit.exported", ClientOrStaff, ServiceManagement, NOBODYS),
    ("audit.read", Desk, ServiceManagement, LOOK),
    ("audit.swept", System, ServiceManagement, NOBODYS),
    ("bsn.told", Person, SubjectOfCare, OFTEN),
    ("client.added", ClientOrStaff, ServiceManagement, NOBODYS),
    ("client.changed", Client, ServiceManagement, NOBODYS),
    ("client.invited", ClientOrStaff, ServiceManagement, NOBODYS),
    ("client.refused", Client, ServiceManagement, TRY),
    ("client.registered", Client, ServiceManagement, NOBODYS),
    ("client.removed", ClientOrStaff, ServiceManagement, NOBODYS),
    ("client.replaced", ClientOrStaff, ServiceManagement, NOBODYS),
    ("client.secret", ClientOrStaff, ServiceManagement, NOBODYS),
    ("client.uninvited", ClientOrStaff, ServiceManagement, NOBODYS),
    ("code", Person, SubjectOfCare, TRY),
    ("consent", Person, SubjectOfCare, TRY),
    ("consent.given", Person, SubjectOfCare, ACCOUNT),
    ("consent.withdrawn", DeskOrOwner, SupportOfCare, ACCOUNT),
    ("desk.refused", Desk, ServiceManagement, TRY),
    ("digid.linked", Person, SubjectOfCare, ACCOUNT),
    ("digid.unlinked", Person, SubjectOfCare, ACCOUNT),
    ("email.changed", Person, SubjectOfCare, ACCOUNT),
    ("grant.revoked", Person, SubjectOfCare, ACCOUNT),
    ("import.approved", Desk, SupportOfCare, WORK),
    ("import.done", Desk, SupportOfCare, WORK),
    ("import.withdrawn", Desk, SupportOfCare, WORK),
    ("key.made", ClientOrStaff, ServiceManagement, NOBODYS),
    ("key.retired", ClientOrStaff, ServiceManagement, NOBODYS),
    ("key.rotated", ClientOrStaff, ServiceManagement, NOBODYS),
    ("login", Person, SubjectOfCare, OFTEN),
    ("login.digid", Person, SubjectOfCare, ACCOUNT),
    ("login.local", Person, SubjectOfCare, ACCOUNT),
    ("logout", Person, SubjectOfCare, OFTEN),
    ("logout.digid", Person, SubjectOfCare, OFTEN),
    ("logout.notice", Person, SubjectOfCare, OFTEN),
    ("mandate.accepted", Person, SubjectOfCare, MANDATES),
    ("mandate.answered", Person, SubjectOfCare, MANDATES),
    ("mandate.approved", Desk, SupportOfCare, MANDATES),
    ("mandate.blocked", Desk, SupportOfCare, SILENT),
    ("mandate.consent", Desk, SupportOfCare, MANDATES),
    ("mandate.ended", System, SupportOfCare, MANDATES),
    ("mandate.given_up", Person, SubjectOfCare, MANDATES),
    ("mandate.granted", Person, SubjectOfCare, MANDATES),
    ("mandate.lapsed", System, SupportOfCare, MANDATES),
    ("mandate.offer_ended", Person, SubjectOfCare, MANDATES),
    ("mandate.offered", Person, SubjectOfCare, MANDATES),
    ("mandate.registered", Desk, SupportOfCare, MANDATES),
    ("mandate.revoked", Desk, SupportOfCare, MANDATES),
    ("mandate.special_attested", Desk, SupportOfCare, MANDATES),
    ("mandate.special_confirmed", Desk, SupportOfCare, MANDATES),
    ("mandate.special_ended", Desk, SupportOfCare, MANDATES),
    ("mandate.stopped", Person, SubjectOfCare, MANDATES),
    ("mandate.suspended", System, SupportOfCare, MANDATES),
    ("mandate.unblocked", Desk, SupportOfCare, SILENT),
    ("password.changed", Person, SubjectOfCare, ACCOUNT),
    ("password.reset", Person, SubjectOfCare, ACCOUNT),
    ("person.birth", Desk, SupportOfCare, ACCOUNT),
    ("person.corrected", Desk, SupportOfCare, ACCOUNT),
    ("person.correction_proposed", Desk, SupportOfCare, ACCOUNT),
    ("person.correction_withdrawn", Desk, SupportOfCare, ACCOUNT),
    ("person.forgotten", System, SupportOfCare, GONE),
    ("person.found", Desk, SupportOfCare, LOOK),
    ("person.listed", Desk, SupportOfCare, LOOK),
    ("person.merge_proposed", Desk, SupportOfCare, ACCOUNT),
    ("person.merge_withdrawn", Desk, SupportOfCare, ACCOUNT),
    ("person.merged", Desk, SupportOfCare, ACCOUNT),
    ("person.registered", Desk, SupportOfCare, ACCOUNT),
    ("person.shown", Desk, SupportOfCare, LOOK),
    ("staff.added", Desk, ServiceManagement, WORK),
    ("staff.approved", Desk, ServiceManagement, WORK),
    ("staff.ended", Desk, ServiceManagement, WORK),
    ("staff.proposed", Desk, ServiceManagement, WORK),
    ("token.exchanged", Person, SubjectOfCare, MANDATES),
    ("token.issued", PersonOrClient, SubjectOfCare, OFTEN),
    ("token.refreshed", Person, SubjectOfCare, OFTEN),
];

/// In which role, and to what end. An event that stands in no table is told as one of nobody who is known.
pub fn meaning(
    event: &str,
    actor: Option<&str>,
    represented: Option<&str>,
    client: Option<&str>,
) -> (Role, Purpose) {
    let found = EVENTS.iter().find(|(name, ..)| *name == event);
    let Some((_, by, purpose, _)) = found else { return (Role::Unknown, ServiceManagement) };
    let role = match (by, actor) {
        (System, _) => Role::System,
        (OwnerOrClient, Some(_)) if client.is_none() => Role::Patient,
        (Client | OwnerOrClient, _) | (PersonOrClient, None) => Role::Program,
        (Person, None) => Role::Unknown,
        (Person | PersonOrClient, Some(actor)) if represented.is_some_and(|other| other != actor) => {
            Role::Representative
        }
        (Person | PersonOrClient, Some(_)) => Role::Patient,
        (Desk | DeskOrOwner, Some(actor)) if represented == Some(actor) => Role::Patient,
        (Desk | DeskOrOwner, Some(actor)) if program_of(actor).is_some() => Role::Program,
        (ClientOrStaff, _) if client.is_some() => Role::Program,
        (Desk | DeskOrOwner | ClientOrStaff, _) => Role::Staff,
    };
    (role, *purpose)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(event: &str, actor: Option<&str>, represented: Option<&str>, client: Option<&str>) -> Role {
        meaning(event, actor, represented, client).0
    }

    #[test]
    fn the_role_follows_from_the_event_and_who_is_named() {
        let (anna, child) = (Some("anna"), Some("child"));
        assert_eq!(role("login.digid", anna, None, Some("portal")), Role::Patient);
        assert_eq!(role("login.digid", anna, child, Some("portal")), Role::Representative);
        assert_eq!(role("login.digid", None, None, Some("portal")), Role::Unknown);
        assert_eq!(role("token.issued", None, None, Some("portal")), Role::Program);
        assert_eq!(role("token.issued", anna, anna, Some("portal")), Role::Patient);
        assert_eq!(role("mandate.registered", Some("j. bos"), child, None), Role::Staff);
        assert_eq!(role("mandate.registered", Some("client:his"), child, Some("his")), Role::Program);
        assert_eq!(role("mandate.consent", child, child, None), Role::Patient);
        assert_eq!(role("act_as", anna, child, Some("portal")), Role::Representative);
        assert_eq!(role("act_as", anna, None, Some("portal")), Role::Patient);
        assert_eq!(role("account.signed_out", anna, None, None), Role::Patient);
        assert_eq!(role("account.signed_out", Some("ops"), anna, Some("ops")), Role::Program);
        assert_eq!(role("person.found", None, child, None), Role::Staff);
        assert_eq!(role("person.corrected", Some("client:his"), child, Some("his")), Role::Program);
        assert_eq!(role("key.rotated", None, None, None), Role::Staff);
        assert_eq!(role("key.rotated", Some("els"), None, None), Role::Staff);
        assert_eq!(role("key.rotated", Some("ops"), None, Some("ops")), Role::Program);
        assert_eq!(role("audit.swept", None, None, None), Role::System);
        assert_eq!(meaning("nothing", anna, None, None), (Role::Unknown, Purpose::ServiceManagement));
    }

    #[test]
    fn what_was_refused_is_not_told_as_taken_back() {
        for why in Refusal::ALL {
            assert_eq!(told_as("mandate.revoked", why.as_str()), "mandate.refused");
        }
        assert_eq!(told_as("mandate.revoked", "ok"), "mandate.revoked");
        assert_eq!(told_as("mandate.approved", "evidence"), "mandate.approved");
    }

    #[test]
    fn five_years_are_kept_whichever_of_them_are_leap_years() {
        let at = |text| crate::domain::time::Timestamp::parse_rfc3339(text).unwrap();
        let oldest = at("2029-03-01T00:00:00Z").plus(-LEAST_YEARS * YEAR);
        assert!((at("2024-02-25T00:00:00Z")..at("2024-02-28T00:00:00Z")).contains(&oldest), "{oldest:?}");
    }

    #[test]
    fn the_events_are_in_order_and_each_stands_once() {
        assert!(EVENTS.is_sorted_by(|one, next| one.0 < next.0));
    }

    /// In which roles the document may say that somebody acts: all of these, or, of most, some.
    const fn roles_of(by: By) -> (&'static [Role], bool) {
        match by {
            Person => (&[Role::Patient, Role::Representative, Role::Unknown], false),
            PersonOrClient => (&[Role::Patient, Role::Representative, Role::Program], true),
            Desk => (&[Role::Staff, Role::Program], false),
            DeskOrOwner => (&[Role::Patient, Role::Staff, Role::Program], true),
            ClientOrStaff => (&[Role::Program, Role::Staff], false),
            OwnerOrClient => (&[Role::Patient, Role::Program], true),
            Client => (&[Role::Program], true),
            System => (&[Role::System], true),
        }
    }

    /// Every word in the sources that stands where an event does is one of the table, so that none is forgotten here.
    #[test]
    fn every_event_that_the_program_writes_stands_in_the_table() {
        let mut written = std::collections::BTreeSet::new();
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let name = entry.file_name().unwrap().to_string_lossy().into_owned();
                if entry.is_dir() {
                    folders.extend((!["tests", "simulator"].contains(&name.as_str())).then_some(entry));
                } else if entry.extension().is_some_and(|kind| kind == "rs") && !name.starts_with("tests") {
                    let source = std::fs::read_to_string(&entry).unwrap();
                    let source = source.split("#[cfg(test)]").next().unwrap();
                    for before in [
                        "event: \"",
                        "event: if is_granted { \"",
                        "Event::by(\"",
                        "event(\"",
                        "note(&mut tx, \"",
                    ] {
                        let after = source.split(before).skip(1);
                        written.extend(after.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
                    }
                }
            }
        }
        assert!(written.len() > 50, "{written:?}");
        // Outcomes stand in such places too, and have no dot.
        let unknown: Vec<_> =
            written.iter().filter(|event| event.contains('.') && !is_event(event)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    /// Every line of the table of `docs/audit.md` says what the code says, and nothing is left out.
    #[test]
    fn the_document_has_every_event_with_its_roles_and_purpose() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let told = std::fs::read_to_string(root.join("docs/audit.md")).unwrap();
        let roles = told.lines().find(|line| line.starts_with("| `role`")).unwrap();
        for role in
            [Role::Patient, Role::Representative, Role::Staff, Role::Program, Role::System, Role::Unknown]
        {
            assert!(roles.contains(&format!("`{}`", role.word())), "{role:?}");
        }
        let row = |line: &str| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let event = cells.next()?.trim().trim_matches('`').to_owned();
            let cells: Vec<_> = cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
            let roles: Vec<_> = cells
                .get(1)?
                .split([' ', '/'])
                .filter(|word| !word.is_empty() && *word != "or")
                .map(str::to_owned)
                .collect();
            let own = cells.get(3)?.clone();
            Some((event, cells.get(2)?.clone(), roles, own)).filter(|(_, purpose, ..)| !purpose.is_empty())
        };
        let told: Vec<_> = told.lines().filter_map(row).collect();
        let said: Vec<_> =
            told.iter().map(|(event, purpose, ..)| (event.as_str(), purpose.as_str())).collect();
        let known: Vec<_> = EVENTS.iter().map(|(event, _, purpose, _)| (*event, purpose.word())).collect();
        assert_eq!(said, known);
        for ((event, _, told, own), (_, by, _, shown)) in told.iter().zip(EVENTS) {
            assert_eq!(own, shown.word(), "{event}: whether it is in one's own log");
            let (roles, each) = roles_of(*by);
            let is_one = |word: &String| roles.iter().any(|role| role.word() == word);
            let whole = roles.iter().all(|role| told.iter().any(|word| word == role.word()));
            let right = !told.is_empty() && told.iter().all(is_one) && (whole || !each);
            assert!(right, "{event}: {told:?}, of {roles:?}");
        }
    }
}
