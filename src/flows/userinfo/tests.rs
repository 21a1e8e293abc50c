//! From a code to `UserInfo` through the application as the server builds it.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};

use serde_json::Value;

use super::*;
use crate::{
    app::open_store,
    config::Config,
    domain::{
        ask::Ask,
        client::{Client, ClientAuth},
        id::{SessionId, random},
        key::{Algorithm, KeyFacts},
        scope::Scope,
        secret::Secret,
        session::Session,
    },
    flows::{client_auth::Caller, redeem::redeem},
    oidc::{
        keyring::tests::stored,
        oxide::{
            self,
            tests::{ask, client, exchange, session},
        },
    },
    store::{Vault, audit::Event},
};

/// Now, since nothing here is asked of a clock.
pub(in crate::flows) fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-07-01T09:00:00Z").unwrap()
}

/// An application in a folder of its own, with one client, one key and one browser logged in.
pub(in crate::flows) struct House {
    pub(in crate::flows) app: Arc<App>,
    session: Session,
    client: Client,
    folder: PathBuf,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const CONFIG: &str = r#"
issuer = "https://id.example.nl"
listen = "127.0.0.1:0"
database = "namens.db"
master_key = { file = "master.key" }
[mail]
from = "Namens <noreply@example.nl>"
folder = "mail"
"#;

impl House {
    pub(in crate::flows) async fn build() -> Self {
        let folder = std::env::temp_dir().join(format!("namens-{}", random::<9>()));
        fs::create_dir_all(folder.join("mail")).unwrap();
        fs::write(folder.join("master.key"), Vault::new_master_key().as_str()).unwrap();
        fs::set_permissions(folder.join("master.key"), fs::Permissions::from_mode(0o600)).unwrap();
        let config = Config::parse(CONFIG, folder.clone()).unwrap();
        let store = open_store(&config, true).await.unwrap();
        store.migrate().await.unwrap();
        let (facts, pkcs8) = stored(Algorithm::Es256);
        store
            .add_key(&KeyFacts { sign_until: None, publish_until: None, ..facts }, &pkcs8.unwrap(), None)
            .await
            .unwrap();
        let client = Client {
            auth: ClientAuth::ClientSecretPost(Secret::new("s3cret").hashed().into()),
            scopes: Scope::ALL.iter().copied().collect(),
            ..client("portal")
        };
        store.add_client(&client, None, now()).await.unwrap();
        let session = session(&store, now()).await;
        Self { app: App::build(config).await.unwrap(), session, client, folder }
    }

    /// An access token for these scopes.
    pub(in crate::flows) async fn token(&self, scope: &str) -> String {
        let ask = Ask { scope: scope.parse().unwrap(), ..ask() };
        let code = oxide::issue(&self.app.store, &self.client, &ask, &self.session, now()).await.unwrap();
        let form = exchange(&code, "client_secret", "s3cret");
        let answer =
            serde_json::to_value(redeem(&self.app, Caller::default(), Ok(None), &form, now()).await.unwrap())
                .unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn told(&self, token: &str, now: Timestamp) -> Result<Value, Code> {
        match userinfo(&self.app, token, Presentation::Bearer, None, now).await {
            Ok(UserInfoResponse::Plain(told)) => Ok(serde_json::to_value(told).unwrap()),
            Ok(UserInfoResponse::Jwt(_)) => panic!("signed without having been asked to"),
            Err(Error::Json(code, _)) => Err(code),
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn tells_what_the_scope_allows_while_the_grant_lives() {
    let house = House::build().await;
    let (app, session) = (&house.app, &house.session);
    let sub = app.store.subject_for(&house.client.sector, &session.person, now()).await.unwrap();
    let email = app.store.account(&session.account).await.unwrap().unwrap().email;
    let bare = house.token("openid").await;
    assert_eq!(house.told(&bare, now()).await, Ok(serde_json::json!({ "sub": sub })));
    let all = house.token("openid email act_as").await;
    let expected = serde_json::json!({ "sub": sub, "email": email, "email_verified": true, "act_as": [] });
    assert_eq!(house.told(&all, now().plus(299)).await, Ok(expected));
    assert_eq!(house.told(&all, now().plus(300)).await, Err(Code::InvalidToken));
    app.store.end_sessions((&session.sid, &session.person), None, &Event::default(), now()).await.unwrap();
    assert_eq!(house.told(&all, now()).await, Err(Code::InvalidToken));
    assert_eq!(house.told("nonsense", now()).await, Err(Code::InvalidToken));
}

#[tokio::test]
async fn whom_a_session_represents_ends_with_the_session() {
    let mut house = House::build().await;
    let authority = Some(house.app.store.word_over("Sam", "2018").await);
    // Nobody has come for a while.
    let seen = now().plus(-800);
    house.session = Session { sid: SessionId::random(), seen, authority, ..house.session.clone() };
    let store = &house.app.store;
    store.begin_session(&house.session).await.unwrap();
    let token = house.token("openid act_as").await;
    let told = house.told(&token, now()).await.unwrap();
    assert_eq!(
        (&told["represents"]["sub"], told["act_as"].as_array().unwrap().len()),
        (&told["act_as"][0]["sub"], 1)
    );
    // Then the session is over; the access token is not.
    assert_eq!(house.told(&token, now().plus(100)).await, Err(Code::InvalidToken));
}

#[tokio::test]
async fn a_wrong_secret_gets_no_token_and_leaves_the_code_good() {
    let house = House::build().await;
    let code = oxide::issue(&house.app.store, &house.client, &ask(), &house.session, now()).await.unwrap();
    for (form, expected) in [
        (exchange(&code, "client_secret", "wrong"), Code::InvalidClient),
        (exchange(&code, "client_id", "nobody"), Code::InvalidClient),
        (exchange(&code, "client_id", ""), Code::InvalidRequest),
    ] {
        let Err(Error::Json(code, _)) = redeem(&house.app, Caller::default(), Ok(None), &form, now()).await
        else {
            panic!("{form:?} was answered")
        };
        assert_eq!(code, expected, "{form:?}");
    }
    let form = exchange(&code, "client_secret", "s3cret");
    assert!(redeem(&house.app, Caller::default(), Ok(None), &form, now()).await.is_ok());
}
