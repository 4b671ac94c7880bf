#include <stdexcept>
#include <string>

#include <c10/util/Exception.h>

#include <descent/landscape/data/data_file.h>
#include <descent/pickle/pickle.h>

namespace descent {
namespace {

bool is_tensor(const pickle::Value& value) {
  return std::holds_alternative<const pickle::Stored*>(value);
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : file_(path) {}

  Batches data() {
    const pickle::Value& top = file_.top();
    const auto* const* list = std::get_if<pickle::List*>(&top);
    if (list == nullptr) return batch(top, "");
    const auto& items = (*list)->items;
    TORCH_CHECK(!items.empty(), "an empty list, must hold at least one batch");
    if (is_tensor(items[0])) return batch(top, "");
    std::vector<Data> batches;
    for (const pickle::Value& item : items)
      batches.push_back(batch(item, "batch " + std::to_string(batches.size()) + ": "));
    return batches;
  }

 private:
  Data batch(const pickle::Value& value, const std::string& which) {
    if (auto* const* dict = std::get_if<pickle::Dict*>(&value)) {
      const pickle::Value *input = (*dict)->find("input"), *target = (*dict)->find("target");
      TORCH_CHECK(input != nullptr && target != nullptr, which, "has no \"",
                  input == nullptr ? "input" : "target", "\", must have \"input\" and \"target\"");
      return {tensor(*input, which + "input"), tensor(*target, which + "target")};
    }
    const auto* const* list = std::get_if<pickle::List*>(&value);
    TORCH_CHECK(list != nullptr, which, "is ", pickle::to_text(value),
                ", must be {\"input\": x, \"target\": y}, (x, y) or a list of these");
    const auto& items = (*list)->items;
    TORCH_CHECK(items.size() == 2, which, "holds ", items.size(),
                " values, must hold 2: input and target");
    return {tensor(items[0], which + "input"), tensor(items[1], which + "target")};
  }

  at::Tensor tensor(const pickle::Value& value, const std::string& which) {
    TORCH_CHECK(is_tensor(value), which, " is ", pickle::to_text(value), ", must be a tensor");
    return file_.tensor(*std::get<const pickle::Stored*>(value));
  }

  pickle::File file_;
};

}  // namespace

Batches load_data(const std::filesystem::path& path) {
  try {
    return Reader(path).data();
  } catch (const c10::Error& error) {
    throw std::runtime_error(path.string() + ": " + error.what_without_backtrace());
  }
}

}  // namespace descent
