//! Puts the functions of the toolbox's usual verbs together.
#![forbid(unsafe_code)]

/// Hands the linker the list of functions that are needed most: scattered over the file, they would be read into memory
/// page by page at each start.
fn main() {
    const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/link/first.ld");
    println!("cargo::rerun-if-changed={LIST}");
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bin=pal=-Wl,-T,{LIST}");
    }
}
