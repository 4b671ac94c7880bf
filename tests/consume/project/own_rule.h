#pragma once
#include <descent/optim/engine/rule.h>

struct HalfWay {
  static constexpr descent::About about{"HalfWay", "half_way", "this test"};
  struct Options {
    double lr = 0.5;
    DESCENT_OPTIONS((lr, non_negative))
  };
  template <class T>
  struct State {
    T previous;
    DESCENT_BUFFERS(previous)
  };
  template <class T>
  struct Coefficients {
    T lr;
  };
  static Coefficients<double> begin(const Options& o, const descent::StepInfo&) { return {o.lr}; }
  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    p = p - k.lr * (g + s.previous);
    s.previous = g;
  }
};
