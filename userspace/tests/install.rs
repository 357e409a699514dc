// SPDX-License-Identifier: GPL-2.0

//! The programs and what belongs to them can be installed, and taken out again.

use std::{
    fs,
    path::{
        Path,
        PathBuf, //
    },
    process::Command,
};

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn script(root: &Path, args: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh");
    let run = Command::new(path)
        .args(args)
        .env("DESTDIR", root)
        .env("PREFIX", "/opt/ovs")
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
}

#[test]
fn what_is_installed_can_be_taken_out_again() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("install");
    // Of an earlier run.
    let _ = fs::remove_dir_all(&root);
    let bin = Path::new(env!("CARGO_BIN_EXE_dpctl")).parent().unwrap();
    script(&root, &["install", bin.to_str().unwrap()]);
    let prefix = root.join("opt/ovs");
    let names = [
        "bin/dpctl",
        "bin/ovs-upcalld",
        "lib/systemd/system/ovs-upcalld@.service",
        "share/bash-completion/completions/dpctl",
        "share/fish/vendor_completions.d/dpctl.fish",
        "share/man/man8/dpctl.8",
        "share/man/man8/ovs-upcalld.8",
        "share/zsh/site-functions/_dpctl",
    ];
    assert_eq!(files(&root), names.map(|name| prefix.join(name)));

    let text = |name| fs::read_to_string(prefix.join(name)).unwrap();
    let unit = text("lib/systemd/system/ovs-upcalld@.service");
    assert!(unit.contains("/opt/ovs/bin/ovs-upcalld"), "{unit}");
    assert!(!unit.contains("@PREFIX@"), "{unit}");
    for page in &names[5..7] {
        assert!(text(page).contains(".SH SYNOPSIS"), "{page}");
    }
    for completions in &names[3..5] {
        assert!(text(completions).contains("dump-flows"), "{completions}");
    }
    assert!(text("share/zsh/site-functions/_dpctl").contains("#compdef dpctl"));
    let installed = Command::new(prefix.join("bin/dpctl"))
        .arg("--version")
        .output();
    assert!(installed.unwrap().status.success());

    let stranger = prefix.join("bin/other");
    fs::write(&stranger, "").unwrap();
    script(&root, &["uninstall"]);
    assert_eq!(files(&root), [stranger]);
}
