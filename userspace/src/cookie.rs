// SPDX-License-Identifier: GPL-2.0

//! What the data is for that a USERSPACE action hands back, as Open vSwitch writes it.

/// The bytes of a cookie: `struct user_action_cookie`.
pub const LEN: usize = 48;

/// Why a flow sends packets up: the first number of a cookie, in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It samples for sFlow.
    SFlow = 1,
    /// The datapath cannot do what is to be done with them.
    SlowPath = 2,
    /// It samples for IPFIX.
    FlowSample = 3,
    /// It samples a bridge for IPFIX.
    Ipfix = 4,
    /// An OpenFlow controller wants them.
    Controller = 5,
}

impl Class {
    /// What a cookie is for; `None` if it is none of these, or has another size.
    pub fn of(cookie: &[u8]) -> Option<Self> {
        if cookie.len() != LEN {
            return None;
        }
        let number = u16::from_ne_bytes(*cookie.first_chunk()?);
        [
            Self::SFlow,
            Self::SlowPath,
            Self::FlowSample,
            Self::Ipfix,
            Self::Controller,
        ]
        .into_iter()
        .find(|class| *class as u16 == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let cookie = |number: u16| {
            let mut cookie = [0; LEN];
            cookie[..2].copy_from_slice(&number.to_ne_bytes());
            cookie
        };
        assert_eq!(Class::of(&cookie(2)), Some(Class::SlowPath));
        assert_eq!(Class::of(&cookie(5)), Some(Class::Controller));
        assert_eq!(Class::of(&cookie(0)), None);
        assert_eq!(Class::of(&cookie(6)), None);
        assert_eq!(Class::of(&cookie(2)[..47]), None);
        assert_eq!(Class::of(&[]), None);
    }
}
