#pragma once
#include <cstdint>
#include <functional>

namespace descent::tensors {

/// Thrown by a Pulse where the work is to end.
struct Stopped {};

/// What work calls in between, with the part of its item that is done: it throws Stopped where the
/// work is to end. An empty one is not called.
using Pulse = std::function<void(double part)>;

/// Calls work(worker, item, pulse) once for every item 0 .. items-1 on up to `threads` threads, each
/// of which is one worker, in the thread-local state of the caller (grad mode, autocast). Worker 0
/// is the calling thread; it alone calls progress(finished fraction): after its items, at its pulses
/// and at the end. When progress returns false or work throws, no new items are begun, and those
/// that are begun end at their next pulse. Returns whether all items were done; rethrows the first
/// exception after all threads have stopped.
bool for_each_item(int threads, int64_t items,
                   const std::function<void(int, int64_t, const Pulse&)>& work,
                   const std::function<bool(double)>& progress);

}  // namespace descent::tensors
