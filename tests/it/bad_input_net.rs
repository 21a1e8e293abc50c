//! Hostile networks and hostile text (A10, A17, A22 to A24).

use std::{fs, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    bad_input_wire::{connect, exchange, get, post},
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD},
    oidc_client::{THE_PORTAL, logged_in},
};

#[tokio::test]
async fn a24_host_and_forwarded_headers_change_nothing() {
    let house = House::start().await;
    let told = get(&house, "/.well-known/openid-configuration", b"", "").await.body;
    let lies = "x-forwarded-host: evil.example\r\nx-forwarded-proto: https\r\nx-forwarded-for: 6.6.6.6\r\nx-real-ip: 6.6.6.6\r\nx-forwarded-prefix: /evil\r\nx-original-url: /evil\r\nforwarded: host=evil.example;proto=https\r\n";
    let ask = THE_PORTAL.ask();
    let bad = ask.clone().with("prompt", "none");
    for host in ["evil.example", "evil.example:80\r\nhost: x", "127.0.0.1@evil.example", "\"><script>", ""] {
        let talk = async |line: String, body: &str| {
            let head = format!(
                "{line} HTTP/1.1\r\nhost: {host}\r\n{lies}connection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            exchange(&house, head.as_bytes()).await
        };
        let raws = [
            talk("GET /.well-known/openid-configuration".into(), "").await,
            talk(format!("GET /authorize?{}", ask.query()), "").await,
            talk(format!("GET /authorize?{}", bad.query()), "").await,
            talk("POST /authorize".into(), &ask.query()).await,
            talk("GET http://evil.example/.well-known/openid-configuration".into(), "").await,
            talk("GET /digid/metadata".into(), "").await,
        ];
        for raw in &raws {
            assert!(
                raw.status < 500 && !raw.head.contains("evil") && !raw.body.contains("evil"),
                "{host}: {raw:?}"
            );
        }
        if raws[0].status == 200 {
            assert_eq!(raws[0].body, told);
            assert!(raws[1].header("location").unwrap().starts_with("/login/"), "{host}");
            assert!(raws[3].header("location").unwrap().starts_with(&house.issuer), "{host}");
        }
    }
}

#[tokio::test]
async fn a22_text_from_outside_is_shown_as_text() {
    let mut house = House::start().await;
    let evil = "\\\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}";
    let file = house.folder.join("namens.toml");
    let text = fs::read_to_string(&file).unwrap().replace("Huisarts De Linde", evil);
    fs::write(&file, text).unwrap();
    house.kill();
    house.open_doors();
    let typed = "\"><script>alert(3)</script>@voorbeeld.nl";
    let browser = Browser::new();
    let ask = THE_PORTAL
        .ask()
        .with("login_hint", typed)
        .with("state", typed)
        .with("ui_locales", "nl\"><script> en");
    let choose = browser.visit(&ask.url(&house), CALLBACK).await;
    assert!(
        choose.heading().contains("<script>alert(1)</script>"),
        "shown as it is written: {}",
        choose.heading()
    );
    let form = browser.get(&format!("{}/email", choose.url)).await;
    assert_eq!(form.form("email-form").1["email"], typed);
    let again = browser
        .submit(&form, "email-form", &[("email", typed), ("password", "<script>alert(4)</script>")])
        .await;
    assert_eq!(again.status, 422);
    let register = browser.get(&format!("{}/register", choose.url)).await;
    let refused = browser.submit(&register, "register-form", &[("email", typed), ("password", "x")]).await;
    let issuer = &house.issuer;
    let pages = [
        choose,
        form,
        again,
        register,
        refused,
        browser.get(&format!("{issuer}/authorize?client_id=<script>alert(5)</script>&error=<script>")).await,
        browser.get(&format!("{issuer}/logout?state={typed}&post_logout_redirect_uri=<script>")).await,
        browser.get(&format!("{issuer}/<script>alert(6)</script>")).await,
        browser.get(&format!("{issuer}/login/<script>alert(7)<%2Fscript>")).await,
        browser.get(&format!("{issuer}/digid/acs?SAMLart=<script>&RelayState=<script>")).await,
    ];
    for page in &pages {
        let body = page.body.to_lowercase();
        assert!(
            !body.contains("<script") && !body.contains("<img") && !body.contains("onerror=alert(2)>\""),
            "{}: {body}",
            page.url
        );
        assert_headers(page);
    }
    // In a mail and in its headers too.
    let register = browser.get(pages[3].url.as_str()).await;
    browser.submit(&register, "register-form", &[("email", "x@voorbeeld.nl"), ("password", PASSWORD)]).await;
    let mail = house.mails("x@voorbeeld.nl", 1).concat();
    assert!(!mail.contains("49") || mail.contains("{{7*7}}"), "{mail}");
}

/// What every page carries (attack table line 10).
fn assert_headers(page: &Page) {
    let header = |name: &str| {
        page.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let policy = header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.contains(part), "{}: {policy}", page.url);
    }
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(
        [
            header("referrer-policy"),
            header("cache-control"),
            header("x-content-type-options"),
            header("content-type")
        ],
        ["same-origin", "no-store", "nosniff", "text/html; charset=utf-8"],
        "{}",
        page.url
    );
}

#[tokio::test]
async fn a10_unknown_pages_and_wrong_methods_are_pages_too() {
    let house = House::start().await;
    let browser = Browser::new();
    for path in [
        "/",
        "/evil",
        "/.env",
        "/login",
        "/login/",
        "/authorize/",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/../namens.toml",
        "/admin",
        "/token/",
    ] {
        let page = browser.get(&format!("{}{path}", house.issuer)).await;
        assert_eq!(page.status, 404, "{path}");
        assert_headers(&page);
        assert!(!page.body.contains("root:") && !page.heading().is_empty());
    }
    for (method, path) in [
        ("DELETE", "/authorize"),
        ("PUT", "/token"),
        ("GET", "/token"),
        ("POST", "/jwks"),
        ("POST", "/digid/acs"),
        ("PATCH", "/userinfo"),
        ("OPTIONS", "/token"),
        ("TRACE", "/authorize"),
        ("BREW", "/logout"),
        ("POST", "/healthz"),
        ("DELETE", "/login/x"),
        ("POST", "/.well-known/openid-configuration"),
    ] {
        let page =
            browser.send(browser.request(method.parse().unwrap(), &format!("{}{path}", house.issuer))).await;
        assert_eq!(page.status, 405, "{method} {path}");
        assert!(page.headers.contains_key("allow"), "{method} {path} says what is allowed");
        assert_headers(&page);
    }
    let english = browser
        .request(reqwest::Method::GET, &format!("{}/evil", house.issuer))
        .header("accept-language", "en");
    assert_eq!(browser.send(english).await.headers["content-language"], "en");
}

#[tokio::test]
async fn a23_huge_bodies_headers_and_counts_are_refused_and_others_are_served() {
    let house = House::start().await;
    let (_, tokens) = logged_in(&house).await;
    let big = vec![b'a'; 1 << 20];
    for path in ["/token", "/userinfo", "/authorize", "/logout", "/login/x/email", "/login/x/code"] {
        let raw = post(&house, path, &big, "").await;
        assert!([400, 403, 410, 413, 422].contains(&raw.status), "{path}: {raw:?}");
        let many = "a=1&".repeat(10_000);
        let raw = post(&house, path, many.as_bytes(), "").await;
        assert!(
            [200, 303, 400, 403, 410, 413, 422].contains(&raw.status)
                && raw.header("location").is_none_or(|to| to == "/logout?"),
            "{path}: {raw:?}"
        );
    }
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(65_536));
    let endless = format!(
        "POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{}",
        chunk.repeat(100)
    );
    assert_eq!(exchange(&house, endless.as_bytes()).await.status, 400);
    for head in [
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000)),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(5000)),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "b".repeat(2_000_000)),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", "a=b; ".repeat(200_000)),
    ] {
        let raw = exchange(&house, head.as_bytes()).await;
        assert!([400, 414, 431].contains(&raw.status), "{head:.30}: {raw:?}");
    }
    // What is not even HTTP.
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"POST /token HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        b"POST /token HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut stream = connect(&house).await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut heard = Vec::new();
        let _ =
            timeout(Duration::from_mins(1), tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut heard))
                .await
                .expect("let go");
        assert!(
            heard.is_empty() || heard.starts_with(b"HTTP/1.1 4"),
            "{:?}",
            String::from_utf8_lossy(&heard)
        );
    }
    assert_eq!(crate::oidc_client::userinfo(&house, tokens.text("access_token")).await.0, 200);
    assert!(!house.log().contains("panicked"));
}

#[tokio::test]
async fn a23_what_is_too_large_or_no_text_is_answered_in_our_own_words() {
    let house = House::start().await;
    let form = format!("a={}", "x".repeat(70_000));
    let kind = "content-type: application/x-www-form-urlencoded";
    let chunked = format!(
        "host: x\r\nconnection: close\r\n{kind}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{form}\r\n0\r\n\r\n",
        form.len()
    );
    let doors = ["email", "recover", "register", "code", "resend", "digid", "question", "link", "stop"];
    let doors = doors.map(|door| format!("/login/x/{door}"));
    for path in ["/authorize", "/logout"].into_iter().chain(doors.iter().map(String::as_str)) {
        let at_once = post(&house, path, form.as_bytes(), "").await;
        let in_pieces = exchange(&house, format!("POST {path} HTTP/1.1\r\n{chunked}").as_bytes()).await;
        for raw in [at_once, in_pieces] {
            assert_eq!(
                (raw.status, raw.header("content-type")),
                (413, Some("text/html; charset=utf-8")),
                "{path}"
            );
            assert!(raw.body.contains("<h1 class=\"nl-heading\">Dit is te veel</h1>"), "{path}: {raw:?}");
            assert_eq!(raw.header("cache-control"), Some("no-store"), "{path}");
        }
    }
    for path in ["/token", "/userinfo"] {
        let at_once = post(&house, path, form.as_bytes(), "").await;
        let in_pieces = exchange(&house, format!("POST {path} HTTP/1.1\r\n{chunked}").as_bytes()).await;
        for raw in [at_once, in_pieces] {
            assert_eq!(
                (raw.status, raw.header("content-type")),
                (400, Some("application/json")),
                "{path}: {raw:?}"
            );
            assert!(raw.body.contains("\"error\":\"invalid_request\""), "{path}: {raw:?}");
        }
    }
    for path in ["/login/%ff", "/login/%ff/email"] {
        let page = Browser::new().get(&format!("{}{path}", house.issuer)).await;
        assert_eq!((page.status.as_u16(), page.heading().as_str()), (400, "Inloggen kan nu niet"), "{path}");
        assert_headers(&page);
    }
}

/// What somebody sends who is in no hurry.
const SLOW: [&[u8]; 3] = [
    b"",
    b"GET /authorize?client_id=portal HTTP/1.1\r\nhost: x\r\nx-slow:",
    b"POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 60000\r\n\r\ngrant_",
];
/// Headers may take 75 seconds and a request 30; a slow machine gets as much again and more.
const LONGEST: Duration = Duration::from_mins(4);

#[tokio::test]
async fn a23_hundreds_of_slow_clients_keep_nobody_waiting_and_are_hung_up_on() {
    let house = House::start().await;
    let mut slow = Vec::new();
    for number in 0..300 {
        let mut stream = connect(&house).await;
        stream.write_all(SLOW[number % SLOW.len()]).await.unwrap();
        slow.push(stream);
    }
    let (_, tokens) = timeout(Duration::from_mins(1), logged_in(&house)).await.expect("a login goes through");
    assert_eq!(crate::oidc_client::userinfo(&house, tokens.text("access_token")).await.0, 200);
    // Not one of them keeps its place.
    let closed = async {
        for (number, stream) in slow.iter_mut().enumerate() {
            let mut said = Vec::new();
            // A connection that is reset is closed too.
            let _ = stream.read_to_end(&mut said).await;
            let said = String::from_utf8_lossy(&said);
            let told =
                if number % SLOW.len() == 2 { said.starts_with("HTTP/1.1 503") } else { said.is_empty() };
            assert!(told || said.starts_with("HTTP/1.1 408"), "{number}: {said}");
        }
    };
    timeout(LONGEST, closed).await.expect("the server closes them all");
}

/// Text, status, headers: an unknown address is answered as a known one (attack table line 17, pages).
#[tokio::test]
async fn a17_no_page_tells_whether_an_address_has_an_account() {
    let house = House::start().await;
    logged_in(&house).await;
    let mut seen = Vec::new();
    for email in ["jansen@voorbeeld.nl", "nobody1@voorbeeld.nl"] {
        let browser = Browser::new();
        let choose = browser.visit(&THE_PORTAL.ask().url(&house), CALLBACK).await;
        let mut pages = Vec::new();
        for (form, fields) in [
            ("email", vec![("email", email), ("password", "not the password")]),
            ("recover", vec![("email", email)]),
        ] {
            let page = browser.get(&format!("{}/{form}", choose.url)).await;
            let sent = browser.submit(&page, &format!("{form}-form"), &fields).await;
            pages.push(browser.follow(sent, CALLBACK).await);
        }
        let browser = Browser::new();
        let choose = browser.visit(&THE_PORTAL.ask().url(&house), CALLBACK).await;
        let page = browser.get(&format!("{}/register", choose.url)).await;
        let sent = browser.submit(&page, "register-form", &[("email", email), ("password", PASSWORD)]).await;
        pages.push(browser.follow(sent, CALLBACK).await);
        let told: Vec<String> = pages.iter().map(|page| seen_of(page, email)).collect();
        seen.push(told);
    }
    assert_eq!(seen[0], seen[1]);
}

/// Everything of a page but what is random or was typed: status, headers, every text but the address.
fn seen_of(page: &Page, email: &str) -> String {
    let kept = page.headers.iter().filter(|(name, _)| *name != "date" && *name != "content-length");
    let headers: Vec<_> = kept.map(|(name, value)| format!("{name}: {value:?}")).collect();
    let masked = format!("{}•••", &email[..1]);
    let texts =
        ["main", "sent", "error"].map(|id| page.text(id).unwrap_or_default().replace(&masked, "[masked]"));
    // The reference is the one word of capitals and digits.
    let is_reference = |word: &str| {
        word.len() <= 10
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || ".:()".contains(c))
    };
    let words: Vec<&str> =
        texts.iter().flat_map(|text| text.split(' ')).filter(|word| !is_reference(word)).collect();
    format!("{} {} {}", page.status, headers.join("\n"), words.join(" "))
}
