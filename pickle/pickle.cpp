#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <deque>
#include <map>
#include <ostream>
#include <sstream>
#include <unordered_map>

#include <ATen/ops/empty.h>
#include <caffe2/serialize/inline_container.h>

#include <descent/base/text.h>
#include <descent/pickle/checksums.h>
#include <descent/pickle/pickle.h>
#include <descent/pickle/reach.h>

namespace descent::pickle {
namespace {

struct StorageClass {
  std::string_view name;
  at::ScalarType type;
};
constexpr std::array kStorageClasses{
    StorageClass{"torch.FloatStorage", at::kFloat},
    StorageClass{"torch.DoubleStorage", at::kDouble},
    StorageClass{"torch.HalfStorage", at::kHalf},
    StorageClass{"torch.BFloat16Storage", at::kBFloat16},
    StorageClass{"torch.LongStorage", at::kLong},
    StorageClass{"torch.IntStorage", at::kInt},
    StorageClass{"torch.ShortStorage", at::kShort},
    StorageClass{"torch.CharStorage", at::kChar},
    StorageClass{"torch.ByteStorage", at::kByte},
    StorageClass{"torch.BoolStorage", at::kBool},
    StorageClass{"torch.ComplexFloatStorage", at::kComplexFloat},
    StorageClass{"torch.ComplexDoubleStorage", at::kComplexDouble},
    StorageClass{"torch.storage.UntypedStorage", at::ScalarType::Undefined},
    StorageClass{"torch.UntypedStorage", at::ScalarType::Undefined}};

struct NumberType {
  std::string_view name;
  at::ScalarType type;
};
constexpr std::array kNumberTypes{NumberType{"torch.float32", at::kFloat},
                                  NumberType{"torch.float64", at::kDouble},
                                  NumberType{"torch.float16", at::kHalf},
                                  NumberType{"torch.bfloat16", at::kBFloat16},
                                  NumberType{"torch.int64", at::kLong},
                                  NumberType{"torch.int32", at::kInt},
                                  NumberType{"torch.int16", at::kShort},
                                  NumberType{"torch.int8", at::kChar},
                                  NumberType{"torch.uint8", at::kByte},
                                  NumberType{"torch.uint16", at::kUInt16},
                                  NumberType{"torch.uint32", at::kUInt32},
                                  NumberType{"torch.uint64", at::kUInt64},
                                  NumberType{"torch.bool", at::kBool},
                                  NumberType{"torch.complex64", at::kComplexFloat},
                                  NumberType{"torch.complex128", at::kComplexDouble},
                                  NumberType{"torch.float8_e5m2", at::kFloat8_e5m2},
                                  NumberType{"torch.float8_e4m3fn", at::kFloat8_e4m3fn},
                                  NumberType{"torch.float8_e5m2fnuz", at::kFloat8_e5m2fnuz},
                                  NumberType{"torch.float8_e4m3fnuz", at::kFloat8_e4m3fnuz}};

/// What a file may call, and Machine::call() knows.
constexpr std::array<std::string_view, 10> kFunctions{"collections.OrderedDict",
                                                      "collections.Counter",
                                                      "torch.Size",
                                                      "torch.device",
                                                      "torch._utils._rebuild_tensor",
                                                      "torch._utils._rebuild_tensor_v2",
                                                      "torch._utils._rebuild_tensor_v3",
                                                      "torch._utils._rebuild_parameter",
                                                      "torch._utils._rebuild_parameter_with_state",
                                                      "_codecs.encode"};

constexpr size_t kMostDimensions = 64;  // as NumPy and LibTorch's loops allow
constexpr size_t kMostCopies = 64;      // a key of 256 letters is repeated by two bytes

template <class Table>
const auto* entry(const Table& table, std::string_view name) {
  for (const auto& row : table)
    if (row.name == name) return &row;
  return static_cast<decltype(&table[0])>(nullptr);
}

bool known(std::string_view name) {
  return entry(kStorageClasses, name) != nullptr || entry(kNumberTypes, name) != nullptr ||
         std::find(kFunctions.begin(), kFunctions.end(), name) != kFunctions.end();
}

}  // namespace

/// Everything that values point to; addresses stay.
struct Nodes {
  std::deque<std::string> texts;
  std::deque<Global> globals;
  std::deque<Storage> storages;
  std::deque<Stored> tensors;
  std::deque<List> lists;
  std::deque<Dict> dicts;
};

namespace {

/// The stack machine of Python's pickle, protocols 2 to 5.
class Machine {
 public:
  Machine(std::string_view program, Nodes& nodes) : program_(program), nodes_(nodes) {}

  Value run() {
    for (;;) {
      const auto code = static_cast<unsigned char>(take(1)[0]);
      if (code == '.') return pop();
      step(code);
    }
  }

 private:
  void step(unsigned char code) {
    switch (code) {
      case 0x80:  // PROTO
        take(1);
        break;
      case 0x95:  // FRAME
        take(8);
        break;
      case 'N':
        return push(std::monostate{});
      case 0x88:
        return push(true);
      case 0x89:
        return push(false);
      case 'K':
        return push(static_cast<int64_t>(number(1)));
      case 'M':
        return push(static_cast<int64_t>(number(2)));
      case 'J':
        return push(static_cast<int64_t>(static_cast<int32_t>(number(4))));
      case 0x8a:  // LONG1
        return push(whole(take(number(1))));
      case 0x8b:  // LONG4
        return push(whole(take(number(4))));
      case 'G':
        return push(real());
      case 'U':   // SHORT_BINSTRING
      case 'C':   // SHORT_BINBYTES
      case 0x8c:  // SHORT_BINUNICODE
        return push(text(take(number(1))));
      case 'X':  // BINUNICODE
      case 'T':  // BINSTRING
      case 'B':  // BINBYTES
        return push(text(take(number(4))));
      case 0x8d:  // BINUNICODE8
      case 0x8e:  // BINBYTES8
        return push(text(take(number(8))));
      case '(':
        marks_.push_back(stack_.size());
        break;
      case '0':
        pop();
        break;
      case '1':
        marked();
        break;
      case '2':
        return repeat(top());
      case ')':
        return push(list({}));
      case ']':
        return push(list({}));
      case 't':
      case 'l':
        return push(list(marked()));
      case 0x85:
      case 0x86:
      case 0x87: {
        std::vector<Value> items(code - 0x84);
        for (size_t i = items.size(); i-- > 0;) items[i] = pop();
        return push(list(std::move(items)));
      }
      case 'a': {
        const Value item = pop();
        as<List*>(top(), "a list to append to")->items.push_back(item);
        break;
      }
      case 'e': {
        const auto items = marked();
        auto& all = as<List*>(top(), "a list to append to")->items;
        all.insert(all.end(), items.begin(), items.end());
        break;
      }
      case '}':
        return push(dict());
      case 'd': {
        const auto items = marked();
        Dict* const made = dict();
        assign(*made, items);
        return push(made);
      }
      case 's': {
        const Value value = pop(), key = pop();
        as<Dict*>(top(), "a dict to assign to")->items.emplace_back(key, value);
        break;
      }
      case 'u': {
        const auto items = marked();
        assign(*as<Dict*>(top(), "a dict to assign to"), items);
        break;
      }
      case 'c': {
        const std::string module = line();
        return push(global(module + "." + line()));
      }
      case 0x93: {  // STACK_GLOBAL
        const std::string name = *as<const std::string*>(pop(), "a name");
        return push(global(*as<const std::string*>(pop(), "a module's name") + "." + name));
      }
      case 'R':
      case 0x81: {  // NEWOBJ
        const auto& arguments = as<List*>(pop(), "a tuple of arguments")->items;
        return push(call(as<const Global*>(pop(), "a function")->name, arguments));
      }
      case 'b': {  // attributes of an object, as a model's _metadata: nothing that is needed here
        pop();
        const Value& object = top();
        TORCH_CHECK(
            std::holds_alternative<Dict*>(object) || std::holds_alternative<const Stored*>(object),
            "its pickle sets attributes of ", to_text(object));
        break;
      }
      case 'Q':
        return push(storage(as<List*>(pop(), "a storage's description")->items));
      case 'q':
        memo_[number(1)] = top();
        break;
      case 'r':
        memo_[number(4)] = top();
        break;
      case 0x94:  // MEMOIZE
        memo_[memo_.size()] = top();
        break;
      case 'h':
        return recall(number(1));
      case 'j':
        return recall(number(4));
      default:
        TORCH_CHECK(false, "its pickle has the code ", static_cast<int>(code), " at byte ", at_ - 1,
                    ", which builds nothing that is read here");
    }
  }

  std::string_view take(uint64_t n) {
    TORCH_CHECK(n <= program_.size() - at_, "its pickle ends too early");
    at_ += n;
    return program_.substr(at_ - n, n);
  }
  /// Little endian.
  uint64_t number(size_t bytes) {
    uint64_t x = 0;
    const std::string_view digits = take(bytes);
    for (size_t i = bytes; i-- > 0;) x = x << 8 | static_cast<unsigned char>(digits[i]);
    return x;
  }
  double real() {
    uint64_t bits = 0;
    for (const char c : take(8)) bits = bits << 8 | static_cast<unsigned char>(c);
    return std::bit_cast<double>(bits);
  }
  /// Little endian, two's complement, of any length.
  static Value whole(std::string_view bytes) {
    const bool negative = !bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0x80) != 0;
    if (bytes.size() > 8) {
      double x = negative ? -1 : 0;
      for (size_t i = bytes.size(); i-- > 0;) x = 256 * x + static_cast<unsigned char>(bytes[i]);
      return x;
    }
    uint64_t x = negative ? ~uint64_t{0} : 0;
    for (size_t i = bytes.size(); i-- > 0;) x = x << 8 | static_cast<unsigned char>(bytes[i]);
    return static_cast<int64_t>(x);
  }
  std::string line() {
    const size_t end = program_.find('\n', at_);
    TORCH_CHECK(end != std::string_view::npos, "its pickle ends too early");
    std::string text(take(end - at_));
    take(1);
    return text;
  }

  void push(Value value) { stack_.push_back(value); }
  Value& top() {
    TORCH_CHECK(stack_.size() > (marks_.empty() ? 0 : marks_.back()),
                "its pickle takes more from the stack than is there");
    return stack_.back();
  }
  Value pop() {
    const Value value = top();
    stack_.pop_back();
    return value;
  }
  std::vector<Value> marked() {
    TORCH_CHECK(!marks_.empty(), "its pickle takes more from the stack than is there");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Value> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }
  void recall(uint64_t index) {
    const auto found = memo_.find(index);
    TORCH_CHECK(found != memo_.end(), "its pickle recalls the object ", index,
                ", which it has not kept");
    repeat(found->second);
  }
  /// Pushes what was named before. Whoever reads the values copies a text for each that names it.
  void repeat(const Value value) {
    if (const auto* const* text = std::get_if<const std::string*>(&value)) copy((*text)->size());
    push(value);
  }
  /// Counts what is copied, so that a small file stays small in memory.
  void copy(size_t bytes) {
    copied_ += bytes;
    TORCH_CHECK(copied_ <= kMostCopies * program_.size(),
                "its pickle repeats itself until it is more than ", kMostCopies, " times as large");
  }

  template <class T>
  static T as(const Value& value, const char* what) {
    const T* const found = std::get_if<T>(&value);
    TORCH_CHECK(found != nullptr, "its pickle has ", to_text(value), " in place of ", what);
    return *found;
  }
  const std::string* text(std::string_view bytes) { return &nodes_.texts.emplace_back(bytes); }
  List* list(std::vector<Value> items) {
    return &nodes_.lists.emplace_back(List{std::move(items)});
  }
  Dict* dict() { return &nodes_.dicts.emplace_back(); }
  static void assign(Dict& dict, const std::vector<Value>& items) {
    TORCH_CHECK(items.size() % 2 == 0, "its pickle has a key without a value");
    for (size_t i = 0; i < items.size(); i += 2) dict.items.emplace_back(items[i], items[i + 1]);
  }
  const Global* global(const std::string& name) {
    TORCH_CHECK(known(name), "it names ", name,
                ", must hold nothing but numbers, texts, lists, dicts and tensors");
    return &nodes_.globals.emplace_back(Global{name});
  }

  const Storage* storage(const std::vector<Value>& id) {
    TORCH_CHECK(id.size() >= 5, "its pickle describes a storage by ", id.size(), " values");
    const auto& name = as<const Global*>(id[1], "a storage's class")->name;
    const StorageClass* const found = entry(kStorageClasses, name);
    TORCH_CHECK(found != nullptr, "its pickle has a storage of the class ", name);
    return &nodes_.storages.emplace_back(
        Storage{*as<const std::string*>(id[2], "a storage's name"), found->type});
  }

  Value call(const std::string& name, const std::vector<Value>& arguments) {
    const auto argument = [&](size_t i) -> const Value& {
      TORCH_CHECK(i < arguments.size(), "its pickle calls ", name, " with ", arguments.size(),
                  " arguments");
      return arguments[i];
    };
    if (name == "collections.OrderedDict") {
      Dict* const made = dict();
      if (!arguments.empty()) {
        const auto& pairs = as<List*>(arguments[0], "a list of pairs")->items;
        copy(pairs.size() * sizeof(made->items[0]));
        for (const Value& value : pairs) {
          const auto& pair = as<List*>(value, "a pair")->items;
          TORCH_CHECK(pair.size() == 2, "its pickle has ", pair.size(), " values in a pair");
          assign(*made, pair);
        }
      }
      return made;
    }
    if (name == "collections.Counter") {
      if (arguments.empty()) return dict();
      return as<Dict*>(arguments[0], "a dict");
    }
    if (name == "torch.Size") return as<List*>(argument(0), "sizes");
    if (name == "torch.device" || name == "_codecs.encode") return argument(0);
    if (name == "torch._utils._rebuild_parameter" ||
        name == "torch._utils._rebuild_parameter_with_state")
      return as<const Stored*>(argument(0), "a tensor");
    TORCH_CHECK(name.starts_with("torch._utils._rebuild_tensor"), "its pickle calls ", name);
    Stored made{as<const Storage*>(argument(0), "a storage"), at::ScalarType::Undefined,
                as<int64_t>(argument(1), "an offset"), whole_numbers(argument(2)),
                whole_numbers(argument(3))};
    made.type = made.storage->type;
    if (name.ends_with("_v3")) {
      const auto& type_name = as<const Global*>(argument(6), "a dtype")->name;
      const NumberType* const type = entry(kNumberTypes, type_name);
      TORCH_CHECK(type != nullptr, "its pickle has a tensor of the dtype ", type_name);
      made.type = type->type;
    }
    TORCH_CHECK(made.type != at::ScalarType::Undefined, "its pickle has a tensor without a dtype");
    return &nodes_.tensors.emplace_back(std::move(made));
  }
  static std::vector<int64_t> whole_numbers(const Value& value) {
    const auto& items = as<List*>(value, "a tensor's sizes")->items;
    TORCH_CHECK(items.size() <= kMostDimensions, "its pickle has a tensor of ", items.size(),
                " dimensions");
    std::vector<int64_t> numbers;
    for (const Value& x : items) numbers.push_back(as<int64_t>(x, "a whole number"));
    return numbers;
  }

  std::string_view program_;
  size_t at_ = 0, copied_ = 0;
  Nodes& nodes_;
  std::vector<Value> stack_;
  std::vector<size_t> marks_;  ///< the heights of the stack at each open bracket
  std::unordered_map<uint64_t, Value> memo_;
};

}  // namespace

const Value* Dict::find(std::string_view key) const {
  for (size_t i = items.size(); i-- > 0;) {  // the last counts, as in Python
    const auto* const* text = std::get_if<const std::string*>(&items[i].first);
    if (text != nullptr && **text == key) return &items[i].second;
  }
  return nullptr;
}

std::string to_text(const Value& value) {
  struct {
    std::string operator()(std::monostate) const { return "None"; }
    std::string operator()(bool x) const { return x ? "True" : "False"; }
    std::string operator()(int64_t x) const { return std::to_string(x); }
    std::string operator()(double x) const { return digits(x); }
    std::string operator()(const std::string* x) const { return '\'' + x->substr(0, 80) + '\''; }
    std::string operator()(const Global* x) const { return x->name; }
    std::string operator()(const Storage*) const { return "a storage"; }
    std::string operator()(const Stored*) const { return "a tensor"; }
    std::string operator()(const List*) const { return "a list"; }
    std::string operator()(const Dict*) const { return "a dict"; }
  } name;
  return std::visit(name, value);
}

namespace {
const std::filesystem::path& of_today(const std::filesystem::path& path) {
  refuse_old_format(path);
  return path;
}
}  // namespace

struct File::Contents {
  explicit Contents(const std::filesystem::path& path)
      : archive(path.string()), checksums(path), bytes(std::filesystem::file_size(path)) {}
  explicit Contents(std::string whole)
      : stream(std::move(whole)),
        archive(&stream),
        checksums(std::make_unique<std::istringstream>(stream.str())),
        bytes(stream.view().size()) {}

  std::istringstream stream;  ///< the archive, if it is none of the disk

  caffe2::serialize::PyTorchStreamReader archive;
  Checksums checksums;
  uint64_t bytes;  ///< of the whole archive
  Nodes nodes;
  Value top;
  std::unordered_map<std::string, c10::Storage> storages;  ///< those that have been read

  auto record(const std::string& name) {
    // Records are stored as they are; a compressed one may ask for any amount of memory.
    TORCH_CHECK(archive.getRecordSize(name) <= bytes, "its record '", name, "' has ",
                archive.getRecordSize(name), " bytes, more than the file");
    auto record = archive.getRecord(name);
    checksums.check(name, std::get<0>(record).get(), std::get<1>(record));
    return record;
  }
  std::string text(const std::string& name) {
    const auto [data, size] = record(name);
    return {static_cast<const char*>(data.get()), size};
  }
};

File::File(const std::filesystem::path& path)
    : File([&file = of_today(path)] { return std::make_unique<Contents>(file); }) {}

File File::of_bytes(std::string bytes) {
  return File([&] { return std::make_unique<Contents>(std::move(bytes)); });
}

File::File(const std::function<std::unique_ptr<Contents>()>& open) {
  std::string program;
  try {
    contents_ = open();
    TORCH_CHECK(!contents_->archive.hasRecord("constants.pkl"),
                "it is a TorchScript archive, as torch::save and descent::save write");
    TORCH_CHECK(
        !contents_->archive.hasRecord("byteorder") || contents_->text("byteorder") == "little",
        "its numbers are not little-endian");
    program = contents_->text("data.pkl");
  } catch (const c10::Error& error) {
    TORCH_CHECK(
        false, "cannot be read as a file of Python's torch.save: ", error.what_without_backtrace());
  }
  contents_->top = Machine(program, contents_->nodes).run();
}

File::~File() = default;

const Value& File::top() const { return contents_->top; }

at::Tensor File::tensor(const Stored& place) {
  const int64_t bytes = reach(place.type, place.offset, place.sizes, place.strides);
  TORCH_CHECK(bytes >= 0, "a tensor has impossible sizes, strides or offset");
  const std::string& key = place.storage->key;
  auto found = contents_->storages.find(key);
  if (found == contents_->storages.end()) {
    auto [data, size] = contents_->record("data/" + key);
    found = contents_->storages
                .emplace(key, c10::Storage(c10::Storage::use_byte_size_t(),
                                           static_cast<int64_t>(size), std::move(data)))
                .first;
  }
  TORCH_CHECK(bytes <= static_cast<int64_t>(found->second.nbytes()), "a tensor reaches ", bytes,
              " bytes into the storage ", key, ", which has ", found->second.nbytes());
  return at::empty({0}, place.type)
      .set_(found->second, bytes == 0 ? 0 : place.offset, place.sizes, place.strides);
}

void Writer::none() { bytes_ += 'N'; }
void Writer::boolean(bool x) { bytes_ += x ? '\x88' : '\x89'; }
void Writer::integer(int64_t x) {
  const bool small = x >= 0 && x < 256;
  bytes_ += small ? "K" : "\x8a\x08";
  for (int i = 0; i < (small ? 1 : 8); ++i) bytes_ += static_cast<char>(x >> 8 * i & 0xff);
}
void Writer::real(double x) {
  bytes_ += 'G';
  const auto bits = std::bit_cast<uint64_t>(x);
  for (int i = 7; i >= 0; --i) bytes_ += static_cast<char>(bits >> 8 * i & 0xff);
}
void Writer::text(std::string_view x) {
  bytes_ += 'X';
  for (int i = 0; i < 4; ++i) bytes_ += static_cast<char>(x.size() >> 8 * i & 0xff);
  bytes_ += x;
}
void Writer::global(std::string_view name) {
  const size_t dot = name.rfind('.');
  bytes_ += 'c';
  bytes_ += name.substr(0, dot);
  bytes_ += '\n';
  bytes_ += name.substr(dot + 1);
  bytes_ += '\n';
}
void Writer::numbers(at::IntArrayRef x) {
  begin_tuple();
  for (const int64_t number : x) integer(number);
  end_tuple();
}

void Writer::tensor(const at::Tensor& x) {
  const StorageClass* found = nullptr;
  for (const auto& row : kStorageClasses)
    if (row.type == x.scalar_type()) found = &row;
  TORCH_CHECK(found != nullptr, "torch.save has no storage class for ", x.scalar_type());
  const at::Tensor dense = x.detach().contiguous();
  global("torch._utils._rebuild_tensor_v2");
  begin_tuple();
  begin_tuple();
  text("storage");
  global(found->name);
  text(std::to_string(tensors_.size()));
  text("cpu");
  integer(dense.numel());
  end_tuple();
  bytes_ += 'Q';
  integer(0);
  numbers(dense.sizes());
  numbers(dense.strides());
  boolean(false);
  global("collections.OrderedDict");
  bytes_ += ")R";
  end_tuple();
  bytes_ += 'R';
  tensors_.push_back(dense);
}

void Writer::counter(const std::vector<int64_t>& counted) {
  std::map<int64_t, int64_t> times;
  for (const int64_t x : counted) ++times[x];
  global("collections.Counter");
  begin_tuple();
  begin_dict();
  for (const auto& [x, n] : times) {
    integer(x);
    integer(n);
  }
  end_dict();
  end_tuple();
  bytes_ += 'R';
}

void Writer::write(std::ostream& out) const {
  caffe2::serialize::PyTorchStreamWriter archive([&](const void* data, size_t n) {
    out.write(static_cast<const char*>(data), static_cast<std::streamsize>(n));
    return n;
  });
  const std::string program = bytes_ + '.';
  archive.writeRecord("data.pkl", program.data(), program.size());
  archive.writeRecord("byteorder", "little", 6);
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const at::Tensor here = tensors_[i].cpu();
    archive.writeRecord("data/" + std::to_string(i), here.const_data_ptr(), here.nbytes());
  }
  archive.writeEndOfFile();
}

}  // namespace descent::pickle
