//! The guide in docs/conformance.md: its configuration starts, and its steps lead through our pages to where the suite wants to
//! be.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::Ordering,
};

use openssl::x509::X509;
use reqwest::Method;
use scraper::{ElementRef, Html, Selector};
use serde_json::Value;

use crate::{
    browser::{Browser, Page},
    digid_metadata::{pki, put},
    house::{House, PASSWORD, SECRET},
    jose::Key,
    notify::{Tls, until},
    oidc_client::{Ask, Auth, Client, claims},
    tls::{closed, ip},
};

const ANNA: &str = "anna@example.nl";
/// Where the suite is. Nobody is there: the tests read where the browser is sent, and only calls of ours come to [`Tls`].
const SUITE: &str = "https://localhost.emobix.co.uk:8443/";
const BASIC: Client = Client {
    id: "basic",
    auth: Auth::Basic,
    callback: "https://localhost.emobix.co.uk:8443/test/a/namens/callback",
};

fn guide() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md")).unwrap()
}

/// What stands between two marks of the guide.
fn between(from: &str, to: &str) -> String {
    guide().split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned()
}

/// DigiD, by the guide's command. It ends with the value.
struct DigiD {
    at: String,
    process: Child,
}

impl Drop for DigiD {
    fn drop(&mut self) {
        // Where it ended by itself, a test has said so already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl DigiD {
    fn start(house: &House) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_namens"));
        command.args(["demo", "--any-port", "--digid-for", "namens.toml"]).current_dir(&house.folder);
        // Into a file: nobody reads along.
        let log = house.folder.join("digid.log");
        let said = fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said);
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let at = line.split(": start").next().unwrap().strip_prefix("DigiD, a simulator, is at ");
        let Some(at) = at.map(str::to_owned) else {
            panic!("{line}{}", fs::read_to_string(log).unwrap());
        };
        Self { at, process }
    }
}

/// The installation of the guide, at addresses of its own, with its DigiD.
struct Set {
    house: House,
    digid: DigiD,
    ca: Vec<u8>,
    called: Tls,
}

/// Where a browser was sent with what.
type Sent = (String, BTreeMap<String, String>);

impl Set {
    async fn up() -> Self {
        let mut house = closed("").await;
        let (called, at) = suite(&house);
        let toml = between("```toml\n", "```").replace("127.0.0.1:9443", &format!("{}:8443", ip(&house)));
        let notices = "backchannel_logout_uri = \"https://";
        let toml = toml.replace(&format!("{notices}localhost.emobix.co.uk:8443"), &format!("{notices}{at}"));
        assert!(toml.contains(&at));
        put(&house.folder.join("namens.toml"), &toml);
        for name in ["basic", "basic2", "post"] {
            put(&house.folder.join(format!("{name}.secret")), SECRET);
        }
        for name in ["fapi", "fapi2"] {
            put(&house.folder.join(format!("{name}.jwks")), &Key::new().set().to_string());
        }
        let ca = fs::read(pki(&house).ca.certificate).unwrap();
        let digid = DigiD::start(&house);
        house.open_doors();
        Self { house, digid, ca, called }
    }

    fn browser(&self) -> Browser {
        Browser::trusting(&self.ca)
    }

    /// The plan's configuration.
    fn plan(&self) -> Value {
        let text =
            between("```json\n", "```").replace("127.0.0.1:9443", &format!("{}:8443", ip(&self.house)));
        serde_json::from_str(&text.replace("http://127.0.0.1:8081", &self.digid.at)).unwrap()
    }

    /// Does what the suite's browser would do from there: each task whose address fits, in turn. Gives the last page, or where
    /// it was sent.
    async fn drive(&self, browser: &Browser, url: &str) -> Result<Sent, Page> {
        let plan = self.plan();
        let entries = plan["browser"].as_array().unwrap();
        let entry = entries.iter().find(|entry| fits(&entry["match"], url)).unwrap();
        let mut page = browser.visit(url, SUITE).await;
        for task in entry["tasks"].as_array().unwrap() {
            if page.location().is_some() {
                break;
            }
            if !fits(&task["match"], page.url.as_str()) {
                assert_eq!(task["optional"], true, "{task} at {}", page.url);
                continue;
            }
            let mut typed = BTreeMap::new();
            for command in task["commands"].as_array().unwrap() {
                let words: Vec<&str> =
                    command.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
                match words[..] {
                    ["text", "id", id, text] => drop(typed.insert(id, text)),
                    ["click", "id", id, ref rest @ ..] => match pressed(&page, id, &typed) {
                        None => assert_eq!(*rest, ["optional"], "{id} at {}: {}", page.url, page.heading()),
                        Some(sent) if sent.0.starts_with(SUITE) => return Ok(sent),
                        Some((to, fields)) => {
                            let fields: Vec<_> =
                                fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                            let next = browser.post(&to, &fields).await;
                            page = browser.follow(next, SUITE).await;
                        }
                    },
                    _ => panic!("{command}"),
                }
            }
        }
        let Some(to) = page.location() else { return Err(page) };
        let told = to.query_pairs().into_owned().collect();
        Ok((to.as_str().split('?').next().unwrap().to_owned(), told))
    }

    /// Redeems what came back.
    async fn tokens(&self, browser: &Browser, ask: &Ask, (to, told): &Sent) -> Value {
        assert_eq!((to.as_str(), told["state"].as_str()), (BASIC.callback, ask.get("state")));
        let request = browser.request(Method::POST, &format!("{}/token", self.house.issuer));
        let secret = crate::portal::form_encoded(SECRET);
        let page = browser
            .send(request.basic_auth("basic", Some(secret)).form(&ask.redemption(&told["code"])))
            .await;
        assert_eq!(page.status, 200, "{}", page.body);
        serde_json::from_str(&page.body).unwrap()
    }

    /// Makes the account of the guide: DigiD first, and then an address.
    async fn account(&self) {
        let browser = self.browser();
        let question = self.drive(&browser, &BASIC.ask().url(&self.house)).await.unwrap_err();
        let form = browser.submit(&question, "question-form", &[("answer", "new")]).await;
        let form = browser.follow(form, SUITE).await;
        let sent = browser.submit(&form, "register-form", &[("email", ANNA), ("password", PASSWORD)]).await;
        let page = browser.follow(sent, SUITE).await;
        let done = browser.submit(&page, "code-form", &[("code", &self.house.code(ANNA, 1))]).await;
        let done = browser.follow(done, SUITE).await;
        assert!(done.location().unwrap().as_str().starts_with(BASIC.callback));
        let mut profile = self.house.program(&["accounts", "profile", "--by", "els", ANNA, "--file", "-"]);
        let mut profile = profile.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        profile.stdin.take().unwrap().write_all(between("<<'EOF'\n", "EOF\n").as_bytes()).unwrap();
        assert!(profile.wait().unwrap().success());
    }
}

/// The suite's own server, with a certificate made as its image makes it: of an authority, and without a name. The guide's
/// command puts that into `suite.crt`.
fn suite(house: &House) -> (Tls, String) {
    let made = house.folder.join("of-the-suite");
    let run = |command: &mut Command| {
        let done = command.current_dir(&house.folder).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let made_by = "req -x509 -nodes -days 30 -newkey rsa:2048 -subj /CN=localhost -keyout of-the-suite.key -out of-the-suite.crt";
    run(Command::new("openssl").args(made_by.split(' ')));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("localhost:{}", listener.local_addr().unwrap().port());
    let called = Tls::start(listener, &made);
    let command = between("```\nopenssl s_client", "```").replace("localhost.emobix.co.uk:8443", &at);
    run(Command::new("sh").args(["-c", &format!("openssl s_client{command}")]));
    let read = |name: &str| X509::from_pem(&fs::read(house.folder.join(name)).unwrap()).unwrap();
    assert_eq!(read("suite.crt").to_der().unwrap(), read("of-the-suite.crt").to_der().unwrap());
    (called, at)
}

/// Whether an address fits a pattern in which a star is any text.
fn fits(pattern: &Value, url: &str) -> bool {
    let mut parts = pattern.as_str().unwrap().split('*');
    let Some(mut rest) = url.strip_prefix(parts.next().unwrap()) else { return false };
    let parts: Vec<&str> = parts.collect();
    for part in &parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.is_empty() || parts.last() == Some(&"")
}

/// Where the button with that id sends its form, and what with.
fn pressed(page: &Page, id: &str, typed: &BTreeMap<&str, &str>) -> Option<Sent> {
    let html = Html::parse_document(&page.body);
    let all = |what: &str| Selector::parse(what).unwrap();
    let button = html.select(&all(&format!("button#{id}"))).next()?;
    let form =
        button.ancestors().filter_map(ElementRef::wrap).find(|one| one.value().name() == "form").unwrap();
    let mut fields = BTreeMap::new();
    for field in form.select(&all("input[name], select[name]")) {
        let typed = field.attr("id").and_then(|id| typed.get(id).copied());
        let value = typed.or(field.attr("value")).unwrap_or_default();
        fields.insert(field.attr("name").unwrap().to_owned(), value.to_owned());
    }
    if let Some(name) = button.attr("name") {
        fields.insert(name.to_owned(), button.attr("value").unwrap().to_owned());
    }
    Some((page.url.join(form.attr("action").unwrap()).unwrap().into(), fields))
}

#[tokio::test]
async fn the_configuration_of_the_guide_starts_and_discovery_has_https_everywhere() {
    let suite = Set::up().await;
    let browser = suite.browser();
    let page = browser.get(suite.plan()["server"]["discoveryUrl"].as_str().unwrap()).await;
    let told: Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!(told["issuer"], suite.house.issuer.as_str());
    let mut addresses = 0;
    for (name, value) in told.as_object().unwrap() {
        if name == "issuer" || name.ends_with("_endpoint") || name == "jwks_uri" {
            addresses += 1;
            let url = value.as_str().unwrap();
            assert!(
                url.starts_with(&format!("{}/", suite.house.issuer)) || name == "issuer",
                "{name}: {url}"
            );
        }
    }
    assert!(addresses >= 9 && told["registration_endpoint"].is_string(), "{told}");
    assert!(suite.house.issuer.starts_with("https://"));
    let invited = between("namens clients invite ", "\n");
    let arguments: Vec<&str> =
        ["clients", "--json", "invite"].into_iter().chain(invited.split(' ')).collect();
    assert!(suite.house.ok(&arguments).contains("initial_access_token"));
    // A twin that the world can reach has no such section.
    let public = between("```toml\n", "```").replace("127.0.0.1:9443\"\nlisten", "id.example.nl\"\nlisten");
    put(&suite.house.folder.join("namens.toml"), &public);
    let refused = suite.house.run(&["clients", "list"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("[outbound]"), "{refused:?}");
}

#[tokio::test]
async fn the_steps_of_the_guide_log_in_and_out_by_the_ids_of_our_pages() {
    let suite = Set::up().await;
    suite.account().await;
    let browser = suite.browser();
    let mut last = Value::Null;
    for (mode, prompt) in [("query", "login"), ("form_post", "login"), ("query", "none")] {
        let scope = "openid profile email address phone";
        let ask = BASIC.ask().with("scope", scope).with("response_mode", mode).with("prompt", prompt);
        let sent = suite.drive(&browser, &ask.url(&suite.house)).await;
        let sent = sent.unwrap_or_else(|page| panic!("{} {}: {}", page.status, page.url, page.heading()));
        last = suite.tokens(&browser, &ask, &sent).await;
        let userinfo = browser.request(Method::GET, &format!("{}/userinfo", suite.house.issuer));
        let user = browser.send(userinfo.bearer_auth(last["access_token"].as_str().unwrap())).await;
        let user: Value = serde_json::from_str(&user.body).unwrap();
        assert_eq!(user["sub"], claims(last["id_token"].as_str().unwrap())["sub"]);
        // Each claim of OpenID Connect Core, section 5.1.
        assert_eq!(user.as_object().unwrap().len(), 20, "{user}");
    }
    // Out by the hint, and after a new login by a question.
    let bye = format!("{SUITE}test/a/namens/post_logout_redirect");
    let out = format!("{}/logout", suite.house.issuer);
    let hint = last["id_token"].as_str().unwrap();
    let url = format!("{out}?id_token_hint={hint}&post_logout_redirect_uri={bye}&state=s");
    let (to, told) = suite.drive(&browser, &url).await.unwrap();
    assert_eq!((to.as_str(), told["state"].as_str()), (bye.as_str(), "s"));
    // And the suite hears of it, whose certificate no authority vouches for.
    let heard = || (suite.called.heard.load(Ordering::SeqCst) > 0).then_some(());
    until("a logout token at the suite", heard).await;
    let ask = BASIC.ask();
    let sent = suite.drive(&browser, &ask.url(&suite.house)).await.unwrap();
    suite.tokens(&browser, &ask, &sent).await;
    let page = suite.drive(&browser, &out).await.unwrap_err();
    assert_eq!(page.heading(), "U bent uitgelogd.");
    // What cannot be redirected ends on a page with the id that the guide names.
    let bad = BASIC.ask().with("redirect_uri", SUITE);
    let page = suite.drive(&browser, &bad.url(&suite.house)).await.unwrap_err();
    assert!(page.status == 400 && page.text("problem").is_some() && page.text("main").is_some());
}

/// A module that must see a page and do nothing there has an entry of its own, before that of the others.
#[test]
fn the_guide_says_what_the_module_that_looks_at_a_request_twice_needs() {
    let module =
        "`fapi2-security-profile-final-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds`";
    let running = guide().split_once("## Running it").unwrap().1.to_owned();
    let (_, said) = running.split_once(module).expect("the module has its sentence");
    // The plan's own entries are every module's, which would then all but look.
    let plan: Value = serde_json::from_str(&between("```json\n", "```")).unwrap();
    assert!(
        !plan["browser"].as_array().unwrap().iter().any(|entry| !entry["match-limit"].is_null()),
        "{plan}"
    );
    let (way, said) = said.split_once("In it stand").expect("it has entries of its own");
    assert!(way.contains(r#"`"override": {"MODULE": {"browser": [...]}}`"#), "{way}");
    let entry = said.split_once("`{").unwrap().1.split_once("}`").unwrap().0;
    let entry: Value = serde_json::from_str(&format!("{{{entry}}}")).unwrap();
    assert!(fits(&entry["match"], "https://127.0.0.1:9443/authorize?client_id=fapi&request_uri=urn:x"));
    assert_eq!(entry["match-limit"], 1);
    let tasks = entry["tasks"].as_array().unwrap();
    assert!(!tasks.is_empty() && tasks.iter().all(|task| task["commands"] == Value::Null), "{entry}");
    assert!(fits(&tasks[0]["match"], "https://127.0.0.1:9443/login/x"));
}

#[test]
fn every_id_that_the_guide_names_is_on_a_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let pages = [folder.clone(), folder.join("simulator")]
        .into_iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let pages: String = pages.filter_map(|page| fs::read_to_string(page.unwrap().path()).ok()).collect();
    let plan = between("```json\n", "```");
    let named = plan.split("\"id\", \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let mut named: Vec<String> = named.filter(|id| id != "submission_complete").collect();
    named.extend(["stop", "problem", "main"].map(str::to_owned));
    assert!(named.len() >= 8, "{named:?}");
    for id in named {
        assert!(pages.contains(&format!("id=\"{id}\"")), "{id}");
        assert!(guide().contains(&format!("`{id}`")) || plan.contains(&format!("\"{id}\"")));
    }
}
