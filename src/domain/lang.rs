//! The two languages of pages and mails.

/// A language a person can read Namens in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lang {
    /// Dutch, plain (B1) and with the formal "u".
    #[default]
    Nl,
    /// English, equally plain.
    En,
}

/// How many wishes are looked at: more is no person's list.
const WISHES: usize = 16;

impl Lang {
    /// The first language we speak: of the portal's `ui_locales` (OpenID Connect Core, section 3.1.2.1), then of the
    /// browser's `Accept-Language` (RFC 9110, section 12.5.4), then Dutch.
    pub fn choose(ui_locales: &[String], accept_language: Option<&str>) -> Self {
        let asked = ui_locales.iter().take(WISHES).find_map(|tag| Self::of_tag(tag));
        asked.or_else(|| accept_language.and_then(Self::of_browser)).unwrap_or_default()
    }

    /// As it stands in `lang` and `Content-Language`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Nl => "nl",
            Self::En => "en",
        }
    }

    /// By the primary subtag (RFC 5646): `nl-BE` is Dutch.
    fn of_tag(tag: &str) -> Option<Self> {
        match tag.trim().split('-').next() {
            Some(primary) if primary.eq_ignore_ascii_case("nl") => Some(Self::Nl),
            Some(primary) if primary.eq_ignore_ascii_case("en") => Some(Self::En),
            _ => None,
        }
    }

    fn of_browser(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for wish in header.split(',').take(WISHES) {
            let (tag, rest) = wish.split_once(';').unwrap_or((wish, ""));
            let weight = rest.trim().strip_prefix("q=").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            if let Some(lang) = Self::of_tag(tag)
                && weight > best.map_or(0.0, |(weight, _)| weight)
            {
                best = Some((weight, lang));
            }
        }
        best.map(|(_, lang)| lang)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portal_is_heard_first_then_the_browser_then_dutch() {
        let choose = |locales: &[&str], header| {
            Lang::choose(&locales.iter().map(ToString::to_string).collect::<Vec<_>>(), header)
        };
        assert_eq!(choose(&["fr", "en-GB", "nl"], Some("nl")), Lang::En);
        assert_eq!(choose(&["de"], Some("en")), Lang::En);
        assert_eq!(choose(&["nl", "en"], Some("en")), Lang::Nl);
        assert_eq!(choose(&[], Some("de, nl;q=0.5, en-US;q=0.8")), Lang::En);
        assert_eq!(choose(&[], Some("en;q=0, NL-be;q=0.1")), Lang::Nl);
        assert_eq!(choose(&[], Some("de;q=1, \u{1}, ;;q=x")), Lang::Nl);
        assert_eq!(choose(&[], Some("en, nl")), Lang::En, "of two that weigh the same the first");
        assert_eq!(choose(&[], Some("en;q=0")), Lang::Nl);
        assert_eq!(choose(&[], None), Lang::Nl);
        assert_eq!([Lang::Nl, Lang::En].map(Lang::code), ["nl", "en"]);
    }
}
