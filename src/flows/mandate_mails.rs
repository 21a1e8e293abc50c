//! The people of a mandate are mailed when it has begun, two weeks before the clock ends it, and when it has (docs/adr/0044). What is to
//! be told follows from the facts each time; that it was told is a row. Whoever looks for that writes the line of what the clock ended
//! (docs/adr/0055).

use std::{slice, sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{
    app::App,
    domain::{
        birth::HAS_A_SAY,
        code::draw_reference,
        email::Email,
        fault::Fault,
        mandate::mails::{What, cause},
        time::Timestamp,
    },
    mail::{
        Circumstances, Letter,
        letters::own_pages,
        mandates::{Told, told},
    },
    observe::{self, Hearer},
    store::mandate_mails::MandateMail,
};

/// How often somebody looks.
const EVERY: Duration = Duration::from_secs(1);
/// How many mandates one look takes, at most.
const MOST: usize = 100;
/// For how many seconds a mail waits that found no room, or could not be made.
const WAIT: i64 = 60;

/// Looks, and mails, until the task is dropped. What came due while nobody looked is mailed after the next start, if it is still true.
pub async fn keep_mailing(app: Arc<App>) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let now = app.clock.now();
        for outcome in [look(&app, now).await, send(&app, now).await] {
            if let Err(fault) = outcome {
                tracing::error!(%fault, "mails about mandates cannot be made; it is tried again");
            }
        }
    }
}

/// Writes down which mails there are to be, and in the log what the clock has ended.
async fn look(app: &App, now: Timestamp) -> Result<(), Fault> {
    let mut looked = Vec::new();
    for at in app.store.mandates_to_look_at(i64::try_from(MOST)?, now).await? {
        looked.extend(app.store.mandate_looked_at(&at, now).await?);
    }
    // One about whom no line can be written (a name of the log that was altered) keeps none of the others from theirs.
    if !looked.is_empty() && app.store.write_mandate_mails(&looked, now).await.is_err() {
        for one in &looked {
            if let Err(fault) = app.store.write_mandate_mails(slice::from_ref(one), now).await {
                let mandate = one.at.mandate.as_str();
                tracing::error!(mandate, %fault, "what the clock ended cannot be written down; it is tried again");
            }
        }
    }
    Ok(())
}

/// Sends those that are due, as many as there is room for: the others stay written down.
async fn send(app: &App, now: Timestamp) -> Result<(), Fault> {
    let room = app.mailer.room_for_due();
    if room == 0 || !app.store.has_mandate_mails(now).await? {
        return Ok(());
    }
    let (mut sent, mut put_off) = (0, 0);
    for mail in app.store.claim_mandate_mails(i64::try_from(room)?, now).await? {
        let has_left = match letter(app, &mail, now).await {
            Ok(None) => continue,
            Ok(Some(letter)) => app.mailer.send_due(letter).is_ok(),
            // The others were claimed with it, and would be lost.
            Err(fault) => {
                tracing::error!(%fault, "a mail about a mandate cannot be made; it is tried again");
                false
            }
        };
        if has_left {
            sent += 1;
            continue;
        }
        put_off += 1;
        if let Err(fault) = app.store.put_off_mandate_mail(&mail, now.plus(WAIT)).await {
            tracing::error!(%fault, "a mail about a mandate was dropped");
        }
    }
    observe::mandates_told(Hearer::Person, sent);
    tracing::info!(sent, put_off, "mails about mandates");
    Ok(())
}

/// The letter, if what it says is still true and its reader still has an account. A representative whom a block keeps out hears what one
/// whose mandate was revoked hears: nothing (M9).
async fn letter(app: &App, mail: &MandateMail, now: Timestamp) -> Result<Option<Letter>, Fault> {
    let Some((listed, mails)) = app.store.mandate_and_mails(&mail.mandate, now).await? else {
        return Ok(None);
    };
    let is_represented = listed.mandate.represented == mail.person;
    if mails.is_blocked && !is_represented {
        return Ok(None);
    }
    let account = app.store.account_of_person(&mail.person).await?;
    let Some(account) = account.filter(|_| mails.tell.contains(&mail.telling)) else { return Ok(None) };
    let lang = account.lang;
    let about = Circumstances {
        to: Email::parse(&account.email)?,
        portal: own_pages(lang).to_owned(),
        at: now,
        reference: draw_reference(),
        lang,
    };
    let other = if is_represented { &listed.representative_name } else { &listed.represented_name };
    let relation = listed.mandate.relation;
    let old_enough = listed.born.is_some_and(|born| born.has_surely_turned(HAS_A_SAY, now));
    let what = Told {
        what: mail.telling.what,
        at: (mail.telling.what != What::Started).then_some(mail.telling.at),
        cause: cause(&listed.mandate, listed.born, mail.telling.at),
        is_represented,
        relation,
        has_a_say: relation.is_parental() && old_enough,
        is_online: listed.mandate.is_made_online(),
        other,
    };
    Ok(Some(told(&about, &what)))
}
