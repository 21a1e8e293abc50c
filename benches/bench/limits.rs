//! The raw limits of this machine, for one second of one core's time.

use std::fs;

use argon2::{Algorithm as Argon, Argon2, Block, Params, Version};
use namens::{
    config,
    domain::{key::Algorithm, time::Timestamp},
    oidc::keyring::Keyring,
};

use crate::trial;

/// Signatures that bare aws-lc-rs makes in a second, on one thread.
pub fn signatures(keys: &Keyring, alg: Algorithm, now: Timestamp) -> f64 {
    let key = keys.signer(alg, now).unwrap();
    rate(2.0, || drop(key.sign_bytes(b"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0").unwrap()))
}

/// Verifications that bare aws-lc-rs makes in a second, on one thread.
pub fn verifications(keys: &Keyring, alg: Algorithm, now: Timestamp) -> f64 {
    let (key, text) = (keys.signer(alg, now).unwrap(), b"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0");
    let signature = key.sign_bytes(text).unwrap();
    rate(2.0, || assert!(key.has_signed(text, &signature)))
}

/// Argon2id hashes at the default cost that one thread makes in a second, with memory that is used again.
pub fn hashes() -> f64 {
    let cost = config::Password::default();
    let params = Params::new(cost.memory_kib, cost.iterations, cost.parallelism, None).unwrap();
    let mut memory = vec![Block::new(); params.block_count()];
    let argon2 = Argon2::new(Argon::Argon2id, Version::V0x13, params);
    let mut out = [0; 32];
    rate(3.0, || {
        argon2
            .hash_password_into_with_memory(b"fiets op de dijk", b"0123456789abcdef", &mut out, &mut memory)
            .unwrap();
    })
}

/// How often a second of this thread's own processor time is enough for `work`: time that other programs took does not
/// count, as it does not where a server's time is read.
pub fn rate(seconds: f64, mut work: impl FnMut()) -> f64 {
    let (begin, mut count, seconds) = (spent(), 0_u32, trial::seconds(seconds).as_secs_f64());
    loop {
        work();
        count += 1;
        // Asking costs a system call.
        if count.is_multiple_of(16) || count < 16 {
            let took = spent() - begin;
            if took >= seconds {
                return f64::from(count) / took;
            }
        }
    }
}

/// Processor seconds that this thread has used.
fn spent() -> f64 {
    scheduled().0
}

/// Seconds that this thread has run, and that it has waited for a core to run on (the first fields of its schedstat, in
/// nanoseconds: proc(5)).
pub fn scheduled() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let mut fields = stat.split(' ').map(|field| field.parse::<f64>().unwrap() / 1e9);
    (fields.next().unwrap(), fields.next().unwrap())
}
