//! The database: SQLite through sqlx's `Any` driver, one writer and several readers.

use std::{
    error::Error,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, SqlStr,
    any::AnyPoolOptions,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::domain::{fault::Fault, time::Timestamp};

/// Every change of the tables, in order. A file that has been released is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "accounts", include_str!("../../migrations/0001_accounts.sql")),
    (2, "grants", include_str!("../../migrations/0002_grants.sql")),
    (3, "mandates", include_str!("../../migrations/0003_mandates.sql")),
    (4, "digid_sessions", include_str!("../../migrations/0004_digid_sessions.sql")),
    (5, "special_bases", include_str!("../../migrations/0005_special_bases.sql")),
    (6, "single_logout", include_str!("../../migrations/0006_single_logout.sql")),
    (7, "notices", include_str!("../../migrations/0007_notices.sql")),
    (8, "dpop", include_str!("../../migrations/0008_dpop.sql")),
    (10, "crowd", include_str!("../../migrations/0010_crowd.sql")),
    (12, "mtls", include_str!("../../migrations/0012_mtls.sql")),
    (13, "resources", include_str!("../../migrations/0013_resources.sql")),
    (14, "claims", include_str!("../../migrations/0014_claims.sql")),
    (16, "client_registration", include_str!("../../migrations/0016_client_registration.sql")),
    (19, "offline", include_str!("../../migrations/0019_offline.sql")),
    (20, "bsn", include_str!("../../migrations/0020_bsn.sql")),
    (22, "consents_to_apis", include_str!("../../migrations/0022_consents_to_apis.sql")),
    (23, "approvals", include_str!("../../migrations/0023_approvals.sql")),
    (24, "corrections", include_str!("../../migrations/0024_corrections.sql")),
    (25, "four_eyes", include_str!("../../migrations/0025_four_eyes.sql")),
    (26, "chosen", include_str!("../../migrations/0026_chosen.sql")),
    (27, "audit_chain", include_str!("../../migrations/0027_audit_chain.sql")),
    (28, "own_account", include_str!("../../migrations/0028_own_account.sql")),
    (29, "authenticators", include_str!("../../migrations/0029_authenticators.sql")),
    (30, "notices_of_mandates", include_str!("../../migrations/0030_notices_of_mandates.sql")),
    (31, "what_somebody_did", include_str!("../../migrations/0031_what_somebody_did.sql")),
    (32, "desk", include_str!("../../migrations/0032_desk.sql")),
    (33, "own_log", include_str!("../../migrations/0033_own_log.sql")),
    (34, "portals", include_str!("../../migrations/0034_portals.sql")),
    (35, "boundaries", include_str!("../../migrations/0035_boundaries.sql")),
    (36, "same_person", include_str!("../../migrations/0036_same_person.sql")),
    (37, "imports", include_str!("../../migrations/0037_imports.sql")),
    (38, "many", include_str!("../../migrations/0038_many.sql")),
    (39, "offers", include_str!("../../migrations/0039_offers.sql")),
    (41, "desk_queue", include_str!("../../migrations/0041_desk_queue.sql")),
    (42, "import_withdrawn", include_str!("../../migrations/0042_import_withdrawn.sql")),
    (43, "consents_at_hosts", include_str!("../../migrations/0043_consents_at_hosts.sql")),
    (44, "first_births", include_str!("../../migrations/0044_first_births.sql")),
    (45, "whom_tokens_list", include_str!("../../migrations/0045_whom_tokens_list.sql")),
];

/// How many connections read at once. Reads are short; more would only wait for the disk.
const READERS: u32 = 4;
/// The size of the smallest database, in bytes: one page.
const SMALLEST: u64 = 512;
/// How long a request waits for a connection before it fails: longer than a busy disk takes for a commit or two, and shorter
/// than the thirty seconds that a request has. A command at the desk is waited for as long (`busy_timeout`).
const PATIENCE: Duration = Duration::from_secs(20);
/// A table, where there are some and nobody ever ran our migrations.
const FOREIGN: &str = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
    AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations') LIMIT 1";
/// How many ended rows one sweep deletes at most, so that it never holds the writer long.
const SWEEP: i64 = 500;

/// A database from an older Namens.
#[derive(Debug, thiserror::Error)]
#[error("the database lacks {0} migration(s): stop every server, make a backup, run `namens migrate`")]
struct NotMigrated(usize);

/// A file that cannot be used as a database.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot use the database {}: {why}. Is `database` in the configuration the right file, and may this user write it and \
     its folder? A file that is damaged must be restored from a backup", path.display()
)]
pub struct NoDatabase {
    path: PathBuf,
    why: Box<dyn Error + Send + Sync>,
}

/// A file that this process may only read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database {} cannot be written ({why}): let this user write it and its folder, and look whether its disk is mounted read-only",
    path.display()
)]
struct ReadOnly {
    path: PathBuf,
    why: String,
}

/// A database that is open. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    writer: AnyPool,
    reader: AnyPool,
}

impl Db {
    /// Opens a SQLite file; makes it when `create`. Migrations are a step of their own: [`Db::migrate`].
    pub async fn open_sqlite(path: &Path, create: bool) -> Result<Self, Fault> {
        sqlx::any::install_default_drivers();
        let mode = if create { "rwc" } else { "rw" };
        let url = format!("sqlite:{}?mode={mode}", path.display());
        // One connection first: the pool would try a file that is no database again and again, and never say why.
        try_out(path, &url).await.map_err(|why| NoDatabase { path: path.to_owned(), why })?;
        let writer = pool(1).connect(&url).await?;
        let reader = pool(READERS).connect_lazy(&url)?;
        Ok(Self { writer, reader })
    }

    /// Brings the tables up to date and tells how many migrations that took. Safe to run twice.
    pub async fn migrate(&self) -> Result<usize, Fault> {
        let due = self.migrations_due().await?;
        self.migrate_to(i64::MAX).await?;
        Ok(due)
    }

    /// Brings the tables to where the migration of that number left them.
    pub(super) async fn migrate_to(&self, newest: i64) -> Result<(), Fault> {
        let some =
            MIGRATIONS.iter().filter(|(version, ..)| *version <= newest).map(|(version, name, sql)| {
                let sql = SqlStr::from_static(sql);
                Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
            });
        Ok(Migrator::with_migrations(some.collect()).run(&self.writer).await?)
    }

    /// Refuses a database whose tables are not those of this program.
    pub async fn check_migrated(&self) -> Result<(), Fault> {
        match self.migrations_due().await? {
            0 => Ok(()),
            due => Err(NotMigrated(due).into()),
        }
    }

    /// How many migrations the database still lacks; an error when it is from a newer Namens.
    async fn migrations_due(&self) -> Result<usize, Fault> {
        let all = MIGRATIONS.len();
        if !self.has_table("_sqlx_migrations").await? {
            return Ok(all);
        }
        let (done,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(&self.reader).await?;
        all.checked_sub(usize::try_from(done)?).ok_or_else(|| {
            Fault::because("the database was made by a newer version of Namens; use that version")
        })
    }

    /// Whether there is such a table: in a new database there is none.
    pub(super) async fn has_table(&self, name: &str) -> Result<bool, Fault> {
        let table: Option<(String,)> = sqlx::query_as("SELECT name FROM sqlite_master WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.reader)
            .await?;
        Ok(table.is_some())
    }

    /// Writes nothing in a transaction and takes it back: an error where nothing can be written. `BEGIN IMMEDIATE` alone is none in a
    /// file that SQLite may only read.
    pub async fn check_writable(&self) -> Result<(), Fault> {
        let mut tx = self.writer.begin().await?;
        tx.execute("UPDATE audit_heads SET seq = seq WHERE seq < 0").await?;
        Ok(tx.rollback().await?)
    }

    /// Refuses a file that this process may only read: SQLite opens it and says nothing until somebody logs in. One that somebody else
    /// holds is waited for and taken, as it will be let go.
    pub async fn check_not_read_only(&self, path: &Path) -> Result<(), Fault> {
        let Err(fault) = self.check_writable().await else { return Ok(()) };
        let why = fault.to_string();
        if why.contains("readonly") { Err(ReadOnly { path: path.to_owned(), why }.into()) } else { Ok(()) }
    }

    /// What SQLite finds wrong with the file; nothing when it is sound. Reads the whole file.
    pub async fn damage(&self) -> Result<Option<String>, Fault> {
        let (found,): (String,) = sqlx::query_as("PRAGMA quick_check(1)").fetch_one(&self.reader).await?;
        Ok(Some(found).filter(|found| found != "ok"))
    }

    /// For statements that only read.
    pub fn reader(&self) -> &AnyPool {
        &self.reader
    }

    /// For single statements that write.
    pub fn writer(&self) -> &AnyPool {
        &self.writer
    }

    /// Whether a one-time value was used.
    pub(super) async fn is_spent(&self, kind: &str, mark: &str) -> Result<bool, Fault> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT ends FROM spent WHERE kind = $1 AND mark = $2")
            .bind(kind)
            .bind(mark)
            .fetch_optional(self.reader())
            .await?;
        Ok(row.is_some())
    }

    /// Deletes what has ended: a bounded number of rows of each table.
    pub(super) async fn sweep(&self, now: Timestamp) -> Result<u64, Fault> {
        let mut swept = 0;
        for statement in [
            "DELETE FROM ephemeral WHERE (kind, name) IN \
             (SELECT kind, name FROM ephemeral WHERE ends <= $1 AND kind <> 'session' LIMIT $2)",
            "DELETE FROM counters WHERE name IN (SELECT name FROM counters WHERE ends <= $1 LIMIT $2)",
            "DELETE FROM spent WHERE (kind, mark) IN (SELECT kind, mark FROM spent WHERE ends <= $1 LIMIT $2)",
            // Not before whoever was given something in the session stands among those to be told of its end.
            "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE ends <= $1 \
             AND NOT EXISTS (SELECT 1 FROM ephemeral WHERE kind = 'session' AND name = grants.sid) LIMIT $2)",
            "DELETE FROM notices WHERE (sid, client_id) IN \
             (SELECT sid, client_id FROM notices WHERE ends <= $1 AND due IS NULL LIMIT $2)",
            "DELETE FROM digid_sessions WHERE sid IN (SELECT sid FROM digid_sessions WHERE ends <= $1 LIMIT $2)",
            "DELETE FROM digid_logouts WHERE mark IN (SELECT mark FROM digid_logouts WHERE ends <= $1 LIMIT $2)",
            // Nobody approved them in time; the lines of the log stay.
            "DELETE FROM corrections WHERE id IN \
             (SELECT id FROM corrections WHERE ends <= $1 AND approved_at IS NULL LIMIT $2)",
            "DELETE FROM offers WHERE id IN (SELECT id FROM offers WHERE ends <= $1 LIMIT $2)",
            "DELETE FROM first_births WHERE (mandate, party) IN \
             (SELECT mandate, party FROM first_births WHERE ends <= $1 LIMIT $2)",
        ] {
            let done = sqlx::query(statement).bind(now.epoch()).bind(SWEEP).execute(&self.writer).await?;
            swept += done.rows_affected();
        }
        Ok(swept)
    }

    /// Finishes what is under way and closes the files.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

async fn try_out(path: &Path, url: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    if is_other_file(path) {
        return Err("this is no SQLite database".into());
    }
    let mut connection = AnyConnection::connect(url).await?;
    // Before anything is set up: that writes. Where this does not read, what follows says why.
    if let Ok(Some(_)) = connection.fetch_optional(FOREIGN).await {
        return Err("it has tables, and none of Namens: it is another program's".into());
    }
    set_up(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Whether something else stands there than SQLite writes. SQLite itself takes a short text for an empty database, and
/// would write over it.
fn is_other_file(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let mut begin = Vec::new();
    let size = file.metadata().map_or(0, |about| if about.is_file() { about.len() } else { 0 });
    let read = file.take(16).read_to_end(&mut begin);
    read.is_ok() && size > 0 && (size < SMALLEST || begin != *b"SQLite format 3\0")
}

/// FULL, so that what was acknowledged survives a power cut; foreign keys, because SQLite leaves them off. One commit in several
/// hundred brings what was written into the file itself, and is slow: at SQLite's own bound (1000 pages, 4 MB) it is one in ninety.
async fn set_up(connection: &mut AnyConnection) -> sqlx::Result<()> {
    let patience = format!("PRAGMA busy_timeout = {}", PATIENCE.as_millis());
    connection.execute(AssertSqlSafe(patience)).await?;
    for pragma in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA wal_autocheckpoint = 4000",
    ] {
        connection.execute(pragma).await?;
    }
    Ok(())
}

fn pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        // A file does not hang up: to ask before each statement would cost more than most statements.
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(set_up(connection)))
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;

    /// A power cut cannot be had in a test; that SQLite waits for the disk at each commit, on whichever connection, can.
    #[tokio::test]
    async fn every_connection_waits_for_the_disk_and_minds_foreign_keys() {
        let folder = std::env::temp_dir().join(format!("namens-db-{}", crate::domain::id::random::<9>()));
        std::fs::create_dir_all(&folder).unwrap();
        let db = Db::open_sqlite(&folder.join("namens.db"), true).await.unwrap();
        let mut held = Vec::new();
        for (pool, connections) in [(db.writer(), 1), (db.reader(), READERS)] {
            for _ in 0..connections {
                held.push(pool.acquire().await.unwrap());
            }
        }
        for connection in &mut held {
            for (pragma, full) in [("synchronous", 2), ("foreign_keys", 1)] {
                let asked = AssertSqlSafe(format!("PRAGMA {pragma}"));
                let (is,): (i64,) = sqlx::query_as(asked).fetch_one(&mut **connection).await.unwrap();
                assert_eq!(is, full, "{pragma}");
            }
        }
        let (mode,): (String,) =
            sqlx::query_as("PRAGMA journal_mode").fetch_one(&mut *held[0]).await.unwrap();
        assert_eq!(mode, "wal");
        drop(held);
        db.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// SQLite opens a file that this user may not write for reading, and says nothing: root may write all, so here it is asked for that.
    #[tokio::test]
    async fn a_file_that_may_only_be_read_is_told() {
        let folder = std::env::temp_dir().join(format!("namens-db-{}", crate::domain::id::random::<9>()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("namens.db");
        let db = Db::open_sqlite(&path, true).await.unwrap();
        db.migrate().await.unwrap();
        db.check_writable().await.unwrap();
        let read_only = format!("sqlite:{}?mode=ro", path.display());
        let writer = pool(1).connect(&read_only).await.unwrap();
        let other = Db { writer, reader: db.reader().clone() };
        let told = other.check_writable().await.unwrap_err().to_string();
        assert!(told.contains("readonly"), "{told}");
        other.writer.close().await;
        db.check_writable().await.unwrap();
        db.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
