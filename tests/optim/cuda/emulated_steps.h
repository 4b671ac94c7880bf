#pragma once
// A step by the loops, and the same by the kernels as emulated.h runs them.
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <descent/optim/engine/agreed_decay.h>
#include <descent/optim/engine/cuda/launch.h>
#include <descent/optim/engine/low_precision.h>
#include <descent/optim/engine/norms.h>

#include "emulated_rules.h"

namespace descent::engine::cuda {

inline constexpr const char* kNames[] = {
    "float", "double", "bfloat16", "half", "bfloat16 with float state", "half with float state",
    "mixed"};

inline bool has_float_state(Format format) {
  return format == Format::BFloat16FloatState || format == Format::HalfFloatState;
}

/// What a parameter of Format::Mixed is, or, of the other formats, whether a cautious decay comes last.
struct Setting {
  const char* name = "";
  NumberType type = NumberType::Float;
  Master master = Master::None;
  bool by_chance = false;
  bool short_state = false;
  bool coded = false;
  bool decays = false;
};

inline std::mt19937_64 generator(7);

/// Numbers in memory of exactly their size, so that a sanitizer sees what lies outside, `shift`
/// elements off a multiple of 16 bytes.
struct Numbers {
  NumberType type;
  int64_t n;
  std::size_t shift;
  Kept kept;
  std::vector<char> memory{};
  std::vector<float> absmax{};

  Numbers(NumberType of, int64_t count, std::size_t shifted, Kept as = Kept::AsParameter)
      : type(of), n(count), shift(shifted), kept(as) {
    memory.resize((static_cast<std::size_t>(n) + shift) * size());
    if (has_codes(kept)) absmax.resize(static_cast<std::size_t>(code_blocks(n)));
  }
  std::size_t size() const {
    if (has_codes(kept)) return 1;
    return has_16_bits(type) ? 2 : type == NumberType::Double ? 8 : 4;
  }
  char* at(int64_t i = 0) { return memory.data() + (shift + static_cast<std::size_t>(i)) * size(); }
  uint8_t* codes() { return reinterpret_cast<uint8_t*>(at()); }
  /// draw() is called for each.
  template <class Draw>
  void fill(const Draw& draw) {
    if (!has_codes(kept)) {
      for (int64_t i = 0; i < n; ++i) set(i, draw());
      return;
    }
    std::vector<float> values;
    for (int64_t i = 0; i < n; ++i) values.push_back(static_cast<float>(draw()));
    encode(kept, Isa::Baseline, values.data(), codes(), absmax.data(), n);
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
inline int64_t first_difference(Numbers& a, Numbers& b) {
  const auto are_nan = [&](int64_t i) {
    if (!has_codes(a.kept)) return std::isnan(a.get(i)) && std::isnan(b.get(i));
    const auto block = static_cast<std::size_t>(i / kCodeBlock);
    return std::isnan(a.absmax[block]) && std::isnan(b.absmax[block]);
  };
  for (int64_t i = 0; i < a.n; ++i) {
    bool same = std::memcmp(a.at(i), b.at(i), a.size()) == 0;
    if (has_codes(a.kept)) {
      const auto block = static_cast<std::size_t>(i / kCodeBlock);
      same = same &&
             std::bit_cast<uint32_t>(a.absmax[block]) == std::bit_cast<uint32_t>(b.absmax[block]);
    }
    if (!same && !are_nan(i)) return i;
  }
  return -1;
}

/// What a parameter's numbers are like. Special ones hold zeros, subnormals, infinities and NaN. Not
/// all do: one of these makes a norm infinite, and a wrong norm would not be seen.
enum class Kind { Plain, Special, Tiny, Huge };

inline double draw(Kind kind, bool positive) {
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

/// A parameter with its gradient, the buffers that a form uses, and what is kept beside it.
struct Parameter {
  std::vector<Numbers> places{};
  std::vector<Numbers> beside{};
  uint32_t set = 0;
  uint32_t position = 0;
  std::vector<void*> pointers{};
  Layout layout{};
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
  Setting setting{};
  /// Where kernels find their numbers: in the argument, as one of several that stand there, or, in a
  /// captured launch, where the host has put them.
  enum class Source { Argument, Candidates, There } source = Source::Argument;
  bool is_ready = true;

  bool is_mixed() const { return format == Format::Mixed; }
  NumberType type() const {
    if (is_mixed()) return setting.type;
    if (format == Format::BFloat16FloatState) return NumberType::BFloat16;
    if (format == Format::HalfFloatState) return NumberType::Half;
    return static_cast<NumberType>(format);
  }
  Kept kept(std::size_t buffer) const {
    if (setting.coded) {
      // Squares, their sums and maxima; one of each kind, at least, is enough here.
      const std::string& name = table.buffers[buffer];
      for (const char* part : {"sq", "sum", "var", "inf", "acc"})
        if (name.find(part) != std::string::npos) return Kept::Unsigned8;
      if (name.find("linear") == std::string::npos) return Kept::Signed8;
    }
    const bool in_float = is_mixed() ? !setting.short_state : has_float_state(format);
    return in_float && has_16_bits(type()) ? Kept::Float : Kept::AsParameter;
  }
  double agreed_decay(uint32_t set) const { return setting.decays && set != 1 ? 0.0123 : 0; }
  static uint64_t seed(uint32_t set) { return (uint64_t{1} << 40) + 3 + set; }

  const RuleForm& text() const { return table.forms[form]; }
  bool in_double() const { return format == Format::Double; }
  const Kernels& loops() const { return text().kernels[coupled][in_double()][0]; }
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

  Parameter parameter(int64_t n, bool shifted, Kind kind, uint32_t set, uint32_t position) const {
    Parameter x;
    x.set = set;
    x.position = position;
    const auto shift = [&] { return shifted ? 1 + generator() % 3 : 0; };
    for (int i = 0; i < 2; ++i) x.places.emplace_back(type(), n, shift());
    for (std::size_t b = 0; b < text().buffers.size(); ++b) {
      if (!text().buffers[b]) continue;
      const NumberType of = kept(b) == Kept::AsParameter ? type() : NumberType::Float;
      x.places.emplace_back(of, n, shift(), kept(b));
    }
    for (std::size_t i = 0; i < x.places.size(); ++i)
      x.places[i].fill([&] { return draw(kind, i >= 2 && x.places[i].kept != Kept::Signed8); });
    if (setting.master == Master::None) return x;
    const bool in_float = setting.master == Master::Float32;
    Numbers& beside = x.beside.emplace_back(in_float ? NumberType::Float : type(), n, shift());
    // The lower bits of a number are any; an error is small.
    if (setting.master == Master::Remainder)
      for (char& byte : beside.memory) byte = static_cast<char>(generator());
    else
      beside.fill([&] { return (in_float ? 1 : 1e-3) * draw(kind, false); });
    return x;
  }

  /// Of all of it, with pointers that hold until it is moved.
  Work work(Parameter& x) const {
    x.pointers.clear();
    for (Numbers& numbers : x.places) x.pointers.push_back(numbers.at());
    x.layout = {};
    x.layout.whole = span(x, 0, x.places[0].n);
    x.layout.type = type();
    x.layout.master = setting.master;
    x.layout.by_chance = setting.by_chance;
    x.layout.beside = x.beside.empty() ? nullptr : x.beside[0].at();
    x.layout.draw = {seed(x.set), x.position, static_cast<uint32_t>(sets[x.set].at.step)};
    std::size_t place = 2;
    for (std::size_t b = 0; b < text().buffers.size(); ++b) {
      if (!text().buffers[b]) continue;
      x.layout.kept[b] = kept(b);
      x.layout.coded |= has_codes(kept(b));
      x.layout.absmax[b] = x.places[place++].absmax.data();
    }
    return {x.pointers.data(), x.places[0].n, x.set, is_mixed() ? &x.layout : nullptr};
  }

  Span span(Parameter& x, int64_t first, int64_t n) const {
    Span span{x.places[0].at(first), x.places[1].at(first), {}, n};
    std::size_t place = 2;
    for (std::size_t b = 0; b < text().buffers.size(); ++b)
      if (text().buffers[b]) span.s[b] = x.places[place++].at(first);
    return span;
  }
  /// Calls act(loops, k) as the engine does.
  template <class Act>
  void with_loops(uint32_t set, const Act& act) const {
    if (agreed_decay(set) == 0) return act(loops(), constants(set));
    const AgreedDecay agreed{loops(), constants(set), agreed_decay(set)};
    act(with_agreed_decay(in_double()), static_cast<const void*>(&agreed));
  }
  /// As the engine does it; `act` gets a span of float or double or, if all is in 16 bits, of these.
  template <class Act>
  void on_loops(Parameter& x, int64_t first, int64_t n, const Act& act) const {
    if (!has_float_state(format)) return act(span(x, first, n));
    std::vector<float> p(static_cast<std::size_t>(n)), g(p);
    const NumberType type = this->type();
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
    const NumberType type = this->type();
    const bool all_short = has_16_bits(type) && !has_float_state(format);
    const bool mixed = is_mixed();
    work(x);
    const auto measure = [&](int64_t first, int64_t count, double* two) {
      if (mixed) return measure_layout(x.layout, Isa::Baseline, loops(), first, count, k, two);
      on_loops(x, first, count, [&](const Span& part) {
        all_short ? measure_short(type, Isa::Baseline, loops(), part, k, two)
                  : loops().measure(part, k, two);
      });
    };
    if (!text().reads_twice)
      return with_loops(x.set, [&](const Kernels& step, const void* numbers) {
        if (mixed) return sweep_layout(x.layout, Isa::Baseline, step, 0, n, numbers);
        on_loops(x, 0, n, [&](const Span& all) {
          all_short ? sweep_short(type, Isa::Baseline, step, all, numbers)
                    : step.sweep(all, numbers);
        });
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
    with_loops(x.set, [&](const Kernels& step, const void* numbers) {
      if (mixed) return apply_layout(x.layout, Isa::Baseline, step, 0, n, numbers, ratio);
      on_loops(x, 0, n, [&](const Span& all) {
        all_short ? apply_short(type, Isa::Baseline, step, all, numbers, ratio)
                  : step.apply(all, numbers, ratio);
      });
    });
  }

  void step_by_kernels(std::vector<Parameter>& all, double weight,
                       std::vector<double>& sums) const {
    std::vector<Work> work;
    for (Parameter& x : all) work.push_back(this->work(x));
    std::vector<Set> asked;
    for (uint32_t i = 0; i < sets.size(); ++i)
      asked.push_back({constants(i), options.get(), sets[i].at, agreed_decay(i), seed(i)});
    Launch launch{.work = work, .sets = asked};
    if (scaled) {
      launch.found_inf = &found_inf;
      launch.inverse_scale = &inverse_scale;
    }
    const FormLaunches& kernels = launches.forms[form][coupled][static_cast<std::size_t>(format)];
    // The host has heard of 4 skips when the device has made 6: the third of the candidates is right.
    const Set wrong{constants(0), options.get(), {99, false, 2}, 0.5, 1};
    std::vector<Set> candidates;
    for (const Set& set : asked) candidates.insert(candidates.end(), {wrong, wrong, set});
    const int32_t skipped = 6;
    const Replay replay{is_ready ? 1 : 0, 4};
    std::vector<char> there, questions;
    if (source != Source::Argument) {
      launch.sets = candidates;
      launch.candidates = 3;
      launch.skipped = &skipped;
      launch.known = 4;
    }
    if (source == Source::There) {
      there.resize(candidates.size() * kernels.set_bytes);
      questions.resize(candidates.size() * launches.question_bytes);
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        kernels.put_set(there.data() + i * kernels.set_bytes, candidates[i]);
        if (text().reads_twice)
          launches.put_question(questions.data() + i * launches.question_bytes, candidates[i]);
      }
      launch.sets = {};
      launch.known = 0;
      launch.replay = &replay;
      launch.sets_there = there.data();
      launch.questions_there = questions.data();
    }
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
           (coupled ? " coupled " : " ") + kNames[static_cast<std::size_t>(format)] + " " +
           setting.name;
  }

  std::vector<Parameter> parameters(const std::vector<int64_t>& lengths) const {
    std::vector<Parameter> all;
    constexpr Kind kKinds[] = {Kind::Plain, Kind::Special, Kind::Plain,
                               Kind::Tiny,  Kind::Plain,   Kind::Huge};
    for (const int64_t n : lengths)
      all.push_back(parameter(n, all.size() % 3 == 2, kKinds[all.size() % 6],
                              static_cast<uint32_t>(all.size() % sets.size()),
                              static_cast<uint32_t>(all.size())));
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
    for (std::size_t i = 0; i < expected.size(); ++i) {
      for (std::size_t place = 0; place < expected[i].places.size(); ++place)
        ASSERT_EQ(first_difference(expected[i].places[place], found[i].places[place]), -1)
            << "parameter " << i << " of " << lengths[i] << ", place " << place;
      for (std::size_t place = 0; place < expected[i].beside.size(); ++place)
        ASSERT_EQ(first_difference(expected[i].beside[place], found[i].beside[place]), -1)
            << "parameter " << i << " of " << lengths[i] << ", beside it";
    }
  }
};

/// Calls visit(form, coupled) for all forms of a rule that have kernels.
template <class Visit>
void for_each_form(const EmulatedRule& rule, const Visit& visit) {
  for (std::size_t form = 0; form < rule.table->forms.size(); ++form)
    for (const bool coupled : {false, true}) {
      if (rule.table->forms[form].arrays[coupled].sweep == nullptr &&
          rule.table->forms[form].arrays[coupled].measure == nullptr)
        continue;
      visit(form, coupled);
    }
}

inline const EmulatedRule& rule_called(const std::string& key) {
  for (const EmulatedRule& rule : emulated_rules())
    if (rule.table->about.key == key) return rule;
  throw std::invalid_argument(key);
}

}  // namespace descent::engine::cuda
