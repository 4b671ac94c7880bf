#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/surfaces/noise.h>
#include <descent/surfaces/number.h>

namespace at {
class Tensor;
}

namespace descent {

struct Interval {
  double lo = 0, hi = 0;
  bool contains(double z) const { return lo <= z && z <= hi; }
  bool operator==(const Interval&) const = default;
};

/// A minimum that is known in closed form, or to all digits of a double.
struct Minimum {
  double x = 0, y = 0, value = 0;
  bool global = true;  ///< nothing in the domain is lower
};

/// How a surface wants to be drawn; angles in degrees, as Matplotlib counts them.
struct SurfaceView {
  double azimuth = -70;
  double elevation = 30;
  std::optional<Interval> z{};  ///< heights that are shown; empty: all
  bool log = false;             ///< its values span several powers of ten
};

/// What is known of a surface besides its values.
struct SurfaceFacts {
  std::string name{};     ///< its key: "rosenbrock"
  std::string title{};    ///< "Rosenbrock"
  std::string formula{};  ///< for people, in ASCII
  std::string source{};   ///< author and year
  std::string x_name = "x", y_name = "y", value_name = "f(x, y)";
  Interval x{-1, 1}, y{-1, 1};
  Point start{};
  std::vector<Minimum> minima{};
  SurfaceView view{};
  bool open_end = false;          ///< its mesh leaves out the right ends: lo + k (hi - lo)/n
  double coarse = 0, fine = 0;    ///< weights of the two tables of noise
  double loss_limit = kInfinity;  ///< losses are reported clipped to [-loss_limit, loss_limit]
};

/// A function of two variables, with its exact gradient and what a picture of it needs. Cheap to
/// copy; everything but the function may be changed on the copy.
///
///   Surface rosenbrock = functions::Rosenbrock{};        // a struct with facts(), see classic.h
///   Surface bowl("bowl", [](const auto& x, const auto& y) { return x * x + y * y; },
///                {.x = {-2, 2}, .y = {-2, 2}, .start = {1, 1}});
///   Surface dome("dome", height, slopes, {...});         // of doubles; slopes(x, y) = {d/dx, d/dy}
///
/// The function takes any number type (number.h). Where it has branches, let it take `const Scalar
/// auto&`. Throws std::invalid_argument unless the name is not empty, lo < hi and all of the domain
/// and the start are finite.
struct Surface : SurfaceFacts {
  template <class F>
  requires requires(const F& f) {
    { f.facts() } -> std::same_as<SurfaceFacts>;
  }
  Surface(const F& function) : Surface(function.facts().name, function, function.facts()) {}

  template <class F>
  Surface(std::string key, F function, SurfaceFacts facts)
      : Surface(std::move(facts), std::move(key), std::make_shared<Exact<F>>(std::move(function))) {
  }

  template <class F, class G>
  Surface(std::string key, F function, G gradient, SurfaceFacts facts)
      : Surface(std::move(facts), std::move(key),
                std::make_shared<Given<F, G>>(std::move(function), std::move(gradient))) {}

  /// The value at a point, and at many: tensors of one shape. What the function throws becomes a
  /// std::runtime_error that names surface and point.
  double value(double at_x, double at_y) const;
  at::Tensor value(const at::Tensor& at_x, const at::Tensor& at_y) const;
  /// The value with both partial derivatives.
  Dual gradient(double at_x, double at_y) const;

  /// What the noise adds at a point; 0 where the surface has no weights for it.
  double noise_at(const Noise& noise, double at_x, double at_y) const;
  /// A loss as it is reported: with noise, clipped to loss_limit if it is finite.
  double reported(double smooth, const Noise* noise, double at_x, double at_y) const;

  bool contains(double at_x, double at_y) const { return x.contains(at_x) && y.contains(at_y); }

 private:
  struct Function {
    virtual ~Function() = default;
    virtual double value(double x, double y) const = 0;
    virtual Dual gradient(double x, double y) const = 0;
  };

  /// A function of any number type.
  template <class F>
  struct Exact final : Function {
    static_assert(
        std::is_invocable_v<const F&, const double&, const double&> &&
            std::is_invocable_v<const F&, const Dual&, const Dual&>,
        "a surface's function must take any number type, [](const auto& x, const auto& y) "
        "{ ... }, so that its gradient can be computed; or give the gradient beside it: "
        "Surface(name, function, gradient, facts)");
    explicit Exact(F function) : f(std::move(function)) {}
    double value(double x, double y) const override { return f(x, y); }
    Dual gradient(double x, double y) const override { return f(Dual(x, 1, 0), Dual(y, 0, 1)); }
    F f;
  };

  /// A function of doubles and the pair of its derivatives.
  template <class F, class G>
  struct Given final : Function {
    static_assert(std::is_invocable_r_v<double, const F&, double, double>,
                  "a surface's function must be callable as double(double x, double y)");
    static_assert(std::is_invocable_r_v<std::array<double, 2>, const G&, double, double>,
                  "a surface's gradient must be callable as std::array<double, 2>(double x, double "
                  "y) and return {df/dx, df/dy}");
    Given(F function, G gradient) : f(std::move(function)), slopes(std::move(gradient)) {}
    double value(double x, double y) const override { return f(x, y); }
    Dual gradient(double x, double y) const override {
      const std::array<double, 2> slope = slopes(x, y);
      return {f(x, y), slope[0], slope[1]};
    }
    F f;
    G slopes;
  };

  Surface(SurfaceFacts facts, std::string key, std::shared_ptr<const Function> function);

  std::shared_ptr<const Function> function_;
};

/// The surface over its domain as a table of nx x ny values, both ends included unless open_end;
/// with noise if there is any.
Grid mesh(const Surface& surface, int64_t nx = 200, int64_t ny = 200, const Noise* noise = nullptr);

/// The surfaces that have a name: those of the gallery's races, which have noise; the usual test
/// functions of optimization; the errors of a line that is fitted to points; and all of them.
std::vector<Surface> search_surfaces();
std::vector<Surface> test_functions();
std::vector<Surface> regressions();
std::vector<Surface> surfaces();

/// The surface of that name (case and underscores do not matter); std::invalid_argument with the
/// nearest names if there is none.
Surface find_surface(std::string_view name);

}  // namespace descent
