// SPDX-License-Identifier: GPL-2.0

//! How threads are told to look up.

use rustix::{
    event::{
        EventfdFlags,
        PollFd,
        PollFlags,
        Timespec,
        eventfd,
        poll, //
    },
    io::{
        self,
        Errno, //
    },
};
use std::{
    os::fd::{
        BorrowedFd,
        OwnedFd, //
    },
    sync::{
        Condvar,
        Mutex,
        PoisonError, //
    },
    time::Duration,
};

/// Tells all threads to end, once and for all.
#[derive(Debug)]
pub struct Stop(OwnedFd);

impl Stop {
    /// Nobody has been told yet.
    pub fn new() -> io::Result<Self> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Self)
    }

    /// Tells them.
    pub fn stop(&self) {
        // Nobody ever reads it, so that all see it. It can only fail when it is full: told already.
        let _ = io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Waits until there is something to read from `fd`; `false`: it is time to end.
    pub fn wait(&self, fd: BorrowedFd<'_>) -> io::Result<bool> {
        loop {
            let mut fds = [
                PollFd::new(&self.0, PollFlags::IN),
                PollFd::from_borrowed_fd(fd, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) => {
                    let [stop, _] = fds;
                    return Ok(stop.revents().is_empty());
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether it is time to end.
    pub fn is_on(&self) -> bool {
        self.is_on_within(Duration::ZERO)
    }

    /// Sleeps for so long, or until it is time to end; whether it is.
    pub fn is_on_within(&self, time: Duration) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let time = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        matches!(poll(&mut fds, Some(&time)), Ok(n) if n > 0)
    }
}

/// Wakes one thread, that otherwise wakes from time to time by itself.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl Bell {
    /// Wakes the thread, or keeps it from falling asleep.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ring.notify_one();
    }

    /// Sleeps until the bell rings, or for `most`.
    pub fn wait(&self, most: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ring.wait_timeout_while(rung, most, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        os::fd::AsFd,
        time::Instant, //
    };

    #[test]
    fn stop_is_seen_by_all_and_for_ever() {
        let stop = Stop::new().unwrap();
        let never = eventfd(0, EventfdFlags::empty()).unwrap();
        let ready = eventfd(1, EventfdFlags::empty()).unwrap();
        assert!(!stop.is_on());
        let start = Instant::now();
        assert!(!stop.is_on_within(Duration::from_millis(20)));
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(stop.wait(ready.as_fd()).unwrap());
        stop.stop();
        stop.stop();
        for _ in 0..2 {
            assert!(stop.is_on());
            assert!(stop.is_on_within(Duration::from_secs(60)));
            assert!(start.elapsed() < Duration::from_secs(30));
            assert!(!stop.wait(never.as_fd()).unwrap());
        }
    }

    #[test]
    fn a_bell_rung_before_is_heard_once() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        let start = Instant::now();
        bell.wait(Duration::from_secs(60));
        assert!(start.elapsed() < Duration::from_secs(30));
        bell.wait(Duration::from_millis(20));
        assert!(start.elapsed() >= Duration::from_millis(20));
    }
}
