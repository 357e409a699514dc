// SPDX-License-Identifier: GPL-2.0

//! Values of which each CPU has its own.
//!
//! [`PerCpu`] is the allocation. What is inside is shared ([`Sync`]), since others may look at it;
//! three types make that cheap for the CPU that owns the copy:
//!
//! - [`Counter`]: written by its CPU, read by all, with no atomic operation;
//! - [`CpuLocal`]: one value, borrowed exclusively by its CPU;
//! - [`CpuStack`]: a few values, handed out one for each level of recursion.
//!
//! Finding this CPU's copy is on the path of each packet, so on x86-64 it is two instructions
//! instead of a call, and nothing where there is one CPU.
//!
//! C header: [`include/linux/percpu.h`](srctree/include/linux/percpu.h)

mod counter;
mod local;

pub(crate) use self::{
    counter::Counter,
    local::{
        CpuLocal,
        CpuStack,
        Slot, //
    }, //
};

use super::bh::Bh;
use crate::{
    alloc::raw_try_init,
    bindings, //
};
use core::{
    alloc::Layout,
    marker::PhantomData,
    mem::{
        self,
        ManuallyDrop, //
    },
    ptr::NonNull, //
};
use kernel::prelude::*;

#[cfg(CONFIG_PREEMPT_RT)]
compile_error!("with PREEMPT_RT a softirq does not have a CPU to itself");

/// The number of the CPU this code runs on.
///
/// Only of use where the task cannot migrate.
#[inline]
pub(super) fn this_cpu() -> u32 {
    #[cfg(all(CONFIG_X86_64, CONFIG_SMP, not(CONFIG_UML)))]
    {
        let cpu: u32;
        // SAFETY: The per-CPU variable `cpu_number` is at that place of the segment.
        unsafe {
            core::arch::asm!(
                "mov {:e}, dword ptr gs:[rip + cpu_number]",
                out(reg) cpu,
                options(nostack, preserves_flags, readonly),
            )
        };
        cpu
    }
    #[cfg(not(CONFIG_SMP))]
    {
        0
    }
    #[cfg(all(CONFIG_SMP, not(all(CONFIG_X86_64, not(CONFIG_UML)))))]
    // SAFETY: Only requires that the task cannot migrate for the result to be of use.
    unsafe {
        bindings::smp_processor_id()
    }
}

/// This CPU's copy of a per-CPU allocation.
///
/// # Safety
///
/// `ptr` must be from the per-CPU allocator.
#[inline]
pub(crate) unsafe fn this_cpu_ptr<T>(ptr: NonNull<T>) -> *mut T {
    #[cfg(all(CONFIG_X86_64, CONFIG_SMP, not(CONFIG_UML)))]
    {
        let offset: usize;
        // SAFETY: The per-CPU variable `this_cpu_off` is at that place of the segment.
        unsafe {
            core::arch::asm!(
                "mov {}, qword ptr gs:[rip + this_cpu_off]",
                out(reg) offset,
                options(nostack, preserves_flags, readonly),
            )
        };
        ptr.as_ptr().wrapping_byte_add(offset)
    }
    #[cfg(not(CONFIG_SMP))]
    {
        // The only copy: per-CPU pointers are ordinary ones.
        ptr.as_ptr()
    }
    #[cfg(all(CONFIG_SMP, not(all(CONFIG_X86_64, not(CONFIG_UML)))))]
    // SAFETY: By the requirements of this function.
    unsafe {
        bindings::this_cpu_ptr(ptr.as_ptr().cast()).cast()
    }
}

/// The numbers of all CPUs this machine can ever have.
pub(crate) fn possible_cpus() -> impl Iterator<Item = u32> {
    let next = |cpu: i32| {
        // SAFETY: `cpu` is -1 or the number of a CPU.
        let next = unsafe { bindings::cpumask_next_possible(cpu) };
        (next < nr_cpu_ids()).then_some(next)
    };
    core::iter::successors(next(-1), move |&cpu| next(cpu as i32))
}

/// One more than the greatest number of a possible CPU.
pub(crate) fn nr_cpu_ids() -> u32 {
    // SAFETY: No requirements.
    unsafe { bindings::nr_cpu_ids() }
}

/// A value for each possible CPU.
///
/// # Invariants
///
/// The pointer is from the per-CPU allocator, has the layout of `T`, and every possible CPU's copy
/// is initialised.
pub(crate) struct PerCpu<T: Send + Sync>(NonNull<T>, PhantomData<T>);

// SAFETY: It owns values that are `Send`.
unsafe impl<T: Send + Sync> Send for PerCpu<T> {}
// SAFETY: It gives out shared references to values that are `Sync`.
unsafe impl<T: Send + Sync> Sync for PerCpu<T> {}

/// The copies initialised so far: dropped, and the memory freed, if the next one cannot be made.
struct Partial<T> {
    ptr: NonNull<T>,
    done: u32,
}

impl<T> Drop for Partial<T> {
    fn drop(&mut self) {
        for cpu in possible_cpus().take_while(|&cpu| cpu < self.done) {
            // SAFETY: The copies of all possible CPUs below `done` are initialised, and nothing
            // else refers to them.
            unsafe { copy_of(self.ptr, cpu).drop_in_place() };
        }
        // SAFETY: The pointer is from the per-CPU allocator.
        unsafe { bindings::free_percpu(self.ptr.as_ptr().cast()) };
    }
}

/// The copy of `cpu`.
///
/// # Safety
///
/// `ptr` must be from the per-CPU allocator, and `cpu` possible.
unsafe fn copy_of<T>(ptr: NonNull<T>, cpu: u32) -> *mut T {
    // SAFETY: By the requirements of this function.
    unsafe { bindings::per_cpu_ptr(ptr.as_ptr().cast(), cpu).cast() }
}

impl<T: Send + Sync> PerCpu<T> {
    /// Allocates, and constructs each copy in place with the initialiser that `init` makes from the
    /// number of the CPU.
    ///
    /// May sleep.
    pub(crate) fn new<I, E>(mut init: impl FnMut(u32) -> I) -> Result<Self>
    where
        I: PinInit<T, E>,
        Error: From<E>,
    {
        let layout = Layout::new::<T>();
        // SAFETY: The size is not zero, and the alignment is a power of two.
        let ptr = unsafe {
            bindings::pcpu_alloc_noprof(
                layout.size().max(1),
                layout.align(),
                false,
                bindings::GFP_KERNEL,
            )
        };
        let mut partial = Partial {
            ptr: NonNull::new(ptr.cast::<T>()).ok_or(ENOMEM)?,
            done: 0,
        };
        for cpu in possible_cpus() {
            // SAFETY: The memory is from the per-CPU allocator and `cpu` is possible.
            let copy = unsafe { copy_of(partial.ptr, cpu) };
            // SAFETY: `copy` is memory for a `T` that is never moved.
            unsafe { raw_try_init(copy, init(cpu))? };
            partial.done = cpu.wrapping_add(1);
        }
        // INVARIANT: All copies are initialised.
        Ok(Self(ManuallyDrop::new(partial).ptr, PhantomData))
    }

    /// This CPU's copy.
    #[inline]
    pub(crate) fn get<'a>(&'a self, _: Bh<'a>) -> &'a T {
        // SAFETY: By the type invariant the pointer is from the per-CPU allocator and the copy is
        // initialised. The task may not migrate, so that the copy is this CPU's, but as it is `Sync`
        // nothing depends on that.
        unsafe { &*this_cpu_ptr(self.0) }
    }

    /// All copies.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        // SAFETY: By the type invariant, and since `cpu` is possible.
        possible_cpus().map(|cpu| unsafe { &*copy_of(self.0, cpu) })
    }
}

impl<T: Send + Sync> Drop for PerCpu<T> {
    fn drop(&mut self) {
        if mem::needs_drop::<T>() {
            drop(Partial {
                ptr: self.0,
                done: nr_cpu_ids(),
            });
        } else {
            // SAFETY: By the type invariant the pointer is from the per-CPU allocator.
            unsafe { bindings::free_percpu(self.0.as_ptr().cast()) };
        }
    }
}
