//! Addresses that nobody means: with control characters, escaped, in what would become an id that is looked up. No database needs
//! to take them, and PostgreSQL takes no text with U+0000 in it.

use axum::{
    extract::Request,
    http::Uri,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::error;
use crate::oidc::path;

/// Whether neither the path nor the query writes a control character (RFC 3986 section 2.1).
pub fn is_plain(uri: &Uri) -> bool {
    let writes_control = |text: &str| {
        let escapes = text.as_bytes().windows(3).filter_map(|three| match three {
            [b'%', high, low] => Some((*high, *low)),
            _ => None,
        });
        escapes.into_iter().any(|(high, low)| matches!((high, low), (b'0' | b'1', _) | (b'7', b'f' | b'F')))
    };
    !writes_control(uri.path()) && !uri.query().is_some_and(writes_control)
}

/// There is nothing at a path with a control character. The admin API says so in its own form, and what stands in queries is for
/// whoever reads them.
pub async fn plain(request: Request, next: Next) -> Response {
    let path = Uri::try_from(request.uri().path());
    let is_good = request.uri().path().starts_with(path::ADMIN) || path.is_ok_and(|path| is_plain(&path));
    if is_good { next.run(request).await } else { error::not_found().await.into_response() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_known_however_they_are_escaped() {
        for (uri, plain) in [
            ("/a%20b%41", true),
            ("/a?b=%7e%c3%a9%2500", true),
            ("/%", true),
            ("/%00", false),
            ("/a%0d%0aSet-Cookie", false),
            ("/%1B", false),
            ("/%7F", false),
            ("/a?b=%00", false),
        ] {
            assert_eq!(is_plain(&uri.parse().unwrap()), plain, "{uri}");
        }
    }
}
