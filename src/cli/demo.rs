//! `namens demo`: DigiD, a portal, a mailbox and Namens itself in one process, on this machine only, with a small family
//! in it. `--walk` drives a whole login through the doors that a browser uses, and stops at the first that is wrong.
//!
//! | file | what it does |
//! |---|---|
//! | `stand` | ports, folder, configuration; starts and stops everything |
//! | `seed` | registers the family, by the functions that the desk uses |
//! | `alone` | DigiD and nothing else, for an installation that others test |
//! | `desk` | what the desk does during the walk |
//! | `story`, `refusals` | the walk, hop by hop |
//! | `told` | what the portal was told, and whether it is right |

use std::{
    env::{current_dir, current_exe},
    io::{IsTerminal, Write, stdout},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use url::Url;

use crate::{
    cli::serve::told_to_stop,
    clock::Clock,
    domain::{fault::Fault, id::random},
    simulator::{
        SimulatorError,
        family::{ANNA_EMAIL, ANNA_PASSWORD, EVERYBODY, PORTAL},
        walk::{Halt, tell::Tell},
    },
};
use seed::Household;
use stand::{Doors, Folder, Stand};

mod alone;
mod desk;
mod refusals;
mod seed;
mod stand;
mod story;
mod told;

/// Try Namens on this machine: DigiD, a portal and a mailbox of our own making, and a small family
#[derive(Debug, Args)]
pub struct DemoCommand {
    /// Drive a whole login by program, print each hop and the ID token, and exit with 0 only if all went as it should
    #[arg(long)]
    walk: bool,
    /// Spoil one hop of the walk: it must stop there, with an exit code that is not 0
    #[arg(long = "break", value_name = "HOP", requires = "walk")]
    spoilt: Option<Spoilt>,
    /// Have the walk's ID token verified by this program as well: it gets the address of the key set, the issuer and the
    /// client, and the token on its standard input; it exits with 0 only if the token is genuine, within a minute
    #[arg(long, value_name = "PROGRAM", requires = "walk")]
    verify: Option<PathBuf>,
    /// Use free ports instead of 8080 to 8083 and 8443; the folder is var/demo-PORT then
    #[arg(long)]
    any_port: bool,
    /// Go on with what an earlier demo left in var/demo
    #[arg(long, conflicts_with_all = ["walk", "any_port"])]
    keep: bool,
    /// DigiD alone, at ports 8081 and 8444, for an installation of your own on this machine: for tests of others
    #[arg(long, value_name = "FILE", conflicts_with_all = ["walk", "keep"])]
    digid_for: Option<PathBuf>,
    /// The option of the other commands: a demo makes its own configuration
    #[arg(long, hide = true)]
    config: Option<PathBuf>,
}

/// A hop that is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Spoilt {
    /// The artifact is changed on its way through the browser
    Artifact,
    /// Namens shows DigiD's back channel a certificate of a stranger
    Mtls,
    /// A wrong code is typed
    Code,
    /// A wrong password is typed to link DigiD
    Link,
}

impl Spoilt {
    /// The word after `--break`.
    const fn word(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Mtls => "mtls",
            Self::Code => "code",
            Self::Link => "link",
        }
    }

    /// How the hop begins and where its path ends at which it must be noticed.
    const fn hop(self) -> (&'static str, &'static str) {
        match self {
            Self::Artifact | Self::Mtls => ("GET /digid/acs?", ""),
            Self::Code => ("POST /login/", "/code"),
            Self::Link => ("POST /login/", "/link"),
        }
    }

    /// Whether the walk stopped where it should.
    fn stopped_there(self, halt: &Halt) -> bool {
        let (start, end) = self.hop();
        let Halt::Differs { hop, .. } = halt else { return false };
        hop.split(" →").next().is_some_and(|asked| asked.starts_with(start) && asked.ends_with(end))
    }
}

/// Why a demo does not start, or a walk did not end well.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("port {port} cannot be used; stop what listens there, or use --any-port")]
    Port { port: u16, source: std::io::Error },
    #[error("{0} was not made by `namens demo`: move it away first")]
    NotOurs(PathBuf),
    #[error(
        "{0} is not this machine: at this DigiD anybody logs in as anybody, so it is only for an issuer at 127.0.0.1, [::1] or localhost"
    )]
    NotHere(Url),
    #[error("{what}")]
    Io { what: String, source: std::io::Error },
    #[error("the DigiD simulator tells no metadata: {0}")]
    Metadata(#[from] reqwest::Error),
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    #[error("the walk {halt}.\nThe log of this walk is {log}")]
    Walk { halt: Halt, log: String },
    #[error("the walk {halt}.\nThat is right: --break {word} spoilt this very hop")]
    Broken { halt: Halt, word: &'static str },
    #[error(
        "--break {word} spoilt another hop than this one, yet the walk {halt}.\nThe log of this walk is {log}"
    )]
    BrokenElsewhere { halt: Halt, word: &'static str, log: String },
    #[error("the walk was spoilt by --break, and nothing noticed: every hop passed")]
    Unnoticed,
    #[error("Namens stopped serving: see the log in {0}")]
    Stopped(String),
}

impl DemoError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl DemoCommand {
    /// Runs the demo until Ctrl-C, or the walk to its end.
    pub async fn run(self, out: &mut impl Write) -> Result<(), Fault> {
        if let Some(file) = self.digid_for {
            alone::run(&file, self.any_port, out).await
        } else if self.walk {
            walk(self.spoilt, self.verify.as_deref(), out).await
        } else {
            demo(self.any_port, self.keep, out).await
        }
    }
}

async fn demo(any_port: bool, keep: bool, out: &mut impl Write) -> Result<(), Fault> {
    let doors = Doors::open(any_port)?;
    let name = if any_port { format!("demo-{}", doors.port()?) } else { "demo".to_owned() };
    let folder = Folder::prepare(&Path::new("var").join(name), keep)?;
    writeln!(out, "Making keys, certificates, a database and a family in {} …", folder.path().display())?;
    out.flush()?;
    let mut stand = Stand::start(doors, &folder, None).await?;
    let household = if folder.is_kept() { None } else { Some(seed::seed(&stand.app, Clock.now()).await?) };
    let stop = told_to_stop()?;
    welcome(out, &stand, &folder, household.as_ref())?;
    tokio::select! {
        () = stop => {}
        () = stand.ended() => return Err(DemoError::Stopped(folder.log().display().to_string()).into()),
    }
    writeln!(out, "\nStopped. What was made is in {}.", folder.path().display())?;
    stand.stop().await;
    Ok(())
}

async fn walk(spoilt: Option<Spoilt>, verify: Option<&Path>, out: &mut impl Write) -> Result<(), Fault> {
    let doors = Doors::open(true)?;
    let folder = Folder::prepare(&Path::new("var").join(format!("walk-{}", random::<6>())), false)?;
    writeln!(out, "A login from door to door: what a browser would do, one hop a line.")?;
    writeln!(out, "Ids are shortened; codes, tokens and BSNs are never printed.")?;
    out.flush()?;
    let stand = Stand::start(doors, &folder, spoilt).await?;
    let household = seed::seed(&stand.app, Clock.now()).await?;
    let outcome = {
        let mut tell = Tell::new(out, stdout().is_terminal(), stand.at.houses());
        story::tell(&stand, household, spoilt, verify, &mut tell).await
    };
    stand.stop().await;
    let log = folder.log().display().to_string();
    match (outcome, spoilt) {
        (Ok(()), None) => Ok(folder.remove()?),
        (Ok(()), Some(_)) => Err(DemoError::Unnoticed.into()),
        (Err(story::Stop::Halt(halt)), None) => Err(DemoError::Walk { halt, log }.into()),
        (Err(story::Stop::Halt(halt)), Some(spoilt)) if spoilt.stopped_there(&halt) => {
            folder.remove()?;
            Err(DemoError::Broken { halt, word: spoilt.word() }.into())
        }
        (Err(story::Stop::Halt(halt)), Some(spoilt)) => {
            Err(DemoError::BrokenElsewhere { halt, word: spoilt.word(), log }.into())
        }
        (Err(story::Stop::Fault(fault)), _) => Err(fault),
    }
}

/// What somebody who started the demo wants to know.
fn welcome(
    out: &mut impl Write,
    stand: &Stand,
    folder: &Folder,
    household: Option<&Household>,
) -> std::io::Result<()> {
    let at = &stand.at;
    let row = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    writeln!(out, "\nNamens runs, for this machine only. Everybody in it is invented.\n")?;
    writeln!(out, "  begin here   {:<24} {PORTAL}, a portal", row(&at.portal))?;
    writeln!(out, "  mail         {:<24} every letter arrives here, with its code", row(&at.mailbox))?;
    writeln!(out, "  Namens       {:<24} …/.well-known/openid-configuration", row(&at.namens))?;
    writeln!(
        out,
        "  DigiD        {:<24} a simulator; its back channel is {}\n",
        row(&at.digid),
        row(&at.soap)
    )?;
    writeln!(out, "  who             age  DigiD      what happens")?;
    for member in EVERYBODY {
        writeln!(out, "  {:<15} {:>3}  {}  {}", member.name, member.age, member.bsn, member.part)?;
    }
    writeln!(out, "\n  Anna has an account already: {ANNA_EMAIL}, password “{ANNA_PASSWORD}”.")?;
    writeln!(out, "  Log in as Anna with DigiD, answer “Ik heb een account”, and see for whom she may act.")?;
    let namens = format!("{} --config {}", program().display(), folder.config().display());
    writeln!(out, "\n  At the desk:  {namens} persons list --by balie")?;
    if let Some(Household { noors_mandate, .. }) = household {
        let rest = "--party represented --attested-by 'balie 2'";
        writeln!(out, "  Noor agrees:  {namens} \\")?;
        writeln!(out, "                  mandates consent {noors_mandate} {rest}")?;
    }
    writeln!(out, "  Data and log: {}", folder.path().display())?;
    writeln!(out, "  Stop:         Ctrl-C\n")?;
    out.flush()
}

/// This program as one types it from here: who tries the demo has rarely installed it.
fn program() -> PathBuf {
    let (Ok(program), Ok(here)) = (current_exe(), current_dir()) else { return "namens".into() };
    program.strip_prefix(here).map_or(program.clone(), |below| Path::new(".").join(below))
}

#[cfg(test)]
mod tests;
