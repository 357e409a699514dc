// SPDX-License-Identifier: GPL-2.0

//! VLAN tags: `OVS_KEY_ATTR_ENCAP` and what belongs to it.
//!
//! A tag is ETHERTYPE, VLAN and ENCAP; in ENCAP is all that follows the tag, which may be another
//! tag. Of more than two tags the C module knows nothing, and neither do we.

use super::super::error::Error;
use super::super::headers::ethertype;
use super::super::key::{
    Be16,
    Key,
    Vlan,
    VLAN_TAG_PRESENT, //
};
use super::super::uapi::key_attr;
use super::fields::Fields;
use super::invalid;

/// Parses the tags of a key, and leaves the attributes inside the innermost one in `fields`.
pub(super) fn parse_key<'a>(fields: &mut Fields<'a>, key: &mut Key) -> Result<(), Error<'a>> {
    if let Some(tag) = key_tag(fields)? {
        key.vlan = tag;
        if is_present(&tag) {
            if let Some(tag) = key_tag(fields)? {
                key.cvlan = tag;
            }
        }
    }
    Ok(())
}

/// Parses the tags of the mask of `key`, and leaves the attributes inside in `fields`.
pub(super) fn parse_mask<'a>(
    fields: &mut Fields<'a>,
    mask: &mut Key,
    key: &Key,
) -> Result<(), Error<'a>> {
    // Whether there is a tag is always matched.
    mask.vlan.tci = Be16::new(0xffff);
    mask.cvlan.tci = Be16::new(0xffff);
    if let Some(tag) = mask_tag(fields, &key.vlan)? {
        mask.vlan = tag;
        if is_present(&key.vlan) {
            if let Some(tag) = mask_tag(fields, &key.cvlan)? {
                mask.cvlan = tag;
            }
        }
    }
    Ok(())
}

fn is_present(tag: &Vlan) -> bool {
    tag.tci.get() & VLAN_TAG_PRESENT != 0
}

/// Takes the outermost tag of a key, and puts what is in it in its place.
fn key_tag<'a>(fields: &mut Fields<'a>) -> Result<Option<Vlan>, Error<'a>> {
    let Some(ethertype) = fields.attr(key_attr::ETHERTYPE) else {
        return Ok(None);
    };
    let tpid: Be16 = ethertype.get().unwrap_or_default();
    if !fields.has(key_attr::ETHERNET) || !ethertype::is_vlan(tpid.get()) {
        return Ok(None);
    }
    let (Some(vlan), Some(encap)) = (fields.attr(key_attr::VLAN), fields.attr(key_attr::ENCAP))
    else {
        return invalid(&ethertype, c"a VLAN ethertype needs VLAN and ENCAP");
    };
    let tag = Vlan {
        tpid,
        tci: vlan.get().unwrap_or_default(),
    };
    if !is_present(&tag) {
        if tag.tci != Be16::ZERO {
            return invalid(&vlan, c"the TCI in VLAN lacks the CFI bit");
        }
        // A frame that ends inside its tag.
        if !encap.payload().is_empty() {
            return invalid(&encap, c"ENCAP must be empty behind a VLAN of zero");
        }
    }
    descend(fields)?;
    Ok(Some(tag))
}

/// Takes the outermost tag of a mask, and puts what is in it in its place.
fn mask_tag<'a>(fields: &mut Fields<'a>, key: &Vlan) -> Result<Option<Vlan>, Error<'a>> {
    let Some(encap) = fields.attr(key_attr::ENCAP) else {
        return Ok(None);
    };
    if !is_present(key) {
        return invalid(
            &encap,
            c"ENCAP is in the mask but the key has no VLAN tag there",
        );
    }
    let source = fields.source();
    // The C module falls back on the key's own attributes when the mask has none here, or zeroes.
    // With VLAN that makes a mask which is accepted, so it has to be one here as well.
    let value = |kind| {
        fields
            .last(kind)
            .and_then(|attr| source.value::<Be16>(&attr))
    };
    let tag = Vlan {
        tpid: value(key_attr::ETHERTYPE).unwrap_or_default(),
        tci: value(key_attr::VLAN).unwrap_or_default(),
    };
    if tag.tpid.get() != 0xffff {
        return invalid(
            &encap,
            c"the ethertype of a VLAN tag must be matched exactly",
        );
    }
    if !is_present(&tag) {
        return invalid(&encap, c"the mask of a VLAN tag must include the CFI bit");
    }
    descend(fields)?;
    Ok(Some(tag))
}

/// Takes the attributes of a tag and adds those inside it.
fn descend<'a>(fields: &mut Fields<'a>) -> Result<(), Error<'a>> {
    let encap = fields.take(key_attr::ENCAP);
    fields.take(key_attr::VLAN);
    fields.take(key_attr::ETHERTYPE);
    match encap {
        Some(encap) => fields.collect(encap),
        None => Ok(()),
    }
}
