//! Who works at the desk, and what each role may do there (issue 4; `docs/adr/0041`).

use super::{
    four_eyes::waits_until,
    id::{AccountId, StaffId},
    line::{member, one_line},
    mandate::Confirmed,
    own::OwnPage,
    time::Timestamp,
    words::words,
};

words! {
    /// A role at the desk. Each opens some acts and no others; one member may have several.
    Role {
        /// Registers people and mandates, revokes, blocks, and hears what people say of their mandates.
        Registrar = "registrar",
        /// Approves what another one registered.
        Approver = "approver",
        /// Looks after the members of staff, lifts blocks and puts right what is recorded.
        PrivacyOfficer = "privacy_officer",
        /// Reads the log.
        Auditor = "auditor",
    }

    /// What is done at the desk.
    Act {
        /// Looking a person up by BSN or patient number, and looking at them and at what waits.
        Search = "search",
        /// Registering people and a mandate, and recording that somebody agrees.
        Register = "register",
        /// Approving what somebody else registered.
        Approve = "approve",
        /// Taking access away: revoking, blocking, and recording that somebody agrees no longer.
        TakeAway = "take_away",
        /// Lifting the block that somebody else placed.
        Unblock = "unblock",
        /// Proposing and approving what is right of a person.
        Correct = "correct",
        /// Proposing and ending members of staff.
        Staff = "staff",
        /// Approving a member of staff whom somebody else proposed.
        ApproveStaff = "approve_staff",
        /// Reading the log.
        ReadLog = "read_log",
    }
}

impl Act {
    /// The page at which it is done; who works at the desk takes a login of just now.
    pub const fn page(self) -> OwnPage {
        match self {
            Self::Staff | Self::ApproveStaff => OwnPage::DeskStaff,
            _ => OwnPage::Desk,
        }
    }
}

impl Role {
    /// Whether this role opens that act.
    pub const fn opens(self, act: Act) -> bool {
        match self {
            Self::Registrar => matches!(act, Act::Search | Act::Register | Act::TakeAway),
            Self::Approver => matches!(act, Act::Search | Act::Approve | Act::ApproveStaff),
            Self::PrivacyOfficer => matches!(
                act,
                Act::Search | Act::TakeAway | Act::Unblock | Act::Correct | Act::Staff | Act::ApproveStaff
            ),
            Self::Auditor => matches!(act, Act::ReadLog),
        }
    }
}

/// The roles of one member: at least one, each once, in the order of [`Role::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

/// No role was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("choose at least one role: registrar, approver, privacy_officer or auditor")]
pub struct NoRole;

impl Roles {
    /// Of these, in whatever order and however often.
    pub fn of(chosen: &[Role]) -> Result<Self, NoRole> {
        let roles: Vec<Role> = Role::ALL.iter().copied().filter(|role| chosen.contains(role)).collect();
        if roles.is_empty() { Err(NoRole) } else { Ok(Self(roles)) }
    }

    /// Each of them.
    pub fn each(&self) -> &[Role] {
        &self.0
    }

    /// As they are kept: their words, with a space between.
    pub fn words(&self) -> String {
        self.0.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Whether one of them opens that act.
    pub fn open(&self, act: Act) -> bool {
        self.0.iter().any(|role| role.opens(act))
    }
}

/// What is no name of a department.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("name the department on one line of at most 60 characters")]
pub struct NotADepartment;

/// The most characters of a department's name.
const LONGEST: usize = 60;

/// The name of a department, without spaces around it.
pub fn department(text: &str) -> Result<String, NotADepartment> {
    let line = one_line(text).map_err(|_| NotADepartment)?;
    if line.chars().count() <= LONGEST { Ok(line) } else { Err(NotADepartment) }
}

/// Somebody who works at the desk, or is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its identifier: of this membership, which has these roles.
    pub id: StaffId,
    /// Whose.
    pub account: AccountId,
    /// The account's address.
    pub email: String,
    /// What they may do.
    pub roles: Roles,
    /// Where.
    pub department: String,
    /// Who proposed them.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
    /// The second pair of eyes. Without it they are no member.
    pub approved: Option<Confirmed>,
}

impl Member {
    /// The name by which they do what they do: it stands in the log and beside what they registered. It is of the account, so that who
    /// left and came back is nobody else.
    pub fn name(&self) -> String {
        member(self.account.as_str())
    }

    /// Until when they wait for their second pair of eyes, if they do.
    pub fn waits_until(&self) -> Option<Timestamp> {
        self.approved.is_none().then(|| waits_until(self.proposed_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_opens_its_own_acts_and_no_others() {
        use Act::{Approve, ApproveStaff, Correct, ReadLog, Register, Search, Staff, TakeAway, Unblock};
        for (role, opened) in [
            (Role::Registrar, &[Search, Register, TakeAway][..]),
            (Role::Approver, &[Search, Approve, ApproveStaff]),
            (Role::PrivacyOfficer, &[Search, TakeAway, Unblock, Correct, Staff, ApproveStaff]),
            (Role::Auditor, &[ReadLog]),
        ] {
            for act in Act::ALL {
                assert_eq!(role.opens(*act), opened.contains(act), "{role} {act}");
            }
        }
    }

    #[test]
    fn what_makes_or_ends_members_takes_a_login_of_just_now_and_nothing_else_does() {
        for act in Act::ALL {
            let is_of_members = [Act::Staff, Act::ApproveStaff].contains(act);
            assert_eq!((act.page().is_sensitive(), act.page().is_desk()), (is_of_members, true), "{act}");
        }
    }

    #[test]
    fn roles_are_kept_in_one_order_and_there_is_at_least_one() {
        let roles = Roles::of(&[Role::Auditor, Role::Registrar, Role::Auditor]).unwrap();
        assert_eq!(roles.words(), "registrar auditor");
        assert!(roles.open(Act::ReadLog) && roles.open(Act::Register) && !roles.open(Act::Approve));
        assert_eq!(roles.each(), [Role::Registrar, Role::Auditor]);
        assert_eq!(Roles::of(&[]), Err(NoRole));
    }

    #[test]
    fn who_is_proposed_waits_thirty_days_for_the_second_pair_of_eyes_and_acts_by_the_name_of_their_account() {
        let at = Timestamp::from_epoch;
        let proposed = Member {
            id: StaffId::from_stored("second-membership"),
            account: AccountId::from_stored("els"),
            email: "els@example.nl".into(),
            roles: Roles::of(&[Role::Registrar]).unwrap(),
            department: "Balie".into(),
            proposed_by: "root".into(),
            proposed_at: at(100),
            approved: None,
        };
        assert_eq!(
            (proposed.name().as_str(), proposed.waits_until()),
            ("member:els", Some(at(100 + 30 * 86_400)))
        );
        let member = Member { approved: Some(Confirmed { by: "clerk".into(), at: at(200) }), ..proposed };
        assert_eq!(member.waits_until(), None);
    }

    #[test]
    fn a_department_is_one_short_line() {
        assert_eq!(department(" Kindergeneeskunde ").as_deref(), Ok("Kindergeneeskunde"));
        for bad in ["", "a\nb", &"x".repeat(61)] {
            assert_eq!(department(bad), Err(NotADepartment), "{bad:?}");
        }
    }
}
