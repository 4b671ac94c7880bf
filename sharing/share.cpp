#include <chrono>
#include <thread>
#include <utility>

#include <descent/sharing/pieces.h>
#include <descent/sharing/share.h>

namespace descent {

void share(Store store, const std::string& name, int64_t count,
           const std::function<void(int64_t)>& work) {
  sharing::Pieces pieces(std::move(store), name, count);
  sharing::do_pieces(pieces, work,
                     [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
}

}  // namespace descent
