//! What stands in the examples works.

use std::{fs, path::Path};

use namens::config::Config;

#[test]
fn every_example_configuration_is_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let examples: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!examples.is_empty());
    for path in examples.iter().filter(|path| path.extension().is_some_and(|ext| ext == "toml")) {
        Config::read(path).unwrap_or_else(|error| panic!("{error}"));
    }
}
