//! What `namens doctor` looks at. Each check tells of its own; one that fails stops none of the others.

use std::{fs, path::Path, time::SystemTime};

use tokio::task::JoinSet;

use crate::{
    app::{self, client_keys::ask, digid::service_provider, tls::Tls},
    config::{BadConfig, Config, secret::refuse_open_file},
    domain::{
        api::AdminScope,
        client::Client,
        finding::Report,
        key::{Algorithm, KeyFacts, Phase},
        time::Timestamp,
    },
    mail::Mailer,
    oidc::keyring::Keyring,
    outbound::Outbound,
    store::{Db, Store},
};

/// Seconds by which a file may seem to be from the future: file systems round.
const ROUNDING: i64 = 60;
/// How many clients are asked for their keys at once.
const AT_ONCE: usize = 16;
/// 2026-01-01 and 2100-01-01: a clock outside of these was never set.
const SANE: std::ops::Range<i64> = 1_767_225_600..4_102_444_800;

pub(super) async fn all(path: &Path, report: &mut Report, now: Timestamp) {
    let config = match Config::read(path) {
        Ok(config) => config,
        Err(error) => return report.error("configuration", error),
    };
    report.ok("configuration", path.display());
    // Before the database is opened: that writes.
    clock(&config, report, now);
    let mut clients = configured_clients(&config, report);
    if let Some(store) = database(&config, report).await {
        added_clients(&config, &store, &mut clients, report).await;
        signing_keys(&store, &clients, report, now).await;
        audit(&store, report).await;
        reachable(&config, &clients, report);
        four_eyes(&clients, report);
        store.close().await;
    }
    digid(&config, report, now);
    tls(&config, report, now);
    match app::outbound(&config) {
        Ok(outbound) => client_keys(&outbound, &clients, report).await,
        Err(fault) => report.error("outbound", fault),
    }
    if let Err(error) = app::authorities(&config) {
        report.error("TLS", error);
    }
    mail(&config, report).await;
}

fn clock(config: &Config, report: &mut Report, now: Timestamp) {
    let shown = now.rfc3339();
    if !SANE.contains(&now.epoch()) {
        return report.error("clock", format_args!("it says {shown}: set it, and keep it right with NTP"));
    }
    let written = |suffix: &str| {
        let mut path = config.path(&config.database).into_os_string();
        path.push(suffix);
        let since = fs::metadata(path).ok()?.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    };
    match ["", "-wal"].into_iter().filter_map(written).max().map(Timestamp::from_epoch) {
        Some(last) if last.since(now) > ROUNDING => report.error(
            "clock",
            format_args!(
                "it says {shown}, but the database was written at {}: set it, and keep it right with NTP",
                last.rfc3339()
            ),
        ),
        _ => report.ok("clock", shown),
    }
}

fn configured_clients(config: &Config, report: &mut Report) -> Vec<Client> {
    match app::clients(config) {
        Ok(clients) => clients.into_values().collect(),
        Err(error) => {
            report.error("clients", error);
            Vec::new()
        }
    }
}

async fn added_clients(config: &Config, store: &Store, clients: &mut Vec<Client>, report: &mut Report) {
    let added = match store.clients().await {
        Ok(added) => added,
        Err(fault) => return report.error("clients", fault),
    };
    for client in added {
        if clients.iter().any(|configured| configured.id == client.id) {
            let id = &client.id;
            report.warning(
                "clients",
                format_args!(
                    "{id} stands in the configuration and in the store, and the configuration counts: \
                     run `namens clients remove --by STAFF {id}`"
                ),
            );
        } else {
            let notices =
                || config.outbound.check_notices(&client.id, client.backchannel_logout_uri.as_deref());
            let keys = || config.outbound.check_keys(&client.id, client.keys.uri());
            let checked = client.check().map_err(BadConfig::value);
            let certificate = || config.check_certificate(&client);
            if let Err(error) =
                checked.and_then(|()| notices()).and_then(|()| keys()).and_then(|()| certificate())
            {
                report.error(
                    "clients",
                    format_args!("{error}. Remove it and add it again with `namens clients`"),
                );
            }
            clients.push(client);
        }
    }
}

/// Opens the vault and the database; `None` when there is no going on.
async fn database(config: &Config, report: &mut Report) -> Option<Store> {
    let opened = app::open_vault(config).inspect(|_| report.ok("master key", "present and well-formed"));
    let vault = opened.map_err(|error| report.error("master key", error)).ok();
    let path = config.path(&config.database);
    let shown = path.display();
    if !path.exists() {
        report.error("database", app::no_database(&path));
        return None;
    }
    if refuse_open_file(&path).is_err() {
        report.warning("database", format_args!("others can read {shown}: run `chmod 600 {shown}`"));
    }
    let db = match Db::open_sqlite(&path, false).await {
        Ok(db) => db,
        Err(fault) => {
            report.error("database", fault);
            return None;
        }
    };
    let damage = match db.damage().await {
        Ok(damage) => damage,
        Err(fault) => Some(fault.to_string()),
    };
    if let Some(damage) = damage {
        let damage = damage.replace('\n', " ");
        report.error("database", format_args!("{shown} is damaged ({damage}): restore a backup"));
        return None;
    }
    if let Err(fault) = db.check_migrated().await {
        report.error("database", fault);
        return None;
    }
    match db.check_writable().await {
        Ok(()) => report.ok("database", format_args!("{shown} is sound and up to date")),
        Err(fault) => report.error(
            "database",
            format_args!(
                "{shown} cannot be written ({fault}): let this user write it and its folder, and end what holds it"
            ),
        ),
    }
    let store = Store::new(db, vault?);
    match store.check_master_key().await {
        Ok(()) => Some(store),
        Err(fault) => {
            report.error("master key", fault);
            None
        }
    }
}

async fn signing_keys(store: &Store, clients: &[Client], report: &mut Report, now: Timestamp) {
    let stored = match store.signing_keys(now).await {
        Ok(stored) => stored,
        Err(fault) => return report.error("signing keys", fault),
    };
    let ring = Keyring::new(stored, &Keyring::default());
    let used = Algorithm::in_use(clients);
    if let Err(error) = ring.check(&used, now) {
        return report.error("signing keys", error);
    }
    for bad in ring.unusable() {
        report.error(
            "signing keys",
            format_args!(
                "{bad}. Others sign, so the server runs without it: restore the database from a backup, or run \
                 `namens keys rotate --by STAFF`, which lets other keys follow"
            ),
        );
    }
    for alg in used {
        let name = alg.name();
        let next = ring.facts().any(|key| key.alg == alg && key.phase(now) == Phase::Next);
        match (KeyFacts::signer(ring.facts(), alg, now), next) {
            (None, _) => {
                report.error(
                    "signing keys",
                    format_args!("none signs with {name}: run `namens keys rotate --by STAFF --alg {name}`"),
                );
            }
            (Some(_), false) => report.warning(
                "signing keys",
                format_args!("{name} has no next key: run `namens keys rotate --by STAFF --alg {name}`"),
            ),
            (Some(key), true) => report.ok("signing keys", format_args!("{} signs with {name}", key.kid)),
        }
    }
}

/// Whether the chain of the audit log ends where it should; `namens audit verify` looks at all of it.
async fn audit(store: &Store, report: &mut Report) {
    match store.check_audit().await {
        Err(fault) => report.error("audit log", fault),
        Ok(wrong) if wrong.is_empty() => {
            report.ok("audit log", "its chain ends at its head and holds its last checkpoint");
        }
        Ok(wrong) => {
            for finding in wrong {
                report.error("audit log", format_args!("{finding}: run `namens audit verify`"));
            }
        }
    }
}

/// Whether anybody can log in to each client.
fn reachable(config: &Config, clients: &[Client], report: &mut Report) {
    if clients.is_empty() && !report.is_wrong("clients") {
        let told = "there are none, so nobody can log in: add a [[client]], or run `namens clients add`";
        return report.warning("clients", told);
    }
    for client in clients.iter().filter(|client| config.digid.is_none() && client.minimum_level.needs_digid())
    {
        report.error(
            "clients",
            format_args!(
                "{} demands DigiD, and there is no [digid] section: nobody can log in to it",
                client.id
            ),
        );
    }
    if !report.is_wrong("clients") {
        report.ok("clients", format_args!("{}", clients.len()));
    }
}

/// Whether programs that approve each other's mandates prove who they are with one secret or key: whoever has it is both (M11).
fn four_eyes(clients: &[Client], report: &mut Report) {
    let approve = |client: &&Client| client.service_scopes.contains(AdminScope::Mandates);
    let mut programs: Vec<&Client> = clients.iter().filter(approve).collect();
    // Those of the configuration come in no order.
    programs.sort_by(|a, b| a.id.cmp(&b.id));
    for (number, one) in programs.iter().enumerate() {
        for other in programs.iter().skip(number + 1).filter(|other| one.shares_proof_with(other)) {
            report.warning(
                "four eyes",
                format_args!(
                    "{} and {} have the scope mandates and one secret, key or certificate: whoever has it registers and \
                     approves. Give each its own",
                    one.id, other.id
                ),
            );
        }
    }
}

/// Whether each client that tells its keys at an address does so now.
async fn client_keys(outbound: &Outbound, clients: &[Client], report: &mut Report) {
    let told = |client: &Client| Some((client.id.clone(), client.keys.uri()?.to_owned()));
    let places: Vec<(String, String)> = clients.iter().filter_map(told).collect();
    for some in places.chunks(AT_ONCE) {
        let mut asked = JoinSet::new();
        for (id, uri) in some.iter().cloned() {
            let outbound = outbound.clone();
            asked.spawn(async move { (id, ask(outbound, uri.clone()).await, uri) });
        }
        for (id, answer, uri) in asked.join_all().await {
            match answer {
                Ok(told) => {
                    let count = told.keys.keys().len();
                    report.ok("client keys", format_args!("{id} tells {count} at {uri}"));
                }
                Err(why) => report.warning(
                    "client keys",
                    format_args!("{id} tells none at {uri}: {why}. Its requests are refused until it does"),
                ),
            }
        }
    }
}

fn digid(config: &Config, report: &mut Report, now: Timestamp) {
    let Some(section) = &config.digid else {
        return report.ok("DigiD", "not configured: people log in with e-mail and password only");
    };
    match service_provider(config, section, now) {
        Ok(provider) => {
            report.ok("DigiD", "keys, certificates and DigiD's metadata fit together");
            provider.dates(report, now);
            provider.shared_keys(report);
        }
        Err(fault) => report.error("DigiD", fault),
    }
}

fn tls(config: &Config, report: &mut Report, now: Timestamp) {
    match config.tls.as_ref().map(|section| Tls::open(config, section)) {
        None if config.is_https() && config.proxy.is_none() => report.warning(
            "TLS",
            format_args!(
                "the issuer is https, and {} speaks plain HTTP to whoever reaches it: passwords may go in the clear, and guesses \
                 are not counted by address. Name a certificate in [tls], or in [proxy] what does TLS (docs/proxy.md)",
                config.listen
            ),
        ),
        None => {}
        Some(Ok(tls)) => tls.look(report, now),
        Some(Err(error)) => report.error("TLS", error),
    }
}

async fn mail(config: &Config, report: &mut Report) {
    let mailer = match Mailer::new(&config.mail, &config.folder) {
        Ok(mailer) => mailer,
        Err(error) => return report.error("mail", error),
    };
    if let Err(error) = mailer.check().await {
        return report.error("mail", error);
    }
    match &config.mail.folder {
        Some(folder) if config.is_https() => report.warning(
            "mail",
            format_args!("goes into the folder {} and reaches nobody: fill in [mail.smtp]", folder.display()),
        ),
        Some(folder) => report.ok("mail", format_args!("goes into the folder {}", folder.display())),
        None => report.ok("mail", "the mail server answers, encrypted"),
    }
}
