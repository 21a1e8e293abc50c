//! The application: configuration, store, keys, mail and clock, built once and handed down.

pub mod client_keys;
pub mod crowd;
pub mod digid;
pub mod guesses;
pub mod knocks;
pub mod origins;
pub mod tls;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{MissedTickBehavior, timeout},
};

use self::{
    client_keys::ClientKeys,
    crowd::{Crowd, Limits},
    digid::Connection,
    guesses::Guesses,
    knocks::Knocks,
    origins::Origins,
    tls::Tls,
};
use crate::{
    clock::Clock,
    config::{BadConfig, ClientEntry, Config},
    domain::{
        client::{Client, may_be_id},
        fault::Fault,
        key::Algorithm,
    },
    mail::Mailer,
    observe,
    oidc::{keyring::Keyring, mtls::Authorities},
    outbound::Outbound,
    password::Hasher,
    store::{Db, Store, Vault},
};

/// How often the keys are read anew, so that a key made or revoked elsewhere is followed within seconds.
const KEYS_EVERY: Duration = Duration::from_secs(5);
/// How often the files of TLS and of the connection to DigiD are looked at: a handful, and small.
const DIGID_EVERY: Duration = Duration::from_secs(2);
/// How long such a look may take before everything else goes on without it.
const DIGID_PATIENCE: Duration = Duration::from_secs(10);
/// How many seconds a clock that is kept right may go back without a word.
const MAY_WAVER: i64 = 2;
/// How often what has ended is swept.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// How many batches one sweep takes at most, so that it ends.
const BATCHES: usize = 40;

/// How many tries at a password may wait for their turn at once: some seconds each, at addresses that are being guessed at.
const WAITING: usize = 256;

/// How many wrong tries in a quarter of an hour make nobody wait who claims to be one client at one address: a portal that is set up
/// wrongly hears what is wrong with it.
const FREE_OF_CLIENTS: u32 = 100;
/// The same at one account: more than people can remember passwords.
const FREE_AT_AN_ACCOUNT: u32 = 20;
/// The same at whatever accounts: behind one address may be a hospital, or a provider's customers.
const FREE_FROM_AN_ADDRESS: u32 = 300;
/// How often a new account is asked for from one address before that is slowed: behind it may be a hospital.
const FREE_REGISTRATIONS: u32 = 100;

/// How many searches of the audit log may be under way at once: half of the readers of the database.
const SEARCHES: usize = 2;

/// Everything a request needs. Held in an `Arc`; there is no other state in the process.
pub struct App {
    /// What the operator wrote.
    pub config: Config,
    /// What is kept.
    pub store: Store,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Sends mail.
    pub mailer: Mailer,
    /// The connection to DigiD, where it is contracted.
    pub digid: Option<Connection>,
    /// What TLS is spoken with, where no proxy does it.
    pub tls: Option<Arc<Tls>>,
    /// Who vouches for clients' certificates.
    pub authorities: Option<Authorities>,
    /// Calls portals.
    pub outbound: Outbound,
    /// Tells the time, once a request.
    pub clock: Clock,
    /// How many more tries at a password may wait for their turn.
    pub waiting: Semaphore,
    /// Has a permit for whoever turns the signing keys.
    pub turning_keys: Semaphore,
    /// Has a permit for each search of the audit log that may be under way.
    pub searching: Semaphore,
    /// Counts refused requests to log somebody out that claim to be DigiD's.
    pub knocks: Knocks,
    /// Counts what claims to be an answer of DigiD and reaches no login, and who presses for a DigiD that cannot be asked.
    pub strays: Knocks,
    /// Bounds how often is told that DigiD could not be asked.
    pub digid_not_asked: Knocks,
    /// Counts requests to the admin API that were refused.
    pub admin_knocks: Knocks,
    /// Counts those who must wait before they may try again to prove who a client is.
    pub guess_knocks: Knocks,
    /// Counts wrong tries to prove who a client is.
    pub client_guesses: Guesses,
    /// Counts wrong passwords at one account from one address, of browsers that are not known.
    pub guesses_at: Guesses,
    /// Counts wrong passwords and codes from one address, of the same.
    pub guesses_from: Guesses,
    /// Counts what asks for the mail of a new account from one address.
    pub registrations_from: Guesses,
    /// Bounds the logins that are under way.
    pub crowd: Crowd,
    /// How many mandates waited too long when it was last looked.
    overdue: AtomicUsize,
    client_keys: Arc<ClientKeys>,
    origins: Origins,
    configured: HashMap<String, Client>,
    keyring: RwLock<Arc<Keyring>>,
}

impl App {
    /// Builds everything, or says what is wrong and what to do about it.
    pub async fn build(config: Config) -> Result<Arc<Self>, Fault> {
        let store = open_store(&config, false).await?;
        store.check_migrated().await?;
        store.check_not_read_only(&config.path(&config.database)).await?;
        let configured = clients(&config)?;
        let digid = config.digid.as_ref().map(|digid| Connection::open(&config, digid, Clock.now()));
        let digid = digid.transpose()?;
        let tls = config.tls.as_ref().map(|tls| Tls::open(&config, tls)).transpose()?;
        let keyring = read_keyring(&store, &Keyring::default()).await?;
        let added = store.clients().await?;
        keyring.check(&Algorithm::in_use(configured.values().chain(&added)), Clock.now())?;
        log_unusable(&keyring, &Keyring::default());
        Ok(Arc::new(Self {
            hasher: Hasher::new(config.password)?,
            mailer: Mailer::new(&config.mail, &config.folder)?,
            outbound: outbound(&config)?,
            authorities: authorities(&config)?,
            clock: Clock,
            waiting: Semaphore::new(WAITING),
            turning_keys: Semaphore::new(1),
            searching: Semaphore::new(SEARCHES),
            knocks: Knocks::default(),
            strays: Knocks::default(),
            digid_not_asked: Knocks::default(),
            admin_knocks: Knocks::default(),
            guess_knocks: Knocks::default(),
            client_guesses: Guesses::past(FREE_OF_CLIENTS),
            guesses_at: Guesses::past(FREE_AT_AN_ACCOUNT),
            guesses_from: Guesses::past(FREE_FROM_AN_ADDRESS),
            registrations_from: Guesses::past(FREE_REGISTRATIONS),
            crowd: Crowd::new(Limits::default()),
            overdue: AtomicUsize::default(),
            client_keys: Arc::default(),
            origins: Origins::default(),
            config,
            store,
            digid,
            tls: tls.map(Arc::new),
            configured,
            keyring: RwLock::new(Arc::new(keyring)),
        }))
    }

    /// The client of that id: from the configuration first, then from the store.
    pub async fn client(&self, id: &str) -> Result<Option<Client>, Fault> {
        match self.configured.get(id) {
            Some(client) => Ok(Some(client.clone())),
            // Whatever a stranger writes in the place of a name, no database needs to take.
            None if !may_be_id(id) => Ok(None),
            None => self.store.client(id).await,
        }
    }

    /// The clients of the configuration, in no order.
    pub fn configured(&self) -> impl Iterator<Item = &Client> {
        self.configured.values()
    }

    /// The signing keys as last read.
    pub fn keyring(&self) -> Arc<Keyring> {
        self.keyring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Does what must be done now and then, until the task is dropped. What is followed never waits for what is swept: a key
    /// that was revoked must go within seconds, however much there is to sweep.
    pub async fn keep_house(self: Arc<Self>) {
        tokio::join!(self.clone().keep_following(), self.keep_sweeping());
    }

    /// Follows keys and the files of TLS and of the connection to DigiD, and lets go of idle memory.
    async fn keep_following(self: Arc<Self>) {
        let mut keys = tokio::time::interval(KEYS_EVERY);
        let mut digid = tokio::time::interval(DIGID_EVERY);
        let mut stood_still = false;
        loop {
            let outcome = tokio::select! {
                _ = keys.tick() => {
                    stood_still = self.mind_the_clock(stood_still);
                    self.hasher.release_idle();
                    self.follow_keys().await
                }
                _ = digid.tick() => self.clone().follow_files().await,
            };
            log_failed(outcome);
        }
    }

    /// Deletes what has ended, and lets logins give way where there are too many.
    async fn keep_sweeping(&self) {
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        // What took long is not made good in a burst.
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            sweep.tick().await;
            log_failed(self.sweep().await);
            log_failed(self.crowd.thin(&self.store).await);
            log_failed(self.watch_the_queue().await);
        }
    }

    /// Raises the alarm when more waits for its second pair of eyes for too long than before (M10).
    async fn watch_the_queue(&self) -> Result<(), Fault> {
        let (overdue, waiting) = self.store.overdue(self.clock.now()).await?;
        observe::overdue(overdue);
        if self.overdue.swap(overdue, Ordering::Relaxed) < overdue {
            tracing::warn!(
                overdue,
                waiting,
                "this waits for a second pair of eyes past the next working day: see /desk/queue"
            );
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        for _ in 0..BATCHES {
            if self.store.sweep(now).await? == 0 {
                break;
            }
        }
        for checkpoint in self.store.make_checkpoints(false, now).await? {
            // In the log too: it is often kept elsewhere, and then it shows what was cut off.
            let (node, seq, mac) = (&checkpoint.node, checkpoint.seq, &checkpoint.mac);
            tracing::info!(%node, seq, %mac, "checkpoint of the audit log");
        }
        self.store.sweep_audit(now.plus(-self.config.audit.keep()), now).await?;
        Ok(())
    }

    /// Says once that the machine's clock went back, and once that it has caught up.
    fn mind_the_clock(&self, stood_still: bool) -> bool {
        let behind = self.clock.still();
        let stands_still = behind > MAY_WAVER;
        if stands_still && !stood_still {
            tracing::error!(
                behind,
                "the machine's clock went back: Namens waits until it has caught up, so that nothing that ended counts again. \
                 If it is right now, restart Namens"
            );
        } else if stood_still && !stands_still {
            tracing::info!("the machine's clock has caught up");
        }
        stands_still
    }

    async fn follow_keys(&self) -> Result<(), Fault> {
        let older = self.keyring();
        let read = read_keyring(&self.store, &older).await?;
        log_unusable(&read, &older);
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
        Ok(())
    }

    /// Reads files and signs metadata, which blocks, and does not wait for ever for a file system that is gone.
    async fn follow_files(self: Arc<Self>) -> Result<(), Fault> {
        let follow = move || {
            if let Some(tls) = &self.tls {
                tls.follow(&self.config, self.clock.now());
            }
            if let Some(digid) = &self.digid {
                digid.follow(&self.config, self.clock.now());
            }
        };
        Ok(timeout(DIGID_PATIENCE, spawn_blocking(follow)).await??)
    }
}

fn log_failed(outcome: Result<(), Fault>) {
    if let Err(fault) = outcome {
        tracing::error!(%fault, "housekeeping failed; it is tried again");
    }
}

/// Opens the database and the vault; makes the database file when `create`. Refuses a database that another master key sealed.
pub async fn open_store(config: &Config, create: bool) -> Result<Store, Fault> {
    let path = config.path(&config.database);
    if !create && !path.exists() {
        return Err(no_database(&path).into());
    }
    let vault = open_vault(config)?;
    let store = Store::new(Db::open_sqlite(&path, create).await?, vault);
    store.check_master_key().await?;
    Ok(store)
}

/// What is said of a database that is not there. Whoever lost one is not led to make an empty one in its place.
pub fn no_database(path: &Path) -> BadConfig {
    BadConfig::value(format_args!(
        "there is no database at {}: correct `database` in the configuration, restore a backup, or (a new installation) run \
         `namens migrate`",
        path.display()
    ))
}

/// Opens the vault with the master key, or says where none stands.
pub fn open_vault(config: &Config) -> Result<Vault, BadConfig> {
    let (source, folder) = (&config.master_key, &config.folder);
    let text = source.text("master_key", folder)?;
    Vault::open(text.expose())
        .map_err(|error| BadConfig::Value(format!("master_key: {}: {error}", source.place(folder))))
}

/// What calls portals.
pub fn outbound(config: &Config) -> Result<Outbound, Fault> {
    let read = |path: &PathBuf| {
        let path = config.path(path);
        fs::read(&path).map_err(|error| {
            BadConfig::value(format_args!("[outbound] extra_roots: cannot read {}: {error}", path.display()))
        })
    };
    let roots = config.outbound.extra_roots.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Outbound::new(&roots, config.outbound.reach())?)
}

/// Who vouches for clients' certificates.
pub fn authorities(config: &Config) -> Result<Option<Authorities>, BadConfig> {
    let Some(path) = config.mtls.as_ref().and_then(|mtls| mtls.ca.as_ref()) else { return Ok(None) };
    let given = digid::given(config, "[mtls] ca", path)?;
    let wrong = |error| BadConfig::value(format_args!("{}: {error}", given.at));
    Authorities::from_pem(given.text.as_bytes()).map(Some).map_err(wrong)
}

/// The clients of the configuration, checked.
pub fn clients(config: &Config) -> Result<HashMap<String, Client>, BadConfig> {
    let checked = |entry: &ClientEntry| {
        let client = entry.read(&config.folder)?;
        config.check_certificate(&client)?;
        config.check_apis(&client)?;
        Ok((client.id.clone(), client))
    };
    let placed = |entry: &ClientEntry| checked(entry).map_err(|error| config.of_client(&entry.id, error));
    config.clients.iter().map(placed).collect()
}

async fn read_keyring(store: &Store, older: &Keyring) -> Result<Keyring, Fault> {
    Ok(Keyring::new(store.signing_keys(Clock.now()).await?, older))
}

/// Logs each key that is newly of no use.
fn log_unusable(ring: &Keyring, older: &Keyring) {
    for bad in ring.unusable().iter().filter(|bad| !older.unusable().contains(bad)) {
        tracing::error!(%bad, "a signing key is of no use: run `namens doctor`");
    }
}
