//! What a client is told of itself, by the names of RFC 7591.

use serde_json::{Map, Value, json};

use crate::domain::{assurance::Level, client::Client, secret::Secret, time::Timestamp};

/// All that is registered of a client, as it is told (RFC 7591 section 3.2.1, RFC 7592 section 3). `uri` is where it manages that
/// and `token` with what. The secret is told once.
pub fn information(
    client: &Client,
    secret: Option<&Secret>,
    (uri, token): (&str, &Secret),
    issued: Timestamp,
) -> Value {
    let public = client.sector == Client::PUBLIC_SECTOR;
    let acr = |level: &Level| level.acr();
    let mut all = json!({
        "client_id": client.id,
        "client_id_issued_at": issued.epoch(),
        "registration_access_token": token.expose(),
        "registration_client_uri": uri,
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "backchannel_logout_uri": client.backchannel_logout_uri,
        // Each notice names the session.
        "backchannel_logout_session_required": client.backchannel_logout_uri.as_ref().map(|_| true),
        "client_name": client.name,
        "token_endpoint_auth_method": client.auth.method(),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": client.scopes.to_string(),
        "jwks": client.keys.registered(),
        "jwks_uri": client.keys.uri(),
        "policy_uri": client.policy_uri,
        "tos_uri": client.tos_uri,
        "subject_type": if public { "public" } else { "pairwise" },
        "sector_identifier_uri": client.wishes.sector_identifier_uri,
        "id_token_signed_response_alg": client.id_token_alg,
        "authorization_signed_response_alg": client.authorization_signed_response_alg,
        // With what a client that may ask is answered (RFC 9701 section 6).
        "introspection_signed_response_alg": (!client.is_public()).then_some(client.id_token_alg),
        "require_signed_request_object": client.require_signed_request_object,
        "userinfo_signed_response_alg": client.userinfo.signed(),
        "userinfo_encrypted_response_alg": client.userinfo.encrypted(),
        "userinfo_encrypted_response_enc": client.userinfo.encrypted().map(|_| "A256GCM"),
        "token_endpoint_auth_signing_alg": client.wishes.assertion_alg,
        "request_object_signing_alg": client.wishes.request_object_alg,
        "default_max_age": client.wishes.max_age,
        // Every ID token has auth_time.
        "require_auth_time": true,
        "default_acr_values": client.wishes.levels.iter().map(acr).collect::<Vec<_>>(),
        "dpop_bound_access_tokens": client.policy.requires_sender_constrained_tokens() || client.wishes.dpop,
        "require_pushed_authorization_requests": client.policy.requires_par() || client.wishes.pushes,
        "tls_client_certificate_bound_access_tokens": client.certificate_bound_tokens,
    });
    if let Value::Object(members) = &mut all {
        certificate(members, client);
        if let Some(secret) = secret {
            members.insert("client_secret".to_owned(), secret.expose().into());
            members.insert("client_secret_expires_at".to_owned(), 0.into());
        }
        members.retain(|_, value| !value.is_null());
    }
    all
}

fn certificate(members: &mut Map<String, Value>, client: &Client) {
    let name = client.certificate_name.as_ref().map(ToString::to_string);
    if let Some((kind, name)) = name.as_deref().and_then(|name| name.split_once('=')) {
        members.insert(format!("tls_client_auth_{kind}"), name.into());
    }
}
