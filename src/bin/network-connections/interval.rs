//! The time between two reports, and the signals that end it.

use core::ffi::c_int;

use network_connections::kernel::errno::Errno;

use crate::system::{self, Fd};

/// Ticks at a fixed interval.
pub struct IntervalTimer {
    signals: Fd,
}

/// What ends the wait for a tick.
pub enum Event {
    /// The interval has passed.
    Tick,
    /// A signal that ends the program.
    Signal(c_int),
}

impl IntervalTimer {
    /// Starts a timer that ticks every so many seconds.
    ///
    /// SIGTERM and SIGINT end the program at any time, even if the process
    /// inherited them as ignored or blocked. The kernel ignores both for the
    /// first process of a container, which receives them by
    /// [`wait`](IntervalTimer::wait).
    pub fn start(seconds: i32) -> Result<IntervalTimer, Errno> {
        let all = [libc::SIGALRM, libc::SIGTERM, libc::SIGINT];
        let blocked = if system::is_first_process() { &all[..] } else { &[libc::SIGALRM] };
        system::reset_signal(libc::SIGTERM);
        system::reset_signal(libc::SIGINT);
        let signals = system::block_signals(blocked)?;
        system::start_timer(seconds)?;
        Ok(IntervalTimer { signals })
    }

    /// Waits for the next tick. A tick that came before is not lost, but
    /// several count as one.
    pub fn wait(&self) -> Result<Event, Errno> {
        match system::receive_signal(&self.signals)? {
            libc::SIGALRM => Ok(Event::Tick),
            signal => Ok(Event::Signal(signal)),
        }
    }
}
