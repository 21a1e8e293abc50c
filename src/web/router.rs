//! Which request goes where.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};

use super::{
    account, account_app, account_digid, account_email, account_erase, account_export, account_log,
    account_mandates, account_merge, account_offers, account_password, account_portals, address, admin,
    app_code, authorize, chooser, client_consent, client_registration, code, cors, desk, desk_ahead,
    desk_block, desk_correct, desk_log, desk_mandate, desk_person, desk_queue, desk_register,
    desk_same_person, desk_special, desk_staff, digid, discovery, done, email, error, form_post, introspect,
    link, login, logout, metrics, page, par, question, recover, register, revoke, single_logout, token,
    userinfo,
};
use crate::{
    app::App,
    oidc::path,
    saml::{ACS_PATH, LOGOUT_PATH},
};

/// The largest body of a request, in bytes: forms and token requests are small.
const BODY: usize = 64 * 1024;

/// All doors of the house.
pub fn router(app: Arc<App>) -> Router {
    let login = Router::new()
        .route("/", get(login::show))
        .route("/email", get(email::form).post(email::post))
        .route("/recover", get(recover::form).post(recover::post))
        .route("/register", get(register::form).post(register::post))
        .route("/code", get(login::back).post(code::post))
        .route("/app", get(login::back).post(app_code::post))
        .route("/recovery-code", get(app_code::recovery).post(app_code::post_recovery))
        .route("/resend", get(login::back).post(code::resend))
        .route("/digid", get(login::back).post(digid::post))
        .route("/child", get(login::back).post(digid::for_child))
        .route("/question", get(login::back).post(question::post))
        .route("/link", get(login::back).post(link::post))
        .route("/back", get(login::back).post(question::back))
        .route("/password", get(login::back).post(recover::password))
        .route("/for-whom", get(login::back).post(chooser::post))
        .route("/consent", get(login::back).post(client_consent::post))
        .route("/continue", get(login::back).post(done::post))
        .route("/stop", get(login::back).post(login::stop));
    let router = endpoints(&app)
        .route(path::AUTHORIZE, get(authorize::get).post(authorize::post))
        .nest("/login/{id}", login)
        .route("/account", get(account::show))
        .route("/account/password", get(account_password::show).post(account_password::post))
        .route("/account/app", get(account_app::show).post(account_app::confirm))
        .route("/account/app/remove", get(account::back).post(account_app::remove))
        .route("/account/mandates", get(account_mandates::show))
        .route("/account/mandates/agree", get(account_mandates::proven).post(account_mandates::agree))
        .route("/account/mandates/refuse", get(account_mandates::back).post(account_mandates::refuse))
        .merge(offers())
        .route("/account/mandates/stop", get(account_mandates::back).post(account_mandates::stopped))
        .route("/account/log", get(account_log::show))
        .route("/account/digid", get(account_digid::show))
        .route("/account/digid/link", get(account::back).post(account_digid::to_link))
        .route("/account/digid/unlink", get(account::back).post(account_digid::post))
        .route("/account/merge", get(account_merge::show).post(account_merge::post))
        .route("/account/merge/begin", get(account::back).post(account_merge::begin))
        .route("/account/email", get(account_email::show).post(account_email::ask))
        .route("/account/email/code", get(account::back).post(account_email::confirm))
        .route("/account/erase", get(account_erase::show).post(account_erase::post))
        .route("/account/export", get(account_export::show).post(account_export::post))
        .route("/account/portals", get(account_portals::show))
        .route("/account/portals/withdraw", get(account::back).post(account_portals::withdraw))
        .route("/account/portals/device", get(account::back).post(account_portals::remove))
        .route("/account/sign-out", get(account::back).post(account::sign_out))
        .route("/account/sign-out-others", get(account::back).post(account::sign_out_others))
        .route("/account/sign-out-everywhere", get(account::back).post(account::sign_out_everywhere))
        .merge(desk())
        .route(ACS_PATH, get(digid::acs).fallback(digid::acs_by_other_method))
        .route(LOGOUT_PATH, get(single_logout::back).post(single_logout::post))
        .route("/digid/metadata", get(digid::metadata))
        .route(path::OPENID_CONFIGURATION, get(discovery::configuration))
        .route(path::OAUTH_SERVER, get(discovery::configuration))
        .route(path::JWKS, get(discovery::jwks))
        .route(path::LOGOUT, get(logout::get).post(logout::post))
        .route("/healthz", get(|| async { "ok\n" }))
        // Browsers ask for it on their own; without an answer each page would log an error there.
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route(page::STYLESHEET, get(page::stylesheet))
        .route(form_post::SCRIPT, get(form_post::script));
    let router = if app.config.registration { router.merge(registration()) } else { router };
    let router = around(router, &app).layer(from_fn_with_state(app.clone(), cors::share));
    counted(router, app)
}

/// The desk's pages.
fn desk() -> Router<Arc<App>> {
    Router::new()
        .route("/desk", get(desk::show))
        .route("/desk/search", get(desk::back).post(desk::search))
        .route("/desk/register", get(desk_register::show).post(desk_register::post))
        .route("/desk/queue", get(desk_queue::show))
        .route("/desk/person/{id}", get(desk_person::show))
        .route("/desk/person/{id}/correct", get(desk::back).post(desk_correct::propose))
        .route("/desk/person/{id}/block", get(desk::back).post(desk_block::keep_out))
        .route("/desk/person/{id}/unblock", get(desk::back).post(desk_block::lift))
        .route("/desk/person/{id}/same-person", get(desk::back).post(desk_same_person::propose))
        .route("/desk/correction/{id}/same-person", get(desk::back).post(desk_same_person::approve))
        .route("/desk/correction/{id}/approve", get(desk::back).post(desk_correct::approve))
        .route("/desk/correction/{id}/withdraw", get(desk::back).post(desk_correct::withdraw))
        .route("/desk/mandate/{id}", get(desk_mandate::show))
        .route("/desk/mandate/{id}/approve", get(desk::back).post(desk_mandate::approve))
        .route("/desk/mandate/{id}/refuse", get(desk::back).post(desk_mandate::refuse))
        .route("/desk/mandate/{id}/attest", get(desk::back).post(desk_special::attest))
        .route("/desk/mandate/{id}/confirm", get(desk::back).post(desk_special::confirm))
        .route("/desk/mandate/{id}/end", get(desk::back).post(desk_special::end))
        .route("/desk/mandate/{id}/revoke", get(desk::back).post(desk_mandate::revoke))
        .route("/desk/mandate/{id}/said", get(desk::back).post(desk_mandate::said))
        .route("/desk/mandate/{id}/block", get(desk::back).post(desk_block::block))
        .route("/desk/mandate/{id}/unblock", get(desk::back).post(desk_block::unblock))
        .route("/desk/ahead", get(desk_ahead::show))
        .route("/desk/leaflet", get(desk_ahead::leaflet))
        .route("/desk/log", get(desk_log::show).post(desk_log::search))
        .route("/desk/staff", get(desk_staff::show).post(desk_staff::propose))
        .route("/desk/staff/{id}/approve", get(desk::back).post(desk_staff::approve))
        .route("/desk/staff/{id}/end", get(desk::back).post(desk_staff::end))
}

/// Where two people make a grant (docs/adr/0048).
fn offers() -> Router<Arc<App>> {
    Router::new()
        .route("/account/mandates/offer", get(account_mandates::back).post(account_offers::offer))
        .route("/account/mandates/code", get(account_mandates::back).post(account_offers::take))
        .route("/account/mandates/accept", get(account_mandates::back).post(account_offers::accept))
        .route("/account/mandates/confirm", get(account_mandates::back).post(account_offers::confirm))
        .route("/account/mandates/decline", get(account_mandates::back).post(account_offers::decline))
}

/// Where clients register themselves, and manage that: only where the operator wants it.
fn registration() -> Router<Arc<App>> {
    let one =
        get(client_registration::show).put(client_registration::change).delete(client_registration::remove);
    Router::new().route(path::REGISTER, post(client_registration::register)).route(path::REGISTERED, one)
}

/// The doors that clients may show a certificate at (RFC 8705 section 5): what they call themselves, and nothing of people's.
pub fn clients(app: Arc<App>) -> Router {
    counted(around(endpoints(&app), &app), app)
}

fn endpoints(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .merge(admin::router(app))
        .route(path::PAR, post(par::par))
        .route(path::TOKEN, post(token::token))
        .route(path::INTROSPECT, post(introspect::introspect))
        .route(path::REVOKE, post(revoke::revoke))
        .route(path::USERINFO, get(userinfo::userinfo).post(userinfo::userinfo))
}

/// What is true at every door.
fn around(router: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    router
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn(address::plain))
        .layer(from_fn_with_state(app.clone(), error::pages))
        .layer(DefaultBodyLimit::max(BODY))
}

/// Around everything else: whatever answers is counted.
fn counted(router: Router<Arc<App>>, app: Arc<App>) -> Router {
    router.layer(from_fn(metrics::count)).with_state(app)
}
