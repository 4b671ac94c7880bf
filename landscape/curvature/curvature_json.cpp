#include <stdexcept>

#include <nlohmann/json.hpp>

#include <descent/base/atomic_file.h>
#include <descent/grid/files/formats.h>
#include <descent/landscape/curvature/curvature.h>

// {
//   "format": "descent-curvature-1",
//   "loss": 0.01, "gradient_norm": 0.002, "sharpness": 0.0001,
//   "eigen": {"converged": true, "products": 60, "lowest": -0.1, "highest": 12.3,
//             "values": [12.3, 4.51], "residuals": [0.0001, 0.0002]},
//   "trace": {"value": 31.2, "error": 0.3, "probes": 40},
//   "density": {"parameters": 500, "products": 256,
//               "nodes": [-0.1, 12.3], "weights": [0.99, 0.01]},
//   "notes": {"seed": "0"}
// }
//
// What is not a number, as the error of a single probe, is null.

namespace descent {

void Curvature::save(const std::filesystem::path& path) const {
  if (formats::extension_of(path) != ".json") {
    throw std::invalid_argument("Curvature::save: " + path.string() + " must end in .json");
  }
  const nlohmann::ordered_json file{
      {"format", "descent-curvature-1"},
      {"loss", loss},
      {"gradient_norm", gradient_norm},
      {"sharpness", sharpness},
      {"eigen",
       {{"converged", eigen.converged},
        {"products", eigen.products},
        {"lowest", eigen.lowest},
        {"highest", eigen.highest},
        {"values", eigen.values},
        {"residuals", eigen.residuals}}},
      {"trace", {{"value", trace.value}, {"error", trace.error}, {"probes", trace.probes}}},
      {"density",
       {{"parameters", density.parameters},
        {"products", density.products},
        {"nodes", density.nodes},
        {"weights", density.weights}}},
      {"notes", notes}};
  using Broken = nlohmann::ordered_json::error_handler_t;
  write_atomically(path, file.dump(2, ' ', /*ensure_ascii=*/false, Broken::replace) + "\n");
}

}  // namespace descent
