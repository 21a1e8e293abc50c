//! "Heeft u al een account?" (F8): asked when DigiD vouches for somebody we do not know. Until it is answered nothing is
//! stored but the sealed login itself.

use super::{Held, Stop, logins};
use crate::{
    app::App,
    domain::login::{Link, Login, Question, Register},
};

/// "Ik heb een account".
pub async fn has_account(app: &App, held: Held<Question>) -> Result<(), Stop> {
    logins::save(app, held.to(Login::<Question>::has_account)).await.map(drop)
}

/// "Ik heb nog geen account".
pub async fn has_none(app: &App, held: Held<Question>) -> Result<(), Stop> {
    logins::save(app, held.to(Login::<Question>::has_none)).await.map(drop)
}

/// From either answer back to the question; from an account without DigiD back to the choice. Where no question was asked, it stays.
pub async fn go_back(app: &App, held: Held) -> Result<(), Stop> {
    let id = held.login.id.clone();
    match held.at::<Link>() {
        Ok(held) => {
            let held = held.to_some(Login::<Link>::back).ok_or(Stop::Elsewhere(id))?;
            logins::save(app, held).await.map(drop)
        }
        Err(held) => logins::save(app, held.at::<Register>()?.to(Login::<Register>::back)).await.map(drop),
    }
}
