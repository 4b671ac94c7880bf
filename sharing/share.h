#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include <descent/sharing/store.h>

namespace descent {

/// Calls work(i) for every i of [0, count), each on one of the processes that call this with the same
/// name and count, and returns when all are done. There is no master: processes may come late, be slow,
/// or die. When no piece is left to begin, an idle process waits for twice as long as the longest piece
/// that it has done, and then begins what others have not finished. So work(i) has to keep its result
/// by itself, whole or not at all, and to give the same one on any process. An exception of work ends
/// the call of that process alone; the piece is done by another one. Throws WorldError if the store
/// cannot be reached: a World's store ends with the process that serves it, rank 0 if not torchrun, so
/// call world.barrier() before that one leaves.
///
///   auto store = descent::folder_store("job/store");
///   descent::share(store, "images", 1000, [&](int64_t i) { draw(i); });
void share(Store store, const std::string& name, int64_t count,
           const std::function<void(int64_t)>& work);

}  // namespace descent
