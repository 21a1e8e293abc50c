//! What a browser is, in a word or two that its owner knows it by. No more of its `User-Agent` is kept.

/// What browsers say of themselves, and what people call them; the first that fits. Most also say what they want to be taken for.
const BROWSERS: [(&str, &str); 7] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
];

/// `Firefox, Windows`, as far as `user_agent` (RFC 9110 section 10.1.5) says so in a way that we know.
pub fn known_as(user_agent: &str) -> Option<String> {
    let first = |list: &[(&str, &'static str)]| {
        list.iter().find(|(said, _)| user_agent.contains(said)).map(|(_, called)| *called)
    };
    match (first(&BROWSERS), first(&SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser}, {system}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_by_its_name_and_nothing_it_says_is_repeated() {
        let known = |agent: &str| known_as(agent).unwrap_or_default();
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36";
        assert_eq!(known(chrome), "Chrome, Linux");
        assert_eq!(
            known(&format!("{chrome} Edg/120.0").replace("X11; Linux", "Windows NT")),
            "Edge, Windows"
        );
        let iphone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 Safari/604.1";
        assert_eq!(known(iphone), "Safari, iPhone");
        assert_eq!(known("Mozilla/5.0 (Android 14; Mobile) Gecko/120.0 Firefox/120.0"), "Firefox, Android");
        assert_eq!(known("Macintosh"), "Mac");
        assert_eq!(known_as("<script>alert(1)</script>"), None);
    }
}
