//! Whoever sat at a shared computer before, and noted its cookie and the address of a login that was begun there, has no part in what
//! is proven in that login afterwards (attack 9, docs/adr/0051).

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode, header::SET_COOKIE};

use crate::{
    authenticator::set_up,
    browser::{Browser, Page},
    digid_steps::{MIDDEN, bsn, register_with_digid},
    house::{CALLBACK, House, PASSWORD},
    portal::{Request, code_of, redeem, register, request},
    steps::{code_for, is_in, wrong},
};

const OWNER: &str = "jansen@voorbeeld.nl";
const NEW: &str = "een heel ander woord";

/// A browser whose cookies can be read, as somebody can who sits at it.
struct Shared {
    browser: Browser,
    cookies: BTreeMap<String, String>,
    /// What was noted before each proof.
    noted: Vec<String>,
    login: String,
}

impl Shared {
    /// Somebody opens a login there and notes what the browser holds.
    async fn open(request: &Request) -> (Self, Page) {
        let mut shared = Self {
            browser: Browser::new(),
            cookies: BTreeMap::new(),
            noted: Vec::new(),
            login: String::new(),
        };
        let page = shared.get(&request.url).await;
        let page = shared.follow(page).await;
        page.url.as_str().clone_into(&mut shared.login);
        (shared, page)
    }

    fn header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn note(&mut self) {
        self.noted.push(self.header());
    }

    fn kept(&mut self, page: Page) -> Page {
        for line in page.headers.get_all(SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
            if value.is_empty() {
                self.cookies.remove(name);
            }
        }
        page
    }

    async fn get(&mut self, url: &str) -> Page {
        let page = self.browser.get(url).await;
        self.kept(page)
    }

    async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..12 {
            match page.location() {
                Some(next) if !next.as_str().starts_with(CALLBACK) => page = self.get(next.as_str()).await,
                _ => break,
            }
        }
        page
    }

    async fn submit(&mut self, page: &Page, form: &str, typed: &[(&str, &str)]) -> Page {
        let sent = self.browser.submit(page, form, typed).await;
        let sent = self.kept(sent);
        self.follow(sent).await
    }

    /// The same where that proves something: what was noted before it finds no login any more, and the browser itself does.
    async fn prove(&mut self, page: &Page, form: &str, typed: &[(&str, &str)]) -> Page {
        self.note();
        let page = self.submit(page, form, typed).await;
        self.closed(&page).await;
        page
    }

    async fn digid(&mut self, page: &Page, form: &str, bsn: &str) -> Page {
        let there = self.submit(page, form, &[]).await;
        let typed = [("bsn", bsn), ("level", "Midden"), ("outcome", "login")];
        self.prove(&there, "digid", &typed).await
    }

    async fn closed(&self, shown: &Page) {
        assert_eq!(shown.url.as_str(), self.login, "{}", shown.heading());
        assert_eq!(shown.status, StatusCode::OK, "the browser that proved it goes on");
        let csrf = csrf(shown);
        for noted in &self.noted {
            for (method, path, fields) in doors() {
                let request = Browser::new().request(method.clone(), &format!("{}{path}", self.login));
                let mut fields = fields.to_vec();
                fields.push(("csrf", &csrf));
                let origin = shown.url.origin().ascii_serialization();
                let request = request.header("cookie", noted).header("origin", origin);
                let request = if method == Method::POST { request.form(&fields) } else { request };
                let page = Browser::new().send(request).await;
                assert_eq!(page.status, StatusCode::GONE, "{method} {path} at {}", shown.heading());
                assert!(!page.headers.contains_key(SET_COOKIE), "{method} {path}");
            }
            let id = self.login.rsplit('/').next().unwrap();
            let acs = format!(
                "{}/digid/acs?SAMLart=AAQA&RelayState={id}",
                shown.url.origin().ascii_serialization()
            );
            let request = Browser::new().request(Method::GET, &acs).header("cookie", noted);
            assert_eq!(
                Browser::new().send(request).await.status,
                StatusCode::GONE,
                "the way back from DigiD"
            );
        }
        // Nothing of it moved the login.
        let again = self.browser.get(&self.login).await;
        assert_eq!(again.heading(), shown.heading());
    }
}

/// The token of the forms of a login: the same at each of its pages, and known to whoever saw the first.
fn csrf(page: &Page) -> String {
    let (_, rest) = page.body.split_once("name=\"csrf\" value=\"").expect("a form");
    rest.split('"').next().unwrap().to_owned()
}

type Door = (Method, &'static str, &'static [(&'static str, &'static str)]);

/// Every page and form of a login.
fn doors() -> Vec<Door> {
    let mut doors: Vec<Door> = ["", "/email", "/recover", "/register", "/recovery-code"]
        .map(|path| (Method::GET, path, &[][..]))
        .into();
    let (code, none): (&[_], &[_]) = (&[("code", "123456")], &[]);
    let both: &[_] = &[("email", OWNER), ("password", "niet het goede woord")];
    let forms: [(&'static str, &'static [(&'static str, &'static str)]); 14] = [
        ("/email", both),
        ("/register", both),
        ("/link", both),
        ("/recover", &[("email", OWNER)]),
        ("/password", &[("password", "van iemand anders hier")]),
        ("/question", &[("answer", "new")]),
        ("/for-whom", &[("whom", "self")]),
        ("/consent", &[("answer", "allow")]),
        ("/resend", none),
        ("/digid", none),
        ("/child", none),
        ("/back", none),
        ("/continue", none),
        ("/stop", none),
    ];
    doors.extend(forms.map(|(path, fields)| (Method::POST, path, fields)));
    // Last, because guesses at what was proven are counted by login.
    doors.extend(["/code", "/app", "/recovery-code"].map(|path| (Method::POST, path, code)));
    doors
}

/// Every address of a login that the router knows is among those that are knocked at above.
#[test]
fn a9_no_door_of_a_login_is_forgotten() {
    let source = include_str!("../../src/web/router.rs");
    let (_, login) = source.split_once("let login = Router::new()").unwrap();
    let (login, _) = login.split_once(';').unwrap();
    let mut knocked = 0;
    for route in login.split(".route(\"").skip(1) {
        let path = route.split('"').next().unwrap();
        let has =
            |method: &Method| doors().iter().any(|(m, p, _)| m == method && *p == path.trim_end_matches('/'));
        assert!(has(&Method::GET) || route.contains("get(login::back)"), "{path}");
        assert!(has(&Method::POST) || !route.contains("post("), "{path}");
        knocked += 1;
    }
    assert!(knocked > 15, "{knocked}");
}

#[tokio::test]
async fn a9_who_noted_cookie_and_address_has_no_part_in_what_digid_password_and_code_link() {
    let house = House::start().await;
    let sub = register(&house, &Browser::new(), OWNER).await.sub().to_owned();
    let asked = request(&house, &[]);
    let (mut shared, choose) = Shared::open(&asked).await;
    let question = shared.digid(&choose, "digid-form", &bsn(1)).await;
    assert_eq!(question.heading(), "Heeft u al een account?");
    let link = shared.submit(&question, "question-form", &[("answer", "have")]).await;
    let code = shared.prove(&link, "link-form", &[("email", OWNER), ("password", PASSWORD)]).await;
    let told = shared.prove(&code, "code-form", &[("code", &house.code(OWNER, 2))]).await;
    assert_eq!(told.heading(), "DigiD is gekoppeld");
    let done = shared.submit(&told, "continue-form", &[]).await;
    let tokens = redeem(&house, &asked, &code_of(&done)).await;
    assert_eq!((tokens.sub(), tokens.acr()), (sub.as_str(), MIDDEN));
    assert!(!shared.header().contains("namens-login-"), "a login that is done leaves no cookie of its own");
}

#[tokio::test]
async fn a9_who_noted_cookie_and_address_makes_no_account_of_anothers_digid() {
    let house = House::start().await;
    let asked = request(&house, &[]);
    let (mut shared, choose) = Shared::open(&asked).await;
    let question = shared.digid(&choose, "digid-form", &bsn(1)).await;
    let new = shared.submit(&question, "question-form", &[("answer", "new")]).await;
    shared.closed(&new).await;
    let code = shared.submit(&new, "register-form", &[("email", OWNER), ("password", "")]).await;
    shared.closed(&code).await;
    let done = shared.submit(&code, "code-form", &[("code", &house.code(OWNER, 1))]).await;
    assert_eq!(redeem(&house, &asked, &code_of(&done)).await.acr(), MIDDEN);
}

#[tokio::test]
async fn a9_who_noted_cookie_and_address_chooses_no_password_after_mail_or_digid() {
    let house = House::start().await;
    let bsn = bsn(1);
    register_with_digid(&house, &bsn, OWNER, PASSWORD).await;
    let asked = request(&house, &[]);
    let (mut shared, choose) = Shared::open(&asked).await;
    let form = shared.get(&format!("{}/recover", choose.url)).await;
    let code = shared.submit(&form, "recover-form", &[("email", OWNER)]).await;
    let mailed = code_for(&house, OWNER, &code);
    let digid = shared.prove(&code, "code-form", &[("code", &mailed)]).await;
    let new = shared.digid(&digid, "digid-form", &bsn).await;
    assert_eq!(new.heading(), "Kies een nieuw wachtwoord");
    let choose = shared.submit(&new, "password-form", &[("password", NEW)]).await;
    shared.closed(&choose).await;
    // In the same login, with the new password.
    let form = shared.get(&format!("{}/email", choose.url)).await;
    let code = shared.prove(&form, "email-form", &[("email", OWNER), ("password", NEW)]).await;
    let mailed = code_for(&house, OWNER, &code);
    let done = shared.submit(&code, "code-form", &[("code", &mailed)]).await;
    assert!(is_in(&done), "{}", done.heading());
}

#[tokio::test]
async fn a9_who_noted_cookie_and_address_has_no_part_in_what_an_app_or_a_recovery_code_proves() {
    let house = House::start().await;
    let owner = Browser::new();
    register(&house, &owner, OWNER).await;
    let app = set_up(&house, &owner, OWNER).await;
    let (mut shared, choose) = Shared::open(&request(&house, &[])).await;
    let form = shared.get(&format!("{}/recover", choose.url)).await;
    let code = shared.submit(&form, "recover-form", &[("email", OWNER)]).await;
    let mailed = code_for(&house, OWNER, &code);
    let asks = shared.prove(&code, "code-form", &[("code", &mailed)]).await;
    assert_eq!(asks.heading(), "Vul de code uit uw app in");
    let new = shared.prove(&asks, "app-form", &[("code", &app.code(0))]).await;
    assert_eq!(new.heading(), "Kies een nieuw wachtwoord");
    // And by a recovery code, in another login.
    let (mut shared, choose) = Shared::open(&request(&house, &[])).await;
    let form = shared.get(&format!("{}/email", choose.url)).await;
    let asks = shared.prove(&form, "email-form", &[("email", OWNER), ("password", PASSWORD)]).await;
    assert_eq!(asks.heading(), "Vul de code uit uw app in");
    let form = shared.get(asks.link("recovery").unwrap().as_str()).await;
    let done = shared.submit(&form, "app-form", &[("code", &app.recovery[0])]).await;
    assert!(is_in(&done), "{}", done.heading());
}

#[tokio::test]
async fn a9_a_cookie_planted_for_a_login_is_not_adopted_by_what_is_proven_in_it() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    let (mut shared, choose) = Shared::open(&request(&house, &[])).await;
    let id = choose.url.path_segments().unwrap().nth(1).unwrap().to_owned();
    let name = format!("namens-login-{id}");
    let planted = format!("{}; {name}=geplant", shared.header());
    let form = shared.get(&format!("{}/email", choose.url)).await;
    let fields = [("csrf", csrf(&form)), ("email", OWNER.to_owned()), ("password", PASSWORD.to_owned())];
    let to = format!("{}/email", choose.url);
    let origin = choose.url.origin().ascii_serialization();
    let send = |cookie: String| {
        let post = Browser::new().request(Method::POST, &to).header("origin", origin.clone());
        post.header("cookie", cookie).form(&fields)
    };
    let proven = Browser::new().send(send(planted.clone())).await;
    let proven = shared.kept(proven);
    let tie = shared.cookies[&name].clone();
    assert!(proven.location().is_some() && tie != "geplant");
    let shown = async |cookie: String| {
        let get = Browser::new().request(Method::GET, choose.url.as_str()).header("cookie", cookie);
        Browser::new().send(get).await.status
    };
    assert_eq!(shown(planted.clone()).await, StatusCode::GONE);
    assert_eq!(
        shown(format!("{}; {name}=geplant", shared.header())).await,
        StatusCode::GONE,
        "one of the two was planted"
    );
    // One of another login is none of this one.
    let (other, _) = Shared::open(&request(&house, &[])).await;
    assert_eq!(shown(format!("{}; {name}={tie}", other.header())).await, StatusCode::GONE);
    assert_eq!(shown(shared.header()).await, StatusCode::OK, "the twin");
}

#[tokio::test]
async fn a9_the_other_tab_and_the_back_button_go_on_after_a_proof() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    let browser = Browser::new();
    let [first, second] = [request(&house, &[]), request(&house, &[])];
    let left = browser.visit(&first.url, CALLBACK).await;
    let right = browser.visit(&second.url, CALLBACK).await;
    let forms = [&left, &right].map(|page| format!("{}/email", page.url));
    let form = browser.get(&forms[0]).await;
    let other = browser.get(&forms[1]).await;
    let typed = [("email", OWNER), ("password", PASSWORD)];
    let sent = browser.submit(&form, "email-form", &typed).await;
    let code = browser.follow(sent, CALLBACK).await;
    let mailed = code_for(&house, OWNER, &code);
    // The form of the other tab was open all the while.
    let sent = browser.submit(&other, "email-form", &typed).await;
    let their = browser.follow(sent, CALLBACK).await;
    assert_eq!(their.heading(), "Vul de code in");
    // The back button shows an older page; whatever is pressed there leads to where the login stands.
    let again = browser.submit(&form, "email-form", &typed).await;
    assert_eq!(again.location().unwrap(), left.url);
    let again = browser.get(&forms[0]).await;
    assert_eq!(browser.follow(again, CALLBACK).await.heading(), "Vul de code in");
    let done = browser.submit(&code, "code-form", &[("code", &mailed)]).await;
    assert!(is_in(&done), "{}", done.heading());
    let done = browser.submit(&their, "code-form", &[("code", &code_for(&house, OWNER, &their))]).await;
    assert!(is_in(&done), "{}", done.heading());
}

#[tokio::test]
async fn a9_who_sends_a_form_twice_and_lost_the_first_answer_goes_on_and_who_guesses_does_not() {
    let house = House::start().await;
    register(&house, &Browser::new(), OWNER).await;
    let (mut shared, choose) = Shared::open(&request(&house, &[])).await;
    let form = shared.get(&format!("{}/email", choose.url)).await;
    let (before, token) = (shared.header(), csrf(&form));
    let origin = choose.url.origin().ascii_serialization();
    let post = async |path: &str, cookie: &str, name: &str, value: &str| {
        let to = Browser::new().request(Method::POST, &format!("{}/{path}", choose.url));
        let fields = [("csrf", token.as_str()), ("email", OWNER), (name, value)];
        Browser::new().send(to.header("cookie", cookie).header("origin", origin.as_str()).form(&fields)).await
    };
    // Both arrive; the answer to one is lost with its cookie.
    let (one, two) = tokio::join!(
        post("email", &before, "password", PASSWORD),
        post("email", &before, "password", PASSWORD)
    );
    for answer in [&one, &two] {
        assert_eq!(answer.location().unwrap(), choose.url);
    }
    assert_eq!(post("email", &before, "password", "een ander woord").await.status, StatusCode::GONE);
    // From the browser that has only what it had before.
    let again = [("csrf", token.as_str()), ("email", OWNER), ("password", PASSWORD)];
    let late = shared.browser.post(&format!("{}/email", choose.url), &again).await;
    let ties = [&one, &two, &late].map(|page| page.headers[SET_COOKIE].to_str().unwrap().to_owned());
    assert!(ties[0] == ties[1] && ties[1] == ties[2], "whichever the browser keeps is the one");
    // Nor is anything learned from a form without its token, of which none is counted.
    let forged =
        Browser::new().request(Method::POST, &format!("{}/email", choose.url)).header("cookie", &before);
    let forged = forged.header("origin", origin.as_str()).form(&[
        ("csrf", "x"),
        ("email", OWNER),
        ("password", PASSWORD),
    ]);
    let forged = Browser::new().send(forged).await;
    assert!(forged.status == StatusCode::FORBIDDEN && !forged.headers.contains_key(SET_COOKIE));
    let page = shared.kept(late);
    let code = shared.follow(page).await;
    assert_eq!(code.heading(), "Vul de code in", "not stranded");
    // Who guesses at what was proven has few tries, and then not even the right one helps.
    for _ in 0..5 {
        assert_eq!(post("email", &before, "password", "nog een ander woord").await.status, StatusCode::GONE);
    }
    assert_eq!(post("email", &before, "password", PASSWORD).await.status, StatusCode::GONE);
    let mailed = code_for(&house, OWNER, &code);
    let wrong = shared.submit(&code, "code-form", &[("code", &wrong(&mailed))]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = shared.submit(&code, "code-form", &[("code", &mailed)]).await;
    assert!(is_in(&done), "the browser itself is not counted: {}", done.heading());
}

#[tokio::test]
async fn a9_an_answer_of_digid_that_is_brought_twice_leads_on_in_the_browser_that_lost_the_first() {
    let house = House::start().await;
    let (mut shared, choose) = Shared::open(&request(&house, &[])).await;
    let there = shared.submit(&choose, "digid-form", &[]).await;
    let bsn = bsn(1);
    let typed = [("bsn", bsn.as_str()), ("level", "Midden"), ("outcome", "login")];
    let back = shared.browser.submit(&there, "digid", &typed).await.location().unwrap();
    let (before, bring) = (shared.header(), |cookie: &str| {
        Browser::new().request(Method::GET, back.as_str()).header("cookie", cookie)
    });
    let lost = Browser::new().send(bring(&before)).await;
    assert_eq!(lost.location().unwrap(), choose.url);
    assert_eq!(shared.get(choose.url.as_str()).await.status, StatusCode::GONE);
    let page = shared.get(back.as_str()).await;
    let question = shared.follow(page).await;
    assert_eq!(question.heading(), "Heeft u al een account?");
    // Elsewhere the same answer is worth nothing.
    let (stranger, _) = Shared::open(&request(&house, &[])).await;
    assert_eq!(Browser::new().send(bring(&stranger.header())).await.status, StatusCode::GONE);
}
