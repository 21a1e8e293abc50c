//! Mail over SMTP (RFC 5321), encrypted always.
//!
//! One connection a mail, driven here and not by lettre's pool: the pool takes a connection back that was given up in the
//! middle of an answer, and the next mail would then be judged by the last one's reply.

use std::{fs, path::Path, time::Duration};

use lettre::{
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
    },
};
use tokio::time::timeout;

use super::transport::BadMail;
use crate::config::{Smtp as Section, SmtpTls};

/// How long one try may take, from the connection to the server's last word.
const TRY: Duration = Duration::from_secs(10);
/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A mail server.
pub(super) struct Smtp {
    host: String,
    port: u16,
    mode: SmtpTls,
    tls: TlsParameters,
    login: Option<Credentials>,
    hello: ClientId,
}

/// Why a try failed. Without the server's words, which often repeat the address.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSent {
    /// Nothing will make this mail pass.
    #[error("the mail server refuses it for good ({0})")]
    Never(String),
    /// It may pass later.
    #[error("{0}")]
    Later(String),
}

impl Smtp {
    /// Reads certificate and password; connects to nothing yet. Relative paths start at `folder`.
    pub(super) fn new(section: &Section, folder: &Path) -> Result<Self, BadMail> {
        let login = match (&section.user, &section.password) {
            (Some(user), Some(password)) => {
                let password = password.read("[mail.smtp] password", folder);
                let password = password.map_err(|why| BadMail(why.to_string()))?;
                Some(Credentials::new(user.clone(), password.expose().to_owned()))
            }
            _ => None,
        };
        let port = section.port.unwrap_or(match section.tls {
            SmtpTls::Starttls => 587,
            SmtpTls::Tls => 465,
        });
        Ok(Self {
            host: section.host.clone(),
            port,
            mode: section.tls,
            tls: tls(section, folder)?,
            login,
            hello: ClientId::default(),
        })
    }

    /// Tries once to hand a mail over. Giving up closes the connection.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), NotSent> {
        let one_try = async {
            let mut connection = self.connect().await?;
            connection.send(envelope, mail).await?;
            Ok(connection)
        };
        let connection = finish(one_try).await?;
        say_goodbye(connection).await;
        Ok(())
    }

    /// Whether the server can be reached, encrypted, and knows us.
    pub(super) async fn check(&self) -> Result<(), NotSent> {
        let connection = finish(self.connect()).await?;
        say_goodbye(connection).await;
        Ok(())
    }

    /// Host and port, as an operator writes them.
    pub(super) fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let (server, hello) = ((self.host.as_str(), self.port), &self.hello);
        let mut connection = match self.mode {
            SmtpTls::Tls => {
                let tls = Some(self.tls.clone());
                AsyncSmtpConnection::connect_tokio1(server, Some(TRY), hello, tls, None).await?
            }
            SmtpTls::Starttls => {
                let mut plain =
                    AsyncSmtpConnection::connect_tokio1(server, Some(TRY), hello, None, None).await?;
                // Fails when the server does not offer it: nothing of ours goes in the clear.
                plain.starttls(self.tls.clone(), hello).await?;
                plain
            }
        };
        if let Some(login) = &self.login {
            connection.auth(DEFAULT_MECHANISMS, login).await?;
        }
        Ok(connection)
    }
}

async fn finish<T>(one_try: impl Future<Output = Result<T, Error>>) -> Result<T, NotSent> {
    match timeout(TRY, one_try).await {
        Ok(result) => result.map_err(|error| NotSent::from(&error)),
        Err(_) => Err(NotSent::Later(format!("the mail server gave no answer in {} seconds", TRY.as_secs()))),
    }
}

/// The mail is handed over: whatever comes of this changes nothing.
async fn say_goodbye(mut connection: AsyncSmtpConnection) {
    let _ = timeout(GOODBYE, connection.quit()).await;
}

impl From<&Error> for NotSent {
    fn from(error: &Error) -> Self {
        match error.status() {
            Some(code) if error.is_permanent() => Self::Never(format!("status {code}")),
            Some(code) => Self::Later(format!("the mail server answered with status {code}")),
            // What lettre itself says, such as "STARTTLS is not supported on this server".
            None if error.is_client() => Self::Never(error.to_string()),
            None => Self::Later(error.to_string()),
        }
    }
}

fn tls(section: &Section, folder: &Path) -> Result<TlsParameters, BadMail> {
    let mut tls = TlsParameters::builder(section.host.clone());
    if let Some(ca) = &section.ca {
        let path = folder.join(ca);
        let unusable = |why: &dyn std::fmt::Display| {
            BadMail(format!("[mail.smtp]: cannot use the certificate in {}: {why}", path.display()))
        };
        let pem = fs::read(&path).map_err(|why| unusable(&why))?;
        if !pem.windows(27).any(|part| part == b"-----BEGIN CERTIFICATE-----") {
            return Err(unusable(&"it holds no PEM certificate"));
        }
        let authority = Certificate::from_pem(&pem).map_err(|why| unusable(&why))?;
        // Its own authority takes the place of the public ones: nobody else may vouch for this server.
        tls = tls.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    tls.build_rustls().map_err(|why| BadMail(format!("[mail.smtp]: {} cannot be used: {why}", section.host)))
}
