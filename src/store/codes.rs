//! Authorization codes that were given out. They are found by their hash, so that who reads the store redeems none.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Store,
    ephemeral::{Kind, New},
};
use crate::domain::{fault::Fault, secret::Hashed, time::Timestamp};

impl Store {
    /// What a new code is good for, ready to be kept until it ends.
    pub fn new_code<T: Serialize>(&self, code: &Hashed, good_for: &T, ends: Timestamp) -> Result<New, Fault> {
        self.ephemeral.seal(Kind::Code, name(code), good_for, ends)
    }

    /// What a code is good for, if it has not ended. Whether it is spent only [`Store::begin_grant`] tells.
    pub async fn code<T: DeserializeOwned>(&self, code: &Hashed, now: Timestamp) -> Result<Option<T>, Fault> {
        Ok(self.ephemeral.read(Kind::Code, &name(code), now).await?.map(|found| found.value))
    }
}

fn name(code: &Hashed) -> String {
    URL_SAFE_NO_PAD.encode(code.as_bytes())
}
