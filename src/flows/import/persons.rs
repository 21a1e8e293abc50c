//! Persons. Who is new is registered as by `admin_persons`; who is known stays as they are, without a date of birth too.

use super::{Found, Pass, differs};
use crate::{
    domain::{
        fault::Fault,
        import::{Finding, PersonLine, Row, Why, person_line},
        meant::first_birth,
        patient_number::PatientNumber,
    },
    store::persons::Told,
};

impl Pass<'_> {
    pub(super) async fn persons(&mut self, chunk: Vec<Row>) -> Result<(), Fault> {
        let mut lines: Vec<(PersonLine, Option<Vec<u8>>, u64)> = Vec::with_capacity(chunk.len());
        for row in &chunk {
            match person_line(row, self.import.now) {
                Ok(told) => {
                    let index = told.bsn.as_ref().map(|bsn| self.on.bsn_index(bsn));
                    lines.push((told, index, row.line()));
                }
                Err(found) => found.into_iter().try_for_each(|finding| self.wrong(finding))?,
            }
        }
        let bsns: Vec<_> = lines.iter().filter_map(|(_, index, _)| index.clone()).collect();
        let numbers: Vec<_> = lines.iter().filter_map(|(told, ..)| told.number.clone()).collect();
        let found = Found::of(&self.on.known(&bsns, &numbers).await?);
        let mut new = Vec::new();
        let mut last = 0;
        for (told, index, line) in lines {
            let number = told.number.as_ref();
            last = line;
            if let Some(first) = self.seen.person(line, index.as_deref(), number.map(PatientNumber::as_str)) {
                self.wrong(Finding { line, column: None, why: Why::Twice(first) })?;
                continue;
            }
            match found.who((index.as_deref(), number), told.birth) {
                Err(how) => self.wrong(differs(line, how, ["bsn", "patient_number", "birth_date"]))?,
                Ok(Some(known)) => {
                    self.counts.known += 1;
                    // Persons take one, and a first date takes two: it waits for a mandate that tells it too.
                    self.counts.undated += u64::from(first_birth(known.birth, told.birth).is_some());
                }
                Ok(None) => {
                    self.counts.new += 1;
                    let PersonLine { number, bsn, name, birth } = told;
                    new.push(Told { name, birth, bsn, patient_number: number });
                }
            }
        }
        if self.on.writes() && self.counts.wrong == 0 && !new.is_empty() && !self.on.add_persons(&new).await?
        {
            self.wrong(Finding { line: last, column: None, why: Why::Raced })?;
        }
        Ok(())
    }
}
