#include <descent/networks/exported/read_argument.h>

namespace descent::networks {
namespace {

using c10::IValue;
using c10::TypeKind;
using Form = Argument::Form;

class ArgumentReader {
 public:
  ArgumentReader(const Wanted& wanted, const std::function<int64_t(std::string_view)>& slot_of)
      : wanted_(wanted), slot_of_(slot_of) {
    c10::TypePtr type = wanted.type;
    while (type && type->kind() == TypeKind::OptionalType) {
      type = type->expectRef<c10::OptionalType>().getElementType();
    }
    if (!type) return;
    kind_ = type->kind();
    if (kind_ == TypeKind::ListType) {
      element_ = type->expectRef<c10::ListType>().getElementType()->kind();
    }
  }

  Argument read(std::string_view kind, const Json& value) const {
    if (kind == "as_none") return single(Reference{});
    if (kind == "as_tensor") return single(named(value));
    if (kind == "as_optional_tensor") return single(optional_tensor(value));
    if (kind == "as_int") return number(integer(value));
    if (kind == "as_float") return number(floating(value));
    if (kind == "as_bool") return number(boolean(value));
    if (kind == "as_sym_int") return number(symbol(value, "as_int", integer));
    if (kind == "as_sym_float") return number(symbol(value, "as_float", floating));
    if (kind == "as_sym_bool") return number(symbol(value, "as_bool", boolean));
    if (kind == "as_complex") {
      return number(known(c10::complex<double>(real(field(value, "real"), kind),
                                               real(field(value, "imag"), kind))));
    }
    if (kind == "as_string") return single(known(std::string(text(value, kind))));
    if (kind == "as_scalar_type") {
      return single(known(static_cast<int64_t>(number_type(value))));
    }
    if (kind == "as_layout") return single(known(static_cast<int64_t>(layout(value))));
    if (kind == "as_memory_format") {
      return single(known(static_cast<int64_t>(memory_format(value))));
    }
    if (kind == "as_device") return single(known(c10::Device(c10::kCPU)));
    if (kind == "as_ints") return list(value, numbers_form(), integer);
    if (kind == "as_floats") return list(value, Form::Floats, floating);
    if (kind == "as_bools") return list(value, Form::Bools, boolean);
    if (kind == "as_sym_ints") {
      return list(value, numbers_form(),
                  [&](const Json& one) { return symbol(one, "as_int", integer); });
    }
    if (kind == "as_sym_floats") {
      return list(value, Form::Floats,
                  [&](const Json& one) { return symbol(one, "as_float", floating); });
    }
    if (kind == "as_sym_bools") {
      return list(value, Form::Bools,
                  [&](const Json& one) { return symbol(one, "as_bool", boolean); });
    }
    if (kind == "as_tensors") {
      const bool optional = element_ == TypeKind::OptionalType;
      return list(value, optional ? Form::OptionalTensors : Form::Tensors,
                  [&](const Json& one) { return named(one); });
    }
    if (kind == "as_optional_tensors") {
      return list(value, Form::OptionalTensors,
                  [&](const Json& one) { return optional_tensor(one); });
    }
    if (kind == "as_strings") {
      c10::List<std::string> all;
      for (const Json& one : list_of(value)) all.emplace_back(text(one, kind));
      return single(known(all));
    }
    refuse("its program has an argument of the kind ", kind, ", which is not supported");
  }

 private:
  static Argument single(Reference one, Form form = Form::One) {
    Argument argument{form};
    argument.references.push_back(std::move(one));
    return argument;
  }

  static std::span<const Json> list_of(const Json& value) {
    if (!value.is_list()) refuse("its program has an argument that is no list where one must be");
    return value.items();
  }

  static Reference known(IValue value) { return {-1, std::move(value)}; }
  static Reference integer(const Json& value) { return known(whole(value, "an argument")); }
  static Reference floating(const Json& value) { return known(real(value, "an argument")); }
  static Reference boolean(const Json& value) { return known(truth(value, "an argument")); }

  Reference named(const Json& value) const { return {slot_of_(text_field(value, "name")), {}}; }

  Reference optional_tensor(const Json& value) const {
    const auto& [kind, content] = choice(value);
    return kind == "as_tensor" ? named(content) : Reference{};
  }

  template <class Take>
  Reference symbol(const Json& value, std::string_view other, const Take& take) const {
    const auto& [kind, content] = choice(value);
    if (kind == "as_name") return {slot_of_(text(content, "a name")), {}};
    if (kind != other) refuse("its program has an argument of the kind ", kind);
    return take(content);
  }

  /// A number where a number, a tensor or a list may be wanted.
  Argument number(Reference one) const {
    if (kind_ == TypeKind::TensorType) return single(std::move(one), Form::NumberAsTensor);
    if (kind_ == TypeKind::FloatType && one.constant.isInt()) {
      one.constant = static_cast<double>(one.constant.toInt());
    }
    if (kind_ != TypeKind::ListType) return single(std::move(one));
    const auto count = static_cast<size_t>(std::max(wanted_.list_size.value_or(1), 1));
    return {numbers_form(), std::vector<Reference>(count, one)};
  }

  Form numbers_form() const { return element_ == TypeKind::FloatType ? Form::Floats : Form::Ints; }

  template <class Take>
  static Argument list(const Json& value, Form form, const Take& take) {
    Argument argument{form};
    argument.references.reserve(value.size());
    for (const Json& one : list_of(value)) argument.references.push_back(take(one));
    return argument;
  }

  const Wanted& wanted_;
  const std::function<int64_t(std::string_view)>& slot_of_;
  TypeKind kind_ = TypeKind::AnyType, element_ = TypeKind::AnyType;
};

}  // namespace

Argument read_argument(const Json& value, const Wanted& wanted,
                       const std::function<int64_t(std::string_view)>& slot_of) {
  const auto& [kind, content] = choice(value);
  return ArgumentReader(wanted, slot_of).read(kind, content);
}

}  // namespace descent::networks
