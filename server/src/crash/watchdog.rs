//! The software watchdog (`watchdog-period`): when the command loop has not come round for so long, the log says where it is.
//!
//! ```text
//! --- WATCHDOG TIMER EXPIRED ---
//! ------ STACK TRACE ------, of the thread of the command loop
//! --------
//! ```
//! A thread waits for a beat of the loop, which comes with each call of the periodic work, and gives up after the period. It
//! reports a stall once, then waits for its end. Without the directive there is no thread, and a beat is one test.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::{Watch, sample, signal, trace};
use crate::config::LogLevel;

/// What the loop tells the thread.
enum Order {
    /// It has come round.
    Beat,
    /// It has come round, and is to do so within this from now on.
    Period(Duration),
}

/// The loop's half.
#[derive(Debug, Default)]
pub struct Watchdog {
    /// None: it is off.
    orders: Option<Sender<Order>>,
}

/// The thread's half.
struct Guard {
    orders: Receiver<Order>,
    period: Duration,
    /// The loop's.
    thread: i32,
    watch: Watch,
}

impl Watchdog {
    /// Takes `watchdog-period`; 0 is off. Watches the calling thread.
    pub fn configure(&mut self, period_ms: u32, watch: &Watch) -> io::Result<()> {
        let period = Duration::from_millis(period_ms.into());
        if period_ms == 0 {
            self.orders = None;
        } else if let Some(orders) = &self.orders {
            // The thread ends only with this half.
            let _ = orders.send(Order::Period(period));
        } else {
            let (send, orders) = channel();
            let guard = Guard { orders, period, thread: signal::thread_id(), watch: watch.clone() };
            thread::Builder::new().name("watchdog".into()).spawn(move || guard.run())?;
            self.orders = Some(send);
        }
        Ok(())
    }

    /// The loop has come round.
    pub fn beat(&self) {
        if let Some(orders) = &self.orders {
            // As above.
            let _ = orders.send(Order::Beat);
        }
    }
}

impl Guard {
    fn run(mut self) {
        loop {
            let order = match self.orders.recv_timeout(self.period) {
                Ok(order) => order,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    self.report();
                    let Ok(order) = self.orders.recv() else { return };
                    order
                }
            };
            if let Order::Period(period) = order {
                self.period = period;
            }
        }
    }

    fn report(&self) {
        // It stands still because it reports why it ends.
        if self.watch.is_reporting() {
            return;
        }
        let stack = sample::take(self.thread);
        let log = self.watch.log();
        log.warning("\n--- WATCHDOG TIMER EXPIRED ---");
        let trace = match stack.is_empty() {
            true => "The thread could not be interrupted.\n".into(),
            false => trace::resolve(&stack),
        };
        log.raw(LogLevel::Warning, &format!("\n------ STACK TRACE ------\n{trace}"));
        log.warning("--------\n");
    }
}
