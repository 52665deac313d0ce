//! Runs that overlap.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls `task` with each element of `all`, on several threads at a time. A run
/// of the program waits more than it computes.
pub fn in_parallel<T: Sync>(all: &[T], task: impl Fn(&T) + Sync) {
    const THREADS: usize = 8;
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    task(one);
                }
            });
        }
    });
}
