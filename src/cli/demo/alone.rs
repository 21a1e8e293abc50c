//! `namens demo --digid-for FILE`: DigiD alone, for an installation on this machine that others test (docs/conformance.md).

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use super::{DemoError, stand::people};
use crate::{
    app::digid::service_provider,
    cli::serve::told_to_stop,
    clock::Clock,
    config::{BadConfig, Config},
    domain::{client::is_loopback, fault::Fault},
    simulator::{
        digid::{self, registry::SpMetadata},
        pki::Pki,
    },
};

/// Where browsers come, and the back channel.
const PORTS: [u16; 2] = [8081, 8444];

/// Makes what `[digid]` of the configuration names (keys and certificates in `pki`, DigiD's metadata), and is that DigiD until
/// told to stop. What is there already is used again, but for the metadata.
///
/// Errors, among others: an issuer that is not this machine. Whoever reaches that one would log in by a DigiD that asks for no
/// password, as anybody in its registry.
pub(super) async fn run(file: &Path, any_port: bool, out: &mut impl Write) -> Result<(), Fault> {
    let config = Config::read(file)?;
    if !is_loopback(&config.issuer) {
        return Err(DemoError::NotHere(config.issuer).into());
    }
    let section = config.digid.as_ref().ok_or_else(|| {
        BadConfig::value("the configuration has no [digid] section: take that of docs/conformance.md")
    })?;
    let bind = |port: u16| {
        let port = if any_port { 0 } else { port };
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| DemoError::Port { port, source })
    };
    let [front, back] = PORTS.map(bind);
    let (front, back) = (front?, back?);
    let base_url = format!("http://{}", front.local_addr()?);
    let there = digid::Config {
        entity_id: section.metadata_entity_id.clone(),
        base_url: base_url.clone(),
        pki: Pki::create(&config.path(Path::new("pki"))).map_err(DemoError::from)?,
        // Nobody logs in at the first.
        sp: SpMetadata::Url(base_url.parse()?),
        people: people(),
    };
    // Our metadata cannot be written without DigiD's.
    let first = digid::start(there.clone(), front.try_clone()?, back.try_clone()?)?;
    let metadata = reqwest::get(format!("{base_url}/metadata")).await.map_err(DemoError::from)?;
    let metadata = metadata.text().await.map_err(DemoError::from)?;
    first.stop().await;
    fs::write(config.path(&section.metadata), metadata)?;
    let ours = service_provider(&config, section, Clock.now())?.metadata(Clock.now()).to_string();
    let running = digid::start(digid::Config { sp: SpMetadata::Text(ours), ..there }, front, back)?;
    let stop = told_to_stop()?;
    writeln!(out, "DigiD, a simulator, is at {base_url}: start `namens serve` now. Stop: Ctrl-C")?;
    out.flush()?;
    stop.await;
    running.stop().await;
    Ok(())
}
