//! What the documents say of rules and tests is true: each test named there exists, and each id used in the sources has its
//! line in `docs/requirements.md`.

use std::{collections::BTreeSet, fs, path::Path};

use namens::simulator::digid::{
    single_logout_spoil::LogoutSpoil,
    spoil::{RoutingSpoil, Spoil},
};

use crate::floors::all;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The names of tests in a document: what stands between back quotes and has modules in front, or the file of a story that
/// a browser is driven through.
pub fn tests_named(text: &str) -> Vec<&str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
    let named = |word: &&str| word.contains(STORY) || (word.contains("::") && word.chars().all(plain));
    text.split('`').skip(1).step_by(2).filter(named).collect()
}

/// Between the file and the name of a story of `tests/browser`.
const STORY: &str = ".mjs::";

/// Whether `tests/browser/drive.mjs` tells a story of that file by that name.
fn is_told(file: &str, story: &str) -> bool {
    let read = |path: String| fs::read_to_string(root().join(path)).unwrap_or_default();
    let driver = read("tests/browser/drive.mjs".to_owned());
    let told = driver.split("for (const story of [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let module = file.rsplit('/').next().unwrap();
    let ours = file.strip_suffix(module) == Some("tests/browser/");
    let taken = driver.lines().any(|line| {
        let names = line.strip_suffix(&format!("from './{module}.mjs';"));
        names.is_some_and(|names| names.split(|c: char| !c.is_alphanumeric()).any(|name| name == story))
    });
    ours && taken
        && told.split(", ").any(|name| name == story)
        && read(format!("{file}.mjs")).contains(&format!("export async function {story}("))
}

/// The files in which cargo would find a test's module: a black-box test's, or one beside or inside the code.
fn homes(modules: &[&str]) -> Vec<String> {
    let path = modules.join("/");
    let mut homes =
        vec![format!("tests/it/{path}.rs"), format!("src/{path}.rs"), format!("src/{path}/mod.rs")];
    if let Some(parent) = path.strip_suffix("/tests") {
        homes.extend([".rs", "/mod.rs"].map(|end| format!("src/{parent}{end}")));
    }
    homes
}

/// The functions of a source text that are tests.
fn tests_of(source: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut marked = false;
    for line in source.lines().map(str::trim) {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let Some(name) = function.and_then(|rest| rest.split('(').next()).filter(|_| marked) {
            found.insert(name);
        }
        marked = line == "#[test]" || line.starts_with("#[tokio::test") || (marked && function.is_none());
    }
    found
}

/// Whether there is a test that cargo calls by that name, or a story that a browser is driven through.
pub fn exists(name: &str) -> bool {
    if let Some((file, story)) = name.split_once(STORY) {
        return is_told(file, story);
    }
    let (modules, function) = name.rsplit_once("::").unwrap();
    let modules: Vec<&str> = modules.split("::").collect();
    homes(&modules).iter().any(|home| {
        fs::read_to_string(root().join(home)).is_ok_and(|source| tests_of(&source).contains(function))
    })
}

/// Ids such as F9 and M13: as words of a text, or in front of a test's name (`m2_m4_a_child…`).
fn ids(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let mut found = BTreeSet::new();
    for word in words {
        let in_front = word.split('_').take_while(|part| is_id(part, "fma"));
        let count = in_front.clone().count();
        if is_id(word, "FMSLP") || (0 < count && count < word.split('_').count()) {
            found.extend(in_front.chain([word]).filter(|part| !part.contains('_')).map(str::to_uppercase));
        }
    }
    found
}

fn is_id(word: &str, letters: &str) -> bool {
    word.starts_with(|c| letters.contains(c))
        && matches!(word.len(), 2 | 3)
        && word[1..].parse::<u8>().is_ok_and(|number| number > 0)
}

/// The crates of the table in `docs/architecture.md`: each with its files and its tests.
fn crates() -> Vec<(String, [String; 2])> {
    let text = document("docs/architecture.md");
    let table = text.split("| crate |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| "));
    let rows = rows.map(|row| row.trim_matches([' ', '|']).splitn(3, " | ").collect::<Vec<_>>());
    rows.flat_map(|row| {
        let cells = [row[1].to_owned(), row[2].to_owned()];
        row[0].split(", ").map(|name| (name.to_owned(), cells.clone())).collect::<Vec<_>>()
    })
    .collect()
}

/// The ids that have a line of their own: `| F9 | …`.
fn listed(name: &str) -> BTreeSet<String> {
    let text = document(name);
    text.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next().map(str::to_owned)).collect()
}

#[test]
fn every_test_that_the_documents_name_exists() {
    for (name, least) in [
        ("docs/requirements.md", 80),
        ("docs/architecture.md", 15),
        ("docs/saml.md", 150),
        ("docs/oidc.md", 60),
        ("docs/conformance.md", 120),
        ("docs/mandates.md", 50),
    ] {
        let text = document(name);
        // Above its table of crates, the architecture names code.
        let named = tests_named(text.split("| crate |").last().unwrap());
        assert!(named.len() >= least, "{name} names {} tests", named.len());
        let gone: Vec<_> = named.iter().filter(|test| !exists(test)).collect();
        assert!(gone.is_empty(), "{name} names tests that do not exist: {gone:#?}");
    }
}

/// Every row of the document's tables names a test or is said not to be built, and there is one for each number from 1 on.
fn check_rows(name: &str, all: &[(&str, usize)]) {
    let text = document(name);
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id "));
    for row in rows.clone() {
        let shown = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(shown.starts_with("not built yet") || !tests_named(shown).is_empty(), "{row}");
    }
    let listed = listed(name);
    for (letter, last) in all {
        for number in 1..=*last {
            assert!(listed.contains(&format!("{letter}{number}")), "{name}: {letter}{number} has no line");
        }
    }
    let numbered: usize = all.iter().map(|(_, last)| last).sum();
    assert_eq!(rows.count(), numbered, "{name}: a row without a number, or twice");
}

#[test]
fn every_requirement_is_shown_by_a_test_or_is_said_not_to_be_built() {
    let all = [("F", 15), ("M", 15), ("C", 4), ("A", 25), ("E", 7), ("R", 3), ("S", 1), ("L", 1), ("P", 1)];
    check_rows("docs/requirements.md", &all);
}

#[test]
fn every_requirement_and_attack_on_saml_has_its_row_and_so_has_every_spoil() {
    let all = [("Q", 12), ("R", 25), ("B", 7), ("D", 8), ("O", 5), ("N", 15), ("X", 29), ("I", 2)];
    check_rows("docs/saml.md", &all);
    let text = document("docs/saml.md");
    let attacks: Vec<_> = text.lines().filter(|line| line.starts_with("| X")).collect();
    let answers = Spoil::ALL.iter().map(|spoil| spoil.word());
    let routed = RoutingSpoil::ALL.iter().map(|spoil| spoil.word());
    let logouts = LogoutSpoil::ALL.iter().map(|spoil| spoil.word());
    for word in answers.chain(routed).chain(logouts) {
        let rows = attacks.iter().filter(|row| row.contains(&format!("`{word}`"))).count();
        assert_eq!(rows, 1, "{word}");
    }
}

#[test]
fn every_row_of_the_standards_and_of_the_plans_names_a_test() {
    let heads = ["| standard", "| attack", "| module", "| line"];
    for name in ["docs/oidc.md", "docs/conformance.md", "docs/mandates.md"] {
        let text = document(name);
        let rows = text
            .lines()
            .filter(|line| line.starts_with("| ") && !heads.iter().any(|head| line.starts_with(head)));
        let bare: Vec<_> =
            rows.filter(|row| tests_named(row.rsplit(" | ").next().unwrap()).is_empty()).collect();
        assert!(bare.is_empty(), "{name}: {bare:#?}");
    }
}

/// A story that no line of the two texts tells of would be nobody's.
#[test]
fn every_story_stands_beside_the_line_that_it_plays() {
    let text = document("docs/mandates.md");
    for module in ["story_ages", "story_app", "story_desk", "story_faq", "story_mandates"] {
        let source = document(&format!("tests/it/{module}.rs"));
        let told = |test: &&str| !text.contains(&format!("`{module}::{test}`"));
        let untold: Vec<_> = tests_of(&source).into_iter().filter(told).collect();
        assert!(untold.is_empty(), "docs/mandates.md says nothing of {module}: {untold:?}");
    }
}

/// Of the design's table of attacks each number has a row: `| 17, 18 guessing … |`.
#[test]
fn every_number_of_the_table_of_attacks_has_a_row() {
    let text = document("docs/oidc.md");
    let table = text.split("| attack | shown by |").nth(1).unwrap();
    let mut numbers = BTreeSet::new();
    for row in table.lines().filter_map(|line| line.strip_prefix("| ")) {
        let words = row.split([' ', ',']).filter(|word| !word.is_empty());
        numbers.extend(words.map_while(|word| word.parse::<u8>().ok()));
    }
    let none: Vec<_> = (1..=25).filter(|number| !numbers.contains(number)).collect();
    assert!(none.is_empty(), "docs/oidc.md has no row for {none:?}");
}

#[test]
fn every_decision_stands_in_their_list_and_each_number_without_one_is_named() {
    let text = document("docs/adr/README.md");
    let (list, unused) = text.split_once("bear no decision:").unwrap();
    let links: Vec<&str> = list.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let files = fs::read_dir(root().join("docs/adr")).unwrap();
    let files = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = files.filter(|name| name != "README.md").collect();
    files.sort();
    assert_eq!(links, files, "docs/adr/README.md lists each decision once, in their order");
    let number = |name: &String| name.get(..4).unwrap().parse::<u32>().unwrap();
    let numbers: BTreeSet<_> = files.iter().map(number).collect();
    assert_eq!(numbers.len(), files.len(), "two decisions with one number");
    let holes = (1..=*numbers.last().unwrap()).filter(|number| !numbers.contains(number));
    let nowhere: Vec<_> = holes.filter(|number| !unused.contains(&format!("{number:04}"))).collect();
    assert!(nowhere.is_empty(), "docs/adr/README.md says nothing of {nowhere:?}");
}

/// That the files exist, `floors` checks.
#[test]
fn every_crate_has_its_row_with_a_file_and_a_test() {
    let manifest: toml::Table = document("Cargo.toml").parse().unwrap();
    let wanted: BTreeSet<String> = manifest["dependencies"].as_table().unwrap().keys().cloned().collect();
    let rows = crates();
    let listed: BTreeSet<String> = rows.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(listed, wanted);
    assert_eq!(listed.len(), rows.len(), "a crate has two rows");
    for (name, [files, tests]) in rows {
        assert!(files.contains("`src/"), "{name}: {files}");
        assert!(tests.starts_with("none: ") || !tests_named(&tests).is_empty(), "{name}: {tests}");
    }
}

#[test]
fn every_id_and_every_document_that_the_sources_name_exists() {
    let listed = listed("docs/requirements.md");
    for (path, text) in all("src").into_iter().chain(all("tests")) {
        let unknown: Vec<_> = ids(&text).into_iter().filter(|id| !listed.contains(id)).collect();
        assert!(unknown.is_empty(), "{}: no line in docs/requirements.md for {unknown:?}", path.display());
        let words = text.split(|c: char| !c.is_alphanumeric() && !"/._-".contains(c));
        for document in words
            .filter(|word| word.rsplit_once('.').is_some_and(|(name, end)| !name.is_empty() && end == "md"))
        {
            assert!(root().join(document).exists(), "{} names {document}", path.display());
        }
    }
}

#[test]
fn reads_ids_and_tests_as_they_are_written() {
    let found = ids("//! (F9, M2 to M4), %F0, 1F5, F100; fn m2_m4_a_child() fn a17_b() fn f7() fn a_b()");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["A17", "F9", "M2", "M4"]);
    let source = "#[test]\nfn one() {}\n#[tokio::test(x)]\n#[expect(y)]\nasync fn two() {\nfn three() {}";
    assert_eq!(tests_of(source).into_iter().collect::<Vec<_>>(), ["one", "two"]);
    assert!(exists("requirements::reads_ids_and_tests_as_they_are_written"));
    assert!(exists("tests/browser/post.mjs::formAction"));
    for absent in [
        "post.mjs::formaction",
        "post.mjs::redirects",
        "hostile.mjs::formAction",
        "../browser/post.mjs::formAction",
    ] {
        assert!(!exists(&format!("tests/browser/{absent}")), "{absent}");
    }
    assert!(!exists("requirements::exists") && !exists("floors::reads_ids_and_tests_as_they_are_written"));
}
