// dlib's find_min_global on the functions of bench_tune: what is left after 50 evaluations, the
// median over 20 seeds of its random numbers, and the time of choosing an evaluation. Built by hand,
// since nothing else needs dlib (Debian: libdlib-dev):
//
//   c++ -std=c++20 -O3 bench/peers/tune_dlib.cpp -ldlib -o tune_dlib && ./tune_dlib
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <string>
#include <vector>

#include <dlib/global_optimization.h>
#include <time.h>

namespace {

using Vector = dlib::matrix<double, 0, 1>;

struct Function {
  std::string name;
  Vector lo, hi;
  double minimum;
  double (*value)(const Vector& x);
};

double branin(const Vector& v) {
  const double pi = std::numbers::pi, x = v(0);
  const double bend = v(1) - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6;
  return bend * bend + 10 * (1 - 1 / (8 * pi)) * std::cos(x) + 10;
}

double hartmann_6(const Vector& x) {
  static const double heights[] = {1, 1.2, 3, 3.2};
  static const double widths[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                      {0.05, 10, 17, 0.1, 8, 14},
                                      {3, 3.5, 1.7, 10, 17, 8},
                                      {17, 8, 0.05, 10, 0.1, 14}};
  static const double places[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                                      {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                                      {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                                      {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    double square = 0;
    for (int k = 0; k < 6; ++k) square += widths[i][k] * std::pow(x(k) - places[i][k], 2);
    sum -= heights[i] * std::exp(-square);
  }
  return sum;
}

/// Of the logarithms of its two variables, as dlib has no logarithmic scale of its own.
double log_bowl(const Vector& x) { return std::pow(x(0) + 2.5, 2) + 0.25 * std::pow(x(1) + 4, 2); }

Vector of(std::vector<double> numbers) {
  Vector v(static_cast<long>(numbers.size()));
  for (long i = 0; i < v.size(); ++i) v(i) = numbers[static_cast<size_t>(i)];
  return v;
}

double worked() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double median(std::vector<double> list) {
  std::sort(list.begin(), list.end());
  const size_t n = list.size();
  return (list[(n - 1) / 2] + list[n / 2]) / 2;
}

}  // namespace

int main() {
  const Function functions[] = {{"Branin", of({-5, 0}), of({10, 15}), 0.397887357729738, branin},
                                {"Hartmann-6", of(std::vector<double>(6, 0)),
                                 of(std::vector<double>(6, 1)), -3.32236801141551, hartmann_6},
                                {"logbowl", of({-6, -8}), of({1, 0}), 0, log_bowl}};
  for (const Function& function : functions) {
    std::vector<double> left, times;
    for (int seed = 0; seed < 20; ++seed) {
      const dlib::function_spec spec(function.lo, function.hi);
      dlib::global_function_search search(spec);
      search.set_seed(static_cast<time_t>(seed));
      double least = INFINITY;
      for (int trial = 0; trial < 50; ++trial) {
        const double begin = worked();
        auto next = search.get_next_x();
        if (trial >= 10) times.push_back(worked() - begin);
        const double value = function.value(next.x());
        next.set(-value);  // it maximises
        least = std::min(least, value);
      }
      left.push_back(least - function.minimum);
    }
    std::printf("dlib    %-11s median regret after 50 trials %8.2g, asking %8.4f ms\n",
                function.name.c_str(), median(left), 1e3 * median(times));
  }
}
