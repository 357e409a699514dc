// SPDX-License-Identifier: GPL-2.0

//! Executing a list of actions.

use super::{
    action::told,
    Action,
    Event,
    Flows,
    Packet,
    Stop,
    METER_DROPS,
    TEB, //
};
use odp::uapi::key_attr;

/// Deeper than this the kernel has a packet wait, which changes the order.
const DEPTH: u32 = 5;

impl Packet {
    /// Where the packet is seen, a tag has to be in an Ethernet header.
    fn seen(&self) -> Result<(), Stop> {
        if self.tag.is_some() && !self.ethernet {
            return Err(Stop::Odd);
        }
        Ok(())
    }

    fn output(&self, port: u32, out: &mut Vec<Event>) -> Result<(), Stop> {
        let mut bytes = self.wire(self.cut);
        match (port, self.ethernet) {
            // A port that is like Ethernet, and one that has packets of any type, told in front.
            (9, _) => {
                self.seen()?;
                let kind = match self.bare {
                    Some(kind) if !self.ethernet => kind,
                    _ => TEB,
                };
                bytes.splice(0..0, kind.to_be_bytes());
            }
            (_, true) => (),
            (_, false) => return Ok(()),
        }
        out.push(Event::Output(port, bytes));
        Ok(())
    }

    /// A copy that is executed by itself.
    fn copy(&self) -> Result<Self, Stop> {
        let mut copy = self.clone();
        copy.depth += 1;
        if copy.depth > DEPTH {
            return Err(Stop::Odd);
        }
        Ok(copy)
    }

    /// Looks a copy up again.
    fn recirculate(&mut self, id: u32, flows: &Flows, out: &mut Vec<Event>) -> Result<(), Stop> {
        self.seen()?;
        self.key().ok_or(Stop::Error)?;
        // Now it is known what it begins with.
        if self.ethernet {
            self.bare = None;
        }
        self.untag();
        let mut copy = self.copy()?;
        copy.meta.recirc_id = id;
        match flows.get(id as usize - 1) {
            None => out.push(Event::Miss(copy.clone())),
            // What fails there concerns nobody here.
            Some(list) => match copy.execute(list, flows, out) {
                Ok(()) | Err(Stop::Error) => (),
                Err(Stop::Odd) => return Err(Stop::Odd),
            },
        }
        Ok(())
    }

    /// Executes a list, and adds what comes of it to `out`.
    pub fn execute(
        mut self,
        list: &[Action],
        flows: &Flows,
        out: &mut Vec<Event>,
    ) -> Result<(), Stop> {
        for action in list {
            match action {
                Action::Output(port) => {
                    self.output(*port, out)?;
                    self.cut = usize::MAX;
                }
                Action::Trunc(len) => self.cut = *len as usize,
                Action::PushVlan { tpid, tci } => {
                    if let Some(old) = self.tag.take() {
                        if self.bare.is_some() {
                            return Err(Stop::Odd);
                        }
                        self.frame.splice(12..12, old);
                    }
                    let [a, b] = tpid.to_be_bytes();
                    let [c, d] = tci.to_be_bytes();
                    self.tag = Some([a, b, c, d]);
                }
                Action::PopVlan => {
                    self.tag = None;
                    self.untag();
                }
                Action::PushMpls { lse, kind } => self.push_mpls(lse, *kind),
                Action::AddMpls { lse, kind, l3 } if *l3 => self.push_mpls(lse, *kind),
                Action::AddMpls { lse, kind, .. } => self.push(lse, *kind),
                Action::PopMpls(kind) => self.pop_mpls(*kind)?,
                Action::PushEth(addresses) => self.push_eth(addresses)?,
                Action::PopEth => self.pop_eth()?,
                Action::PushNsh(header) => self.push_nsh(header)?,
                Action::PopNsh => self.pop_nsh()?,
                Action::Set(kind, value, Some(mask)) => self.set(*kind, value, mask)?,
                Action::Set(kind, value, None) => {
                    let mut mask = vec![0xff; value.len()];
                    if *kind == key_attr::IPV4 {
                        mask[8] = 0;
                        mask[11] = 0;
                    }
                    self.set(*kind, value, &mask)?;
                }
                Action::SetMetadata(kind, value, mask) => {
                    let field = match *kind {
                        key_attr::PRIORITY => &mut self.meta.priority,
                        _ => &mut self.meta.mark,
                    };
                    *field = (*field & !mask) | value;
                }
                Action::Hash { .. } => self.meta.hashed = true,
                Action::CtClear => (),
                Action::Meter(METER_DROPS) => return Ok(()),
                Action::Meter(_) => (),
                Action::Recirc(id) => self.recirculate(*id, flows, out)?,
                Action::Userspace { data, actions } => {
                    self.seen()?;
                    let actions = if *actions { told(list) } else { Vec::new() };
                    // Here the tag counts.
                    let mut packet = self.wire(usize::MAX);
                    packet.truncate(self.cut);
                    out.push(Event::Userspace(self.meta, data.clone(), actions, packet));
                    self.cut = usize::MAX;
                }
                Action::Psample { group, cookie } => {
                    let packet = self.frame[..self.frame.len().min(self.cut)].to_vec();
                    out.push(Event::Sample(*group, cookie.clone(), packet));
                    self.cut = usize::MAX;
                }
                Action::DecTtl(list) => {
                    if let Some(ttl) = self.ttl() {
                        if self.frame[ttl] <= 1 {
                            return self.execute(list, flows, out);
                        }
                        self.frame[ttl] -= 1;
                        self.fix_checksums();
                    }
                }
                Action::Clone(list) | Action::Sample(true, list) => {
                    self.copy()?.execute(list, flows, out)?;
                }
                Action::Sample(false, _) => (),
                Action::CheckPktLen {
                    len,
                    greater,
                    less_equal,
                } => {
                    let fits = self.frame.len() <= usize::from(*len);
                    let list = if fits { less_equal } else { greater };
                    self.copy()?.execute(list, flows, out)?;
                }
                Action::Drop => return Ok(()),
            }
        }
        Ok(())
    }
}
