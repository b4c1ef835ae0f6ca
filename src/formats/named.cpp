#include "formats/named.hpp"

#include <set>
#include <string_view>

#include "formats/nearest.hpp"

namespace baton::formats {

Result<std::vector<Index>> nodes_named(const core::Project& project, const std::string& word) {
  std::vector<Index> found;
  for (Index i = 0; i < project.nodes.size(); ++i)
    if (project.nodes[i].id.value() == word || project.nodes[i].step->name == word) found.push_back(i);
  if (!found.empty()) return found;
  std::vector<std::string_view> known;
  std::set<std::string_view> steps;
  const bool one_task = word.find('[') != std::string::npos;
  const auto step = word.substr(0, word.find('['));
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
