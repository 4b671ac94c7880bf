#include "commands/landscape/report.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <ostream>

namespace descent::cli {
namespace {

Grid::Minimum maximum(Grid grid) {
  for (double& value : grid.values) value = -value;
  Grid::Minimum most = grid.minimum();
  most.value = -most.value;
  return most;
}

}  // namespace

bool has_finite(const Grid& grid) {
  return std::any_of(grid.values.begin(), grid.values.end(),
                     [](double value) { return std::isfinite(value); });
}

std::string place(double alpha, double beta, const Grid& grid) {
  return "alpha = " + number(alpha) + (grid.y.n == 1 ? "" : ", beta = " + number(beta));
}

namespace {

/// "Two random directions, seed 1. loss on 300 samples: 0.2 at the network (alpha = 0, beta = 0)."
std::string about_plane(const Job& job, const PlaneToDraw& laid, const Results& results, size_t m) {
  const Grid& grid = results.grids[m];
  std::string text = laid.plane.how;
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  if (laid.plane.seed) text += ", seed " + std::to_string(*laid.plane.seed);
  text += ". " + job.metrics[m].name + " on " + grid.notes.at("samples") +
          " samples: " + number(results.at_center[m]) + " at the network (" + place(0, 0, grid) +
          ").";
  const auto precision = grid.notes.find("precision");
  return precision == grid.notes.end() ? text : text + " Computed in " + precision->second + ".";
}

}  // namespace

std::string caption(const Job& job, const PlaneToDraw& laid, const Results& results, size_t m) {
  const Grid& grid = results.grids[m];
  std::string text = about_plane(job, laid, results, m);
  if (!laid.about.empty()) text += " " + laid.about;
  if (const auto found = grid.notes.find("statistics"); found != grid.notes.end())
    text += " On the plane, " + found->second + ".";
  return text;
}

std::string about_layers(const Job& job, const PlaneToDraw& laid, const Results& results) {
  return about_plane(job, laid, results, 0) +
         " In each picture one layer moves along the plane and all others stay.";
}

void print(std::ostream& out, const Job& job, const PlaneToDraw& laid, const Results& results) {
  const Grid& first = results.grids[0];
  out << "plane  " << laid.plane.how << '\n';
  out << "path   " << first.notes.at("path") << " (" << first.notes.at("reason") << ")\n";
  if (const auto found = first.notes.find("statistics"); found != first.notes.end())
    out << "norm   " << found->second << '\n';
  if (laid.projection && !laid.projection->statistics.empty())
    out << "       " << laid.projection->statistics << '\n';
  for (size_t m = 0; m < results.grids.size(); ++m) {
    const Grid& grid = results.grids[m];
    out << job.metrics[m].name << ": " << number(results.at_center[m]) << " at the network; ";
    if (!has_finite(grid)) {
      out << "no value on the plane is finite\n";
      continue;
    }
    const bool greatest = job.metrics[m].traits.higher_is_better;
    const auto best = greatest ? maximum(grid) : grid.minimum();
    out << (greatest ? "greatest " : "least ") << number(best.value) << " at "
        << place(best.x, best.y, grid) << '\n';
  }
  if (results.curvature) {
    const Curvature& c = *results.curvature;
    out << "curvature: largest eigenvalue " << number(c.eigen.values.at(0)) << ", smallest "
        << number(c.eigen.lowest) << ", trace " << number(c.trace.value) << " +- "
        << number(c.trace.error) << ", sharpness " << number(c.sharpness) << '\n';
  }
  if (!results.layers.empty()) {
    const auto spread = [](const NamedGrid& layer) {
      return has_finite(layer.grid) ? maximum(layer.grid).value - layer.grid.minimum().value : 0;
    };
    const auto most =
        std::max_element(results.layers.begin(), results.layers.end(),
                         [&](const auto& a, const auto& b) { return spread(a) < spread(b); });
    out << "layers: " << results.layers.size() << ", of which " << most->name
        << " changes the loss most\n";
  }
  const auto networks = static_cast<double>(first.values.size());
  out << number(networks) << " networks in " << number(results.seconds) << " s, "
      << number(networks / results.seconds) << " a second\n";
}

}  // namespace descent::cli
