#pragma once
#include <filesystem>
#include <unordered_set>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include <descent/pickle/pickle.h>

#include "fuzz.h"

namespace descent::fuzz {

/// Reads a file of torch.save, and every value and tensor in it.
inline void take_pickle(const std::filesystem::path& path) {
  pickle::File file(path);
  std::vector<const pickle::Value*> open{&file.top()};
  std::unordered_set<const void*> seen;
  while (!open.empty()) {
    const pickle::Value& value = *open.back();
    open.pop_back();
    expect(!pickle::to_text(value).empty(), "a value without a word for it");
    if (const auto* const* stored = std::get_if<const pickle::Stored*>(&value)) {
      const at::Tensor tensor = file.tensor(**stored);
      // Reads each byte that the tensor says it has.
      if (tensor.numel() < 4096) expect(tensor.contiguous().defined(), "a tensor without numbers");
    } else if (const auto* const* list = std::get_if<pickle::List*>(&value)) {
      if (!seen.insert(*list).second) continue;
      for (const pickle::Value& item : (*list)->items) open.push_back(&item);
    } else if (const auto* const* dict = std::get_if<pickle::Dict*>(&value)) {
      if (!seen.insert(*dict).second) continue;
      for (const auto& [key, item] : (*dict)->items) open.insert(open.end(), {&key, &item});
    }
  }
}

}  // namespace descent::fuzz
