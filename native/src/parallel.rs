//! One pool of threads, owned by this module; every kernel that uses threads goes through here.
//!
//! Work is cut into ranges or chunks whose boundaries do not depend on the number of threads, and results
//! come back in order, so that output never depends on it either.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

struct State {
    /// 0: as many as the machine offers.
    requested: usize,
    /// The process that owns the threads: after a fork the child has none of them.
    process: u32,
    pool: Option<Arc<ThreadPool>>,
}

static STATE: RwLock<State> = RwLock::new(State { requested: 0, process: 0, pool: None });

/// Use `count` threads from now on; 0 for as many as the machine offers.
pub fn set_thread_count(count: usize) {
    let mut state = STATE.write().unwrap_or_else(PoisonError::into_inner);
    state.requested = count;
    state.pool = None;
}

/// The number of threads in use.
pub fn thread_count() -> usize {
    let requested = STATE.read().unwrap_or_else(PoisonError::into_inner).requested;
    if requested != 0 {
        return requested;
    }
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The pool, or `None` where one thread is wanted or no more can be had.
fn pool() -> Option<Arc<ThreadPool>> {
    let count = thread_count();
    if count <= 1 {
        return None;
    }
    let process = std::process::id();
    {
        let state = STATE.read().unwrap_or_else(PoisonError::into_inner);
        if state.process == process && state.pool.is_some() {
            return state.pool.clone();
        }
    }
    let built = Arc::new(ThreadPoolBuilder::new().num_threads(count).build().ok()?);
    let mut state = STATE.write().unwrap_or_else(PoisonError::into_inner);
    if state.process != process {
        // Dropping a pool whose threads stayed behind in the parent would wait for nobody.
        std::mem::forget(state.pool.take());
        state.process = process;
    }
    Some(state.pool.get_or_insert(built).clone())
}

/// `work` over the consecutive ranges of length `chunk` (the last may be shorter) that make up
/// `0..length`; results in order.
pub fn map_ranges<R: Send>(
    length: usize,
    chunk: usize,
    work: impl Fn(Range<usize>) -> R + Sync + Send,
) -> Vec<R> {
    let chunk = chunk.max(1);
    let count = length.div_ceil(chunk);
    let range = |i: usize| i * chunk..((i + 1) * chunk).min(length);
    match if count > 1 { pool() } else { None } {
        Some(pool) => pool.install(|| (0..count).into_par_iter().map(|i| work(range(i))).collect()),
        None => (0..count).map(|i| work(range(i))).collect(),
    }
}

/// `work(offset, part)` over the consecutive chunks of `output`.
pub fn fill_chunks<T: Send>(output: &mut [T], chunk: usize, work: impl Fn(usize, &mut [T]) + Sync + Send) {
    let chunk = chunk.max(1);
    match if output.len() > chunk { pool() } else { None } {
        Some(pool) => pool.install(|| {
            output.par_chunks_mut(chunk).enumerate().for_each(|(i, part)| work(i * chunk, part));
        }),
        None => output.chunks_mut(chunk).enumerate().for_each(|(i, part)| work(i * chunk, part)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_in_order_whatever_the_thread_count() {
        for threads in [1, 3, 0] {
            set_thread_count(threads);
            let ranges = map_ranges(10, 4, |range| range);
            assert_eq!(ranges, vec![0..4, 4..8, 8..10]);
            assert!(map_ranges(0, 4, |range| range).is_empty());
            let mut output = [0; 10];
            fill_chunks(&mut output, 3, |offset, part| {
                for (i, value) in part.iter_mut().enumerate() {
                    *value = offset + i;
                }
            });
            assert_eq!(output, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        }
    }
}
