#pragma once
#include <cstdint>
#include <functional>

namespace descent::tensors {

/// Calls work(worker, item) once for every item 0 .. items-1 on up to `threads` threads, each of
/// which is one worker, in the thread-local state of the caller (grad mode, autocast). Worker 0 is
/// the calling thread; it alone calls progress(finished fraction) from time to time and at the end.
/// When progress returns false or work throws, no new items are begun. Returns whether all items
/// were done; rethrows the first exception after all threads have stopped.
bool for_each_item(int threads, int64_t items, const std::function<void(int, int64_t)>& work,
                   const std::function<bool(double)>& progress);

}  // namespace descent::tensors
