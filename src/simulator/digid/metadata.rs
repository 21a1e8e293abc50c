//! DigiD's own metadata, signed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use openssl::error::ErrorStack;

use super::DigiD;
use super::answer::new_id;
use super::names::{DS, HTTP_POST, HTTP_REDIRECT, MD, SAMLP, SOAP_BINDING};
use super::xml::escape;

/// `GET /metadata`
pub(super) async fn show(State(digid): State<Arc<DigiD>>) -> Response {
    match text(&digid) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/samlmetadata+xml")], text).into_response(),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()).into_response(),
    }
}

/// `POST /rollover`: from now on DigiD signs with its other key.
pub(super) async fn rollover(State(digid): State<Arc<DigiD>>) -> &'static str {
    digid.rolled_over.fetch_xor(true, Ordering::Relaxed);
    "signs with the other key"
}

/// A signed `EntityDescriptor` with both single sign-on bindings and the artifact resolution service.
fn text(digid: &DigiD) -> Result<String, ErrorStack> {
    let id = new_id()?;
    let canonical = |signature: &str| -> Result<String, ErrorStack> {
        let sso = escape(&format!("{}/sso", digid.config.base_url));
        // The routing service takes posted requests only.
        let redirect = match digid.service {
            None => format!(
                r#"<md:SingleSignOnService Binding="{HTTP_REDIRECT}" Location="{sso}"></md:SingleSignOnService>"#
            ),
            Some(_) => String::new(),
        };
        let logout = match digid.service {
            None => format!(
                r#"<md:SingleLogoutService Binding="{HTTP_POST}" Location="{}"></md:SingleLogoutService>"#,
                escape(&format!("{}/slo", digid.config.base_url))
            ),
            Some(_) => String::new(),
        };
        Ok(format!(
            concat!(
                r#"<md:EntityDescriptor xmlns:ds="{ds}" xmlns:md="{md}" ID="{id}" entityID="{entity_id}">{signature}"#,
                r#"<md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="{samlp}">"#,
                r#"<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:KeyName>{name}</ds:KeyName><ds:X509Data>"#,
                "<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
                r#"<md:ArtifactResolutionService Binding="{soap}" Location="{soap_url}" index="0" isDefault="true">"#,
                "</md:ArtifactResolutionService>{logout}",
                r#"<md:SingleSignOnService Binding="{post}" Location="{sso}"></md:SingleSignOnService>"#,
                "{redirect}</md:IDPSSODescriptor></md:EntityDescriptor>",
            ),
            ds = DS,
            md = MD,
            id = id,
            entity_id = escape(&digid.config.entity_id),
            signature = signature,
            samlp = SAMLP,
            name = digid.sender().key.name,
            certificate = digid.sender().key.certificate_base64()?,
            soap = SOAP_BINDING,
            soap_url = escape(&digid.soap_url),
            post = HTTP_POST,
            redirect = redirect,
            logout = logout,
            sso = sso,
        ))
    };
    let signature = digid.sender().key.sign(&id, &canonical("")?)?;
    canonical(&signature)
}
