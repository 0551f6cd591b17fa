//! Puts the functions of the toolbox's usual verbs together.
#![forbid(unsafe_code)]

/// Hands the linker the list of functions that are needed most: scattered over the file, they would be read into memory
/// page by page at each start.
fn main() {
    const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/link/first.ld");
    /// Where `cargo xtask bench order` wants the linker to tell what it puts where.
    const MAP: &str = "PALISADE_LINK_MAP";
    println!("cargo::rerun-if-changed={LIST}");
    println!("cargo::rerun-if-env-changed={MAP}");
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bin=pal=-Wl,-T,{LIST}");
        // Asked for here, it changes nothing of what the compiler makes, unlike an option of the compiler's.
        if let Some(map) = std::env::var_os(MAP) {
            println!("cargo::rustc-link-arg-bin=pal=-Wl,-Map={}", map.display());
        }
    }
}
