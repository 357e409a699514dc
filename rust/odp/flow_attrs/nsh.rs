// SPDX-License-Identifier: GPL-2.0

//! The Network Service Header: `OVS_NSH_KEY_ATTR_*` to the fields of a key or mask.

use super::super::error::Error;
use super::super::headers;
use super::super::key::Nsh;
use super::super::nlattr::Attr;
use super::super::uapi::{
    nsh_key_attr as attr,
    NshBase,
    NshMd1, //
};
use super::fields::Source;
use super::invalid;

/// Parses `nest` to `to`.
pub(super) fn parse<'a>(source: Source, nest: &Attr<'a>, to: &mut Nsh) -> Result<(), Error<'a>> {
    let mut mdtype = 0;
    let mut md1 = None;
    let mut attrs = nest.nested();
    for field in attrs.by_ref() {
        match field.kind() {
            attr::BASE => {
                let Some(base) = source.value::<NshBase>(&field) else {
                    return invalid(&field, c"BASE in NSH has a wrong length");
                };
                mdtype = base.mdtype;
                to.flags = base.flags;
                to.ttl = base.ttl;
                to.mdtype = base.mdtype;
                to.np = base.np;
                to.path_hdr = base.path_hdr;
            }
            attr::MD1 => {
                let Some(NshMd1 { context }) = source.value(&field) else {
                    return invalid(&field, c"MD1 in NSH has a wrong length");
                };
                to.context = context;
                md1 = Some(field);
            }
            attr::MD2 => return invalid(&field, c"MD2 in NSH cannot be matched"),
            _ => return invalid(&field, c"unknown attribute in NSH"),
        }
    }
    if !attrs.rest().is_empty() {
        return invalid(nest, c"bytes are left over behind the attributes of NSH");
    }
    match md1 {
        Some(md1) if source == Source::Key && mdtype != headers::Nsh::MD_TYPE1 => {
            invalid(&md1, c"MD1 in NSH needs metadata type 1 in BASE")
        }
        _ => Ok(()),
    }
}
