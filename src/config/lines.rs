//! On which line of the configuration something stands, for what is told of a value that is wrong. The lines themselves are never told:
//! somebody may have put a secret there.

/// Where tables and keys stand. Kept with the configuration: what a client or a secret is worth is looked at after the file was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    /// From one, as an editor counts.
    line: usize,
    /// Which table of the file, counted; 0 before the first.
    table: usize,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// The head of a table, without its brackets.
    Head(String),
    /// A key, and whose table it is where that is its `id`.
    Key(String, Option<String>),
}

impl Lines {
    /// Those of a text that was read as TOML already.
    pub(super) fn of(text: &str) -> Self {
        let (mut all, mut table, mut in_text) = (Vec::new(), 0, false);
        for (at, line) in text.lines().enumerate() {
            let was_in_text = in_text;
            let marks = line.matches("\"\"\"").count() + line.matches("'''").count();
            in_text ^= marks % 2 == 1;
            if was_in_text {
                continue;
            }
            let what = match (head_of(line), line.split_once('=')) {
                (Some(head), _) => {
                    table += 1;
                    What::Head(head.to_owned())
                }
                (_, Some((key, value))) => {
                    let key = key.trim().to_owned();
                    let id = (key == "id").then(|| text_of(value).to_owned());
                    What::Key(key, id)
                }
                (_, None) => continue,
            };
            all.push(Entry { line: at + 1, table, what });
        }
        Self(all)
    }

    /// The line that a message is about which begins with a key, with a table in brackets, or with `client` and its id.
    pub(super) fn about(&self, message: &str) -> Option<usize> {
        let (begin, rest) = message.split_once(':').unwrap_or((message, ""));
        if let Some(id) = begin.strip_prefix("client id ").or_else(|| begin.strip_prefix("client ")) {
            return self.about_client(text_of(id), rest);
        }
        if let Some(head) = begin.strip_prefix('[') {
            let head = head.split(']').next().unwrap_or_default();
            let found = self.0.iter().find(|entry| entry.what == What::Head(head.to_owned()));
            return match found {
                Some(found) => self.in_table(found.table, rest).or(Some(found.line)),
                None => self.in_table(0, head),
            };
        }
        self.in_table(0, begin)
    }

    /// The same of what is told of the client of that id: the last where it stands there twice.
    pub(super) fn about_client(&self, id: &str, rest: &str) -> Option<usize> {
        let is_its = |entry: &&Entry| matches!(&entry.what, What::Key(_, Some(own)) if own == id);
        let found = self.0.iter().rev().find(is_its)?;
        self.in_table(found.table, rest).or(Some(found.line))
    }

    /// The line of the first word that is a key of that table.
    fn in_table(&self, table: usize, words: &str) -> Option<usize> {
        let keys = || self.0.iter().filter(|entry| entry.table == table);
        let of = |word: &str| keys().find(|one| matches!(&one.what, What::Key(key, _) if key == word));
        let is_of_word = |c: char| c.is_ascii_lowercase() || c == '_';
        words.split(|c| !is_of_word(c)).find_map(|word| Some(of(word)?.line))
    }
}

/// The head of a table without its brackets, whatever a comment behind it says. A list that goes on has a comma or a quotation mark.
fn head_of(line: &str) -> Option<&str> {
    let (head, behind) = line.trim_start().strip_prefix('[')?.trim_start_matches('[').split_once(']')?;
    let behind = behind.trim_start_matches(']').trim_start();
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
    let is_head = head.chars().all(is_bare) && (behind.is_empty() || behind.starts_with('#'));
    is_head.then(|| head.trim())
}

/// What stands between quotation marks.
fn text_of(value: &str) -> &str {
    let value = value.trim();
    let quoted = |mark: char| value.strip_prefix(mark)?.split(mark).next();
    quoted('"').or_else(|| quoted('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_own_table_whatever_a_comment_says() {
        let lines = Lines::of(
            "# from = \"old\"\n[mail] # before: from = \"x\"\nfrom = \"a\"\n[other] # = as above\n# from = 1\nfrom = \"b\"\nlist = [\n\
             [\"x\"],\n]\nlast = 1\n[digid]\nfolder = 1\n",
        );
        for (message, line) in [
            ("[mail]: from is none", Some(3)),
            ("[other]: from is none", Some(6)),
            ("[other]: last is none", Some(10)),
            ("[mail]: give either folder or smtp", Some(2)),
            ("[digid]: folder is none", Some(12)),
            ("from: no such key", None),
        ] {
            assert_eq!(lines.about(message), line, "{message}");
        }
    }

    #[test]
    fn a_message_finds_the_line_of_its_key_table_or_client() {
        let lines = Lines::of(
            "issuer = \"x\"\noutbound = { extra_roots = [] }\n[desk]\nleaflet = { nl = \"\"\"\n[mail]\nfolder = 1\n\"\"\" }\n\
             [mail]\nfrom = \"a\"\n[[client]]\nid = \"one\"\nname = \"\"\n[[client]]\nname = \"x\"\nid = 'two' # the other\n",
        );
        for (message, line) in [
            ("issuer: must be https", Some(1)),
            ("[outbound]: leave it out", Some(2)),
            ("[desk]: give leaflet 1 to 6000 characters", Some(4)),
            ("[mail]: give either folder or smtp", Some(8)),
            ("[mail]: from is none", Some(9)),
            ("client one: give it a name", Some(12)),
            ("client one: it must show a certificate", Some(11)),
            ("client id \"two\": that is none", Some(15)),
            ("client three: give it a name", None),
            ("listen: taken", None),
            ("nothing of all this", None),
        ] {
            assert_eq!(lines.about(message), line, "{message}");
        }
    }
}
