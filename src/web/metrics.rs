//! What is counted, and where Prometheus reads it: at an address of its own, never beside people's and portals' doors.

use std::sync::Arc;

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{Method, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    app::{App, digid::Connection},
    observe::{self, Metrics, traces},
    saml::Failure,
};

/// The one door there.
pub fn router(app: Arc<App>, metrics: Metrics) -> Router {
    observe::expect_logins("local", &["ok"]);
    if app.digid.is_some() {
        observe::expect_logins("digid", &["ok"]);
        observe::expect_logins("digid", &Failure::CODES);
    }
    Router::new().route("/metrics", get(show)).with_state((app, metrics))
}

async fn show(State((app, metrics)): State<(Arc<App>, Metrics)>) -> impl IntoResponse {
    let now = app.clock.now();
    let digid = app.digid.as_ref().map(Connection::current);
    let told = digid.map(|digid| (digid.endings(now), digid.lasting(now)));
    let (mut endings, mut lasting) = told.unwrap_or_default();
    // TLS is spoken with one certificate, until its end.
    if let Some(tls) = app.tls.as_ref().and_then(|tls| tls.ending()) {
        lasting.push((tls.what, tls.at));
        endings.push(tls);
    }
    let text = metrics.text(&endings, &lasting, now);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// The methods that there are doors for, and one word for whatever else a stranger sends.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "_OTHER",
    }
}

/// Counts every answer, and makes a span of it. What matches no route counts as one: a path is whatever a stranger types.
pub(super) async fn count(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let span = traces::begin(known(request.method()), route);
    let response = next.run(request).await;
    let status = response.status().as_u16();
    observe::request(route, status);
    span.end(status);
    response
}
