//! A client gets a new secret, without a pause and without a third.

use serde_json::{Value, json};

use crate::{
    admin::{Api, CLERK, LOCAL, ROOT, house_with, knock, robot, shop},
    house::House,
};

/// Whether each of these secrets is good.
async fn good(house: &House, secrets: &[&str]) -> Vec<bool> {
    let mut found = Vec::new();
    for secret in secrets {
        found.push(match knock(house, secret).await.as_str() {
            "invalid_grant" => true,
            "invalid_client" => false,
            other => panic!("{other}"),
        });
    }
    found
}

fn text(told: &Value, name: &str) -> String {
    told[name].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
}

#[tokio::test]
async fn a_new_secret_works_beside_the_old_one_and_never_a_third() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "clients").await;
    let first = text(&api.post("/clients", &shop()).await.1, "client_secret");
    let renew = async |keep: i64| {
        let (status, told) = api.post("/clients/shop/secret", &json!({"keep_old_seconds": keep})).await;
        assert_eq!((status, &told["client_id"]), (200, &json!("shop")), "{told}");
        (text(&told, "client_secret"), told["old_secret_ends"].clone())
    };
    let (second, ends) = renew(3600).await;
    assert!(ends.as_str().unwrap().ends_with('Z') && second != first);
    assert_eq!(good(&house, &[&first, &second, "x"]).await, [true, true, false]);
    // A client that is put back keeps both.
    let (_, mut read) = api.get("/clients/shop").await;
    assert!(!read.to_string().contains("secret_sha256") && !read.to_string().contains("nms_cs_"));
    read.as_object_mut().unwrap().remove("configured");
    assert_eq!(api.put("/clients/shop", &read).await.0, 200);
    assert_eq!(good(&house, &[&first, &second]).await, [true, true]);
    let (third, _) = renew(3600).await;
    assert_eq!(good(&house, &[&first, &second, &third]).await, [false, true, true]);
    let (fourth, ends) = renew(0).await;
    assert_eq!(ends, Value::Null);
    assert_eq!(good(&house, &[&second, &third, &fourth]).await, [false, false, true]);
    let lines = house
        .query("SELECT actor || ' ' || detail FROM audit WHERE event = 'client.secret' AND outcome = 'ok'");
    assert_eq!(lines, ["root shop"; 3]);
    assert!(house.query("SELECT id FROM audit WHERE detail LIKE '%nms_cs_%'").is_empty());
}

#[tokio::test]
async fn the_old_one_ends_by_itself() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "clients").await;
    let first = text(&api.post("/clients", &shop()).await.1, "client_secret");
    let (_, told) = api.post("/clients/shop/secret", &json!({"keep_old_seconds": 2})).await;
    let second = text(&told, "client_secret");
    let began = std::time::Instant::now();
    while good(&house, &[&first]).await == [true] {
        assert!(began.elapsed().as_secs() < 60, "it never ends");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(good(&house, &[&first, &second]).await, [false, true]);
}

#[tokio::test]
async fn who_has_no_secret_or_more_power_or_stands_in_the_configuration_gets_none() {
    let house = house_with(LOCAL).await;
    let (root, clerk) = (Api::new(&house, &ROOT, "clients").await, Api::new(&house, &CLERK, "clients").await);
    let keep = json!({"keep_old_seconds": 60});
    let mut public = shop();
    public["auth"] = json!("none");
    assert_eq!(root.post("/clients", &public).await.0, 201);
    assert_eq!(root.post("/clients", &robot(&["clients", "keys"])).await.0, 201);
    assert_eq!(root.post("/clients/shop/secret", &keep).await.0, 409);
    assert_eq!(root.post("/clients/portal/secret", &keep).await.0, 409);
    assert_eq!(root.post("/clients/nobody/secret", &keep).await.0, 404);
    assert_eq!(clerk.post("/clients/robot/secret", &keep).await.0, 403, "it would be the clerk's");
    assert_eq!(root.post("/clients/robot/secret", &keep).await.0, 200);
    for bad in [
        json!({}),
        json!({"keep_old_seconds": -1}),
        json!({"keep_old_seconds": 2_592_001}),
        json!({"keep_old_seconds": "60"}),
        json!({"keep_old_seconds": 60, "client_secret": "mine"}),
        json!([]),
    ] {
        assert_eq!(root.post("/clients/robot/secret", &bad).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn the_command_does_the_same() {
    let house = house_with(LOCAL).await;
    let api = Api::new(&house, &ROOT, "clients").await;
    let first = text(&api.post("/clients", &shop()).await.1, "client_secret");
    let told =
        house.ok(&["clients", "secret", "--by", "els", "shop", "--keep-old-seconds", "3600", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let second = text(&told, "client_secret");
    assert_eq!(good(&house, &[&first, &second]).await, [true, true]);
    let told = house.ok(&["clients", "secret", "--by", "els", "shop", "--keep-old-seconds", "0"]);
    assert!(told.contains("nms_cs_") && told.contains("works no more"), "{told}");
    assert_eq!(good(&house, &[&first, &second]).await, [false, false]);
    for (id, why) in [("nobody", "there is no client"), ("portal", "stands in the configuration")] {
        let refused = house.run(&["clients", "secret", "--by", "els", id, "--keep-old-seconds", "0"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains(why), "{said}");
    }
}
