//! Links the command at a fixed address. LLVM brings 120,000 addresses that a
//! position-independent program adjusts at each start: a third of all pages that a start
//! touches, for a program that is done in milliseconds.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
