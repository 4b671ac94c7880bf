#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include <descent/tune/methods/asha.h>
#include <descent/tune/methods/bayes.h>
#include <descent/tune/methods/grid_search.h>
#include <descent/tune/methods/halving.h>
#include <descent/tune/methods/random_search.h>
#include <descent/tune/methods/tpe.h>

namespace descent {

/// How a study chooses its trials. Each method is a struct of options.
using Method = std::variant<RandomSearch, GridSearch, Halving, Hyperband, Asha, Tpe, Bayes>;

/// The names of the methods: "random", "grid", ...
std::vector<std::string> methods();

/// A method by its name, with options by theirs; std::invalid_argument with the nearest names, or
/// with what is allowed.
Method make_method(std::string_view name, const OptionValues& options = {});

/// "tpe:startup=10,candidates=24,gamma=0.1,most_below=25".
std::string to_text(const Method& method);

/// The options of a method with their values and what is allowed.
std::vector<OptionInfo> options_of(const Method& method);

namespace search {
class Search;
struct Setting;

// A file each.
std::unique_ptr<Search> make_search(const RandomSearch& options, const Setting& setting);
std::unique_ptr<Search> make_search(const GridSearch& options, const Setting& setting);
std::unique_ptr<Search> make_search(const Halving& options, const Setting& setting);
std::unique_ptr<Search> make_search(const Hyperband& options, const Setting& setting);
std::unique_ptr<Search> make_search(const Asha& options, const Setting& setting);
std::unique_ptr<Search> make_search(const Tpe& options, const Setting& setting);
std::unique_ptr<Search> make_search(const Bayes& options, const Setting& setting);

/// Throws std::invalid_argument for options out of range and trials that the method cannot have.
std::unique_ptr<Search> make_search(const Method& method, const Setting& setting);

/// Throws std::invalid_argument that names the method.
[[noreturn]] void refuse(const char* key, const std::string& what);

inline constexpr int64_t kTrials = 50;  ///< where neither the user nor the method says how many
}  // namespace search

}  // namespace descent
