//! HTTP: one file per page or endpoint.

pub mod account;
pub mod account_app;
pub mod account_password;
pub mod address;
pub mod admin;
pub mod app_code;
pub mod authorize;
pub mod choose;
mod chooser;
pub mod client_consent;
pub mod client_registration;
pub mod code;
pub mod cookies;
mod cors;
pub mod digid;
pub mod discovery;
pub mod done;
pub mod email;
pub mod error;
pub mod error_page;
pub mod form;
mod form_post;
pub mod i18n;
pub mod introspect;
pub mod link;
pub mod logged_out;
pub mod login;
pub mod logout;
pub mod metrics;
pub mod mtls;
pub mod page;
mod par;
mod proxy;
pub mod question;
pub mod recover;
pub mod register;
pub mod revoke;
pub mod router;
pub mod single_logout;
pub mod steps;
pub mod token;
pub mod userinfo;
pub mod visit;

#[cfg(test)]
mod all_pages;
