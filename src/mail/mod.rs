//! Mail: what it says (`letters`), how it leaves (`transport`), and the two ways out (`smtp`, `folder`).

mod folder;
pub mod letters;
pub mod mandates;
mod smtp;
#[cfg(test)]
mod tests;
pub mod transport;

pub use letters::{Circumstances, Letter};
pub use transport::{BadMail, Mailer, QueueFull};
