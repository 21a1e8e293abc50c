//! Calls to addresses that a client's registration names (A14). Whoever registers one must not make Namens speak to a machine
//! that only Namens reaches: what a name means is asked once a call, the addresses are judged, and the connection goes to one of
//! those and to no other. No redirects, no proxies of the environment; time and size have bounds.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder, RequestBuilder, Response, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE},
    redirect,
};
use rustls::ClientConfig;
use rustls_platform_verifier::Verifier;
use url::Url;

pub use self::provider::provider;
use self::{given::Given, provider::speaking};
use crate::domain::reach::{OutOfReach, Reach};

mod given;
mod provider;

const CONNECT: Duration = Duration::from_secs(5);
/// For a whole call, from the look-up of the name to the last byte of the answer.
const TOTAL: Duration = Duration::from_secs(10);
/// The most that is read of an answer, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Makes the calls. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    caller: Caller,
    reach: Reach,
}

/// What calls.
#[derive(Clone)]
enum Caller {
    /// This system has no certificate authorities. Nobody may ever need them.
    None,
    /// One for all calls.
    All(Client),
    /// A new one for each, where the operator gave certificates: what is trusted depends on where a call's name leads.
    Each(Arc<dyn Fn() -> Result<Client, BadRoots> + Send + Sync>),
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status; a redirect is an answer like any other.
    pub status: StatusCode,
    /// Its `Cache-Control`, where it has one in visible ASCII.
    pub cache_control: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCalled {
    /// Nothing was sent.
    #[error("{0}")]
    OutOfReach(#[from] OutOfReach),
    /// No certificate could be checked.
    #[error("this system has no certificate authorities: install ca-certificates and start again")]
    NoRoots,
    /// It took too long.
    #[error("it did not answer in time")]
    Timeout,
    /// No name, no connection, no certificate, or no HTTP.
    #[error("it cannot be reached (name, network, TLS or certificate)")]
    Unreachable,
    /// It said more than anybody asked for.
    #[error("its answer is too large")]
    TooLarge,
}

impl NotCalled {
    /// The stable word for it in the audit log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OutOfReach(_) => "out_of_reach",
            Self::NoRoots => "no_roots",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::TooLarge => "too_large",
        }
    }
}

/// A file that holds no certificates.
#[derive(Debug, thiserror::Error)]
#[error("[outbound] extra_roots: {0}. Give files with certificates in PEM")]
pub struct BadRoots(String);

impl Outbound {
    /// Trusts the roots of the system and those in these PEM texts, and calls what `reach` has. At an address that `reach` names
    /// a server may also show one of those certificates as its own, whatever stands in it.
    pub fn new(roots: &[Vec<u8>], reach: Reach) -> Result<Self, BadRoots> {
        Self::with(roots, reach, look_up, TOTAL)
    }

    fn with<L, F>(roots: &[Vec<u8>], reach: Reach, lookup: L, total: Duration) -> Result<Self, BadRoots>
    where
        L: Fn(String) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let (lookup, judged) = (Arc::new(lookup), reach.clone());
        let client = move |named: Arc<AtomicBool>| {
            let guarded = Guarded { lookup: lookup.clone(), reach: judged.clone(), named };
            bounded(total).dns_resolver(Arc::new(guarded))
        };
        let Some(given) = Given::read(roots)? else {
            let all = usual().and_then(|tls| {
                let built = client(Arc::default()).tls_backend_preconfigured(tls).build();
                built.map_err(|error| BadRoots(error.to_string()))
            });
            let caller = all.map_or_else(
                |BadRoots(error)| {
                    tracing::warn!(%error, "no portal can be called: this system has no certificate authorities");
                    Caller::None
                },
                Caller::All,
            );
            return Ok(Self { caller, reach });
        };
        let named_by = reach.clone();
        let each = move || {
            let named = Arc::new(AtomicBool::new(false));
            let tls = given.tls(&named_by, named.clone())?;
            let built = client(named).tls_backend_preconfigured(tls).build();
            built.map_err(|error| BadRoots(error.to_string()))
        };
        // What cannot be used is said at the start.
        each()?;
        Ok(Self { caller: Caller::Each(Arc::new(each)), reach })
    }

    /// Gets a document of that media type.
    pub async fn get(&self, url: &Url, media: &'static str) -> Result<Answer, NotCalled> {
        self.call(url, |client| client.get(url.clone()).header(ACCEPT, media)).await
    }

    /// Posts a form that is encoded already.
    pub async fn post(&self, url: &Url, form: String) -> Result<Answer, NotCalled> {
        let media = "application/x-www-form-urlencoded";
        self.call(url, |client| client.post(url.clone()).header(CONTENT_TYPE, media).body(form)).await
    }

    /// Every way out: nothing is sent to an address that may not be called.
    async fn call(
        &self,
        url: &Url,
        request: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<Answer, NotCalled> {
        self.reach.check(url)?;
        let client = match &self.caller {
            Caller::None => return Err(NotCalled::NoRoots),
            Caller::All(client) => client.clone(),
            Caller::Each(make) => make().map_err(|_| NotCalled::NoRoots)?,
        };
        read(request(&client).send().await.map_err(|error| told(&error))?).await
    }
}

/// TLS by the roots of the system.
fn usual() -> Result<ClientConfig, BadRoots> {
    let provider = Arc::new(provider());
    let verifier = Verifier::new(provider.clone());
    let tls = verifier.and_then(|verifier| speaking(provider, Arc::new(verifier)));
    tls.map_err(|error| BadRoots(error.to_string()))
}

fn bounded(total: Duration) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        // Each call looks its name up anew.
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT)
        .timeout(total)
}

async fn read(mut response: Response) -> Result<Answer, NotCalled> {
    let (status, mut body) = (response.status(), Vec::new());
    let cache_control = response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let cache_control = cache_control.map(str::to_owned);
    while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(NotCalled::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, cache_control, body })
}

fn told(error: &reqwest::Error) -> NotCalled {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(why) = inner.downcast_ref::<OutOfReach>() {
            return NotCalled::OutOfReach(*why);
        }
        source = inner.source();
    }
    if error.is_timeout() { NotCalled::Timeout } else { NotCalled::Unreachable }
}

async fn look_up(host: String) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, 0)).await?.collect())
}

/// Gives the HTTP client only addresses that may be called. It knows no others, so that a name cannot mean something else
/// between the judgement and the connection.
struct Guarded<L> {
    lookup: Arc<L>,
    reach: Reach,
    /// Whether all that it gave last are addresses that the operator named.
    named: Arc<AtomicBool>,
}

impl<L, F> Resolve for Guarded<L>
where
    L: Fn(String) -> F + Send + Sync,
    F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
{
    fn resolve(&self, name: Name) -> Resolving {
        let (found, reach) = ((self.lookup)(name.as_str().to_owned()), self.reach.clone());
        let named = self.named.clone();
        Box::pin(async move {
            let mut found = found.await?;
            found.retain(|address| reach.has(address.ip()));
            if found.is_empty() {
                return Err(OutOfReach::Private.into());
            }
            named.store(found.iter().all(|address| reach.names(address.ip())), Ordering::SeqCst);
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
