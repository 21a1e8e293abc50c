//! How mail leaves. The page never waits for it: whether a mail went out, and how long that took, must not show (F4).

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lettre::{
    Address, Message,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0},
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use super::{
    folder::Folder,
    letters::Letter,
    smtp::{NotSent, Smtp},
};
use crate::{
    config,
    domain::{email::Email, id::random, time::Timestamp},
};

/// How many mails may be on their way at once. Beyond it a new one is refused.
const ROOM: u32 = 256;
/// How many connections to the mail server there are at most.
const LANES: usize = 8;
/// How much of the room, and of the connections, is for mails for which nobody waits: what the clock does comes in hundreds.
const DUE: (u32, usize) = (ROOM / 4, LANES / 2);
/// How long to wait before each new try. A code lives ten minutes, so there is no use in trying for hours.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// The last second that a `Date` header can hold: the end of the year 9999.
const LAST_DATE: i64 = 253_402_300_799;

/// The `[mail]` section cannot be used; says why and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadMail(pub(super) String);

/// Too many mails are on their way already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many mails are waiting to be sent: the mail server is slow or does not answer")]
pub struct QueueFull;

/// Sends mail in the background. Cheap to clone; all clones share one bound.
#[derive(Clone)]
pub struct Mailer(Arc<Inner>);

struct Inner {
    from: Mailbox,
    way: Way,
    /// A mail holds one of these until it is delivered or given up.
    room: Arc<Semaphore>,
    /// One that anybody can ask for holds one of these as well.
    unasked: Arc<Semaphore>,
    /// One for which nobody waits holds one of these as well, and at a try one of those.
    due: (Arc<Semaphore>, Semaphore),
    /// A try holds one of these; a mail that waits for its next try does not, and holds up no other.
    lanes: Semaphore,
    count: AtomicU64,
}

enum Way {
    Folder(Folder),
    Smtp(Box<Smtp>),
}

impl Mailer {
    /// Reads the section; connects to nothing yet. Relative paths start at `folder`. A mail folder is made if need be.
    pub fn new(section: &config::Mail, folder: &Path) -> Result<Self, BadMail> {
        let from: Mailbox = section.from.parse().map_err(|_| {
            BadMail(format!(
                "[mail] from: \"{}\" is no sender; write it as Name <address@example.nl>",
                section.from
            ))
        })?;
        let way = match (&section.smtp, &section.folder) {
            (Some(smtp), None) => Way::Smtp(Box::new(Smtp::new(smtp, folder)?)),
            (None, Some(path)) => {
                let path = folder.join(path);
                std::fs::create_dir_all(&path).map_err(|why| {
                    BadMail(format!("[mail] folder: cannot make {}: {why}", path.display()))
                })?;
                Way::Folder(Folder { path })
            }
            _ => return Err(BadMail("[mail]: give either folder or smtp, not both and not neither".into())),
        };
        let places = |count: u32| Arc::new(Semaphore::new(count as usize));
        let (room, unasked, lanes) = (places(ROOM), places(ROOM / 2), Semaphore::new(LANES));
        let due = (places(DUE.0), Semaphore::new(DUE.1));
        // After a restart, a mail of the same second still sorts behind those that are there.
        let count = AtomicU64::new(match &way {
            Way::Folder(folder) => folder.count(),
            Way::Smtp(_) => 0,
        });
        Ok(Self(Arc::new(Inner { from, way, room, unasked, due, lanes, count })))
    }

    /// Takes a mail and returns at once; what becomes of it is told to the log only.
    /// Must be called within a tokio runtime, as every handler is.
    pub fn send(&self, letter: Letter) -> Result<(), QueueFull> {
        self.take(letter, [&self.0.room], false)
    }

    /// The same for a mail that anybody can ask for. These get at most half of the room: the rest is left to people who log
    /// in, and to what must be told to the owner of an account.
    pub fn send_unasked(&self, letter: Letter) -> Result<(), QueueFull> {
        self.take(letter, [&self.0.unasked, &self.0.room], false)
    }

    /// The same for a mail that is due by the clock, and that is kept elsewhere until there is room: codes, and what must be told, never wait
    /// for these.
    pub fn send_due(&self, letter: Letter) -> Result<(), QueueFull> {
        self.take(letter, [&self.0.due.0, &self.0.room], true)
    }

    /// For how many of those there is room now.
    pub fn room_for_due(&self) -> usize {
        self.0.due.0.available_permits().min(self.0.room.available_permits())
    }

    /// The same for a mail that tells of what is done already. A full queue undoes nothing of that, and keeps nobody from the answer:
    /// the letter is dropped, and the log says so.
    pub fn tell(&self, letter: Letter) {
        let reference = letter.reference.clone();
        if self.send(letter).is_err() {
            tracing::warn!(reference, "the mail queue is full: a letter was dropped");
        }
    }

    fn take<const N: usize>(
        &self,
        letter: Letter,
        of: [&Arc<Semaphore>; N],
        is_due: bool,
    ) -> Result<(), QueueFull> {
        let places = of.into_iter().map(|of| Arc::clone(of).try_acquire_owned());
        let places = places.collect::<Result<Vec<_>, _>>().map_err(|_| QueueFull)?;
        let number = self.0.count.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(Arc::clone(&self.0).deliver(letter, (number, is_due), places));
        Ok(())
    }

    /// Takes no more mail, and waits at most `patience` for what is on its way. Tells whether all of it was finished.
    pub async fn drain(&self, patience: Duration) -> bool {
        let all = timeout(patience, self.0.room.acquire_many(ROOM)).await;
        self.0.room.close();
        all.is_ok()
    }

    /// For `namens doctor`: whether the folder can be written, or the mail server can be reached, encrypted, and
    /// takes our password. Sends nothing.
    pub async fn check(&self) -> Result<(), BadMail> {
        match &self.0.way {
            Way::Folder(folder) => folder
                .check()
                .await
                .map_err(|why| BadMail(format!("cannot write mail into {}: {why}", folder.path.display()))),
            Way::Smtp(smtp) => smtp.check().await.map_err(|why| {
                let server = smtp.server();
                BadMail(format!(
                    "[mail.smtp]: {server}: {why}. Check host, port, tls, user and password there"
                ))
            }),
        }
    }
}

impl Inner {
    async fn deliver(
        self: Arc<Self>,
        letter: Letter,
        (number, is_due): (u64, bool),
        _places: Vec<OwnedSemaphorePermit>,
    ) {
        let reference = letter.reference.as_str();
        let domain = ascii_domain(&letter.to);
        let Some(message) = self.message(&letter) else {
            tracing::error!(reference, domain, "this mail cannot be written; it is dropped");
            return;
        };
        let mail = message.formatted();
        for pause in PAUSES.into_iter().map(Some).chain([None]) {
            match (self.hand_over(letter.at, (number, is_due), &message, &mail).await, pause) {
                (Ok(()), _) => {
                    tracing::info!(reference, domain, "mail sent");
                    return;
                }
                (Err(NotSent::Later(why)), Some(pause)) => {
                    tracing::warn!(reference, domain, why, "mail not sent yet");
                    sleep(pause).await;
                }
                (Err(why), _) => {
                    tracing::error!(reference, domain, %why, "mail not sent; it is dropped");
                    return;
                }
            }
        }
    }

    async fn hand_over(
        &self,
        at: Timestamp,
        (number, is_due): (u64, bool),
        message: &Message,
        mail: &[u8],
    ) -> Result<(), NotSent> {
        let closed = |_| NotSent::Never("shutting down".into());
        let _of_due = if is_due { Some(self.due.1.acquire().await.map_err(closed)?) } else { None };
        let _lane = self.lanes.acquire().await.map_err(closed)?;
        match &self.way {
            Way::Smtp(smtp) => smtp.send(message.envelope(), mail).await,
            Way::Folder(folder) => {
                folder.write(at, number, mail.to_vec()).await.map_err(|why| NotSent::Later(why.to_string()))
            }
        }
    }

    /// The letter as RFC 5322 wants it. `None` for an address or a subject that no mail can carry.
    fn message(&self, letter: &Letter) -> Option<Message> {
        let (local, _) = letter.to.typed().rsplit_once('@')?;
        let to = Address::new(local, ascii_domain(&letter.to)).ok()?;
        let date = Timestamp::from_epoch(letter.at.epoch().clamp(0, LAST_DATE)).utc();
        // One id for all tries, so that a mail that arrives twice can be seen to be one.
        let id = format!("<{}@{}>", random::<16>(), self.from.email.domain());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject)
            .date(date.into())
            .message_id(Some(id))
            .raw_header(plain("Content-Language", letter.lang.code()))
            // RFC 3834, section 5: nobody's "I am on holiday" comes back.
            .raw_header(plain("Auto-Submitted", "auto-generated"))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .ok()
    }
}

/// The domain as mail servers know it: `bücher.nl` is `xn--bcher-kva.nl`.
fn ascii_domain(email: &Email) -> &str {
    email.key().rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// A header that lettre has no type for.
fn plain(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}
