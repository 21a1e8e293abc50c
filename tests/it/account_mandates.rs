//! "Machtigingen" and "Wie heeft iets gewijzigd" at "Mijn account" (M4, M5, M7, M9, M12, docs/adr/0042).

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    account::at,
    bad_input::{BENDS, Bend, bent},
    bad_input_doors::kept,
    bad_input_sweep::assert_swept,
    browser::Browser,
    chooser::asking,
    family::{FATHER, KIM, MOTHER, One, family, stale_session},
    house::{CALLBACK, House},
    mandates_desk::{Desk, Form, born, days},
    notify::until,
    oidc_client::{CLIENTS, THE_PORTAL, refreshed},
    portal::{at_digid, log_in, press_digid},
};

const ASKED: &str = "Je bent 12. Jij beslist nu mee. Mag Anna meekijken?";

#[tokio::test]
async fn m12_who_may_act_for_whom_is_shown_to_these_two_only_and_no_block_is() {
    let family = family().await;
    let (house, desk) = (&family.house, Desk::of(&family.house));
    let sam = desk.person("Sam", Some(&born(8, 0)), None);
    let lot = desk.person("Lot", Some(&born(5, 0)), None);
    let sams = desk.mandate(&Form::parent(&family.mother.person, &sam));
    let lots = desk.mandate(&Form::parent(&family.mother.person, &lot));
    desk.registered(&Form::parent(&family.father.person, &sam));
    let before = family.mother.page(house).await;
    let year = |born: String| born[..4].to_owned();
    for named in [format!("Sam ({})", year(born(8, 0))), format!("Lot ({})", year(born(5, 0)))] {
        assert!(before.body.contains(&named), "{named}: {}", before.body);
    }
    assert!(before.text("given-none").is_some() && !before.body.contains("Bert"), "{}", before.body);
    let fathers = family.father.page(house).await;
    assert!(fathers.body.contains("De balie moet er nog naar kijken") && !fathers.body.contains("Lot"));
    // Nobody is told of whom it is before somebody else looked: it may name the wrong people.
    assert!(!fathers.body.contains("Sam"), "{}", fathers.body);
    assert!(before.headers["cache-control"] == "no-store");
    // A block, and a revocation, are nothing that is there any more: of one kind, and of the other.
    let keep_out = ["--representative", &family.mother.person, "--represented", &sam];
    let block = ["mandates", "block", "--by", "balie1", "--reason", "melding"];
    house.ok(&[&block[..], &keep_out[..]].concat());
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &lots]);
    let after = family.mother.page(house).await;
    for name in ["Sam", "Lot"] {
        assert!(!after.body.contains(name), "{name}: {}", after.body);
    }
    assert!(after.body.contains("Kim") && family.mother.acts_for(house).await == 0);
    // What is posted about the one and the other is answered alike, and changes nothing.
    let (csrf, stored) = (family.mother.csrf(house).await, kept(house));
    for what in ["stop", "agree", "refuse"] {
        let told = [&sams, &lots, "nobody"].map(|id| family.mother.posts(house, what, &csrf, id));
        for told in join_all(told).await {
            assert_eq!(told.location().unwrap().path(), "/account/mandates", "{what}");
        }
    }
    let new: Vec<String> =
        kept(house).difference(&stored).filter(|row| row.contains("mandates")).cloned().collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(!family.mother.log(house).await.contains("Sam"));
    let lift = ["mandates", "unblock", "--by", "balie2"];
    house.ok(&[&lift[..], &keep_out[..]].concat());
    assert!(family.mother.page(house).await.body.contains("Sam"));
}

/// A mother who is kept out of the record of a child of twelve, whose own yes is asked: she sees, and may do, what she would after a revocation.
#[tokio::test]
async fn m9_m12_a_block_is_no_other_than_a_revocation_to_whom_it_keeps_out_whatever_they_post() {
    let family = family().await;
    let (house, mother, father) = (&family.house, &family.mother, &family.father);
    let asked = || async { mother.page(house).await.body.contains("held-agree-1") };
    let pair = ["--representative", &mother.person, "--represented", &family.kim.person];
    let block = |what: &str, by: &str, more: &[&str]| {
        house.ok(&[&["mandates", what, "--by", by], more, &pair[..]].concat());
    };
    let csrf = mother.csrf(house).await;
    let sees = async || {
        let mut all = Vec::new();
        for what in ["agree", "refuse", "stop"] {
            let told = mother.posts(house, what, &csrf, &family.mandate).await;
            all.push(format!("{} {} {}", told.status, told.location().unwrap(), told.body));
        }
        let overview = mother.browser.get(&at(house, "/account")).await;
        for page in [mother.page(house).await, overview] {
            all.push(page.body.replace(&csrf, ""));
        }
        all.push(mother.log(house).await);
        all.push(mother.acts_for(house).await.to_string());
        // One who is no party to it hears the same.
        let told = mother.posts(house, "agree", &csrf, "nobody").await;
        all.push(format!("{} {} {}", told.status, told.location().unwrap(), told.body));
        assert_eq!(all[0], all[7], "as of one that there is not");
        all
    };
    assert!(asked().await, "her word is asked");
    block("block", "balie1", &["--reason", "melding"]);
    let blocked = sees().await;
    assert!(family.words().is_empty(), "{:?}", family.words());
    assert_eq!(house.count("mandates WHERE revoked_at IS NOT NULL"), 0);
    block("unblock", "balie2", &[]);
    assert!(asked().await, "lifted, it is asked as before");
    house.ok(&["mandates", "revoke", "--by", "balie1", "--", &family.mandate]);
    assert_eq!(sees().await, blocked, "a block, and a revocation");
    assert!(family.words().is_empty(), "{:?}", family.words());
    // The twin: of a parent who is not kept out the same word is heard.
    father.posts(house, "agree", &father.csrf(house).await, &family.other).await;
    assert_eq!(family.words(), ["representative agreed"]);
}

#[tokio::test]
async fn m7_below_the_level_nobody_is_looked_up_and_digid_is_offered() {
    let family = family().await;
    let (house, mother) = (&family.house, &family.mother);
    let browser = Browser::new();
    log_in(house, &browser, MOTHER, 2).await;
    for path in ["/account/mandates", "/account/mandates/agree"] {
        let choose = browser.visit(&at(house, path), CALLBACK).await;
        assert!(choose.url.path().starts_with("/login/"), "{}", choose.url);
        assert!(!choose.body.contains("Kim") && !choose.body.contains("email-form"), "{}", choose.body);
    }
    let overview = browser.get(&at(house, "/account")).await;
    let csrf = overview.form("everywhere-form").1["csrf"].clone();
    for what in ["agree", "refuse", "stop"] {
        let url = at(house, &format!("/account/mandates/{what}"));
        let told = browser.post(&url, &[("csrf", &csrf), ("mandate", &family.mandate)]).await;
        assert!(told.location().unwrap().path().starts_with("/account/mandates"), "{what}");
    }
    assert!(family.words().is_empty());
    assert_eq!(house.query("SELECT COUNT(*) FROM mandates WHERE revoked_at IS NOT NULL"), ["0"]);
    let log = browser.get(&at(house, "/account/log")).await;
    assert!(log.text("without-mandates").is_some() && !log.body.contains("Kim"), "{}", log.body);
    // Somebody else's DigiD does not open it; one's own does.
    for (bsn, opens) in [(&family.father.bsn, false), (&mother.bsn, true)] {
        let choose = browser.visit(&at(house, "/account/mandates"), CALLBACK).await;
        let page = at_digid(&browser, &press_digid(&browser, &choose).await, bsn, &[]).await;
        let page = browser.follow(page, CALLBACK).await;
        assert_eq!(page.body.contains("Kim"), opens, "{}", page.body);
        if !opens {
            log_in(house, &browser, MOTHER, 3).await;
        }
    }
}

#[tokio::test]
async fn m4_at_twelve_the_child_decides_and_may_change_their_mind_and_the_parent_agrees_too() {
    let family = family().await;
    let (house, mother, kim) = (&family.house, &family.mother, &family.kim);
    let begun = || [MOTHER, KIM].map(|to| house.mandate_mails(to).len());
    assert_eq!(begun(), [0, 0]);
    let asked = kim.page(house).await;
    let n = family.annas().await;
    assert!(asked.text(&format!("given-{n}")).unwrap().contains(ASKED), "{}", asked.body);
    let silent = mother.page(house).await.text("held-1").unwrap();
    assert!(silent.contains("Dat heeft u nog niet gedaan"), "{silent}");
    assert_eq!(mother.acts_for(house).await, 0);
    // The child first, then the parent.
    let said = kim.presses(house, &format!("agree-{n}")).await;
    let waits = said.text(&format!("given-{n}")).unwrap();
    assert!(waits.contains("De ander moet ook nog ja zeggen"), "{waits}");
    assert_eq!(mother.page(house).await.text("held-1").unwrap(), silent, "what a child said is not told");
    assert_eq!(mother.acts_for(house).await, 0);
    let agreed = mother.presses(house, "held-agree-1").await.text("held-1").unwrap();
    assert!(agreed.contains("U mag in dit dossier kijken."), "{agreed}");
    until("the mails that it has begun", || (begun() == [1, 1]).then_some(())).await;
    assert!(house.mandate_mails(MOTHER).concat().starts_with("U kunt nu inloggen voor Kim."));
    let told = refreshed(house, &mother.tokens).await;
    let kims = told.claims["act_as"][0]["sub"].as_str().unwrap().to_owned();
    let for_kim = {
        let ask = asking(&kims).with("prompt", "none");
        let code = THE_PORTAL.code(house, &mother.browser, &ask).await;
        THE_PORTAL.redeem(house, &ask, &code).await
    };
    assert!(!agreed.is_empty() && family.father.acts_for(house).await == 0, "Bert's is another");
    // A no works at once: refresh and introspection deny, and the parent sees that it waits, no more.
    let refused = kim.presses(house, &format!("refuse-{n}")).await;
    assert!(refused.text(&format!("given-{n}")).unwrap().contains("Je hebt nee gezegd"), "{}", refused.body);
    assert_eq!(THE_PORTAL.refresh(house, for_kim.text("refresh_token")).await.1["error"], "invalid_grant");
    let worth = THE_PORTAL.introspect(house, for_kim.text("access_token")).await;
    assert_eq!(worth["active"], json!(false), "{worth}");
    assert_eq!(mother.acts_for(house).await, 0);
    let waits = mother.page(house).await.text("held-1").unwrap();
    assert!(waits.contains("Dit wacht op toestemming.") && !waits.contains("nee"), "{waits}");
    let hers = mother.log(house).await;
    assert!(hers.contains("Ja gezegd tegen een machtiging") && !hers.contains("Nee gezegd"), "{hers}");
    let own = kim.log(house).await;
    assert!(own.contains("Nee gezegd tegen een machtiging. Door: uzelf"), "{own}");
    assert!(own.contains("Ja gezegd tegen een machtiging. Door: Anna"), "{own}");
    // It is theirs to change, also where somebody at the desk heard the no.
    family.kim_agrees().await;
    assert_eq!(mother.acts_for(house).await, 1);
    Desk::of(house).hear("withdraw", &family.mandate, "represented");
    assert_eq!(mother.acts_for(house).await, 0);
    family.kim_agrees().await;
    assert_eq!(mother.acts_for(house).await, 1);
    assert_eq!(begun(), [1, 1], "that it begins is told once, and no word: families share a mailbox");
    let roles =
        "SELECT DISTINCT role || ' ' || outcome FROM audit WHERE event = 'mandate.answered' ORDER BY 1";
    assert_eq!(house.query(roles), ["patient agreed", "patient withdrawn", "representative agreed"]);
    // At sixteen it is over, for both.
    let csrf = mother.csrf(house).await;
    house.set_birth_date(&kim.person, &born(16, 0));
    let (held, given) = (mother.page(house).await, kim.page(house).await);
    assert!(
        held.text("held-where").is_none()
            && held.text("held-none").is_some()
            && given.text("given-none").is_some(),
        "{}",
        given.body
    );
    assert!(given.body.contains("in uw dossier"), "of sixteen and older: u");
    let before = house.query("SELECT COUNT(*) FROM consents");
    mother.posts(house, "agree", &csrf, &family.mandate).await;
    assert_eq!(house.query("SELECT COUNT(*) FROM consents"), before);
}

#[tokio::test]
async fn m4_nobody_answers_in_a_childs_place_nor_by_a_forged_form() {
    let family = family().await;
    let (house, kim) = (&family.house, &family.kim);
    let (kims, mothers) = (kim.csrf(house).await, family.mother.csrf(house).await);
    // A parent's yes is a parent's, and a parent says no to nothing in a child's place; nor does another parent say anything.
    for what in ["refuse", "stop"] {
        family.father.posts(house, what, &family.father.csrf(house).await, &family.mandate).await;
    }
    family.father.posts(house, "agree", &family.father.csrf(house).await, &family.mandate).await;
    family.mother.posts(house, "refuse", &mothers, &family.mandate).await;
    assert!(family.words().is_empty(), "{:?}", family.words());
    family.mother.posts(house, "agree", &mothers, &family.mandate).await;
    family.mother.posts(house, "agree", &mothers, &family.mandate).await;
    assert_eq!(family.words(), ["representative agreed"]);
    assert_eq!(family.mother.acts_for(house).await, 0);
    // A child does not end for good what only waits for their yes.
    kim.posts(house, "stop", &kims, &family.mandate).await;
    assert_eq!(house.query("SELECT COUNT(*) FROM mandates WHERE revoked_at IS NOT NULL"), ["0"]);
    for what in ["agree", "refuse", "stop"] {
        for token in ["", mothers.as_str()] {
            let told = kim.posts(house, what, token, &family.mandate).await;
            assert_eq!(told.status, StatusCode::FORBIDDEN, "{what}");
        }
        let url = at(house, &format!("/account/mandates/{what}"));
        for (header, value) in [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")] {
            let sent = kim.browser.request(Method::POST, &url).header(header, value);
            let told = kim.browser.send(sent.form(&[("csrf", &kims), ("mandate", &family.mandate)])).await;
            assert_eq!(told.status, StatusCode::FORBIDDEN, "{what} {header}");
        }
        let nobody = Browser::new().post(&url, &[("csrf", &kims), ("mandate", &family.mandate)]).await;
        assert!(nobody.location().unwrap().path().starts_with("/account/mandates"), "{what}");
        // An address from a mail or a page of somebody else does nothing by itself.
        let told = kim.browser.get(&format!("{url}?mandate={}", family.mandate)).await;
        assert_eq!(told.location().unwrap().path(), "/account/mandates", "{what}");
    }
    assert_eq!(family.words(), ["representative agreed"]);
    kim.posts(house, "agree", &kims, &family.mandate).await;
    assert_eq!((family.words().len(), family.mother.acts_for(house).await), (2, 1), "the twin");
}

#[tokio::test]
async fn what_gives_access_takes_a_login_of_just_now_and_what_takes_it_away_does_not() {
    let family = family().await;
    let house = &family.house;
    let cookies = stale_session(house, &family.kim).await;
    let browser = Browser::new();
    let url = at(house, "/account/mandates");
    let page = browser.send(browser.request(Method::GET, &url).header("cookie", &cookies)).await;
    assert!(page.text("again").is_some() && !page.body.contains("id=\"agree-1\""), "{}", page.body);
    let (_, mut form) = page.form("refuse-1");
    form.insert("mandate".to_owned(), family.mandate.clone());
    let post = async |what: &str| {
        let sent = browser.request(Method::POST, &format!("{url}/{what}")).header("cookie", &cookies);
        browser.send(sent.header("origin", &house.issuer).form(&form)).await
    };
    let agreed = post("agree").await;
    assert_eq!(agreed.location().unwrap().path(), "/account/mandates/agree");
    assert!(family.words().is_empty());
    let link =
        browser.send(browser.request(Method::GET, &format!("{url}/agree")).header("cookie", &cookies)).await;
    assert!(link.location().unwrap().path().starts_with("/login/"), "{:?}", link.location());
    let refused = post("refuse").await;
    assert_eq!(refused.location().unwrap().path(), "/account/mandates");
    assert_eq!(family.words(), ["represented withdrawn"]);
    // The twin: a login of just now.
    family.kim_agrees().await;
    let words: std::collections::BTreeSet<String> = family.words().into_iter().collect();
    assert_eq!(words, ["represented agreed", "represented withdrawn"].map(str::to_owned).into());
}

#[tokio::test]
async fn m5_m6_whoever_gave_it_or_has_it_stops_it_at_once_and_for_good() {
    let house = House::with(CLIENTS).await;
    let (bert, daughter) = (
        One::of(&house, ("Bert", Some(&born(80, 0))), FATHER).await,
        One::of(&house, ("Anna", None), MOTHER).await,
    );
    let desk = Desk::of(&house);
    let grant = desk.mandate(&Form::grant(&daughter.person, &bert.person, &days(300)));
    let court = Form::parent(&daughter.person, &bert.person);
    let court = desk.mandate(&court.with("--relation", "curator").with("--evidence", "court_order"));
    let told = refreshed(&house, &daughter.tokens).await;
    let berts = told.claims["act_as"][0]["sub"].as_str().unwrap().to_owned();
    let ask = asking(&berts).with("prompt", "none");
    let code = THE_PORTAL.code(&house, &daughter.browser, &ask).await;
    let for_bert = THE_PORTAL.redeem(&house, &ask, &code).await;
    let page = bert.page(&house).await;
    assert!(page.body.contains("Anna (gemachtigde)") && page.body.contains("Mag in uw dossier kijken tot"));
    let csrf = bert.csrf(&house).await;
    // What a court decided is not theirs to stop, nor theirs to say no to what they gave: that is stopping it.
    bert.posts(&house, "stop", &csrf, &court).await;
    bert.posts(&house, "refuse", &csrf, &grant).await;
    bert.posts(&house, "refuse", &csrf, &court).await;
    // Registered within one second they stand in any order.
    let mut standings = desk.standings(&bert.person);
    standings.sort();
    assert_eq!(standings, ["active", "awaiting_basis"]);
    // Fifty at once: one ends it, and each of the two has one mail.
    join_all((0..50).map(|_| bert.posts(&house, "stop", &csrf, &grant))).await;
    assert_eq!(house.query("SELECT COUNT(*) FROM audit WHERE event = 'mandate.stopped'"), ["1"]);
    for to in [FATHER, MOTHER] {
        let stopped = || house.mandate_mails(to).into_iter().filter(|mail| mail.contains("is gestopt"));
        let mails = until("the mail that it stopped", || {
            Some(stopped().collect::<Vec<_>>()).filter(|mails| !mails.is_empty())
        })
        .await;
        let mail = mails.last().unwrap();
        assert!(
            mails.len() == 1 && mail.contains(&format!("Een machtiging van uw account {to} is gestopt")),
            "{mails:?}"
        );
        assert!(!mail.contains("Anna") && !mail.contains("Bert") && !mail.contains("http"), "{mail}");
    }
    assert_eq!(THE_PORTAL.refresh(&house, for_bert.text("refresh_token")).await.1["error"], "invalid_grant");
    assert_eq!(daughter.acts_for(&house).await, 0);
    let row = format!(
        "SELECT role || ' ' || outcome FROM audit WHERE event = 'mandate.stopped' AND detail = '{grant}'"
    );
    assert_eq!(house.query(&row), ["patient ok"]);
    assert!(!bert.page(&house).await.body.contains("gemachtigde"));
    // Who acts stops what they have, a court's too.
    let hers = daughter.page(&house).await;
    daughter.browser.submit(&hers, "held-stop-1", &[]).await;
    assert!(daughter.page(&house).await.text("held-none").is_some());
    let row = format!(
        "SELECT role || ' ' || outcome FROM audit WHERE event = 'mandate.stopped' AND detail = '{court}'"
    );
    assert_eq!(house.query(&row), ["representative ok"]);
    let log = bert.log(&house).await;
    assert!(
        log.contains("Een machtiging gestopt. Door: uzelf")
            && log.contains("Een machtiging gestopt. Door: Anna"),
        "{log}"
    );
    assert!(daughter.log(&house).await.contains("Een machtiging gestopt (voor Bert). Door: uzelf"));
}

#[tokio::test]
async fn m4_a_no_during_token_requests_leaves_no_token_for_the_child() {
    let family = family().await;
    let (house, mother, kim) = (&family.house, &family.mother, &family.kim);
    let (csrf, mothers) = (kim.csrf(house).await, mother.csrf(house).await);
    kim.posts(house, "agree", &csrf, &family.mandate).await;
    mother.posts(house, "agree", &mothers, &family.mandate).await;
    let told = refreshed(house, &mother.tokens).await;
    let kims = told.claims["act_as"][0]["sub"].as_str().unwrap().to_owned();
    let mut grants = Vec::new();
    for _ in 0..8 {
        let ask = asking(&kims).with("prompt", "none");
        let code = THE_PORTAL.code(house, &mother.browser, &ask).await;
        grants.push(THE_PORTAL.redeem(house, &ask, &code).await);
    }
    let refreshes = join_all(grants.iter().map(|one| THE_PORTAL.refresh(house, one.text("refresh_token"))));
    let (answers, _) = tokio::join!(refreshes, kim.posts(house, "refuse", &csrf, &family.mandate));
    for (status, body) in answers {
        if status == 200 {
            let worth = THE_PORTAL.introspect(house, body["access_token"].as_str().unwrap()).await;
            assert_eq!(worth["active"], json!(false), "{worth}");
            let again = THE_PORTAL.refresh(house, body["refresh_token"].as_str().unwrap()).await;
            assert_eq!(again.1["error"], "invalid_grant");
        } else {
            assert_eq!(body["error"], "invalid_grant");
        }
    }
    assert_eq!(mother.acts_for(house).await, 0);
}

#[tokio::test]
async fn of_many_answers_at_once_each_is_kept_once() {
    let family = family().await;
    let csrf = family.kim.csrf(&family.house).await;
    for what in ["agree", "refuse"] {
        join_all((0..50).map(|_| family.kim.posts(&family.house, what, &csrf, &family.mandate))).await;
    }
    // The fifty that agreed are more than may be in an hour, but they are one word.
    assert_eq!(family.words(), ["represented agreed", "represented withdrawn"]);
    assert_eq!(family.house.query("SELECT COUNT(*) FROM audit WHERE event = 'mandate.answered'"), ["2"]);
}

#[tokio::test]
async fn m9_ones_own_log_says_who_did_what_and_nothing_of_a_block() {
    let family = family().await;
    let (house, kim, mother) = (&family.house, &family.kim, &family.mother);
    let log = kim.log(house).await;
    for line in [
        "Account gemaakt. Door: uzelf",
        "Ingelogd met DigiD",
        "Een machtiging opgeschreven. Door: een medewerker",
        "Een machtiging goedgekeurd. Door: een medewerker",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(!log.contains("balie1"), "{log}");
    let before = [kim.log(house).await, mother.log(house).await];
    let pair = ["--representative", &mother.person, "--represented", &kim.person];
    house.ok(&[&["mandates", "block", "--by", "balie1", "--reason", "melding"][..], &pair[..]].concat());
    house.ok(&[&["mandates", "unblock", "--by", "balie2"][..], &pair[..]].concat());
    assert_eq!([kim.log(house).await, mother.log(house).await], before);
    // What the desk heard of a child is in the child's log, and not in a parent's.
    Desk::of(house).hear("withdraw", &family.mandate, "represented");
    assert_eq!(mother.log(house).await, before[1]);
    assert!(kim.log(house).await.contains("Nee gezegd tegen een machtiging. Door: een medewerker"));
    // Page by page, newest first, each line once.
    for _ in 0..25 {
        for word in ["withdraw", "consent"] {
            Desk::of(house).hear(word, &family.other, "represented");
        }
    }
    let (mut url, mut pages, mut lines) = (at(house, "/account/log"), 0, Vec::new());
    loop {
        let page = kim.browser.get(&url).await;
        pages += 1;
        lines.extend(page.body.matches("<li>").map(str::to_owned));
        let Some(older) = page.link("older") else { break };
        url = older.to_string();
        assert!(pages < 10);
    }
    let told = format!(
        "SELECT COUNT(*) FROM audit WHERE (actor = '{0}' OR represented = '{0}') AND outcome IN ('ok', 'agreed', 'withdrawn') \
         AND event NOT IN ('token.issued', 'token.refreshed', 'mandate.blocked', 'mandate.unblocked', 'person.found', 'person.shown')",
        kim.person
    );
    assert!(pages == 2 && lines.len().to_string() == house.query(&told).concat(), "{pages} {}", lines.len());
}

#[tokio::test]
async fn every_field_of_the_forms_about_mandates_bent_is_refused_and_changes_nothing() {
    let family = family().await;
    let (house, kim) = (&family.house, &family.kim);
    let csrf = kim.csrf(house).await;
    let swept = |path: &str, names: &[&'static str]| {
        let test = "every_field_of_the_forms_about_mandates_bent_is_refused_and_changes_nothing";
        assert_swept(test, path, names.iter().copied());
    };
    let fields = [("csrf", csrf.as_str()), ("mandate", &family.mandate)];
    for what in ["agree", "refuse", "stop"] {
        let path = format!("/account/mandates/{what}");
        swept(&path, if what == "agree" { &["csrf", "mandate", "error"] } else { &["csrf", "mandate"] });
        for at_field in 0..fields.len() {
            for bend in BENDS {
                let case = format!("{path} {} {bend:?}", fields[at_field].0);
                let body = bent(&fields, at_field, bend);
                if bend == Bend::Huge {
                    let raw = crate::bad_input_wire::post(house, &path, &body, "").await;
                    assert_eq!(raw.status, 413, "{case}");
                    continue;
                }
                let sent = kim.browser.request(Method::POST, &at(house, &path));
                let sent = sent.header("content-type", "application/x-www-form-urlencoded");
                let told = kim.browser.send(sent.header("origin", &house.issuer).body(body)).await;
                let harmless = at_field == 1 && told.status == StatusCode::SEE_OTHER;
                assert!(told.status == StatusCode::FORBIDDEN || harmless, "{case}: {}", told.status);
            }
        }
    }
    for (path, name) in [
        ("/account/mandates", "error"),
        ("/account/mandates/agree", "error"),
        ("/account/log", "error"),
        ("/account/log", "before"),
    ] {
        for bend in BENDS.into_iter().filter(|bend| *bend != Bend::Huge) {
            let query =
                String::from_utf8_lossy(&bent(&[(name, "1800000000.x")], 0, bend)).replace('\u{fffd}', "%ff");
            let told = kim.browser.get(&at(house, &format!("{path}?{query}"))).await;
            assert!(!told.status.is_server_error(), "{path} {bend:?}: {}", told.status);
        }
    }
    swept("/account/mandates", &["error"]);
    swept("/account/log", &["error", "before"]);
    for before in
        ["-1.x", "1e9.x", "9223372036854775807.", "9223372036854775808.x", ".", "1", "1.%00", "1.'--"]
    {
        let told = kim.browser.get(&at(house, &format!("/account/log?before={before}"))).await;
        assert_eq!(told.status, StatusCode::OK, "{before}");
    }
    assert!(family.words().is_empty(), "{:?}", family.words());
    assert_eq!(house.query("SELECT COUNT(*) FROM mandates WHERE revoked_at IS NOT NULL"), ["0"]);
}
