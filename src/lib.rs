//! Namens, Dutch for "on behalf of": an OpenID Connect provider for Dutch healthcare portals.
//!
//! The house has floors, and dependencies point down only (a test reads the `use crate::` lines):
//!
//! | floor | what it is |
//! |---|---|
//! | [`cli`] | the operator's commands |
//! | [`web`] | HTTP: one file per page or endpoint |
//! | [`flows`] | what happens, in order: one file per story |
//! | [`app`] | configuration, store, keys, mail and clock, built once and handed down |
//! | [`oidc`], [`saml`], [`mail`], [`password`] | the languages Namens speaks with others; what hashes |
//! | [`store`] | what is kept, durable and ephemeral; what is sealed |
//! | [`config`], [`clock`], [`observe`], [`lane`], [`outbound`] | what the operator wrote; the one reader of the time; what is logged; work that blocks; calls to addresses that others registered |
//! | [`domain`] | the rules: no async, no input or output |
//!
//! `simulator` (a cargo feature, off by default) is a DigiD, a portal, a mailbox and a walker for the demo and the tests.
//! It stands beside the house: it knows it only by HTTP.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod flows;
pub mod lane;
pub mod mail;
pub mod observe;
pub mod oidc;
pub mod outbound;
pub mod password;
pub mod saml;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod store;
pub mod web;
