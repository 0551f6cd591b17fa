//! Work that a few threads share.

use std::iter;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work`, each piece in whichever of the `lanes` is free first; the pieces are begun in their order.
pub(crate) fn run<T: Send, R: Send>(lanes: usize, work: Vec<T>, run: impl Fn(T) -> R + Sync) -> Vec<R> {
    let waiting = Mutex::new(work.into_iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let lane = || iter::from_fn(next).map(&run).collect::<Vec<R>>();
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes.max(1)).map(|_| scope.spawn(lane)).collect();
        let join = |lane: thread::ScopedJoinHandle<'_, Vec<R>>| {
            lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        lanes.into_iter().flat_map(join).collect()
    })
}
