//! What the portal was told, held against `docs/requirements.md`.

use std::{io, path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::{
    clock::Clock,
    domain::time::Timestamp,
    simulator::{
        family::EVERYBODY,
        walk::{Halt, jwks, tell::Tell},
    },
};

/// The longest that a portal may go on without asking again, in seconds (`act_as`, `recheck`).
const RECHECK: i64 = 15 * 60;
/// How long another program may take to verify a token.
const PATIENCE: Duration = Duration::from_mins(1);

/// A login as the portal verified it.
pub struct Told {
    /// The ID token.
    id_token: String,
    /// Its claims, as the `openidconnect` crate read them.
    pub claims: Value,
    userinfo: Value,
}

impl Told {
    /// From what the portal's `/token.json` says.
    pub fn read(tell: &Tell<'_>, mut json: Value) -> Result<Self, Halt> {
        let mut part = |name: &str| json.get_mut(name).map(Value::take).unwrap_or_default();
        let (id_token, claims, userinfo) = (part("id_token"), part("claims"), part("userinfo"));
        match id_token {
            Value::String(id_token) => Ok(Self { id_token, claims, userinfo }),
            _ => Err(tell.halt("an ID token", "the portal has none")),
        }
    }

    /// Who logged in, as the portal knows them.
    pub fn sub(&self) -> &str {
        self.word("sub")
    }

    /// Stops the walk unless the ID token says this level and exactly these people, and says the same as `UserInfo`;
    /// and unless it is silent about BSNs.
    pub fn check(
        &self,
        tell: &mut Tell<'_>,
        (acr, level): (&str, &str),
        people: &People,
    ) -> Result<(), Halt> {
        tell.check(self.word("acr") == acr, &format!("acr is {acr} ({level})"), || {
            format!("acr is {:?}", self.word("acr"))
        })?;
        let names = people.names();
        tell.check(self.names_exactly(people), &format!("act_as names {names}"), || {
            format!("it names {} people, or others than these", self.act_as().len())
        })?;
        let limit = Clock.now().plus(RECHECK);
        let soon = self.act_as().iter().all(|one| {
            let recheck = one.get("recheck").and_then(Value::as_i64).map(Timestamp::from_epoch);
            recheck.is_some_and(|at| at <= limit)
        });
        if !soon {
            return Err(tell.halt("a recheck within 15 minutes for each person", "act_as has another"));
        }
        if who(&self.userinfo) != who(&self.claims) {
            return Err(tell.halt("the same act_as at UserInfo", "it differs"));
        }
        let text = format!("{} {}", self.claims, self.userinfo);
        if EVERYBODY.iter().any(|member| text.contains(member.bsn)) {
            return Err(tell.halt("no BSN in the ID token or at UserInfo", "there is one"));
        }
        Ok(())
    }

    /// Stops the walk unless OpenSSL finds the signature right with a key of `jwks`, and the same claims under it.
    pub fn check_signature(&self, tell: &mut Tell<'_>, keys: &Value) -> Result<(), Halt> {
        let claims = jwks::verify(&self.id_token, keys);
        let same = claims.as_ref().is_ok_and(|claims| {
            ["iss", "sub", "acr", "act_as"].into_iter().all(|name| claims.get(name) == self.claims.get(name))
        });
        tell.check(
            same,
            "the signature is right by the openidconnect crate, and by OpenSSL with the served keys",
            || claims.err().unwrap_or_else(|| "the two read other claims".to_owned()),
        )
    }

    /// Stops the walk unless a program of somebody else's verifies the token too, with the keys as it fetches them.
    pub async fn check_elsewhere(
        &self,
        tell: &mut Tell<'_>,
        program: &Path,
        arguments: [String; 3],
    ) -> Result<(), Halt> {
        let verified = ask(program, &arguments, &self.id_token, PATIENCE).await;
        tell.check(verified.is_ok(), &format!("{} verifies it too", program.display()), || {
            verified.err().unwrap_or_default()
        })
    }

    fn word(&self, claim: &str) -> &str {
        self.claims.get(claim).and_then(Value::as_str).unwrap_or_default()
    }

    fn act_as(&self) -> &[Value] {
        self.claims.get("act_as").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// `act_as` must be there, also when it is empty.
    fn names_exactly(&self, people: &People) -> bool {
        let is_array = self.claims.get("act_as").is_some_and(Value::is_array);
        let is_there = |(_, sub, relation): &(&str, String, &str)| {
            let text = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
            let fits = |one: &&Value| {
                text(one, "sub").as_ref() == Some(sub) && text(one, "relation").as_deref() == Some(*relation)
            };
            self.act_as().iter().filter(fits).count() == 1
        };
        is_array && self.act_as().len() == people.0.len() && people.0.iter().all(is_there)
    }
}

/// Gives a program the token and waits for its verdict; what it complains of, otherwise. One that has no verdict when
/// `patience` is over is killed.
async fn ask(program: &Path, arguments: &[String], token: &str, patience: Duration) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().map_err(text)?;
    let verdict = async move {
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(token.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let done = timeout(patience, verdict).await;
    let done = done.map_err(|_| format!("no verdict after {} seconds", patience.as_secs()))?.map_err(text)?;
    let complaint = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    if done.status.success() { Ok(()) } else { Err(format!("{}: {complaint}", done.status)) }
}

/// `act_as` without `recheck`, which is later in an answer of a second later.
fn who(claims: &Value) -> Value {
    let mut act_as = claims.get("act_as").cloned().unwrap_or_default();
    for one in act_as.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        one.remove("recheck");
    }
    act_as
}

/// Those who must be named: what they are called, their `sub`, and what the user is to them.
#[derive(Default)]
pub struct People(pub Vec<(&'static str, String, &'static str)>);

impl People {
    fn names(&self) -> String {
        match self.0.as_slice() {
            [] => "nobody".to_owned(),
            [(one, ..)] => format!("{one} and nobody else"),
            [rest @ .., (last, ..)] => {
                let rest: Vec<_> = rest.iter().map(|(name, ..)| *name).collect();
                format!("{} and {last}, and nobody else", rest.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(act_as: &Value) -> Told {
        let claims = json!({ "sub": "a", "acr": "x", "act_as": act_as });
        Told { id_token: String::new(), userinfo: claims.clone(), claims }
    }

    #[test]
    fn one_person_too_many_or_too_few_is_seen() {
        let people = People(vec![("Sem", "s".into(), "parent"), ("Henk", "h".into(), "authorised")]);
        assert_eq!(people.names(), "Sem and Henk, and nobody else");
        let entry = |sub: &str, relation: &str| json!({ "sub": sub, "relation": relation });
        let (sem, henk) = (entry("s", "parent"), entry("h", "authorised"));
        assert!(told(&json!([henk, sem])).names_exactly(&people));
        for wrong in [
            json!([sem]),
            json!([sem, henk, entry("d", "parent")]),
            json!([sem, sem]),
            json!([sem, entry("h", "parent")]),
            json!([]),
            Value::Null,
        ] {
            assert!(!told(&wrong).names_exactly(&people), "{wrong}");
        }
        assert!(told(&json!([])).names_exactly(&People::default()));
        assert!(!told(&Value::Null).names_exactly(&People::default()), "nobody is an empty array");
    }

    #[test]
    fn a_far_recheck_another_userinfo_or_a_bsn_stops_the_walk() {
        let mut out = vec![];
        let mut tell = Tell::new(&mut out, false, vec![]);
        let people = || People(vec![("Sem", "s".into(), "parent")]);
        let entry = |recheck: i64| json!([{ "sub": "s", "relation": "parent", "recheck": recheck }]);
        let now = Clock.now().epoch();
        let mut checks = |told: &Told| told.check(&mut tell, ("x", "X"), &people()).is_ok();
        assert!(checks(&told(&entry(now + 60))));
        assert!(!checks(&told(&entry(now + 1000))));
        let mut later = told(&entry(now));
        later.userinfo["act_as"] = entry(now + 1);
        assert!(checks(&later), "UserInfo was asked a second later");
        let mut other = told(&entry(now));
        other.userinfo["act_as"] = json!([]);
        assert!(!checks(&other));
        let mut leaky = told(&entry(now));
        leaky.claims["email"] = json!(format!("x{}", EVERYBODY[0].bsn));
        assert!(!checks(&leaky));
    }

    #[tokio::test]
    async fn a_verifier_that_never_answers_is_waited_for_no_longer_than_it_may_take() {
        let patience = Duration::from_millis(200);
        let asked = ask(Path::new("sleep"), &["600".to_owned()], "token", patience).await;
        assert!(asked.unwrap_err().contains("no verdict"));
        assert_eq!(ask(Path::new("cat"), &[], "token", PATIENCE).await, Ok(()));
    }
}
