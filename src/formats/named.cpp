#include "formats/named.hpp"

#include <algorithm>
#include <set>

#include "formats/nearest.hpp"
#include "formats/yaml_tree.hpp"

namespace baton::formats {
namespace {

/// Whether the document has this step. The project has not, where its `foreach` has no values.
bool has_step(std::string_view document, const std::string& file, std::string_view step) {
  if (document.empty()) return false;
  const auto tree = read_yaml(document, file);
  const auto* steps = tree && tree->root != nullptr ? tree->root->find("nodes") : nullptr;
  return steps != nullptr && steps->find(step) != nullptr;
}

}  // namespace

Result<std::vector<Index>> nodes_named(const core::Project& project, const std::string& word, std::string_view document) {
  std::vector<Index> found;
  for (Index i = 0; i < project.nodes.size(); ++i)
    if (project.nodes[i].id.value() == word || project.nodes[i].step->name == word) found.push_back(i);
  if (!found.empty()) return found;
  const auto step = word.substr(0, word.find('['));
  if (has_step(document, project.file, step) &&
      std::ranges::none_of(project.nodes, [&](const core::Node& node) { return node.step->name == step; }))
    return fail({.code = "usage.no_tasks",
                 .what = quote(step) + " of " + quote(project.file) + " has no tasks: its 'foreach' has no values",
                 .where = {},
                 .way_out = "give its variable values, or name another node"});
  std::vector<std::string_view> known;
  std::set<std::string_view> steps;
  const bool one_task = word.find('[') != std::string::npos;
  for (const auto& node : project.nodes) {
    if (one_task && node.step->name == step) known.emplace_back(node.id.value());
    if (!one_task && steps.insert(node.step->name).second) known.emplace_back(node.step->name);
  }
  if (one_task && known.empty())
    for (const auto& node : project.nodes) known.emplace_back(node.id.value());
  return fail({.code = "usage.unknown_node",
               .what = "there is no node " + quote(word) + " in " + quote(project.file),
               .where = {},
               .way_out = suggestion(one_task ? "tasks" : "nodes", word, known)});
}

}  // namespace baton::formats
