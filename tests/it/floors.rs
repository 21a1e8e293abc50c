//! The house stands: dependencies point down only, and no file grows past reading.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use namens::oidc::params::{HINT, KNOWN};

/// The floors, lowest first; modules on the same line stand side by side and do not know each other.
/// `clock`, `observe`, `lane` and `outbound` are tools that stand beside `config`. The simulator stands outside: it knows the house by HTTP.
const FLOORS: &[&[&str]] = &[
    &["domain"],
    &["config", "clock", "observe", "lane", "outbound"],
    &["store"],
    &["oidc", "saml", "mail", "password"],
    &["app"],
    &["flows"],
    &["web"],
    &["cli"],
];
const OUTSIDE: &str = "simulator";
/// Lines.
const LONGEST: usize = 600;

/// Which floor a module stands on.
fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The modules of this crate that a source text names: `crate::x`, and each `x` of `crate::{x, y::z}`.
fn named(source: &str) -> BTreeSet<String> {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let source = &source.lines().filter(code).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices("crate::") {
        let before = source[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &source[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(first_words(list)),
            None => found.extend(word(rest)),
        }
    }
    found
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// The first word of each entry of a list in braces, up to its end.
fn first_words(list: &str) -> Vec<String> {
    let (mut words, mut depth, mut fresh) = (Vec::new(), 0, true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && !c.is_whitespace() => {
                words.extend(word(&list[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    words
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

pub fn all(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join(folder), &mut found);
    assert!(!found.is_empty(), "no sources in {folder}");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root).unwrap().to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

/// Why `module` may not name `other`, if it may not.
fn objection(module: &str, other: &str) -> Option<String> {
    // Beside the floors: the crate's own files may name anything; tools of the whole crate have no floor.
    if module == other || module == "lib" || module == "main" {
        return None;
    }
    if module == OUTSIDE {
        return Some(format!("the simulator shares no code with the house, not even {other}"));
    }
    match (floor(module), floor(other)) {
        // The demo starts the simulator.
        (Some(_), None) if module == "cli" && other == OUTSIDE => None,
        (None, _) => Some(format!("{module} has no floor: give it one here")),
        (_, None) => Some(format!("{other} has no floor that {module} could stand on")),
        (Some(from), Some(to)) if to > from => Some(format!("{other} is above {module}")),
        (Some(from), Some(to)) if to == from => Some(format!("{other} is beside {module}")),
        _ => None,
    }
}

#[test]
fn dependencies_point_down() {
    let mut objections = Vec::new();
    for (path, text) in all("src") {
        let module = path.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let other = named(&text);
        objections.extend(
            other
                .iter()
                .filter_map(|other| Some(format!("{}: {}", path.display(), objection(&module, other)?))),
        );
    }
    assert!(objections.is_empty(), "\n{}", objections.join("\n"));
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let files = all("src").into_iter().chain(all("tests"));
    let long: Vec<_> =
        files.filter(|(_, text)| text.lines().count() > LONGEST).map(|(path, _)| path).collect();
    assert!(long.is_empty(), "split {long:?}");
}

#[test]
fn reads_every_way_to_name_a_module() {
    let text = "/// Not [`crate::cli`].\nuse crate::{app::App, domain::{id::Id, time}, store,\n    web::router};\nfn f() { crate::mail::go() } \
                // mycrate::oidc and $crate::saml are others";
    let words: Vec<String> = named(text).into_iter().collect();
    assert_eq!(words, ["app", "domain", "mail", "store", "web"]);
    assert!(objection("domain", "store").is_some() && objection("store", "domain").is_none());
    assert!(objection("oidc", "saml").is_some() && objection("simulator", "domain").is_some());
}

/// What the documents say of files is true as long as the files are there.
#[test]
fn the_files_that_the_documents_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for document in ["docs/architecture.md", "docs/walk.md", "README.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        for path in text.split('`').filter(|word| word.starts_with("src/") || word.starts_with("templates/"))
        {
            assert!(root.join(path.trim_end_matches('/')).exists(), "{document} names {path}");
            named += 1;
        }
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains(':')) {
            assert!(root.join(document).parent().unwrap().join(link).exists(), "{document} links to {link}");
        }
    }
    assert!(named > 30, "{named}");
}

/// Why a line that uses oxide-auth may not, if it may not. Its state machines and the types that they take are used; its frontends answer
/// 500 for an unknown client, and its stores, generators and hashes stand in for ours, which are durable, sealed and bounded.
fn objection_to_oxide(source: &str) -> Option<String> {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let source = source.lines().filter(code).collect::<Vec<_>>().join("\n");
    let parts: Vec<&str> = source.split("oxide_auth::").skip(1).collect();
    let used = parts.iter().map(|rest| rest.split(';').next().unwrap_or_default());
    let mut words = used.flat_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_'));
    let not = [
        "frontends",
        "endpoint",
        "issuer",
        "authorizer",
        "generator",
        "ClientMap",
        "TokenMap",
        "AuthMap",
        "TokenSigner",
        "RandomGenerator",
        "Argon2",
        "PasswordPolicy",
        "prelude",
    ];
    words.find(|word| not.contains(word)).map(str::to_owned)
}

#[test]
fn of_oxide_auth_the_state_machines_are_used_and_neither_its_frontends_nor_its_stores() {
    let mut users = BTreeSet::new();
    for (path, text) in ["src", "benches"].into_iter().flat_map(all) {
        assert_eq!(objection_to_oxide(&text), None, "{}: see the adapter src/oidc/oxide.rs", path.display());
        if text.lines().any(|line| line.trim_start().starts_with("use oxide_auth")) {
            users.insert(path.to_str().unwrap().to_owned());
        }
        let elsewhere = ["oxide_auth_axum", "oxide_auth_async"];
        assert!(!elsewhere.iter().any(|name| text.contains(name)), "{}", path.display());
    }
    let adapter = ["src/oidc/oxide.rs", "src/oidc/oxide/refused.rs", "src/oidc/oxide/requests.rs"];
    assert_eq!(users, adapter.map(str::to_owned).into(), "one adapter knows oxide-auth");
    for bad in [
        "use oxide_auth::frontends::simple::endpoint::Generic;",
        "use oxide_auth::{\n    code_grant::refresh,\n    primitives::{issuer::TokenMap, scope::Scope},\n};",
        "let x = oxide_auth::primitives::prelude::AuthMap::new();",
    ] {
        assert!(objection_to_oxide(bad).is_some(), "{bad}");
    }
    assert_eq!(objection_to_oxide("use oxide_auth::code_grant::refresh;\nfn issuer() {}"), None);
}

/// The lint denies `unsafe`, and any file could expect it away: one does.
#[test]
fn one_file_may_be_unsafe() {
    let lint = ["unsafe", "_code"].concat();
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(manifest.contains(&format!("{lint} = \"deny\"")));
    let files = ["src", "tests", "benches"].into_iter().flat_map(all);
    let may: Vec<_> = files.filter(|(_, text)| text.contains(&lint)).map(|(path, _)| path).collect();
    assert_eq!(may, [Path::new("src/saml/libxmlsec.rs")]);
}

/// Doors that are not for clients, and what they read: our own pages, which ignore what they cannot read, and the way back from DigiD.
const OTHER_DOORS: &[(&str, &[&str])] = &[
    ("web/account.rs", &["error"]),
    ("web/account_digid.rs", &["error"]),
    ("web/account_log.rs", &["before"]),
    ("web/desk.rs", &["again", "error"]),
    ("web/desk_staff.rs", &["error"]),
    ("web/single_logout.rs", &["RelayState", "SAMLResponse"]),
];
/// What means something by its specification and what we do not look at: spoilt, it is refused all the same.
const KNOWN_ONLY: [&str; 3] = ["display", "logout_hint", "token_type_hint"];

/// The parameters of a request that a source text reads, by the ways there are to read one.
fn parameters(source: &str) -> BTreeSet<&str> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    let mut found = BTreeSet::new();
    for way in [".get(\"", ".has(\"", ".all(\"", "is_ours(\"", "said(\""] {
        for (at, _) in code.match_indices(way) {
            found.extend(code[at + way.len()..].split('"').next());
        }
    }
    for (at, _) in code.match_indices("targets(") {
        let list = code[at..].split_once("&[").and_then(|(_, rest)| rest.split_once(']'));
        found.extend(list.into_iter().flat_map(|(list, _)| list.split('"').skip(1).step_by(2)));
    }
    if code.contains("get(HINT)") {
        found.insert(HINT);
    }
    found
}

/// A parameter that is read and stands in no list would count half, where the other half of it is spoilt.
#[test]
fn each_parameter_that_a_door_reads_stands_in_the_list_of_that_door() {
    let (mut wrong, mut read, mut doors) = (Vec::new(), BTreeSet::new(), 0);
    let sources = all("src");
    for (path, text) in &sources {
        let path = path.strip_prefix("src").unwrap_or(path).to_str().unwrap();
        let reads = ["oidc/", "flows/", "web/"].iter().any(|floor| path.starts_with(floor))
            && (text.contains("Params") || text.contains("form(headers"));
        if !reads || path.ends_with("tests.rs") || path == "oidc/params.rs" {
            continue;
        }
        let (own, named) = (OTHER_DOORS.iter().find(|(door, _)| *door == path), parameters(text));
        if let Some((_, own)) = own {
            doors += 1;
            if named != own.iter().copied().collect() {
                wrong.push(format!("{path} reads {named:?}, and its list here says {own:?}"));
            }
            continue;
        }
        for name in named.iter().filter(|name| !KNOWN.contains(name)) {
            wrong.push(format!("{path} reads {name}: put it into KNOWN of src/oidc/params.rs"));
        }
        read.extend(named);
    }
    for name in KNOWN {
        if read.contains(name) == KNOWN_ONLY.contains(&name) {
            wrong.push(format!("{name} of KNOWN: is it read, or known only?"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(doors, OTHER_DOORS.len(), "a door of this list is gone");
    // What DigiD's door reads it also has judged.
    let back = sources.iter().find(|(path, _)| path.ends_with("web/single_logout.rs")).unwrap();
    assert!(back.1.contains("const BACK: [&str; 2] = [\"RelayState\", \"SAMLResponse\"];"));
    assert!(back.1.contains("Params::parse_for(&BACK, "));
}
