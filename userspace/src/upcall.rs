// SPDX-License-Identifier: GPL-2.0

//! Answers the misses of a datapath.
//!
//! An [`Engine`] serves one datapath with the help of a [`Policy`]. The policy decides what is to
//! be done with packets; the engine does all the rest:
//!
//! * `handler`s receive upcalls, one thread for each processor, and for each miss put a flow into
//!   the datapath and send the packet on its way, many with one system call;
//! * the `revalidator` dumps the flows, tells the policy of their traffic, deletes those that
//!   idle, and asks the policy about all of them whenever it may have changed its mind;
//! * the `ports` are followed as they come and go;
//! * a [`Control`] tells how it is doing, and [`unixctl`] has that done for other processes.
//!
//! [`learning_switch`] is a policy, [`flow_file`] another one.

pub mod actions;
pub mod control;
pub mod dispatch;
pub mod engine;
pub mod flow;
pub mod flow_cache;
pub mod flow_file;
mod handler;
pub mod learning_switch;
pub mod limit;
mod loss;
pub mod metrics;
pub mod orders;
pub mod policy;
mod ports;
pub mod rate_limit;
pub mod report;
mod revalidator;
mod shared;
pub mod stats;
pub mod time;
pub mod ufid;
pub mod unixctl;
pub mod wakeup;
pub mod wire;

pub use actions::Actions;
pub use control::Control;
pub use engine::{
    Config,
    DispatchMode,
    Engine,
    Error, //
};
pub use flow_file::FlowFile;
pub use learning_switch::LearningSwitch;
pub use policy::Policy;
pub use report::Report;
