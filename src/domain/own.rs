//! The provider's own pages, at which a person looks after their account: a login for one of them goes on to that page, and no
//! portal hears of it (`docs/adr/0039`).

use super::{ask::Ask, assurance::Level, session::Session, time::Timestamp, words::words};

/// Who asks for a login at a page of our own. No client can have this id: `:` stands in none (`domain::client::check`).
pub const OWN_CLIENT: &str = "namens:account";

/// How long, in seconds, a login is proof enough to change the ways in (F13).
pub const FRESH: i64 = 600;

words! {
    /// A page of our own, by its path.
    OwnPage {
        /// What somebody sees of their account.
        Overview = "/account",
        /// The authenticator app.
        App = "/account/app",
        /// The password.
        Password = "/account/password",
        /// The e-mail address.
        Email = "/account/email",
        /// The portals and apps that know them.
        Portals = "/account/portals",
        /// All that is kept of them.
        Export = "/account/export",
        /// The end of the account.
        Erase = "/account/erase",
        /// The link with DigiD.
        Digid = "/account/digid",
        /// The other account of the same person.
        Merge = "/account/merge",
        /// For whom they may act, and who may act for them.
        Mandates = "/account/mandates",
        /// The same, for what gives somebody access.
        Agree = "/account/mandates/agree",
        /// What was done with their account and mandates.
        Log = "/account/log",
        /// The desk.
        Desk = "/desk",
        /// Who works at the desk.
        DeskStaff = "/desk/staff",
    }
}

impl OwnPage {
    /// Whether what can be done there changes the ways in, or gives somebody access: it takes fresh proof.
    pub const fn is_sensitive(self) -> bool {
        !matches!(self, Self::Overview | Self::Portals | Self::Mandates | Self::Log | Self::Desk)
    }

    /// Whether mandates are told there: it takes a session at the level that these need (M7).
    pub const fn tells_mandates(self) -> bool {
        matches!(self, Self::Mandates | Self::Agree)
    }

    /// Whether it is of the desk, which takes a password and the code of an app, and never DigiD: that is a patient's.
    pub const fn is_desk(self) -> bool {
        matches!(self, Self::Desk | Self::DeskStaff)
    }

    /// The message that says what it is called.
    pub const fn title(self) -> &'static str {
        if self.is_desk() { "desk-title" } else { "account-title" }
    }
}

impl Ask {
    /// The page of our own for which somebody logs in; none where a portal asks.
    pub fn own_page(&self) -> Option<OwnPage> {
        let is_there = |page: &OwnPage| self.redirect_uri.ends_with(page.as_str());
        OwnPage::ALL.iter().copied().filter(|_| self.client_id == OWN_CLIENT).find(is_there)
    }
}

impl Session {
    /// Whether it is proof enough, at `now`, for an act that takes `level`: a login of just now, at that level.
    pub fn is_fresh(&self, level: Level, now: Timestamp) -> bool {
        self.level >= level && (0..FRESH).contains(&now.since(self.auth_time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ask::tests::ask, session::tests::session};

    #[test]
    fn only_the_own_client_leads_to_a_page_of_our_own() {
        for page in OwnPage::ALL {
            let redirect_uri = format!("https://id.example.nl{page}");
            let portals = Ask { redirect_uri: redirect_uri.clone(), ..ask() };
            assert_eq!(portals.own_page(), None);
            let own = Ask { client_id: OWN_CLIENT.into(), redirect_uri, ..ask() };
            assert_eq!(own.own_page(), Some(*page));
        }
    }

    #[test]
    fn each_page_takes_the_proof_that_what_it_does_needs() {
        use OwnPage::{Agree, Desk, DeskStaff, Log, Mandates, Overview, Portals};
        for page in OwnPage::ALL {
            let only_shows = [Overview, Portals, Mandates, Log, Desk].contains(page);
            assert_eq!(page.is_sensitive(), !only_shows, "{page}");
            assert_eq!(page.tells_mandates(), [Mandates, Agree].contains(page), "{page}");
            let is_desk = [Desk, DeskStaff].contains(page);
            assert_eq!(page.is_desk(), is_desk, "{page}");
            assert_eq!(page.title(), if is_desk { "desk-title" } else { "account-title" }, "{page}");
        }
    }

    #[test]
    fn a_login_is_fresh_for_ten_minutes_and_never_above_its_level() {
        let at = Timestamp::from_epoch;
        let session = Session { auth_time: at(100), ..session() };
        assert!(session.is_fresh(Level::Local, at(100)) && session.is_fresh(Level::Local, at(699)));
        assert!(!session.is_fresh(Level::Local, at(700)) && !session.is_fresh(Level::Midden, at(101)));
        assert!(!session.is_fresh(Level::Local, at(99)), "a login of the future proves nothing");
    }
}
