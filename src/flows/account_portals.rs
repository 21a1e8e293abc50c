//! The portals and apps that an account's owner uses, at "Mijn account": what each may know, and on which devices it stays logged in
//! (F14). Taking something away takes a session that lives, and no more.

use std::{collections::BTreeMap, mem};

use super::{account::Guest, client_consent};
use crate::{
    app::App,
    domain::{
        client_consent::{Item, Wanted},
        fault::Fault,
        id::GrantId,
        time::Timestamp,
    },
    store::{account_portals::Given, accounts::Account},
};

/// A portal or an app.
#[derive(Debug, Clone)]
pub struct Portal {
    /// Its id.
    pub id: String,
    /// What it is called; its id where it is not registered any more.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// What it may know, in the words of the protocol: scopes and single claims.
    pub scope: String,
    /// The same as a page lists it.
    pub items: Vec<Item>,
    /// The APIs for which it may have tokens, as people call them.
    pub apis: Vec<String>,
    /// The hosts at which they agreed to what a portal of somebody else may know.
    pub hosts: Vec<String>,
    /// Where it stays logged in after its session.
    pub devices: Vec<Device>,
}

/// Where an app stays logged in.
#[derive(Debug, Clone)]
pub struct Device {
    /// What it was given.
    pub grant: GrantId,
    /// Since when.
    pub since: Timestamp,
    /// When it was used last.
    pub used: Timestamp,
}

/// All of them, by name.
pub async fn portals(app: &App, account: &Account, now: Timestamp) -> Result<Vec<Portal>, Fault> {
    let given = app.store.given(&account.id, now).await?;
    let consents = app.store.client_consents(&account.id).await?;
    let (mut by_client, mut at_hosts) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    for consent in consents {
        at_hosts.entry(consent.client_id.clone()).or_default().push(consent.host.clone());
        let none = || (consent.given, Wanted::default(), Vec::new());
        let (since, knows, _) = by_client.entry(consent.client_id.clone()).or_insert_with(none);
        *since = consent.given.min(*since);
        *knows = mem::take(knows).and(&consent.all());
    }
    for one in &given {
        let Given { grant, used } = one;
        let none = || (grant.created, Wanted::default(), Vec::new());
        let (since, knows, devices) = by_client.entry(grant.client_id.clone()).or_insert_with(none);
        *since = grant.created.min(*since);
        let wanted = Wanted::of(&grant.scope, grant.claims.iter().copied());
        *knows = mem::take(knows).and(&wanted);
        knows.resources.extend(grant.resources.iter().cloned());
        if grant.offline.is_some() {
            let used = used.unwrap_or(grant.created);
            devices.push(Device { grant: grant.id.clone(), since: grant.created, used });
        }
    }
    let mut all = Vec::with_capacity(by_client.len());
    for (id, (since, knows, devices)) in by_client {
        let name = app.client(&id).await?.map_or_else(|| id.clone(), |client| client.name);
        let apis = client_consent::called(app, &knows.resources).await?;
        let claims = knows.claims.iter().map(|claim| format!(" {claim}"));
        let scope = knows.scope.to_string() + &claims.collect::<String>();
        let hosts = at_hosts.remove(&id).unwrap_or_default();
        all.push(Portal { id, name, since, scope, items: knows.items(), apis, hosts, devices });
    }
    all.sort_by_cached_key(|portal| (portal.name.to_lowercase(), portal.id.clone()));
    Ok(all)
}

/// Takes all back that one portal was given; it is told.
pub async fn disconnect(app: &App, guest: &Guest, client: &str, now: Timestamp) -> Result<(), Fault> {
    app.store.disconnect(&guest.account, client, now).await.map(drop)
}

/// Lets an app stay logged in on one device no longer. Of what is not theirs, nothing is told.
pub async fn end_device(app: &App, guest: &Guest, grant: &GrantId, now: Timestamp) -> Result<(), Fault> {
    app.store.end_given(&guest.account, grant, now).await.map(drop)
}
