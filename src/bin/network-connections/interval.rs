//! The wait between two reports, and the signals that end the wait.

use core::ffi::c_int;

use network_connections::kernel::errno::Errno;

use crate::system::{self, Fd, MOST_SIGNALS};

/// A timer that ticks at a fixed interval.
pub struct IntervalTimer {
    signals: Fd,
}

/// An event that ends the wait for a tick.
pub enum Event {
    /// The interval has passed.
    Tick,
    /// The program has received a signal that ends the run.
    Signal(c_int),
}

impl IntervalTimer {
    /// Starts a timer that ticks at an interval of `seconds`.
    ///
    /// SIGTERM and SIGINT end the program at any time, even if the process
    /// inherited the signals as ignored or blocked. For the first process of a
    /// container, the kernel ignores the default action of both signals. So
    /// this process blocks both signals, [`wait`](IntervalTimer::wait) returns
    /// the signal, and the program ends between two reports.
    pub fn start(seconds: i32) -> Result<IntervalTimer, Errno> {
        let all: [c_int; MOST_SIGNALS] = [libc::SIGALRM, libc::SIGTERM, libc::SIGINT];
        // PID 1 is the first process of a PID namespace.
        let is_first_process = system::process_id() == 1;
        let blocked = if is_first_process { &all[..] } else { &[libc::SIGALRM] };
        system::reset_signal(libc::SIGTERM);
        system::reset_signal(libc::SIGINT);
        let signals = system::block_signals(blocked)?;
        system::start_timer(seconds, seconds)?;
        Ok(IntervalTimer { signals })
    }

    /// Waits for the next tick or signal. If ticks came before the call, the
    /// function returns at once, and several ticks count as one.
    pub fn wait(&self) -> Result<Event, Errno> {
        for signal in system::receive_signals(&self.signals)? {
            // If every report takes longer than the interval, a tick is always
            // pending. So a signal that ends the run comes before a tick.
            if signal != 0 && signal != libc::SIGALRM {
                return Ok(Event::Signal(signal));
            }
        }
        Ok(Event::Tick)
    }
}
