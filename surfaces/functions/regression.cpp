#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <descent/surfaces/functions/regression.h>

namespace descent {
namespace {

void check(const LineData& data) {
  const auto refuse = [](const std::string& what) {
    throw std::invalid_argument("LineData: " + what);
  };
  if (data.x.empty()) refuse("x is empty, must hold a point");
  if (data.y.size() != data.x.size())
    refuse("y has " + std::to_string(data.y.size()) + " numbers, must have " +
           std::to_string(data.x.size()) + " as x has");
  for (const auto& [name, numbers] : {std::pair{"x", &data.x}, std::pair{"y", &data.y}})
    for (size_t i = 0; i < numbers->size(); ++i)
      if (!std::isfinite((*numbers)[i]))
        refuse(fields::out_of_range(std::string(name) + "[" + std::to_string(i) + "]",
                                    (*numbers)[i], domains::finite.text));
}

bool all_equal(const std::vector<double>& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [&](double z) { return z == numbers[0]; });
}

double mean(const std::vector<double>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0) / static_cast<double>(numbers.size());
}

}  // namespace

LineData sample_line() {
  constexpr int kPoints = 20;
  Normal normal(1);
  LineData data;
  for (int i = 0; i < kPoints; ++i) {
    data.x.push_back(-1 + 3.0 * i / (kPoints - 1));
    data.y.push_back(1 + 2 * data.x.back() + 0.3 * normal());
  }
  return data;
}

Point least_squares(const LineData& data) {
  check(data);
  if (all_equal(data.x))
    throw std::invalid_argument("least_squares: all x are " + to_text(data.x[0]) +
                                ", must differ for one line to be best");
  const double mean_x = mean(data.x), mean_y = mean(data.y);
  double xx = 0, xy = 0;
  for (size_t i = 0; i < data.x.size(); ++i) {
    xx += (data.x[i] - mean_x) * (data.x[i] - mean_x);
    xy += (data.x[i] - mean_x) * (data.y[i] - mean_y);
  }
  const double slope = xy / xx;
  return {mean_y - slope * mean_x, slope};
}

namespace functions {

LineErrors::LineErrors(LineData data) : data_(std::move(data)) { check(data_); }

SurfaceFacts LineErrors::facts(std::string name, std::string title, std::string formula) const {
  const Point best = all_equal(data_.x) ? Point{descent::mean(data_.y), 0} : least_squares(data_);
  const double reach = 2 * (1 + std::abs(best.x) + std::abs(best.y));
  return {.name = std::move(name),
          .title = std::move(title),
          .formula = std::move(formula),
          .source = "regression of a line, e_i = y_i - t0 - t1 x_i",
          .x_name = "t0",
          .y_name = "t1",
          .value_name = "loss",
          .x = {best.x - reach, best.x + reach},
          .y = {best.y - reach, best.y + reach},
          .start = {best.x - 0.75 * reach, best.y - 0.6 * reach},
          .view = {.azimuth = -60, .elevation = 40}};
}

namespace {

/// Adds the line of least squares where it is the only minimum.
template <class F>
SurfaceFacts with_minimum(const F& loss, SurfaceFacts facts) {
  if (!all_equal(loss.data().x)) {
    const Point best = least_squares(loss.data());
    facts.minima = {{best.x, best.y, loss(best.x, best.y)}};
  }
  return facts;
}

}  // namespace

SurfaceFacts Mse::facts() const {
  return with_minimum(*this, LineErrors::facts("mse", "Mean squared error", "mean of e_i^2"));
}

SurfaceFacts Rmse::facts() const {
  return with_minimum(*this,
                      LineErrors::facts("rmse", "Root mean squared error", "sqrt(mean of e_i^2)"));
}

SurfaceFacts Mae::facts() const {
  return LineErrors::facts("mae", "Mean absolute error", "mean of |e_i|");
}

}  // namespace functions
}  // namespace descent
