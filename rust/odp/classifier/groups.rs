// SPDX-License-Identifier: GPL-2.0

//! Groups of masks: which masks a packet can match at all.
//!
//! Nearly every flow matches some of recirculation id, input port, ethertype and IP protocol
//! exactly. Which of them a mask matches is its [`Pattern`]; the flows of a pattern that also agree
//! in the values belong to one group, and the group lists their masks. A packet is in one group of
//! each pattern: the masks of all other groups need no look.
//!
//! A group is a record of an [arena](super::arena):
//!
//! ```text
//!   cell 0         the first word of the key, as far as the pattern matches it
//!   cell 1         the second word likewise
//!   cell 2         the class of the record, 8 bits the pattern, 32 bits the places in use
//!   then           the masks in the order they came, two to a cell; zero: a free place
//!   then           for each of those the number of flows, two to a cell, for the writer
//!   last           the writer's cell
//! ```

use super::{
    super::{
        cell::Cell64,
        hash::Secret,
        key::{
            Be16,
            Key, //
        }, //
    },
    arena, //
};

/// Which of the fields are matched exactly: a bit for each of [`FIELDS`].
pub type Pattern = usize;

/// The number of patterns.
pub const PATTERNS: usize = 16;

/// The first two words of the masks that match one of the fields each.
const FIELDS: [[u64; 2]; 4] = {
    const fn words(key: &Key) -> [u64; 2] {
        let words = key.words();
        [words[0], words[1]]
    }
    let mut ip_proto = Key::ZERO;
    ip_proto.ip_proto = 0xff;
    let mut recirc_id = Key::ZERO;
    recirc_id.recirc_id = u32::MAX;
    let mut in_port = Key::ZERO;
    in_port.in_port = u16::MAX;
    let mut eth_type = Key::ZERO;
    eth_type.eth_type = Be16::new(0xffff);
    [
        words(&ip_proto),
        words(&recirc_id),
        words(&in_port),
        words(&eth_type),
    ]
};

/// The first two words of the mask that matches all fields of a pattern.
const PATTERN_MASKS: [[u64; 2]; PATTERNS] = {
    let mut masks = [[0; 2]; PATTERNS];
    let mut pattern = 0;
    while pattern < PATTERNS {
        let mut field = 0;
        while field < FIELDS.len() {
            if (pattern >> field) & 1 != 0 {
                masks[pattern][0] |= FIELDS[field][0];
                masks[pattern][1] |= FIELDS[field][1];
            }
            field += 1;
        }
        pattern += 1;
    }
    masks
};

/// The pattern of a mask with these first two words.
pub fn pattern(mask: [u64; 2]) -> Pattern {
    (0..)
        .zip(FIELDS)
        .filter(|(_, field)| mask[0] & field[0] == field[0] && mask[1] & field[1] == field[1])
        .fold(0, |pattern, (bit, _)| pattern | 1usize.wrapping_shl(bit))
}

/// What identifies a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupKey {
    pattern: Pattern,
    words: [u64; 2],
}

impl GroupKey {
    /// The group of `pattern` for keys with these first two words.
    #[inline(always)]
    pub fn new(pattern: Pattern, key: [u64; 2]) -> Self {
        let pattern = pattern % PATTERNS;
        let mask = PATTERN_MASKS[pattern];
        Self {
            pattern,
            words: [key[0] & mask[0], key[1] & mask[1]],
        }
    }

    /// The pattern of the group's masks.
    pub fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// The hash that finds the group.
    #[inline(always)]
    pub fn hash(&self, secret: &Secret) -> u64 {
        let mut hasher = secret.hasher(self.pattern as u64);
        hasher.pair(self.words[0], self.words[1]);
        hasher.finish()
    }
}

/// The places of a record of `class`.
const fn places(class: usize) -> usize {
    arena::record_len(class).wrapping_sub(4)
}

/// One half of a cell that holds two numbers.
#[inline(always)]
fn half(cells: &[Cell64], place: usize) -> Option<u32> {
    let cell = cells.get(place / 2)?.load();
    Some(if place % 2 == 0 { cell } else { cell >> 32 } as u32)
}

fn set_half(cells: &[Cell64], place: usize, value: u32) -> Option<()> {
    let cell = cells.get(place / 2)?;
    let shift = if place % 2 == 0 { 0 } else { 32 };
    let other = cell.load() & !0xffff_ffffu64.wrapping_shl(shift);
    cell.store_release(other | u64::from(value).wrapping_shl(shift));
    Some(())
}

/// A group, as lookups see it.
#[derive(Clone, Copy)]
pub struct Group<'a>(&'a [Cell64]);

impl<'a> Group<'a> {
    /// The group in the record `id`, if it is the one of `key`.
    #[inline(always)]
    pub fn at(cells: &'a [Cell64], id: u32, key: &GroupKey) -> Option<Self> {
        let cells = cells.get(arena::start(id)..)?;
        match cells {
            [first, second, third, ..]
                if first.load() == key.words[0]
                    && second.load() == key.words[1]
                    && ((third.load() >> 32) & 0xff) as usize == key.pattern =>
            {
                Some(Self(cells))
            }
            _ => None,
        }
    }

    /// The places in use, free ones among them included.
    #[inline(always)]
    fn len(&self) -> usize {
        self.0
            .get(2)
            .map_or(0, |cell| cell.load_acquire() as u32 as usize)
    }

    /// The masks, in the order in which they came.
    #[inline(always)]
    pub fn masks(&self) -> impl Iterator<Item = u32> + 'a {
        let ids = self.0.get(3..).unwrap_or_default();
        (0..self.len())
            .map_while(|place| half(ids, place))
            .filter(|&id| id != 0)
    }
}

/// A group, as the writer sees it.
#[derive(Clone, Copy)]
pub struct GroupRecord<'a> {
    cells: &'a [Cell64],
    ids: &'a [Cell64],
    flows: &'a [Cell64],
    class: usize,
}

impl<'a> GroupRecord<'a> {
    /// The group in the record `id`.
    pub fn at(arena: &'a [Cell64], id: u32) -> Option<Self> {
        let head = arena.get(arena::start(id)..)?.get(2)?.load();
        Self::of_class(arena, id, (head >> 40) as usize)
    }

    fn of_class(arena: &'a [Cell64], id: u32, class: usize) -> Option<Self> {
        let cells = arena::record(arena, id, class)?;
        let half = places(class) / 2;
        let (ids, rest) = cells.get(3..)?.split_at_checked(half)?;
        Some(Self {
            cells,
            ids,
            flows: rest.get(..half)?,
            class,
        })
    }

    /// Makes an empty group of the record `id`.
    pub fn create(arena: &'a [Cell64], id: u32, class: usize, key: &GroupKey) -> Option<Self> {
        let new = Self::of_class(arena, id, class)?;
        let [first, second] = key.words;
        let head = [
            first,
            second,
            ((class as u64) << 40) | ((key.pattern as u64) << 32),
        ];
        for (cell, value) in new.cells.iter().zip(head) {
            cell.store(value);
        }
        Some(new)
    }

    fn len(&self) -> usize {
        self.cells
            .get(2)
            .map_or(0, |cell| cell.load() as u32 as usize)
    }

    fn set_len(&self, len: usize) {
        if let Some(cell) = self.cells.get(2) {
            cell.store_release((cell.load() >> 32 << 32) | len as u64);
        }
    }

    /// What identifies the group.
    pub fn key(&self) -> GroupKey {
        let cell = |n| self.cells.get(n).map_or(0, Cell64::load);
        GroupKey::new(((cell(2) >> 32) & 0xff) as usize, [cell(0), cell(1)])
    }

    /// The class of the record.
    pub fn class(&self) -> usize {
        self.class
    }

    /// The masks and the number of flows of each.
    pub fn masks(self) -> impl Iterator<Item = (u32, u32)> + 'a {
        (0..self.len()).filter_map(move |place| {
            Some((half(self.ids, place)?, half(self.flows, place)?)).filter(|mask| mask.0 != 0)
        })
    }

    /// The place of `mask`, or of a free place if `mask` is zero.
    fn place(&self, mask: u32) -> Option<usize> {
        (0..self.len()).find(|&place| half(self.ids, place) == Some(mask))
    }

    /// Counts one more flow of `mask`; `None` if that needs a larger record.
    pub fn add(&self, mask: u32) -> Option<()> {
        if let Some(place) = self.place(mask) {
            let now = half(self.flows, place)?.wrapping_add(1);
            return set_half(self.flows, place, now);
        }
        let place = self.place(0).unwrap_or(self.len());
        set_half(self.flows, place, 1)?;
        set_half(self.ids, place, mask)?;
        if place == self.len() {
            self.set_len(place.wrapping_add(1));
        }
        Some(())
    }

    /// Makes this group, which is empty and has more places, the same as `other`.
    pub fn fill_from(&self, other: GroupRecord<'_>) -> Option<()> {
        let mut len = 0usize;
        for (mask, flows) in other.masks() {
            set_half(self.ids, len, mask)?;
            set_half(self.flows, len, flows)?;
            len = len.wrapping_add(1);
        }
        self.set_len(len);
        Some(())
    }

    /// Counts one flow of `mask` less. Returns whether the group has become empty.
    pub fn sub(&self, mask: u32) -> Option<bool> {
        let place = self.place(mask)?;
        let now = half(self.flows, place)?.wrapping_sub(1);
        set_half(self.flows, place, now)?;
        if now != 0 {
            return Some(false);
        }
        set_half(self.ids, place, 0)?;
        Some((0..self.len()).all(|place| half(self.ids, place) == Some(0)))
    }
}
