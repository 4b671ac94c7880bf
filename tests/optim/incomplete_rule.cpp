// A rule that compiles as it stands, and must not with any of FORGOTTEN_OPTION, FORGOTTEN_BUFFER and
// FORGOTTEN_SCALAR, each of which is a member that its list leaves out.
#include <descent/optim/engine/compile.h>

struct Incomplete {
  static constexpr descent::About about{"Incomplete", "incomplete", "this test"};
  struct Options {
    double lr = 1e-3;
    std::array<double, 2> betas{0.9, 0.99};
    std::optional<double> limit = {};
#ifdef FORGOTTEN_OPTION
    bool forgotten = false;
#endif
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (limit, positive))
  };
  template <class T>
  struct State {
    T first;
#ifdef FORGOTTEN_BUFFER
    T forgotten;
#endif
    DESCENT_BUFFERS(first)
  };
  struct Scalars {
    double first = 1;
#ifdef FORGOTTEN_SCALAR
    double forgotten = 1;
#endif
    DESCENT_BUFFERS(first)
  };
  template <class T>
  struct Coefficients {
    T lr;
  };
  static Coefficients<double> begin(const Options& o, const descent::StepInfo&, Scalars& s) {
    return {o.lr * s.first};
  }
  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.first = g;
    p = p - k.lr * g;
  }
};

DESCENT_COMPILE(Incomplete)
