//! Mount options: what is read can be said again in words that mean the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_mount::{Attributes, Options, Propagation};

fuzz_target!(|text: &str| {
    let words: Vec<&str> = text.split(',').collect();
    for word in &words {
        let _one = (Propagation::from_word(word), Attributes::from_word(word));
    }
    let Ok(options) = Options::parse(&words) else { return };
    let again = Options::parse(options.attributes.words()).expect("its own words");
    assert_eq!(again.attributes.words(), options.attributes.words());
    // Each word has one meaning only: said twice it changes nothing but what the file system gets.
    let twice = Options::parse(words.iter().chain(&words)).expect("the same words");
    assert_eq!(twice.attributes, options.attributes);
    assert_eq!(twice.recursive, options.recursive);
});
