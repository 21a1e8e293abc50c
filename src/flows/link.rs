//! "Ik heb een account" (F9): e-mail, password and the mailed code link DigiD to that account, once. A proof of each is
//! consumed, so a phished password plus an attacker's own DigiD is not enough. The password is [`super::email::enter`]'s.

use super::{Held, Next, Over, Refused, Stop, code, logins};
use crate::{
    app::App,
    domain::{
        code::{CodeFor, WrongCode},
        fault::Fault,
        lang::Lang,
        link::{NotLinked, may_link},
        login::{Coded, Linking, Login, Pair},
        secret::Secret,
        time::Timestamp,
    },
    mail::{Circumstances, letters},
    store::{accounts::Account, audit::Event},
};

/// Tries the code; when right, links: from now on either way opens the account.
pub async fn confirm(
    app: &App,
    held: Held<Coded<Linking>>,
    typed: &Secret,
    lang: Lang,
    now: Timestamp,
) -> Result<Next, Refused<WrongCode>> {
    let (to, reference) = (held.login.step.mailed.to.clone(), held.login.step.mailed.code.reference.clone());
    let held = code::enter(app, held, typed, now).await?;
    let about = code::circumstances(app, &held.login, &to, &reference, lang, now).await?;
    let opening = held.login.prove(now).of().opening.clone();
    if logins::still_open(app, &held.login, &opening, now).await?.app.is_some() {
        // An app that was set up since the code was mailed is not passed by.
        logins::end(app, &held.login, now).await?;
        audit_refusal(app, &held.login, None, "app_set_up", now).await?;
        return Err(Stop::Elsewhere(held.login.id).into());
    }
    Ok(proceed(app, held, &about, now).await?)
}

/// Links, once password and code are right, and tells the owner.
pub(super) async fn proceed(
    app: &App,
    held: Held<Linking>,
    about: &Circumstances,
    now: Timestamp,
) -> Result<Next, Stop> {
    let Some(pair) = held.login.pair(now) else {
        // The page took the address of one account only, which became another's meanwhile.
        logins::end(app, &held.login, now).await?;
        audit_refusal(app, &held.login, None, "other_account", now).await?;
        return Err(Stop::Elsewhere(held.login.id));
    };
    let local = pair.local().clone();
    let account = logins::still_open(app, &held.login, &local.of().opening, now).await?;
    if let Err(why) = join(app, &pair, now).await? {
        logins::end(app, &held.login, now).await?;
        audit_refusal(app, &held.login, Some(&account), why.as_str(), now).await?;
        app.mailer.tell(letters::link_refused(about));
        return Err(Over::from(why).into());
    }
    let held = logins::save(app, held.to(|login| login.linked(local, account.person))).await?;
    app.mailer.tell(letters::digid_linked(about));
    Ok(Next::Page(held.login.id))
}

/// Links, if dates of birth, BSNs and mandates allow that the account's person and DigiD's are one. Consumes a proof of each.
async fn join(app: &App, pair: &Pair<'_>, now: Timestamp) -> Result<Result<(), NotLinked>, Fault> {
    let allows = |owner, known| may_link(owner, known, now);
    app.store.link_digid(&pair.local().of().opening.account, &pair.digid().of().bsn, allows, now).await
}

/// A line without a BSN: who was to be linked, where that is certain, and why it was not.
async fn audit_refusal(
    app: &App,
    login: &Login<Linking>,
    account: Option<&Account>,
    why: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let actor = account.map(|account| account.person.as_str());
    let (client, event, detail) = (Some(login.ask.client_id.as_str()), code::event(CodeFor::Link), Some(why));
    let event = Event { event, outcome: "refused", actor, client, detail, ..Event::default() };
    app.store.audit(&event, now).await
}

impl From<NotLinked> for Over {
    fn from(why: NotLinked) -> Self {
        match why {
            NotLinked::ChildsDigid => Self::ChildsDigid,
            NotLinked::TooYoung => Self::TooYoung,
            NotLinked::ChildsAccount | NotLinked::BornApart | NotLinked::AnotherPerson => Self::NotLinked,
        }
    }
}
