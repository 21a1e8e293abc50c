//! Somebody who can write every table, and what a log does about it while it is in use.

use std::collections::HashMap;

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::store::{
    Vault,
    audit::{checkpoints::Checkpoint, verify::Reading},
};

impl Fresh {
    /// Writes so many lines at once.
    async fn lines(&self, count: usize, now: Timestamp) {
        let mut tx = self.store.db.begin().await.unwrap();
        for _ in 0..count {
            tx.note(&event("logout", "anna"), now);
        }
        tx.commit().await.unwrap();
    }

    /// Another process on the same database.
    fn beside(&self) -> Ledger {
        Ledger::new((*self.store.db).clone(), Chain::new("namens", self.store.vault.clone()))
    }
}

async fn write(ledger: &Ledger, who: &str) {
    let mut tx = ledger.begin().await.unwrap();
    tx.note(&event("login.local", who), now());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn lines_go_by_what_was_signed_and_not_by_what_the_columns_say() {
    let fresh = fresh().await;
    let store = &fresh.store;
    fresh.lines(3, now()).await;
    assert_eq!(store.make_checkpoints(true, now()).await.unwrap().len(), 1);
    let later = now().plus(5 * YEAR + 2 * 86_400);
    let sweep = async |now: Timestamp| store.sweep_audit(now.plus(-5 * YEAR), now).await.unwrap();
    let columns = "UPDATE audit_checkpoints SET at = 0";
    fresh.change(columns).await;
    fresh.change("UPDATE audit_lines SET at = 0 WHERE seq = 1").await;
    assert_eq!(sweep(now()).await, 0);
    assert_eq!(store.audited("audit.swept").await, 0);
    // Nor where a line that was to go is another one than was signed.
    fresh.change("UPDATE audit_lines SET mac = x'00' WHERE seq = 3").await;
    assert_eq!(sweep(later).await, 0);

    let twin = super::fresh().await;
    twin.lines(3, now()).await;
    twin.store.make_checkpoints(true, now()).await.unwrap();
    twin.change(columns).await;
    assert_eq!(twin.store.sweep_audit(later.plus(-5 * YEAR), later).await.unwrap(), 3);
    assert_eq!(twin.wrong().await, []);
}

/// A line that says that lines were let go is worth nothing where these were too young for it.
#[tokio::test]
async fn what_went_too_early_is_told_whatever_the_log_says_of_it() {
    for (after, told) in [(5 * YEAR - 1, vec![lines(1, 1003, Wrong::Removed)]), (5 * YEAR, vec![])] {
        let fresh = fresh().await;
        fresh.lines(1003, now()).await;
        fresh.store.make_checkpoints(true, now()).await.unwrap();
        assert_eq!(fresh.store.sweep_audit(now().plus(1), now().plus(after)).await.unwrap(), 1003);
        assert_eq!(fresh.wrong().await, told, "{after}");
    }
}

#[tokio::test]
async fn nothing_is_taken_up_into_a_log_that_began() {
    const BEFORE: &str = "INSERT INTO audit_before VALUES ('x', 20, 'logout', 'ok', NULL, NULL, NULL, NULL)";
    const SWEPT: &str =
        "INSERT INTO audit_before VALUES ('x', 20, 'audit.swept', 'ok', NULL, NULL, NULL, 'namens 2')";
    const FORGOTTEN: &str =
        "INSERT INTO audit_before VALUES ('x', 20, 'person.forgotten', 'ok', NULL, 'anna', NULL, NULL)";
    const LOOKS_SO: &str = "UPDATE audit_lines SET event = 'audit.adopted', actor = NULL WHERE seq = 2";
    for (begun, statements, taken) in [
        (false, &[BEFORE][..], true),
        (false, &[SWEPT], false),
        (false, &[BEFORE, FORGOTTEN], false),
        (true, &[BEFORE], false),
        (true, &[SWEPT], false),
        (true, &[LOOKS_SO, BEFORE], false),
    ] {
        let fresh = fresh().await;
        if begun {
            fresh.lines(2, now()).await;
        }
        let before = fresh.count("SELECT COUNT(*) FROM audit_lines").await;
        for statement in statements {
            // Each name once.
            sqlx::query(sqlx::AssertSqlSafe(statement.replace("'x'", &format!("'{}'", statement.len()))))
                .execute(fresh.store.db.writer())
                .await
                .unwrap();
        }
        let done = fresh.store.migrate().await;
        assert_eq!(done.is_ok(), taken, "{statements:?}: {done:?}");
        assert_eq!(fresh.store.check_migrated().await.is_ok(), taken, "{statements:?}");
        let after = fresh.count("SELECT COUNT(*) FROM audit_lines").await;
        assert_eq!(after > before, taken, "{statements:?}");
    }
}

/// A database that leaves out the row of a name would make a line of nobody.
#[tokio::test]
async fn whoever_gets_no_pseudonym_does_nothing() {
    let fresh = fresh().await;
    fresh.change("CREATE TRIGGER t BEFORE INSERT ON audit_names BEGIN SELECT RAISE(IGNORE); END").await;
    assert!(fresh.store.audit(&event("logout", "anna"), now()).await.is_err());
    assert_eq!(fresh.count("SELECT COUNT(*) FROM audit_lines").await, 0);
    fresh.change("DROP TRIGGER t").await;
    fresh.store.audit(&event("logout", "anna"), now()).await.unwrap();
    assert_eq!(fresh.count("SELECT COUNT(actor) FROM audit_lines").await, 1);
}

/// Nobody is forgotten in the place of another one.
#[tokio::test]
async fn a_name_that_was_swapped_is_nobodys() {
    let fresh = fresh().await;
    for name in ["els", "mallory"] {
        fresh.store.audit(&event("logout", name), now()).await.unwrap();
    }
    let beside = fresh.beside();
    let swap = async || {
        for statement in [
            "UPDATE audit_names SET name = 'x' WHERE name = 'els'",
            "UPDATE audit_names SET name = 'els' WHERE name = 'mallory'",
            "UPDATE audit_names SET name = 'mallory' WHERE name = 'x'",
        ] {
            fresh.change(statement).await;
        }
    };
    swap().await;
    let mut tx = beside.begin().await.unwrap();
    tx.note(&event("logout", "mallory"), now());
    assert!(tx.commit().await.is_err());
    assert!(fresh.store.forget("mallory", now()).await.is_err());
    swap().await;
    write(&beside, "mallory").await;
    assert_eq!(fresh.store.forget("mallory", now()).await.unwrap(), 1);
    let of_els = "SELECT COUNT(*) FROM audit WHERE actor = 'els'";
    assert_eq!((fresh.count(of_els).await, fresh.wrong().await), (1, vec![]));
}

#[tokio::test]
async fn a_checkpoint_of_a_node_of_which_nothing_is_left_is_held() {
    let fresh = fresh().await;
    fresh.change("INSERT INTO audit_heads (node, seq, mac) VALUES ('b', 0, x'')").await;
    let b = Ledger::new((*fresh.store.db).clone(), Chain::new("b", fresh.store.vault.clone()));
    write(&b, "anna").await;
    assert_eq!(fresh.store.make_checkpoints(true, now()).await.unwrap().len(), 1);
    let kept = fresh.store.last_checkpoints().await.unwrap();
    let told = async || {
        let mut found = Vec::new();
        fresh.store.verify_audit(&kept, &mut |finding| found.push(finding)).await.unwrap();
        found
    };
    assert_eq!(told().await, []);
    for table in [
        "DELETE FROM audit_lines WHERE node = 'b'",
        "DELETE FROM audit_checkpoints WHERE node = 'b'",
        "DELETE FROM audit_heads WHERE node = 'b'",
    ] {
        fresh.change(table).await;
    }
    let cut = Finding::Lines { node: "b".to_owned(), from: 1, to: 1, wrong: Wrong::Cut };
    assert!(told().await.contains(&cut), "{:?}", told().await);
}

/// A process that wrote knows better than a head that was set back under it; a head that went on is nothing.
#[tokio::test]
async fn a_head_that_is_set_back_under_a_running_process_is_counted() {
    const CUT: &[&str] = &[
        "DELETE FROM audit_lines WHERE seq > 1",
        "UPDATE audit_heads SET seq = 1, mac = (SELECT mac FROM audit_lines WHERE seq = 1)",
    ];
    const ANEW: &[&str] = &["UPDATE audit_heads SET mac = x'00'"];
    for (statements, beside, counted) in [(CUT, false, 1), (ANEW, false, 1), (&[][..], true, 0)] {
        let recorder = PrometheusBuilder::new().build_recorder();
        let _here = metrics::set_default_local_recorder(&recorder);
        let fresh = fresh().await;
        for _ in 0..3 {
            write(&fresh.store.db, "anna").await;
        }
        for statement in statements {
            fresh.change(statement).await;
        }
        if beside {
            write(&fresh.beside(), "anna").await;
        }
        for _ in 0..2 {
            write(&fresh.store.db, "anna").await;
        }
        let text = recorder.handle().render();
        let told = text.contains("namens_audit_set_back_total 1\n");
        assert_eq!(u8::from(told), counted, "{statements:?}: {text}");
    }
}

/// Many lines that were taken up at once have no checkpoint among them.
#[tokio::test]
async fn a_beginning_without_a_checkpoint_goes_too_when_it_is_old_enough() {
    let fresh = fresh().await;
    fresh
        .change(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) \
             INSERT INTO audit_before SELECT 'x' || i, i, 'logout', 'ok', NULL, NULL, NULL, NULL FROM n",
        )
        .await;
    fresh.store.migrate().await.unwrap();
    assert_eq!(fresh.store.make_checkpoints(true, now()).await.unwrap()[0].seq, 12_024);
    for (later, swept) in [(now().plus(5 * YEAR), 0), (now().plus(5 * YEAR + 1), 12_024)] {
        assert_eq!(fresh.store.sweep_audit(later.plus(-5 * YEAR), later).await.unwrap(), swept);
    }
    assert_eq!(fresh.wrong().await, []);
}

/// Whoever erases a name, what is written later is not written under its pseudonym, in no process.
#[tokio::test]
async fn nobody_goes_on_under_a_pseudonym_that_another_process_has_forgotten() {
    let fresh = without_tables().await;
    let master = Vault::new_master_key();
    let open = || Store::new((*fresh.store.db).clone(), Vault::open(&master).unwrap());
    let (server, command) = (open(), open());
    server.migrate().await.unwrap();
    for (who, other, forgotten, pseudonyms) in
        [("anna", None, true, 2), ("bert", Some("cor"), true, 2), ("dora", Some("els"), false, 1)]
    {
        write(&server.db, who).await;
        if let Some(other) = other {
            write(&server.db, other).await;
        }
        if forgotten {
            assert_eq!(command.forget(who, now()).await.unwrap(), 1);
        } else {
            write(&command.db, who).await;
        }
        // Whoever acts first takes notice; it may be somebody else.
        if let Some(other) = other {
            write(&server.db, other).await;
        }
        write(&server.db, who).await;
        let named = sqlx::query_as("SELECT COUNT(*) FROM audit_names WHERE name = $1").bind(who);
        let (named,): (i64,) = named.fetch_one(server.db.reader()).await.unwrap();
        assert_eq!(named, 1, "{who}");
        let now_of = "SELECT COUNT(*) FROM audit WHERE event = 'login.local' AND actor = $1";
        let (lines,): (i64,) = sqlx::query_as(now_of).bind(who).fetch_one(server.db.reader()).await.unwrap();
        assert_eq!(lines, if pseudonyms == 2 { 1 } else { 3 }, "{who}");
    }
}

/// A transaction counts for this process a moment after it is committed; somebody may be forgotten in between.
#[tokio::test]
async fn nobody_goes_on_under_a_pseudonym_that_was_forgotten_before_a_line_counted() {
    for late in [true, false] {
        let fresh = fresh().await;
        let (store, chain) = (&fresh.store, fresh.store.db.chain());
        write(&store.db, "anna").await;
        let note = Note::new(&event("login.local", "anna"), now());
        let mut tx = store.db.writer().begin().await.unwrap();
        let written = chain.extend(&mut tx, &[note], HashMap::new()).await.unwrap();
        tx.commit().await.unwrap();
        if late {
            assert_eq!(store.forget("anna", now()).await.unwrap(), 1);
            chain.follow(written);
        } else {
            chain.follow(written);
            assert_eq!(store.forget("anna", now()).await.unwrap(), 1);
        }
        write(&store.db, "anna").await;
        assert_eq!(fresh.count("SELECT COUNT(*) FROM audit WHERE actor = 'anna'").await, 1, "{late}");
        assert_eq!(fresh.wrong().await, []);
    }
}

/// What is let go while the log is read was not removed, and what is removed meanwhile was not let go.
#[tokio::test]
async fn a_log_that_is_swept_while_it_is_read_is_in_order() {
    let later = now().plus(5 * YEAR + 2);
    let first = "DELETE FROM audit_lines WHERE seq <= 1500";
    let between = "DELETE FROM audit_lines WHERE seq > 900 AND seq <= 1500";
    for (swept_before, statement, told) in [
        (false, None, vec![]),
        (true, None, vec![]),
        (false, Some(first), vec![lines(1, 1500, Wrong::Removed)]),
        (false, Some(between), vec![lines(1001, 1500, Wrong::Removed)]),
    ] {
        let fresh = fresh().await;
        let store = &fresh.store;
        let old = if swept_before { 1002 } else { 0 };
        fresh.lines(old, now()).await;
        if swept_before {
            store.make_checkpoints(true, now()).await.unwrap();
            assert_eq!(store.sweep_audit(now().plus(1), later).await.unwrap(), 1002);
        }
        // The line of a checkpoint and that of the sweep stand among them.
        fresh.lines(1500 - if swept_before { 2 } else { 0 }, now().plus(1)).await;
        let made = store.make_checkpoints(true, now().plus(1)).await.unwrap();
        assert_eq!(made[0].seq, if swept_before { 2502 } else { 1500 });
        fresh.lines(100, later).await;
        let mut found = Vec::new();
        let mut reading = Reading::new(store, "namens");
        assert!(!reading.page(&mut |finding| found.push(finding)).await.unwrap());
        match statement {
            Some(statement) => fresh.change(statement).await,
            None => assert_eq!(store.sweep_audit(later.plus(-5 * YEAR), later).await.unwrap(), 1500),
        }
        while !reading.page(&mut |finding| found.push(finding)).await.unwrap() {}
        assert_eq!(found, told, "{swept_before} {statement:?}");
    }
}

/// What somebody writes beside the checkpoints keeps none from being made, and is not handed out as one.
#[tokio::test]
async fn a_row_that_is_no_checkpoint_stops_none() {
    const FAR: &str = "INSERT INTO audit_checkpoints VALUES ('namens', 9000000000000000000, 0, 'x')";
    const HERE: &str = "INSERT INTO audit_checkpoints VALUES ('namens', 3, 0, 'x')";
    const OLDER: &str = "INSERT INTO audit_checkpoints VALUES ('namens', 2, 0, 'x')";
    for (rows, made) in [(&[][..], 1), (&[FAR], 1), (&[OLDER], 1), (&[FAR, OLDER], 1), (&[HERE], 0)] {
        let fresh = fresh().await;
        fresh.lines(3, now()).await;
        for row in rows {
            fresh.change(row).await;
        }
        assert_eq!(fresh.store.make_checkpoints(true, now()).await.unwrap().len(), made, "{rows:?}");
        assert_eq!(fresh.store.last_checkpoints().await.unwrap().len(), made, "{rows:?}");
        // Where one stands in its place, the next line gets its own.
        fresh.lines(1, now()).await;
        let later = now().plus(600);
        assert_eq!(fresh.store.make_checkpoints(false, later).await.unwrap().len(), 1, "{rows:?}");
        let last = fresh.store.last_checkpoints().await.unwrap();
        let seqs: Vec<i64> =
            last.iter().map(|jws| Checkpoint::read(&fresh.store.vault, jws).unwrap().seq).collect();
        assert_eq!(seqs, [if made == 1 { 5 } else { 4 }], "{rows:?}");
    }
}
