//! A request that is good, bent in one thing at a time.

use crate::{
    bad_input::{BENDS, Bend, assert_calm, assert_json_error, bent},
    bad_input_doors::{assert_nothing_new, kept},
    bad_input_wire::{Raw, post},
    house::House,
};

/// A form that a door accepts, by that header. What `form` is told: whether it is to be refused.
pub struct Good<'a> {
    pub house: &'a House,
    pub path: &'a str,
    pub headers: &'a str,
    pub form: &'a dyn Fn(bool) -> Vec<(&'static str, String)>,
    /// Whether that is how the door answers a good one.
    pub is_answer: &'a dyn Fn(&Raw) -> bool,
}

impl Good<'_> {
    async fn send(&self, bend: Option<(&'static str, Bend)>, refused: bool) -> Raw {
        let mut form = (self.form)(refused);
        let at = bend.map(|(name, _)| {
            form.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                // One that no good request has: it spoils this one, unless it is left out or empty.
                form.push((name, "x".to_owned()));
                form.len() - 1
            })
        });
        let pairs: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // Where nothing is bent, no parameter has that number.
        let (at, bend) = (at.unwrap_or(pairs.len()), bend.map_or(Bend::Missing, |(_, bend)| bend));
        post(self.house, self.path, &bent(&pairs, at, bend), self.headers).await
    }

    async fn assert_accepted(&self, bend: Option<(&'static str, Bend)>) {
        let raw = self.send(bend, false).await;
        assert!((self.is_answer)(&raw), "{} {bend:?}: {raw:?}", self.path);
    }

    /// Bends each of `names` in every way: an error that is specified, and nothing is kept of it, but for what is harmless.
    /// The same unbent is accepted before and after.
    pub async fn sweep(&self, names: &[&'static str], is_harmless: impl Fn(&str, Bend) -> bool) {
        self.assert_accepted(None).await;
        let (harmless, bad): (Vec<_>, Vec<_>) = names
            .iter()
            .flat_map(|name| BENDS.map(|bend| (*name, bend)))
            .partition(|(name, bend)| is_harmless(name, *bend));
        let before = kept(self.house);
        for (name, bend) in bad {
            let raw = self.send(Some((name, bend)), true).await;
            assert_json_error(&raw, &format!("{} {name} {bend:?}", self.path), &[400, 401]);
        }
        assert_nothing_new(self.house, &before, self.path);
        for one in harmless {
            self.assert_accepted(Some(one)).await;
        }
        self.assert_accepted(None).await;
        assert_calm(self.house);
    }
}
