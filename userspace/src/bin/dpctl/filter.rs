// SPDX-License-Identifier: GPL-2.0

//! `dump-flows filter=`: which flows are printed.

use openvswitch::client::Flow;
use openvswitch::rule;
use openvswitch::rule::Rule;
use openvswitch::text::Ports;

/// The flows that are wanted.
#[derive(Debug)]
pub(crate) struct Filter(Rule);

impl Filter {
    /// Reads a rule.
    pub(crate) fn parse(text: &str, ports: &Ports) -> Result<Self, String> {
        Rule::parse(text, ports).map(Self)
    }

    /// Whether a flow is wanted: it does not match other values than those of the rule.
    pub(crate) fn matches(&self, flow: &Flow) -> bool {
        let Ok(found) = rule::read(&flow.key, &flow.mask) else {
            return false;
        };
        let wanted = self.0.mask.masked(&found.mask);
        found.key.masked(&wanted) == self.0.key.masked(&wanted)
    }
}
