// What only a GPU can show, one verdict a line: "passed NAME", "FAILED NAME: why", and of speed "reached
// NAME: figures", "MISSED NAME: figures" or, where nothing was promised, "measured NAME: figures". Exits
// with 77 where there is no GPU, with 1 if something failed or was missed.
//
//   device_check            everything, with the speed of large tensors
//   device_check --quick    the bits of small tensors only, for compute-sanitizer
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/cuda.h>
#if defined(DESCENT_HAS_CUDA)
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#endif

#include <descent/optim.h>
#include <descent/optim/engine/cuda/launch.h>

namespace {

using descent::OptionValues;
using Tensors = std::vector<at::Tensor>;

int failures = 0, missed = 0;

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

/// Runs something that steps so many parameters, and says so if kernels did not step all of them:
/// operations of ATen would give nearly the same numbers.
std::string by_kernels(int64_t parameters, const std::function<std::string()>& run) {
  const int64_t before = descent::engine::cuda::parameters_stepped();
  const std::string problem = run();
  const int64_t stepped = descent::engine::cuda::parameters_stepped() - before;
  if (!problem.empty() || stepped == parameters) return problem;
  return "kernels made " + std::to_string(stepped) + " of " + std::to_string(parameters) +
         " steps of parameters";
}

std::string compare(const std::string& rule, const OptionValues& options, Twins twins) {
  const auto host = descent::make_optimizer(rule, twins.host, options);
  const auto device = descent::make_optimizer(rule, twins.device, options);
  int64_t with_gradient = 0;
  for (size_t i = 0; i < twins.host.size(); ++i) with_gradient += i % 7 == 5 ? 0 : 1;
  return by_kernels(3 * with_gradient, [&] {
    step_both(twins, *host, *device, 3);
    return first_difference(twins);
  });
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

#if defined(DESCENT_HAS_CUDA)
/// While one lives, what waits for the device throws.
struct NoWaits {
  NoWaits() { set(c10::cuda::SyncDebugMode::L_ERROR); }
  ~NoWaits() { set(c10::cuda::SyncDebugMode::L_DISABLED); }
  static void set(c10::cuda::SyncDebugMode mode) {
    c10::cuda::warning_state().set_sync_debug_mode(mode);
  }
};
#else
struct NoWaits {
  NoWaits() {}
};
#endif

/// A training with a scaler, on both sides.
struct Scaled {
  Scaled(const std::string& rule, at::Device on)
      : twins(kShapes, at::kFloat, on),
        host(descent::make_optimizer(rule, twins.host)),
        device(descent::make_optimizer(rule, twins.device)) {
    of_host.scale(at::zeros({}));
    of_device.scale(at::zeros({}, at::TensorOptions(on)));
    twins.draw_gradients();
  }
  /// In place, for graphs.
  void draw(bool spoiled) {
    for (size_t i = 0; i < twins.host.size(); ++i) {
      if (!twins.host[i].grad().defined()) continue;
      twins.host[i].mutable_grad().copy_(at::randn(twins.host[i].sizes()) * of_host.get_scale());
      if (spoiled && i == 3) twins.host[i].mutable_grad()[5] = INFINITY;
      twins.device[i].mutable_grad().copy_(twins.host[i].grad());
    }
  }
  void step_host() {
    of_host.step(*host);
    of_host.update();
  }
  void step_device() {
    of_device.step(*device);
    of_device.update();
  }
  std::string difference() const {
    if (of_host.get_scale() != of_device.get_scale()) return "the scales differ";
    if (host->state_of(twins.host[0])->step() != device->state_of(twins.device[0])->step())
      return "the counts of steps differ";
    return first_difference(twins);
  }

  Twins twins;
  std::unique_ptr<descent::OptimizerBase> host, device;
  descent::GradScaler of_host, of_device;
};

void check_scaler(at::Device on) {
  for (const char* rule : {"adamw", "lamb", "lion"})
    check(std::string("GradScaler skips on the device and waits for nothing, ") + rule, [&] {
      Scaled training(rule, on);
      for (int i = 0; i < 30; ++i) {
        training.draw(i % 5 == 2 || i % 7 == 4);
        training.step_host();
        if (i == 0) {  // makes the state
          training.step_device();
          continue;
        }
        const NoWaits scope;
        training.step_device();
      }
      return training.difference();
    });
}

void check_graphs([[maybe_unused]] at::Device on) {
#if defined(DESCENT_HAS_CUDA)
  for (const char* rule : {"adamw", "lamb", "nadam"})
    for (const bool scaled : {false, true}) {
      if (scaled && std::string(rule) == "nadam") continue;
      check(std::string("a graph is replayed ") + (scaled ? "and skips, " : "with new options, ") +
                rule,
            [&] {
              const c10::impl::VirtualGuardImpl impl(at::kCUDA);
              const c10::Stream stream = impl.getStreamFromGlobalPool(on);
              const c10::StreamGuard guard(stream);
              Scaled training(rule, on);
              training.draw(false);
              training.step_host();
              training.step_device();
              impl.synchronizeStream(stream);
              at::cuda::CUDAGraph graph;
              graph.capture_begin();
              if (scaled)
                training.step_device();
              else
                training.device->step();
              graph.capture_end();
              for (int i = 0; i < 30; ++i) {
                training.draw(scaled && (i % 5 == 2 || i % 7 == 4));
                if (i == 20)
                  for (auto* const optimizer : {training.host.get(), training.device.get()})
                    optimizer->group_options().set("lr=0.0001");
                if (scaled)
                  training.step_host();
                else
                  training.host->step();
                const NoWaits scope;
                training.device->before_replay();
                graph.replay();
              }
              impl.synchronizeStream(stream);
              return training.difference();
            });
    }
#else
  std::cout << "skipped graphs: this build has no kernels" << std::endl;
#endif
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

/// The least time of a call in microseconds: with its work on the device, or the host's part of it.
double least_us(int rounds, int calls, const std::function<void()>& run, bool of_host = false) {
  double best = INFINITY;
  run();  // makes what is made once
  for (int round = 0; round < rounds; ++round) {
    torch::cuda::synchronize();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) run();
    if (!of_host) torch::cuda::synchronize();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / calls);
  }
  return best;
}

/// "reached" or "MISSED", and how far: `ratio` should be at least `wanted`.
void judge(const std::string& name, double ratio, double wanted, const std::string& figures) {
  const bool is_reached = ratio >= wanted;
  if (!is_reached) ++missed;
  std::cout << (is_reached ? "reached " : "MISSED ") << name << ": " << ratio << ", wanted "
            << wanted << " (" << figures << ")" << std::endl;
}
std::string us(const char* whose, double time) {
  std::ostringstream text;
  text << whose << " " << time << " us";
  return text.str();
}

Tensors parameters_on(at::Device on, const std::vector<std::vector<int64_t>>& shapes) {
  Tensors all;
  for (const auto& shape : shapes) {
    all.push_back(at::randn(shape, at::TensorOptions(on)).requires_grad_());
    all.back().mutable_grad() = at::randn(shape, at::TensorOptions(on));
  }
  return all;
}

/// The parameters of torchvision's resnet50.
std::vector<std::vector<int64_t>> resnet50() {
  std::vector<std::vector<int64_t>> shapes;
  const auto convolution = [&](int64_t to, int64_t from, int64_t size) {
    shapes.insert(shapes.end(), {{to, from, size, size}, {to}, {to}});  // with its batch norm
  };
  convolution(64, 3, 7);
  int64_t from = 64, width = 64;
  for (const int blocks : {3, 4, 6, 3}) {
    for (int block = 0; block < blocks; ++block) {
      convolution(width, from, 1);
      convolution(width, width, 3);
      convolution(4 * width, width, 1);
      if (block == 0) convolution(4 * width, from, 1);
      from = 4 * width;
    }
    width *= 2;
  }
  shapes.insert(shapes.end(), {{1000, 2048}, {1000}});
  return shapes;
}

/// The lists of torch's ways to step.
struct Lists {
  explicit Lists(const Tensors& params) {
    for (const at::Tensor& p : params) {
      values.push_back(p.detach());
      gradients.push_back(p.grad());
      m.push_back(at::zeros_like(p.detach()));
      v.push_back(at::full_like(p.detach(), 0.1));
      steps.push_back(at::full({}, 1.0, p.options().requires_grad(false)));
    }
  }
  Tensors values, gradients, m, v, steps;
};

/// torch's fused AdamW by its operation and its counter, without the rest of torch.optim's work.
std::function<void()> fused_adamw(const Tensors& params) {
  return [x = Lists(params)]() mutable {
    at::_foreach_add_(x.steps, 1);
    at::_fused_adamw_(x.values, x.gradients, x.m, x.v, {}, x.steps, 1e-3, 0.9, 0.999, 0.01, 1e-8,
                      false, false);
  };
}

/// The rule by operations on lists, as torch.optim's foreach, or what it would be.
std::function<void()> foreach_of(const std::string& rule, const Tensors& params) {
  Lists lists(params);
  if (rule == "adagrad")
    return [x = lists]() mutable {
      at::_foreach_add_(x.steps, 1);
      at::_foreach_addcmul_(x.v, x.gradients, x.gradients, 1);
      auto root = at::_foreach_sqrt(x.v);
      at::_foreach_add_(root, 1e-10);
      at::_foreach_addcdiv_(x.values, x.gradients, root, -1e-2);
    };
  if (rule == "lion")
    return [x = lists]() mutable {
      auto update = at::_foreach_mul(x.m, 0.9);
      at::_foreach_add_(update, x.gradients, 0.1);
      at::_foreach_sign_(update);
      at::_foreach_mul_(x.values, 1 - 1e-4);
      at::_foreach_add_(x.values, update, -1e-4);
      at::_foreach_mul_(x.m, 0.99);
      at::_foreach_add_(x.m, x.gradients, 0.01);
    };
  if (rule == "ftrl")
    return [x = lists]() mutable {
      const auto before = at::_foreach_sqrt(x.v);
      at::_foreach_addcmul_(x.v, x.gradients, x.gradients, 1);
      const auto root = at::_foreach_sqrt(x.v);
      auto sigma = at::_foreach_sub(root, before);
      at::_foreach_mul_(sigma, 1000.0);
      at::_foreach_add_(x.m, x.gradients, 1);
      at::_foreach_addcmul_(x.m, sigma, x.values, -1);
      auto solved = at::_foreach_neg(x.m);
      auto denominator = at::_foreach_mul(root, 1000.0);
      at::_foreach_div_(solved, denominator);
      at::_foreach_copy_(x.values, solved);
    };
  return [x = lists]() mutable {  // LAMB
    at::_foreach_lerp_(x.m, x.gradients, 0.1);
    at::_foreach_mul_(x.v, 0.999);
    at::_foreach_addcmul_(x.v, x.gradients, x.gradients, 1e-3);
    auto update = at::_foreach_sqrt(x.v);
    at::_foreach_add_(update, 1e-6);
    update = at::_foreach_div(x.m, update);
    auto ratio = at::_foreach_norm(x.values);
    at::_foreach_div_(ratio, at::_foreach_norm(update));
    at::_foreach_mul_(ratio, -1e-3);
    at::_foreach_mul_(update, ratio);
    at::_foreach_add_(x.values, update, 1);
  };
}

/// A step's time, all of whose parameters kernels step; 0: they do not.
double step_us(const std::string& rule, const Tensors& params, int rounds, int calls,
               bool of_host = false) {
  const auto optimizer = descent::make_optimizer(rule, params);
  double time = 0;
  check("kernels make the steps that are measured, " + rule, [&] {
    const auto steps = static_cast<int64_t>(params.size()) * (1 + rounds * calls);
    return by_kernels(steps, [&]() -> std::string {
      time = least_us(
          rounds, calls, [&] { optimizer->step([] { return at::ones({}); }); }, of_host);
      return "";
    });
  });
  return time;
}

/// By the bytes that a rule has to read and write.
void measure_rules(at::Device on) {
  constexpr int64_t kLarge = int64_t{1} << 26;
  double copied = 0;  // bytes a microsecond
  {
    const at::Tensor from = at::randn({kLarge}, at::TensorOptions(on)), to = at::empty_like(from);
    copied = 8.0 * kLarge / least_us(10, 5, [&] { to.copy_(from); });
  }
  std::cout << "measured a copy of 64 M: " << 1e-3 * copied << " GB/s" << std::endl;
  for (const int64_t count : {1, 16}) {
    const Tensors params =
        parameters_on(on, std::vector<std::vector<int64_t>>(static_cast<size_t>(count), {kLarge}));
    for (const auto* rule : descent::optimizers()) {
      if (!has_kernels(*rule)) continue;
      const double time = step_us(rule->about.key, params, count == 1 ? 4 : 2, count == 1 ? 4 : 1);
      const auto options = rule->make_options(nullptr);
      const int bytes = rule->forms[static_cast<size_t>(rule->form(options.get()))].traffic;
      std::ostringstream figures;
      figures << time << " us for " << bytes << " bytes a parameter";
      judge(std::string("the speed of a copy by ") + rule->about.key + " on " +
                std::to_string(count) + " x 64 M",
            static_cast<double>(bytes * kLarge * count) / time / copied, 0.9, figures.str());
    }
  }
}

void measure_peers(at::Device on) {
  constexpr int64_t kLarge = int64_t{1} << 26;
  const std::vector<std::vector<int64_t>> many(1000, {64});
  const auto against_fused = [&](const std::string& name,
                                 const std::vector<std::vector<int64_t>>& shapes, double wanted,
                                 bool of_host) {
    const Tensors params = parameters_on(on, shapes);
    const double ours = step_us("adamw", params, 5, 10, of_host);
    const double theirs = least_us(5, 10, fused_adamw(params), of_host);
    judge(name, theirs / ours, wanted, us("ours", ours) + ", " + us("torch's operation", theirs));
  };
  against_fused("AdamW against torch's fused on 64 M", {{kLarge}}, 1, false);
  against_fused("AdamW against torch's fused on ResNet-50", resnet50(), 1.3, false);
  // The promise is of torch.optim with its Python, of which this operation is a part.
  against_fused("the host's time of AdamW against torch's fused on 1000 x 64", many, 50, true);
  for (const char* rule : {"lamb", "lion", "ftrl", "adagrad"}) {
    const Tensors params = parameters_on(on, resnet50());
    const double ours = step_us(rule, params, 5, 10);
    const double theirs = least_us(5, 10, foreach_of(rule, params));
    judge(std::string(rule) + " against foreach on ResNet-50", theirs / ours, 3,
          us("ours", ours) + ", " + us("foreach", theirs));
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
    check_graphs(on);
    check_streams(on);
    check_devices();
    measure_peers(on);
    measure_rules(on);
  }
  std::cout << failures << " checks failed, " << missed << " speeds were missed" << std::endl;
  return failures + missed == 0 ? 0 : 1;
}
