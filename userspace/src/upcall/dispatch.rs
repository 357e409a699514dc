// SPDX-License-Identifier: GPL-2.0

//! Which handler serves which processor or port.

/// The handlers to run when none are asked for.
///
/// `online` processors are at this process's disposal and `total` are in the machine. When it may
/// not use all, a prime number of handlers spreads neighbouring processors over them, however the
/// ones with traffic are spaced.
pub fn default_handlers(online: usize, total: usize) -> usize {
    let online = online.max(1);
    if online < total {
        next_prime(online + 1).min(total)
    } else {
        online
    }
}

/// The smallest prime that is not below `from`.
fn next_prime(from: usize) -> usize {
    let is_prime = |n: usize| n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| n % d != 0);
    (from..).find(|&n| is_prime(n)).unwrap_or(from)
}

/// For each of `total` processors, the netlink port of the handler that serves it.
pub fn per_cpu(handlers: &[u32], total: usize) -> Vec<u32> {
    handlers.iter().copied().cycle().take(total).collect()
}

/// The netlink ports of the handlers that serve a vport when processors do not choose.
///
/// With `many` the datapath picks one for each packet by its hash, and keeps the packets of a
/// connection in order; else it is one handler for each port.
pub fn per_vport(handlers: &[u32], port: u32, many: bool) -> Vec<u32> {
    if many {
        return handlers.to_vec();
    }
    let at = usize::try_from(port).unwrap_or(0) % handlers.len().max(1);
    handlers.get(at).copied().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_for_parts_of_a_machine() {
        assert_eq!(default_handlers(8, 8), 8);
        assert_eq!(default_handlers(0, 4), 2);
        assert_eq!(default_handlers(4, 96), 5);
        assert_eq!(default_handlers(7, 96), 11);
        assert_eq!(default_handlers(7, 8), 8);
        // Even a process that sees more processors than there are gets one handler each.
        assert_eq!(default_handlers(4, 2), 4);
    }

    #[test]
    fn all_processors_are_served() {
        assert_eq!(per_cpu(&[7, 8, 9], 5), [7, 8, 9, 7, 8]);
        assert_eq!(per_cpu(&[7], 3), [7, 7, 7]);
        assert!(per_cpu(&[], 3).is_empty());
    }

    #[test]
    fn vports_are_spread() {
        assert_eq!(per_vport(&[7, 8, 9], 4, true), [7, 8, 9]);
        assert_eq!(per_vport(&[7, 8, 9], 4, false), [8]);
        assert!(per_vport(&[], 4, false).is_empty());
    }
}
