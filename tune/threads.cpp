#include <ATen/Parallel.h>

#include <descent/tune/threads.h>

namespace descent {

OneThreadEach::OneThreadEach() : threads_(at::get_num_threads()) {}
// LibTorch keeps the number that was set last for threads that begin, so it is set again.
OneThreadEach::~OneThreadEach() { at::set_num_threads(threads_); }
void OneThreadEach::here() { at::set_num_threads(1); }

}  // namespace descent
