#pragma once
// Stands for CUDA where g++ compiles the kernels (-include): the threads of a block take turns, and
// wait where they meet others (__syncthreads, shuffles). Blocks, and the threads between two
// meetings, run in an order drawn from DESCENT_EMULATED_SEED. AddressSanitizer understands it. It
// cannot show what only a GPU has: its code, its memory's order, its limits.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)
#define __grid_constant__
#define threadIdx (::descent::engine::cuda::emulated::now().thread)
#define blockIdx (::descent::engine::cuda::emulated::now().block)
#define __syncthreads() ::descent::engine::cuda::emulated::meet_block()

struct [[gnu::may_alias]] alignas(16) uint4 {
  uint32_t x, y, z, w;
};
struct [[gnu::may_alias]] alignas(8) uint2 {
  uint32_t x, y;
};

namespace descent::engine::cuda::emulated {

struct Index {
  uint32_t x = 0;
};

/// Where some threads wait for each other.
struct Meeting {
  uint32_t members = 0, here = 0;
  uint64_t turn = 0;
};

struct Thread {
  ucontext_t context{};
  std::unique_ptr<char[]> stack;
  Index thread{}, block{};
  Meeting* warp = nullptr;
  Meeting* waits_at = nullptr;
  uint64_t waits_for = 0;
  bool done = false;
};

struct Machine {
  static constexpr std::size_t kStack = 256 * 1024;
  std::vector<Thread> threads{};
  std::vector<Meeting> warps{};
  Meeting all{};
  std::vector<std::string> slots{};  // what a shuffle hands over
  ucontext_t back{};
  Thread* current = nullptr;
  void (*call)(const void*) = nullptr;
  const void* data = nullptr;
  std::mt19937 random{[] {
    const char* const seed = std::getenv("DESCENT_EMULATED_SEED");
    return static_cast<unsigned>(seed != nullptr ? std::atoi(seed) : 1);
  }()};
};
inline Machine machine;
inline Thread& now() { return *machine.current; }

[[noreturn]] inline void stop(const char* why) {
  std::fprintf(stderr, "emulated kernel: %s\n", why);
  std::abort();
}

inline void leave(Meeting& meeting) {
  --meeting.members;
  if (meeting.members > 0 && meeting.here == meeting.members) {
    meeting.here = 0;
    ++meeting.turn;
  }
}

inline void enter() {
  Machine& m = machine;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
  m.call(m.data);
  now().done = true;
  leave(m.all);  // a finished thread is missed nowhere
  leave(*now().warp);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(nullptr, nullptr, 0);
#endif
  setcontext(&m.back);
}

inline void pause() {
  Thread& thread = now();
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, nullptr, 0);
#endif
  swapcontext(&thread.context, &machine.back);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
}

inline void meet(Meeting& meeting) {
  Thread& thread = now();
  thread.waits_for = meeting.turn + 1;
  if (++meeting.here == meeting.members) {
    meeting.here = 0;
    ++meeting.turn;
    return;
  }
  thread.waits_at = &meeting;
  pause();
  thread.waits_at = nullptr;
}
inline void meet_block() {
  if (now().warp == nullptr) stop("threads meet in a kernel that says they do not");
  meet(machine.all);
}

/// The value of the thread `down` further in the warp, or the own one where there is none.
template <class T>
T of_later(const T& value, int down) {
  Machine& m = machine;
  if (now().warp == nullptr) stop("threads meet in a kernel that says they do not");
  const uint32_t thread = now().thread.x, other = thread + static_cast<uint32_t>(down);
  m.slots[thread].assign(reinterpret_cast<const char*>(&value), sizeof value);
  meet(*now().warp);
  T result = value;
  if (other / 32 == thread / 32 && other < m.threads.size()) {
    if (m.threads[other].done) stop("a shuffle reads a thread that has returned");
    std::memcpy(&result, m.slots[other].data(), sizeof result);
  }
  meet(*now().warp);
  return result;
}

/// The largest of a warp's numbers.
inline uint32_t largest_of_warp(uint32_t x) {
  Machine& m = machine;
  if (now().warp == nullptr) stop("threads meet in a kernel that says they do not");
  const uint32_t thread = now().thread.x;
  m.slots[thread].assign(reinterpret_cast<const char*>(&x), sizeof x);
  meet(*now().warp);
  for (uint32_t other = thread / 32 * 32; other < m.threads.size() && other / 32 == thread / 32;
       ++other) {
    if (m.threads[other].done) stop("a warp asks a thread that has returned");
    uint32_t y = 0;
    std::memcpy(&y, m.slots[other].data(), sizeof y);
    x = std::max(x, y);
  }
  meet(*now().warp);
  return x;
}

inline void begin(Thread& thread, uint32_t block, uint32_t index, bool meets) {
  thread.thread = {index};
  thread.block = {block};
  thread.waits_at = nullptr;
  thread.done = false;
  thread.warp = nullptr;
  if (!meets) return;
  thread.warp = &machine.warps[index / 32];
  ++thread.warp->members;
  if (thread.stack == nullptr) thread.stack = std::make_unique<char[]>(Machine::kStack);
  getcontext(&thread.context);
  thread.context.uc_stack.ss_sp = thread.stack.get();
  thread.context.uc_stack.ss_size = Machine::kStack;
  thread.context.uc_link = nullptr;
  makecontext(&thread.context, enter, 0);
}

inline void resume(Thread& thread) {
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, thread.stack.get(), Machine::kStack);
#endif
  swapcontext(&machine.back, &thread.context);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
}

inline void run_meeting(std::vector<uint32_t>& turns) {
  Machine& m = machine;
  for (std::size_t left = turns.size(); left > 0;) {
    std::shuffle(turns.begin(), turns.end(), m.random);
    bool moved = false;
    for (const uint32_t i : turns) {
      Thread& thread = m.threads[i];
      const bool waits = thread.waits_at != nullptr && thread.waits_at->turn < thread.waits_for;
      if (thread.done || waits) continue;
      moved = true;
      m.current = &thread;
      resume(thread);
      left -= thread.done ? 1 : 0;
    }
    if (!moved) stop("threads wait for others that never come: a meeting in a branch");
  }
}

/// Calls kernel() in `threads` threads of each of `blocks` blocks. Threads that do not meet need no
/// stacks of their own.
template <class Kernel>
void run(uint32_t blocks, uint32_t threads, bool meets, const Kernel& kernel) {
  Machine& m = machine;
  m.call = [](const void* data) { (*static_cast<const Kernel*>(data))(); };
  m.data = &kernel;
  m.slots.resize(threads);
  m.threads.resize(threads);
  std::vector<uint32_t> order(blocks), turns(threads);
  for (uint32_t i = 0; i < blocks; ++i) order[i] = i;
  for (uint32_t i = 0; i < threads; ++i) turns[i] = i;
  std::shuffle(order.begin(), order.end(), m.random);
  for (const uint32_t block : order) {
    m.warps.assign((threads + 31) / 32, {});
    m.all = {};
    m.all.members = threads;
    for (uint32_t i = 0; i < threads; ++i) begin(m.threads[i], block, i, meets);
    if (meets) {
      run_meeting(turns);
      continue;
    }
    std::shuffle(turns.begin(), turns.end(), m.random);
    for (const uint32_t i : turns) {
      m.current = &m.threads[i];
      kernel();
    }
  }
}

/// What is done with kernels that are started; null: they run at once.
inline void (*put_off)(std::function<void()>) = nullptr;

template <class A>
void start(uint32_t blocks, uint32_t threads, bool meets, void (*kernel)(A), const A& a) {
  if (put_off == nullptr) return run(blocks, threads, meets, [&] { kernel(a); });
  const auto kept = std::make_shared<A>(a);
  put_off([=] { run(blocks, threads, meets, [&] { kernel(*kept); }); });
}

}  // namespace descent::engine::cuda::emulated
