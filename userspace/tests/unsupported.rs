// SPDX-License-Identifier: GPL-2.0

//! The commands of `ovs-dpctl` that the kernel datapath has no answer to say so.

use std::process::Command;

const NAMES: &[&str] = &[
    "offload-stats-show",
    "dump-conntrack-exp",
    "ct-set-maxconns",
    "ct-get-maxconns",
    "ct-get-nconns",
    "ct-enable-tcp-seq-chk",
    "ct-disable-tcp-seq-chk",
    "ct-get-tcp-seq-chk",
    "ct-get-sweep-interval",
    "ct-set-sweep-interval",
    "ipf-set-enabled",
    "ipf-set-disabled",
    "ipf-set-min-frag",
    "ipf-set-max-nfrags",
    "ipf-get-status",
];

#[test]
fn commands_for_other_datapaths_are_refused() {
    for name in NAMES {
        let run = Command::new(env!("CARGO_BIN_EXE_dpctl")).arg(name).output();
        let output = run.unwrap_or_else(|why| panic!("{name}: {why}"));
        let err = String::from_utf8_lossy(&output.stderr);
        let wanted = format!(
            "dpctl: '{name}' is not supported by the kernel datapath (Operation not supported)\n"
        );
        assert_eq!(err, wanted);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(output.stdout.is_empty(), "{name}");
    }
}
