// L-BFGS beside LibTorch's class, which it is. tests/optim/python_lbfgs_test.cpp compares with
// Python.
#include <sstream>

#include <gmock/gmock.h>
#include <torch/optim/adam.h>
#include <torch/optim/lbfgs.h>
#include <torch/types.h>

#include <descent/optim.h>
#include <descent/optim/pieces/vectors.h>

#include "checks.h"
#include "wrapping.h"

namespace {

using namespace checks;
using namespace wrapping;
using descent::LBFGS;
using descent::WolfeSearch;
using testing::HasSubstr;

// ---- the numbers

at::Tensor rosenbrock(const at::Tensor& x) {
  return (1 - x[0]).pow(2) + 100 * (x[1] - x[0].pow(2)).pow(2);
}

/// Trains at the Rosenbrock function's usual start.
struct Valley {
  at::Tensor x = torch::tensor({-1.2, 1.0}, at::kDouble).requires_grad_();
  LBFGS opt;

  explicit Valley(const LBFGS::Options& options) : opt({x}, options) {}
  void step() {
    opt.step([this] {
      x.mutable_grad() = at::Tensor();
      at::Tensor loss = rosenbrock(x);
      loss.backward();
      return loss;
    });
  }
  void expect(double x0, double x1, int64_t func_evals, int64_t n_iter) const {
    EXPECT_NEAR(x[0].item<double>(), x0, 1e-8);
    EXPECT_NEAR(x[1].item<double>(), x1, 1e-8);
    EXPECT_EQ(opt.memory()->func_evals(), func_evals);
    EXPECT_EQ(opt.memory()->n_iter(), n_iter);
  }
};

TEST(LBFGS, SearchesInRosenbrocksValleyAsPythonDoes) {
  Valley valley({.line_search = WolfeSearch::StrongWolfe});
  valley.step();
  valley.expect(0.38062264334648777, 0.12491013187293636, 25, 19);
  valley.step();
  valley.expect(0.9999814210791366, 0.9999619651810989, 44, 35);
  valley.step();
  valley.expect(0.9999814210791366, 0.9999619651810989, 45, 36);
}

TEST(LBFGS, StepsInRosenbrocksValleyAsPythonDoes) {
  Valley valley({.lr = 1e-3});
  valley.step();
  valley.expect(-1.1968945987637307, 1.0022665885892468, 20, 20);
}

/// The two classes on problems of their own, step by step.
struct Pair {
  Problem one, other;
  LBFGS ours;
  torch::optim::LBFGS theirs;

  explicit Pair(const torch::optim::LBFGSOptions& options, const Shapes& shapes = kSmallShapes)
      : one{parameters(shapes, at::kDouble)},
        other{parameters(shapes, at::kDouble)},
        ours(one.params, options),
        theirs(other.params, options) {}

  void steps(int64_t from, int64_t to) {
    for (int64_t t = from; t <= to; ++t) {
      one.t = other.t = t;
      const at::Tensor loss = ours.step(one.closure());
      EXPECT_TRUE(at::allclose(loss, theirs.step(other.closure()), 1e-12, 1e-12)) << t;
      expect_equal(t);
    }
  }
  void expect_equal(int64_t t) const {
    for (size_t i = 0; i < one.params.size(); ++i)
      EXPECT_TRUE(at::allclose(one.params[i], other.params[i], 1e-12, 1e-12))
          << "step " << t << ", params[" << i
          << "]: " << (one.params[i] - other.params[i]).abs().max();
    EXPECT_EQ(one.calls, other.calls) << t;
  }
};

TEST(LBFGS, FollowsLibTorchsClass) {
  for (const auto& options :
       {torch::optim::LBFGSOptions(0.5).max_iter(4),
        torch::optim::LBFGSOptions(1).max_iter(6).history_size(2),
        torch::optim::LBFGSOptions(1).max_iter(8).line_search_fn("strong_wolfe"),
        torch::optim::LBFGSOptions(0.1).max_iter(5).max_eval(7).line_search_fn("strong_wolfe")}) {
    // Roundings, whose order is another, grow tenfold a step on this problem.
    Pair pair(options);
    pair.steps(1, 2);
  }
}

TEST(LBFGS, TakesWhatAProgramWritesThroughLibTorchsClasses) {
  Pair pair(torch::optim::LBFGSOptions(0.5).max_iter(3));
  pair.steps(1, 2);
  for (torch::optim::Optimizer* opt : {static_cast<torch::optim::Optimizer*>(&pair.ours),
                                       static_cast<torch::optim::Optimizer*>(&pair.theirs)})
    static_cast<torch::optim::LBFGSOptions&>(opt->param_groups()[0].options()).lr(0.25);
  pair.steps(3, 4);
  // The state of LibTorch's own object is adopted as it is.
  auto* const here = pair.one.params[0].unsafeGetTensorImpl();
  auto* const there = pair.other.params[0].unsafeGetTensorImpl();
  EXPECT_NE(dynamic_cast<torch::optim::LBFGSParamState*>(pair.ours.state()[here].get()), nullptr);
  pair.ours.state()[here] = pair.theirs.state()[there]->clone();
  pair.steps(5, 6);
  pair.theirs.state()[there] = pair.ours.state()[here]->clone();
  pair.steps(7, 8);
  pair.ours.state().clear();
  pair.theirs.state().clear();
  pair.steps(9, 10);
}

TEST(LBFGS, IsTakenWhereLibTorchsIs) {
  const auto p = parameters({{3}}, at::kDouble);
  EXPECT_TRUE((std::is_base_of_v<torch::optim::LBFGS, LBFGS>));
  EXPECT_EQ(LBFGS(p, 0.5).options().lr(), 0.5);
  EXPECT_EQ(LBFGS(p, {.max_iter = 8}).options().max_eval(), 10);
  EXPECT_EQ(LBFGS(p, descent::LBFGSOptions(2).history_size(7)).options().history_size(), 7);
  EXPECT_EQ(LBFGS(p).options().max_iter(), 20);
  EXPECT_FALSE(LBFGS(p).options().line_search_fn());
  LBFGS opt(p);
  descent::Scheduler schedule(opt, descent::StepLR{.step_size = 1, .gamma = 0.5});
  schedule.step();
  EXPECT_EQ(opt.options().lr(), 0.5);
}

// ---- types and layouts

TEST(LBFGS, GivesTheSameBitsOnEveryPassAndOnAnyNumberOfThreads) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    std::vector<at::Tensor> wanted;
    for (const std::string& pass : passes())
      for (const int threads : {1, 2}) {
        const PassScope scope(pass);
        const ThreadScope on(threads);
        const auto params = parameters({{40000}, {33}, {}, {0}}, type);
        LBFGS opt(params, {.lr = 0.5, .max_iter = 4, .line_search = WolfeSearch::StrongWolfe});
        for (int64_t t = 1; t <= 2; ++t)
          opt.step([&] {
            double loss = 0;
            for (const auto& p : params) {
              const at::Tensor x = p.detach().to(at::kDouble);
              p.mutable_grad() = (x + 0.3 * x.sign()).to(type);
              // Adding up the same numbers in one order, whatever the number of threads.
              const at::Tensor terms = (x * x / 2 + 0.3 * x.abs()).contiguous();
              for (int64_t i = 0; i < x.numel(); ++i) loss += terms.data_ptr<double>()[i];
            }
            return torch::tensor(loss, at::kDouble);
          });
        if (wanted.empty()) wanted = copies(params);
        EXPECT_EQ(difference(wanted, copies(params)), "")
            << pass << ", " << threads << ", " << type;
      }
  }
}

/// A step of a quadratic with the least point at 2, of parameters as `make` lays them.
template <class Make>
std::vector<at::Tensor> after_two_steps(const Make& make) {
  std::vector<at::Tensor> params;
  for (const at::Tensor& x : parameters({{4, 6}, {5}}, at::kDouble))
    params.push_back(make(x.detach()).requires_grad_());
  LBFGS opt(params, {.lr = 0.3, .max_iter = 3});
  for (int i = 0; i < 2; ++i)
    opt.step([&] {
      at::Tensor loss = torch::zeros({}, at::kDouble);
      for (size_t k = 0; k < params.size(); ++k) {
        params[k].mutable_grad() = at::Tensor();
        loss = loss + (params[k] - 2).pow(2).sum() * (1.0 + static_cast<double>(k));
      }
      loss.backward();
      return loss;
    });
  return copies(params);
}

TEST(LBFGS, TakesAnyLayoutOfParameters) {
  const auto wanted = after_two_steps([](const at::Tensor& x) { return x; });
  const auto transposed = after_two_steps(
      [](const at::Tensor& x) { return x.dim() == 2 ? x.t().contiguous().t() : x; });
  const auto strided = after_two_steps([](const at::Tensor& x) {
    at::Tensor wide = torch::zeros({x.size(0), x.numel() / x.size(0) * 2}, x.options());
    const at::Tensor part = x.dim() == 2 ? wide.slice(1, 0, wide.size(1), 2) : wide.select(1, 0);
    part.copy_(x);
    return part.detach();
  });
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_TRUE(same_bits(wanted[i], transposed[i].contiguous())) << i;
    EXPECT_TRUE(same_bits(wanted[i], strided[i].contiguous())) << i;
  }
}

TEST(LBFGS, IsNamedByTheRegistryThatCannotMakeIt) {
  EXPECT_THAT(refusal([] { descent::find_rule("lbfgs"); }),
              HasSubstr("must be made as descent::LBFGS"));
  EXPECT_THAT(refusal([] { descent::make_optimizer("LBFGS", parameters({{4}}, at::kFloat)); }),
              HasSubstr("calls the closure as often as its search needs"));
}

TEST(LBFGS, TakesComplexParametersForPairsOfReals) {
  const at::Tensor pairs = parameters({{4, 2}}, at::kDouble)[0];
  const at::Tensor whole = torch::view_as_complex(pairs.detach().clone()).requires_grad_();
  const auto train = [](const at::Tensor& x) {
    LBFGS opt({x}, {.max_iter = 5, .line_search = WolfeSearch::StrongWolfe});
    for (int i = 0; i < 2; ++i)
      opt.step([&] {
        x.mutable_grad() = at::Tensor();
        const at::Tensor real = x.is_complex() ? torch::view_as_real(x) : x;
        const at::Tensor loss = (real.pow(4) + real.pow(2)).sum() + real.sum();
        loss.backward();
        return loss;
      });
  };
  train(pairs);
  train(whole);
  EXPECT_TRUE(at::allclose(torch::view_as_real(whole.detach()), pairs.detach(), 1e-13, 1e-13));
}

TEST(LBFGS, TakesSparseAndMissingGradientsForDenseOnes) {
  const auto train = [](int kind) {
    const auto params = parameters({{4, 3}, {2}}, at::kDouble);
    LBFGS opt(params, {.lr = 0.2, .max_iter = 3});
    opt.step([&] {
      const at::Tensor g = params[0].detach().clone();
      g[1].zero_();
      params[0].mutable_grad() = kind == 1 ? g.to_sparse() : g;
      params[1].mutable_grad() = kind == 1 ? at::Tensor() : torch::zeros({2}, at::kDouble);
      return (params[0].detach() * g).sum() / 2;
    });
    return copies(params);
  };
  EXPECT_EQ(difference(train(0), train(1)), "");
}

TEST(LBFGS, NeverWritesAGradient) {
  const auto params = parameters(kSmallShapes, at::kDouble);
  LBFGS opt(params, {.max_iter = 4, .line_search = WolfeSearch::StrongWolfe});
  std::vector<at::Tensor> given;
  opt.step([&] {
    at::Tensor loss = torch::zeros({}, at::kDouble);
    for (const auto& p : params) {
      const at::Tensor g = p.detach() * 3;
      p.mutable_grad() = g;
      given.push_back(g);
      given.push_back(g.clone());
      loss = loss + (p.detach() * g).sum() / 2;
    }
    return loss;
  });
  for (size_t i = 0; i < given.size(); i += 2) EXPECT_TRUE(same_bits(given[i], given[i + 1]));
}

TEST(LBFGS, ForgetsTheOldestWhereTheHistoryIsMadeShorter) {
  Problem problem{parameters(kSmallShapes, at::kDouble)};
  LBFGS opt(problem.params, {.lr = 0.2, .max_iter = 6});
  problem.t = 1;
  opt.step(problem.closure());
  ASSERT_EQ(opt.memory()->old_dirs().size(), 5u);
  opt.options().history_size(2);
  opt.step(problem.closure());
  EXPECT_EQ(opt.memory()->old_dirs().size(), 2u);
  EXPECT_EQ(opt.memory()->old_stps().size(), 2u);
  EXPECT_EQ(opt.memory()->ro().size(), 2u);
}

// ---- files

TEST(LBFGS, ExchangesArchivesWithLibTorchsClass) {
  // LibTorch's class cannot be saved before its history is full.
  const auto options =
      torch::optim::LBFGSOptions(0.5).max_iter(4).history_size(3).line_search_fn("strong_wolfe");
  Pair pair(options);
  pair.steps(1, 3);
  const std::string ours = saved(pair.ours), theirs = saved(pair.theirs);
  LBFGS here(pair.one.params);
  torch::optim::LBFGS there(pair.other.params);
  load_from(here, theirs);
  load_from(there, ours);
  EXPECT_EQ(here.options().lr(), 0.5);
  EXPECT_EQ(here.memory()->n_iter(), pair.ours.memory()->n_iter());
  pair.one.t = pair.other.t = 4;
  here.step(pair.one.closure());
  there.step(pair.other.closure());
  pair.expect_equal(4);
}

TEST(LBFGS, GoesOnBitForBitFromAnArchive) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    Problem one{parameters(kSmallShapes, type)}, other{parameters(kSmallShapes, type)};
    LBFGS first(one.params, {.lr = 0.5, .max_iter = 3}), second(other.params);
    one.t = 1;
    first.step(one.closure());
    load_from(second, saved(first));
    for (size_t i = 0; i < one.params.size(); ++i)
      other.params[i].detach().copy_(one.params[i].detach());
    one.t = other.t = 2;
    first.step(one.closure());
    second.step(other.closure());
    EXPECT_EQ(difference(copies(one.params), copies(other.params)), "") << type;
  }
}

TEST(LBFGS, SavesWhatItKnowsAheadOfItsFirstIteration) {
  const auto params = parameters({{3}}, at::kDouble);
  LBFGS opt(params, {.max_iter = 7});
  LBFGS fresh(params);
  load_from(fresh, saved(opt));
  EXPECT_EQ(fresh.options().max_iter(), 7);
  EXPECT_EQ(fresh.memory(), nullptr);
  opt.step([&] {  // at the least point
    params[0].mutable_grad() = torch::zeros({3}, at::kDouble);
    return torch::zeros({});
  });
  EXPECT_EQ(opt.memory()->func_evals(), 1);
  EXPECT_EQ(opt.memory()->n_iter(), 0);
  LBFGS second(params);
  load_from(second, saved(opt));
  EXPECT_EQ(second.memory()->func_evals(), 1);
}

TEST(LBFGS, RefusesArchivesThatDoNotFitAndKeepsItsState) {
  Problem problem{parameters({{3}}, at::kDouble)};
  LBFGS opt(problem.params, {.lr = 0.5, .max_iter = 3});
  problem.t = 1;
  opt.step(problem.closure());
  Problem larger{parameters({{4}}, at::kDouble)};
  LBFGS other(larger.params);
  larger.t = 1;
  other.step(larger.closure());
  const std::string before = saved(opt);
  const int64_t n_iter = opt.memory()->n_iter();
  EXPECT_THAT(refusal([&] { load_from(opt, saved(other)); }),
              HasSubstr("LBFGS: the state has d of sizes [4], must be [3]"));
  EXPECT_EQ(opt.memory()->n_iter(), n_iter);
  EXPECT_EQ(opt.options().lr(), 0.5);
  EXPECT_EQ(saved(opt), before);
}

// ---- refusals

TEST(LBFGS, RefusesWhatItCannotWorkWith) {
  const auto p = parameters({{3}}, at::kDouble);
  const auto of = [&](const LBFGS::Options& options) {
    return refusal([&] { LBFGS(p, options); });
  };
  EXPECT_THAT(of({.lr = -1}), HasSubstr("LBFGS: lr = -1, must be finite and >= 0"));
  EXPECT_THAT(of({.max_iter = 0}), HasSubstr("max_iter = 0"));
  EXPECT_THAT(of({.max_eval = 0}), HasSubstr("max_eval = 0"));
  EXPECT_THAT(of({.tolerance_grad = -1}), HasSubstr("tolerance_grad = -1"));
  EXPECT_THAT(of({.tolerance_change = NAN}), HasSubstr("tolerance_change = nan"));
  EXPECT_THAT(of({.history_size = 0}), HasSubstr("history_size = 0"));
  EXPECT_THAT(refusal([&] { LBFGS(p, torch::optim::LBFGSOptions(1).line_search_fn("armijo")); }),
              HasSubstr("line_search_fn = armijo, must be none or strong_wolfe"));
  EXPECT_THAT(refusal([&] {
                LBFGS({torch::ones({2}), torch::ones({2}, at::kDouble)});
              }),
              HasSubstr("params[1] has dtype Double on cpu, must have Float on cpu as params[0]"));
  EXPECT_THAT(refusal([&] { LBFGS({torch::ones({2}, at::kLong)}); }), HasSubstr("has dtype Long"));
  EXPECT_NE(refusal([&] { LBFGS(std::vector<at::Tensor>{}); }), "");
  EXPECT_NE(refusal([&] {
              LBFGS({torch::optim::OptimizerParamGroup(p),
                     torch::optim::OptimizerParamGroup(parameters({{2}}, at::kDouble))});
            }),
            "");
  LBFGS opt(p);
  EXPECT_THAT(refusal([&] { opt.step(nullptr); }), HasSubstr("step() got no closure"));
  EXPECT_THAT(refusal([&] { opt.step([] { return at::Tensor(); }); }),
              HasSubstr("the closure returned nothing, must return one number"));
  opt.state()[p[0].unsafeGetTensorImpl()] = std::make_unique<torch::optim::AdamParamState>();
  EXPECT_THAT(refusal([&] { opt.step([] { return torch::ones({}); }); }),
              HasSubstr("state() holds torch::optim::AdamParamState"));
  opt.state().clear();
  opt.options().lr(-2);
  EXPECT_THAT(refusal([&] { opt.step([] { return torch::ones({}); }); }), HasSubstr("lr = -2"));
  opt.options().lr(1);
  static_cast<torch::optim::Optimizer&>(opt).add_param_group(
      torch::optim::OptimizerParamGroup(parameters({{2}}, at::kDouble)));
  EXPECT_THAT(refusal([&] { opt.step([] { return torch::ones({}); }); }),
              HasSubstr("has 2 groups, must have one"));
}

TEST(LBFGS, RefusesParametersThatHaveLeftTheirState) {
  Problem problem{parameters({{3}, {2}}, at::kDouble)};
  LBFGS opt(problem.params, {.lr = 0.5, .max_iter = 3});
  problem.t = 1;
  opt.step(problem.closure());
  problem.params[1].set_data(torch::ones({4}, at::kDouble));
  problem.forget_gradients();
  EXPECT_THAT(refusal([&] { opt.step(problem.closure()); }),
              HasSubstr("the state has d of sizes [5], must be [7]"));
}

TEST(LBFGS, IsAsBeforeWhenTheClosureThrows) {
  for (const auto search : {WolfeSearch::None, WolfeSearch::StrongWolfe})
    for (const int last : {1, 2, 5}) {
      Problem problem{parameters(kSmallShapes, at::kDouble)};
      LBFGS opt(problem.params, {.lr = 0.5, .max_iter = 8, .line_search = search});
      problem.t = 1;
      opt.step(problem.closure());
      const auto before = copies(problem.params);
      const std::string state = saved(opt);
      int calls = 0;
      problem.t = 2;
      const auto closure = problem.closure();
      EXPECT_THROW(opt.step([&] {
        if (++calls == last) throw std::runtime_error("enough");
        return closure();
      }),
                   std::runtime_error);
      EXPECT_EQ(calls, last);
      EXPECT_EQ(difference(copies(problem.params), before), "");
      EXPECT_EQ(saved(opt), state);
    }
}

TEST(LBFGS, LetsAutogradNoticeThatItMovedAParameter) {
  const at::Tensor p = parameters({{3}}, at::kDouble)[0];
  const at::Tensor graph = (p * p).sum();
  LBFGS opt({p}, {.max_iter = 1});
  opt.step([&] {
    p.mutable_grad() = torch::ones({3}, at::kDouble);
    return torch::ones({});
  });
  EXPECT_THAT(refusal([&] { graph.backward(); }), HasSubstr("modified by an inplace operation"));
}

// ---- the loops

TEST(Vectors, AreAddedAndMultipliedAsTensorsAre) {
  for (const auto type : {at::kFloat, at::kDouble})
    for (const int64_t n : {0, 1, 127, 128, 129, 4096, 4097, 9000, 70001}) {
      const double tolerance = type == at::kDouble ? 1e-12 : 1e-4;
      const auto vectors = parameters({{n}, {n}, {n}}, type);
      const at::Tensor x = vectors[0].detach(), z = vectors[2].detach();
      at::Tensor y = vectors[1].detach();
      const double length = std::sqrt(static_cast<double>(n));
      EXPECT_NEAR(descent::vectors::dot(x, z), (x.to(at::kDouble) * z).sum().item<double>(),
                  tolerance * (1 + length))
          << n;
      const at::Tensor wanted = y + x * 0.3;
      const double product = descent::vectors::add_then_dot(y, 0.3, x, z);
      EXPECT_TRUE(at::allclose(y, wanted, tolerance, tolerance)) << n;
      EXPECT_EQ(product, descent::vectors::dot(y, z)) << n;
      EXPECT_EQ(descent::vectors::largest(x), n == 0 ? 0 : x.abs().max().item<double>()) << n;
      if (n == 0) continue;
      x[n / 2] = NAN;
      EXPECT_TRUE(std::isnan(descent::vectors::largest(x))) << n;
    }
}

}  // namespace
