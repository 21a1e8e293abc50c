//! The request of a page of our own. It is whole, like a portal's: its redirect URI is that page, and errors go there too. No
//! client makes it, no client may make one like it, and no code ever answers it (`docs/adr/0039`).

use std::collections::BTreeSet;

use crate::domain::{
    ask::{Ask, Prompt, ResponseMode, Whom},
    assurance::Level,
    own::{OWN_CLIENT, OwnPage},
    profile::Claims,
    scope::Scopes,
};

/// A login for `page`, at `level` or more; a new one where `anew`.
pub fn own(issuer: &str, page: OwnPage, level: Level, anew: bool) -> Ask {
    Ask {
        client_id: OWN_CLIENT.to_owned(),
        pushed: None,
        redirect_uri: format!("{issuer}{page}"),
        response_mode: ResponseMode::Query,
        response_alg: None,
        state: None,
        nonce: None,
        scope: Scopes::default(),
        resources: Vec::new(),
        code_challenge: None,
        dpop_jkt: None,
        level,
        levels: BTreeSet::new(),
        in_id_token: Claims::new(),
        in_userinfo: Claims::new(),
        represents: None,
        act_as: None,
        chosen: None,
        amr: false,
        bsn: false,
        whom: Whom::Anybody,
        prompt: if anew { Prompt::Login } else { Prompt::Unset },
        asks_consent: false,
        max_age: None,
        ui_locales: Vec::new(),
        login_hint: None,
    }
}
