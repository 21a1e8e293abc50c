//! `namens staff`: who works at the desk. The first two by command; from then on they make each other members, two for each.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{
    domain::{
        email::Email,
        fault::Fault,
        line::staff,
        staff::{Member, Role, Roles, department},
        time::Timestamp,
    },
    flows::desk_staff::{NotDone, add_first, end},
    store::Store,
};

/// Who works at the desk (/desk)
#[derive(Debug, Args)]
pub struct StaffCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make somebody a member, as long as there are not two at the desk who could: then they do it there
    Add {
        /// The address of their account, which has an authenticator app
        email: String,
        /// `registrar`, `approver`, `privacy_officer` or `auditor`; may be given more than once
        #[arg(long, required = true)]
        role: Vec<Role>,
        /// The department
        #[arg(long)]
        department: String,
        /// The member of staff who does this
        #[arg(long, value_name = "STAFF")]
        by: String,
    },
    /// List the members, and who waits to be one
    List,
    /// End that somebody is a member, at once
    End {
        /// The address of their account
        email: String,
        /// The member of staff who does this
        #[arg(long, value_name = "STAFF")]
        by: String,
    },
}

impl StaffCommand {
    /// Runs the command and writes its answer, in JSON, to `out`.
    pub async fn run(self, store: &Store, out: &mut impl Write, now: Timestamp) -> Result<(), Fault> {
        match self.act {
            Act::Add { email, role, department: named, by } => {
                let (by, email, named) = (staff(&by)?, Email::parse(&email)?, department(&named)?);
                add_first(store, &email, (&Roles::of(&role)?, &named), &by, now).await?;
                let member = find(store, &email, now).await?;
                writeln!(out, "{:#}", as_json(&member))?;
            }
            Act::List => {
                let all: Value = store.members(now).await?.iter().map(as_json).collect();
                writeln!(out, "{all:#}")?;
            }
            Act::End { email, by } => {
                let by = staff(&by)?;
                let member = find(store, &Email::parse(&email)?, now).await?;
                end(store, &member.id, &by, now).await?;
                writeln!(out, "{:#}", json!({ "ended": member.email }))?;
            }
        }
        Ok(())
    }
}

async fn find(store: &Store, email: &Email, now: Timestamp) -> Result<Member, Fault> {
    let account = store.account_by_email(email).await?.ok_or(NotDone::Unknown)?;
    let found = store.members(now).await?.into_iter().find(|member| member.account == account.id);
    Ok(found.ok_or(NotDone::Unknown)?)
}

fn as_json(member: &Member) -> Value {
    json!({
        "email": member.email,
        "roles": member.roles.each(),
        "department": member.department,
        "proposed_by": member.proposed_by,
        "proposed_at": member.proposed_at.rfc3339(),
        "approved_by": member.approved.as_ref().map(|second| &second.by),
        "approved_at": member.approved.as_ref().map(|second| second.at.rfc3339()),
        "waits_until": member.waits_until().map(Timestamp::rfc3339),
    })
}
