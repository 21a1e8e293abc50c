//! What becomes of DigiD's requests when there is no room for them.

use std::sync::Arc;

use metrics::set_default_local_recorder;
use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::{flows::userinfo::tests::House, saml::with_logout};

/// Whether it would have been a good one, nobody looked: it is counted, and no line in the audit log calls it refused.
#[tokio::test]
async fn a_request_that_comes_when_there_is_no_room_is_counted_and_one_that_is_read_is_not() {
    let (settings, now) = with_logout();
    let sp = ServiceProvider::new(&settings, now).unwrap();
    let mut house = House::build().await;
    Arc::get_mut(&mut house.app).unwrap().digid = Some(Connection::to(sp.clone(), settings));
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counts = set_default_local_recorder(&recorder);
    let heard = async || {
        let refused = hear(&house.app, b"no request".to_vec(), now).await.unwrap_err();
        let Refused::Because(failure) = refused else { panic!("{refused:?}") };
        let counted = recorder.handle().render();
        let counted =
            counted.lines().find(|line| line.starts_with("namens_digid_busy_total{")).map(str::to_owned);
        (failure, counted, house.app.store.audited("logout.digid").await)
    };
    let once = Some("namens_digid_busy_total{what=\"logout\"} 1".to_owned());
    let room = sp.strangers().fill_up().unwrap();
    assert_eq!(heard().await, (Failure::Busy, once.clone(), 0));
    drop(room);
    let (failure, counted, told) = heard().await;
    assert!(matches!(failure, Failure::Hostile(_)), "{failure}");
    assert_eq!((counted, told), (once, 1));
}
