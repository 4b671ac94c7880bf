#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <unordered_set>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/view_as_real.h>
#include <torch/serialize/archive.h>

#include <descent/optim/optimizer/lbfgs.h>
#include <descent/optim/pieces/vectors.h>
#include <descent/tensors/fit.h>

namespace descent {
namespace {

namespace their = torch::optim;

constexpr const char* kLBFGS = "LBFGS";
/// Pairs y, s of less curvature are not remembered.
constexpr double kLeastCurvature = 1e-10;

/// A complex tensor as twice as many real numbers, and any other as it is.
at::Tensor as_real(const at::Tensor& x) { return x.is_complex() ? at::view_as_real(x) : x; }

/// All parameters as one vector, in the type that is computed in.
class Flat {
 public:
  explicit Flat(const std::vector<at::Tensor>& params) : params_(params) {
    for (const at::Tensor& p : params) n_ += p.numel() * (p.is_complex() ? 2 : 1);
    const at::ScalarType type = c10::toRealValueType(params[0].scalar_type());
    options_ = params[0].options().dtype(type == at::kDouble ? at::kDouble : at::kFloat);
  }

  int64_t size() const { return n_; }
  at::Tensor empty() const { return at::empty({n_}, options_); }
  const at::TensorOptions& options() const { return options_; }

  at::Tensor gradient() const {
    return gathered([](const at::Tensor& p) {
      const at::Tensor& g = p.grad();
      return g.defined() && g.layout() != at::kStrided ? g.to_dense() : g;
    });
  }
  at::Tensor values() const {
    return gathered([](const at::Tensor& p) { return p.detach(); });
  }

  /// Sets the parameters to x + t d, or to x.
  void set(const at::Tensor& x, double t, const at::Tensor& d) const {
    const at::Tensor moved = empty();
    copy(moved, x);
    vectors::add(moved, t, d);
    set(moved);
  }
  void set(const at::Tensor& x) const {
    int64_t first = 0;
    for (const at::Tensor& p : params_) {
      const int64_t n = p.numel() * (p.is_complex() ? 2 : 1);
      if (is_plain(p)) {
        std::memcpy(p.mutable_data_ptr(), bytes(x, first), p.nbytes());
        // This is behind autograd's back: a graph that has saved the parameter must notice.
        auto* const impl = p.unsafeGetTensorImpl();
        if (!impl->is_inference()) impl->bump_version();
      } else {
        const at::Tensor place = as_real(p.detach());
        place.copy_(x.narrow(0, first, n).view(place.sizes()));
      }
      first += n;
    }
  }

  static void copy(const at::Tensor& to, const at::Tensor& from) {
    if (to.device().is_cpu())
      std::memcpy(to.mutable_data_ptr(), from.const_data_ptr(), from.nbytes());
    else
      to.copy_(from);
  }

 private:
  /// Whether its memory may be copied as it is.
  bool is_plain(const at::Tensor& x) const {
    return tensors::plain_storage(x) != nullptr &&
           c10::toRealValueType(x.scalar_type()) == c10::typeMetaToScalarType(options_.dtype()) &&
           !x.is_conj();
  }
  static char* bytes(const at::Tensor& x, int64_t first) {
    return static_cast<char*>(x.mutable_data_ptr()) + first * x.element_size();
  }

  /// What `part` says of each parameter, one after another; zeros where that is undefined.
  template <class Part>
  at::Tensor gathered(const Part& part) const {
    at::Tensor all = empty();
    int64_t first = 0;
    for (const at::Tensor& p : params_) {
      const int64_t n = p.numel() * (p.is_complex() ? 2 : 1);
      const at::Tensor x = part(p);
      if (!x.defined())
        all.narrow(0, first, n).zero_();
      else if (is_plain(x))
        std::memcpy(bytes(all, first), x.const_data_ptr(), x.nbytes());
      else
        all.narrow(0, first, n).copy_(as_real(x).reshape(-1));
      first += n;
    }
    return all;
  }

  const std::vector<at::Tensor>& params_;
  int64_t n_ = 0;
  at::TensorOptions options_;
};

/// The loss and its gradient at a distance t along the direction.
struct Point {
  double t, loss;
  at::Tensor gradient;
  double slope;  ///< gradient . direction
};

/// The least point of the cubic through two points with these slopes, within the limits.
double cubic(const Point& a, const Point& b, double lowest, double highest) {
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (lowest + highest) / 2;
  const double d2 = std::sqrt(square);
  const double least =
      a.t <= b.t ? b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
                 : a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2));
  return std::min(std::max(least, lowest), highest);
}

/// A search for a step t that satisfies the strong Wolfe conditions, from the point at 0.
template <class Evaluate>
class Search {
 public:
  Search(const Point& start, double longest, double tolerance_change, int64_t trials,
         Evaluate evaluate)
      : start_(start),
        longest_(longest),
        tolerance_change_(tolerance_change),
        trials_(trials),
        evaluate_(std::move(evaluate)) {}

  /// `longest` is the direction's largest magnitude.
  Point run(double t) {
    bracket(t);
    if (!done_) zoom();
    return ends_[low_];
  }

 private:
  static constexpr double kDescent = 1e-4, kSlope = 0.9;

  bool descends(const Point& at) const {
    return !(at.loss > start_.loss + kDescent * at.t * start_.slope);
  }
  bool is_flat(const Point& at) const { return std::abs(at.slope) <= -kSlope * start_.slope; }

  /// Goes on until the ends have a point between them, or there is one that will do.
  void bracket(double t) {
    Point before = start_, now = evaluate_(t);
    for (; trial_ < trials_; ++trial_) {
      const bool rises = trial_ > 1 && now.loss >= before.loss;
      if (descends(now) && !rises && is_flat(now)) {
        done_ = true;
        ends_ = {now, now};
        return;
      }
      if (!descends(now) || rises || now.slope >= 0) {
        ends_ = {before, now};
        order();
        return;
      }
      const double next = cubic(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10);
      before = std::exchange(now, evaluate_(next));
    }
    ends_ = {start_, now};
    order();
  }

  void zoom() {
    bool came_close = false;
    while (!done_ && trial_ < trials_) {
      if (std::abs(ends_[1].t - ends_[0].t) * longest_ < tolerance_change_) return;
      const double left = std::min(ends_[0].t, ends_[1].t);
      const double right = std::max(ends_[0].t, ends_[1].t);
      double t = cubic(ends_[0], ends_[1], left, right);
      const double margin = 0.1 * (right - left);
      const bool close = std::min(right - t, t - left) < margin;
      if (close && (came_close || t >= right || t <= left)) {
        t = std::abs(t - right) < std::abs(t - left) ? right - margin : left + margin;
        came_close = false;
      } else {
        came_close = close;
      }
      const Point now = evaluate_(t);
      ++trial_;
      Point& low = ends_[low_];
      Point& high = ends_[1 - low_];
      if (!descends(now) || now.loss >= low.loss) {
        high = now;
        order();
        continue;
      }
      if (is_flat(now))
        done_ = true;
      else if (now.slope * (high.t - low.t) >= 0)
        high = low;
      low = now;
    }
  }

  void order() { low_ = ends_[0].loss <= ends_[1].loss ? 0 : 1; }

  const Point& start_;
  double longest_, tolerance_change_;
  int64_t trials_, trial_ = 0;
  Evaluate evaluate_;
  std::array<Point, 2> ends_{};
  size_t low_ = 0;
  bool done_ = false;
};

/// What is remembered from iteration to iteration.
struct Memory {
  explicit Memory(const their::LBFGSParamState& state)
      : func_evals(state.func_evals()),
        n_iter(state.n_iter()),
        t(state.t()),
        loss(state.prev_loss()),
        d(state.d()),
        gradient(state.prev_flat_grad()),
        ys(state.old_dirs()),
        ss(state.old_stps()),
        ro(state.ro()) {
    for (const at::Tensor& number : ro) ros_.push_back(number.item<double>());
    if (state.H_diag().defined()) H = state.H_diag().item<double>();
  }

  void store(their::LBFGSParamState& state) const {
    state.func_evals(func_evals).n_iter(n_iter).t(t).prev_loss(loss).d(d).prev_flat_grad(gradient);
    state.old_dirs(ys).old_stps(ss).ro(ro);
    if (d.defined()) state.H_diag(at::scalar_tensor(H, d.options()));
  }

  int64_t func_evals, n_iter;
  double t, loss, H = 1;
  at::Tensor d, gradient;
  std::deque<at::Tensor> ys, ss, ro;

  /// Brings all vectors into the type and to the device of the parameters.
  void fit(const Flat& flat) {
    const auto fit = [&](at::Tensor& x) {
      if (x.defined()) x = x.to(flat.options()).contiguous();
    };
    fit(d);
    fit(gradient);
    for (auto* list : {&ys, &ss})
      for (at::Tensor& x : *list) fit(x);
  }
  void forget() {
    ys.clear();
    ss.clear();
    ro.clear();
    ros_.clear();
    H = 1;
  }

  /// Remembers y and s of the last iteration.
  void remember(const at::Tensor& g, int64_t history_size) {
    const at::Tensor y = g - gradient, s = d * t;
    const double curvature = vectors::dot(y, s);
    if (!(curvature > kLeastCurvature)) return;
    while (ys.size() >= static_cast<size_t>(history_size)) {
      ys.pop_front();
      ss.pop_front();
      ro.pop_front();
      ros_.pop_front();
    }
    ys.push_back(y);
    ss.push_back(s);
    ros_.push_back(rounded(1 / curvature));
    ro.push_back(at::scalar_tensor(ros_.back(), d.options()));
    H = rounded(curvature / vectors::dot(y, y));
  }
  /// Makes the direction for the gradient g.
  void turn(const at::Tensor& g) {
    const size_t n = ys.size();
    std::vector<double> al(n);
    at::Tensor q = -g;
    double next = n == 0 ? 0 : vectors::dot(ss[n - 1], q);
    for (size_t i = n; i-- > 0;) {
      al[i] = rounded(ros_[i] * next);
      if (i > 0)
        next = vectors::add_then_dot(q, -al[i], ys[i], ss[i - 1]);
      else
        vectors::add(q, -al[i], ys[i]);
    }
    q.mul_(H);
    next = n == 0 ? 0 : vectors::dot(ys[0], q);
    for (size_t i = 0; i < n; ++i) {
      const double a = al[i] - ros_[i] * next;
      if (i + 1 < n)
        next = vectors::add_then_dot(q, a, ss[i], ys[i + 1]);
      else
        vectors::add(q, a, ss[i]);
    }
    d = q;
  }

 private:
  double rounded(double x) const {
    return d.scalar_type() == at::kDouble ? x : static_cast<float>(x);
  }

  std::deque<double> ros_;  ///< ro as numbers
};

/// Whether two vectors and numbers of a state fit each other and the parameters, as a sentence; "" if
/// they do.
std::string problem_of(const their::LBFGSParamState& state, const Flat& flat) {
  const size_t n = state.old_dirs().size();
  if (state.func_evals() < 0 || state.n_iter() < 0)
    return c10::str("func_evals = ", state.func_evals(), " and n_iter = ", state.n_iter(),
                    ", must be >= 0");
  if (state.old_stps().size() != n || state.ro().size() != n)
    return c10::str(n, " old_dirs, ", state.old_stps().size(), " old_stps and ", state.ro().size(),
                    " ro, must be as many of each");
  if (state.n_iter() == 0) return n == 0 ? "" : "old_dirs at n_iter = 0, must have none then";
  const auto misfit = [&](const char* name, const at::Tensor& x) -> std::string {
    if (!x.defined()) return c10::str("no ", name, ", must have it at n_iter = ", state.n_iter());
    if (x.dim() != 1 || x.numel() != flat.size())
      return c10::str(name, " of sizes ", x.sizes(), ", must be [", flat.size(),
                      "] as the parameters have numbers; give back the old ones, or forget the "
                      "state by state().clear()");
    return x.layout() == at::kStrided && at::isFloatingType(x.scalar_type())
               ? ""
               : c10::str(name, " of dtype ", x.scalar_type(), ", must be real");
  };
  std::string found = misfit("d", state.d());
  if (found.empty()) found = misfit("prev_flat_grad", state.prev_flat_grad());
  for (size_t i = 0; i < n && found.empty(); ++i) {
    found = misfit("old_dirs", state.old_dirs()[i]);
    if (found.empty()) found = misfit("old_stps", state.old_stps()[i]);
    if (found.empty() && !(state.ro()[i].defined() && state.ro()[i].numel() == 1))
      found = "a ro that is no number, must be one";
  }
  if (found.empty() && state.H_diag().defined() && state.H_diag().numel() != 1)
    found = "an H_diag that is no number, must be one";
  return found;
}

/// The iterations of one step, from the loss at the parameters with its gradient in place.
template <class Loss>
void iterate(const LBFGS::Options& o, const Flat& flat, Memory& memory, double loss,
             const Loss& loss_here) {
  const int64_t max_eval = o.max_eval.value_or(o.max_iter * 5 / 4);
  at::Tensor g = flat.gradient();
  int64_t evaluations = 1;
  ++memory.func_evals;
  if (vectors::largest(g) <= o.tolerance_grad) return;
  for (int64_t n = 1;; ++n) {
    ++memory.n_iter;
    if (memory.n_iter == 1) {
      memory.forget();
      memory.d = -g;
    } else {
      memory.remember(g, o.history_size);
      memory.turn(g);
    }
    memory.gradient = g;
    memory.loss = loss;
    memory.t = memory.n_iter == 1 ? std::min(1.0, 1 / vectors::dot(g, g.sign())) * o.lr : o.lr;
    const double slope = vectors::dot(g, memory.d);
    if (slope > -o.tolerance_change) return;

    const at::Tensor x = flat.values();
    int64_t calls = 0;
    if (o.line_search == WolfeSearch::StrongWolfe) {
      const auto evaluate = [&](double t) {
        flat.set(x, t, memory.d);
        const double there = loss_here();
        ++calls;
        at::Tensor gradient = flat.gradient();
        flat.set(x);
        const double slope_there = vectors::dot(gradient, memory.d);
        return Point{t, there, std::move(gradient), slope_there};
      };
      const Point here{0, loss, g, slope};
      const Point found = Search(here, vectors::largest(memory.d), o.tolerance_change,
                                 max_eval - evaluations, evaluate)
                              .run(memory.t);
      memory.t = found.t;
      loss = found.loss;
      g = found.gradient;
      flat.set(x, memory.t, memory.d);
    } else {
      flat.set(x, memory.t, memory.d);
      if (n != o.max_iter) {
        loss = loss_here();
        g = flat.gradient();
        calls = 1;
      }
    }
    evaluations += calls;
    memory.func_evals += calls;
    if (n == o.max_iter || evaluations >= max_eval || vectors::largest(g) <= o.tolerance_grad ||
        std::abs(memory.t) * vectors::largest(memory.d) <= o.tolerance_change ||
        std::abs(loss - memory.loss) < o.tolerance_change)
      return;
  }
}

const at::Tensor& first_param(const their::OptimizerParamGroup& group) {
  return group.params().front();
}

their::LBFGSParamState* find_state(their::Optimizer& optimizer) {
  auto& states = optimizer.state();
  const auto found =
      states.find(first_param(optimizer.param_groups().front()).unsafeGetTensorImpl());
  if (found == states.end()) return nullptr;
  const their::OptimizerParamState* const held = found->second.get();
  auto* const state = dynamic_cast<their::LBFGSParamState*>(found->second.get());
  TORCH_CHECK(state != nullptr, kLBFGS, ": state() holds ",
              held == nullptr ? "nothing" : c10::demangle(typeid(*held).name()),
              ", must hold a torch::optim::LBFGSParamState; erase it to start anew");
  return state;
}

double loss_of(const at::Tensor& loss) {
  TORCH_CHECK(loss.defined() && loss.numel() == 1, kLBFGS, ": the closure returned ",
              loss.defined() ? c10::str("sizes ", loss.sizes()) : "nothing",
              ", must return one number");
  return loss.item<double>();
}

}  // namespace

their::LBFGSOptions LBFGS::theirs(const Options& options) {
  their::LBFGSOptions made(options.lr);
  made.max_iter(options.max_iter).max_eval(options.max_eval);
  made.tolerance_grad(options.tolerance_grad).tolerance_change(options.tolerance_change);
  made.history_size(options.history_size);
  if (options.line_search == WolfeSearch::StrongWolfe) made.line_search_fn("strong_wolfe");
  return made;
}

LBFGS::Options LBFGS::ours(const their::LBFGSOptions& options) {
  const auto& search = options.line_search_fn();
  TORCH_CHECK(!search || *search == "strong_wolfe", kLBFGS, ": line_search_fn = ", *search,
              ", must be none or strong_wolfe");
  return {.lr = options.lr(),
          .max_iter = options.max_iter(),
          .max_eval = options.max_eval(),
          .tolerance_grad = options.tolerance_grad(),
          .tolerance_change = options.tolerance_change(),
          .history_size = options.history_size(),
          .line_search = search ? WolfeSearch::StrongWolfe : WolfeSearch::None};
}

LBFGS::LBFGS(std::vector<at::Tensor> params, const Options& defaults)
    : LBFGS(Groups{their::OptimizerParamGroup(std::move(params))}, defaults) {}
LBFGS::LBFGS(const Groups& groups, const Options& defaults)
    : their::LBFGS(groups, theirs(defaults)) {
  check();
}

their::LBFGSOptions& LBFGS::options() {
  TORCH_CHECK(param_groups_.size() == 1, kLBFGS, ": has ", param_groups_.size(),
              " groups, must have one");
  their::OptimizerOptions& options = param_groups_[0].options();
  auto* const found = dynamic_cast<their::LBFGSOptions*>(&options);
  TORCH_CHECK(found != nullptr, kLBFGS, ": the group's options are ",
              c10::demangle(typeid(options).name()), ", must be torch::optim::LBFGSOptions");
  return *found;
}
const their::LBFGSOptions& LBFGS::options() const { return const_cast<LBFGS*>(this)->options(); }

const their::LBFGSParamState* LBFGS::memory() const {
  options();
  return find_state(const_cast<LBFGS&>(*this));
}

void LBFGS::check() const {
  const std::string problem = fields::problem(ours(options()));
  TORCH_CHECK(problem.empty(), kLBFGS, ": ", problem);
  const auto& params = param_groups_[0].params();
  TORCH_CHECK(!params.empty(), kLBFGS, ": params is empty, must hold a tensor");
  std::unordered_set<const void*> known;
  for (size_t i = 0; i < params.size(); ++i) {
    const at::Tensor& p = params[i];
    const auto refuse = [&](bool fits, auto... text) {
      TORCH_CHECK(fits, kLBFGS, ": params[", i, "] ", text...);
    };
    refuse(p.defined(), "is undefined, must be a tensor");
    refuse(p.layout() == at::kStrided, "has layout ", p.layout(), ", must be strided");
    refuse(at::isFloatingType(p.scalar_type()) || p.is_complex(), "has dtype ", p.scalar_type(),
           ", must be a floating-point type");
    refuse(p.is_leaf(), "is the result of an operation, must be a leaf (detach it)");
    refuse(p.scalar_type() == params[0].scalar_type() && p.device() == params[0].device(),
           "has dtype ", p.scalar_type(), " on ", p.device(), ", must have ",
           params[0].scalar_type(), " on ", params[0].device(), " as params[0]");
    refuse(known.insert(p.unsafeGetTensorImpl()).second, "is there twice, must be there once");
    const std::string misfit = tensors::misfit(p, p.sizes());
    refuse(misfit.empty(), misfit);
    const at::Tensor& g = p.grad();
    if (g.defined())
      refuse(g.sizes() == p.sizes() && c10::isComplexType(g.scalar_type()) == p.is_complex(),
             "has a gradient of sizes ", g.sizes(), " and dtype ", g.scalar_type(), ", must be ",
             p.sizes(), p.is_complex() ? " and complex" : " and real");
  }
  if (const their::LBFGSParamState* const state = memory()) {
    const std::string misfit = problem_of(*state, Flat(params));
    TORCH_CHECK(misfit.empty(), kLBFGS, ": the state has ", misfit);
  }
}

at::Tensor LBFGS::step(LossClosure closure) {
  TORCH_CHECK(closure != nullptr, kLBFGS,
              ": step() got no closure, must get one that computes loss and gradients");
  check();
  const Options o = ours(options());
  const auto& params = param_groups_[0].params();
  const Flat flat(params);
  const at::NoGradGuard no_grad;
  const at::Tensor start = flat.values();
  const auto evaluated = [&] {
    const at::AutoGradMode with_gradients(true);
    return closure();
  };
  const their::LBFGSParamState none;
  const their::LBFGSParamState* const known = find_state(*this);
  Memory memory(known == nullptr ? none : *known);
  memory.fit(flat);
  at::Tensor first_loss;
  try {
    first_loss = evaluated();
    iterate(o, flat, memory, loss_of(first_loss), [&] { return loss_of(evaluated()); });
  } catch (...) {
    flat.set(start);
    throw;
  }
  auto& slot = state_[params.front().unsafeGetTensorImpl()];
  if (slot == nullptr) slot = std::make_unique<their::LBFGSParamState>();
  memory.store(static_cast<their::LBFGSParamState&>(*slot));
  return first_loss;
}

void LBFGS::save(torch::serialize::OutputArchive& archive) const {
  check();
  their::LBFGS::save(archive);
}

void LBFGS::load(torch::serialize::InputArchive& archive) {
  // Read aside, because LibTorch's reader changes what it has before it finds a fault.
  LBFGS read(param_groups_.at(0).params());
  read.their::LBFGS::load(archive);
  auto* const state = find_state(read);
  start(read.options(),
        state == nullptr ? nullptr : std::make_unique<their::LBFGSParamState>(*state));
}

void LBFGS::start(const their::LBFGSOptions& options,
                  std::unique_ptr<their::LBFGSParamState> state) {
  const their::LBFGSOptions before = this->options();
  std::unique_ptr<their::OptimizerParamState> made = std::move(state);
  const auto exchange = [&](const their::LBFGSOptions& now) {
    this->options() = now;
    auto* const key = first_param(param_groups_[0]).unsafeGetTensorImpl();
    std::swap(state_[key], made);
    if (state_[key] == nullptr) state_.erase(key);
  };
  exchange(options);
  try {
    check();
  } catch (...) {
    exchange(before);
    throw;
  }
}

}  // namespace descent
