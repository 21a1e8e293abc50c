//! Birthdays and end dates that come while people are logged in (docs/requirements.md: M3 to M5, M8, M9, M14; docs/adr/0044), on a clock
//! that the tests move.

use chrono::Months;
use namens::domain::{
    calendar::{midnight, today, told_day},
    lang::Lang,
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    chooser::{FOR_WHOM, MOTHER, asking, listed},
    digid_steps::{change, person_of},
    house::{CALLBACK, House, Options},
    mandates_desk::{Desk, Form, digid_account, digid_again, fresh_bsn, now},
    notify::{ALSO, Ears, TOLD, settled, until},
    oidc_client::{Client, THE_PORTAL, assert_error, assert_refused, claims, refreshed, userinfo},
    portal::{Tokens, code_of, register},
    representation, stsaml,
};

/// A midnight that comes, and the day that it begins.
pub struct Birthday {
    pub midnight: Timestamp,
    pub day: chrono::NaiveDate,
}

impl Birthday {
    fn comes() -> Self {
        Self::in_days(2)
    }

    pub fn in_days(days: i64) -> Self {
        let day = today(now()) + chrono::TimeDelta::days(days);
        Self { midnight: midnight(day), day }
    }

    /// When somebody was born who turns that age then.
    pub fn of(&self, age: u32) -> String {
        (self.day - Months::new(12 * age)).to_string()
    }

    /// Makes it so many seconds before.
    pub async fn is_in(&self, house: &House, seconds: i64) {
        house.set_clock(self.midnight.plus(-seconds)).await;
    }

    pub async fn has_come(&self, house: &House) {
        self.is_in(house, 0).await;
    }
}

/// A mother with DigiD who may act for three until midnight: a child of eleven, one of fifteen, and their grandmother.
struct Evening {
    house: House,
    browser: Browser,
    birthday: Birthday,
    mother: String,
    child: String,
    bsn: String,
    tokens: Tokens,
}

impl Evening {
    async fn with(tables: &'static str) -> Self {
        let (house, birthday) = (House::with(tables).await, Birthday::comes());
        birthday.is_in(&house, 800).await;
        let (desk, bsn) = (Desk::of(&house), fresh_bsn());
        let mother = desk.person("Anna", None, Some(&bsn));
        let child = desk.person("Sam", Some(&birthday.of(12)), None);
        desk.mandate(&Form::parent(&mother, &child));
        let browser = Browser::new();
        let tokens = digid_account(&house, &browser, &bsn, MOTHER).await;
        Self { house, browser, birthday, mother, child, bsn, tokens }
    }

    /// The two others, too.
    fn all_three(&self) {
        let desk = Desk::of(&self.house);
        let older = desk.person("Kim", Some(&self.birthday.of(16)), None);
        let kims = desk.mandate(&Form::parent(&self.mother, &older));
        for party in ["represented", "representative"] {
            desk.hear("consent", &kims, party);
        }
        let grandmother = desk.person("Oma", Some("1944-05-05"), None);
        desk.mandate(&Form::grant(&self.mother, &grandmother, &self.birthday.day.to_string()));
    }

    /// One of eight, whose birthday is the same.
    fn youngest(&self) -> String {
        let desk = Desk::of(&self.house);
        let youngest = desk.person("Lot", Some(&self.birthday.of(8)), None);
        desk.mandate(&Form::parent(&self.mother, &youngest));
        youngest
    }

    /// Whom a client may name.
    async fn listed_at(&self, client: &Client) -> Vec<String> {
        listed(&client.sign_on(&self.house, &self.browser, "openid act_as").await)
    }

    /// Tokens of a client for somebody.
    async fn acts_at(&self, client: &Client, whom: &str) -> Tokens {
        let ask = client.ask().with("scope", "openid act_as").with("act_as", whom);
        let code = client.code(&self.house, &self.browser, &ask).await;
        let told = client.redeem(&self.house, &ask, &code).await;
        assert_eq!(told.claims["represents"]["sub"], whom);
        told
    }
}

fn lives(tokens: &Tokens) -> i64 {
    tokens.body["expires_in"].as_i64().unwrap()
}

#[tokio::test]
async fn m3_m4_m5_m8_nothing_that_names_somebody_outlives_their_birthday_or_the_end() {
    let evening = Evening::with("").await;
    let (house, birthday) = (&evening.house, &evening.birthday);
    evening.all_three();
    let tokens = refreshed(house, &evening.tokens).await;
    assert_eq!((listed(&tokens).len(), lives(&tokens)), (3, 300), "midnight is far");
    birthday.is_in(house, 200).await;
    let last = refreshed(house, &tokens).await;
    assert_eq!(listed(&last).len(), 3);
    assert!((1..=200).contains(&lives(&last)), "{}", lives(&last));
    for token in ["access_token", "id_token"] {
        assert_eq!(claims(last.text(token))["exp"], birthday.midnight.epoch(), "{token}");
    }
    let access = last.text("access_token");
    assert_eq!(THE_PORTAL.introspect(house, access).await["active"], json!(true));
    assert_eq!(userinfo(house, access).await.0, 200);
    // To the last seconds, and no further.
    birthday.is_in(house, 10).await;
    assert_eq!(userinfo(house, access).await.1["act_as"].as_array().unwrap().len(), 3);
    let very_last = refreshed(house, &last).await;
    assert!(listed(&very_last).len() == 3 && lives(&very_last) <= 10, "{}", very_last.body);

    birthday.has_come(house).await;
    assert_eq!(userinfo(house, very_last.text("access_token")).await.0, 401);
    assert_eq!(THE_PORTAL.introspect(house, access).await, json!({"active": false}));
    assert_eq!(userinfo(house, access).await.0, 401);
    let after = refreshed(house, &very_last).await;
    assert_eq!((&after.claims["act_as"], lives(&after)), (&json!([]), 300));
    assert_eq!(userinfo(house, after.text("access_token")).await.1["act_as"], json!([]));
    assert_eq!(
        Desk::of(house).standings(&evening.child),
        ["awaiting_consent"],
        "the commands know the time too"
    );
}

/// Days that begin at another hour in UTC than the day before or after: clocks in Amsterdam go forward on 30 March 2031 and back on 26 October.
#[tokio::test]
async fn m3_m4_m5_days_begin_at_midnight_in_amsterdam_also_where_clocks_change() {
    let house = House::start().await;
    let desk = Desk::of(&house);
    let mother = desk.person("Anna", None, Some(&fresh_bsn()));
    let days = [
        ("03-30", "2031-03-29T23:00:00Z"),
        ("03-31", "2031-03-30T22:00:00Z"),
        ("10-26", "2031-10-25T22:00:00Z"),
        ("10-27", "2031-10-26T23:00:00Z"),
    ];
    // All are eleven at most, and asked for while the documents are valid.
    let children = days.map(|(day, begins)| {
        let sam = desk.person("Sam", Some(&format!("2019-{day}")), None);
        desk.mandate(&Form::parent(&mother, &sam));
        let kim = desk.person("Kim", Some(&format!("2015-{day}")), None);
        let kims = desk.mandate(&Form::parent(&mother, &kim));
        let begins = chrono::DateTime::parse_from_rfc3339(begins).unwrap();
        (day, Timestamp::from_epoch(begins.timestamp()), sam, (kim, kims))
    });
    for (day, begins, sam, (kim, kims)) in children {
        house.set_clock(begins.plus(-40)).await;
        for party in ["represented", "representative"] {
            desk.hear("consent", &kims, party);
        }
        for (moment, sams, kims) in [(-20, "active", "active"), (0, "awaiting_consent", "lapsed")] {
            house.set_clock(begins.plus(moment)).await;
            let stand = [desk.standings(&sam), desk.standings(&kim)].concat();
            assert_eq!(stand, [sams, kims], "{day}: {moment}");
        }
    }
}

#[tokio::test]
async fn m4_m5_m8_a_birthday_between_the_choice_and_the_token_gives_nothing() {
    let evening = Evening::with("").await;
    let (house, browser, birthday) = (&evening.house, &evening.browser, &evening.birthday);
    evening.all_three();
    let with_them = evening.listed_at(&THE_PORTAL).await;
    assert_eq!(with_them.len(), 3);
    evening.youngest();
    let with_lot = evening.listed_at(&THE_PORTAL).await;
    let lot = with_lot.iter().find(|sub| !with_them.contains(sub)).unwrap();
    let mut pages = Vec::new();
    for whom in with_them.iter().chain([lot]) {
        let ask = asking("choose");
        pages.push((whom, browser.visit(&ask.url(house), CALLBACK).await, ask));
    }
    // Codes for all of them, drawn before midnight and redeemed after it. A code lives for a minute: Lot's is the last drawn and the first redeemed.
    birthday.is_in(house, 30).await;
    let mut codes = Vec::new();
    for whom in with_them.iter().chain([lot]) {
        let ask = asking(whom).with("prompt", "none");
        codes.push((whom, THE_PORTAL.code(house, browser, &ask).await, ask));
    }
    birthday.has_come(house).await;
    for (whom, code, ask) in codes.iter().rev() {
        let answer = THE_PORTAL.token(house, &ask.redemption(code)).await;
        if *whom == lot {
            assert_eq!(answer.0, 200, "{}", answer.1);
        } else {
            assert_refused(&answer, "invalid_grant");
        }
    }
    // Pages that were open at midnight.
    for (whom, page, ask) in &pages {
        assert_eq!(page.heading(), FOR_WHOM);
        let answered = browser.submit(page, "for-whom-form", &[("whom", whom)]).await;
        if *whom == lot {
            THE_PORTAL.redeem(house, ask, &code_of(&answered)).await;
        } else {
            assert_eq!(answered.status, 422);
            for (name, stands) in [("Sam", false), ("Kim", false), ("Oma", false), ("Lot", true)] {
                assert_eq!(answered.body.contains(&format!("Voor {name}")), stands, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn m8_f15_portals_hear_at_midnight_that_their_user_may_act_no_longer() {
    let (ears, tables) = Ears::open().await;
    let evening = Evening::with(tables).await;
    let (house, birthday) = (&evening.house, &evening.birthday);
    let sam = evening.listed_at(&ALSO).await;
    let told = evening.acts_at(&TOLD, &evening.listed_at(&TOLD).await.concat()).await;
    let sid = &told.claims["sid"];
    evening.youngest();
    let lot = evening.listed_at(&ALSO).await.into_iter().find(|sub| !sam.contains(sub)).unwrap();
    let goes_on = evening.acts_at(&ALSO, &lot).await;
    birthday.is_in(house, 600).await;
    assert_eq!(ALSO.refresh(house, goes_on.text("refresh_token")).await.0, 200, "a visit");
    assert!(ears.so_far(TOLD).is_empty());
    birthday.has_come(house).await;
    let heard = ears.of(TOLD, sid, 1).await;
    assert_eq!(claims(&heard[0])["sub"], told.claims["sub"]);
    settled(house).await;
    assert!(ears.so_far(ALSO).is_empty(), "who is eight may still be acted for");
    let hers = "SELECT COUNT(*) FROM audit WHERE event = 'logout.notice' AND (actor IS NOT NULL OR represented IS NOT NULL)";
    assert_eq!(house.query(hers), ["0"]);
    assert_refused(&TOLD.refresh(house, told.text("refresh_token")).await, "invalid_grant");
    assert_eq!(
        refreshed(house, &evening.tokens).await.claims["sid"],
        evening.tokens.claims["sid"],
        "the session goes on"
    );
    assert_eq!(ears.so_far(TOLD).len(), 1, "once");
}

#[tokio::test]
async fn f15_a_session_that_cannot_be_read_keeps_no_portal_of_another_from_hearing() {
    let (ears, tables) = Ears::open().await;
    let evening = Evening::with(tables).await;
    let (house, other) = (&evening.house, Browser::new());
    let ask = ALSO.ask().with("scope", "openid act_as");
    let sam = listed(&digid_again(house, &other, &evening.bsn, "Midden", &ALSO, &ask).await).concat();
    let ask = ask.with("act_as", &sam);
    let code = ALSO.code(house, &other, &ask).await;
    let spoilt = ALSO.redeem(house, &ask, &code).await;
    let told = evening.acts_at(&TOLD, &evening.listed_at(&TOLD).await.concat()).await;
    let sid = spoilt.claims["sid"].as_str().unwrap();
    assert_eq!(
        house.query(&format!("SELECT COUNT(*) FROM grants WHERE sid = '{sid}' AND acts_for IS NOT NULL")),
        ["1"]
    );
    change(house, &format!("UPDATE ephemeral SET body = x'00' WHERE name = '{sid}'"));
    evening.birthday.has_come(house).await;
    ears.of(TOLD, &told.claims["sid"], 1).await;
    assert!(ears.so_far(ALSO).is_empty(), "nobody knows");
}

/// A parent in a session for a child by the word of the register, and a portal that wants to hear.
async fn for_a_child(ears_tables: &'static str) -> (representation::Family, Birthday, Browser, Tokens) {
    let routed = stsaml::routed();
    let tables = format!("{}{ears_tables}", routed.tables);
    let family = representation::Family::at_home(Options { tables: tables.leak(), ..routed }).await;
    let birthday = Birthday::comes();
    family.house.set_birth_date(&family.child.1, &birthday.of(12));
    birthday.is_in(&family.house, 600).await;
    let browser = Browser::new();
    family.in_for_child(&browser).await;
    let told = TOLD.sign_on(&family.house, &browser, "openid act_as").await;
    representation::assert_one(&told.claims);
    (family, birthday, browser, told)
}

#[tokio::test]
async fn m8_m14_what_passed_while_the_server_was_down_is_told_at_its_start() {
    let (ears, tables) = Ears::open().await;
    let (mut family, birthday, _browser, told) = for_a_child(tables).await;
    family.house.kill();
    birthday.has_come(&family.house).await;
    assert!(ears.so_far(TOLD).is_empty());
    family.house.open_doors();
    ears.of(TOLD, &told.claims["sid"], 1).await;
    assert_refused(&TOLD.refresh(&family.house, told.text("refresh_token")).await, "invalid_grant");
}

#[tokio::test]
async fn m9_m14_a_block_of_who_acts_by_the_registers_word_reaches_their_portal() {
    let (ears, tables) = Ears::open().await;
    let (family, _birthday, browser, told) = for_a_child(tables).await;
    let house = &family.house;
    let other = Desk::of(house).person("Bert", None, Some(&fresh_bsn()));
    family.desk("block", &other, &family.child.1);
    let looked = "SELECT COUNT(*) FROM grants WHERE acts_for IS NOT NULL AND look_at <= (SELECT MAX(placed_at) FROM blocks)";
    until("a look at them", || (house.query(looked) == ["0"]).then_some(())).await;
    assert!(ears.so_far(TOLD).is_empty(), "a block of somebody else is none of theirs");
    family.desk("block", &family.parent.1, &family.child.1);
    ears.of(TOLD, &told.claims["sid"], 1).await;
    drop(browser);
}

#[tokio::test]
async fn m8_a_clock_that_is_set_back_revives_nothing() {
    let evening = Evening::with("").await;
    let (house, browser, midnight) = (&evening.house, &evening.browser, evening.birthday.midnight);
    let ask = THE_PORTAL.ask().with("scope", "openid act_as");
    let old = THE_PORTAL.code(house, browser, &ask).await;
    let before = refreshed(house, &evening.tokens).await;
    evening.birthday.is_in(house, 300).await;
    let (status, _) = userinfo(house, before.text("access_token")).await;
    assert_eq!(status, 401, "it lived for five minutes");
    evening.birthday.has_come(house).await;
    let young = THE_PORTAL.code(house, browser, &ask).await;
    let after = refreshed(house, &before).await;
    assert_eq!(after.claims["act_as"], json!([]));

    house.set_clock(midnight.plus(-3600)).await;
    assert_eq!(userinfo(house, before.text("access_token")).await.0, 401);
    assert_eq!(THE_PORTAL.introspect(house, before.text("access_token")).await, json!({"active": false}));
    assert_refused(&THE_PORTAL.token(house, &ask.redemption(&old)).await, "invalid_grant");
    let again = refreshed(house, &after).await;
    assert_eq!(again.claims["act_as"], json!([]), "nobody is eleven again");
    // What lives goes on.
    let redeemed: Value = THE_PORTAL.redeem(house, &ask, &young).await.claims;
    assert_eq!(redeemed["act_as"], json!([]));
    assert_eq!(userinfo(house, again.text("access_token")).await.0, 200);
    let refused = asking(&listed(&evening.tokens).concat()).with("prompt", "none");
    assert_error(house, &browser.get(&refused.url(house)).await, &refused, "access_denied");
}

/// A mother and, at a mailbox of their own, her child of eleven, whose birthday comes in three weeks.
struct Mailed {
    house: House,
    birthday: Birthday,
    bsn: String,
    mother: String,
    child: String,
}

const CHILD: &str = "kind@voorbeeld.nl";

impl Mailed {
    async fn at_home() -> Self {
        let (house, birthday) = (House::start().await, Birthday::in_days(21));
        let (desk, bsn) = (Desk::of(&house), fresh_bsn());
        let mother = desk.person("Anna", None, Some(&bsn));
        digid_account(&house, &Browser::new(), &bsn, MOTHER).await;
        register(&house, &Browser::new(), CHILD).await;
        let child = person_of(&house, CHILD);
        let birth = birthday.of(12);
        change(&house, &format!("UPDATE persons SET name = 'Sam', birth = '{birth}' WHERE id = '{child}'"));
        let mailed = Self { house, birthday, bsn, mother, child };
        assert_eq!([mailed.so_far(MOTHER), mailed.so_far(CHILD)], [Vec::<String>::new(), Vec::new()]);
        Desk::of(&mailed.house).mandate(&Form::parent(&mailed.mother, &mailed.child));
        for to in [MOTHER, CHILD] {
            mailed.come(to, 1).await;
        }
        mailed
    }

    /// The first sentences of the mails to somebody about mandates.
    fn so_far(&self, to: &str) -> Vec<String> {
        let first = |mail: &String| mail.split('.').next().unwrap().trim().to_owned();
        self.house.mandate_mails(to).iter().map(first).collect()
    }

    /// The same, when there are so many.
    async fn come(&self, to: &str, count: usize) -> Vec<String> {
        until(&format!("{count} mails to {to}"), || Some(self.so_far(to)).filter(|all| all.len() >= count))
            .await
    }
}

#[tokio::test]
async fn m4_f3_both_are_mailed_at_the_beginning_two_weeks_before_the_end_and_at_it_once_each() {
    let mailed = Mailed::at_home().await;
    let (house, day) = (&mailed.house, told_day(mailed.birthday.midnight, Lang::Nl));
    let mut mothers = vec!["U kunt nu inloggen voor Sam".to_owned()];
    let mut childs = vec!["Anna kan nu voor jou inloggen".to_owned()];
    assert_eq!((mailed.so_far(MOTHER), mailed.so_far(CHILD)), (mothers.clone(), childs.clone()));
    mailed.birthday.is_in(house, 14 * 86_400).await;
    mothers.push(format!("Vanaf {day} kunt u niet meer inloggen voor Sam"));
    childs.push(format!("Vanaf {day} kan Anna niet meer voor jou inloggen"));
    assert_eq!(
        (mailed.come(MOTHER, 2).await, mailed.come(CHILD, 2).await),
        (mothers.clone(), childs.clone())
    );
    mailed.birthday.has_come(house).await;
    mothers.push(format!("Sinds {day} kunt u niet meer inloggen voor Sam"));
    childs.push(format!("Sinds {day} kan Anna niet meer voor jou inloggen"));
    assert_eq!(
        (mailed.come(MOTHER, 3).await, mailed.come(CHILD, 3).await),
        (mothers.clone(), childs.clone())
    );
    let last = house.mandate_mails(CHILD).pop().unwrap().replace("\r\n", " ").replace('\n', " ");
    for says in
        ["beslis je daar zelf over mee", "aan de balie van je zorgverlener", CHILD, "Mijn account", "kenmerk"]
    {
        assert!(last.contains(says), "{says}: {last}");
    }
    // Others are looked at after these, and these no more.
    let desk = Desk::of(house);
    let youngest = desk.person("Lot", Some(&mailed.birthday.of(8)), None);
    desk.mandate(&Form::parent(&mailed.mother, &youngest));
    mothers.push("U kunt nu inloggen voor Lot".to_owned());
    assert_eq!(mailed.come(MOTHER, 4).await, mothers);
    assert_eq!(mailed.so_far(CHILD), childs);
    assert_eq!(house.query("SELECT COUNT(*) FROM mandate_mails WHERE due IS NOT NULL"), ["0"]);
}

#[tokio::test]
async fn a_mail_that_cannot_be_made_loses_no_other() {
    let mailed = Mailed::at_home().await;
    // Made at one look, and claimed at once: hers cannot be addressed.
    change(&mailed.house, &format!("UPDATE accounts SET email = 'nobody' WHERE email = '{MOTHER}'"));
    mailed.birthday.is_in(&mailed.house, 14 * 86_400).await;
    mailed.come(CHILD, 2).await;
    let waits = "SELECT COUNT(*) FROM mandate_mails WHERE due IS NOT NULL";
    until("hers to be put off", || (mailed.house.query(waits) == ["1"]).then_some(())).await;
    change(&mailed.house, &format!("UPDATE accounts SET email = '{MOTHER}' WHERE email = 'nobody'"));
    mailed.birthday.is_in(&mailed.house, 13 * 86_400).await;
    mailed.come(MOTHER, 2).await;
}

/// With a block, too: whoever is kept out hears what they would after a revocation, which is nothing.
#[tokio::test]
async fn m9_what_passed_while_the_server_was_down_is_mailed_and_nothing_ahead_of_it_and_no_block_shows() {
    let mut mailed = Mailed::at_home().await;
    let english = THE_PORTAL.ask().with("ui_locales", "en");
    digid_again(&mailed.house, &Browser::new(), &mailed.bsn, "Midden", &THE_PORTAL, &english).await;
    let block = ["mandates", "block", "--representative", &mailed.mother, "--represented", &mailed.child];
    mailed.house.ok(&[block.as_slice(), &["--by", "balie1", "--reason", "melding"]].concat());
    mailed.house.kill();
    mailed.birthday.has_come(&mailed.house).await;
    mailed.house.open_doors();
    let day = told_day(mailed.birthday.midnight, Lang::Nl);
    let childs =
        ["Anna kan nu voor jou inloggen", &format!("Sinds {day} kan Anna niet meer voor jou inloggen")];
    assert_eq!(mailed.come(CHILD, 2).await, childs);
    // The twin: of whom they may act for they hear, in their language.
    let youngest = Desk::of(&mailed.house).person("Lot", Some(&mailed.birthday.of(8)), None);
    Desk::of(&mailed.house).mandate(&Form::parent(&mailed.mother, &youngest));
    let mothers = ["U kunt nu inloggen voor Sam", "You can now log in for Lot"];
    assert_eq!(mailed.come(MOTHER, 2).await, mothers);
    assert_eq!(mailed.house.query("SELECT COUNT(*) FROM mandate_mails WHERE what = 'ending'"), ["0"]);
}
