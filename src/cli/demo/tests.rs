//! The whole walk within this process; and that each way to break it stops it at the very hop.

use super::*;

async fn walked(spoilt: Option<Spoilt>, verify: Option<&str>) -> (String, Result<(), String>) {
    let mut out = vec![];
    let ended = walk(spoilt, verify.map(Path::new), &mut out).await.map_err(|fault| fault.to_string());
    (String::from_utf8(out).unwrap(), ended)
}

#[tokio::test]
async fn the_walk_reaches_its_end_and_prints_nothing_secret() {
    let (story, ended) = walked(None, None).await;
    assert_eq!(ended, Ok(()), "{story}");
    assert!(story.contains("and all of it as it should be."), "{story}");
    for secret in EVERYBODY.map(|member| member.bsn).into_iter().chain([ANNA_PASSWORD]) {
        assert!(!story.contains(secret), "{secret} is printed");
    }
    // Every token begins so; so may, by chance, a random name of 43 letters, or what is shown of one.
    let words = story.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
    let mut tokens = words.filter(|word| word.len() > 43 && word.contains("eyJ"));
    assert_eq!(tokens.next(), None, "a token is printed");
}

#[tokio::test]
async fn each_spoilt_hop_is_where_the_walk_stops() {
    for (spoilt, says) in [
        (Spoilt::Artifact, "Er is een fout opgetreden in de communicatie met DigiD."),
        (Spoilt::Mtls, "Er is een fout opgetreden in de communicatie met DigiD."),
        (Spoilt::Code, "Deze code klopt niet. U kunt het nog 4 keer proberen."),
        (Spoilt::Link, "Dit e-mailadres of wachtwoord klopt niet."),
    ] {
        let (story, ended) = walked(Some(spoilt), None).await;
        let told = ended.unwrap_err();
        assert!(
            told.ends_with(&format!("--break {} spoilt this very hop", spoilt.word())),
            "{told}\n{story}"
        );
        assert!(told.contains(says), "{told}");
    }
}

#[tokio::test]
async fn a_token_that_a_verifier_refuses_stops_the_walk() {
    let (story, ended) = walked(None, Some("false")).await;
    assert!(ended.unwrap_err().contains("that false verifies it too"), "{story}");
}

#[test]
fn another_hop_than_the_spoilt_one_is_no_success() {
    let at = |hop: &str| Halt::Differs {
        number: 1,
        hop: hop.to_owned(),
        expected: String::new(),
        found: String::new(),
    };
    assert!(Spoilt::Code.stopped_there(&at("POST /login/Zr1k…/code → 422 “Vul de code in”")));
    assert!(!Spoilt::Code.stopped_there(&at("POST /login/Zr1k…/link → 422 “/code”")));
    assert!(!Spoilt::Link.stopped_there(&at("POST /login/Zr1k…/code → 422")));
    assert!(!Spoilt::Mtls.stopped_there(&at("POST /login → 303 namens /digid/acs?SAMLart=…&…")));
}
