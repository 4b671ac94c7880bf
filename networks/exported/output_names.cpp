#include <descent/networks/exported/output_names.h>

namespace descent::networks {
namespace {

/// The keys of a dict or a dataclass, which a text holds as JSON; empty: there are none.
std::vector<std::string> keys_of(const Json& spec) {
  const Json* const context = optional_field(spec, "context");
  if (!context || !context->is_text()) return {};
  std::vector<std::string> keys;
  try {
    const Document source(context->text(), "context");
    if (!source.root().is_list()) return {};
    for (const Json& key : source.root().items()) {
      keys.emplace_back(key.is_text() ? key.text() : std::string_view());
    }
  } catch (const std::invalid_argument&) {  // it is a name, of a namedtuple for one
  }
  return keys;
}

void add_leaves(const Json& spec, const std::string& name, std::vector<std::string>& names) {
  const Json* const kind = optional_field(spec, "type");
  if (!kind) {
    names.push_back(name);
    return;
  }
  const auto children = items(spec, "children_spec");
  const std::vector<std::string> keys = keys_of(spec);
  for (size_t k = 0; k < children.size(); ++k) {
    const bool is_named = keys.size() == children.size() && !keys[k].empty();
    const std::string own = is_named ? keys[k] : std::to_string(k);
    add_leaves(children[k], name.empty() ? own : name + "." + own, names);
  }
}

}  // namespace

std::vector<std::string> output_names(const Json& graph_module, size_t count) {
  std::vector<std::string> names;
  for (const Json& entry : items(graph_module, "module_call_graph")) {
    const Json* const signature = optional_field(entry, "signature");
    if (!signature || !text_field(entry, "fqn").empty()) continue;
    const std::string name = "out_spec";
    const Document specs(text_field(*signature, name), name);
    if (specs.root().is_list() && specs.root().size() == 2) {
      add_leaves(specs.root().items()[1], "", names);
    }
    break;
  }
  if (names.size() != count) {
    names.clear();
    for (size_t k = 0; k < count; ++k) names.push_back(count == 1 ? "" : std::to_string(k));
  }
  return names;
}

}  // namespace descent::networks
