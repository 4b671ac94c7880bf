#pragma once
// What Python's torch.optim calls the options and states of our rules. Private to the files for Python.
#include <array>
#include <string_view>
#include <vector>

#include <descent/optim/optimizer/registry.h>

namespace descent::python_files {

using Names = std::vector<std::string_view>;

/// Options that are called otherwise in Python, or are one value there.
struct Renamed {
  std::string_view theirs;
  Names ours;
};

/// How a rule and Python's class of it correspond. Buffers and scalars have the same names. An
/// option of ours that is not listed must be at its default, which is then what Python does.
struct Counterpart {
  std::string_view rule;
  const char* name;
  Names options;  ///< of a group, by Python's names
  Names choices;  ///< keys of a group that choose an implementation
  std::vector<Renamed> renamed = {};
  Names always = {};         ///< keys of a group that Python's class keeps at True
  bool steps = true;         ///< a parameter's state has a step
  bool whole_steps = false;  ///< which is a number and no tensor
  /// Every parameter has a state from the start, with buffers of this option's value; "": none has.
  std::string_view filled = "";
  bool lazy = false;  ///< a missing buffer is one that has yet to begin
};

/// Throws c10::Error for a rule that Python's torch.optim has not.
const Counterpart& counterpart(const engine::RuleTable& rule);

/// Our names of what Python calls `theirs`.
Names ours_of(const Counterpart& python, std::string_view theirs);

/// Words of ours that are no words in Python's files.
struct Word {
  std::string_view option, ours;
  OptionValue theirs;
};
const std::vector<Word>& words();
bool has_words(std::string_view option);

/// What Python writes for keys that choose an implementation: True, False or, here, None.
bool is_none_at_first(std::string_view choice);

/// Keys of a group that Python itself fills in, with False, when a file of an older version lacks
/// them.
inline constexpr std::array<std::string_view, 2> kLater{"maximize", "decoupled_weight_decay"};

/// Whether some optimizer, of this library or of Python, has an option of that name. A file that
/// sets it for another optimizer asks for other numbers; max_lr is what OneCycleLR keeps in groups.
bool is_option(std::string_view name);

}  // namespace descent::python_files
