//! The family of the demo: who there is, and how each logs in. All of it is invented; the numbers pass the elfproef and
//! lie in the range that test systems use.

/// Somebody in the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// What people call them.
    pub name: &'static str,
    /// Their invented BSN.
    pub bsn: &'static str,
    /// Their age in years.
    pub age: u32,
    /// What happens when they log in.
    pub part: &'static str,
}

/// The parent, who has an account already.
pub const ANNA: Member = Member {
    name: "Anna de Vries",
    bsn: "999990019",
    age: 41,
    part: "logs in with e-mail or DigiD; mother of the three",
};
/// Under twelve: only parents have access.
pub const SEM: Member = Member {
    name: "Sem de Vries",
    bsn: "999990020",
    age: 8,
    part: "is refused: under twelve only a parent looks after him",
};
/// From twelve to sixteen: parents have access while she agrees.
pub const NOOR: Member = Member {
    name: "Noor de Vries",
    bsn: "999990032",
    age: 13,
    part: "logs in with DigiD; must agree before Anna may act for her",
};
/// Sixteen: parents have no access.
pub const DAAN: Member = Member {
    name: "Daan de Vries",
    bsn: "999990044",
    age: 16,
    part: "logs in with DigiD; Anna's mandate lapsed when he turned 16",
};
/// The father, who gave Anna an express mandate.
pub const HENK: Member = Member {
    name: "Henk de Vries",
    bsn: "999990056",
    age: 78,
    part: "logs in with DigiD; Anna's father, gave her a mandate",
};
/// Somebody whom nobody knows.
pub const BRAM: Member = Member {
    name: "Bram Bakker",
    bsn: "999990068",
    age: 35,
    part: "logs in with DigiD; nobody knows him yet",
};

/// Everybody, in the order of DigiD's login page.
pub const EVERYBODY: [Member; 6] = [ANNA, SEM, NOOR, DAAN, HENK, BRAM];

/// Anna's address.
pub const ANNA_EMAIL: &str = "anna@example.nl";
/// Anna's password: it is printed, and opens nothing but the demo.
pub const ANNA_PASSWORD: &str = "vier groene fietsen";
/// What the portal is called.
pub const PORTAL: &str = "Huisartsenpraktijk De Linde";

impl Member {
    /// The name by which the family knows them.
    pub fn first_name(&self) -> &'static str {
        self.name.split_once(' ').map_or(self.name, |(first, _)| first)
    }

    /// The id of their button on DigiD's login page.
    pub fn button(&self) -> String {
        let place = EVERYBODY.iter().position(|member| member == self).map_or(0, |place| place + 1);
        format!("person-{place}")
    }
}
