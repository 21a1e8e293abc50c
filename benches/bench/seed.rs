//! A country's worth of people: families with mandates as the desk would have registered them, the same each time but for the keys under
//! which their BSNs are sealed and found. Rows are written as the store writes them, a hundred at a time; what the store seals or hashes
//! is sealed and hashed by it. Of the audit log, the names of some are the store's work too; the many lines are filling, under a node of
//! their own, and their MACs are none.

use std::fs;

use chrono::Days;
use namens::{
    app::App,
    domain::{
        bsn::Bsn,
        calendar::today,
        id::{AccountId, PersonId},
        time::Timestamp,
    },
    store::{Vault, audit::Event},
};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

use crate::stand::{CLIENT, Stand};

const DAY: i64 = 24 * 3600;
/// How many departments the desk has.
pub const DEPARTMENTS: u64 = 20;
/// How many rows one statement writes, and how many a transaction.
const ROWS: usize = 100;
const COMMIT: u64 = 500_000;
/// Of how many persons the log tells.
const NAMED: usize = 50_000;

/// Numbers that look random and are the same each time (`SplitMix64`).
pub struct Chance(u64);

impl Chance {
    /// Always the same ones.
    pub const fn new() -> Self {
        Self(42)
    }

    /// The next one, below `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    fn id(&mut self) -> String {
        format!("{:011x}{:011x}", self.below(1 << 44), self.below(1 << 44))
    }

    fn day(&mut self, years: std::ops::Range<u64>, now: Timestamp) -> String {
        let days = years.start * 365 + self.below((years.end - years.start) * 365);
        (today(now) - Days::new(days + years.start / 4)).to_string()
    }
}

/// Some of those who are there.
#[derive(Default)]
pub struct Seeded {
    /// Everybody with an account.
    pub accounts: Vec<(AccountId, PersonId)>,
    /// Accounts of parents who act for two young children and nobody else, and of people who act for nobody.
    pub parents_of_two: Vec<(AccountId, PersonId)>,
    pub alone: Vec<(AccountId, PersonId)>,
    /// By what people can be looked for.
    pub bsns: Vec<Bsn>,
    pub numbers: Vec<String>,
    /// Persons of whom the log tells.
    pub named: Vec<PersonId>,
    /// How many there are.
    pub persons: u64,
    pub mandates: u64,
}

enum Value {
    Text(String),
    Int(i64),
    Blob(Vec<u8>),
    Null,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl<V: Into<Self>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { [$(Value::from($value)),*] };
}

/// A table that is being filled.
struct Table {
    columns: &'static str,
    width: usize,
    rows: Vec<Value>,
}

impl Table {
    fn new(columns: &'static str) -> Self {
        Self { columns, width: columns.split(',').count(), rows: Vec::new() }
    }

    async fn add<const N: usize>(&mut self, on: &mut SqliteConnection, row: [Value; N]) {
        assert_eq!(N, self.width, "{}", self.columns);
        self.rows.extend(row);
        if self.rows.len() >= ROWS * N {
            self.write(on).await;
        }
    }

    async fn write(&mut self, on: &mut SqliteConnection) {
        let row = format!("({})", vec!["?"; self.width].join(", "));
        let rows = vec![row; self.rows.len() / self.width].join(", ");
        if rows.is_empty() {
            return;
        }
        let mut query = sqlx::query(AssertSqlSafe(format!("INSERT INTO {} VALUES {rows}", self.columns)));
        for value in self.rows.drain(..) {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Int(number) => query.bind(number),
                Value::Blob(bytes) => query.bind(bytes),
                Value::Null => query.bind(None::<String>),
            };
        }
        query.execute(on).await.unwrap();
    }
}

/// Somebody who was just made.
#[derive(Clone)]
struct One {
    id: String,
    account: Option<AccountId>,
}

struct Seeding {
    on: SqliteConnection,
    vault: Vault,
    now: Timestamp,
    sector: String,
    chance: Chance,
    next_bsn: u64,
    persons: Table,
    accounts: Table,
    subjects: Table,
    mandates: Table,
    consents: Table,
    blocks: Table,
    rows: u64,
    made: Seeded,
}

/// Fills the database of `stand` with at least so many persons, and as many lines of the log.
pub async fn fill(stand: &Stand, app: &App, persons: u64, lines: u64) -> Seeded {
    let file = stand.folder.join("namens.db");
    let mut on = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    for pragma in ["synchronous = OFF", "foreign_keys = OFF", "cache_size = -500000", "busy_timeout = 20000"]
    {
        on.execute(AssertSqlSafe(format!("PRAGMA {pragma}"))).await.unwrap();
    }
    let key = fs::read_to_string(stand.folder.join("master.key")).unwrap();
    let sector = app.client(CLIENT).await.unwrap().unwrap().sector;
    let mut seeding = Seeding {
        on,
        vault: Vault::open(&key).unwrap(),
        now: stand.now,
        sector,
        chance: Chance::new(),
        next_bsn: 100_000_000,
        persons: Table::new("persons (id, name, birth, bsn_index, bsn_sealed, created, patient_number)"),
        accounts: Table::new("accounts (id, person_id, email, email_key, digid_linked_at, era, created)"),
        subjects: Table::new("subjects (sub, sector, person_id, alias, created)"),
        mandates: Table::new(
            "mandates (id, representative, represented, relation, legal_basis, evidence, representative_document, \
             representative_document_valid_until, represented_document, represented_document_valid_until, form_reference, \
             registered_by, registered_at, starts, ends, revoked_at, revoked_by, approved_by, approved_at, department)",
        ),
        consents: Table::new("consents (id, mandate, party, word, at, attested_by)"),
        blocks: Table::new("blocks (id, representative, represented, reason, placed_at, placed_by)"),
        rows: 0,
        made: Seeded::default(),
    };
    seeding.people(persons).await;
    let mut made = seeding.log(stand, lines).await;
    // The seed is worth something only where the real code reads it.
    for bsn in made.bsns.iter().take(3) {
        let found = stand.store.person_by_bsn(bsn).await.unwrap().unwrap();
        assert_eq!(stand.store.bsn_of(&found.id).await.unwrap().as_ref(), Some(bsn));
    }
    // Whoever is drawn from these is drawn in no order.
    let mut chance = Chance::new();
    for all in [&mut made.accounts, &mut made.parents_of_two, &mut made.alone] {
        for place in (1..all.len()).rev() {
            all.swap(place, usize::try_from(chance.below(place as u64 + 1)).unwrap());
        }
    }
    made
}

impl Seeding {
    async fn people(&mut self, persons: u64) {
        self.on.execute("BEGIN").await.unwrap();
        for family in 0.. {
            if self.made.persons >= persons {
                break;
            }
            match family % 10 {
                0 => self.alone().await,
                1..5 => self.family((2, 0), &[0..12, 0..12]).await,
                5..7 => self.family((2, 0), &[12..16, 5..18]).await,
                7..9 => self.family((4, 1), &[]).await,
                _ => self.family((2, 4), &[0..18, 0..18, 0..18, 0..18]).await,
            }
            if self.rows > COMMIT {
                self.rows = 0;
                self.on.execute("COMMIT").await.unwrap();
                self.on.execute("BEGIN").await.unwrap();
            }
        }
        for table in [
            &mut self.persons,
            &mut self.accounts,
            &mut self.subjects,
            &mut self.mandates,
            &mut self.consents,
            &mut self.blocks,
        ] {
            table.write(&mut self.on).await;
        }
        self.on.execute("COMMIT").await.unwrap();
    }

    async fn alone(&mut self) {
        let one = self.person(18..60, true).await;
        self.made.alone.extend(one.account.clone().map(|account| (account, PersonId::from_stored(one.id))));
    }

    /// Adults whose parents or friends authorised them, and their children.
    async fn family(&mut self, (adults, elders): (u64, u64), children: &[std::ops::Range<u64>]) {
        let mut parents = Vec::new();
        for place in 0..adults {
            let has_account = place == 0 || self.chance.below(3) == 0;
            parents.push(self.person(25..55, has_account).await);
        }
        for ages in children {
            let has_account = ages.start >= 12 && self.chance.below(4) == 0;
            let child = self.person(ages.clone(), has_account).await;
            let says = (ages.start >= 12).then_some("agreed");
            for parent in &parents {
                self.mandate((parent, &child), "parent", says).await;
            }
            // Now and then one of them is kept out.
            if self.chance.below(200) == 0 {
                self.block(&parents[0], &child).await;
            }
        }
        for _ in 0..elders {
            let has_account = self.chance.below(4) == 0;
            let elder = self.person(60..90, has_account).await;
            for adult in &parents {
                self.mandate((adult, &elder), "authorised", Some("agreed")).await;
            }
        }
        if children.iter().all(|ages| ages.end <= 12) && children.len() == 2 {
            for parent in parents {
                let id = PersonId::from_stored(parent.id);
                self.made.parents_of_two.extend(parent.account.map(|account| (account, id)));
            }
        }
    }

    async fn person(&mut self, ages: std::ops::Range<u64>, has_account: bool) -> One {
        const NAMES: [&str; 8] = ["Anna", "Sam", "Fatima", "Joost", "Mei", "Noor", "Bram", "Sofie"];
        const FAMILIES: [&str; 6] = ["de Vries", "Jansen", "Yılmaz", "van den Berg", "Bakker", "El Idrissi"];
        let (id, now) = (self.chance.id(), self.now);
        let birth = self.chance.day(ages, now);
        // Of few only the year is known.
        let birth = if self.chance.below(200) == 0 { birth[..4].to_owned() } else { birth };
        let name = format!(
            "{} {}",
            NAMES[usize::try_from(self.chance.below(8)).unwrap()],
            FAMILIES[usize::try_from(self.chance.below(6)).unwrap()]
        );
        let bsn = (self.chance.below(20) > 0).then(|| self.bsn());
        let number = (self.chance.below(10) > 0).then(|| format!("K-{:07}", self.made.persons));
        let created = now.epoch() - i64::try_from(self.chance.below(1500)).unwrap() * DAY;
        let sealed = bsn.as_ref().map(|bsn| self.vault.seal("bsn", &id, bsn.digits().as_bytes()).unwrap());
        let index = bsn.as_ref().map(|bsn| self.vault.bsn_index(bsn));
        let [index, sealed] = [index, sealed].map(|bytes| bytes.map_or(Value::Null, Value::Blob));
        let number_value = Value::from(number.clone());
        let row =
            [id.as_str().into(), name.into(), birth.into(), index, sealed, created.into(), number_value];
        self.persons.add(&mut self.on, row).await;
        let subject = values![self.chance.id(), self.sector.clone(), id.as_str(), 0_i64, created];
        self.subjects.add(&mut self.on, subject).await;
        let mut account = None;
        if has_account {
            let (own, email) = (self.chance.id(), format!("p{}@voorbeeld.nl", self.made.persons));
            let row =
                values![own.as_str(), id.as_str(), email.as_str(), email.as_str(), created, 0_i64, created];
            self.accounts.add(&mut self.on, row).await;
            let whose = (AccountId::from_stored(own), PersonId::from_stored(id.as_str()));
            account = Some(whose.0.clone());
            self.made.accounts.push(whose);
        }
        self.made.persons += 1;
        self.rows += 3;
        if self.chance.below(20) == 0 {
            self.made.bsns.extend(bsn);
            self.made.numbers.extend(number);
        }
        if self.made.named.len() < NAMED {
            self.made.named.push(PersonId::from_stored(id.as_str()));
        }
        One { id, account }
    }

    /// The next number that passes the elfproef; they lie apart, and in no order of the index, which is keyed.
    fn bsn(&mut self) -> Bsn {
        loop {
            self.next_bsn += 13;
            if let Ok(bsn) = Bsn::parse(&self.next_bsn.to_string()) {
                return bsn;
            }
        }
    }

    /// A mandate that stands, and mostly one before it that was revoked. Few wait for a second pair of eyes.
    async fn mandate(&mut self, pair: (&One, &One), relation: &str, says: Option<&str>) {
        let revoked = self.chance.below(8) > 0;
        for is_over in [true, false].into_iter().filter(|is_over| revoked || !is_over) {
            let (id, at_desk) = (self.chance.id(), self.chance.below(10) < 6);
            let waits = !is_over && self.chance.below(50) == 0;
            let days = self.chance.below(if waits { 20 } else { 300 });
            let at = self.now.epoch() - i64::try_from(days).unwrap() * DAY - 3600;
            let department = at_desk.then(|| format!("Polikliniek {}", self.chance.below(DEPARTMENTS)));
            let (by, second) =
                if at_desk { ("member:a-member", "member:another") } else { ("client:his", "client:his-2") };
            let (basis, evidence) = match relation {
                "parent" => ("art. 1:247 BW", "parental_authority"),
                _ => ("art. 3:60 BW", "signed_form"),
            };
            let ends = (relation != "parent").then_some(at + 360 * DAY);
            let row = values![
                id.as_str(),
                pair.0.id.as_str(),
                pair.1.id.as_str(),
                relation,
                basis,
                evidence,
                "passport",
                "2030-01-01",
                "identity_card",
                "2030-01-01",
                format!("2026-{}", self.made.mandates),
                by,
                at,
                at,
                ends,
                is_over.then_some(at + 60),
                is_over.then_some(by),
                (!waits).then_some(second),
                (!waits).then_some(at + 30),
                department,
            ];
            self.mandates.add(&mut self.on, row).await;
            self.made.mandates += 1;
            self.rows += 1;
            for party in
                ["represented", "representative"].into_iter().take(if relation == "parent" { 2 } else { 1 })
            {
                let Some(word) = says else { continue };
                let row = values![self.chance.id(), id.as_str(), party, word, at, Some(by)];
                self.consents.add(&mut self.on, row).await;
                self.rows += 1;
            }
        }
    }

    async fn block(&mut self, parent: &One, child: &One) {
        let at = self.now.epoch() - DAY;
        let id = self.chance.id();
        let row = values![id, parent.id.as_str(), child.id.as_str(), "brief 12", at, "member:a-member"];
        self.blocks.add(&mut self.on, row).await;
    }

    /// Five years of the log: of ten lines eight are of tokens.
    async fn log(mut self, stand: &Stand, lines: u64) -> Seeded {
        let mut writing = tokio::task::JoinSet::new();
        for some in self.made.named.chunks(self.made.named.len().div_ceil(16).max(1)) {
            let (some, store, now) = (some.to_vec(), stand.store.clone(), self.now.plus(-5 * 365 * DAY));
            writing.spawn(async move {
                for person in some {
                    let represented = Some(person.as_str());
                    let event =
                        Event { event: "person.registered", outcome: "ok", represented, ..Event::default() };
                    store.audit(&event, now).await.unwrap();
                }
            });
        }
        writing.join_all().await;
        let named = i64::try_from(self.made.named.len()).unwrap();
        self.on.execute("CREATE TEMP TABLE pool AS SELECT pseudonym FROM audit_names").await.unwrap();
        let (all, step) = (i64::try_from(lines).unwrap(), 1_000_000);
        for from in (0..all).step_by(step) {
            let to = all.min(from + i64::try_from(step).unwrap());
            sqlx::query(
                "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2) \
                 INSERT INTO audit_lines SELECT 'seed', i + 1, printf('%016x%06d', (i * 2654435761) % 4294967296, i % 1000000), \
                 ?3 + i * ?4 / ?5, CASE i % 10 WHEN 0 THEN 'login.digid' WHEN 1 THEN 'person.shown' ELSE 'token.refreshed' END, \
                 'ok', a.pseudonym, 'patient', CASE i % 10 WHEN 1 THEN r.pseudonym END, 'subject_of_care', 'portal', NULL, \
                 zeroblob(32), zeroblob(32), NULL \
                 FROM n CROSS JOIN pool a ON a.rowid = 1 + (i * 7919 + i / ?6) % ?6 \
                 CROSS JOIN pool r ON r.rowid = 1 + (i * 104729 + i / ?6) % ?6",
            )
            .bind(from)
            .bind(to)
            .bind(self.now.epoch() - 5 * 365 * DAY)
            .bind(5 * 365 * DAY - DAY)
            .bind(all.max(1))
            .bind(named)
            .execute(&mut self.on)
            .await
            .unwrap();
        }
        self.on.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        self.on.close().await.unwrap();
        self.made
    }
}
