#pragma once
#include <utility>
#include <vector>

#include <descent/surfaces/surface.h>

namespace descent {

/// The points (x_i, y_i) that a line t0 + t1 x is fitted to.
struct LineData {
  std::vector<double> x{}, y{};
};

/// Twenty points about the line 1 + 2 x, x in [-1, 2], deviation 0.3: the same on every call.
LineData sample_line();

/// The line of least squares as the point (t0, t1): the minimum of Mse and Rmse. Throws
/// std::invalid_argument for data without points, of two lengths or not finite, and where all x are
/// equal, because then many lines are best.
Point least_squares(const LineData& data);

namespace functions {

/// What a loss of the line t0 + t1 x averages over the points: some function of the errors
/// e_i = y_i - t0 - t1 x_i.
class LineErrors {
 public:
  /// Throws std::invalid_argument for data without points, of two lengths or not finite.
  explicit LineErrors(LineData data);

  const LineData& data() const { return data_; }

  template <class T, class F>
  T mean(const T& t0, const T& t1, F of_error) const {
    const auto at = [&](size_t i) -> T { return of_error(data_.y[i] - t0 - data_.x[i] * t1); };
    T sum = at(0);
    for (size_t i = 1; i < data_.x.size(); ++i) sum = sum + at(i);
    return sum / static_cast<double>(data_.x.size());
  }

 protected:
  /// Domain and start by the data: around the line of least squares.
  SurfaceFacts facts(std::string name, std::string title, std::string formula) const;

 private:
  LineData data_;
};

/// The mean squared error of a line over (t0, t1).
struct Mse : LineErrors {
  using LineErrors::LineErrors;
  template <class T>
  T operator()(const T& t0, const T& t1) const {
    return mean(t0, t1, [](const T& e) -> T { return e * e; });
  }
  SurfaceFacts facts() const;
};

/// Its root; the gradient is (0, 0) where the error is 0.
struct Rmse : LineErrors {
  using LineErrors::LineErrors;
  template <class T>
  T operator()(const T& t0, const T& t1) const {
    return sqrt(mean(t0, t1, [](const T& e) -> T { return e * e; }));
  }
  SurfaceFacts facts() const;
};

/// The mean absolute error; the derivative of |e| is sign(e), 0 at 0.
struct Mae : LineErrors {
  using LineErrors::LineErrors;
  template <class T>
  T operator()(const T& t0, const T& t1) const {
    return mean(t0, t1, [](const T& e) -> T { return abs(e); });
  }
  SurfaceFacts facts() const;
};

}  // namespace functions
}  // namespace descent
