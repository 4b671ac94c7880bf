// What only a GPU can show, one verdict a line: "passed NAME", "FAILED NAME: why", "measured NAME:
// figures". Exits with 77 where there is no GPU, with 1 if something failed.
//
//   device_check            everything, with the speed of large tensors: about 5 minutes
//   device_check --quick    the bits of small tensors only, for compute-sanitizer
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/cuda.h>

#include <descent/optim.h>

namespace {

using descent::OptionValues;
using Tensors = std::vector<at::Tensor>;

int failures = 0;

/// Runs one check, which returns what is wrong, or "".
void check(const std::string& name, const std::function<std::string()>& run) {
  std::string problem;
  try {
    problem = run();
  } catch (const c10::Error& error) {
    problem = error.what_without_backtrace();
  } catch (const std::exception& error) {
    problem = error.what();
  }
  if (problem.empty()) {
    std::cout << "passed " << name << std::endl;
  } else {
    ++failures;
    std::cout << "FAILED " << name << ": " << problem << std::endl;
  }
}

at::Device cuda(int index = 0) { return {at::kCUDA, static_cast<c10::DeviceIndex>(index)}; }

/// Parameters with gradients, the same on each device; every third lies off a multiple of 16 bytes.
struct Twins {
  Tensors host, device;

  Twins(const std::vector<std::vector<int64_t>>& shapes, at::ScalarType type, at::Device on) {
    for (size_t i = 0; i < shapes.size(); ++i) {
      const at::Tensor values = 0.5 * at::randn(shapes[i], at::kDouble);
      for (Tensors* const side : {&host, &device}) {
        const auto options =
            at::TensorOptions(side == &host ? at::Device(at::kCPU) : on).dtype(type);
        const int64_t n = values.numel(), shift = i % 3 == 2 ? 1 : 0;
        const at::Tensor p = at::empty({n + shift}, options).narrow(0, shift, n).view(shapes[i]);
        p.copy_(values);
        side->push_back(p.detach().requires_grad_());
      }
    }
  }
  /// New gradients, but none for every seventh parameter.
  void draw_gradients() {
    for (size_t i = 0; i < host.size(); ++i) {
      if (i % 7 == 5) continue;
      const at::Tensor values = at::randn(host[i].sizes(), at::kDouble);
      host[i].mutable_grad() = values.to(host[i].scalar_type());
      device[i].mutable_grad() = host[i].grad().to(device[i].device());
    }
  }
};

/// Equal numbers, or NaN both.
bool same(const at::Tensor& host, const at::Tensor& device) {
  const at::Tensor here = device.detach().cpu();
  return ((host.detach() == here) | (host.detach().isnan() & here.isnan())).all().item<bool>();
}

std::string first_difference(const Twins& twins) {
  for (size_t i = 0; i < twins.host.size(); ++i)
    if (!same(twins.host[i], twins.device[i])) {
      const at::Tensor apart =
          (twins.host[i].detach().to(at::kDouble) - twins.device[i].detach().cpu().to(at::kDouble))
              .abs();
      std::ostringstream text;
      text << "parameter " << i << " of sizes " << twins.host[i].sizes() << " differs by up to "
           << apart.max().item<double>();
      return text.str();
    }
  return "";
}

/// Steps both sides; the closure is for the rules that need a loss.
void step_both(Twins& twins, descent::OptimizerBase& host, descent::OptimizerBase& device,
               int steps) {
  for (int i = 0; i < steps; ++i) {
    twins.draw_gradients();
    host.step([] { return at::full({}, 2.0); });
    device.step([] { return at::full({}, 2.0); });
  }
}

std::string compare(const std::string& rule, const OptionValues& options, Twins twins) {
  const auto host = descent::make_optimizer(rule, twins.host, options);
  const auto device = descent::make_optimizer(rule, twins.device, options);
  step_both(twins, *host, *device, 3);
  return first_difference(twins);
}

const std::vector<std::vector<int64_t>> kShapes = {
    {1}, {3}, {5, 7}, {128}, {4096}, {33, 125}, {2, 3, 4}, {0}, {4097}, {128, 129}, {100003}};

/// A rule's defaults, and each of its switches the other way, as far as the rule takes them.
std::vector<OptionValues> variants_of(const descent::engine::RuleTable& rule) {
  std::vector<OptionValues> all{{}};
  for (const auto& option : rule.defaults) {
    if (const auto* const on = std::get_if<bool>(&option.value))
      all.push_back({{option.name, !*on}});
    if (option.name == "weight_decay" || option.name == "momentum")
      all.push_back({{option.name, 0.125}});
    if (option.name == "decay_mode")
      for (const char* mode : {"coupled", "decoupled"})
        all.push_back({{"weight_decay", 0.125}, {"decay_mode", mode}});
    if (option.name == "cautious") all.push_back({{"cautious", "mean_clamp"}});
  }
  std::erase_if(all, [&](const OptionValues& options) {
    try {
      descent::make_optimizer(rule.about.key, {at::zeros({2})}, options);
      return false;
    } catch (const c10::Error&) {
      return true;  // a switch that needs another one
    }
  });
  return all;
}

/// Rules that loops step have the CPU's bits. pow of a GPU is another one.
bool has_kernels(const descent::engine::RuleTable& rule) {
  return !rule.forms.empty() && rule.weigh == nullptr && !rule.sparse_only;
}

void check_bits(at::Device on, bool quick) {
  const std::vector<at::ScalarType> types{at::kFloat, at::kDouble, at::kBFloat16, at::kHalf};
  for (const auto* rule : descent::optimizers()) {
    if (!has_kernels(*rule)) continue;
    for (const OptionValues& options : variants_of(*rule)) {
      std::string name = rule->about.key;
      for (const auto& [option, value] : options)
        name += " " + option + "=" + descent::to_text(value);
      for (const at::ScalarType type : types) {
        if (type == at::kHalf && rule->beyond_half) continue;
        auto shapes = kShapes;
        if (quick) shapes.pop_back();
        check("bits of " + name + " in " + c10::toString(type),
              [&] { return compare(rule->about.key, options, Twins(shapes, type, on)); });
      }
      if (quick) break;
    }
  }
}

void check_lists(at::Device on) {
  for (const char* rule : {"adamw", "lamb"})
    check(std::string("bits of 1500 tensors, ") + rule, [&] {
      return compare(rule, {}, Twins(std::vector<std::vector<int64_t>>(1500, {7}), at::kFloat, on));
    });
}

void check_checkpoints(at::Device on) {
  for (const bool to_device : {true, false})
    check(std::string("a checkpoint goes on on the ") + (to_device ? "GPU" : "CPU"), [&] {
      Twins twins(kShapes, at::kFloat, on);
      const auto host = descent::make_optimizer("lamb", twins.host);
      const auto device = descent::make_optimizer("lamb", twins.device);
      step_both(twins, *host, *device, 2);
      torch::serialize::OutputArchive saved;
      (to_device ? host : device)->save(saved);
      std::stringstream stream;
      saved.save_to(stream);
      torch::serialize::InputArchive archive;
      archive.load_from(stream);
      (to_device ? device : host)->load(archive);
      step_both(twins, *host, *device, 2);
      return first_difference(twins);
    });
}

void check_scaler(at::Device on) {
  check("GradScaler skips a step with an infinity, and unscales", [&]() -> std::string {
    Twins twins(kShapes, at::kFloat, on);
    const auto host = descent::make_optimizer("adamw", twins.host);
    const auto device = descent::make_optimizer("adamw", twins.device);
    descent::GradScaler of_host, of_device;
    for (int i = 0; i < 4; ++i) {
      twins.draw_gradients();
      if (i == 2) {
        twins.host[3].mutable_grad()[5] = INFINITY;
        twins.device[3].mutable_grad()[5] = INFINITY;
      }
      of_host.scale(at::zeros({}));
      of_device.scale(at::zeros({}, at::TensorOptions(on)));
      of_host.step(*host);
      of_device.step(*device);
      of_host.update();
      of_device.update();
    }
    if (of_host.get_scale() != of_device.get_scale()) return "the scales differ";
    return first_difference(twins);
  });
}

void check_streams(at::Device on) {
  check("a step goes into the current stream", [&] {
    const c10::impl::VirtualGuardImpl impl(at::kCUDA);
    const c10::Stream stream = impl.getStreamFromGlobalPool(on);
    const c10::StreamGuard guard(stream);
    Twins twins({{1 << 22}}, at::kFloat, on);
    const auto host = descent::make_optimizer("adamw", twins.host);
    const auto device = descent::make_optimizer("adamw", twins.device);
    step_both(twins, *host, *device, 3);
    impl.synchronizeStream(stream);
    return first_difference(twins);
  });
}

void check_devices() {
  if (torch::cuda::device_count() < 2) {
    std::cout << "skipped two devices: there is one" << std::endl;
    return;
  }
  check("parameters on two devices", [] {
    Twins twins(kShapes, at::kFloat, cuda(0)), other(kShapes, at::kFloat, cuda(1));
    twins.host.insert(twins.host.end(), other.host.begin(), other.host.end());
    twins.device.insert(twins.device.end(), other.device.begin(), other.device.end());
    return compare("lamb", {}, twins);
  });
}

/// The least time of a call with its work on the device, in microseconds.
double least_us(int rounds, int calls, const std::function<void()>& run) {
  double best = INFINITY;
  for (int round = 0; round < rounds; ++round) {
    torch::cuda::synchronize();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) run();
    torch::cuda::synchronize();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / calls);
  }
  return best;
}

Tensors parameters_on(at::Device on, size_t count, int64_t n) {
  Tensors all;
  for (size_t i = 0; i < count; ++i) {
    all.push_back(at::randn({n}, at::TensorOptions(on)).requires_grad_());
    all.back().mutable_grad() = at::randn({n}, at::TensorOptions(on));
  }
  return all;
}

/// torch's fused AdamW by its operation, without the host's work of torch.optim.
std::function<void()> fused_adamw(const Tensors& params) {
  Tensors values, gradients, m, v, steps;
  for (const at::Tensor& p : params) {
    values.push_back(p.detach());
    gradients.push_back(p.grad());
    m.push_back(at::zeros_like(p.detach()));
    v.push_back(at::zeros_like(p.detach()));
    steps.push_back(at::full({}, 1.0, p.options().requires_grad(false)));
  }
  return [=] {
    at::_fused_adamw_(values, gradients, m, v, {}, steps, 1e-3, 0.9, 0.999, 0.01, 1e-8, false,
                      false);
  };
}

void measure_speed(at::Device on) {
  constexpr int64_t kLarge = int64_t{1} << 26;
  const at::Tensor from = at::randn({kLarge}, at::TensorOptions(on)), to = at::empty_like(from);
  const double copied = 8e-3 * kLarge / least_us(10, 5, [&] { to.copy_(from); });
  std::cout << "measured a copy of 64 M: " << copied << " GB/s" << std::endl;
  for (const char* rule : {"adamw", "sgd", "lion", "adagrad", "ftrl", "lamb"}) {
    const Tensors params = parameters_on(on, 1, kLarge);
    const auto optimizer = descent::make_optimizer(rule, params);
    const double us = least_us(5, 4, [&] { optimizer->step(); });
    const auto& table = descent::find_rule(rule);
    const auto options = table.make_options(nullptr);
    const int bytes = table.forms[static_cast<size_t>(table.form(options.get()))].traffic;
    const double share = 1e-3 * bytes * kLarge / us / copied;
    std::cout << "measured " << rule << " on 64 M: " << us << " us, " << 100 * share
              << " % of a copy by its " << bytes << " bytes, expected at least 90 %" << std::endl;
  }
  for (const auto& [count, n] : {std::pair<size_t, int64_t>{1, kLarge}, {1000, 64}}) {
    const Tensors params = parameters_on(on, count, n);
    const auto optimizer = descent::make_optimizer("adamw", params);
    const double ours = least_us(5, 10, [&] { optimizer->step(); });
    const double theirs = least_us(5, 10, fused_adamw(params));
    std::cout << "measured AdamW on " << count << " tensors of " << n << ": " << ours
              << " us, torch's fused operation " << theirs << " us: " << theirs / ours << " times"
              << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc == 2 && std::string(argv[1]) == "--quick";
  if (argc > 2 || (argc == 2 && !quick)) {
    std::cerr << "device_check takes --quick or nothing\n";
    return 2;
  }
  if (!torch::cuda::is_available()) {
    std::cout << "device_check: there is no CUDA device that this LibTorch can use" << std::endl;
    return 77;
  }
  torch::manual_seed(1);
  const at::Device on = cuda();
  check_bits(on, quick);
  if (!quick) {
    check_lists(on);
    check_checkpoints(on);
    check_scaler(on);
    check_streams(on);
    check_devices();
    measure_speed(on);
  }
  std::cout << failures << " checks failed" << std::endl;
  return failures == 0 ? 0 : 1;
}
