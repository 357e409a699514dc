// SPDX-License-Identifier: GPL-2.0

//! Not too many messages of one kind.

use super::time::{
    self,
    Millis, //
};
use log::Level;
use std::{
    fmt,
    sync::{
        Mutex,
        PoisonError, //
    },
};

/// Lets some messages of one kind through, and counts the rest.
#[derive(Debug)]
pub struct RateLimit {
    burst: u32,
    interval: Millis,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Millis,
    passed: u32,
    held_back: u64,
}

impl RateLimit {
    /// At most `burst` messages within `interval` milliseconds.
    pub const fn new(burst: u32, interval: Millis) -> Self {
        Self {
            burst,
            interval,
            window: Mutex::new(Window {
                since: 0,
                passed: 0,
                held_back: 0,
            }),
        }
    }

    /// Whether a message may pass now; if so, how many have not since the last one that did.
    fn admit(&self, now: Millis) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(window.since) >= self.interval {
            window.since = now;
            window.passed = 0;
        }
        if window.passed >= self.burst {
            window.held_back += 1;
            return None;
        }
        window.passed += 1;
        Some(std::mem::take(&mut window.held_back))
    }

    /// Logs a message, if it may pass.
    pub fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        if !log::log_enabled!(level) {
            return;
        }
        match self.admit(time::now()) {
            None => {}
            Some(0) => log::log!(level, "{message}"),
            Some(n) => log::log!(level, "{message} ({n} like this not shown)"),
        }
    }

    /// Logs a warning, if it may pass.
    pub fn warn(&self, message: fmt::Arguments<'_>) {
        self.log(Level::Warn, message);
    }

    /// Logs that something changed, if it may pass.
    pub fn info(&self, message: fmt::Arguments<'_>) {
        self.log(Level::Info, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_interval_pass() {
        let limit = RateLimit::new(2, 100);
        let passed = [0, 1, 2, 99, 150, 151, 152].map(|now| limit.admit(now));
        let expected = [Some(0), Some(0), None, None, Some(2), Some(0), None];
        assert_eq!(passed, expected);
    }
}
