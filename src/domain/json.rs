//! What JSON texts of others must not be, before they are read.

/// Whether a JSON text writes U+0000 in a string: no column of text holds that (PostgreSQL, section 8.14.1), so no text here does. A
/// backslash that is itself escaped, before `u0000`, is taken for it too: nobody means that either.
pub fn writes_nul(json: &[u8]) -> bool {
    json.windows(6).any(|six| six == br"\u0000")
}

/// Whether a JSON text begins as an object does: a list of the same values is none, and would be read as one.
pub fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().starts_with(b"{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_text_that_writes_nul_is_known_by_it() {
        for (text, writes) in [("\0", true), ("a\0b", true), ("\u{1}", false), ("u0000", false), ("", false)]
        {
            let json = serde_json::json!({"x": [text]}).to_string();
            assert_eq!(writes_nul(json.as_bytes()), writes, "{json}");
        }
    }

    #[test]
    fn an_object_begins_with_a_brace_whatever_space_is_before_it() {
        assert!([&b"{}"[..], b" \n{\"a\":1}"].iter().all(|json| is_object(json)));
        assert!(![&b"[]"[..], b"", b"\"{\"", b"x{"].iter().any(|json| is_object(json)));
    }
}
