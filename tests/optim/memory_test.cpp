// Allocations: none in a step after the first, and little beside the state.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <new>

#include <gtest/gtest.h>
#include <malloc.h>
#include <torch/optim/adamw.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/optim.h>

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define COUNTS_ALLOCATIONS 0
#else
#define COUNTS_ALLOCATIONS 1
#endif

namespace {
std::atomic<int64_t> allocations{0};  // calls
std::atomic<int64_t> live{0};         // bytes that are allocated, as malloc rounds them
}  // namespace

#if COUNTS_ALLOCATIONS
// glibc takes a program's own malloc for the whole process, LibTorch and operator new included.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);
}
namespace {
void* counted(void* memory) {
  ++allocations;
  if (memory != nullptr) live += static_cast<int64_t>(malloc_usable_size(memory));
  return memory;
}
}  // namespace
extern "C" {
void* malloc(size_t n) { return counted(__libc_malloc(n)); }
void* calloc(size_t n, size_t size) { return counted(__libc_calloc(n, size)); }
void* memalign(size_t alignment, size_t n) { return counted(__libc_memalign(alignment, n)); }
void* aligned_alloc(size_t alignment, size_t n) { return counted(__libc_memalign(alignment, n)); }
int posix_memalign(void** memory, size_t alignment, size_t n) {
  *memory = counted(__libc_memalign(alignment, n));
  return *memory == nullptr ? ENOMEM : 0;
}
void* realloc(void* memory, size_t n) {
  if (memory != nullptr) live -= static_cast<int64_t>(malloc_usable_size(memory));
  return counted(__libc_realloc(memory, n));
}
void free(void* memory) {
  if (memory == nullptr) return;
  live -= static_cast<int64_t>(malloc_usable_size(memory));
  __libc_free(memory);
}
}
#endif

namespace {

std::vector<at::Tensor> parameters(int64_t count, int64_t size) {
  std::vector<at::Tensor> list;
  for (int64_t i = 0; i < count; ++i) {
    list.push_back(at::ones({size}).requires_grad_());
    list.back().mutable_grad() = at::full({size}, 0.5);
  }
  return list;
}

/// Allocations of a step that is not the first one.
int64_t allocations_of_a_step(torch::optim::Optimizer& opt) {
  opt.step();
  const int64_t before = allocations;
  opt.step();
  return allocations - before;
}

class Allocations : public testing::Test {
 protected:
  void SetUp() override {
    if (!COUNTS_ALLOCATIONS)
      GTEST_SKIP() << "the sanitizer or the C library has a malloc of its own";
  }
  void TearDown() override { torch::set_num_threads(threads_); }

 private:
  const int threads_ = torch::get_num_threads();
};

TEST_F(Allocations, AreCounted) {
  const auto params = parameters(10, 10);
  torch::optim::AdamW theirs(params);
  EXPECT_GT(allocations_of_a_step(theirs), 100);
  const int64_t before = live;
  auto memory = std::make_unique<std::array<char, 100000>>();
  EXPECT_GE(live - before, 100000);
  memory.reset();
  EXPECT_EQ(live - before, 0);
}

TEST_F(Allocations, HappenInNoStepButTheFirst) {
  struct Profile {
    int64_t count, size;
  };
  for (const descent::engine::RuleTable* rule : descent::optimizers()) {
    if (rule->tensor_update != nullptr) continue;  // ATen's operations allocate their results
    if (rule->needs_loss) continue;                // the closure's loss is a tensor
    for (const int threads : {1, 2}) {
      torch::set_num_threads(threads);
      for (const auto& [count, size] :
           {Profile{1000, 64}, {1, 1000000}, {20, 16384}, {6, 64}, {3, 70000}}) {
        const auto opt = descent::make_optimizer(rule->about.key, parameters(count, size));
        EXPECT_EQ(allocations_of_a_step(*opt), 0)
            << rule->about.name << ", " << threads << " threads, " << count << " x " << size;
      }
    }
  }
}

TEST_F(Allocations, HappenInNoStepWithEveryOptionThatAddsAReading) {
  for (const int threads : {1, 2}) {
    torch::set_num_threads(threads);
    descent::LAMB lamb(parameters(100, 3000), {.weight_decay = 0.1, .max_grad_norm = 1});
    EXPECT_EQ(allocations_of_a_step(lamb), 0);
    descent::AdamW adam(parameters(100, 3000), {.amsgrad = true});
    adam.add_group(parameters(50, 3000), [](auto& o) { o.amsgrad = false; });
    EXPECT_EQ(allocations_of_a_step(adam), 0);
    descent::SGD sgd(parameters(100, 3000), {.momentum = 0.9, .nesterov = true});
    EXPECT_EQ(allocations_of_a_step(sgd), 0);
  }
}

TEST_F(Allocations, HappenInNoStepOf16BitParameters) {
  std::vector<at::Tensor> params;
  for (int i = 0; i < 50; ++i) {
    params.push_back(at::ones({3000}, i % 2 == 0 ? at::kBFloat16 : at::kHalf).requires_grad_());
    params.back().mutable_grad() = at::ones_like(params.back()).detach();
  }
  descent::AdamW opt(params);
  EXPECT_EQ(allocations_of_a_step(opt), 0);
}

TEST_F(Allocations, HappenInNoStepThatKeepsFewerBitsOrDecaysOtherwise) {
  using descent::BaseOptions;
  using descent::Master;
  for (const BaseOptions& base :
       {BaseOptions{.state_dtype = descent::StateDtype::Param},
        BaseOptions{.master = Master::Float32}, BaseOptions{.master = Master::Remainder},
        BaseOptions{.master = Master::Kahan, .state_bits = 8, .min_8bit_size = 100},
        BaseOptions{.rounding = descent::Rounding::Stochastic},
        BaseOptions{.cautious_decay = true, .decay_scale = descent::DecayScale::Corrected},
        BaseOptions{.decay_scale = descent::DecayScale::Independent, .max_lr = 0.1}}) {
    std::vector<at::Tensor> params;
    for (int i = 0; i < 50; ++i) {
      params.push_back(at::ones({3000}, at::kBFloat16).requires_grad_());
      params.back().mutable_grad() = at::ones_like(params.back()).detach();
    }
    for (const bool cautious : {false, true}) {
      descent::AdamW::Options options;
      if (cautious) options.cautious = descent::Cautious::MeanClamp;
      descent::AdamW opt(params, options, base);
      EXPECT_EQ(allocations_of_a_step(opt), 0);
    }
  }
}

// What counts: the bytes that construction and the first step leave allocated, less what they are
// for LibTorch's own AdamW. That has the same two buffers a tensor, and groups and a table of
// states to hold them.
TEST_F(Allocations, BesideTheStateAreAtMost128BytesATensorAnd64KiB) {
  torch::set_num_threads(1);
  const int64_t count = 5000, size = 16;  // a little more than 4096
  const auto params = parameters(count, size), others = parameters(count, size);
  {
    descent::AdamW warm(parameters(10, size));  // what the process allocates once
    torch::optim::AdamW theirs(parameters(10, size));
    warm.step();
    theirs.step();
  }
  // malloc gives out a little more than is asked for where it has a piece left over, so what an
  // optimizer takes differs from time to time: the least counts.
  int64_t more = std::numeric_limits<int64_t>::max();
  for (int i = 0; i < 5; ++i) {
    int64_t before = live;
    torch::optim::AdamW theirs(others);
    theirs.step();
    const int64_t of_theirs = live - before;
    before = live;
    descent::AdamW ours(params);
    ours.step();
    more = std::min(more, live - before - of_theirs);
  }
  RecordProperty("bytes_per_tensor", static_cast<int>(more / count));
  EXPECT_LE(more, 128 * count + 65536)
      << more / count << " bytes a tensor more than torch::optim::AdamW";
  descent::AdamW ours(params);
  ours.step();
  const int64_t before = live;
  for (int i = 0; i < 10; ++i) ours.step();
  EXPECT_EQ(live - before, 0);
}

}  // namespace
