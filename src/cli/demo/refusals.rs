//! What Namens refuses, and what it keeps of that: nothing.

use super::story::{Stop, Walk};
use crate::simulator::{
    family::{BRAM, SEM},
    walk::{browser::Browser, tell::Tell},
};

/// Tells of four logins that come to nothing.
pub async fn tell(walk: &Walk<'_>, tell: &mut Tell<'_>) -> Result<(), Stop> {
    tell.section("What is refused, and leaves no trace")?;
    basis(walk, tell).await?;
    cancelled(walk, tell).await?;
    too_young(walk, tell).await?;
    stopped(walk, tell).await
}

/// F7: an assertion at Basis ends the login.
async fn basis(walk: &Walk<'_>, tell: &mut Tell<'_>) -> Result<(), Stop> {
    tell.does("Bram has DigiD at level Basis only.")?;
    let mut bram = walk.browser()?;
    walk.to_digid(tell, &mut bram).await?;
    bram.press(tell, &BRAM.button(), &[("level", "Basis")]).await?;
    says(tell, &bram, "problem", "U heeft de DigiD app of sms-controle nodig.")?;
    unknown(walk, tell).await
}

async fn cancelled(walk: &Walk<'_>, tell: &mut Tell<'_>) -> Result<(), Stop> {
    tell.does("He tries again, and cancels at DigiD.")?;
    let mut bram = walk.browser()?;
    walk.to_digid(tell, &mut bram).await?;
    bram.press(tell, "cancel", &[]).await?;
    says(tell, &bram, "notice", "U heeft het inloggen met DigiD geannuleerd.")?;
    Ok(bram.expect(tell, "digid-form", "another try, and the other way in")?)
}

/// M13: a child known to be under twelve has no session of its own.
async fn too_young(walk: &Walk<'_>, tell: &mut Tell<'_>) -> Result<(), Stop> {
    tell.does("Sem (8) has a DigiD of his own.")?;
    let mut sem = walk.browser()?;
    walk.to_digid(tell, &mut sem).await?;
    sem.press(tell, &SEM.button(), &[]).await?;
    says(tell, &sem, "problem", "Je bent nog geen 12 jaar.")?;
    sem.open(tell, walk.portal("/login")).await?;
    sem.expect(tell, "digid-form", "the choice of ways to log in: he has no session")?;
    Ok(())
}

/// F8: cancelling the question leaves no trace.
async fn stopped(walk: &Walk<'_>, tell: &mut Tell<'_>) -> Result<(), Stop> {
    tell.does("Bram comes back with DigiD Midden, but stops at the question.")?;
    let mut bram = walk.browser()?;
    walk.to_digid(tell, &mut bram).await?;
    bram.press(tell, &BRAM.button(), &[]).await?;
    bram.expect(tell, "question-form", "the question “Heeft u al een account?”")?;
    unknown(walk, tell).await?;
    bram.press(tell, "stop", &[]).await?;
    says(tell, &bram, "error", "access_denied")?;
    unknown(walk, tell).await
}

fn says(tell: &mut Tell<'_>, browser: &Browser, id: &str, words: &str) -> Result<(), Stop> {
    let said = browser.page().text(id).unwrap_or_default();
    Ok(tell.check(said.contains(words), &format!("the page says “{words}”"), || browser.says())?)
}

async fn unknown(walk: &Walk<'_>, tell: &mut Tell<'_>) -> Result<(), Stop> {
    let known = walk.desk.knows(&BRAM).await?;
    Ok(tell.check(!known, "nothing is stored under Bram's BSN", || "there is somebody with it".to_owned())?)
}
