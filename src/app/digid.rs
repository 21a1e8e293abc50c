//! The connection to DigiD that the configuration describes, followed while the server runs: files that change count
//! without a restart, and those that cannot be used change nothing but the log.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Mutex, PoisonError, RwLock, TryLockError},
};

use zeroize::Zeroizing;

use crate::{
    config::{self, BadConfig, Config, secret::refuse_open_file},
    domain::{
        calendar::DAY,
        fault::Fault,
        finding::{Report, Verdict},
        time::Timestamp,
    },
    saml::{
        ACS_PATH, Given, Interface, LOGOUT_PATH, NamedPem, Needs, Pem, Providers, RoutingService,
        ServiceProvider, Settings, check_metadata,
    },
};

/// The most that a file of the connection may hold, in bytes. The largest, the metadata, is about twenty thousand.
const MAX_FILE: u64 = 1 << 20;

/// DigiD as we reach it now.
pub struct Connection {
    current: RwLock<ServiceProvider>,
    watch: Mutex<Box<Watch>>,
}

/// What was read, or why it cannot be.
type Look = Result<Seen, String>;

/// What a look at the configuration saw.
#[derive(Clone, PartialEq)]
struct Seen {
    settings: Settings,
    /// The clients that it names. Those of the start run.
    clients: BTreeSet<String>,
}

impl Seen {
    fn new(config: &Config, settings: Settings) -> Self {
        Self { settings, clients: config.clients.iter().map(|client| client.id.clone()).collect() }
    }
}

/// What following remembers.
struct Watch {
    /// What runs.
    running: Settings,
    /// What the last look saw.
    last: Look,
    /// The clients of the configuration when it last read well.
    clients: BTreeSet<String>,
    /// Why it does not run, as logged.
    told: Option<String>,
    /// On which day the dates were logged last, counted from 1970.
    told_dates: Option<i64>,
}

impl Connection {
    /// Opens the connection, or says why it cannot be used.
    pub fn open(config: &Config, digid: &config::Digid, now: Timestamp) -> Result<Self, Fault> {
        let running = settings(config, digid)?;
        let current = RwLock::new(ServiceProvider::new(&running, now)?);
        let last = Seen::new(config, running.clone());
        let clients = last.clients.clone();
        let watch = Watch { running, last: Ok(last), clients, told: None, told_dates: None };
        let connection = Self { current, watch: Mutex::new(Box::new(watch)) };
        connection.follow(config, now);
        Ok(connection)
    }

    /// One to a service provider that no files stand behind.
    #[cfg(test)]
    pub(crate) fn to(sp: ServiceProvider, running: Settings) -> Self {
        let (last, clients) = (Err(String::new()), BTreeSet::new());
        let watch = Watch { running, last, clients, told: None, told_dates: None };
        Self { current: RwLock::new(sp), watch: Mutex::new(Box::new(watch)) }
    }

    /// The service provider as it is now. A request that holds on to it finishes with what it began with.
    pub fn current(&self) -> ServiceProvider {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether the section `[digid]` or one of its files has changed, and goes on with what they say now. A change
    /// counts when two looks in a row saw the same: nobody replaces two files at one moment. Blocks.
    pub fn follow(&self, config: &Config, now: Timestamp) {
        let mut watch = match self.watch.try_lock() {
            Ok(watch) => watch,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // An earlier look still waits for a file.
            Err(TryLockError::WouldBlock) => return,
        };
        self.tell_dates(&mut watch, now);
        // Single logout waits for a start: sessions that began without it left nothing by which DigiD could end them.
        let logout_url = watch.running.logout_url.clone();
        let look =
            look(config).map(|seen| Seen { settings: Settings { logout_url, ..seen.settings }, ..seen });
        let same = look.as_ref().is_ok_and(|seen| seen.settings == watch.running);
        let settled = look == watch.last;
        watch.last.clone_from(&look);
        if settled && let Ok(seen) = &look {
            watch.follow_clients(&seen.clients);
        }
        let changed = match look {
            _ if same || !settled => None,
            Ok(seen) => Some(self.renew(seen.settings, now)),
            Err(why) => Some(Err(why)),
        };
        match changed {
            Some(Ok(new)) => (watch.running, watch.told, watch.told_dates) = (new, None, None),
            Some(Err(why)) if watch.told.as_ref() != Some(&why) => {
                tracing::error!(
                    %why,
                    "what has changed in [digid] or its files cannot be used, and the connection to DigiD goes on as it \
                     was: mend it before the next start, `namens doctor` tells when all is well"
                );
                watch.told = Some(why);
            }
            None if same && watch.told.take().is_some() => {
                tracing::info!("[digid] and its files are again as they run");
            }
            _ => {}
        }
    }

    /// Goes on with new settings, and says what the older ones had and they have not: a file that was cut off while it was
    /// copied may read well.
    fn renew(&self, new: Settings, now: Timestamp) -> Result<Settings, String> {
        let older = self.current();
        let renewed = older.renewed(&new, now).map_err(|error| error.to_string())?;
        let gone: Vec<_> = older.parts().difference(&renewed.parts()).cloned().collect();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        tracing::info!("the connection to DigiD goes on with what has changed in [digid] and its files");
        if !gone.is_empty() {
            tracing::warn!(
                gone = gone.join("; "),
                "the connection to DigiD goes on without what is no longer in [digid] and its files: look whether a file was \
                 cut off"
            );
        }
        Ok(new)
    }

    /// Logs every date that needs somebody, once a day.
    fn tell_dates(&self, watch: &mut Watch, now: Timestamp) {
        let today = now.epoch().div_euclid(DAY);
        if watch.told_dates.replace(today) == Some(today) {
            return;
        }
        let mut report = Report::default();
        self.current().dates(&mut report, now);
        for finding in report.of(Verdict::Error) {
            tracing::error!("{finding}");
        }
        for finding in report.of(Verdict::Warning) {
            tracing::warn!("{finding}");
        }
    }
}

impl Watch {
    /// Says which clients the configuration no longer names: they go at the next start.
    fn follow_clients(&mut self, clients: &BTreeSet<String>) {
        let gone: Vec<&str> = self.clients.difference(clients).map(String::as_str).collect();
        if !gone.is_empty() {
            tracing::warn!(
                gone = gone.join(" "),
                "the configuration no longer names these clients, which will not be known after the next start: look whether \
                 it was cut off"
            );
        }
        self.clients.clone_from(clients);
    }
}

/// Reads the section as it stands in the file now, and the files that it names.
fn look(running: &Config) -> Look {
    let Some(file) = &running.file else {
        let digid = running.digid.as_ref().ok_or("there is no [digid] section")?;
        let settings = settings(running, digid).map_err(|fault| fault.to_string())?;
        return Ok(Seen::new(running, settings));
    };
    let config = Config::read_by(file, open_regular).map_err(|error| error.to_string())?;
    let digid = config.digid.as_ref();
    let digid = digid.ok_or("the [digid] section is gone: only a restart ends the connection to DigiD")?;
    let settings = settings(running, digid).map_err(|fault| fault.to_string())?;
    Ok(Seen::new(&config, settings))
}

/// The DigiD connection that the configuration describes.
pub fn service_provider(
    config: &Config,
    digid: &config::Digid,
    now: Timestamp,
) -> Result<ServiceProvider, Fault> {
    Ok(ServiceProvider::new(&settings(config, digid)?, now)?)
}

/// Says all that is wrong with a file of DigiD's metadata.
pub fn check_file(
    file: &Path,
    config: &Config,
    digid: &config::Digid,
    report: &mut Report,
    now: Timestamp,
) -> Result<(), Fault> {
    let pinned = given(config, "[digid] metadata_certificate", &digid.metadata_certificate)?;
    let metadata = read("the file to check", file)?;
    let needs = Needs { binding: digid.binding(), single_logout: digid.single_logout()? };
    Ok(check_metadata(&metadata, &digid.metadata_entity_id, &pinned, needs, report, now)?)
}

/// Reads every file that the section names.
fn settings(config: &Config, digid: &config::Digid) -> Result<Settings, Fault> {
    // `begin` is how the configuration's two keys begin: `[digid] tls_` of `tls_key` and `tls_certificate`.
    let pem = |begin: &str, key: &Path, certificate: &Path| -> Result<Pem, BadConfig> {
        let secret = given(config, &format!("{begin}key"), key)?;
        // What holds no key is no secret: what it is instead is said when it is parsed.
        if secret.holds("PRIVATE KEY") {
            refuse_open_file(&config.path(key))?;
        }
        Ok(Pem { key: secret, certificate: given(config, &format!("{begin}certificate"), certificate)? })
    };
    let named = |begin: &str, name: &str, key: &Path, certificate: &Path| -> Result<NamedPem, BadConfig> {
        Ok(NamedPem { name: name.to_owned(), pem: pem(begin, key, certificate)? })
    };
    let logout_url = digid.single_logout()?.then(|| config.endpoint(LOGOUT_PATH).parse());
    let interface = match digid.routing_service()? {
        None => Interface::Digid3,
        Some(service) => {
            let next = service.next_encryption.iter();
            let table = "[[digid.routing_service.next_encryption]] ";
            let next = next.map(|next| named(table, &next.key_name, &next.key, &next.certificate));
            Interface::RoutingService(Box::new(RoutingService {
                service_uuid: service.service_uuid.clone(),
                encryption: named(
                    "[digid.routing_service] encryption_",
                    &service.encryption_key_name,
                    &service.encryption_key,
                    &service.encryption_certificate,
                )?,
                next_encryption: next.collect::<Result<_, _>>()?,
                providers: service.representation.as_ref().map(|parties| Providers {
                    login: parties.login.clone(),
                    representation: parties.register.clone(),
                }),
            }))
        }
    };
    let next_signing = digid.next_signing.iter();
    let next_signing = next_signing.map(|next| {
        let named = named("[[digid.next_signing]] ", &next.key_name, &next.key, &next.certificate)?;
        Ok((next.from, named))
    });
    let next_tls = digid.next_tls.iter();
    let next_tls =
        next_tls.map(|next| Ok((next.from, pem("[[digid.next_tls]] ", &next.key, &next.certificate)?)));
    Ok(Settings {
        entity_id: digid.entity_id.clone(),
        acs_url: config.endpoint(ACS_PATH).parse()?,
        acs_index: digid.consumer.index(),
        logout_url: logout_url.transpose()?,
        binding: digid.binding(),
        interface,
        signing: named("[digid] signing_", &digid.key_name, &digid.signing_key, &digid.signing_certificate)?,
        next_signing: next_signing.collect::<Result<_, BadConfig>>()?,
        tls: pem("[digid] tls_", &digid.tls_key, &digid.tls_certificate)?,
        next_tls: next_tls.collect::<Result<_, BadConfig>>()?,
        ca_roots: given(config, "[digid] ca", &digid.ca)?,
        digid_metadata: text("[digid] metadata", &config.path(&digid.metadata))?,
        metadata_entity_id: digid.metadata_entity_id.clone(),
        metadata_certificates: given(config, "[digid] metadata_certificate", &digid.metadata_certificate)?,
    })
}

/// Whether each `-----BEGIN …-----` of a text is followed by its `-----END …-----` (RFC 7468, section 2).
fn is_whole(pem: &str) -> bool {
    let mut open = None;
    for line in pem.lines().map(str::trim).filter(|line| line.starts_with("-----")) {
        let label = |word| line.strip_prefix(word).and_then(|rest| rest.strip_suffix("-----"));
        match (open, label("-----BEGIN "), label("-----END ")) {
            (None, Some(begun), _) => open = Some(begun),
            (Some(begun), _, Some(ended)) if begun == ended => open = None,
            _ => return false,
        }
    }
    open.is_none()
}

/// The file that a line of the configuration names, by the words before its `=`.
pub(super) fn given(config: &Config, line: &str, path: &Path) -> Result<Given, BadConfig> {
    let path = config.path(path);
    let text = Zeroizing::new(text(line, &path)?);
    // Libraries pass over a last key or certificate that was cut off.
    if !is_whole(&text) {
        let path = path.display();
        return Err(BadConfig::value(format_args!(
            "{line}: {path} is cut off: not every -----BEGIN has its -----END. Copy the whole file once more"
        )));
    }
    Ok(Given { text, at: format!("{line} ({})", path.display()) })
}

fn text(line: &str, path: &Path) -> Result<String, BadConfig> {
    String::from_utf8(read(line, path)?).map_err(|_| {
        let path = path.display();
        BadConfig::value(format_args!(
            "{line}: {path} is no text (UTF-8): keys and certificates are given in PEM"
        ))
    })
}

/// Opening waits for nobody (open(2)): this value on Linux, but for MIPS, SPARC and Alpha.
const O_NONBLOCK: i32 = 0o4000;

/// Opens a file, and nothing else: a pipe would be waited for without end. It is asked what it is once it is open, for between a look
/// before and the opening something else can be put there.
fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

fn read(line: &str, path: &Path) -> Result<Vec<u8>, BadConfig> {
    let mut bytes = Vec::new();
    let read = open_regular(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    let wrong = |why: &dyn std::fmt::Display| {
        BadConfig::value(format_args!(
            "{line}: cannot read {}: {why}. Put the file there, or name another",
            path.display()
        ))
    };
    match read {
        Ok(size) if u64::try_from(size).is_ok_and(|size| size <= MAX_FILE) => Ok(bytes),
        Ok(_) => Err(wrong(&"it is larger than 1 MiB")),
        Err(error) => Err(wrong(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_that_is_cut_anywhere_but_between_two_is_not_whole() {
        let one = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n";
        let (two, said) = (one.repeat(2), format!("# CN=Root\n{one}"));
        for whole in ["", one, &two, &said, &two.replace('\n', "\r\n"), two.trim_end()] {
            assert!(is_whole(whole), "{whole}");
        }
        // The next one begins to show with its dashes, and the last is there with its last one.
        for end in one.len() + 5..two.trim_end().len() {
            let cut: String = two.chars().take(end).collect();
            assert!(!is_whole(&cut), "{cut}");
        }
        let other = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END PRIVATE KEY-----\n";
        for broken in [other, "-----END CERTIFICATE-----", &format!("-----BEGIN CERTIFICATE-----\n{one}")] {
            assert!(!is_whole(broken), "{broken}");
        }
    }
}
