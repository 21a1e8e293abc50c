//! What is done at the desk and its line in the log are one: where the line cannot be written, nothing is done, and nothing is shown
//! (section 5 of the design).

use std::cell::RefCell;

use reqwest::StatusCode;

use crate::{
    authenticator::change,
    desk::{ELS, JOOST, Seat, form, member},
    digid_steps::desk_person,
    house::House,
    mandates_desk::{born, days, fresh_bsn},
};

const ALL: &str = "registrar approver privacy_officer auditor";
const KIM: &str = "kim@ziekenhuis.nl";
/// What only says that somebody was looked at: it is written before the act, and on its own.
const LOOKS: &str = "('person.found', 'person.shown', 'person.listed')";

/// Lets no line in of which `which` is true.
fn bend(house: &House, which: &str) {
    change(
        house,
        &format!(
            "CREATE TRIGGER bent BEFORE INSERT ON audit_lines WHEN {which} BEGIN SELECT RAISE(ABORT, 'bent'); END"
        ),
    );
}

fn mend(house: &House) {
    change(house, "DROP TRIGGER bent");
}

/// Every row that an act may write, but for what passes: counters, logins that are under way, the log, and when a mandate is looked at next,
/// which a job writes.
fn kept(house: &House) -> Vec<String> {
    let passing = "'counters', 'ephemeral', 'spent', 'mandate_mails'";
    let tables = house.query(&format!(
        "SELECT 'SELECT ''' || t.name || ' '' || ' || (SELECT group_concat('quote(\"' || c.name || '\")', ' || ') FROM pragma_table_info(t.name) c WHERE c.name <> 'look_at') \
         || ' FROM \"' || t.name || '\"' FROM sqlite_master t WHERE t.type = 'table' AND t.name NOT LIKE 'audit%' \
         AND t.name NOT LIKE '\\_%' ESCAPE '\\' AND t.name NOT LIKE 'sqlite%' AND t.name NOT IN ({passing})"
    ));
    assert!(tables.len() > 15, "{tables:?}");
    let mut rows: Vec<String> = tables.iter().flat_map(|table| house.query(table)).collect();
    rows.sort_unstable();
    rows
}

struct Acts {
    house: House,
    els: Seat,
    joost: Seat,
    done: RefCell<Vec<String>>,
}

impl Acts {
    /// Does it without a line, which is refused as a fault and changes nothing; and then with one. Gives where that leads.
    async fn does(&self, seat: &Seat, path: &str, fields: &[(&str, &str)]) -> String {
        let before = kept(&self.house);
        bend(&self.house, &format!("NEW.event NOT IN {LOOKS}"));
        let told = seat.post(path, fields).await;
        mend(&self.house);
        assert!(told.status.is_server_error(), "{path}: {} {}", told.status, told.body);
        let new: Vec<_> = kept(&self.house).into_iter().filter(|row| !before.contains(row)).collect();
        assert!(new.is_empty() && kept(&self.house).len() == before.len(), "{path}: {new:?}");
        let told = seat.post(path, fields).await;
        assert_eq!(told.status, StatusCode::SEE_OTHER, "{path}: {}", told.body);
        assert!(kept(&self.house) != before, "{path} does nothing");
        let parts: Vec<&str> = path.split('/').collect();
        let door = match parts[..] {
            ["", "desk", what, _, act] => format!("/desk/{what}/{{id}}/{act}"),
            _ => path.to_owned(),
        };
        self.done.borrow_mut().push(door);
        told.location().unwrap().path().to_owned()
    }

    /// The id of the newest row.
    fn newest(&self, table: &str) -> String {
        self.house.query(&format!("SELECT id FROM {table} ORDER BY rowid DESC LIMIT 1")).concat()
    }

    async fn of_a_mandate(&self) -> String {
        let (els, joost) = (&self.els, &self.joost);
        let (parent, child, birth, ends) = (fresh_bsn(), fresh_bsn(), born(13, 40), days(100));
        let mandate = self.does(els, "/desk/register", &form(&parent, &child, &birth)).await;
        let of = |act: &str| format!("{mandate}/{act}");
        let read = [("bsn", parent.as_str()), ("birth", &birth), ("represented", &child)];
        self.does(joost, &of("approve"), &read).await;
        self.does(els, &of("said"), &[("party", "represented"), ("word", "agreed")]).await;
        self.does(els, &of("attest"), &[("evidence", "brief 1"), ("ends", &ends)]).await;
        let basis = self.newest("special_bases");
        self.does(joost, &of("confirm"), &[("basis", &basis)]).await;
        self.does(els, &of("end"), &[("basis", &basis)]).await;
        self.does(els, &of("block"), &[("reason", "melding 7")]).await;
        self.does(joost, &of("unblock"), &[]).await;
        self.does(els, &of("revoke"), &[]).await;
        let (parent, child) = (fresh_bsn(), fresh_bsn());
        let mut fields = form(&parent, &child, &birth);
        fields.retain(|(name, _)| *name != "represented_number");
        fields.push(("represented_number", "K-2002"));
        let other = self.does(els, "/desk/register", &fields).await;
        self.does(joost, &format!("{other}/refuse"), &[("why", "form")]).await;
        mandate
    }

    async fn of_a_person(&self, mandate: &str) {
        let (els, joost, house) = (&self.els, &self.joost, &self.house);
        let id = mandate.rsplit('/').next().unwrap();
        let sam = house.query(&format!("SELECT represented FROM mandates WHERE id = '{id}'")).concat();
        let (known, unknown) = (fresh_bsn(), fresh_bsn());
        let bert = desk_person(house, "Bert", None, Some(&known));
        let of = |person: &str, act: &str| format!("/desk/person/{person}/{act}");
        let reason = ("reason", "melding 8");
        self.does(els, &of(&sam, "block"), &[("other", &known), reason]).await;
        self.does(joost, &of(&sam, "unblock"), &[("representative", &bert)]).await;
        self.does(els, &of(&sam, "block"), &[("other", &unknown), ("unknown", "yes"), reason]).await;
        let right = [("birth", "1980-01-01"), ("bsn", ""), ("evidence", "brief 2")];
        self.does(els, &of(&bert, "correct"), &right).await;
        let correction = self.newest("corrections");
        self.does(joost, &format!("/desk/correction/{correction}/approve"), &right[..2]).await;
        let right = [("birth", "1981-01-01"), right[1], right[2]];
        self.does(els, &of(&bert, "correct"), &right).await;
        let correction = self.newest("corrections");
        self.does(els, &format!("/desk/correction/{correction}/withdraw"), &[]).await;
        let [lot, twice] = ["Lot", "Lotte"].map(|name| desk_person(house, name, Some("1980-01-01"), None));
        for (person, number) in [(&lot, "K-7"), (&twice, "K-8")] {
            change(house, &format!("UPDATE persons SET patient_number = '{number}' WHERE id = '{person}'"));
        }
        let read = [("birth", "1980-01-01"), ("known", "K-7"), ("other", "K-8"), ("evidence", "brief 3")];
        self.does(els, &of(&lot, "same-person"), &read).await;
        let correction = self.newest("corrections");
        self.does(joost, &format!("/desk/correction/{correction}/same-person"), &read[..3]).await;
    }

    async fn of_a_member(&self) {
        let kim = [("email", KIM), ("department", "Poli"), ("auditor", "yes")];
        self.does(&self.els, "/desk/staff", &kim).await;
        let id = self.newest("staff");
        self.does(&self.joost, &format!("/desk/staff/{id}/approve"), &kim[..1]).await;
        self.does(&self.els, &format!("/desk/staff/{id}/end"), &[]).await;
    }
}

#[tokio::test]
async fn no_act_at_the_desk_is_done_without_its_line_and_nobody_is_shown_without_one() {
    let house = House::start().await;
    for (email, roles) in [(ELS, ALL), (JOOST, ALL), (KIM, "")] {
        member(&house, email, roles).await;
    }
    let (els, joost) = (Seat::of(&house, ELS, true, 0).await, Seat::of(&house, JOOST, true, 0).await);
    let acts = Acts { house, els, joost, done: RefCell::default() };
    let mandate = acts.of_a_mandate().await;
    acts.of_a_person(&mandate).await;
    acts.of_a_member().await;
    // Reading is an act too.
    let (house, els) = (&acts.house, &acts.els);
    let person = house.query("SELECT id FROM persons WHERE patient_number = 'K-7'").concat();
    let pages = [mandate, format!("/desk/person/{person}")];
    let log = [("bsn", ""), ("number", "K-7"), ("person", ""), ("at", ""), ("line", "")];
    let search = [("bsn", ""), ("number", "K-7")];
    for is_bent in [true, false] {
        if is_bent {
            bend(house, "1");
        }
        for page in &pages {
            assert_eq!(els.get(page).await.status.is_server_error(), is_bent, "{page}");
        }
        for (path, fields) in [("/desk/search", &search[..]), ("/desk/log", &log)] {
            let told = els.post(path, fields).await;
            assert_eq!(told.status.is_server_error(), is_bent, "{path}");
            assert!(!is_bent || !told.body.contains("Lot"), "{path}");
        }
        if is_bent {
            mend(house);
        }
    }
    // Each form of the desk is among them.
    let mut done = acts.done.take();
    done.extend(["/desk/search", "/desk/log"].map(str::to_owned));
    done.sort_unstable();
    done.dedup();
    let mut served: Vec<String> = include_str!("../../src/web/router.rs")
        .lines()
        .filter(|line| line.contains("\"/desk") && line.contains("post("))
        .map(|line| line.split('"').nth(1).unwrap().to_owned())
        .collect();
    served.sort_unstable();
    assert_eq!(done, served);
    assert!(house.ok(&["audit", "verify"]).contains("as they were written"));
}
