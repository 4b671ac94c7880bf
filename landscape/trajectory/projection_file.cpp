#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <descent/base/atomic_file.h>
#include <descent/grid/files/formats.h>
#include <descent/grid/files/json_text.h>
#include <descent/landscape/trajectory/projection.h>

// {
//   "format": "descent-projection-1",
//   "about": "The path is 12.4 long, at most 3.21 away from the plane (step 40) ...",
//   "length": 12.44, "is_line": false, "explained": [0.81, 0.12], "stopped": "",
//   "step": [0, 40],
//   "alpha": [3.5, 0],
//   "beta": [-1.25, 0],
//   "distance": [3.21, 0],
//   "plane_loss": [0.5, 0.25],
//   "true_loss": [0.75, "nan"]
// }

namespace descent {
namespace {

using Columns = std::vector<std::pair<const char*, const std::vector<double>*>>;

std::string to_csv(const std::vector<int64_t>& steps, const Columns& columns) {
  std::string text = "step";
  for (const auto& [name, values] : columns) text += std::string(",") + name;
  text += '\n';
  for (size_t k = 0; k < steps.size(); ++k) {
    text += std::to_string(steps[k]);
    for (const auto& [name, values] : columns) {
      text += ',';
      formats::append(text, (*values)[k]);
    }
    text += '\n';
  }
  return text;
}

template <class Number>
std::string json_list(const std::vector<Number>& numbers) {
  std::string text;
  for (const Number number : numbers) {
    text += text.empty() ? "" : ", ";
    if constexpr (std::is_same_v<Number, double>) {
      formats::append_json(text, number);
    } else {
      text += std::to_string(number);
    }
  }
  return '[' + text + ']';
}

std::string to_json(const Projection& projection, const Columns& columns) {
  std::string text = "{\n  \"format\": \"descent-projection-1\",\n  \"about\": " +
                     formats::quoted(projection.about(), "about") + ",\n  \"length\": ";
  formats::append_json(text, projection.length);
  text += std::string(", \"is_line\": ") + (projection.is_line ? "true" : "false") +
          ", \"explained\": " + json_list(projection.explained) +
          ", \"stopped\": " + formats::quoted(projection.true_loss.stopped, "stopped") +
          ",\n  \"step\": " + json_list(projection.steps);
  for (const auto& [name, values] : columns) {
    text += std::string(",\n  \"") + name + "\": " + json_list(*values);
  }
  return text + "\n}\n";
}

}  // namespace

void Projection::save(const std::filesystem::path& path) const {
  const std::string extension = formats::extension_of(path);
  if (extension != ".csv" && extension != ".json") {
    throw std::invalid_argument("Projection::save: " + path.string() +
                                " must end in .csv or .json");
  }
  const Columns columns{{"alpha", &on_plane.x},
                        {"beta", &on_plane.y},
                        {"distance", &distance},
                        {"plane_loss", &on_plane.losses},
                        {"true_loss", &true_loss.losses}};
  if (steps.empty()) throw std::invalid_argument("Projection::save: there are no steps");
  for (const auto& [name, values] : columns) {
    if (values->size() == steps.size()) continue;
    throw std::invalid_argument("Projection::save: " + std::to_string(values->size()) +
                                " values of " + name + " for " + std::to_string(steps.size()) +
                                " steps");
  }
  write_atomically(path, extension == ".csv" ? to_csv(steps, columns) : to_json(*this, columns));
}

}  // namespace descent
