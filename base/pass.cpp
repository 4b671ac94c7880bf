#include <array>
#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include <descent/base/pass.h>

namespace descent {
namespace {

constexpr std::array<const char*, 4> kNames{"tensor", "baseline", "v3", "v4"};
constexpr int kUndecided = -1;
std::atomic<int> chosen{kUndecided};

Pass best() {
  for (const Pass pass : {Pass::V4, Pass::V3})
    if (supported(pass)) return pass;
  return Pass::Baseline;
}

Pass named(const std::string& name, const std::string& origin) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name != kNames[i]) continue;
    const auto pass = static_cast<Pass>(i);
    if (supported(pass)) return pass;
    throw std::invalid_argument(origin + " = " + name +
                                ", which this CPU cannot run; it can run up to " +
                                to_string(best()));
  }
  throw std::invalid_argument(origin + " = " + name + ", must be tensor, baseline, v3 or v4");
}

}  // namespace

std::string to_string(Pass pass) { return kNames.at(static_cast<size_t>(pass)); }

bool supported(Pass pass) {
#if defined(__x86_64__) && defined(__GNUC__)
  // The parts of x86-64-v3 and v4 by which processors differ, each by its name: Clang 14 does not
  // know the levels.
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (pass == Pass::V3) return v3;
  if (pass == Pass::V4) return v4;
#endif
  return pass == Pass::Tensor || pass == Pass::Baseline;
}

Pass current_pass() {
  int pass = chosen.load(std::memory_order_relaxed);
  if (pass == kUndecided) {
    const char* wanted = std::getenv("DESCENT_PASS");
    pass = static_cast<int>(wanted && *wanted ? named(wanted, "DESCENT_PASS") : best());
    chosen.store(pass, std::memory_order_relaxed);
  }
  return static_cast<Pass>(pass);
}

void set_pass(const std::string& name) {
  chosen.store(name == "auto" ? kUndecided : static_cast<int>(named(name, "set_pass: pass")),
               std::memory_order_relaxed);
}

}  // namespace descent
