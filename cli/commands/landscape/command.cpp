#include "commands/landscape/command.h"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "arguments.h"
#include "commands/landscape/compute.h"
#include "commands/landscape/files.h"
#include "commands/landscape/inputs.h"
#include "commands/landscape/planes.h"
#include "commands/landscape/report.h"
#include "output.h"
#include "progress.h"

namespace descent::cli {
namespace {

namespace fs = std::filesystem;

/// Where evaluate() keeps what it has computed, in the folder of the results. What is empty at the
/// end goes away.
class Tiles {
 public:
  Tiles(const fs::path& out, bool resume, bool force)
      : out_(out), existed_(check_output(out, /*replace=*/true)) {
    if (!fs::exists(folder())) {
      check_output(out, force);
      return;
    }
    if (!resume && !force)
      throw std::invalid_argument(out.string() +
                                  " holds what an interrupted run has computed: --resume goes on "
                                  "with it, --force begins anew");
    if (!resume) fs::remove_all(folder());
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  ~Tiles() {
    std::error_code ignored;
    fs::remove(folder(), ignored);
    if (!existed_) fs::remove(out_, ignored);
  }

  fs::path folder() const { return out_ / ".tiles"; }
  bool has_any() const {
    std::error_code none;
    return fs::exists(folder(), none) && !fs::is_empty(folder(), none);
  }
  std::string kept() const {
    return "; what was computed is kept in " + folder().string() +
           ", and --resume goes on from there";
  }
  /// Takes away those of one job; others may still be wanted.
  void clear(const std::string& job) const {
    std::vector<fs::path> done;
    for (const auto& entry : fs::directory_iterator(folder()))
      if (entry.path().filename().string().starts_with(job + "-")) done.push_back(entry.path());
    for (const fs::path& file : done) fs::remove(file);
  }

 private:
  fs::path out_;
  bool existed_;
};

Job read(const LandscapeSettings& settings) {
  PlaneName plane = plane_name(settings.plane);
  const Norm norm = norm_of(settings, plane);
  const uint64_t seed = seed_of(settings, plane);
  std::vector<Metric> metrics = metrics_of(settings);
  EvaluateOptions options{
      .path = named<Path>("--path", settings.path,
                          {{"auto", Path::Auto},
                           {"loop", Path::Loop},
                           {"batched", Path::Batched},
                           {"fused", Path::Fused}}),
      .threads = settings.threads,
      .batch_norm = named<BatchNorm>("--batch-norm", settings.batch_norm,
                                     {{"keep", BatchNorm::Keep},
                                      {"interpolate", BatchNorm::Interpolate},
                                      {"recompute", BatchNorm::Recompute},
                                      {"batch", BatchNorm::Batch},
                                      {"auto", BatchNorm::Auto}}),
      .memory = settings.memory ? bytes_of(*settings.memory) : EvaluateOptions().memory};
  if (settings.weight_decay &&
      !(*settings.weight_decay > 0 && std::isfinite(*settings.weight_decay)))
    throw std::invalid_argument("--weight-decay = " + number(*settings.weight_decay) +
                                ", must be finite and > 0");
  const bool one_network =
      options.batch_norm != BatchNorm::Interpolate && options.batch_norm != BatchNorm::Recompute;
  if ((settings.curvature || plane.kind == "hessian") && !one_network)
    throw std::invalid_argument("--batch-norm = " + settings.batch_norm +
                                ", must be keep or batch for curvature");
  if (plane.kind == "pca" && options.batch_norm == BatchNorm::Interpolate)
    throw std::invalid_argument(
        "--batch-norm = interpolate with --plane pca, which has no directions for statistics");
  std::optional<Axes> axes;
  if (!settings.axes.empty()) axes = axes_of(settings.axes);
  const std::shared_ptr<SavedNetwork> model = network_of(settings);
  return {.title = settings.model.stem().string(),
          .metrics = std::move(metrics),
          .plane = std::move(plane),
          .norm = norm,
          .seed = seed,
          .axes = axes,
          .options = std::move(options),
          .model = model,
          .network = model,
          .data = data_of(settings)};
}

void run_landscape(const LandscapeSettings& settings, std::ostream& out) {
  const Job job = read(settings);
  const Tiles tiles(settings.out, settings.resume, settings.force);
  std::string nothing;  // the metrics without a finite value
  try {
    const Laid laid = lay(job, settings);
    const Results results = compute(job, laid, settings, tiles.folder());
    OutputFolder output(settings.out, /*replace=*/true);
    write_files(job, laid, results, settings, output);
    output.publish();
    tiles.clear(results.grids[0].notes.at("tiles"));
    print(out, job, laid, results);
    if (tiles.has_any())
      out << "what another run has computed is still in " << tiles.folder().string() << '\n';
    for (const char* const file : {"landscape.html", "landscape.png", "landscape.csv"})
      if (fs::exists(output.path() / file)) {
        out << "open " << (output.path() / file).string() << '\n';
        break;
      }
    for (size_t m = 0; m < results.grids.size(); ++m)
      if (!has_finite(results.grids[m]))
        nothing += (nothing.empty() ? "" : " and of ") + job.metrics[m].name;
  } catch (const Interrupted&) {
    if (!tiles.has_any()) throw;
    throw Interrupted("interrupted" + tiles.kept());
  } catch (const std::runtime_error& error) {
    if (!tiles.has_any()) throw;
    throw std::runtime_error(error.what() + tiles.kept());
  }
  if (!nothing.empty())
    throw NothingFinite("no value of " + nothing + " on the plane is finite; the numbers are in " +
                        settings.out.string());
}

}  // namespace

void add_landscape(CLI::App& command) {
  const auto settings = std::make_shared<LandscapeSettings>();
  command
      .add_option("--model", settings->model,
                  "file of torch.export.save (.pt2) or of TorchScript (.pt)")
      ->required();
  command.add_option("--weights", settings->weights,
                     "for the network: a state_dict, a checkpoint, FILE.safetensors or a folder "
                     "with a model.safetensors");
  command.add_option("--parameters", settings->parameters,
                     "only these move in planes and count in Hessians: a name with * for any "
                     "text, as head.* or *lora*");
  command.add_option("--output", settings->output,
                     "the network's prediction, if it has several outputs and none called logits");
  command.add_option("--library", settings->library,
                     "shared library that registers operations of the network");
  command
      .add_option("--data", settings->data,
                  "file of torch.save: {\"input\": x, \"target\": y}, (x, y), inputs by name with "
                  "\"target\" or \"labels\", or a list of these; FILE.npz with input and target; "
                  "x.npy,y.npy")
      ->required();
  command.add_option("--scale", settings->scale, "factor of the inputs, 1/255 for images of bytes");
  command
      .add_option(
          "--loss", settings->loss,
          "mse, l1, cross_entropy, nll, binary_cross_entropy, binary_cross_entropy_with_logits or "
          "output (of a network that computes its loss)")
      ->required();
  command
      .add_option("--metrics", settings->metrics, "what is measured beside the loss: accuracy, ...")
      ->delimiter(',');
  command
      .add_option("--plane", settings->plane,
                  "random, filter (random, filter-normalised), hessian, pca:FOLDER (of weights "
                  "saved in training), line:OTHER.pt, between:B.pt,C.pt (networks, or "
                  "FILE.safetensors)")
      ->capture_default_str();
  command.add_option("--norm", settings->norm,
                     "of a random plane: none, filter, layer, weight, dfilter, dlayer");
  command.add_option("--seed", settings->seed, "of what is drawn at random (default: 0)")
      ->check(whole_number);
  command.add_option("--axes", settings->axes,
                     "from:to:points for both axes or for each, -1:1:51,-2:2:31; else what suits "
                     "the plane");
  auto* const log = command.add_flag("--log", settings->log, "heights and colours are logarithms");
  command.add_flag("--linear", settings->linear, "they never are (default: if they spread far)")
      ->excludes(log);
  command
      .add_option("--batch-norm", settings->batch_norm,
                  "by which statistics: auto, keep, interpolate, recompute or batch")
      ->capture_default_str();
  command.add_option("--path", settings->path, "auto, loop, batched or fused")
      ->capture_default_str();
  command.add_option("--threads", settings->threads, "0: as many as LibTorch uses")
      ->capture_default_str();
  command.add_option("--memory", settings->memory,
                     "for what is computed at once (default: 256MiB of networks or snapshots, 1GiB "
                     "of vectors for eigenvalues)");
  command.add_option("--weight-decay", settings->weight_decay,
                     "of the training: what it adds to the loss, as a landscape apart");
  command.add_flag("--curvature", settings->curvature,
                   "also eigenvalues, trace and spectrum of the Hessian");
  command.add_flag("--resume", settings->resume, "goes on with what an interrupted run computed");
  command.add_option("--out", settings->out, "folder")->capture_default_str();
  command.add_flag("--force", settings->force, "replaces files of the same names in the folder");
  command.callback([settings] {
    catch_interrupts();
    run_landscape(*settings, std::cout);
  });
}

}  // namespace descent::cli
