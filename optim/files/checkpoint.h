#pragma once
#include <filesystem>
#include <functional>

#include <torch/optim/optimizer.h>

namespace descent {

/// Whatever writes itself into an archive of LibTorch and reads itself from one: optimizers of this
/// library, their wrappers, LibTorch's own; schedulers, averages of weights, EarlyStopping.
template <class T>
concept Saved = requires(const T& saver, T& loader, torch::serialize::OutputArchive& out,
                         torch::serialize::InputArchive& in) {
  saver.save(out);
  loader.load(in);
};

/// What save() and load() do, for whatever these functions write and read.
void save_archive(const std::function<void(torch::serialize::OutputArchive&)>& save,
                  const std::filesystem::path& path);
void load_archive(const std::function<void(torch::serialize::InputArchive&)>& load,
                  const std::filesystem::path& path);

/// Writes the state to a file, which is complete or absent. torch::save(optimizer, path) writes the
/// same bytes without that care. What is of this library has a checksum of each value. Throws
/// std::runtime_error naming the path and the reason. For a file that LibTorch's own class reads see
/// save_libtorch().
template <Saved T>
void save(const T& saver, const std::filesystem::path& path) {
  save_archive([&](auto& archive) { saver.save(archive); }, path);
}

/// Reads what save() or torch::save() wrote, also before there were checksums. Throws c10::Error
/// naming the path and what is wrong with it; what is of this library is then as it was.
template <Saved T>
void load(T& loader, const std::filesystem::path& path) {
  load_archive([&](auto& archive) { loader.load(archive); }, path);
}

}  // namespace descent
