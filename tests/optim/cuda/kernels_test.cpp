// The kernels for CUDA, run by emulated.h, against the loops: every rule, form, kind of decay and
// format, bit for bit.
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <descent/optim/engine/cuda/launch.h>
#include <descent/optim/engine/low_precision.h>
#include <descent/optim/engine/norms.h>

#include "emulated_rules.h"

namespace descent::engine::cuda {
namespace {

constexpr const char* kNames[] = {
    "float", "double", "bfloat16", "half", "bfloat16 with float state", "half with float state"};

bool has_short_parameters(Format format) { return format >= Format::BFloat16; }
bool has_float_state(Format format) { return format >= Format::BFloat16FloatState; }
NumberType parameter_type(Format format) {
  if (format == Format::BFloat16FloatState) return NumberType::BFloat16;
  if (format == Format::HalfFloatState) return NumberType::Half;
  return static_cast<NumberType>(format);
}
NumberType buffer_type(Format format) {
  return has_float_state(format) ? NumberType::Float : parameter_type(format);
}
std::size_t size_of(NumberType type) {
  return has_16_bits(type) ? 2 : type == NumberType::Double ? 8 : 4;
}

std::mt19937_64 generator(7);

/// Numbers in memory of exactly their size, so that a sanitizer sees what lies outside, `shift`
/// elements off a multiple of 16 bytes.
struct Numbers {
  NumberType type;
  int64_t n;
  std::size_t shift;
  std::vector<char> memory;

  Numbers(NumberType of, int64_t count, std::size_t shifted)
      : type(of),
        n(count),
        shift(shifted),
        memory((static_cast<std::size_t>(count) + shifted) * size_of(of)) {}
  char* at(int64_t i = 0) {
    return memory.data() + (shift + static_cast<std::size_t>(i)) * size_of(type);
  }
  void set(int64_t i, double x) {
    const auto narrow = static_cast<float>(x);
    if (type == NumberType::Double) std::memcpy(at(i), &x, sizeof x);
    if (type == NumberType::Float) std::memcpy(at(i), &narrow, sizeof narrow);
    if (has_16_bits(type))
      round(type, Isa::Baseline, &narrow, reinterpret_cast<uint16_t*>(at(i)), 1);
  }
  double get(int64_t i) {
    double x = 0;
    float narrow = 0;
    if (type == NumberType::Double) {
      std::memcpy(&x, at(i), sizeof x);
      return x;
    }
    if (has_16_bits(type))
      widen(type, Isa::Baseline, reinterpret_cast<const uint16_t*>(at(i)), &narrow, 1);
    else
      std::memcpy(&narrow, at(i), sizeof narrow);
    return narrow;
  }
};

/// Equal bits, or NaN both: which NaN, and of which sign, no processor promises.
int64_t first_difference(Numbers& a, Numbers& b) {
  if (a.n == 0) return -1;
  if (std::memcmp(a.at(), b.at(), static_cast<std::size_t>(a.n) * size_of(a.type)) == 0) return -1;
  for (int64_t i = 0; i < a.n; ++i)
    if (std::memcmp(a.at(i), b.at(i), size_of(a.type)) != 0 &&
        !(std::isnan(a.get(i)) && std::isnan(b.get(i))))
      return i;
  return -1;
}

/// What a parameter's numbers are like. Special ones hold zeros, subnormals, infinities and NaN. Not
/// all do: one of these makes a norm infinite, and a wrong norm would not be seen.
enum class Kind { Plain, Special, Tiny, Huge };

double draw(Kind kind, bool positive) {
  std::normal_distribution<double> normal;
  double x = normal(generator);
  if (kind == Kind::Tiny) x *= 1e-25;
  if (kind == Kind::Huge) x *= 1e23;
  if (kind == Kind::Special) switch (generator() % 100) {
      case 0:
        x = 0;
        break;
      case 1:
        x = -0.0;
        break;
      case 2:
        x = 1e-42;
        break;
      case 3:
        x *= 1e-18;
        break;
      case 4:
        x = generator() % 8 == 0 && !positive ? std::numeric_limits<double>::infinity() : x;
        break;
      case 5:
        x = generator() % 8 == 0 && !positive ? std::numeric_limits<double>::quiet_NaN() : x;
        break;
      default:
        break;
    }
  return positive ? std::abs(x) : x;
}

/// A parameter with its gradient and the buffers that a form uses.
struct Parameter {
  std::vector<Numbers> places;
  std::vector<void*> pointers;
  uint32_t set;

  Parameter(Format format, int64_t n, std::size_t buffers, bool shifted, Kind kind, uint32_t of)
      : set(of) {
    for (std::size_t i = 0; i < 2 + buffers; ++i) {
      const NumberType type = i < 2 ? parameter_type(format) : buffer_type(format);
      Numbers& numbers = places.emplace_back(type, n, shifted ? 1 + generator() % 3 : 0);
      for (int64_t j = 0; j < n; ++j) numbers.set(j, draw(kind, i >= 2));
    }
  }
  Work work() {
    pointers.clear();
    for (Numbers& numbers : places) pointers.push_back(numbers.at());
    return {pointers.data(), places[0].n, set};
  }
};

/// Prologue and Coefficients of a set, in both widths.
struct Constants {
  std::array<double, kMaxConstants> doubles{};
  std::array<float, kMaxConstants> floats{};
  StepInfo at{};

  void narrow() {
    for (std::size_t i = 0; i < doubles.size(); ++i) floats[i] = static_cast<float>(doubles[i]);
  }
};

/// One form of a rule in one format: the same step by the loops and by the kernels.
struct Case {
  const RuleTable& table;
  const RuleLaunches& launches;
  std::size_t form;
  bool coupled;
  Format format;
  std::shared_ptr<void> options = table.make_options(nullptr);
  std::vector<Constants> sets{};
  float found_inf = 0, inverse_scale = 1;
  bool scaled = false;

  const RuleForm& text() const { return table.forms[form]; }
  bool in_double() const { return format == Format::Double; }
  const Kernels& loops() const { return text().kernels[coupled][in_double()][0]; }
  std::size_t buffers() const {
    return static_cast<std::size_t>(std::count(text().buffers.begin(), text().buffers.end(), true));
  }
  const void* constants(uint32_t set) const {
    return in_double() ? static_cast<const void*>(sets[set].doubles.data())
                       : sets[set].floats.data();
  }

  /// The first set as the rule makes it of its defaults, the others by chance.
  void make_sets(std::size_t count) {
    auto scalars = table.first_scalars;
    for (std::size_t i = 0; i < count; ++i) {
      Constants& k = sets.emplace_back();
      k.at = {static_cast<int64_t>(i) + 1, i == 0, 2};
      const Prologue<double> prologue = table.prologue(options.get());
      k.doubles[0] = prologue.scale;
      k.doubles[1] = 0.1;
      k.doubles[2] = prologue.keep;
      table.begin(options.get(), k.at, scalars.data(), table.first_shared.data(),
                  k.doubles.data() + kPrologue);
      std::uniform_real_distribution<double> uniform(0.05, 1);
      if (i > 0)
        for (double& x : k.doubles) x = uniform(generator);
      k.narrow();
    }
  }

  Span span(Parameter& x, int64_t first, int64_t n) const {
    Span span{x.places[0].at(first), x.places[1].at(first), {}, n};
    std::size_t place = 2;
    for (std::size_t b = 0; b < text().buffers.size(); ++b)
      if (text().buffers[b]) span.s[b] = x.places[place++].at(first);
    return span;
  }
  /// As the engine does it; `act` gets a span of float or double or, if all is in 16 bits, of these.
  template <class Act>
  void on_loops(Parameter& x, int64_t first, int64_t n, const Act& act) const {
    if (!has_float_state(format)) return act(span(x, first, n));
    std::vector<float> p(static_cast<std::size_t>(n)), g(p);
    const NumberType type = parameter_type(format);
    const auto at = [&](std::size_t place) {
      return reinterpret_cast<uint16_t*>(x.places[place].at(first));
    };
    widen(type, Isa::Baseline, at(0), p.data(), n);
    widen(type, Isa::Baseline, at(1), g.data(), n);
    Span wide = span(x, first, n);
    wide.p = p.data();
    wide.g = g.data();
    act(wide);
    round(type, Isa::Baseline, p.data(), at(0), n);
  }
  void step_by_loops(Parameter& x, double weight, std::vector<double>& sums) const {
    const int64_t n = x.places[0].n;
    if (n == 0) return;
    const void* const k = constants(x.set);
    const NumberType type = parameter_type(format);
    const bool all_short = has_short_parameters(format) && !has_float_state(format);
    const auto measure = [&](int64_t first, int64_t count, double* two) {
      on_loops(x, first, count, [&](const Span& part) {
        all_short ? measure_short(type, Isa::Baseline, loops(), part, k, two)
                  : loops().measure(part, k, two);
      });
    };
    if (!text().reads_twice)
      return on_loops(x, 0, n, [&](const Span& all) {
        all_short ? sweep_short(type, Isa::Baseline, loops(), all, k) : loops().sweep(all, k);
      });
    double total[2] = {0, 0}, two[2];
    for (int64_t i = 0; i < n; i += piece_length(n)) {
      // Blocks in the order in which a piece is one call of the loops.
      double piece[2] = {0, 0};
      for (int64_t j = i; j < std::min(i + piece_length(n), n); j += kBlock) {
        measure(j, std::min(kBlock, n - j), two);
        sums.insert(sums.end(), two, two + 2);
        piece[0] += two[0];
        piece[1] += two[1];
      }
      total[0] += piece[0];
      total[1] += piece[1];
    }
    sums.insert(sums.end(), total, total + 2);
    auto scalars = table.first_scalars;
    const double ratio = launches.judges ? table.trust(options.get(), {total[0], total[1], n},
                                                       sets[x.set].at, scalars.data())
                                         : weight;
    on_loops(x, 0, n, [&](const Span& all) {
      all_short ? apply_short(type, Isa::Baseline, loops(), all, k, ratio)
                : loops().apply(all, k, ratio);
    });
  }

  void step_by_kernels(std::vector<Parameter>& all, double weight,
                       std::vector<double>& sums) const {
    std::vector<Work> work;
    for (Parameter& x : all) work.push_back(x.work());
    std::vector<Set> asked;
    for (uint32_t i = 0; i < sets.size(); ++i)
      asked.push_back({constants(i), options.get(), sets[i].at});
    Launch launch{.work = work, .sets = asked};
    if (scaled) {
      launch.found_inf = &found_inf;
      launch.inverse_scale = &inverse_scale;
    }
    const FormLaunches& kernels = launches.forms[form][coupled][static_cast<std::size_t>(format)];
    if (!text().reads_twice) {
      ASSERT_EQ(kernels.sweep(launch), nullptr);
      return;
    }
    std::vector<int64_t> lengths;
    std::size_t units = 0;
    for (const Work& x : work)
      if (x.n > 0) {
        lengths.push_back((x.n + kBlock - 1) / kBlock);
        units += static_cast<std::size_t>(lengths.back());
      }
    std::vector<double> of_units(2 * units), judged(2 * lengths.size());
    launch.sums = of_units.data();
    launch.judged = judged.data();
    ASSERT_EQ(kernels.measure(launch), nullptr);
    ASSERT_EQ(launches.judge[in_double()](launch), nullptr);
    std::size_t at = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      for (int64_t j = 0; j < 2 * lengths[i]; ++j) sums.push_back(of_units[at++]);
      if (!launches.judges) sums.insert(sums.end(), {judged[2 * i], judged[2 * i + 1]});
    }
    if (!launches.judges)
      for (std::size_t i = 0; i < lengths.size(); ++i) {
        const auto narrow = static_cast<float>(weight);
        if (in_double())
          judged[i] = weight;
        else
          std::memcpy(reinterpret_cast<char*>(judged.data()) + 4 * i, &narrow, sizeof narrow);
      }
    ASSERT_EQ(kernels.apply(launch), nullptr);
  }

  std::string name() const {
    return std::string(table.about.name) + " form " + std::to_string(form) +
           (coupled ? " coupled " : " ") + kNames[static_cast<std::size_t>(format)];
  }

  std::vector<Parameter> parameters(const std::vector<int64_t>& lengths) const {
    std::vector<Parameter> all;
    constexpr Kind kKinds[] = {Kind::Plain, Kind::Special, Kind::Plain,
                               Kind::Tiny,  Kind::Plain,   Kind::Huge};
    for (const int64_t n : lengths)
      all.emplace_back(format, n, buffers(), all.size() % 3 == 2, kKinds[all.size() % 6],
                       static_cast<uint32_t>(all.size() % sets.size()));
    return all;
  }

  void compare(const std::vector<int64_t>& lengths, int steps) {
    SCOPED_TRACE(name());
    std::vector<Parameter> expected = parameters(lengths), found = expected;
    for (int step = 0; step < steps; ++step) {
      const double weight = 0.3 + 0.1 * step;
      std::vector<double> sums, of_kernels;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        step_by_loops(expected[i], weight, sums);
        if (launches.judges && text().reads_twice && expected[i].places[0].n > 0)
          sums.resize(sums.size() - 2);  // the total, which a kernel keeps to itself then
      }
      step_by_kernels(found, weight, of_kernels);
      ASSERT_EQ(sums.size(), of_kernels.size());
      for (std::size_t i = 0; i < sums.size(); ++i)
        ASSERT_TRUE(sums[i] == of_kernels[i] || (std::isnan(sums[i]) && std::isnan(of_kernels[i])))
            << "sum " << i << ": " << sums[i] << " and " << of_kernels[i];
    }
    for (std::size_t i = 0; i < expected.size(); ++i)
      for (std::size_t place = 0; place < expected[i].places.size(); ++place)
        ASSERT_EQ(first_difference(expected[i].places[place], found[i].places[place]), -1)
            << "parameter " << i << " of " << lengths[i] << ", place " << place;
  }
};

/// Of every rule and form that has kernels.
template <class Visit>
void for_each_case(const EmulatedRule& rule, const Visit& visit) {
  for (std::size_t form = 0; form < rule.table->forms.size(); ++form)
    for (const bool coupled : {false, true}) {
      if (rule.table->forms[form].arrays[coupled].sweep == nullptr &&
          rule.table->forms[form].arrays[coupled].measure == nullptr)
        continue;
      for (int format = 0; format < kFormats; ++format)
        visit(Case{*rule.table, *rule.launches, form, coupled, static_cast<Format>(format)});
    }
}

const EmulatedRule& rule_called(const std::string& key) {
  for (const EmulatedRule& rule : emulated_rules())
    if (rule.table->about.key == key) return rule;
  throw std::invalid_argument(key);
}

class CudaRule : public testing::TestWithParam<EmulatedRule> {};

// Lengths around those of a vector, a warp's row and a unit.
TEST_P(CudaRule, HasTheBitsOfTheLoops) {
  for_each_case(GetParam(), [](Case x) {
    x.make_sets(3);
    x.compare({1, 2, 3, 0, 5, 127, 128, 129, 31, 1023, 4095, 4104}, 1);
  });
}

INSTANTIATE_TEST_SUITE_P(Every, CudaRule, testing::ValuesIn(emulated_rules()),
                         [](const auto& of) { return std::string(of.param.table->about.key); });

TEST(CudaKernels, AreThereForEveryRuleOfTheLibrary) {
  const auto all = library_rules();
  const auto& rules = emulated_rules();
  ASSERT_EQ(rules.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(rules[i].table, all[i]);
    EXPECT_EQ(rules[i].launches->forms.size(), all[i]->forms.size()) << all[i]->about.name;
  }
}

TEST(CudaKernels, TakeMoreParametersAndNumbersThanOneLaunchHolds) {
  for (const char* key : {"adamw", "lamb"}) {
    const EmulatedRule& rule = rule_called(key);
    Case x{*rule.table, *rule.launches, 0, false, Format::Float};
    x.make_sets(40);
    x.compare(std::vector<int64_t>(1500, 7), 3);
  }
}

TEST(CudaKernels, AddUpALongParameterInThePiecesOfTheLoops) {
  // Sums of floats are exact in double, whatever their order, and a ratio in float hides much.
  const EmulatedRule& rule = rule_called("novograd");
  Case x{*rule.table, *rule.launches, 0, false, Format::Double};
  x.make_sets(1);
  x.compare({2 * kPieces * kBlock - 7, 4097, 4096}, 1);
}

TEST(CudaKernels, DoNothingWhereAnInfinityWasFound) {
  for (const char* key : {"adamw", "lamb", "novograd"}) {
    const EmulatedRule& rule = rule_called(key);
    Case x{*rule.table, *rule.launches, 0, false, Format::Float};
    x.make_sets(1);
    x.scaled = true;
    x.found_inf = 1;
    std::vector<Parameter> before = x.parameters({5, 5000}), after = before;
    std::vector<double> sums;
    x.step_by_kernels(after, 1, sums);
    for (std::size_t i = 0; i < before.size(); ++i)
      for (std::size_t place = 0; place < before[i].places.size(); ++place)
        EXPECT_EQ(before[i].places[place].memory, after[i].places[place].memory) << key;
  }
}

TEST(CudaKernels, UndoAScaleOfGradients) {
  for (const char* key : {"adamw", "lamb"}) {
    const EmulatedRule& rule = rule_called(key);
    Case plain{*rule.table, *rule.launches, 0, false, Format::Float};
    plain.make_sets(1);
    Case scaled = plain;
    scaled.scaled = true;
    scaled.inverse_scale = 1.0f / 1024;
    std::vector<Parameter> expected = plain.parameters({5, 128, 5000}), found = expected;
    for (Parameter& x : found)
      for (int64_t i = 0; i < x.places[1].n; ++i) x.places[1].set(i, 1024 * x.places[1].get(i));
    std::vector<double> sums;
    plain.step_by_kernels(expected, 1, sums);
    scaled.step_by_kernels(found, 1, sums);
    for (std::size_t i = 0; i < expected.size(); ++i)
      for (const std::size_t place : {0, 2, 3})
        EXPECT_EQ(first_difference(expected[i].places[place], found[i].places[place]), -1) << key;
  }
}

}  // namespace
}  // namespace descent::engine::cuda
