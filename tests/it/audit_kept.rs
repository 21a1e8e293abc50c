//! How long the audit log is kept (docs/requirements.md: R3; docs/audit.md), on a clock that the test moves through the years.

use crate::{house::House, mandates_desk::now, notify::until};

const DAY: i64 = 86_400;
/// A year of the log: as long as the longest.
const YEAR: i64 = 366 * DAY;

/// How many lines tell of a person of that name.
fn lines_of(house: &House, person: &str) -> usize {
    house.count(&format!("audit WHERE represented = '{person}'"))
}

#[tokio::test]
async fn r3_a_line_goes_once_the_years_of_the_configuration_are_over_and_not_before() {
    let (mut house, begin) = (House::with("[audit]\nkeep_years = 6\n").await, now());
    let add = |house: &House, name: &str| {
        house.ok(&["persons", "add", "--name", name, "--by", "els"]);
        house.query(&format!("SELECT id FROM persons WHERE name = '{name}'")).concat()
    };
    let later = async |house: &House, past: i64| {
        house.set_clock(begin.plus(past)).await;
        // The line that tells of a checkpoint is no reason for another.
        let last = house.query("SELECT MAX(seq) FROM audit WHERE event <> 'audit.checkpoint'").concat();
        let over = format!("audit_checkpoints WHERE node = 'namens' AND seq >= {last}");
        until("a checkpoint over all lines so far", || (house.count(&over) > 0).then_some(())).await;
    };
    let old = add(&house, "Oud");
    later(&house, DAY).await;
    later(&house, 2 * YEAR).await;
    let young = add(&house, "Jong");
    later(&house, 2 * YEAR + DAY).await;

    // A day before, also by the look of who takes away what is too old: it has looked by the next checkpoint.
    for past in [6 * YEAR - 2 * DAY, 6 * YEAR - DAY] {
        add(&house, &format!("Later {past}"));
        later(&house, past).await;
    }
    assert_eq!((lines_of(&house, &old), lines_of(&house, &young)), (1, 1));
    assert_eq!(house.count("audit WHERE event = 'audit.swept'"), 0);
    later(&house, 6 * YEAR + 3 * DAY).await;
    until("an end to the oldest line", || (lines_of(&house, &old) == 0).then_some(())).await;
    assert_eq!(lines_of(&house, &young), 1);
    assert_eq!(house.count("audit WHERE event = 'audit.swept'"), 1);
    house.stop();
    let said = house.ok(&["audit", "verify"]);
    assert!(said.contains("as they were written"), "{said}");
}
