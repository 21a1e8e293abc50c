//! Of the two texts that the product is made from no sentence is left out: `docs/mandates.md` has each to the letter, with the story that
//! plays it or the reason for having none.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};

use crate::requirements::{document, tests_named};

/// The headings of the two texts, and the SHA-256 of each: of its letters in lower case and its digits.
const TEXTS: [(&str, &str); 2] = [
    (
        "### What a portal answers its patients",
        "fb5806e71e6fb9bcb7969144642499ed56f37812cf532878b76539b32634a68a",
    ),
    ("### What a hospital tells parents", "8307ca9f5671acf1b8887dfacabf11870dc608f6e6fca6849283a2d307ee305b"),
];

const NONE: &str = "no story; ";

/// What is left of a text without its signs, which change as it is copied.
fn letters(text: &str) -> String {
    text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The tables, and the sentences below them.
fn tables_and_list() -> (String, String) {
    let text = document("docs/mandates.md");
    let (tables, list) = text.split_once("\n## Every sentence of the two texts\n").unwrap();
    (tables.to_owned(), list.to_owned())
}

/// The sentences below a heading, each with what is said of it.
fn below<'l>(list: &'l str, heading: &str) -> Vec<(&'l str, &'l str)> {
    let (_, rest) = list.split_once(heading).unwrap();
    let rest = rest.split("\n#").next().unwrap();
    rest.lines().filter_map(|line| line.strip_prefix("- “")?.split_once("”: ")).collect()
}

#[test]
fn every_sentence_of_the_two_texts_stands_there_with_its_story_or_a_reason() {
    let (tables, list) = tables_and_list();
    let mut played = BTreeSet::new();
    for (heading, sum) in TEXTS {
        let sentences = below(&list, heading);
        let joined: String = sentences.iter().map(|(sentence, _)| letters(sentence)).collect();
        let hash = digest(&SHA256, joined.as_bytes());
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, sum, "{heading}: {} sentences are not the text as it was told", sentences.len());
        for (sentence, said) in sentences {
            let stories = tests_named(said);
            let has_reason = said.strip_prefix(NONE).is_some_and(|reason| reason.split(' ').count() > 1);
            assert!(has_reason != said.contains('`'), "{sentence}: name a story, or say why there is none");
            let plays = |story: &&str| story.starts_with("story_") && tables.contains(&format!("`{story}`"));
            assert!(stories.iter().all(plays), "{sentence}: no story of the tables: {said}");
            assert_eq!(stories.len(), said.matches('`').count() / 2, "{sentence}: {said}");
            played.extend(stories);
        }
    }
    // And the other way round: a story whose row quotes a text stands beside that sentence.
    let rows = tables.lines().filter(|line| line.starts_with("| \""));
    let quoted: BTreeSet<&str> =
        rows.flat_map(tests_named).filter(|test| test.starts_with("story_")).collect();
    assert!(quoted.len() > 50, "{}", quoted.len());
    assert_eq!(quoted.difference(&played).collect::<Vec<_>>(), Vec::<&&str>::new(), "beside no sentence");
}

#[test]
fn what_the_tables_quote_stands_in_the_texts() {
    let (tables, list) = tables_and_list();
    let texts = TEXTS.map(|(heading, _)| {
        below(&list, heading).iter().map(|(sentence, _)| letters(sentence)).collect::<String>()
    });
    let mut quotes = 0;
    for row in tables.lines().filter(|line| line.starts_with("| \"")) {
        let cell = row.split(" | ").next().unwrap();
        for part in cell.split('"').skip(1).step_by(2).flat_map(|quote| quote.split('…')) {
            let part_of = |text: &String| text.contains(&letters(part));
            assert!(texts.iter().any(part_of), "nobody told this: {part}");
            quotes += 1;
        }
    }
    assert!(quotes > 60, "{quotes}");
}
