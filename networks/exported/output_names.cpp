#include <descent/networks/exported/output_names.h>

namespace descent::networks {
namespace {

/// The keys of a dict or a dataclass, which a text holds as JSON; null: there are none.
Json keys_of(const Json& spec) {
  const Json* const context = optional_field(spec, "context");
  if (!context || !context->is_string()) return {};
  Json keys =
      Json::parse(context->get_ref<const std::string&>(), nullptr, /*allow_exceptions=*/false);
  return keys.is_array() ? keys : Json{};
}

void add_leaves(const Json& spec, const std::string& name, std::vector<std::string>& names) {
  const Json* const kind = optional_field(spec, "type");
  if (!kind) {
    names.push_back(name);
    return;
  }
  const Json& children = items(spec, "children_spec");
  const Json keys = keys_of(spec);
  for (size_t k = 0; k < children.size(); ++k) {
    const bool is_named = keys.size() == children.size() && keys[k].is_string();
    const std::string own = is_named ? keys[k].get<std::string>() : std::to_string(k);
    add_leaves(children[k], name.empty() ? own : name + "." + own, names);
  }
}

}  // namespace

std::vector<std::string> output_names(const Json& graph_module, size_t count) {
  std::vector<std::string> names;
  for (const Json& entry : items(graph_module, "module_call_graph")) {
    const Json* const signature = optional_field(entry, "signature");
    if (!signature || !text_field(entry, "fqn").empty()) continue;
    const Json specs = parse(text_field(*signature, "out_spec"), "out_spec");
    if (specs.is_array() && specs.size() == 2) add_leaves(specs[1], "", names);
    break;
  }
  if (names.size() != count) {
    names.clear();
    for (size_t k = 0; k < count; ++k) names.push_back(count == 1 ? "" : std::to_string(k));
  }
  return names;
}

}  // namespace descent::networks
