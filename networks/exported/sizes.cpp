#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <descent/networks/exported/sizes.h>
#include <descent/networks/refuse.h>

namespace descent::networks {
namespace {

using c10::IValue;
using Operands = std::span<const IValue>;

int64_t whole(const IValue& x) { return x.isBool() ? int64_t{x.toBool()} : x.toInt(); }
double real(const IValue& x) { return x.isDouble() ? x.toDouble() : static_cast<double>(whole(x)); }
bool are_whole(Operands x) {
  return std::none_of(x.begin(), x.end(), [](const IValue& one) { return one.isDouble(); });
}

int64_t checked(bool overflows, int64_t value) {
  if (overflows) refuse("a size of the program is beyond 64 bits");
  return value;
}
int64_t sum(int64_t a, int64_t b) {
  int64_t r = 0;
  const bool overflows = __builtin_add_overflow(a, b, &r);
  return checked(overflows, r);
}
int64_t difference(int64_t a, int64_t b) {
  int64_t r = 0;
  const bool overflows = __builtin_sub_overflow(a, b, &r);
  return checked(overflows, r);
}
int64_t product(int64_t a, int64_t b) {
  int64_t r = 0;
  const bool overflows = __builtin_mul_overflow(a, b, &r);
  return checked(overflows, r);
}
int64_t quotient(int64_t a, int64_t b) {
  if (b == 0) refuse("a size of the program is divided by zero");
  if (b == -1) return difference(0, a);
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}
int64_t remainder(int64_t a, int64_t b) { return b == -1 ? 0 : a - quotient(a, b) * b; }

IValue truncated(double x) {
  if (!(std::abs(x) < 0x1p63)) refuse("a size of the program is beyond 64 bits");
  return static_cast<int64_t>(x);
}

IValue power(Operands x) {
  if (!are_whole(x) || whole(x[1]) < 0) return std::pow(real(x[0]), real(x[1]));
  const int64_t base = whole(x[0]);
  int64_t exponent = whole(x[1]), result = 1;
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (; exponent > 0; --exponent) result = product(result, base);  // overflows after 63
  return result;
}

IValue shift(Operands x, bool left) {
  const int64_t bits = whole(x[1]);
  if (bits < 0 || bits > 62) refuse("a size of the program is shifted by ", bits, " bits");
  return left ? product(whole(x[0]), int64_t{1} << bits) : whole(x[0]) >> bits;
}

template <class Whole, class Real>
IValue either(Operands x, const Whole& of_whole, const Real& of_real) {
  if (are_whole(x)) return of_whole(whole(x[0]), whole(x[1]));
  return of_real(real(x[0]), real(x[1]));
}
template <class Same>
IValue either(Operands x, const Same& same) {
  return either(x, same, same);
}
IValue as_whole(Operands x) {
  return are_whole(x) ? IValue(whole(x[0])) : truncated(std::trunc(real(x[0])));
}
IValue root(Operands x) { return std::sqrt(real(x[0])); }

constexpr std::array kOperators{
    SizeOperator{"pos", 1, [](Operands x) { return x[0]; }},
    SizeOperator{"neg", 1,
                 [](Operands x) {
                   return are_whole(x) ? IValue(difference(0, whole(x[0]))) : IValue(-real(x[0]));
                 }},
    SizeOperator{
        "add", 2,
        [](Operands x) { return either(x, sum, [](double a, double b) { return a + b; }); }},
    SizeOperator{
        "sub", 2,
        [](Operands x) { return either(x, difference, [](double a, double b) { return a - b; }); }},
    SizeOperator{
        "mul", 2,
        [](Operands x) { return either(x, product, [](double a, double b) { return a * b; }); }},
    SizeOperator{"truediv", 2, [](Operands x) { return IValue(real(x[0]) / real(x[1])); }},
    SizeOperator{"floordiv", 2,
                 [](Operands x) {
                   return either(x, quotient, [](double a, double b) { return std::floor(a / b); });
                 }},
    SizeOperator{"mod", 2,
                 [](Operands x) {
                   return either(x, remainder,
                                 [](double a, double b) { return a - std::floor(a / b) * b; });
                 }},
    SizeOperator{"pow", 2, power},
    SizeOperator{"lshift", 2, [](Operands x) { return shift(x, true); }},
    SizeOperator{"rshift", 2, [](Operands x) { return shift(x, false); }},
    SizeOperator{"and_", 2,
                 [](Operands x) {
                   if (x[0].isBool()) return IValue(x[0].toBool() && x[1].toBool());
                   return IValue(whole(x[0]) & whole(x[1]));
                 }},
    SizeOperator{"or_", 2,
                 [](Operands x) {
                   if (x[0].isBool()) return IValue(x[0].toBool() || x[1].toBool());
                   return IValue(whole(x[0]) | whole(x[1]));
                 }},
    SizeOperator{"eq", 2,
                 [](Operands x) { return either(x, [](auto a, auto b) { return a == b; }); }},
    SizeOperator{"ne", 2,
                 [](Operands x) { return either(x, [](auto a, auto b) { return a != b; }); }},
    SizeOperator{"lt", 2,
                 [](Operands x) { return either(x, [](auto a, auto b) { return a < b; }); }},
    SizeOperator{"le", 2,
                 [](Operands x) { return either(x, [](auto a, auto b) { return a <= b; }); }},
    SizeOperator{"gt", 2,
                 [](Operands x) { return either(x, [](auto a, auto b) { return a > b; }); }},
    SizeOperator{"ge", 2,
                 [](Operands x) { return either(x, [](auto a, auto b) { return a >= b; }); }},
    SizeOperator{
        "sym_max", 2,
        [](Operands x) { return either(x, [](auto a, auto b) { return std::max(a, b); }); }},
    SizeOperator{
        "sym_min", 2,
        [](Operands x) { return either(x, [](auto a, auto b) { return std::min(a, b); }); }},
    SizeOperator{"sym_not", 1, [](Operands x) { return IValue(!x[0].toBool()); }},
    SizeOperator{"sym_ite", 3, [](Operands x) { return x[0].toBool() ? x[1] : x[2]; }},
    SizeOperator{"sym_int", 1, as_whole},
    SizeOperator{"trunc", 1, as_whole},
    SizeOperator{"floor", 1,
                 [](Operands x) {
                   return are_whole(x) ? IValue(whole(x[0])) : truncated(std::floor(real(x[0])));
                 }},
    SizeOperator{"ceil", 1,
                 [](Operands x) {
                   return are_whole(x) ? IValue(whole(x[0])) : truncated(std::ceil(real(x[0])));
                 }},
    SizeOperator{"sym_float", 1, [](Operands x) { return IValue(real(x[0])); }},
    SizeOperator{"sqrt", 1, root},
    SizeOperator{"sym_sqrt", 1, root},
    SizeOperator{"_sym_sqrt", 1, root}};

/// Reads sizes as sympy's srepr() writes them.
class SizeReader {
 public:
  explicit SizeReader(std::string_view text) : rest_(text) {}

  std::optional<LinearSize> read_all() {
    auto size = read(0);
    return rest_.empty() ? size : std::nullopt;
  }

 private:
  static constexpr int kDeepest = 20;

  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  std::string_view until(char end) {
    const std::string_view before = rest_.substr(0, rest_.find(end));
    rest_.remove_prefix(std::min(before.size() + 1, rest_.size()));
    return before;
  }

  std::optional<LinearSize> read(int depth) {
    if (depth > kDeepest) return std::nullopt;
    if (take("Symbol('")) {
      LinearSize symbol{std::string(until('\'')), 1, 0};
      until(')');
      return symbol;
    }
    if (take("Integer(")) {
      const std::string_view digits = until(')');
      LinearSize number;
      const char* const end = digits.data() + digits.size();
      const auto [stop, error] = std::from_chars(digits.data(), end, number.offset);
      return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
    }
    const bool adds = take("Add(");
    if (!adds && !take("Mul(")) return std::nullopt;
    std::optional<LinearSize> all = read(depth + 1);
    while (all && take(", ")) {
      const std::optional<LinearSize> next = read(depth + 1);
      all = !next ? next : adds ? added(*all, *next) : multiplied(*all, *next);
    }
    return take(")") ? all : std::nullopt;
  }

  static std::optional<LinearSize> added(const LinearSize& a, const LinearSize& b) {
    if (!a.symbol.empty() && !b.symbol.empty() && a.symbol != b.symbol) return std::nullopt;
    LinearSize all{a.symbol.empty() ? b.symbol : a.symbol};
    const bool overflows = __builtin_add_overflow(a.factor, b.factor, &all.factor) ||
                           __builtin_add_overflow(a.offset, b.offset, &all.offset);
    return overflows ? std::nullopt : std::optional(all);
  }

  static std::optional<LinearSize> multiplied(const LinearSize& a, const LinearSize& b) {
    if (!a.symbol.empty()) return b.symbol.empty() ? multiplied(b, a) : std::nullopt;
    LinearSize all{b.symbol};
    const bool overflows = __builtin_mul_overflow(a.offset, b.factor, &all.factor) ||
                           __builtin_mul_overflow(a.offset, b.offset, &all.offset);
    return overflows ? std::nullopt : std::optional(all);
  }

  std::string_view rest_;
};

}  // namespace

std::optional<LinearSize> linear_size(std::string_view text) {
  if (text.find_first_of("(*+-/ ") == text.npos) return LinearSize{std::string(text), 1, 0};
  return SizeReader(text).read_all();
}

bool is_of_sizes(std::string_view target) {
  return target.starts_with("_operator.") || target.starts_with("math.") ||
         (target.starts_with("torch.") && target.find('.', 6) == std::string::npos);
}

const SizeOperator& size_operator(std::string_view target) {
  const std::string_view name = target.substr(target.rfind('.') + 1);
  for (const SizeOperator& known : kOperators) {
    if (name == known.name) return known;
  }
  refuse("its program has the function ", target, " of sizes, which is unknown here");
}

}  // namespace descent::networks
