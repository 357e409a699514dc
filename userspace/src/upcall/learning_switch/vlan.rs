// SPDX-License-Identifier: GPL-2.0

//! Which VLANs a port is a member of, and how their packets look on its wire.

use std::{
    fmt,
    str::FromStr, //
};

/// A VLAN id, 0 to 4094. The VLAN 0 is that of packets that belong to no other.
pub type Vid = u16;

/// The highest VLAN id; 4095 is reserved.
const VID_MAX: Vid = 4094;

/// A set of VLANs.
#[derive(Clone, PartialEq, Eq)]
pub struct VlanSet(Box<[u64; 64]>);

impl VlanSet {
    /// All VLANs.
    pub fn all() -> Self {
        Self(Box::new([u64::MAX; 64]))
    }

    /// No VLANs.
    pub fn none() -> Self {
        Self(Box::new([0; 64]))
    }

    /// Whether a VLAN is in the set.
    pub fn contains(&self, vid: Vid) -> bool {
        let word = self.0.get(usize::from(vid / 64));
        word.is_some_and(|word| word & (1 << (vid % 64)) != 0)
    }

    /// Adds a VLAN; ids that do not exist are ignored.
    pub fn insert(&mut self, vid: Vid) {
        if let Some(word) = self.0.get_mut(usize::from(vid / 64)) {
            *word |= 1 << (vid % 64);
        }
    }
}

impl fmt::Debug for VlanSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries((0..=VID_MAX).filter(|vid| self.contains(*vid)))
            .finish()
    }
}

impl FromIterator<Vid> for VlanSet {
    fn from_iter<I: IntoIterator<Item = Vid>>(vids: I) -> Self {
        let mut set = Self::none();
        vids.into_iter().for_each(|vid| set.insert(vid));
        set
    }
}

/// The VLAN whose untagged packets a trunk takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Native {
    /// The VLAN.
    pub vid: Vid,
    /// Whether packets of it that go out bear its tag. Those that come in need not.
    pub tagged: bool,
}

/// The part a port has in VLANs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A member of one VLAN that knows nothing of tags.
    Access(Vid),
    /// A member of several, told apart by tags.
    Trunk {
        /// These.
        vlans: VlanSet,
        /// And this one. Without it, packets without a tag belong to the VLAN 0.
        native: Option<Native>,
    },
}

impl Default for Mode {
    /// A trunk of all VLANs.
    fn default() -> Self {
        Self::Trunk {
            vlans: VlanSet::all(),
            native: None,
        }
    }
}

/// How the packets of a VLAN look on a port's wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagging {
    /// Without its tag.
    Untagged,
    /// With its tag.
    Tagged,
}

impl Mode {
    /// The VLAN of a packet that comes in with the VLAN id `tag`; 0: no tag, or a mere priority.
    ///
    /// `None`: such a packet is not admitted.
    pub fn admit(&self, tag: Vid) -> Option<Vid> {
        match self {
            Self::Access(vid) => (tag == 0).then_some(*vid),
            Self::Trunk { native, .. } => {
                let vid = match native {
                    Some(native) if tag == 0 => native.vid,
                    _ => tag,
                };
                self.is_member(vid).then_some(vid)
            }
        }
    }

    /// How packets of a VLAN leave; `None`: the port is not a member.
    pub fn egress(&self, vid: Vid) -> Option<Tagging> {
        let untagged = match self {
            Self::Access(_) => true,
            Self::Trunk { native, .. } => {
                vid == 0 || native.is_some_and(|native| native.vid == vid && !native.tagged)
            }
        };
        self.is_member(vid).then_some(if untagged {
            Tagging::Untagged
        } else {
            Tagging::Tagged
        })
    }

    fn is_member(&self, vid: Vid) -> bool {
        match self {
            Self::Access(access) => vid == *access,
            Self::Trunk { vlans, native } => match native {
                Some(native) if native.vid == vid => true,
                // Its packets would be taken for those of the native VLAN.
                Some(_) if vid == 0 => false,
                _ => vid <= VID_MAX && vlans.contains(vid),
            },
        }
    }
}

/// What the user says of a port: `NAME:OPTION[:OPTION...]`.
///
/// The options are `access=VID`, `trunk=VID[-VID][,...]`, `native=VID` (untagged), and
/// `native-tagged=VID`. Device names contain no colons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// The name of its network device.
    pub name: String,
    /// Its part in VLANs.
    pub mode: Mode,
}

/// Why a port's configuration could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// There is no name before the options.
    NoName,
    /// The option is none of the four, or has no value.
    UnknownOption(String),
    /// This is not a VLAN id or list of them.
    BadVlan(String),
    /// The same is said twice, or what excludes another.
    Conflict(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("expected NAME:OPTION[:OPTION...]"),
            Self::UnknownOption(option) => write!(
                f,
                "unknown option '{option}', expected access=VID, trunk=VID[-VID][,...], \
                 native=VID or native-tagged=VID"
            ),
            Self::BadVlan(vlan) => write!(f, "'{vlan}' is not a VLAN id, 0 to {VID_MAX}"),
            Self::Conflict(option) => write!(f, "'{option}' contradicts an option before it"),
        }
    }
}

impl std::error::Error for ConfigError {}

fn parse_vid(text: &str) -> Result<Vid, ConfigError> {
    match text.parse() {
        Ok(vid) if vid <= VID_MAX => Ok(vid),
        _ => Err(ConfigError::BadVlan(text.into())),
    }
}

fn parse_set(text: &str) -> Result<VlanSet, ConfigError> {
    let mut set = VlanSet::none();
    for range in text.split(',') {
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (parse_vid(first)?, parse_vid(last)?),
            None => (parse_vid(range)?, parse_vid(range)?),
        };
        if first > last {
            return Err(ConfigError::BadVlan(range.into()));
        }
        (first..=last).for_each(|vid| set.insert(vid));
    }
    Ok(set)
}

impl FromStr for PortConfig {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let (name, options) = text.split_once(':').ok_or(ConfigError::NoName)?;
        if name.is_empty() {
            return Err(ConfigError::NoName);
        }
        let (mut access, mut vlans, mut native) = (None, None, None);
        for option in options.split(':') {
            let unknown = || ConfigError::UnknownOption(option.into());
            let (key, value) = option.split_once('=').ok_or_else(unknown)?;
            let again = match key {
                "access" => access.replace(parse_vid(value)?).is_some(),
                "trunk" => vlans.replace(parse_set(value)?).is_some(),
                "native" | "native-tagged" => {
                    let vid = parse_vid(value)?;
                    let tagged = key == "native-tagged";
                    native.replace(Native { vid, tagged }).is_some()
                }
                _ => return Err(unknown()),
            };
            if again || (access.is_some() && (vlans.is_some() || native.is_some())) {
                return Err(ConfigError::Conflict(option.into()));
            }
        }
        let mode = match access {
            Some(vid) => Mode::Access(vid),
            None => Mode::Trunk {
                vlans: vlans.unwrap_or_else(VlanSet::all),
                native,
            },
        };
        Ok(Self {
            name: name.into(),
            mode,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mode(text: &str) -> Mode {
        format!("p:{text}").parse::<PortConfig>().unwrap().mode
    }

    fn error(text: &str) -> ConfigError {
        text.parse::<PortConfig>().unwrap_err()
    }

    #[test]
    fn an_access_port_knows_one_vlan() {
        let mode = mode("access=10");
        assert_eq!(mode.admit(0), Some(10));
        assert_eq!(mode.admit(10), None);
        assert_eq!(mode.egress(10), Some(Tagging::Untagged));
        assert_eq!(mode.egress(0), None);
        assert_eq!(mode.egress(20), None);
    }

    #[test]
    fn a_trunk_carries_tags() {
        let mode = mode("trunk=10,20-22");
        assert_eq!(mode.admit(0), None);
        assert_eq!(mode.admit(21), Some(21));
        assert_eq!(mode.admit(23), None);
        assert_eq!(mode.egress(10), Some(Tagging::Tagged));
        assert_eq!(mode.egress(0), None);
    }

    #[test]
    fn a_port_is_a_trunk_of_all_unless_told_otherwise() {
        let mode = Mode::default();
        assert_eq!(mode.admit(0), Some(0));
        assert_eq!(mode.admit(4094), Some(4094));
        assert_eq!(mode.admit(4095), None);
        assert_eq!(mode.egress(0), Some(Tagging::Untagged));
        assert_eq!(mode.egress(7), Some(Tagging::Tagged));
    }

    #[test]
    fn a_native_vlan_takes_the_untagged() {
        let untagged = mode("trunk=10:native=1");
        assert_eq!(untagged.admit(0), Some(1));
        assert_eq!(untagged.admit(1), Some(1));
        assert_eq!(untagged.egress(1), Some(Tagging::Untagged));
        assert_eq!(untagged.egress(10), Some(Tagging::Tagged));
        assert_eq!(untagged.egress(0), None);
        let tagged = mode("native-tagged=1:trunk=10");
        assert_eq!(tagged.admit(0), Some(1));
        assert_eq!(tagged.egress(1), Some(Tagging::Tagged));
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(error("eth0"), ConfigError::NoName);
        assert_eq!(error(":access=1"), ConfigError::NoName);
        assert_eq!(
            error("p:acces=1"),
            ConfigError::UnknownOption("acces=1".into())
        );
        assert_eq!(
            error("p:access"),
            ConfigError::UnknownOption("access".into())
        );
        assert_eq!(error("p:access=4095"), ConfigError::BadVlan("4095".into()));
        assert_eq!(error("p:trunk=1,,2"), ConfigError::BadVlan("".into()));
        assert_eq!(error("p:trunk=9-8"), ConfigError::BadVlan("9-8".into()));
        assert_eq!(
            error("p:access=1:trunk=2"),
            ConfigError::Conflict("trunk=2".into())
        );
        assert_eq!(
            error("p:native=1:native=1"),
            ConfigError::Conflict("native=1".into())
        );
    }

    fn any_mode() -> impl Strategy<Value = Mode> {
        let vid = 0u16..40;
        let vlans = prop::collection::vec(vid.clone(), 0..10).prop_map(VlanSet::from_iter);
        let native = prop::option::of(
            (vid.clone(), any::<bool>()).prop_map(|(vid, tagged)| Native { vid, tagged }),
        );
        prop_oneof![
            vid.prop_map(Mode::Access),
            (vlans, native).prop_map(|(vlans, native)| Mode::Trunk { vlans, native }),
        ]
    }

    proptest! {
        /// What a port sends out, a port configured alike takes in again, in the same VLAN.
        #[test]
        fn two_ends_of_a_link_agree(mode in any_mode(), vid in 0u16..40) {
            match mode.egress(vid) {
                None => prop_assert!((0..=4095).all(|tag| mode.admit(tag) != Some(vid))),
                Some(Tagging::Untagged) => prop_assert_eq!(mode.admit(0), Some(vid)),
                Some(Tagging::Tagged) => prop_assert_eq!(mode.admit(vid), Some(vid)),
            }
        }
    }
}
