//! Whatever takes a right away has a portal told of it at once (F15): with it, and not when somebody looks again, a quarter of an hour later.

use serde_json::{Value, json};

use crate::{
    account::at,
    account_offers::{accepted, is_done, posts},
    chooser::listed,
    family::One,
    house::{CALLBACK, House},
    mandates_desk::{Desk, Form, born, days},
    notify::{Ears, TOLD, settled, until},
    oidc_client::CLIENTS,
};

const ANNA: &str = "anna@voorbeeld.nl";
const BERT: &str = "bert@voorbeeld.nl";
const KIM: &str = "kim@voorbeeld.nl";

/// Anna, and the portal where she acts.
struct Stage {
    house: House,
    ears: Ears,
    anna: One,
    sid: Value,
    /// How often the portal heard that she acts for somebody no longer.
    heard: usize,
}

impl Stage {
    /// Anna acts at the portal for the only one for whom she may. When it is looked at anew is far away.
    async fn acts(&mut self) {
        let (house, browser) = (&self.house, &self.anna.browser);
        let all = listed(&TOLD.sign_on(house, browser, "openid act_as").await);
        let [whom] = all.as_slice() else { panic!("{all:?}") };
        let ask = TOLD.ask().with("scope", "openid act_as").with("act_as", whom);
        let code = TOLD.code(house, browser, &ask).await;
        self.sid = TOLD.redeem(house, &ask, &code).await.claims["sid"].clone();
        let due = "SELECT COUNT(*) FROM grants WHERE look_at <= CAST(strftime('%s', 'now') AS INTEGER) AND revoked_at IS NULL";
        until("a look at all of them", || (house.query(due) == ["0"]).then_some(())).await;
    }

    fn written(&self) -> Vec<String> {
        self.house.query("SELECT ends FROM notices WHERE client_id = 'told'")
    }

    /// Anna acts, `act` ends that, and her portal hears so.
    async fn hears_of(&mut self, what: &str, act: impl AsyncFnOnce(&House)) {
        self.acts().await;
        let before = self.written();
        act(&self.house).await;
        assert_ne!(self.written(), before, "{what}");
        self.heard += 1;
        self.ears.of(TOLD, &self.sid, self.heard).await;
        settled(&self.house).await;
    }
}

async fn stage() -> Stage {
    let (ears, tables) = Ears::open().await;
    let house = House::with(format!("{CLIENTS}{tables}")).await;
    let anna = One::of(&house, ("Anna", None), ANNA).await;
    Stage { house, ears, anna, sid: json!(null), heard: 0 }
}

/// By who gave it, by the child, and with the account of who gave it.
#[tokio::test]
async fn f15_m5_what_people_end_themselves_is_told_with_it() {
    let mut stage = stage().await;
    let bert = One::of(&stage.house, ("Bert", Some(&born(80, 0))), BERT).await;
    let made = accepted(&bert, &stage.anna, &stage.house).await;
    assert!(is_done(&posts(&bert, &stage.house, "confirm", &[("mandate", &made)]).await));
    stage
        .hears_of("stop", async |house| {
            assert!(is_done(&posts(&bert, house, "stop", &[("mandate", &made)]).await));
        })
        .await;
    let made = accepted(&bert, &stage.anna, &stage.house).await;
    assert!(is_done(&posts(&bert, &stage.house, "confirm", &[("mandate", &made)]).await));
    stage
        .hears_of("erase", async |house| {
            let page = bert.browser.visit(&at(house, "/account/erase"), CALLBACK).await;
            bert.browser.submit(&page, "erase-form", &[("email", BERT)]).await;
        })
        .await;
    let kim = One::of(&stage.house, ("Kim", Some(&born(12, 0))), KIM).await;
    let desk = Desk::of(&stage.house);
    let kims = desk.mandate(&Form::parent(&stage.anna.person, &kim.person));
    for party in ["represented", "representative"] {
        desk.hear("consent", &kims, party);
    }
    stage
        .hears_of("no", async |house| {
            assert!(is_done(&posts(&kim, house, "refuse", &[("mandate", &kims)]).await));
        })
        .await;
}

#[tokio::test]
async fn f15_m9_what_the_desk_ends_is_told_with_it() {
    let mut stage = stage().await;
    let desk = Desk::of(&stage.house);
    let anna = stage.anna.person.clone();
    let els = desk.person("Els", Some(&born(80, 0)), None);
    let [kim, lot] = ["Kim", "Lot"].map(|name| desk.person(name, Some(&born(13, 0)), None));
    let pair = ["--representative", anna.as_str(), "--represented", els.as_str()];

    let grant = desk.mandate(&Form::grant(&anna, &els, &days(100)));
    let block = [&["mandates", "block", "--by", "balie1", "--reason", "melding"][..], &pair].concat();
    stage.hears_of("block", async |house| drop(house.ok(&block))).await;
    stage.house.ok(&[&["mandates", "unblock", "--by", "balie2"][..], &pair].concat());
    let revoke = ["mandates", "revoke", "--by", "balie1", "--", &grant];
    stage.hears_of("revoke", async |house| drop(house.ok(&revoke))).await;

    let kims = Desk::of(&stage.house).mandate(&Form::parent(&anna, &kim));
    for party in ["represented", "representative"] {
        Desk::of(&stage.house).hear("consent", &kims, party);
    }
    stage.hears_of("withdraw", async |house| Desk::of(house).hear("withdraw", &kims, "represented")).await;

    // Of somebody who cannot decide themselves.
    let lots = Desk::of(&stage.house).mandate(&Form::parent(&anna, &lot));
    let ends = days(100);
    let attest = ["--evidence-reference", "brief 12", "--ends", &ends, "--by", "balie1", "--", &lots];
    stage.house.ok(&[&["mandates", "special", "attest"][..], &attest].concat());
    let basis = stage.house.query("SELECT id FROM special_bases").concat();
    stage.house.ok(&["mandates", "special", "confirm", "--by", "balie2", "--", &basis]);
    let end = ["mandates", "special", "end", "--by", "balie3", "--", &basis];
    stage.hears_of("end of a basis", async |house| drop(house.ok(&end))).await;
}
