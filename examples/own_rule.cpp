// An optimizer of your own is a struct like SignMomentumRule below. It gets what every optimizer of
// descent has: parameter groups, checked options, checkpoints, schedules, the registry, and one
// vectorised pass over memory.
//
// CMake:  add_executable(own_rule own_rule.cpp)
//         target_link_libraries(own_rule descent::optim)
//         descent_rules(own_rule own_rule.cpp)
#include <iostream>
#include <sstream>

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sin.h>
#include <torch/serialize.h>

#include <descent/base/pass.h>
#include <descent/optim/engine/compile.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/optim/schedules/schedules.h>

using descent::math::sign;

/// Signum: steps by the sign of the gradient's average. Bernstein et al. 2018, arXiv:1802.04434.
struct SignMomentumRule {
  static constexpr descent::About about{"SignMomentum", "sign_momentum",
                                        "Bernstein et al. 2018, arXiv:1802.04434"};
  struct Options {
    double lr = 1e-3, momentum = 0.9;
    DESCENT_OPTIONS((lr, non_negative), (momentum, unit))
  };
  template <class T>
  struct State {
    T momentum_buffer;
    DESCENT_BUFFERS(momentum_buffer)
  };
  template <class T>
  struct Coefficients {
    T lr, keep, add;
  };
  static Coefficients<double> begin(const Options& o, const descent::StepInfo&) {
    return {o.lr, o.momentum, 1 - o.momentum};
  }
  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.momentum_buffer = k.keep * s.momentum_buffer + k.add * g;
    p = p - k.lr * sign(s.momentum_buffer);
  }
};
using SignMomentum = descent::OptimizerOf<SignMomentumRule>;
DESCENT_COMPILE(SignMomentumRule)

namespace {

using Params = std::vector<at::Tensor>;

/// Two groups, the second with an edited copy of the options.
SignMomentum made(const Params& params) {
  SignMomentum opt({params[0]}, {.lr = 0.1});
  opt.add_group({params[1]}, [](auto& options) { options.lr *= 2; });
  return opt;
}

void run(SignMomentum& opt, Params& params) {
  descent::Scheduler schedule(opt, descent::CosineAnnealingLR{.T_max = 50});
  for (int step = 0; step < 50; ++step) {
    for (auto& p : params) p.mutable_grad() = at::sin(p * 7) + p;
    opt.step();
    schedule.step();
  }
}

/// 50 steps, a checkpoint, 50 steps of an optimizer that was loaded from it: the parameters at the
/// end.
Params train(const std::string& pass) {
  descent::set_pass(pass);
  Params params{at::ones({100, 10}), at::ones({10})};
  SignMomentum opt = made(params);
  run(opt, params);
  std::stringstream checkpoint;
  torch::save(opt, checkpoint);
  SignMomentum loaded = made(params);
  torch::load(loaded, checkpoint);
  run(loaded, params);
  return params;
}

}  // namespace

int main() {
  const auto& rule = descent::find_rule("sign_momentum");
  std::cout << rule.about.name << " (" << rule.about.paper << ")\n";
  for (const auto& option : rule.defaults)
    std::cout << "  " << option.name << " = " << to_text(option.value) << ", " << option.allowed
              << '\n';

  const auto reference = train("tensor");
  bool all_agree = true;
  for (const auto pass : {descent::Pass::Baseline, descent::Pass::V3, descent::Pass::V4}) {
    std::cout << to_string(pass) << ": ";
    if (!supported(pass)) {
      std::cout << "not on this CPU\n";
      continue;
    }
    const auto params = train(to_string(pass));
    const bool agrees = at::equal(params[0], reference[0]) && at::equal(params[1], reference[1]);
    std::cout << (agrees ? "the same bits as the tensor pass\n" : "DIFFERS from the tensor pass\n");
    all_agree = all_agree && agrees;
  }
  std::cout << (all_agree ? "all passes agree\n" : "the passes do not agree\n");
  return all_agree ? 0 : 1;
}
