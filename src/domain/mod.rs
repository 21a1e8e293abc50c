//! The rules of Namens: pure functions and types over stored facts and `now`. No async, no input or output.

pub mod ask;
pub mod assurance;
pub mod birth;
pub mod bsn;
pub mod calendar;
pub mod claims;
pub mod client;
pub mod code;
pub mod consent;
pub mod email;
pub mod fault;
pub mod grant;
pub mod id;
pub mod key;
pub mod lang;
pub mod line;
pub mod link;
pub mod login;
pub mod mandate;
pub mod proof;
pub mod registration;
pub mod scope;
pub mod secret;
pub mod session;
pub mod time;
pub mod words;
