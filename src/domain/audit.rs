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
    /// A client by its id; a member of staff at the command line where none is named.
    ClientOrStaff,
    /// The owner of an account; a program where one is named as the client.
    OwnerOrClient,
    /// A client, named or not.
    Client,
    /// Namens itself.
    System,
}

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

/// Every event.
const EVENTS: &[(&str, By, Purpose)] = &[
    ("account.closed", ClientOrStaff, SupportOfCare),
    ("account.created", Person, SubjectOfCare),
    ("account.erased", Person, SubjectOfCare),
    ("account.exported", Person, SubjectOfCare),
    ("account.merged", Person, SubjectOfCare),
    ("account.profile", Desk, SupportOfCare),
    ("account.signed_out", OwnerOrClient, SupportOfCare),
    ("act_as", Person, SubjectOfCare),
    ("admin.refused", Client, ServiceManagement),
    ("app.recovery_code", Person, SubjectOfCare),
    ("app.removed", Person, SubjectOfCare),
    ("app.set", Person, SubjectOfCare),
    ("audit.adopted", System, ServiceManagement),
    ("audit.checkpoint", System, ServiceManagement),
    ("audit.exported", ClientOrStaff, ServiceManagement),
    ("audit.read", Desk, ServiceManagement),
    ("audit.swept", System, ServiceManagement),
    ("bsn.told", Person, SubjectOfCare),
    ("client.added", ClientOrStaff, ServiceManagement),
    ("client.changed", Client, ServiceManagement),
    ("client.invited", ClientOrStaff, ServiceManagement),
    ("client.refused", Client, ServiceManagement),
    ("client.registered", Client, ServiceManagement),
    ("client.removed", ClientOrStaff, ServiceManagement),
    ("client.replaced", ClientOrStaff, ServiceManagement),
    ("client.secret", ClientOrStaff, ServiceManagement),
    ("client.uninvited", ClientOrStaff, ServiceManagement),
    ("code", Person, SubjectOfCare),
    ("consent", Person, SubjectOfCare),
    ("consent.given", Person, SubjectOfCare),
    ("consent.withdrawn", DeskOrOwner, SupportOfCare),
    ("desk.refused", Desk, ServiceManagement),
    ("digid.linked", Person, SubjectOfCare),
    ("digid.unlinked", Person, SubjectOfCare),
    ("email.changed", Person, SubjectOfCare),
    ("grant.revoked", Person, SubjectOfCare),
    ("import.approved", Desk, SupportOfCare),
    ("import.done", Desk, SupportOfCare),
    ("import.withdrawn", Desk, SupportOfCare),
    ("key.made", ClientOrStaff, ServiceManagement),
    ("key.retired", ClientOrStaff, ServiceManagement),
    ("key.rotated", ClientOrStaff, ServiceManagement),
    ("login", Person, SubjectOfCare),
    ("login.digid", Person, SubjectOfCare),
    ("login.local", Person, SubjectOfCare),
    ("logout", Person, SubjectOfCare),
    ("logout.digid", Person, SubjectOfCare),
    ("logout.notice", Person, SubjectOfCare),
    ("mandate.accepted", Person, SubjectOfCare),
    ("mandate.answered", Person, SubjectOfCare),
    ("mandate.approved", Desk, SupportOfCare),
    ("mandate.blocked", Desk, SupportOfCare),
    ("mandate.consent", Desk, SupportOfCare),
    ("mandate.given_up", Person, SubjectOfCare),
    ("mandate.granted", Person, SubjectOfCare),
    ("mandate.lapsed", System, SupportOfCare),
    ("mandate.offer_ended", Person, SubjectOfCare),
    ("mandate.offered", Person, SubjectOfCare),
    ("mandate.registered", Desk, SupportOfCare),
    ("mandate.revoked", Desk, SupportOfCare),
    ("mandate.special_attested", Desk, SupportOfCare),
    ("mandate.special_confirmed", Desk, SupportOfCare),
    ("mandate.special_ended", Desk, SupportOfCare),
    ("mandate.stopped", Person, SubjectOfCare),
    ("mandate.unblocked", Desk, SupportOfCare),
    ("password.changed", Person, SubjectOfCare),
    ("password.reset", Person, SubjectOfCare),
    ("person.birth", Desk, SupportOfCare),
    ("person.corrected", Desk, SupportOfCare),
    ("person.correction_proposed", Desk, SupportOfCare),
    ("person.correction_withdrawn", Desk, SupportOfCare),
    ("person.forgotten", System, SupportOfCare),
    ("person.found", Desk, SupportOfCare),
    ("person.merged", Desk, SupportOfCare),
    ("person.registered", Desk, SupportOfCare),
    ("person.shown", Desk, SupportOfCare),
    ("staff.added", Desk, ServiceManagement),
    ("staff.approved", Desk, ServiceManagement),
    ("staff.ended", Desk, ServiceManagement),
    ("staff.proposed", Desk, ServiceManagement),
    ("token.exchanged", Person, SubjectOfCare),
    ("token.issued", PersonOrClient, SubjectOfCare),
    ("token.refreshed", Person, SubjectOfCare),
];

/// In which role, and to what end. An event that stands in no table is told as one of nobody who is known.
pub fn meaning(
    event: &str,
    actor: Option<&str>,
    represented: Option<&str>,
    client: Option<&str>,
) -> (Role, Purpose) {
    let found = EVENTS.iter().find(|(name, ..)| *name == event);
    let Some((_, by, purpose)) = found else { return (Role::Unknown, ServiceManagement) };
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
        (ClientOrStaff, _) if actor.or(client).is_some() => Role::Program,
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
            Some((event, cells.get(2)?.clone(), roles)).filter(|(_, purpose, _)| !purpose.is_empty())
        };
        let told: Vec<_> = told.lines().filter_map(row).collect();
        let said: Vec<_> =
            told.iter().map(|(event, purpose, _)| (event.as_str(), purpose.as_str())).collect();
        let known: Vec<_> = EVENTS.iter().map(|(event, _, purpose)| (*event, purpose.word())).collect();
        assert_eq!(said, known);
        for ((event, _, told), (_, by, _)) in told.iter().zip(EVENTS) {
            let (roles, each) = roles_of(*by);
            let is_one = |word: &String| roles.iter().any(|role| role.word() == word);
            let whole = roles.iter().all(|role| told.iter().any(|word| word == role.word()));
            let right = !told.is_empty() && told.iter().all(is_one) && (whole || !each);
            assert!(right, "{event}: {told:?}, of {roles:?}");
        }
    }
}
