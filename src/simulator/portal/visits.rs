//! The portal's sessions: by cookie, in memory, bounded.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};

use super::client::{Login, Pending};

/// Browsers at once; the oldest go first.
const MAX_VISITS: usize = 10_000;
/// Logins that one browser may have begun at once, in as many tabs.
const MAX_PENDING: usize = 8;

/// One browser.
#[derive(Default)]
struct Visit {
    since: DateTime<Utc>,
    pending: Vec<Pending>,
    login: Option<Login>,
}

/// All browsers, by their cookie.
pub struct Visits {
    /// Cookies know no ports, and many portals may run on one machine.
    cookie: String,
    visits: Mutex<HashMap<String, Visit>>,
}

impl Visits {
    /// For the portal on this port.
    pub fn new(port: u16) -> Self {
        Self { cookie: format!("portal_{port}"), visits: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Visit>> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id in the request's cookie, if it is one of ours.
    pub fn id(&self, headers: &HeaderMap) -> Option<String> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|h| h.to_str().ok());
        let ours = cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.cookie)?
            .1
            .to_owned();
        self.held().contains_key(&ours).then_some(ours)
    }

    /// Remembers a login that begins, in this visit or a new one. Returns the visit's id.
    pub fn begin(
        &self,
        id: Option<String>,
        fresh_id: String,
        pending: Pending,
        now: DateTime<Utc>,
    ) -> String {
        let id = id.unwrap_or(fresh_id);
        let mut visits = self.held();
        if visits.len() >= MAX_VISITS {
            let oldest = visits.iter().min_by_key(|(_, v)| v.since).map(|(id, _)| id.clone());
            oldest.and_then(|id| visits.remove(&id));
        }
        let visit = visits.entry(id.clone()).or_insert_with(|| Visit { since: now, ..Visit::default() });
        if visit.pending.len() >= MAX_PENDING {
            visit.pending.remove(0);
        }
        visit.pending.push(pending);
        id
    }

    /// Takes the login that this `state` belongs to.
    pub fn take_pending(&self, id: &str, state: &str) -> Option<Pending> {
        let mut visits = self.held();
        let pending = &mut visits.get_mut(id)?.pending;
        let place = pending.iter().position(|p| p.state == state)?;
        Some(pending.remove(place))
    }

    /// Logged in: the visit gets another id, so that one planted before is worth nothing.
    pub fn log_in(&self, id: &str, fresh_id: String, login: Login, now: DateTime<Utc>) {
        let mut visits = self.held();
        let pending = visits.remove(id).map(|v| v.pending).unwrap_or_default();
        visits.insert(fresh_id, Visit { since: now, pending, login: Some(login) });
    }

    /// The login of this visit.
    pub fn login(&self, id: &str) -> Option<Login> {
        self.held().get(id)?.login.clone()
    }

    /// Puts a refreshed login in the place of the former.
    pub fn refresh(&self, id: &str, login: Login) {
        if let Some(visit) = self.held().get_mut(id) {
            visit.login = Some(login);
        }
    }

    /// Forgets the visit.
    pub fn end(&self, id: &str) -> Option<Login> {
        self.held().remove(id)?.login
    }

    /// The `Set-Cookie` line for an id.
    pub fn set_cookie(&self, id: &str) -> String {
        format!("{}={id}; Path=/; HttpOnly; SameSite=Lax", self.cookie)
    }
}
