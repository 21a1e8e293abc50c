//! Anna opens her mailbox and reads the code.

use std::{collections::HashSet, time::Duration};

use serde::Deserialize;
use url::Url;

use super::{
    Halt,
    tell::{After, Tell},
};

/// How often the mailbox is looked into before giving up.
const LOOKS: u32 = 200;
/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A mailbox in which every message is read once.
pub struct Post {
    http: reqwest::Client,
    messages: Url,
    seen: HashSet<String>,
}

#[derive(Deserialize)]
struct Message {
    file: String,
    subject: String,
    text: String,
}

impl Post {
    /// The messages to `address` in the mailbox at `base`.
    pub fn new(http: reqwest::Client, base: &Url, address: &str) -> Self {
        let mut messages = base.clone();
        messages.set_path("/messages.json");
        messages.query_pairs_mut().append_pair("to", address);
        Self { http, messages, seen: HashSet::new() }
    }

    /// Waits for a new message with a code in it, twenty seconds at most, and reads the code.
    pub async fn code(&mut self, tell: &mut Tell<'_>) -> Result<String, Halt> {
        self.find(tell, "a letter with a code", |message| code_in(&message.text)).await
    }

    /// Waits for a new message whose text holds `words`.
    pub async fn letter(&mut self, tell: &mut Tell<'_>, words: &str) -> Result<(), Halt> {
        let expected = format!("a letter that says “{words}”");
        self.find(tell, &expected, |message| message.text.contains(words).then_some(())).await
    }

    async fn find<T>(
        &mut self,
        tell: &mut Tell<'_>,
        expected: &str,
        wanted: impl Fn(&Message) -> Option<T>,
    ) -> Result<T, Halt> {
        for _ in 0..LOOKS {
            for message in self.look().await? {
                if !self.seen.contains(&message.file)
                    && let Some(found) = wanted(&message)
                {
                    tell.hop(
                        "GET",
                        &self.messages,
                        200,
                        &After::Gives(&format!("a letter, “{}”", message.subject)),
                    )?;
                    self.seen.insert(message.file);
                    return Ok(found);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(tell.halt(expected, "no such letter came within twenty seconds"))
    }

    async fn look(&self) -> Result<Vec<Message>, Halt> {
        let failed = |error| Halt::Http { what: "the mailbox".to_owned(), error };
        let sent = self.http.get(self.messages.clone()).send().await.map_err(failed)?;
        sent.error_for_status().map_err(failed)?.json().await.map_err(failed)
    }
}

/// What the letter says its code is, without the space among it.
fn code_in(text: &str) -> Option<String> {
    let (code, _) = text.split_once("code is ")?.1.split_once('.')?;
    Some(code.split_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_code_and_no_other_number() {
        let mail = "Uw code is 482 913. De code werkt 10 minuten (7 juli 2026, 09:41).";
        assert_eq!(code_in(mail).as_deref(), Some("482913"));
        assert_eq!(code_in("Your code is KDFHG KMNP3. The code").as_deref(), Some("KDFHGKMNP3"));
        assert_eq!(code_in("Bel 123456."), None);
    }
}
