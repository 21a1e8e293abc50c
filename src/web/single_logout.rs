//! Single logout with DigiD: the way there and back, and the door at which DigiD itself asks.

use axum::{
    body::Bytes,
    extract::RawQuery,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};

use super::{
    digid::{DigidFormPage, Errand},
    error::{Failed, log, see_other},
    error_page::Problem,
    logged_out::{LoggedOutPage, PartlyLoggedOutPage, done},
    page::{self, Frame},
    visit::Visit,
};
use crate::{
    domain::{fault::Fault, lang::Lang},
    flows::{
        Refused, Stop,
        single_logout::{StillIn, arrive, depart, hear, is_on},
    },
    oidc::{params::Params, path},
    saml::{Failure, Said, fault},
};

/// The page after a session that DigiD opened has ended here.
pub(super) async fn leave(
    visit: &Visit,
    lang: Lang,
    who: &StillIn,
    back: Option<String>,
    done: Option<&'static str>,
) -> Response {
    let mut frame = Frame::leaving(lang);
    match depart(&visit.app, who, (back.clone(), done), visit.now).await {
        Ok(departure) => {
            // DigiD sends the browser back here, and from here it goes back to the portal.
            let portal = back.and_then(|back| back.parse().ok());
            let origins = [Some(departure.action.clone()), portal];
            frame.form_origins = origins.iter().flatten().map(page::form_origin).collect();
            let (action, saml_request) = (departure.action.into(), departure.saml_request);
            let (errand, relay_state) = (Errand::LogOut, departure.relay_state);
            DigidFormPage { errand, frame, action, saml_request, relay_state }.render()
        }
        Err(refused) => {
            // The user is out here all the same, and hears what is true.
            match refused {
                Refused::Because(failure) => drop(log(&Fault::from(failure))),
                Refused::Stopped(stop) => note(stop),
            }
            PartlyLoggedOutPage { frame, done, back }.render()
        }
    }
}

/// What DigiD's answer is made of (SAML 2.0 bindings, section 3.4.3). Its signature is not looked at.
const BACK: [&str; 2] = ["RelayState", "SAMLResponse"];

/// `GET /digid/logout`: back from DigiD (step U5). Nothing is ended here, and no signature is looked at.
pub async fn back(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failed> {
    in_use(&visit)?;
    let read = Params::parse_for(&BACK, query.unwrap_or_default().as_bytes()).ok();
    // One of both that cannot be read takes nothing: the good ones may still come.
    let params = read.filter(|params| !params.has_spoilt()).unwrap_or_default();
    let said = |name| params.get(name).unwrap_or_default();
    let Some(arrival) = arrive(&visit.app, said("RelayState"), said("SAMLResponse"), visit.now).await? else {
        // An old link, or a reload: that page says how things stand.
        return Ok(see_other(path::LOGOUT));
    };
    let frame = Frame::leaving(visit.lang(None));
    let done = arrival.done.as_deref().and_then(done);
    Ok(match arrival.back {
        Some(location) if arrival.whole => see_other(&location),
        None if arrival.whole => LoggedOutPage { frame, done }.render(),
        back => PartlyLoggedOutPage { frame, done, back }.render(),
    })
}

/// `POST /digid/logout`: DigiD asks to log somebody out (step U3), and hears that it was done (step U4), over SOAP 1.1.
pub async fn post(visit: Visit, body: Bytes) -> Result<Response, Failed> {
    in_use(&visit)?;
    let xml = [(CONTENT_TYPE, "text/xml; charset=utf-8")];
    Ok(match hear(&visit.app, body.into(), visit.now).await {
        Ok(answer) => (xml, answer).into_response(),
        Err(refused) => {
            let said = match refused {
                Refused::Because(Failure::Hostile(_)) => Said::Refused,
                Refused::Because(_) => Said::NotNow,
                Refused::Stopped(stop) => {
                    note(stop);
                    Said::NotNow
                }
            };
            // SOAP 1.1 sends every fault with this status (section 6.2).
            (StatusCode::INTERNAL_SERVER_ERROR, xml, fault(said)).into_response()
        }
    })
}

fn in_use(visit: &Visit) -> Result<(), Failed> {
    if is_on(&visit.app) { Ok(()) } else { Err(Failed::Page(Problem::NotFound, None)) }
}

/// Logs what is ours to mend.
fn note(stop: Stop) {
    if let Stop::Fault(fault) = stop {
        log(&fault);
    }
}
