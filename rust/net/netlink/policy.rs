// SPDX-License-Identifier: GPL-2.0

//! Policies: what the core checks of the attributes of a request before anybody else sees them.

use crate::bindings;
use core::marker::PhantomData;

/// What one attribute must be like.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Policy(bindings::nla_policy);

impl Policy {
    const fn new(kind: u32, len: u16) -> Self {
        Self(bindings::nla_policy {
            type_: kind as u8,
            len,
            ..pin_init::zeroed()
        })
    }

    const fn range(kind: u32, validation: u32, min: i16, max: i16) -> Self {
        let mut this = Self::new(kind, 0);
        this.0.validation_type = validation as u8;
        this.0.__bindgen_anon_1 = bindings::nla_policy__bindgen_ty_1 {
            __bindgen_anon_1: bindings::nla_policy__bindgen_ty_1__bindgen_ty_1 { min, max },
        };
        this
    }

    /// Anything.
    pub(crate) const fn unspec() -> Self {
        Self::new(bindings::NLA_UNSPEC, 0)
    }

    /// Anything of at least `len` bytes.
    pub(crate) const fn min_len(len: u16) -> Self {
        Self::new(bindings::NLA_UNSPEC, len)
    }

    /// Two bytes.
    pub(crate) const fn u16() -> Self {
        Self::new(bindings::NLA_U16, 0)
    }

    /// Four bytes.
    pub(crate) const fn u32() -> Self {
        Self::new(bindings::NLA_U32, 0)
    }

    /// A number from `min` to `max`.
    ///
    /// Meant for constants: panics if `max` is more than the core can check, 32767.
    pub(crate) const fn u32_range(min: u32, max: u32) -> Self {
        assert!(min <= max && max <= i16::MAX as u32);
        Self::range(
            bindings::NLA_U32,
            bindings::nla_policy_validation_NLA_VALIDATE_RANGE,
            min as i16,
            max as i16,
        )
    }

    /// A number with a sign.
    pub(crate) const fn s32() -> Self {
        Self::new(bindings::NLA_S32, 0)
    }

    /// A number with a sign that is at least `min`.
    pub(crate) const fn s32_min(min: i16) -> Self {
        Self::range(
            bindings::NLA_S32,
            bindings::nla_policy_validation_NLA_VALIDATE_MIN,
            min,
            0,
        )
    }

    /// Eight bytes.
    pub(crate) const fn u64() -> Self {
        Self::new(bindings::NLA_U64, 0)
    }

    /// No payload.
    pub(crate) const fn flag() -> Self {
        Self::new(bindings::NLA_FLAG, 0)
    }

    /// A string that ends with a NUL character, and has at most `max` before that.
    pub(crate) const fn nul_string(max: u16) -> Self {
        Self::new(bindings::NLA_NUL_STRING, max)
    }

    /// Attributes.
    pub(crate) const fn nested() -> Self {
        Self::new(bindings::NLA_NESTED, 0)
    }
}

/// The policies of the attributes 0 to `N - 1`, by number.
///
/// An attribute that is not mentioned may be anything.
#[repr(transparent)]
pub(crate) struct PolicyTable<const N: usize>([bindings::nla_policy; N], PhantomData<Policy>);

// SAFETY: The table is immutable, and so is what its pointers point at.
unsafe impl<const N: usize> Sync for PolicyTable<N> {}

impl<const N: usize> PolicyTable<N> {
    /// The greatest attribute number.
    pub(crate) const MAX_ATTR: usize = {
        assert!(N > 0 && N <= u16::MAX as usize);
        N - 1
    };

    /// A table that allows everything.
    pub(crate) const fn new() -> Self {
        Self([Policy::unspec().0; N], PhantomData)
    }

    /// Adds the policy of one attribute.
    ///
    /// Meant for constants: panics if the number is too large.
    #[must_use]
    pub(crate) const fn with(mut self, attr: u32, policy: Policy) -> Self {
        self.0[attr as usize] = policy.0;
        self
    }

    pub(in crate::net) const fn as_ptr(&'static self) -> *const bindings::nla_policy {
        self.0.as_ptr()
    }
}
