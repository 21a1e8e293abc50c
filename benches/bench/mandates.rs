//! What is asked of mandates where there are a million persons and two million mandates: for whom a user may act, and what the desk and
//! people themselves look at, in this process and by the flows that requests use. The second argument is how many persons.

use std::{
    fs,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use namens::{
    app::App,
    clock::Clock,
    config::Config,
    domain::{
        assurance::Level,
        id::{AccountId, PersonId, StaffId},
        key::Algorithm,
        patient_number::PatientNumber,
        staff::{Member, Role, Roles},
        ties::Ties,
    },
    flows::{
        account::Guest,
        account_log, account_mandates,
        act_as::{Asking, for_whom},
        desk::{self, Found, Wanted},
        desk_ahead::birthdays,
    },
    oidc::signing_key::RsaBits,
    store::audit::Search,
};

use crate::{
    row,
    seed::{Chance, DEPARTMENTS, Seeded, fill},
    stand::{CLIENT, Stand},
    trial,
};

/// How many searches one member makes: no more are free.
const SEARCHES: usize = 190;
const TARGET: &str = "target 2 ms p99";

struct World {
    stand: Stand,
    app: Arc<App>,
    seeded: Seeded,
}

/// How long each of many took.
#[derive(Default)]
struct Took(Vec<Duration>);

impl Took {
    async fn time<T>(&mut self, work: impl Future<Output = T>) -> T {
        let begin = Instant::now();
        let done = work.await;
        self.0.push(begin.elapsed());
        done
    }

    fn told(mut self) -> String {
        self.0.sort();
        let at = |of: usize| self.0[(self.0.len() * of / 100).min(self.0.len() - 1)].as_secs_f64() * 1e3;
        format!("p50 {:.2} ms, p99 {:.2} ms ({} times)", at(50), at(99), self.0.len())
    }
}

pub async fn measure(persons: Option<u64>) {
    let persons = persons.unwrap_or(if trial::is_on() { 300 } else { 1_000_000 });
    let stand = Stand::new("mandates", Algorithm::Es256, RsaBits::B2048, 60).await;
    let app = App::build(Config::read(&stand.folder.join("namens.toml")).unwrap()).await.unwrap();
    let (begin, lines) = (Instant::now(), persons * 10);
    let seeded = fill(&stand, &app, persons, lines).await;
    row(
        &format!(
            "seeding {} persons, {} accounts, {} mandates and {lines} lines of the log",
            seeded.persons,
            seeded.accounts.len(),
            seeded.mandates
        ),
        &format!("{:.0} s", begin.elapsed().as_secs_f64()),
        &format!("{:.0} MB", fs::metadata(stand.folder.join("namens.db")).unwrap().len() as f64 / 1e6),
        "",
    );
    let world = World { stand, app, seeded };
    let of = format!("{} persons, {} mandates", world.seeded.persons, world.seeded.mandates);
    let told =
        |what: &str, took: Took, next_to: &str| row(&format!("{what}; {of}"), &took.told(), next_to, "");
    told("computing `act_as` for one user", world.act_as().await, TARGET);
    let commits = format!("{TARGET}; two bare commits: {}", world.commits().await.told());
    told("desk: search by BSN, with its line in the log", world.search(true).await, &commits);
    told("desk: search by patient number, with its line in the log", world.search(false).await, &commits);
    told("desk: a person's page, with its line in the log", world.person().await, "");
    told("desk: what waits", world.queue().await, "");
    told("desk: how much waits, and too long", world.overdue().await, "");
    told("desk: birthdays ahead", world.ahead().await, "");
    told("“Machtigingen”", world.own_mandates().await, "");
    told("“Wie heeft iets gewijzigd”", world.own_log().await, "");
    let lines = format!("{lines} lines of the log");
    told(
        "desk: search of the log of a person, with its line in the log",
        world.read_log().await,
        &format!("{TARGET}; {lines}"),
    );
    let begin = Instant::now();
    let pages = world.query().await;
    row(
        &format!("`namens audit query --person`; {lines}"),
        &format!("{:.1} s", begin.elapsed().as_secs_f64()),
        &format!("{pages} pages are looked at, oldest first"),
        "",
    );
    world.app.store.close().await;
    world.stand.store.close().await;
}

/// So many of those, over and over where there are fewer.
fn some<T>(all: &[T], full: usize) -> impl Iterator<Item = &T> {
    all.iter().cycle().take(trial::many(full, 30))
}

impl World {
    async fn act_as(&self) -> Took {
        let (store, client) = (&self.app.store, self.app.client(CLIENT).await.unwrap().unwrap());
        let (mut took, mut told) = (Took::default(), 0);
        for (account, person) in some(&self.seeded.accounts, 10_000) {
            let session = self.stand.session_of(account, person, Level::Midden).0;
            let grant = self.stand.grant(&session);
            let asking = Asking {
                grant: &grant,
                authority: None,
                required: Level::Midden,
                client: &client,
                issuer: self.app.config.issuer(),
            };
            let for_whom = took.time(for_whom(store, &asking, Clock.now())).await.unwrap();
            told += for_whom.act_as.len();
        }
        assert!(told > 0, "nobody acts for anybody");
        took
    }

    /// A search counts, and leaves a line: two commits.
    async fn commits(&self) -> Took {
        let mut took = Took::default();
        for number in 0..trial::many(1000, 3) {
            let whom = number.to_string();
            let both = async {
                for what in ["bare-1", "bare-2"] {
                    self.app.store.bump(what, &whom, 3600, Clock.now()).await.unwrap();
                }
            };
            took.time(both).await;
        }
        took
    }

    async fn search(&self, by_bsn: bool) -> Took {
        let mut wanted: Vec<Wanted> = Vec::new();
        if by_bsn {
            wanted.extend(some(&self.seeded.bsns, 10_000).cloned().map(Wanted::Bsn));
        } else {
            let numbers = some(&self.seeded.numbers, 10_000).map(PatientNumber::from_stored);
            wanted.extend(numbers.map(Wanted::Number));
        }
        let (mut took, mut member, ties) = (Took::default(), member(0), Ties::default());
        for (number, wanted) in wanted.iter().enumerate() {
            if number % SEARCHES == SEARCHES - 1 {
                member.account = AccountId::random();
            }
            let found = took.time(desk::find(&self.app, (&member, &ties), wanted, Clock.now())).await;
            assert!(matches!(found.unwrap().unwrap(), Found::One(_)));
        }
        took
    }

    async fn person(&self) -> Took {
        let (store, mut took) = (&self.app.store, Took::default());
        for (_, person) in some(&self.seeded.accounts, 2000) {
            let page = async {
                let now = Clock.now();
                store.person(person).await.unwrap().unwrap();
                store.note_shown("member:a-member", person, None, now).await.unwrap();
                store.mandates_held(person, now).await.unwrap();
                store.mandates_given(person, now).await.unwrap();
                store.corrections_of(person).await.unwrap();
            };
            took.time(page).await;
        }
        took
    }

    async fn queue(&self) -> Took {
        let (store, mut took) = (&self.app.store, Took::default());
        for _ in 0..trial::many(500, 3) {
            let page = async {
                let waiting = store.waiting(Clock.now()).await.unwrap();
                for one in &waiting {
                    desk::shown(store, &one.registered_by).await.unwrap();
                }
                waiting.len()
            };
            assert!(took.time(page).await > 0, "nothing waits");
        }
        took
    }

    async fn overdue(&self) -> Took {
        let mut took = Took::default();
        for _ in 0..trial::many(500, 3) {
            took.time(self.app.store.overdue(Clock.now())).await.unwrap();
        }
        took
    }

    async fn ahead(&self) -> Took {
        let mut took = Took::default();
        for number in 0..trial::many(400, 3) {
            let department = format!("Polikliniek {}", number as u64 % DEPARTMENTS);
            took.time(birthdays(&self.app.store, Some(&department), Clock.now())).await.unwrap();
        }
        took
    }

    async fn guest(&self, account: &AccountId, person: &PersonId) -> Guest {
        let session = self.stand.session_of(account, person, Level::Midden).0;
        Guest { session, account: self.app.store.account(account).await.unwrap().unwrap() }
    }

    async fn own_mandates(&self) -> Took {
        let mut took = Took::default();
        for (account, person) in some(&self.seeded.accounts, 2000) {
            let guest = self.guest(account, person).await;
            took.time(account_mandates::overview(&self.app, &guest, Clock.now())).await.unwrap();
        }
        took
    }

    async fn own_log(&self) -> Took {
        let mut took = Took::default();
        for (account, person) in some(&self.seeded.accounts, 2000) {
            let guest = self.guest(account, person).await;
            took.time(account_log::page(&self.app, &guest, None)).await.unwrap();
        }
        took
    }

    /// What the auditor's form does once it knows whom it is about.
    async fn read_log(&self) -> Took {
        let (store, mut took, mut chance) = (&self.app.store, Took::default(), Chance::new());
        for _ in 0..trial::many(1000, 3) {
            let named = &self.seeded.named;
            let person = &named[usize::try_from(chance.below(named.len() as u64)).unwrap()];
            let page = async {
                store.note_read("els", person, self.stand.now).await.unwrap();
                store.lines_of_person(person, None, 50).await.unwrap().0.len()
            };
            assert!(took.time(page).await > 0, "a line of each stands in the log");
        }
        took
    }

    /// Every line about a person, in the order of the log.
    async fn query(&self) -> usize {
        let mut search = Search { person: self.seeded.named.first().cloned(), ..Search::default() };
        let mut pages = 0;
        loop {
            let (_, next) = self.app.store.audit_lines(&search, 1000).await.unwrap();
            pages += 1;
            let Some(next) = next else { return pages };
            search.behind = Some(next);
        }
    }
}

/// Somebody at the desk.
fn member(number: u64) -> Member {
    Member {
        id: StaffId::random(),
        account: AccountId::random(),
        email: "els@ziekenhuis.nl".into(),
        roles: Roles::of(&[Role::Registrar]).unwrap(),
        department: format!("Polikliniek {number}"),
        proposed_by: "a".into(),
        proposed_at: Clock.now(),
        approved: None,
    }
}
