//! Single steps at the pages for people without DigiD, for tests that stop halfway or do them wrong.

use std::collections::BTreeMap;

use reqwest::header::{CONTENT_LENGTH, DATE};
use url::Url;

use crate::{
    browser::{Browser, Page},
    house::{CALLBACK, House, PASSWORD, code_in},
    portal::{Request, code_of, redeem, request},
};

/// So many, and more where more cores serve them.
pub fn crowd(least: usize) -> usize {
    least.max(3 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// The form `name` (`email`, `register` or `recover`) of a login that begins.
pub async fn open(browser: &Browser, request: &Request, name: &str) -> Page {
    let choose = browser.visit(&request.url, CALLBACK).await;
    browser.get(&format!("{}/{name}", choose.url)).await
}

/// From a new request to the page that asks for the code of a new account.
pub async fn to_register_code(browser: &Browser, request: &Request, email: &str, password: &str) -> Page {
    let form = open(browser, request, "register").await;
    let sent = browser.submit(&form, "register-form", &[("email", email), ("password", password)]).await;
    browser.follow(sent, CALLBACK).await
}

/// From a new request to the page that asks for the code of a forgotten password.
pub async fn to_recover_code(browser: &Browser, request: &Request, email: &str) -> Page {
    let form = open(browser, request, "recover").await;
    let sent = browser.submit(&form, "recover-form", &[("email", email)]).await;
    browser.follow(sent, CALLBACK).await
}

/// Makes an account that is opened with [`PASSWORD`], and leaves no login behind.
pub async fn account(house: &House, email: &str) {
    crate::portal::register(house, &Browser::new(), email).await;
}

/// Types a code.
pub async fn type_code(browser: &Browser, page: &Page, code: &str) -> Page {
    browser.submit(page, "code-form", &[("code", code)]).await
}

/// The page after the right password, and the code that was mailed for it; `mails` as in [`House::code`].
pub async fn to_code(house: &House, browser: &Browser, email: &str, mails: usize) -> (Request, Page, String) {
    let request = request(house, &[("prompt", "login")]);
    let page = crate::portal::enter_password(browser, &request, email, PASSWORD).await;
    assert_eq!(page.heading(), "Vul de code in");
    let code = house.code(email, mails);
    (request, page, code)
}

/// Logs in with a password of choice.
pub async fn log_in_with(house: &House, email: &str, password: &str, mails: usize) -> crate::portal::Tokens {
    let (browser, request) = (Browser::new(), request(house, &[("prompt", "login")]));
    let page = crate::portal::enter_password(&browser, &request, email, password).await;
    let done = type_code(&browser, &page, &house.code(email, mails)).await;
    redeem(house, &request, &code_of(&done)).await
}

/// A code of the same shape that is not `code`.
pub fn wrong(code: &str) -> String {
    let (first, rest) = code.split_at(1);
    format!("{}{rest}", if first == "3" { "4" } else { "3" })
}

/// What the page calls its mail (*kenmerk*).
pub fn reference(page: &Page) -> String {
    const BEFORE: &str = "het kenmerk ";
    let at = page.body.find(BEFORE).expect("the page names its mail") + BEFORE.len();
    page.body[at..].chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// The code in the mail with the reference that the page shows. Waits for it.
pub fn code_for(house: &House, email: &str, page: &Page) -> String {
    let reference = format!("kenmerk {}", reference(page));
    let fits = |mail: &String| mail.contains(&reference);
    let mails = (1..).find_map(|n| house.mails(email, n).into_iter().rfind(fits)).unwrap();
    code_in(&mails).unwrap()
}

/// The parameters with which a browser comes back to the portal.
pub fn answer(page: &Page) -> BTreeMap<String, String> {
    let location = page.location().unwrap_or_else(|| panic!("{}: {}", page.status, page.heading()));
    assert!(location.as_str().starts_with(CALLBACK), "{location}");
    location.query_pairs().into_owned().collect()
}

/// Whether the browser was sent to the portal with a code.
pub fn is_in(page: &Page) -> bool {
    let with_code = |to: Url| to.as_str().starts_with(CALLBACK) && to.query_pairs().any(|(n, _)| n == "code");
    page.location().is_some_and(with_code)
}

/// Status, headers and body of an answer without what differs in each login: its id, its tokens, its reference, the portal's
/// state, and the seconds that passed.
pub fn likeness(page: &Page) -> (u16, BTreeMap<String, String>, String) {
    let mut differs: Vec<String> =
        page.body.split("name=\"csrf\" value=\"").skip(1).map(until_quote).collect();
    differs.extend(page.body.split("/login/").skip(1).map(until_quote));
    differs.extend(page.location().iter().chain([&page.url]).filter_map(login_id));
    let between = |before: &str, after: char| {
        let parts = page.body.split(before).skip(1);
        parts.map(|rest| format!("{before}{}", rest.split(after).next().unwrap())).collect::<Vec<_>>()
    };
    differs.extend(between("state=", '&').into_iter().chain(between("Wacht nog ", '.')));
    if page.body.contains("het kenmerk ") {
        differs.push(format!("het kenmerk {}", reference(page)));
    }
    let plain =
        |text: &str| differs.iter().fold(text.to_owned(), |text, gone| text.replace(gone.as_str(), "~"));
    let headers = page.headers.iter().filter(|(name, _)| **name != DATE && **name != CONTENT_LENGTH);
    let headers = headers.map(|(name, value)| (name.to_string(), plain(value.to_str().unwrap()))).collect();
    (page.status.as_u16(), headers, plain(&page.body))
}

fn until_quote(text: &str) -> String {
    text.split(['"', '/']).next().unwrap().to_owned()
}

/// The id of the login that an address belongs to.
pub fn login_id(url: &Url) -> Option<String> {
    let mut path = url.path_segments()?;
    (path.next() == Some("login")).then(|| path.next().map(str::to_owned))?
}
