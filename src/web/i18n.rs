//! The texts of the pages, in both languages. Every sentence a person reads stands in `templates/*.ftl`.

use std::sync::LazyLock;

use fluent::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};

pub use crate::domain::lang::Lang;

const NL: &str = include_str!("../../templates/nl.ftl");
const EN: &str = include_str!("../../templates/en.ftl");

type Bundle = FluentBundle<FluentResource>;

static DUTCH: LazyLock<Bundle> = LazyLock::new(|| bundle(Lang::Nl, NL));
static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(Lang::En, EN));

/// Reads a catalogue. A message that cannot be read is left out, which a test would show.
fn bundle(lang: Lang, source: &str) -> Bundle {
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(rest, _)| rest);
    let mut bundle = Bundle::new_concurrent(lang.code().parse().into_iter().collect());
    // Isolating marks would show up in titles and copied text; both languages read from left to right.
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    bundle
}

impl Lang {
    /// The text of a message without values.
    pub fn text(self, key: &str) -> String {
        self.text_with(key, &[])
    }

    /// The text of a message with its values filled in. They come out as given: escaping is the template's work.
    /// A key that does not exist gives `⟦key⟧`, which a test looks for on every page.
    pub fn text_with(self, key: &str, values: &[(&'static str, FluentValue<'_>)]) -> String {
        let bundle = match self {
            Self::Nl => &*DUTCH,
            Self::En => &*ENGLISH,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return format!("⟦{key}⟧");
        };
        let values: FluentArgs<'_> = values.iter().cloned().collect();
        bundle.format_pattern(pattern, Some(&values), &mut Vec::new()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    fn keys(source: &str) -> BTreeSet<&str> {
        source.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_lowercase())).map(key).collect()
    }

    fn key(line: &str) -> &str {
        line.split_once(" =").expect("a message has a key").0
    }

    fn sources(folder: &str, ending: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files
            .filter(|f| f.to_string_lossy().ends_with(ending))
            .map(|f| fs::read_to_string(f).unwrap())
            .collect()
    }

    #[test]
    fn both_catalogues_read_whole_and_hold_the_same_keys() {
        for source in [NL, EN] {
            assert!(FluentResource::try_new(source.to_owned()).is_ok());
            let listed = source.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_lowercase())).count();
            assert_eq!(listed, keys(source).len(), "a key stands in the catalogue twice");
        }
        assert_eq!(keys(NL), keys(EN));
    }

    #[test]
    fn a_dutch_sentence_has_twenty_words_at_most() {
        let texts = NL.lines().filter_map(|line| line.split_once(" = "));
        let sentences =
            texts.flat_map(|(key, text)| text.split(['.', '?', '!', ':', ';']).map(move |s| (key, s)));
        let long: Vec<_> = sentences.filter(|(_, s)| s.split_whitespace().count() > 20).collect();
        assert!(long.is_empty(), "{long:?}");
    }

    #[test]
    fn a_word_is_spelt_in_one_way() {
        let mails = sources("templates/mail", ".txt");
        for (text, wrong) in [
            (EN, "e-mail"),
            (NL, " email"),
            (EN, "E-mail"),
            (EN, "signed out"),
            (NL, "u hebt"),
            (NL, "U hebt"),
        ] {
            let sentences = text.lines().filter_map(|line| line.split_once(" = "));
            let found: Vec<_> = sentences.filter(|(_, text)| text.contains(wrong)).collect();
            assert!(found.is_empty(), "{found:?}");
        }
        assert!(!mails.contains("u hebt") && !mails.contains("U hebt"));
        for mail in mails.split("{% match c.lang %}").skip(1) {
            let english = mail.split("Lang::En -%}").nth(1).unwrap();
            assert!(!english.contains("e-mail"), "{english}");
        }
    }

    #[test]
    fn every_message_formats_with_the_values_its_twin_takes() {
        for key in keys(NL) {
            let (mut dutch, mut english) = (taken(&DUTCH, NL, key), taken(&ENGLISH, EN, key));
            dutch.sort();
            english.sort();
            assert_eq!(dutch, english, "{key}");
        }
    }

    /// Which values a message takes, having shown that with them it formats without a complaint.
    fn taken(bundle: &Bundle, source: &str, key: &str) -> Vec<String> {
        let body = source.split(&format!("\n{key} =")).nth(1).unwrap();
        let body = body.split("\n\n").next().unwrap().lines().enumerate();
        let body: String =
            body.take_while(|(n, l)| *n == 0 || l.starts_with([' ', '}'])).map(|(_, l)| l).collect();
        let names = body.split('$').skip(1).map(|t| t.split([' ', '}']).next().unwrap().to_owned());
        let names: BTreeSet<String> = names.collect();
        let mut values = FluentArgs::new();
        for name in &names {
            values.set(name.clone(), 2);
        }
        let mut errors = Vec::new();
        let pattern = bundle.get_message(key).unwrap().value().unwrap();
        let text = bundle.format_pattern(pattern, Some(&values), &mut errors);
        assert!(errors.is_empty() && !text.trim().is_empty(), "{key}: {errors:?}");
        names.into_iter().collect()
    }

    #[test]
    fn templates_and_pages_use_every_key_and_no_other() {
        let templates = sources("templates", ".html");
        let all = templates.clone() + &sources("src/web", ".rs");
        for key in keys(NL) {
            assert!(all.contains(&format!("\"{key}\"")), "{key} is used nowhere");
        }
        for call in templates.split("say(").chain(templates.split("say_with(")).skip(1) {
            if let Some(key) = call.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                assert!(keys(NL).contains(key), "{key} stands in a template but in no catalogue");
            }
        }
    }
}
