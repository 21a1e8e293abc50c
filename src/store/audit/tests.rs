mod attacks;

use super::{
    chain::Chain,
    verify::{Finding, Wrong},
    *,
};
use crate::{
    domain::time::Timestamp,
    store::{
        ledger::Ledger,
        testing::{Fresh, fresh, now, without_tables},
    },
};

const YEAR: i64 = 366 * 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_epoch(second)
}

fn event<'a>(event: &'a str, actor: &'a str) -> Event<'a> {
    Event { event, outcome: "ok", actor: Some(actor), ..Event::default() }
}

impl Fresh {
    async fn wrong(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        self.store.verify_audit(&[], &mut |finding| found.push(finding)).await.unwrap();
        found
    }
}

fn lines(from: i64, to: i64, wrong: Wrong) -> Finding {
    Finding::Lines { node: "namens".to_owned(), from, to, wrong }
}

/// More lines than one search looks at, few of which fit: every one is found, once, and no search looks at more.
#[tokio::test]
async fn a_search_among_very_many_ends_and_finds_all() {
    let fresh = fresh().await;
    let mut tx = fresh.store.db.begin().await.unwrap();
    for number in 0..LOOKED_AT * 2 + 100 {
        let event = if number % 15_000 == 7 { "rare" } else { "common" };
        tx.note(&Event { event, outcome: "ok", ..Event::default() }, at(number / 50));
    }
    tx.commit().await.unwrap();
    let mut search = Search { event: Some("rare".into()), ..Search::default() };
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let (some, next) = fresh.store.audit_lines(&search, 10).await.unwrap();
        found.extend(some.into_iter().map(|line| line.at.epoch()));
        pages += 1;
        let Some(next) = next else { break };
        search.behind = Some(next);
    }
    assert_eq!(found, [7 / 50, 15_007 / 50, 30_007 / 50]);
    assert_eq!(pages, 3);
}

/// What somebody did within one second is told in the order in which they did it, page by page.
#[tokio::test]
async fn the_lines_of_one_second_are_told_in_the_order_in_which_they_were_written() {
    let fresh = fresh().await;
    for number in 0..40 {
        let detail = Some(number.to_string());
        let event = Event { detail: detail.as_deref(), ..event("login.local", "anna") };
        fresh.store.audit(&event, at(1_000)).await.unwrap();
    }
    let (mut search, mut told) =
        (Search { from: Some(at(1_000)), to: Some(at(1_001)), ..Search::default() }, Vec::new());
    loop {
        let (some, next) = fresh.store.audit_lines(&search, 7).await.unwrap();
        told.extend(some.into_iter().map(|line| line.detail.unwrap()));
        let Some(next) = next else { break };
        search.behind = Some(next);
    }
    assert_eq!(told, (0..40).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// Two of them are as two processes on one database: neither knows where the other left the head.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_write_at_once_make_one_chain() {
    let fresh = fresh().await;
    let other = Ledger::new((*fresh.store.db).clone(), Chain::new("namens", fresh.store.vault.clone()));
    let third = Ledger::new((*fresh.store.db).clone(), Chain::new("b", fresh.store.vault.clone()));
    fresh.change("INSERT INTO audit_heads (node, seq, mac) VALUES ('b', 0, x'')").await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..90 {
        let store = fresh.store.clone();
        let (ledger, name) = ([&other, &third][number % 2].clone(), format!("person {}", number % 7));
        tasks.spawn(async move {
            if number % 3 == 0 {
                return store.audit(&event("login.local", &name), now()).await.unwrap();
            }
            let mut tx = ledger.begin().await.unwrap();
            for _ in 0..3 {
                tx.note(&event("login.local", &name), now());
            }
            if number % 5 == 0 { tx.rollback().await.unwrap() } else { tx.commit().await.unwrap() }
        });
    }
    tasks.join_all().await;
    // From here on both know everybody, and each finds the head where the other one left it: nothing but the guard tells.
    for _ in 0..4 {
        fresh.store.audit(&event("login.local", "person 0"), now()).await.unwrap();
        let mut tx = other.begin().await.unwrap();
        tx.note(&event("login.local", "person 0"), now());
        tx.commit().await.unwrap();
    }
    assert_eq!(fresh.wrong().await, []);
    let written = fresh.count("SELECT COUNT(*) FROM audit_lines").await;
    assert_eq!(written, 30 + 48 * 3 + 8);
    assert_eq!(fresh.count("SELECT SUM(seq) FROM audit_heads").await, written);
    assert_eq!(fresh.count("SELECT COUNT(*) FROM audit_names").await, 7);
    assert_eq!(fresh.count("SELECT MIN(seq) FROM audit_lines WHERE node = 'b'").await, 1);
}

#[tokio::test]
async fn lines_of_before_the_chain_are_taken_up_once_and_then_are_evidence() {
    let fresh = fresh().await;
    for statement in [
        "INSERT INTO audit_before VALUES ('b', 20, 'mandate.registered', 'ok', 'j. bos', 'child', NULL, 'm')",
        "INSERT INTO audit_before VALUES ('c', 20, 'logout', 'ok', 'anna', NULL, NULL, NULL)",
        "INSERT INTO audit_before VALUES ('a', 10, 'login.digid', 'ok', 'anna', 'child', 'portal', NULL)",
    ] {
        fresh.change(statement).await;
    }
    assert!(fresh.store.check_migrated().await.is_err());
    fresh.store.migrate().await.unwrap();
    fresh.store.migrate().await.unwrap();
    fresh.store.check_migrated().await.unwrap();
    assert_eq!(fresh.wrong().await, []);
    let (told, _) = fresh.store.audit_lines(&Search::default(), 10).await.unwrap();
    let told: Vec<_> =
        told.iter().map(|l| (l.seq, l.id.as_str(), l.actor.as_deref(), l.role.as_str())).collect();
    let (anna, bos) = (Some("anna"), Some("j. bos"));
    assert_eq!(
        told[..3],
        [(1, "a", anna, "representative"), (2, "b", bos, "staff"), (3, "c", anna, "patient")]
    );
    assert_eq!((told.len(), told[3].3), (4, "system"));
    fresh.change("UPDATE audit_lines SET detail = 'other' WHERE seq = 2").await;
    assert_eq!(fresh.wrong().await, [lines(2, 2, Wrong::Altered)]);
}

/// What the program of before left, a line in its log among it: all that came since runs in one go.
#[tokio::test]
async fn an_installation_of_before_the_chain_is_brought_up_to_date() {
    let old = without_tables().await;
    old.store.db.migrate_to(23).await.unwrap();
    old.change("INSERT INTO audit VALUES ('a', 10, 'person.birth', 'ok', 'j. bos', 'child', NULL, NULL)")
        .await;
    assert!(old.store.check_migrated().await.is_err());
    assert!(old.store.migrate().await.unwrap() >= 4);
    old.store.check_migrated().await.unwrap();
    assert_eq!(old.wrong().await, []);
    let (told, _) = old.store.audit_lines(&Search::default(), 10).await.unwrap();
    let told: Vec<_> = told.iter().map(|l| (l.seq, l.event.as_str(), l.role.as_str())).collect();
    assert_eq!(told, [(1, "person.birth", "staff"), (2, "audit.adopted", "system")]);
}

#[tokio::test]
async fn who_is_forgotten_is_in_no_table_of_the_log_and_every_line_stays() {
    let fresh = fresh().await;
    let person = fresh.person("Anna", "1980-01-01").await;
    let (anna, store) = (person.as_str(), &fresh.store);
    store.audit(&event("login.digid", anna), now()).await.unwrap();
    store.audit(&event("mandate.registered", "j. bos"), now()).await.unwrap();
    let of = async |person: &PersonId| {
        let search = Search { person: Some(person.clone()), ..Search::default() };
        store.audit_lines(&search, 10).await.unwrap().0
    };
    // The line of the desk that registered them, and their own.
    assert_eq!(of(&person).await.len(), 2);
    let named = "SELECT COUNT(*) FROM audit_lines l JOIN audit_names n ON n.pseudonym = l.actor";
    assert_eq!((fresh.count(named).await, store.forget(anna, now()).await.unwrap()), (3, 1));
    assert_eq!((fresh.count(named).await, store.forget("j. bos", now()).await.unwrap()), (2, 1));
    assert_eq!((fresh.count(named).await, store.forget("nobody", now()).await.unwrap()), (1, 0));
    assert!(of(&person).await.is_empty());
    assert_eq!(fresh.wrong().await, []);
    let (all, _) = store.audit_lines(&Search::default(), 10).await.unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|line| line.actor.as_deref() != Some(anna)));
    // The pseudonym finds its lines still, and what happens afterwards has another one.
    let pseudonym = all.iter().find(|line| line.event == "login.digid").unwrap().actor.clone().unwrap();
    assert_eq!(of(&PersonId::from_stored(pseudonym)).await.len(), 3);
    store.audit(&event("login.digid", anna), now()).await.unwrap();
    assert_eq!(of(&person).await.len(), 1);
    assert_eq!(fresh.wrong().await, []);
    // A name that goes without a line that says so is told.
    fresh.change("DELETE FROM audit_names").await;
    assert!(matches!(fresh.wrong().await[..], [Finding::Nameless(_), Finding::Nameless(_)]));
}

#[tokio::test]
async fn only_whole_beginnings_that_are_old_enough_go_and_the_rest_verifies() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let day = |day: i64| now().plus(day * 86_400);
    for number in 0..20 {
        store.audit(&event("login.digid", "anna"), day(number)).await.unwrap();
        store.audit(&event("logout", "anna"), day(number)).await.unwrap();
        // Every other day there is a checkpoint, after its line was written.
        if number % 2 == 1 {
            assert_eq!(store.make_checkpoints(true, day(number)).await.unwrap().len(), 1);
            assert!(store.make_checkpoints(true, day(number)).await.unwrap().is_empty(), "twice");
        }
    }
    assert_eq!(fresh.wrong().await, []);
    let all = fresh.count("SELECT COUNT(*) FROM audit_lines").await;
    let later = day(6).plus(5 * YEAR);
    // Older than five years are days 0 to 5; the checkpoint of day 5 is the last of before.
    assert_eq!(store.sweep_audit(later.plus(-5 * YEAR), later).await.unwrap(), 6 * 2 + 2);
    assert_eq!(store.sweep_audit(later.plus(-5 * YEAR), later).await.unwrap(), 0);
    assert_eq!(fresh.count("SELECT COUNT(*) FROM audit_lines").await, all - 14 + 1);
    assert_eq!(fresh.count("SELECT MIN(seq) FROM audit_checkpoints").await, 14);
    assert_eq!(fresh.wrong().await, []);
    assert_eq!(store.check_audit().await.unwrap(), []);
    // Whoever lets the next beginning go as the sweep does, but without its line, is told.
    fresh.change("DELETE FROM audit_lines WHERE seq <= 19").await;
    fresh.change("DELETE FROM audit_checkpoints WHERE seq < 19").await;
    assert_eq!(fresh.wrong().await, [lines(1, 19, Wrong::Removed)]);
}

#[tokio::test]
async fn a_checkpoint_waits_for_ten_minutes_or_a_thousand_lines_and_an_older_copy_is_told() {
    let fresh = fresh().await;
    let store = &fresh.store;
    assert!(store.make_checkpoints(true, now()).await.unwrap().is_empty());
    store.audit(&event("logout", "anna"), now()).await.unwrap();
    assert!(store.make_checkpoints(false, now().plus(599)).await.unwrap().is_empty());
    assert_eq!(store.make_checkpoints(false, now().plus(600)).await.unwrap()[0].seq, 1);
    assert!(store.make_checkpoints(false, now().plus(6000)).await.unwrap().is_empty());
    let mut tx = store.db.begin().await.unwrap();
    for _ in 0..1000 {
        tx.note(&event("logout", "anna"), now().plus(6000));
    }
    tx.commit().await.unwrap();
    assert_eq!(store.make_checkpoints(false, now().plus(6001)).await.unwrap()[0].seq, 1002);
    let kept = store.last_checkpoints().await.unwrap();
    // The end is cut off, with all that speaks of it in the database; the program goes on from there.
    for statement in [
        "DELETE FROM audit_lines WHERE seq > 2",
        "DELETE FROM audit_checkpoints WHERE seq > 2",
        "UPDATE audit_heads SET seq = 2, mac = (SELECT mac FROM audit_lines WHERE seq = 2)",
    ] {
        fresh.change(statement).await;
    }
    assert_eq!(fresh.wrong().await, []);
    let mut found = Vec::new();
    store.verify_audit(&kept, &mut |finding| found.push(finding)).await.unwrap();
    assert_eq!(found, [lines(3, 1002, Wrong::Cut)]);
    store.audit(&event("logout", "anna"), now()).await.unwrap();
    assert_eq!(fresh.wrong().await, []);
    // A line of the older copy beside those of the newer one.
    let foreign = store.audit_chain("namens", 2).await.unwrap().remove(0);
    for _ in 0..2 {
        store.audit(&event("login.digid", "anna"), now()).await.unwrap();
    }
    fresh.change("DELETE FROM audit_lines WHERE seq > 2").await;
    fresh.change("UPDATE audit_heads SET seq = 2, mac = (SELECT mac FROM audit_lines WHERE seq = 2)").await;
    for _ in 0..3 {
        store.audit(&event("login.digid", "anna"), now()).await.unwrap();
    }
    fresh.change("DELETE FROM audit_lines WHERE seq = 3").await;
    sqlx::query("INSERT INTO audit_lines SELECT node, 3, $1, at, event, outcome, actor, role, represented, purpose, client, detail, prev, $2, listed FROM audit_lines WHERE seq = 4")
        .bind(foreign.id.clone())
        .bind(foreign.mac.clone())
        .execute(store.db.writer())
        .await
        .unwrap();
    sqlx::query("UPDATE audit_lines SET event = 'logout', prev = $1 WHERE seq = 3")
        .bind(foreign.prev)
        .execute(store.db.writer())
        .await
        .unwrap();
    assert_eq!(fresh.wrong().await, [lines(4, 4, Wrong::Moved)]);
}
