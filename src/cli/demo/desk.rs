//! The desk during the walk: its own commands, run in this process, and two looks into the store.

use clap::Parser;

use super::seed::Household;
use crate::{
    app::App,
    cli::mandates::MandatesCommand,
    clock::Clock,
    domain::{bsn::Bsn, fault::Fault, id::PersonId},
    simulator::{
        family::Member,
        walk::tell::{Tell, short},
    },
};

/// The desk, and whom it knows.
pub struct Desk<'a> {
    app: &'a App,
    /// The family.
    pub household: Household,
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    mandates: MandatesCommand,
}

impl<'a> Desk<'a> {
    /// The desk of this Namens.
    pub fn new(app: &'a App, household: Household) -> Self {
        Self { app, household }
    }

    /// Noor says something about the mandate for her, and the desk records it: `consent` or `withdraw`.
    pub async fn noor_says(&self, tell: &mut Tell<'_>, word: &str) -> Result<(), Fault> {
        let mandate = self.household.noors_mandate.as_str();
        let rest = ["--party", "represented", "--attested-by", "balie 2"];
        let line = Line::try_parse_from(["mandates", word, mandate].into_iter().chain(rest))?;
        line.mandates.run(&self.app.store, &mut std::io::sink(), Clock.now()).await?;
        tell.does(&format!(
            "$ namens mandates {word} {} --party represented --attested-by 'balie 2'",
            short(mandate)
        ))?;
        Ok(())
    }

    /// Whom the portal knows this person as.
    pub async fn subject(&self, person: &PersonId) -> Result<String, Fault> {
        let client = self.app.client(super::stand::CLIENT).await?;
        let client = client.ok_or(Fault::because("the demo's portal is no client"))?;
        self.app.store.subject_for(&client.sector, person, Clock.now()).await
    }

    /// Whether anything is stored under this person's BSN.
    pub async fn knows(&self, member: &Member) -> Result<bool, Fault> {
        Ok(self.app.store.person_by_bsn(&Bsn::parse(member.bsn)?).await?.is_some())
    }
}
