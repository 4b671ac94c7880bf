#include <cmath>
#include <stdexcept>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <c10/util/Exception.h>

#include <descent/base/fields.h>
#include <descent/base/nearest.h>
#include <descent/surfaces/functions/classic.h>
#include <descent/surfaces/functions/regression.h>
#include <descent/surfaces/functions/search.h>
#include <descent/surfaces/surface.h>

namespace descent {
namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& field, double value,
                         const char* allowed) {
  throw std::invalid_argument("Surface " + name + ": " +
                              fields::out_of_range(field, value, allowed));
}

void check_axis(const std::string& name, const std::string& axis, const Interval& domain,
                double start) {
  for (const double end : {domain.lo, domain.hi})
    if (!std::isfinite(end)) refuse(name, "an end of " + axis, end, domains::finite.text);
  if (!(domain.lo < domain.hi)) refuse(name, axis + ".lo", domain.lo, "below the high end");
  if (!std::isfinite(start)) refuse(name, "start." + axis, start, domains::finite.text);
}

/// Runs `evaluate`; what it throws becomes one sentence.
template <class F>
auto guarded(const Surface& surface, const std::string& where, F evaluate) {
  std::string what = "something that is no std::exception";
  try {
    return evaluate();
  } catch (const c10::Error& error) {
    what = error.what_without_backtrace();
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
  }
  throw std::runtime_error("Surface " + surface.name + ": its function threw at " + where + ": " +
                           what);
}

std::string at_point(double x, double y) { return "(" + to_text(x) + ", " + to_text(y) + ")"; }

/// Coordinates of a mesh and the axis that holds them.
Axis mesh_axis(const Surface& surface, const char* which, const Interval& domain, int64_t n) {
  if (n < 1)
    throw std::invalid_argument("mesh: n" + std::string(which) + " = " + std::to_string(n) +
                                ", must be >= 1");
  if (!surface.open_end) return {domain.lo, domain.hi, n};
  const double step = (domain.hi - domain.lo) / static_cast<double>(n);
  return {domain.lo, domain.lo + static_cast<double>(n - 1) * step, n};
}

std::vector<double> mesh_points(const Surface& surface, const Interval& domain, const Axis& axis) {
  std::vector<double> points;
  const double step = (domain.hi - domain.lo) / static_cast<double>(axis.n);
  for (int64_t k = 0; k < axis.n; ++k)
    points.push_back(surface.open_end ? domain.lo + static_cast<double>(k) * step : axis.at(k));
  return points;
}

}  // namespace

Surface::Surface(SurfaceFacts facts, std::string key, std::shared_ptr<const Function> function)
    : SurfaceFacts(std::move(facts)), function_(std::move(function)) {
  name = std::move(key);
  if (name.empty()) throw std::invalid_argument("Surface: name is empty, must be a word");
  if (title.empty()) title = name;
  check_axis(name, "x", x, start.x);
  check_axis(name, "y", y, start.y);
}

double Surface::value(double at_x, double at_y) const {
  return guarded(*this, at_point(at_x, at_y), [&] { return function_->value(at_x, at_y); });
}

Dual Surface::gradient(double at_x, double at_y) const {
  return guarded(*this, at_point(at_x, at_y), [&] { return function_->gradient(at_x, at_y); });
}

at::Tensor Surface::value(const at::Tensor& at_x, const at::Tensor& at_y) const {
  TORCH_CHECK(at_x.sizes() == at_y.sizes(), "Surface ", name, ": x has sizes ", at_x.sizes(),
              " and y ", at_y.sizes(), ", must be the same");
  const at::Tensor xs = at_x.to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor ys = at_y.to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor result = at::empty_like(xs);
  const double* const px = xs.const_data_ptr<double>();
  const double* const py = ys.const_data_ptr<double>();
  auto* const values = result.mutable_data_ptr<double>();
  for (int64_t i = 0; i < result.numel(); ++i) values[i] = value(px[i], py[i]);
  return result.to(at_x.device(), at_x.scalar_type());
}

double Surface::noise_at(const Noise& noise, double at_x, double at_y) const {
  if (coarse == 0 && fine == 0) return 0;
  const int64_t ix = Noise::cell(at_x, x.lo, x.hi), iy = Noise::cell(at_y, y.lo, y.hi);
  return coarse * noise.coarse(ix, iy) + fine * noise.fine(ix, iy);
}

double Surface::reported(double smooth, const Noise* noise, double at_x, double at_y) const {
  const double loss = noise == nullptr ? smooth : smooth + noise_at(*noise, at_x, at_y);
  return std::isfinite(loss) ? math::clamp(loss, -loss_limit, loss_limit) : loss;
}

Grid mesh(const Surface& surface, int64_t nx, int64_t ny, const Noise* noise) {
  Grid grid{.x = mesh_axis(surface, "x", surface.x, nx),
            .y = mesh_axis(surface, "y", surface.y, ny),
            .x_name = surface.x_name,
            .y_name = surface.y_name,
            .value_name = surface.value_name};
  const std::vector<double> xs = mesh_points(surface, surface.x, grid.x);
  const std::vector<double> ys = mesh_points(surface, surface.y, grid.y);
  grid.values.reserve(xs.size() * ys.size());
  for (const double at_y : ys)
    for (const double at_x : xs)
      grid.values.push_back(surface.reported(surface.value(at_x, at_y), noise, at_x, at_y));
  grid.notes["surface"] = surface.name;
  grid.notes["formula"] = surface.formula;
  if (noise != nullptr && (surface.coarse != 0 || surface.fine != 0))
    grid.notes["noise"] =
        "seed " + std::to_string(noise->seed()) + ", scale " + to_text(noise->scale());
  return grid;
}

std::vector<Surface> search_surfaces() {
  using namespace functions;
  return {F0{}, F1{}, F2{}, F3{}, F4{}, F5{}};
}

std::vector<Surface> test_functions() {
  using namespace functions;
  return {Rosenbrock{},     Beale{}, Saddle{},    Ackley{},         Rastrigin{},
          Himmelblau{},     Booth{}, Matyas{},    StyblinskiTang{}, ThreeHumpCamel{},
          GoldsteinPrice{}, Easom{}, McCormick{}, Levy13{},         SixHumpCamel{}};
}

std::vector<Surface> regressions() {
  using namespace functions;
  return {Mse{sample_line()}, Rmse{sample_line()}, Mae{sample_line()}};
}

std::vector<Surface> surfaces() {
  std::vector<Surface> all;
  for (const auto& some : {search_surfaces(), test_functions(), regressions()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

Surface find_surface(std::string_view name) {
  std::vector<std::string> names;
  for (Surface& surface : surfaces()) {
    if (same_word(name, surface.name)) return std::move(surface);
    names.push_back(surface.name);
  }
  throw std::invalid_argument("no surface is called " + std::string(name) +
                              did_you_mean(name, names));
}

}  // namespace descent
