//! Black-box tests: the real program, started as its users start it, and met as browser, portal, DigiD and attacker; and
//! what is true of its sources. One binary, so that it links once.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod act_as;
mod admin;
mod admin_accounts;
mod admin_audit;
mod admin_keys;
mod admin_refused;
mod admin_secrets;
mod admin_sweep;
mod attack;
mod attack2;
mod attack3;
mod bad_input;
mod bad_input_doors;
mod bad_input_jwt;
mod bad_input_net;
mod bad_input_wire;
mod browser;
mod bsn;
mod certify_basic;
mod certify_dynamic;
mod certify_fapi;
mod certify_fapi_bent;
mod certify_logout;
mod certify_setup;
mod claims;
mod cli;
mod client_consent;
mod client_guesses;
mod client_keys;
mod client_registration;
mod config;
mod corpus;
mod corpus_logout;
mod cors;
mod crash;
mod crowd;
mod digid;
mod digid_back_channel;
mod digid_files;
mod digid_metadata;
mod digid_request;
mod digid_return;
mod digid_rollover;
mod digid_spoil;
mod digid_steps;
mod digid_unproven;
mod discovery;
mod dpop;
mod examples;
mod exchange;
mod fapi;
mod floors;
mod form_post;
mod guesses;
mod house;
mod hygiene;
mod introspection;
mod jarm;
mod jose;
mod lasso;
mod link;
mod local;
mod local_code;
mod local_doors;
mod local_pages;
mod logout;
mod mandates;
mod mandates_desk;
mod mandates_special;
mod message_signing;
mod metrics;
mod mtls;
mod notify;
mod offline;
mod offline_limits;
mod oidc_client;
mod oidc_code;
mod oidc_hints;
mod oidc_request;
mod oidc_session;
mod oidc_tokens;
mod par;
mod portal;
mod private_key_jwt;
mod proxy;
mod race;
mod recover;
mod register;
mod representation;
mod representation_refused;
mod request_object;
mod requirements;
mod resource;
mod revocation;
mod service;
mod single_logout;
mod single_logout_browser;
mod single_logout_digid;
mod step_up;
mod steps;
mod stsaml;
mod tls;
mod traces;
