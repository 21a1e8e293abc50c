//! No form of the desk or of "Mijn account" can be posted for somebody by another site (attack 8). The forms are those of the router, so
//! that a new one is swept too.

use reqwest::{Method, StatusCode};

use crate::{
    browser::{Browser, Page},
    desk::Seat,
    desk_roles::{email, world},
    steps::account,
};

const FORGED: &str = "Dit formulier werkt niet meer";
const OWNER: &str = "patient@voorbeeld.nl";
/// Whatever a form asks for, so that each is read as far as its token. A new field of a form belongs here.
const FIELDS: &[&str] = &[
    "sid",
    "email",
    "password",
    "code",
    "kind",
    "mandate",
    "person",
    "client",
    "grant",
    "offer",
    "days",
    "bsn",
    "number",
    "birth",
    "known",
    "evidence",
    "reason",
    "why",
    "basis",
    "ends",
    "other",
    "representative",
    "party",
    "word",
    "department",
    "line",
    "at",
    "family",
    "host",
    "word",
    "birth_date",
    "id",
    "answer",
    "key",
    "what",
    "number",
    "representative_bsn",
    "representative_number",
    "representative_name",
    "representative_birth",
    "representative_document",
    "representative_until",
    "represented_bsn",
    "represented_number",
    "represented_name",
    "represented_birth",
    "represented_document",
    "represented_until",
    "relation",
    "legal_basis",
    "form_reference",
    "secret",
    "sealed",
    "device",
    "name",
    "until",
    "account",
    "label",
    "approver",
    "auditor",
    "officer",
    "registrar",
];

/// The addresses to which the router takes forms, below this one.
fn forms(below: &str) -> Vec<&'static str> {
    let source = include_str!("../../src/web/router.rs");
    let served = source.split(".route(").skip(1);
    let posts = served.filter_map(|route| {
        let (path, rest) = route.trim_start().strip_prefix('"')?.split_once('"')?;
        rest.contains("post(").then_some(path)
    });
    posts.filter(|path| path.starts_with(below)).collect()
}

/// What a form takes for a field that is one of a few words.
fn value(name: &str) -> &'static str {
    match name {
        "why" => "form",
        "kind" => "json",
        "word" => "agreed",
        "party" => "representative",
        _ => "1",
    }
}

fn fields(token: &str) -> Vec<(&str, &str)> {
    let mut names = FIELDS.to_vec();
    names.sort_unstable();
    names.dedup();
    std::iter::once(("csrf", token)).chain(names.into_iter().map(|name| (name, value(name)))).collect()
}

/// Whether it was refused because it was forged, and not because of who sent it.
fn is_forged(page: &Page) -> bool {
    page.status == StatusCode::FORBIDDEN && page.heading() == FORGED
}

/// Each way to forge it; then the form as its page has it.
async fn sweep(seat: &Seat, path: &str, (own, others): (&str, &[&str])) -> Page {
    for token in others.iter().copied().chain(["", "x"]) {
        let told = seat.send(path, &fields(token), "").await;
        assert!(is_forged(&told), "{path} with {token:?}: {} {}", told.status, told.body);
    }
    for origin in ["https://evil.test", "null"] {
        let told = seat.send(path, &fields(own), origin).await;
        assert!(is_forged(&told), "{path} from {origin}: {}", told.status);
    }
    let post = Browser::new().request(Method::POST, &format!("{}{path}", seat.house_issuer));
    let post = post.header("cookie", &seat.cookie).header("sec-fetch-site", "cross-site").form(&fields(own));
    assert!(is_forged(&Browser::new().send(post).await), "{path} from another site");
    seat.send(path, &fields(own), "").await
}

#[tokio::test]
async fn a8_no_form_of_the_desk_can_be_forged() {
    let world = world().await;
    let paths = forms("/desk");
    assert!(paths.len() >= 22, "{paths:?}");
    let approver = Seat::of(&world.house, &email("approver"), true, 0).await;
    // Of somebody whom no form opens to: the token is looked at first, and the twin does nothing.
    let seat = Seat::of(&world.house, &email(""), true, 0).await;
    let before = world.kept();
    for path in paths {
        let kind = path.split('/').nth(2).unwrap();
        let id = match kind {
            "mandate" => "{m}",
            "person" => "{p}",
            "staff" => "{s}",
            _ => "none",
        };
        let path = world.path(&path.replace("{id}", id));
        let twin = sweep(&seat, &path, (&seat.csrf, &[&approver.csrf])).await;
        assert_eq!(
            (twin.status, twin.heading().as_str()),
            (StatusCode::FORBIDDEN, "U kunt hier niet in"),
            "{path}"
        );
    }
    assert_eq!(world.kept(), before);
}

#[tokio::test]
async fn a8_no_form_of_an_account_can_be_forged() {
    let house = crate::house::House::start().await;
    account(&house, OWNER).await;
    let mut paths = forms("/account");
    assert!(paths.len() >= 20, "{paths:?}");
    // What ends the account or its sessions comes last.
    paths.sort_by_key(|path| ["/account/sign-out-everywhere", "/account/erase"].contains(path));
    let kept = || house.query("SELECT id || email || era || COALESCE(password_hash, '') FROM accounts");
    let before = kept();
    for path in paths {
        let token = async |seat: &Seat| seat.get("/account").await.form("everywhere-form").1["csrf"].clone();
        let (other, seat) =
            (Seat::of(&house, OWNER, false, 0).await, Seat::of(&house, OWNER, false, 0).await);
        let (theirs, own) = (token(&other).await, token(&seat).await);
        assert_eq!(kept(), before, "{path}");
        let twin = sweep(&seat, path, (&own, &[&theirs, &seat.csrf])).await;
        assert!(!is_forged(&twin) && twin.status.as_u16() < 500, "{path}: {}", twin.status);
    }
}
