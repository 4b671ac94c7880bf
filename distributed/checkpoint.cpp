#include <algorithm>
#include <charconv>
#include <cstring>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <torch/serialize/archive.h>

#include <descent/base/atomic_file.h>
#include <descent/distributed/c10d.h>
#include <descent/distributed/checkpoint.h>
#include <descent/pickle/checksums.h>

// A checkpoint is the file step-<step>.pt: LibTorch's archive of all things, the first under "0".

namespace descent::distributed {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBegin = "step-", kEnd = ".pt";

fs::path file_of(const fs::path& folder, int64_t step) {
  return folder / (std::string(kBegin) + std::to_string(step) + std::string(kEnd));
}

/// The steps of which there is a file, the newest first. Throws where there is a folder that cannot be
/// read.
std::vector<int64_t> steps_in(const fs::path& folder) {
  std::vector<int64_t> steps;
  std::error_code missing;
  if (fs::status(folder, missing).type() == fs::file_type::not_found) return steps;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    int64_t step = 0;
    const char* const from = name.data() + std::min(name.size(), kBegin.size());
    const auto [end, error] = std::from_chars(from, name.data() + name.size(), step);
    if (name.starts_with(kBegin) && error == std::errc() && step > 0 &&
        std::string_view(end) == kEnd)
      steps.push_back(step);
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

bool is_whole(const fs::path& file) {
  try {
    pickle::check_records(file);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

/// Throws if there is a checkpoint of a later step, from which resume() would go on.
void check_is_newest(const fs::path& folder, int64_t step) {
  for (const int64_t later : steps_in(folder)) {
    if (later <= step) return;
    if (!is_whole(file_of(folder, later))) continue;
    throw WorldError("step = " + std::to_string(step) + ", but " + file_of(folder, later).string() +
                     " is there, which another training has left: go on from it by resume(), "
                     "remove it, or take another folder");
  }
}

std::string written(const std::vector<Part>& parts) {
  torch::serialize::OutputArchive all;
  for (size_t i = 0; i < parts.size(); ++i) {
    torch::serialize::OutputArchive one;
    parts[i].save(one);
    all.write(std::to_string(i), one);
  }
  std::string bytes;
  all.save_to([&](const void* data, size_t n) {
    bytes.append(static_cast<const char*>(data), n);
    return n;
  });
  return bytes;
}

void read(const std::vector<Part>& parts, std::string_view bytes) {
  torch::serialize::InputArchive all;
  all.load_from(bytes.data(), bytes.size());
  if (all.keys().size() != parts.size())
    throw WorldError("it holds " + std::to_string(all.keys().size()) + " things, must hold " +
                     std::to_string(parts.size()));
  for (size_t i = 0; i < parts.size(); ++i) {
    torch::serialize::InputArchive one;
    all.read(std::to_string(i), one);
    parts[i].load(one);
  }
}

/// Gives all ranks a text of rank 0.
std::string told_by_first(World& world, const std::string& own) {
  at::Tensor length = at::full({1}, static_cast<int64_t>(own.size()), at::kLong);
  world.broadcast(length);
  at::Tensor bytes = at::zeros({length.item<int64_t>()}, at::kByte);
  auto* const text = reinterpret_cast<char*>(bytes.mutable_data_ptr<uint8_t>());
  if (world.rank() == 0) std::memcpy(text, own.data(), own.size());
  world.broadcast(bytes);
  return {text, static_cast<size_t>(bytes.numel())};
}

/// What went wrong on some rank, on all of them; "" if all is well.
std::string told_by_all(World& world, const std::string& own) {
  std::vector<int64_t> bounds;
  for (int r = 0; r <= world.size(); ++r) bounds.push_back(r);
  at::Tensor wrong = at::full({world.size()}, own.empty() ? 0 : 1, at::kLong);
  world.gather_pieces(wrong, bounds);
  for (int r = 0; r < world.size(); ++r)
    if (wrong.const_data_ptr<int64_t>()[r] != 0)
      return own.empty() ? "rank " + std::to_string(r) + " cannot use it" : own;
  return "";
}

}  // namespace

void checkpoint(const fs::path& folder, int64_t step, World& world,
                const std::vector<Part>& parts) {
  TORCH_CHECK(step > 0, "checkpoint: step = ", step, ", must be > 0");
  // On all ranks, because what is spread over them comes together here.
  const std::string bytes = written(parts);
  std::string problem;
  if (world.rank() == 0) {
    try {
      fs::create_directories(folder);
      check_is_newest(folder, step);
      write_atomically(file_of(folder, step), bytes);
      constexpr size_t kKept = 2;
      std::vector<int64_t> steps = steps_in(folder);
      std::erase_if(steps, [&](int64_t damaged) { return damaged > step; });
      std::error_code stays;
      for (size_t i = kKept; i < steps.size(); ++i) fs::remove(file_of(folder, steps[i]), stays);
    } catch (const std::exception& e) {
      problem = text_of(e);
    }
  }
  problem = told_by_first(world, problem);
  if (!problem.empty()) throw WorldError("checkpoint: " + problem);
}

int64_t resume(const fs::path& folder, World& world, const std::vector<Part>& parts) {
  std::string found, problem;
  int64_t step = 0;
  if (world.rank() == 0) {
    try {
      // The newest that is whole: a disk may have lost what was written before a power failure.
      for (const int64_t candidate : steps_in(folder)) {
        const std::string file = file_of(folder, candidate).string();
        try {
          pickle::check_records(file);
          found = read_file(file);
          step = candidate;
          problem.clear();
          break;
        } catch (const std::exception& e) {
          problem = file + ": " + text_of(e);
        }
      }
    } catch (const std::exception& e) {
      problem = text_of(e);
    }
  }
  problem = told_by_first(world, problem);
  if (!problem.empty()) throw WorldError("resume: " + problem);
  step = std::stoll(told_by_first(world, std::to_string(step)));
  if (step == 0) return 0;
  found = told_by_first(world, found);

  const std::string before = written(parts);
  try {
    read(parts, found);
  } catch (const std::exception& e) {
    problem = text_of(e);
  }
  problem = told_by_all(world, problem);
  if (problem.empty()) return step;
  read(parts, before);
  throw WorldError("resume: " + file_of(folder, step).string() + ": " + problem);
}

}  // namespace descent::distributed
