// Trains a ReLU network with two hidden layers of 64 units on the sine over [-pi, pi].
//
//   sine_regression --optimizer lion --options "lr=3e-4,weight_decay=0.1" --out out/lion
//   sine_regression --optimizer lion --steps 4000 --out out/lion --resume
//
// The second goes on where the first stopped, bit for bit. Ctrl-C stops after the current step and
// saves. --out gets model.pt, optimizer.pt and summary.json.
#include <chrono>
#include <csignal>
#include <iostream>
#include <numbers>

#include <ATen/Parallel.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/mse_loss.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/serialize/archive.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/optim/files/checkpoint.h>
#include <descent/optim/optimizer/registry.h>

namespace {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

volatile std::sig_atomic_t stopped = 0;

struct Settings {
  std::string optimizer = "adamw", options, device = "cpu";
  int64_t steps = 2000, samples = 100;
  uint64_t seed = 0;
  int threads = 1;  // more only get in each other's way on a network this small
  fs::path out;
  bool resume = false;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void show_progress(int64_t step, int64_t steps, double loss) {
  constexpr int kWidth = 40;
  const auto filled = static_cast<size_t>(kWidth * step / steps);
  std::cerr << "\r[" << std::string(filled, '#') << std::string(kWidth - filled, ' ') << "] "
            << step << '/' << steps << "  loss " << loss << "        "
            << (step == steps ? "\n" : "") << std::flush;
}

void save(const Settings& settings, const torch::nn::Sequential& net,
          const descent::OptimizerBase& opt, int64_t step, const nlohmann::json& summary) {
  fs::create_directories(settings.out);
  torch::serialize::OutputArchive model;
  net->save(model);
  model.write("step", c10::IValue(step));
  descent::save(opt, settings.out / "optimizer.pt");
  // By a function that takes whatever comes: LibTorch's writer ends the program where a stream stops.
  descent::write_atomically(settings.out / "model.pt", [&](std::ostream& out) {
    model.save_to([&](const void* data, size_t n) {
      out.write(static_cast<const char*>(data), static_cast<std::streamsize>(n));
      return n;
    });
  });
  descent::write_atomically(settings.out / "summary.json", summary.dump(2) + "\n");
}

/// The step at which the saved run stopped.
int64_t load(const fs::path& folder, torch::nn::Sequential& net, descent::OptimizerBase& opt) {
  const fs::path file = folder / "model.pt";
  const std::string bytes = descent::read_file(file);
  int64_t step = 0;
  try {
    torch::serialize::InputArchive model;
    model.load_from(bytes.data(), bytes.size());
    c10::IValue value;
    model.read("step", value);
    step = value.toInt();
    net->load(model);
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, file.string(), ": is no complete model: ", error.what_without_backtrace());
  }
  descent::load(opt, folder / "optimizer.pt");
  const auto* state = opt.state_of(net->parameters().front());
  TORCH_CHECK((state == nullptr ? 0 : state->step()) == step, folder.string(),
              ": model.pt and optimizer.pt are of different steps");
  return step;
}

void train(const Settings& settings) {
  at::set_num_threads(settings.threads);
  at::manual_seed(settings.seed);
  torch::nn::Sequential net(torch::nn::Linear(1, 64), torch::nn::ReLU(), torch::nn::Linear(64, 64),
                            torch::nn::ReLU(), torch::nn::Linear(64, 1));
  const at::Device device(settings.device);
  net->to(device);
  const auto opt = descent::make_optimizer(settings.optimizer, net->parameters(),
                                           descent::parse_options(settings.options));
  const at::Tensor x =
      at::linspace(-std::numbers::pi, std::numbers::pi, settings.samples).view({-1, 1}).to(device);
  const at::Tensor y = x.sin();
  int64_t step = settings.resume ? load(settings.out, net, *opt) : 0;
  net->to(device);  // the run before --resume may have been on another one
  const int64_t first = step;

  const bool terminal = isatty(STDERR_FILENO) != 0;
  const int64_t interval = std::max<int64_t>(1, settings.steps / 200);
  auto summary = nlohmann::json{{"optimizer", settings.optimizer}, {"samples", settings.samples}};
  double optimizer_seconds = 0;
  const auto start = Clock::now();
  for (; step < settings.steps && stopped == 0; ++step) {
    opt->zero_grad();
    const at::Tensor loss = at::mse_loss(net->forward(x), y);
    loss.backward();
    const auto before = Clock::now();
    opt->step();
    optimizer_seconds += seconds_since(before);
    if (step % interval != 0 && step + 1 != settings.steps) continue;
    summary["losses"].push_back({step, loss.item<double>()});
    if (terminal) show_progress(step + 1, settings.steps, loss.item<double>());
  }
  const double seconds = seconds_since(start);
  if (terminal && stopped != 0) std::cerr << '\n';

  const at::Tensor fit = net->forward(x).detach();
  const double loss = at::mse_loss(fit, y).item<double>();
  std::cout << (stopped != 0 ? "stopped: " : "") << settings.optimizer << ", " << step
            << " steps, loss " << loss << '\n';
  if (step > first)
    std::cout << seconds << " s, of which the optimizer " << optimizer_seconds << " s ("
              << 100 * optimizer_seconds / seconds << " %, "
              << 1e6 * optimizer_seconds / static_cast<double>(step - first) << " us a step)\n";
  if (settings.out.empty() || step == first) return;
  summary.update({{"options", opt->group_options().text()},
                  {"steps", step},
                  {"loss", loss},
                  {"seconds", seconds},
                  {"optimizer_seconds", optimizer_seconds}});
  const at::Tensor inputs = x.cpu(), outputs = fit.cpu();
  for (int64_t i = 0; i < settings.samples; ++i)
    summary["fit"].push_back({inputs[i].item<double>(), outputs[i].item<double>()});
  save(settings, net, *opt, step, summary);
  std::cout << "saved in " << settings.out.string()
            << (stopped != 0 ? "; go on with --resume\n" : "\n");
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Trains a small network on the sine with any optimizer.");
  app.add_option("--optimizer", settings.optimizer, "by name: descent optimizers lists them");
  app.add_option("--options", settings.options, "as lr=1e-3,betas=[0.9,0.95] or as a JSON object");
  app.add_option("--steps", settings.steps, "in all, with those before --resume")
      ->check(CLI::PositiveNumber);
  app.add_option("--samples", settings.samples, "equidistant, ends included")
      ->check(CLI::Range(2, 1000000));
  app.add_option("--seed", settings.seed, "of the network's first weights");
  app.add_option("--device", settings.device, "cpu, cuda or cuda:N");
  app.add_option("--threads", settings.threads, "of LibTorch")->check(CLI::Range(1, 1024));
  auto* const out =
      app.add_option("--out", settings.out, "folder for the trained model, made if missing");
  app.add_flag("--resume", settings.resume, "goes on with what --out holds, its options included")
      ->needs(out);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  std::signal(SIGINT, [](int) { stopped = 1; });
  try {
    train(settings);
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "sine_regression: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "sine_regression: " << error.what() << '\n';
  }
  return 1;
}
