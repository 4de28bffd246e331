//! Asks pkg-config where the library is. PKG_CONFIG and PKG_CONFIG_PATH are honoured.
use std::process::Command;

fn main() {
    let tool = std::env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_string());
    let output = Command::new(&tool)
        .args(["--libs", "libflowmatch"])
        .output()
        .unwrap_or_else(|e| panic!("{tool} could not be run: {e}"));
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} doesn't find libflowmatch; is PKG_CONFIG_PATH set? {problem}");

    for flag in String::from_utf8_lossy(&output.stdout).split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        } else if let Some(name) = flag.strip_prefix("-l") {
            println!("cargo:rustc-link-lib={name}");
        }
    }
    println!("cargo:rerun-if-env-changed=PKG_CONFIG");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
}
