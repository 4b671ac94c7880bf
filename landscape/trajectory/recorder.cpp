#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

#include <descent/base/atomic_file.h>
#include <descent/landscape/network/parameters.h>
#include <descent/landscape/planes/weights.h>
#include <descent/landscape/trajectory/numbered_files.h>
#include <descent/landscape/trajectory/recorder.h>
#include <descent/landscape/trajectory/snapshots.h>
#include <descent/pickle/pickle.h>
#include <descent/tensors/memory.h>

namespace descent {
namespace {

namespace fs = std::filesystem;
using at::Tensor;

fs::path file_of(const fs::path& folder, int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "%08lld.pt", static_cast<long long>(step));
  return folder / name;
}

std::vector<std::string> names_of(const landscape::Named& named) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : named) names.push_back(name);
  return names;
}

/// A detached copy on the CPU.
Tensor kept(const Tensor& tensor) {
  return tensor.detach().to(at::TensorOptions(at::kCPU), /*non_blocking=*/false, /*copy=*/true,
                            at::MemoryFormat::Contiguous);
}

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("Recorder: " + what);
}

void check_at_least(const char* field, int64_t value, int64_t least, const char* why = "") {
  if (value >= least) return;
  refuse(std::string("options.") + field + " = " + std::to_string(value) +
         ", must be >= " + std::to_string(least) + why);
}

}  // namespace

Recorder::Recorder(const Network& network, RecorderOptions options)
    : network_(network), options_(std::move(options)) {
  check_at_least("every", options_.every, 1);
  check_at_least("most", options_.most, 2);
  const landscape::Parameters own = landscape::parameters_of(network.model());
  landscape::check_center("Recorder", own.names, own.tensors);
  most_ = options_.most;
  kept_.names_ = names_of(network.model().parameters());
  for (const std::string& name : names_of(network.model().buffers())) kept_.names_.push_back(name);
  const fs::path& folder = options_.folder;
  if (folder.empty()) {
    if (options_.resume) refuse("options.resume is set, but there is no options.folder");
    int64_t bytes = tensors::bytes_of(own.tensors);
    for (const auto& [name, buffer] : network.model().buffers()) {
      bytes += static_cast<int64_t>(buffer.nbytes());
    }
    check_at_least("memory", options_.memory, 2 * bytes, ", the bytes of two snapshots");
    if (bytes > 0) most_ = std::min(most_, options_.memory / bytes);
  } else {
    fs::create_directories(folder);
    const size_t there = landscape::numbered_files(folder).size();
    if (there > 0 && !options_.resume) {
      refuse("options.folder = " + folder.string() + " has " + std::to_string(there) +
             " snapshots already: set options.resume to go on after them, or take another folder");
    }
    if (there > 0) resume();
  }
  if (kept_.size() == 0) take();
}

void Recorder::resume() {
  Trajectory there = Trajectory::load(options_.folder);
  // Recordings of earlier versions have no buffers, and go on without.
  records_buffers_ = there.names_ == kept_.names_;
  if (!records_buffers_ && there.names_ != names_of(network_.model().parameters())) {
    refuse("the snapshots in " + options_.folder.string() +
           " have other tensors than the parameters of the network and its buffers");
  }
  landscape::SnapshotsAsWeights("Recorder", network_, there).state(there.size() - 1);
  kept_ = std::move(there);
  if (kept_.size() > 2) options_.every = std::max(options_.every, kept_.step(1) - kept_.step(0));
  step_ = kept_.step(kept_.size() - 1);
}

void Recorder::step() {
  ++step_;
  if (is_due(step_)) take();
}

bool Recorder::is_due(int64_t step) const { return (step - kept_.step(0)) % options_.every == 0; }

void Recorder::take() {
  auto& snapshots = kept_.snapshots_;
  if (options_.folder.empty()) thin(snapshots.size());
  const landscape::Parameters own = landscape::parameters_of(network_.model());
  std::vector<Tensor> copies, weights;
  for (const Tensor& tensor : own.tensors) copies.push_back(kept(tensor));
  for (const size_t slot : own.slot) weights.push_back(copies[slot]);
  if (records_buffers_) {
    for (const auto& [name, buffer] : network_.model().buffers()) weights.push_back(kept(buffer));
  }
  if (options_.folder.empty()) {
    snapshots.push_back({step_, {}, std::move(weights)});
    return;
  }
  const fs::path path = file_of(options_.folder, step_);
  pickle::Writer writer;
  writer.begin_dict();
  for (size_t k = 0; k < weights.size(); ++k) {
    writer.text(kept_.names_[k]);
    writer.tensor(weights[k]);
  }
  writer.end_dict();
  write_atomically(path, [&](std::ostream& out) { writer.write(out); });
  snapshots.push_back({step_, path, {}});
  thin(snapshots.size() - 1);  // not before the new one is safe
}

void Recorder::thin(size_t older) {
  if (older > 0 && !is_due(kept_.step(older - 1))) drop(--older);
  while (static_cast<int64_t>(older) >= most_) {
    const int64_t every = 2 * options_.every;
    for (size_t k = older; k-- > 0;) {
      if ((kept_.step(k) - kept_.step(0)) % every == 0) continue;
      drop(k);
      --older;
    }
    options_.every = every;
  }
}

void Recorder::drop(size_t k) {
  auto& snapshots = kept_.snapshots_;
  if (!snapshots[k].file.empty()) fs::remove(snapshots[k].file);
  snapshots.erase(snapshots.begin() + static_cast<std::ptrdiff_t>(k));
}

}  // namespace descent
