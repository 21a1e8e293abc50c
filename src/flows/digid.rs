//! DigiD (F7, F8): away with a signed request, back with an artifact that only this browser's login can use, once. A parent
//! may be asked there for which child they log in (M14).

use std::net::IpAddr;

use super::{
    Held, Next, Over, Refused, Stop,
    finish::may_enter,
    logins,
    logout::sign_out_unproven,
    representation::{authority, counts, offers_child, refuse},
    stray::{Stray, note},
};
use crate::{
    app::{App, knocks::Knock},
    domain::{
        fault::Fault,
        id::PersonId,
        login::{AsksDigid, AtDigid, Choose, Login, Notice, RecoverDigid, SentRequest, Step, Unknown},
        proof::{Digid, Proof},
        representation::NotRepresented,
        session::Session,
        time::Timestamp,
    },
    lane::Turn,
    observe::{self, Asking},
    saml::{Artifact, Expected, Failure, Outgoing, RequestError, ServiceProvider, Verified, Wish},
    store::{accounts::Account, audit::Event},
};

/// How long a used artifact or assertion is remembered: longer than either can be accepted.
const REMEMBER: i64 = 3600;
/// What is said of an artifact that came a second time.
const USED: &str = "it was used before";

/// Off to DigiD, to log in or to show that a forgotten password is one's own.
pub async fn depart<P: AsksDigid>(app: &App, held: Held<P>, now: Timestamp) -> Result<Outgoing, Stop>
where
    AtDigid<P>: Into<Step> + Clone,
{
    let (required, force_authn) = P::wanted(&held.login.ask);
    send(app, held, Wish { required, force_authn, representation: false }, now).await
}

/// Off to DigiD as a parent, who is asked there for which child: at the level that acting for someone needs (M7), and
/// only where it is offered.
pub async fn depart_for_child(app: &App, held: Held<Choose>, now: Timestamp) -> Result<Outgoing, Stop> {
    if !offers_child(app, &held.login.ask) {
        return Err(Stop::Elsewhere(held.login.id));
    }
    let (level, force_authn) = Choose::wanted(&held.login.ask);
    let required = level.max(app.config.mandate_level);
    send(app, held, Wish { required, force_authn, representation: true }, now).await
}

async fn send<P: AsksDigid>(app: &App, held: Held<P>, wish: Wish, now: Timestamp) -> Result<Outgoing, Stop>
where
    AtDigid<P>: Into<Step> + Clone,
{
    // The pages offer it only where there is one.
    let Some(digid) = &app.digid else { return Err(Stop::Elsewhere(held.login.id)) };
    // The login's id is the RelayState: opaque, under 80 bytes, and worth nothing without the browser's cookie.
    let outgoing = match digid.current().request(wish, held.login.id.as_str(), now).await {
        Ok(outgoing) => outgoing,
        Err(error) => return Err(not_asked(app, &held.login, error, now).await),
    };
    let Wish { required, force_authn: forced, representation } = wish;
    let sent = SentRequest { id: outgoing.id.clone(), at: now, required, forced, representation };
    logins::save(app, held.to(|login| login.to_digid(sent))).await?;
    Ok(outgoing)
}

/// What became of a request that was not made. Whoever presses again and again makes a bounded number of lines.
async fn not_asked<S>(app: &App, login: &Login<S>, error: RequestError, now: Timestamp) -> Stop {
    match error {
        RequestError::Failed(Failure::Busy) => {
            observe::digid_busy(Asking::Request);
            Stop::Busy
        }
        RequestError::Failed(failure) => {
            // Counted apart: who brings us what is no answer must not keep the operator from hearing of this.
            if app.digid_not_asked.count(now) == Knock::Untold {
                observe::login("digid", failure.audit_code());
                return Stop::DigidNotAsked(login.id.clone(), failure);
            }
            match tell(app, login, failure, now).await {
                Ok(()) => Stop::DigidNotAsked(login.id.clone(), failure),
                Err(fault) => Stop::Fault(fault),
            }
        }
        other => Stop::Fault(other.into()),
    }
}

/// Back here without an answer: the user came back with the browser's button, or tries again.
pub async fn come_back(app: &App, held: Held) -> Result<(), Stop> {
    match held.at::<AtDigid<Choose>>() {
        Ok(held) => logins::save(app, held.to(|login| login.back(None))).await.map(drop),
        Err(held) => {
            let held = held.at::<AtDigid<RecoverDigid>>()?;
            logins::save(app, held.to(|login| login.back(None))).await.map(drop)
        }
    }
}

fn service_provider(app: &App) -> Result<ServiceProvider, Fault> {
    let digid = app.digid.as_ref().ok_or_else(|| Fault::because("DigiD is not configured"))?;
    Ok(digid.current())
}

/// Waits for one's turn with what DigiD proves: to be held until the answer is ready, and handed to [`arrive`].
pub async fn turn(app: &App) -> Result<Turn, Fault> {
    Ok(service_provider(app)?.turn().await)
}

/// Takes an artifact for a login of this browser that is away to DigiD. Artifact and assertion are each spent once, whatever
/// arrives at the same time.
///
/// Whoever comes back with nothing that leads on into the login is nobody we know: the `session` that the browser has ends,
/// whatever the reason (DigiD 3.7, step 8), so that its end tells of none (M9). A login that is not away ends nothing, and neither
/// does what another request is first with, or a fault of ours.
pub async fn arrive(
    app: &App,
    held: Held,
    brought: (&str, Option<IpAddr>),
    turn: &mut Turn,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Next, Refused<Failure>> {
    let client = held.login.ask.client_id.clone();
    let (was_away, arrived) = match held.at::<AtDigid<Choose>>() {
        Ok(held) => (true, to_log_in(app, held, brought, turn, now).await),
        Err(held) => match held.at::<AtDigid<RecoverDigid>>() {
            Ok(held) => (true, to_recover(app, held, brought, turn, now).await),
            Err(held) => (false, Err(Stop::from(held).into())),
        },
    };
    if let Err(Refused::Stopped(Stop::Elsewhere(_))) = &arrived {
        note(app, Stray::Elsewhere, Some(&client), now).await;
    }
    // What another request decides, or what was ours to do and failed, says nothing of who sits there.
    let undecided = matches!(
        arrived,
        Err(Refused::Because(Failure::ArtifactGone(USED) | Failure::Busy | Failure::Broken(_))
            | Refused::Stopped(Stop::Busy | Stop::Fault(_)))
    );
    if was_away && !undecided && !matches!(arrived, Ok(Next::In(_) | Next::Page(_))) {
        sign_out_unproven(app, session, now).await?;
    }
    arrived
}

async fn to_log_in(
    app: &App,
    held: Held<AtDigid<Choose>>,
    brought: (&str, Option<IpAddr>),
    turn: &mut Turn,
    now: Timestamp,
) -> Result<Next, Refused<Failure>> {
    match prove(app, &held.login, brought, turn, now).await {
        Ok(proof) => log_in(app, held, proof, now).await,
        Err(refused) => without_answer(app, held, refused, now).await,
    }
}

async fn to_recover(
    app: &App,
    held: Held<AtDigid<RecoverDigid>>,
    brought: (&str, Option<IpAddr>),
    turn: &mut Turn,
    now: Timestamp,
) -> Result<Next, Refused<Failure>> {
    match prove(app, &held.login, brought, turn, now).await {
        Ok(proof) => recover(app, held, &proof, now).await,
        Err(refused) => without_answer(app, held, refused, now).await,
    }
}

/// Why there is no proof.
enum NoProof {
    /// The artifact was used before, or the request has had an answer. Another request was first with it, perhaps this very one before a reload: its login is
    /// not ours to end (`docs/adr/0007`).
    Used,
    /// The user was to say for which child, and named nobody. They log in for themselves only when they say so: nobody may
    /// take their own record for their child's.
    NobodyChosen,
    /// Nobody here has the child's BSN. Who logged in, if they are known.
    UnknownChild(Option<PersonId>),
    Failed(Failure),
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for NoProof {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

/// Spends the artifact and the request, exchanges the one for the answer to the other, and spends the assertion.
async fn prove<P>(
    app: &App,
    login: &Login<AtDigid<P>>,
    (artifact, address): (&str, Option<IpAddr>),
    turn: &mut Turn,
    now: Timestamp,
) -> Result<Proof<Digid>, NoProof> {
    let sp = service_provider(app)?;
    let parsed = Artifact::parse(artifact, &sp).map_err(NoProof::Failed)?;
    if !app.store.spend_artifact(artifact, now.plus(REMEMBER)).await? {
        return Err(NoProof::Used);
    }
    // One answer a request: whoever brings many made-up artifacts at once makes us ask DigiD about one of them.
    let sent = &login.step.sent;
    if !app.store.spend_request(&sent.id, now.plus(REMEMBER)).await? {
        return Err(NoProof::Used);
    }
    let expected = Expected {
        request_id: sent.id.clone(),
        required: sent.required,
        force_authn: sent.forced,
        representation: sent.representation,
        asked_at: sent.at,
    };
    let verified = sp.resolve(parsed, &expected, turn, now).await.map_err(NoProof::Failed)?;
    if !app.store.spend_assertion(verified.assertion_id(), now.plus(REMEMBER)).await? {
        return Err(NoProof::Failed(Failure::Hostile("an assertion that was used before")));
    }
    note_address(&verified, address);
    let authority = match verified.legal() {
        Some(legal) => {
            let Some(authority) = authority(&app.store, legal).await? else {
                let parent = app.store.person_by_bsn(verified.bsn()).await?;
                return Err(NoProof::UnknownChild(parent.map(|person| person.id)));
            };
            Some(authority)
        }
        None if sent.representation => return Err(NoProof::NobodyChosen),
        None => None,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "after every check of the assertion, and after it was spent"
    )]
    Ok(Proof::attest(
        Digid {
            bsn: verified.bsn().clone(),
            level: verified.level(),
            session: verified.session_index().map(str::to_owned),
            authority,
        },
        // DigiD's clock may be ahead of ours; nobody has logged in later than now.
        verified.authn_instant().min(now),
    ))
}

/// The account that this DigiD opens. A child known to be under twelve has no session of its own (M13).
async fn owned<P>(
    app: &App,
    login: &Login<AtDigid<P>>,
    proof: &Proof<Digid>,
    now: Timestamp,
) -> Result<Option<Account>, Stop> {
    let Some(person) = app.store.person_by_bsn(&proof.of().bsn).await? else { return Ok(None) };
    if !may_enter(&app.store, &person.id, now).await? {
        logins::end(app, login, now).await?;
        audit(app, login, "too_young", now).await?;
        return Err(Over::TooYoung.into());
    }
    Ok(app.store.account_of_person(&person.id).await?.filter(Account::has_digid))
}

async fn log_in(
    app: &App,
    held: Held<AtDigid<Choose>>,
    proof: Proof<Digid>,
    now: Timestamp,
) -> Result<Next, Refused<Failure>> {
    if let Some(account) = owned(app, &held.login, &proof, now).await? {
        let held = held.to(|login| login.known(proof, account.opening(), account.person));
        return Ok(Next::In(logins::save(app, held).await?));
    }
    // Whether a known user may act for the child, the end of the login asks. Who has no account yet is told before they
    // make one in vain.
    if let Some(authority) = &proof.of().authority {
        let parent = app.store.person_by_bsn(&proof.of().bsn).await?.map(|person| person.id);
        if let Err(why) = counts(&app.store, authority, parent.as_ref(), now).await? {
            let child = Some(&authority.child);
            return Err(refuse(app, &held.login, (parent.as_ref(), child), why, now).await?.into());
        }
    }
    audit(app, &held.login, "unknown", now).await?;
    let (login, version) = held.open();
    let id = login.id.clone();
    match login.unknown(proof, now) {
        Unknown::Asked(login) => logins::save(app, version.hold(login)).await.map(drop)?,
        // By its password and code as always (F9).
        Unknown::HasAccount(login) => logins::save(app, version.hold(login)).await.map(drop)?,
    }
    Ok(Next::Page(id))
}

async fn recover(
    app: &App,
    held: Held<AtDigid<RecoverDigid>>,
    proof: &Proof<Digid>,
    now: Timestamp,
) -> Result<Next, Refused<Failure>> {
    let account = owned(app, &held.login, proof, now).await?;
    if account.is_none_or(|account| account.opening() != *held.login.opening()) {
        logins::end(app, &held.login, now).await?;
        audit(app, &held.login, "another_person", now).await?;
        return Err(Over::AnotherDigid.into());
    }
    let held = logins::save(app, held.to(Login::<AtDigid<RecoverDigid>>::recovered)).await?;
    Ok(Next::Page(held.login.id))
}

/// A refusal leaves no trace but an audit line without a BSN. A login that may be tried again stays; one that was
/// attacked, or that came in too low, is over.
async fn without_answer<P>(
    app: &App,
    held: Held<AtDigid<P>>,
    refused: NoProof,
    now: Timestamp,
) -> Result<Next, Refused<Failure>>
where
    P: AsksDigid + Into<Step> + Clone,
{
    let failure = match refused {
        NoProof::Fault(fault) => return Err(fault.into()),
        NoProof::Used => {
            // Its login goes on, so it can be brought again without end.
            note(app, Stray::Used, Some(&held.login.ask.client_id), now).await;
            return Err(Refused::Because(Failure::ArtifactGone(USED)));
        }
        NoProof::NobodyChosen => {
            audit(app, &held.login, "nobody_chosen", now).await?;
            let held = logins::save(app, held.to(|login| login.unproven(Some(Notice::NobodyChosen)))).await?;
            return Ok(Next::Back(held.login.id));
        }
        NoProof::UnknownChild(parent) => {
            let people = (parent.as_ref(), None);
            return Err(refuse(app, &held.login, people, NotRepresented::AskTheDesk, now).await?.into());
        }
        NoProof::Failed(failure) => failure,
    };
    tell(app, &held.login, failure, now).await?;
    match failure {
        Failure::LevelTooLow => {
            logins::end(app, &held.login, now).await?;
            Err(Over::LevelTooLow(held.login.step.sent.required).into())
        }
        Failure::Hostile(_) | Failure::BadArtifact(_) => {
            logins::end(app, &held.login, now).await?;
            Err(Refused::Because(failure))
        }
        Failure::Cancelled => {
            let held =
                logins::save(app, held.to(|login| login.unproven(Some(Notice::DigidCancelled)))).await?;
            Ok(Next::Back(held.login.id))
        }
        // Ours: the browser's session stays, and may still be worth more.
        Failure::Busy | Failure::Broken(_) => {
            logins::save(app, held.to(|login| login.back(None))).await?;
            Err(Refused::Because(failure))
        }
        Failure::ServiceRefused(_) | Failure::ArtifactGone(_) | Failure::Unreachable(_) => {
            logins::save(app, held.to(|login| login.unproven(None))).await?;
            Err(Refused::Because(failure))
        }
    }
}

/// Tells the operator and the audit log why a login with DigiD did not succeed.
async fn tell<S>(app: &App, login: &Login<S>, failure: Failure, now: Timestamp) -> Result<(), Fault> {
    let (outcome, detail) = (failure.audit_code(), failure.reason());
    let client = Some(login.ask.client_id.as_str());
    app.store
        .audit(&Event { event: "login.digid", outcome, client, detail, ..Event::default() }, now)
        .await?;
    tracing::warn!(code = outcome, %failure, "DigiD login refused");
    observe::login("digid", outcome);
    Ok(())
}

async fn audit<S>(app: &App, login: &Login<S>, outcome: &str, now: Timestamp) -> Result<(), Fault> {
    let client = Some(login.ask.client_id.as_str());
    app.store.audit(&Event { event: "login.digid", outcome, client, ..Event::default() }, now).await
}

/// DigiD tells the address it saw. Another one is no reason to refuse (families have several), but worth a line.
fn note_address(verified: &Verified, ours: Option<IpAddr>) {
    if let (Some(theirs), Some(ours)) = (verified.address(), ours)
        && theirs != ours
    {
        tracing::info!("DigiD and we saw different addresses for one login");
    }
}
