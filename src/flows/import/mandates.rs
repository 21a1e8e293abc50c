//! Mandates. Each new one is registered by the rules of every mandate (`domain::registration`), and waits.

use super::{Found, Pass, differs, once};
use crate::{
    domain::{
        birth::BirthDate,
        fault::Fault,
        id::{MandateId, PersonId},
        import::{Finding, Known, MandateLine, Row, Why, is_same, mandate_line},
        mandate::{Mandate, can_still_count, closes_a_circle, is_void},
        meant::{Differs, first_birth},
        registration::{Births, Form, register},
    },
    store::{first_births::Waits, mandates::NewMandate},
};

/// What a line says, and between whom.
struct Line {
    number: u64,
    told: MandateLine,
    who: PersonId,
    whom: PersonId,
    /// When both were born, as on record; of the person represented as the line tells it, where nothing is.
    births: Births,
    /// The date of birth of the person represented, where none is on record: it waits with the mandate (`docs/adr/0052`).
    first: Option<BirthDate>,
}

impl Line {
    fn is_of(&self, mandate: &Mandate) -> bool {
        mandate.representative == self.who
            && mandate.represented == self.whom
            && mandate.relation == self.told.form.relation
    }

    /// Whether another date of birth waits for the person represented, of whom none is on record.
    fn is_contradicted(&self, waiting: &[Waits]) -> bool {
        self.first.is_some_and(|birth| {
            waiting.iter().any(|waits| waits.person == self.whom && waits.birth != birth)
        })
    }

    /// What the approval of the mandate makes true: the date that waits with it.
    fn first_of(&self, mandate: &Mandate, waiting: &[Waits]) -> Option<(MandateId, PersonId, BirthDate)> {
        let of = |waits: &&Waits| waits.mandate.as_ref() == Some(&mandate.id) && waits.person == self.whom;
        let waits = waiting.iter().find(of)?;
        Some((mandate.id.clone(), self.whom.clone(), waits.birth))
    }

    fn is_form_of(&self, mandate: &Mandate) -> bool {
        self.is_of(mandate) && mandate.form_reference == self.told.form.form_reference
    }
}

impl Pass<'_> {
    pub(super) async fn mandates(&mut self, chunk: Vec<Row>) -> Result<(), Fault> {
        let lines = self.between(chunk).await?;
        let people = once(lines.iter().flat_map(|line| [line.who.clone(), line.whom.clone()]));
        let there = self.on.mandates_among(&people, false).await?;
        let waiting = self.first_waiting(&lines).await?;
        let mut new = Vec::new();
        for line in lines {
            match self.judge(line, &there, &waiting) {
                Ok(Some(one)) => {
                    self.counts.new += 1;
                    new.push(one);
                }
                Ok(None) => self.counts.known += 1,
                Err(finding) => self.wrong(finding)?,
            }
        }
        if self.on.writes()
            && self.counts.wrong == 0
            && let Err(line) = self.on.add_mandates(&new).await?
        {
            self.wrong(Finding { line, column: None, why: Why::Full })?;
        }
        Ok(())
    }

    /// What comes of a line: a registration, or nothing where the mandate is on record already. One that was revoked or is over is on record too: no
    /// import brings it back.
    fn judge(
        &mut self,
        line: Line,
        there: &[Mandate],
        waiting: &[Waits],
    ) -> Result<Option<NewMandate>, Finding> {
        let (number, now, relation) = (line.number, self.import.now, line.told.form.relation);
        let wrong = |column, why| Finding { line: number, column, why };
        if let Some(first) = self.seen.mandate(number, &line.who, &line.whom, relation) {
            return Err(wrong(None, Why::Twice(first)));
        }
        if line.first.is_some_and(|birth| self.seen.tells_otherwise(&line.whom, birth))
            || line.is_contradicted(waiting)
        {
            return Err(wrong(Some(REPRESENTED[2]), Why::BirthWaits));
        }
        if let Some(known) = there.iter().find(|one| line.is_form_of(one) && !is_void(one, now)) {
            if !is_same(&line.told.form, known) {
                return Err(wrong(Some("form_reference"), Why::OtherForm));
            }
            if can_still_count(known, line.births.represented, now) {
                // It stands, so it is no finding; but lines to come may close a circle with it.
                self.seen.closes_a_circle(&line.who, &line.whom, relation);
            }
            return Ok(None);
        }
        let circle = self.seen.closes_a_circle(&line.who, &line.whom, relation);
        if there.iter().any(|one| line.is_of(one) && can_still_count(one, line.births.represented, now)) {
            return Err(wrong(None, Why::Already));
        }
        let closes =
            closes_a_circle((&line.who, &line.whom, relation), there, line.births.representative, now);
        if line.who != line.whom && (circle || closes) {
            return Err(wrong(None, Why::Circle));
        }
        let Line { told, who, whom, births, first, .. } = line;
        let registered_by = self.import.by.to_owned();
        let form = Form { representative: who, represented: whom, registered_by, ..told.form };
        let registration = register(form, births, now).map_err(|why| wrong(None, Why::Form(why)))?;
        Ok(Some(NewMandate { line: number, registration, first }))
    }

    /// The dates of birth that wait for those of whom none is on record.
    async fn first_waiting(&mut self, lines: &[Line]) -> Result<Vec<Waits>, Fault> {
        let undated = lines.iter().filter(|line| line.first.is_some());
        self.on.births_waiting(&once(undated.map(|line| line.whom.clone()))).await
    }

    /// For an approval: approves the mandates of the import of which these lines tell what is on record of their people. A line that tells
    /// otherwise is reported, and its mandate goes on waiting: it may be approved by itself.
    pub(super) async fn recognise(&mut self, chunk: Vec<Row>) -> Result<(), Fault> {
        let lines = self.between(chunk).await?;
        let people = once(lines.iter().flat_map(|line| [line.who.clone(), line.whom.clone()]));
        let own = self.on.mandates_among(&people, true).await?;
        let there = self.on.mandates_among(&people, false).await?;
        let waiting = self.first_waiting(&lines).await?;
        let (mut recognised, mut first) = (Vec::new(), Vec::new());
        for line in &lines {
            match own.iter().find(|one| line.is_form_of(one)) {
                Some(_) if line.is_contradicted(&waiting) => {
                    let column = Some(REPRESENTED[2]);
                    self.wrong(Finding { line: line.number, column, why: Why::BirthWaits })?;
                }
                Some(one) => match (line.first, line.first_of(one, &waiting)) {
                    // It was imported when a date was on record, and none is any more.
                    (Some(_), None) if one.approved.is_none() && one.revoked_at.is_none() => {
                        self.wrong(Finding { line: line.number, column: None, why: Why::Gone })?;
                    }
                    (_, waits) => {
                        first.extend(waits);
                        recognised.push(one.id.clone());
                    }
                },
                // On record before that import.
                None if there.iter().any(|one| line.is_form_of(one)) => {}
                None => self.wrong(Finding { line: line.number, column: None, why: Why::Gone })?,
            }
        }
        self.counts.known += u64::try_from(recognised.len())?;
        let approved = self.on.approve(&recognised, &first).await?;
        self.counts.new += u64::try_from(approved.len())?;
        for standing in self.on.standings(&approved).await? {
            *self.standings.entry(standing.as_str()).or_default() += 1;
        }
        Ok(())
    }

    /// The lines of a chunk that can be read, with the two people whom they tell of, where these are known by just what the line says.
    async fn between(&mut self, chunk: Vec<Row>) -> Result<Vec<Line>, Fault> {
        let mut read = Vec::with_capacity(chunk.len());
        for row in &chunk {
            match mandate_line(row, self.import.now) {
                Ok(told) => {
                    let who = self.on.bsn_index(&told.representative);
                    let whom = told.bsn.as_ref().map(|bsn| self.on.bsn_index(bsn));
                    read.push((row.line(), told, who, whom));
                }
                Err(found) => found.into_iter().try_for_each(|finding| self.wrong(finding))?,
            }
        }
        let bsns: Vec<_> =
            read.iter().flat_map(|(.., who, whom)| [Some(who.clone()), whom.clone()]).flatten().collect();
        let numbers: Vec<_> = read.iter().filter_map(|(_, told, ..)| told.number.clone()).collect();
        let found = Found::of(&self.on.known(&bsns, &numbers).await?);
        let mut lines = Vec::with_capacity(read.len());
        for (line, told, who, whom) in read {
            let representative = found.who((Some(&who), None), None);
            let represented = found.who((whom.as_deref(), told.number.as_ref()), Some(told.born));
            match (known(line, representative, REPRESENTATIVE), known(line, represented, REPRESENTED)) {
                (Ok((who, representative)), Ok((whom, represented))) => {
                    let first = first_birth(represented, Some(told.born));
                    let births = Births { representative, represented: represented.or(first) };
                    lines.push(Line { number: line, told, who, whom, births, first });
                }
                (one, other) => {
                    [one.err(), other.err()]
                        .into_iter()
                        .flatten()
                        .try_for_each(|finding| self.wrong(finding))?;
                }
            }
        }
        Ok(lines)
    }
}

const REPRESENTATIVE: [&str; 3] = ["representative_bsn"; 3];
const REPRESENTED: [&str; 3] = ["represented_bsn", "represented_patient_number", "represented_birth_date"];

fn known(
    line: u64,
    found: Result<Option<&Known>, Differs>,
    columns: [&'static str; 3],
) -> Result<(PersonId, Option<BirthDate>), Finding> {
    match found {
        Ok(Some(known)) => Ok((known.id.clone(), known.birth)),
        Ok(None) => Err(Finding { line, column: columns.first().copied(), why: Why::Unknown }),
        Err(how) => Err(differs(line, how, columns)),
    }
}
